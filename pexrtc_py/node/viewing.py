"""Which composed views a room needs and who sees which; pure.

Receivers with the same scene, codec and quality share one view. Views keep their names as long as anybody stays with them, so that a
change of what they show is one more picture to their receivers and not a new stream.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from pexrtc_py.node.plan import Carries, MediaPlan, Seat
from pexrtc_py.node.routing import by_stage
from pexrtc_py.node.scenes import SLIDES, Scene
from pexrtc_py.node.sizes import Quality, Size, quality

SourceName = tuple[str, str]
"""A video section and a call."""
MAIN, SECOND = "main", "slides"
"""The two video sections of a call, in the names of sources."""


class Compose(StrEnum):
    """When pictures are composed."""

    AUTO = "auto"
    """When one picture as it came is not what is to be seen."""
    ALWAYS = "always"
    NEVER = "never"
    """Whoever is first on stage is forwarded; layouts are told of, and not seen."""


@dataclass(frozen=True)
class Receiver:
    """Somebody whose main video can be sent: its codec, and the most it can take in bits/s."""

    codec: str
    limit: int | None


@dataclass(frozen=True)
class Order:
    """What one view is to be."""

    scene: Scene
    codec: str
    quality: Quality
    sources: Mapping[str, tuple[SourceName, ...]]
    """Where the pictures of each participant, and of `SLIDES`, come from; the one with the latest picture counts."""


def composes(scene: Scene | None, mode: Compose) -> bool:
    """Whether a scene is composed."""
    return scene is not None and mode is not Compose.NEVER and (mode is Compose.ALWAYS or not scene.is_plain)


class Views:
    """Names the views of a room as it changes."""

    def __init__(self, *, mode: Compose, largest: Size) -> None:
        self._mode, self._largest = mode, largest
        self.seen: dict[str, str] = {}
        """By receiver the view it is to see; receivers that have none are not in it."""
        self._number = 0

    def orders(self, plan: MediaPlan, receivers: Mapping[str, Receiver]) -> dict[str, Order]:
        """The views that these receivers (by their calls) need, by name; `seen` follows."""
        groups: dict[tuple[Scene, str, Quality], list[str]] = {}
        for seat in plan.seats:
            receiver = receivers.get(seat.call)
            if receiver is not None and seat.scene is not None and composes(seat.scene, self._mode):
                fitting = quality(receiver.limit, largest=self._largest, is_upright=seat.scene.is_upright)
                groups.setdefault((seat.scene, receiver.codec, fitting), []).append(seat.call)
        names = self._named(groups.values())
        self.seen = {call: name for name, calls in zip(names, groups.values(), strict=True) for call in calls}
        sources = _Sources(plan)
        return {name: Order(scene, codec, fitting, sources.of(scene)) for name, (scene, codec, fitting) in zip(names, groups, strict=True)}

    def _named(self, groups: Iterable[Collection[str]]) -> list[str]:
        """A name for each group: that of the view most of it saw before, if no larger group has it."""
        groups = list(groups)
        claims = [
            (-sum(self.seen.get(call) == name for call in calls), place, name)
            for place, calls in enumerate(groups)
            for name in {self.seen[call] for call in calls if call in self.seen}
        ]
        names: dict[int, str] = {}
        for _, place, name in sorted(claims):
            if place not in names and name not in names.values():
                names[place] = name
        return [names.get(place) or self._fresh() for place in range(len(groups))]

    def _fresh(self) -> str:
        self._number += 1
        return f"view {self._number}"


class _Sources:
    """Where the pictures of participants come from."""

    def __init__(self, plan: MediaPlan) -> None:
        self._of: dict[str, tuple[SourceName, ...]] = {}
        for seat in by_stage(plan):
            if seat.visible and not seat.carries.is_child:
                self._of[seat.participant] = (*self._of.get(seat.participant, ()), (MAIN, seat.call))
        presenting = [seat for seat in plan.seats if seat.participant == plan.presenter and not seat.held]
        self._of[SLIDES] = tuple(source for seat in presenting for source in _slides_of(seat))

    def of(self, scene: Scene) -> dict[str, tuple[SourceName, ...]]:
        return {name: sources for name, _ in scene.places if (sources := self._of.get(name))}


def _slides_of(seat: Seat) -> Iterable[SourceName]:
    if seat.carries is Carries.SLIDES_OUT:
        return (SECOND, seat.call), (MAIN, seat.call)  # its only section may be marked as one of slides, or not
    return ((SECOND, seat.call),)
