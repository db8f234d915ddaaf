"""Audio mixes: who hears whom by their names, and who gives way to whom; as rules, as numbers, and as sound."""

from __future__ import annotations

import numpy as np
import pytest

from pexrtc_py.errors import NotAllowed, RequestRefused
from pexrtc_py.node.audio_mixes import MIXES, Blend, blends, fault, line_of
from pexrtc_py.node.config import Vmr
from pexrtc_py.node.inprocess import Attendee, InProcess
from pexrtc_py.node.mixing import Mixer
from pexrtc_py.node.plan import Seat
from pexrtc_py.node.sound import DUCKED
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.events import ParticipantUpdate
from pexrtc_py.protocol.models import AudioMix
from tests.node.test_mixing import START, TONES, heard, speak, strength, tone

FLOOR, FRENCH = AudioMix(mix_name="main"), AudioMix(mix_name="main.french", prominent=True)


def seat(name: str, *, speaks_in: str = "main", prominent: bool = False, hears: str | None = "main", audible: bool = True) -> Seat:
    return Seat(
        name,
        name,
        audible=audible,
        visible=True,
        admitted=True,
        sees_presentation=True,
        speaks_in=frozenset({speaks_in}),
        prominent_in=frozenset({speaks_in} if prominent else ()),
        hears=hears,
    )


def pair(vmr: Vmr | None = None) -> tuple[InProcess, Attendee, Attendee]:
    node = InProcess(vmr or Vmr("meet", host_pin="1"))
    host = node.join("Host", pin="1")
    host.send(requests.StartConference())
    guest = node.join("Guest", pin="none")
    host.told()
    return node, host, guest


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "heard"),
    [
        ("main", {"main"}),
        ("main.french", {"main", "main.french"}),
        ("french", {"french"}),
        ("mix1.mix2.mix3", {"mix1", "mix1.mix2", "mix1.mix2.mix3"}),
        ("a.b.c.d.e", {"a", "a.b", "a.b.c", "a.b.c.d.e"}),
    ],
)
def test_a_mix_inherits_from_those_whose_names_it_begins_with(name: str, heard: set[str]) -> None:
    assert fault(name) is None
    assert line_of(name) == heard


@pytest.mark.parametrize("name", ["", ".", "main.", ".main", "a..b", "a.b.c.d..e", "french.main", "x" * 251])
def test_an_impossible_name_is_refused_and_nothing_changes(name: str) -> None:
    node, host, _ = pair()

    for request in (requests.SendToAudioMixes(mixes=(FLOOR, AudioMix(mix_name=name))), requests.ReceiveFromAudioMix(mix_name=name)):
        with pytest.raises(RequestRefused, match="Illegal value") as refused:
            host.send(request)
        assert refused.value.status == 400

    assert node.room().members[host.uuid].sound.sends == (FLOOR,)
    assert host.told() == []


def test_a_participant_speaks_into_a_bounded_number_of_mixes() -> None:
    _, host, _ = pair()

    with pytest.raises(RequestRefused, match="at most 32 mixes"):
        host.send(requests.SendToAudioMixes(mixes=tuple(AudioMix(mix_name=f"m{number}") for number in range(MIXES + 1))))


# --- requests and the roster -----------------------------------------------------------------------------------------


def test_the_roster_says_whom_a_participant_hears_and_who_hears_it() -> None:
    _, host, guest = pair()
    before = host.send(requests.Participants())[1]

    assert host.send(requests.SendToAudioMixes(mixes=(FRENCH, FRENCH)), to=guest) is True
    assert guest.send(requests.ReceiveFromAudioMix(mix_name="main.french")) is True

    lines = [event.participant for event in host.told() if isinstance(event, ParticipantUpdate)]
    assert (before["send_to_audio_mixes"], before["receive_from_audio_mix"]) == ([{"mix_name": "main", "prominent": False}], "main")
    assert [(line.send_to_audio_mixes, line.receive_from_audio_mix) for line in lines] == [
        ((FRENCH,), "main"),
        ((FRENCH,), "main.french"),
    ]


