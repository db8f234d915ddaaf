"""What the demo's participants say: in turns, without loss, and the same for sending and judging."""

from __future__ import annotations

import numpy as np
import pytest

from pexrtc_media.base import Timeline
from pexrtc_py.demo.voices import BLOCK, RATE, Samples, Speech, Turns, Voice, recording


def _counting(seconds: float = 10.0) -> Samples:
    """A recording in which each sample tells its place."""
    return np.linspace(0.1, 0.9, round(seconds * RATE), dtype=np.float32)


@pytest.mark.parametrize("seconds", [6, 7.3, 20, 600])
def test_turns_are_whole_blocks_and_everybody_has_two(seconds: float) -> None:
    turns = Turns.within(seconds)

    assert turns.blocks * BLOCK == round(turns.length * RATE)
    assert turns.length <= 4
    assert turns.length * turns.of * 2 <= max(seconds, 16)


def test_one_speaks_while_the_other_is_silent() -> None:
    turns = Turns(0.1)
    voices = [Voice(_counting(), turns, number) for number in (0, 1)]

    for index in range(40):
        heard = [bool(voice.block(index).any()) for voice in voices]
        assert heard == [number == turns.speaker(index * 0.02 + 0.01) for number in (0, 1)]


def test_a_voice_goes_on_where_it_stopped() -> None:
    said = Voice(_counting(), Turns(0.1), 0).until(0.4)

    first, second = said[: BLOCK * 5], said[BLOCK * 10 : BLOCK * 15]

    assert second[BLOCK] - first[-BLOCK] == pytest.approx(2 * BLOCK * 0.8 / (10 * RATE), rel=0.01)


def test_a_recording_starts_over_at_its_end() -> None:
    voice = Voice(_counting(0.1), Turns(0.2), 0)

    assert voice.block(6) == pytest.approx(voice.block(1))


def test_turns_begin_and_end_without_a_click() -> None:
    said = Voice(np.ones(RATE, np.float32), Turns(0.1), 0).until(0.4)

    assert float(np.abs(np.diff(said)).max()) < 0.01


async def test_the_speech_that_is_sent_is_what_the_voice_says() -> None:
    voice = Voice(recording("voice-film.flac"), Turns(0.1), 0)
    timeline = Timeline()
    speech = Speech(voice, timeline)

    spoken = aiter(speech)
    frames = [await anext(spoken) for _ in range(20)]

    sent = np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames]) / 32767
    assert sent == pytest.approx(voice.until(0.4), abs=1e-4)
    assert [frame.pts for frame in frames] == [index * BLOCK for index in range(20)]
    assert speech.timeline is timeline


@pytest.mark.parametrize("name", ["voice-film.flac", "voice-portrait.flac"])
def test_the_shipped_voices_are_loud_enough_and_do_not_clip(name: str) -> None:
    samples = recording(name)

    assert len(samples) > 8 * RATE
    assert 0.2 < float(np.abs(samples).max()) < 1.0
