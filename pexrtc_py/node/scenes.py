"""What one receiver's picture shows, as a value: receivers with equal scenes see one picture, composed once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from pexrtc_py.node.seating import Rect, seats, upright
from pexrtc_py.protocol.layouts import Layout, named

SLIDES = "slides"
"""Stands in the place of a participant for what is presented."""


@lru_cache(maxsize=256)
def _places(layout: str, people: int, extended: bool, is_upright: bool) -> tuple[Rect, ...]:
    # Looked up many times a second for everybody who sees them.
    return (upright if is_upright else seats)(layout, people, extended=extended)


@dataclass(frozen=True)
class Person:
    """Somebody who has a place in the picture."""

    participant: str
    name: str = ""
    """Written into the place; empty for nothing."""
    speaking: bool = False
    """Whether the place has a frame."""


@dataclass(frozen=True)
class Scene:
    """A picture: who is in which place of which layout, and what is written over it."""

    layout: str
    people: tuple[Person, ...] = ()
    """By place; with `slides` from the second place on."""
    extended: bool = False
    """Whether Adaptive Composition has its larger form."""
    slides: bool = False
    """Whether what is presented has the first place."""
    badges: tuple[str, ...] = ()
    """What is told of the conference in the upper right corner, as words: that it is recorded, for one."""
    notes: tuple[str, ...] = ()
    """The same, but not worth composing a picture for that could be forwarded."""
    classification: str = ""
    message: str = ""
    is_upright: bool = False
    """Whether the picture is to be higher than wide."""

    @property
    def places(self) -> tuple[tuple[str, Rect], ...]:
        """Who is where: participants, and `SLIDES`."""
        who = (*([SLIDES] if self.slides else []), *(person.participant for person in self.people))
        return tuple(zip(who, _places(self.layout, len(who), self.extended, self.is_upright), strict=False))

    @property
    def is_plain(self) -> bool:
        """Whether one picture fills it and nothing is written over it, so that it need not be composed."""
        places = self.places
        fills = len(places) == 1 and places[0][1].width == places[0][1].height == 1 and not self.is_upright
        written = self.badges or self.classification or self.message or any(person.name for person in self.people)
        framed = any(person.speaking for person in self.people) and named(self.layout) is not Layout.SPEAKER
        return fills and not (written or framed)