def test_each_list_of_mixes_replaces_the_one_before_and_none_is_the_main_one() -> None:
    node, host, guest = pair()

    host.send(requests.SendToAudioMixes(mixes=(FLOOR, FRENCH)), to=guest)
    host.send(requests.SendToAudioMixes(mixes=(FRENCH,)), to=guest)
    only = node.room().members[guest.uuid].sound.sends
    host.send(requests.SendToAudioMixes(), to=guest)

    assert (only, node.room().members[guest.uuid].sound.sends) == ((FRENCH,), (FLOOR,))


def test_what_is_set_already_is_not_told_again() -> None:
    _, host, guest = pair()

    for _ in range(2):
        guest.send(requests.ReceiveFromAudioMix(mix_name=None))
        guest.send(requests.TxMute())
        guest.send(requests.Studiosound(enabled=True))
        guest.send(requests.Hold())

    lines = [event.participant for event in host.told() if isinstance(event, ParticipantUpdate)]
    assert [(line.receive_from_audio_mix, line.is_tx_muted, line.studiosound_enabled, line.is_on_hold) for line in lines] == [
        (None, False, None, False),
        (None, True, None, False),
        (None, True, True, False),
        (None, True, True, True),
    ]


def test_guests_set_their_own_sound_and_nobody_elses() -> None:
    _, host, guest = pair()

    for request in (
        requests.SendToAudioMixes(),
        requests.ReceiveFromAudioMix(mix_name="x"),
        requests.TxMute(),
        requests.TxUnmute(),
        requests.Studiosound(enabled=True),
        requests.Hold(),
        requests.Resume(),
    ):
        with pytest.raises(NotAllowed):
            guest.send(request, to=host)
        assert guest.send(request) is True


def test_the_plan_says_it_to_the_media() -> None:
    node, host, guest = pair()
    guest.send(requests.Ack(), call=guest.send(requests.Calls(sdp="offer"))["call_uuid"])
    host.send(requests.SendToAudioMixes(mixes=(FLOOR, FRENCH)), to=guest)
    host.send(requests.ReceiveFromAudioMix(mix_name="main.french"), to=guest)
    host.send(requests.Studiosound(enabled=True), to=guest)

    (planned,) = node.room().plan().seats
    host.send(requests.TxMute(), to=guest)
    (mute,) = node.room().plan().seats
    host.send(requests.TxUnmute(), to=guest)

    assert planned.speaks_in == {"main", "main.french"}
    assert planned.prominent_in == {"main.french"}
    assert (planned.hears, planned.unprocessed, mute.hears) == ("main.french", True, None)
    assert node.room().plan().seats == (planned,)


# --- who hears whom --------------------------------------------------------------------------------------------------


def test_when_nothing_is_set_there_is_nothing_to_mind() -> None:
    assert blends([seat("ann"), seat("bob", audible=False)]) == {}


def test_an_interpreter_is_heard_in_its_language_and_the_floor_gives_way() -> None:
    people = [
        seat("chair"),
        seat("interpreter", speaks_in="main.french", prominent=True),
        seat("paris", hears="main.french"),
        seat("pub", hears="french"),
        seat("deaf", hears=None),
    ]

    heard = blends(people)

    others = frozenset({"chair", "paris", "pub", "deaf"})
    assert heard["paris"] == Blend(frozenset({"interpreter"}), others)
    assert heard["chair"] == heard["interpreter"] == Blend(frozenset(), others)
    assert heard["pub"] == heard["deaf"] == Blend()


def test_who_is_muted_is_in_no_blend() -> None:
    assert blends([seat("ann", hears="x"), seat("bob", speaks_in="x", prominent=True, audible=False)])["ann"] == Blend()


# --- the sound -------------------------------------------------------------------------------------------------------


