"""Five participants on one node: each hears the four others and not itself, for a minute, and nothing piles up."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pexrtc_py
from pexrtc_media import Pattern, Tone
from pexrtc_py.node.bridge_call import INBOX
from tests.media_checks import RATE, Ear, Heard, call_of, strength
from tests.phenomena.commands import Command, python
from tests.phenomena.machine import OTHERS, Machine

TONES = {"Ann": 400.0, "Bob": 650.0, "Cid": 1100.0, "Dot": 1750.0, "Eve": 2600.0}
VISITOR = 3700.0
LEVEL = 0.1
SECONDS = 60.0
SETTLING = 0.7
"""How long before and after a change a second of sound is not judged."""


@dataclass
class Guest:
    """A participant that sends a picture and a tone, and listens."""

    name: str
    conference: pexrtc_py.Conference
    ear: Ear = field(init=False)
    pictures: int = 0

    def __post_init__(self) -> None:
        call = call_of(self.conference)
        self.ear = Ear(call.audio)
        call.video.subscribe(self._see)

    def _see(self, _: object) -> None:
        self.pictures += 1


class Watch:
    """Reads what the node says of itself once a second."""

    def __init__(self, node: Command) -> None:
        self.node = node
        self.said: list[dict[str, Any]] = []
        self.disturbed: list[float] = []
        """When others kept the machine busy: the second before each of these moments."""
        self._machine = Machine(node.process.pid)
        self.began = time.time()

    async def until(self, seconds: float) -> float:
        """Wait until so long after the beginning; when that was, in Unix seconds."""
        while time.time() < self.began + seconds:
            self.said.append(json.loads(await self.node.line()))
            if self._machine.others() > OTHERS:
                self.disturbed.append(time.time())
        return time.time()

    def undisturbed(self, at: float) -> bool:
        """Whether the machine was ours in the second from `at`, and around it."""
        return not any(moment - 2 < at + 1 and at < moment + 0.5 for moment in self.disturbed)

    def of_room(self, name: str) -> list[float]:
        return [room[name] for said in self.said for room in said["rooms"]]


async def test_each_of_five_hears_the_four_others_for_a_minute() -> None:
    async with python("-m", "tests.phenomena.watched_node") as node, contextlib.AsyncExitStack() as stack:
        url = await node.line()
        guests = [Guest(name, await stack.enter_async_context(joining(url, name, hz))) for name, hz in TONES.items()]
        watch, bob = Watch(node), guests[1].conference.my_uuid

        await watch.until(20)
        await guests[0].conference.participant(bob).mute()
        changes = [time.time()]
        await watch.until(30)
        await guests[0].conference.participant(bob).unmute()
        changes.append(time.time())
        async with joining(url, "Visitor", VISITOR) as visitor:
            changes.append(time.time())
            ear = Ear(call_of(visitor).audio)
            await watch.until(40)
        changes.append(time.time())
        ended = await watch.until(SECONDS)
        heard = {guest.name: guest.ear.sound() for guest in guests} | {"Visitor": ear.sound()}

    seconds, clear, weak, strengths = 0, 0, [], []
    for name, sound in heard.items():
        for at, tones in judged(sound, watch.began + 2, ended, changes):
            seconds += 1
            wanted = expected(name, at, changes)
            assert all(tones[hz] < 0.1 * LEVEL for hz in tones.keys() - wanted), (name, at - watch.began, tones)
            strengths += [tones[hz] for hz in wanted]
            clear += watch.undisturbed(at)
            if watch.undisturbed(at) and not all(tones[hz] > 0.5 * LEVEL for hz in wanted):
                weak.append((name, round(at - watch.began), [round(tones[hz], 3) for hz in sorted(wanted)]))
    memory = [said["memory"] for said in watch.said]
    print(f"{seconds} seconds judged, the machine was ours in {clear}, weak: {weak}")
    print(f"waiting {max(watch.of_room('waiting'))}, ahead {watch.of_room('ahead')[::10]}, skipped {watch.of_room('skipped')[-1]}")
    print(f"lateness {max(watch.of_room('lateness')):.3f} s, memory {memory[::10]} MB")
    assert seconds > 5 * 35
    assert len(weak) <= 0.05 * clear
    assert sum(strengths) > 0.25 * LEVEL * len(strengths)
    assert max(watch.of_room("waiting")) < INBOX
    assert max(watch.of_room("ahead")) < RATE
    assert watch.of_room("dropped")[-1] == 0
    assert memory[-1] - memory[len(memory) // 3] < 20
    assert watch.said[-1]["dropped_streams"] == 0
    assert all(guest.pictures > 10 * SECONDS for guest in guests)


def joining(url: str, name: str, hz: float) -> pexrtc_py.Joining:
    video, tone = Pattern((640, 360), 30), Tone(hz, level=LEVEL)
    return pexrtc_py.join("meet.alice", node=url, display_name=name, video=video, audio=tone)


def judged(heard: Heard, begun: float, ended: float, changes: list[float]) -> Iterator[tuple[float, dict[float, float]]]:
    """Each full second that is clear of changes: when it begins, and how strong each tone is in it."""
    at = max(heard.start, begun)
    while at + 1 <= min(heard.end, ended):
        if not any(at - SETTLING < change < at + 1 + SETTLING for change in changes):
            second = heard.between(at, at + 1)
            if len(second) == RATE:
                yield at, {hz: strength(second, hz) for hz in (*TONES.values(), VISITOR)}
        at += 1


def expected(name: str, at: float, changes: list[float]) -> set[float]:
    """The tones that a participant hears in the second from `at`: never its own, not Bob's while he is muted."""
    muted, unmuted, came, left = changes
    tones = {hz for other, hz in TONES.items() if other != name and not (other == "Bob" and muted < at < unmuted)}
    return tones | ({VISITOR} if name != "Visitor" and came < at < left else set())