INTERPRETED = blends(
    [
        seat("ann"),
        seat("bob", speaks_in="main.french", prominent=True),
        seat("cid", hears="main.french"),
        seat("dot", hears="main.french"),
        seat("eve", hears=None),
    ]
)


def voices(*names: str) -> dict[str, float]:
    return {name: TONES[name] for name in names}


def mixer() -> Mixer:
    made = Mixer(START)
    made.keep(TONES)
    return made


def test_others_are_softer_while_a_prominent_caller_speaks_and_loud_again_after_it() -> None:
    desk = mixer()

    alone = speak(desk, voices("ann"), list(TONES), 30, INTERPRETED)
    both = speak(desk, voices("ann", "bob"), list(TONES), 60, INTERPRETED)
    after = speak(desk, voices("ann"), list(TONES), 150, INTERPRETED)

    assert strength(heard(alone[10:], "cid"), TONES["ann"]) == pytest.approx(0.1, abs=0.002)
    assert strength(heard(both[30:], "cid"), TONES["ann"]) == pytest.approx(0.1 * DUCKED, abs=0.002)
    assert strength(heard(both[30:], "cid"), TONES["bob"]) == pytest.approx(0.1, abs=0.002)
    assert strength(heard(after[100:], "cid"), TONES["ann"]) == pytest.approx(0.1, abs=0.002)


def test_who_listens_to_the_floor_hears_no_interpreter_and_nobody_giving_way() -> None:
    desk = mixer()

    ticks = speak(desk, voices("ann", "bob"), list(TONES), 60, INTERPRETED)

    assert strength(heard(ticks[30:], "bob"), TONES["ann"]) == pytest.approx(0.1, abs=0.002)
    assert all("ann" in tick.silent for tick in ticks)
    assert all("eve" in tick.silent for tick in ticks)


def test_nobody_gives_way_to_a_listeners_own_voice() -> None:
    desk = mixer()
    own = blends([seat("ann"), seat("bob", prominent=True), seat("cid")])

    ticks = speak(desk, voices("ann", "bob"), ["bob", "cid"], 60, own)

    assert strength(heard(ticks[30:], "bob"), TONES["ann"]) == pytest.approx(0.1, abs=0.002)
    assert strength(heard(ticks[30:], "cid"), TONES["ann"]) == pytest.approx(0.1 * DUCKED, abs=0.002)


def test_listeners_of_one_mix_share_one_encoding() -> None:
    desk = mixer()

    ticks = speak(desk, voices("ann", "bob"), list(TONES), 30, INTERPRETED)

    assert {mix.listeners for mix in ticks[-1].mixes} == {("bob",), ("cid", "dot")}


def test_giving_way_makes_no_click() -> None:
    desk = mixer()
    quiet = {"ann": 100.0, "bob": 100.0}

    ticks = speak(desk, {"ann": 100.0}, list(TONES), 20, INTERPRETED)
    ticks += speak(desk, quiet, list(TONES), 40, INTERPRETED)

    steps = np.abs(np.diff(heard(ticks[5:], "cid")[:, 0].astype(np.int32)))
    assert steps.max() <= 2 * np.abs(np.diff(tone(100.0, START)[:, 0].astype(np.int32))).max() + 60


def test_studio_sound_is_heard_however_quiet() -> None:
    desk = Mixer(START)
    levels = {}
    for unprocessed in ((), ("ann",)):
        desk.keep(TONES, unprocessed=unprocessed)
        ticks = []
        for _ in range(80):
            ring = desk.ring("ann")
            assert ring is not None
            ring.write(desk.position, tone(400.0, desk.position, amplitude=0.0012))
            ticks.append(desk.tick(["bob"]))
        levels[unprocessed] = strength(heard(ticks[60:], "bob"), 400.0)

    assert levels[()] == 0
    assert levels[("ann",)] == pytest.approx(0.0012, rel=0.1)
