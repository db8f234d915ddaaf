"""Who sees whom, and when a receiver's picture may change: decisions without any media.

Sources and receivers are named by their call.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import StrEnum

from pexrtc_py.node.plan import Carries, MediaPlan, Seat

STALL = 1.5
"""Seconds without a picture after which a source is passed over."""
ASK_EVERY = 0.5
"""Seconds between two keyframe requests to one source, however many receivers ask."""


SPLASH_EVERY = 0.2
"""Clients take a main video that is silent for more than a second as lost, some one that brings few pictures."""
PATIENCE = 1.0
"""How long a receiver may be without a picture before it gets the splash, although there is a source."""
GRACE = 0.5
"""How long a source is waited for in any case, after it was chosen."""


class Board(StrEnum):
    """What a receiver is told while there is nobody to show."""

    WAITING = "waiting"
    """In the waiting room."""
    ALONE = "alone"
    """Nobody else is there."""
    HELD = "held"
    """On hold."""
    NO_VIDEO = "no_video"
    """Others are there, none of them sends a picture."""


def seat_of(plan: MediaPlan, call: str) -> Seat | None:
    """The seat of a call, if it has one."""
    return next((seat for seat in plan.seats if seat.call == call), None)


def other_section(call: str) -> str:
    """A call as a source of what arrives in its other video section: slides among main videos, or the other way round."""
    return f"other section of {call}"


def main_sources(plan: MediaPlan, receiver: str) -> tuple[str, ...]:
    """What the receiver may see in its main section, best first: who is first on stage, never itself; or slides, where it wants them."""
    seat = seat_of(plan, receiver)
    if seat is None or not seat.admitted or seat.held or seat.carries is Carries.SLIDES_OUT:
        return ()
    slides = _presented(plan, seat, among_slides=False) if seat.carries is not Carries.MAIN else ()
    if seat.carries is Carries.SLIDES_IN:
        return slides
    return slides + tuple(other.call for other in by_stage(plan) if other.visible and other.participant != seat.participant)


def slides_sources(plan: MediaPlan, receiver: str) -> tuple[str, ...]:
    """The calls whose presentation the receiver may see: the presenter's, if slides may be sent to it."""
    seat = seat_of(plan, receiver)
    return _presented(plan, seat, among_slides=True) if seat is not None else ()


def presented(plan: MediaPlan) -> tuple[str, ...]:
    """The sources of what is presented, by their names among slides."""
    presenting = [seat for seat in plan.seats if seat.participant == plan.presenter and not seat.held]
    return tuple(name for seat in presenting for name in _slides_of(seat, among_slides=True))


def _presented(plan: MediaPlan, seat: Seat, *, among_slides: bool) -> tuple[str, ...]:
    if not seat.sees_presentation or plan.presenter in {None, seat.participant}:
        return ()
    presenting = [other for other in plan.seats if other.participant == plan.presenter]
    return tuple(name for other in presenting for name in _slides_of(other, among_slides=among_slides))


def _slides_of(seat: Seat, *, among_slides: bool) -> tuple[str, ...]:
    """The slides of a presenting call, by their name among slides or among main videos."""
    if seat.carries is not Carries.SLIDES_OUT:
        return (seat.call if among_slides else other_section(seat.call),)
    return seat.call, other_section(seat.call)  # its only section may be marked as one of slides, or not


def first_alive(sources: Iterable[str], alive: Collection[str]) -> str | None:
    """The best source that sends."""
    return next((source for source in sources if source in alive), None)


def by_stage(plan: MediaPlan) -> list[Seat]:
    """The seats in the order of the stage; those who are not on it come last, in the order of the seats."""
    rank = {participant: place for place, participant in enumerate(plan.stage)}
    return sorted(plan.seats, key=lambda seat: rank.get(seat.participant, len(rank)))


def board(plan: MediaPlan, receiver: str) -> Board:
    """Which splash picture fits the receiver."""
    seat = seat_of(plan, receiver)
    if seat is None or not seat.admitted:
        return Board.WAITING
    if seat.held:
        return Board.HELD
    others = any(other.admitted and other.participant != seat.participant for other in plan.seats)
    return Board.NO_VIDEO if others else Board.ALONE


class Route:
    """What one receiver gets in one slot: the old picture stays until the new source sends a keyframe."""

    def __init__(self) -> None:
        self.wanted: str | None = None
        self.current: str | None = None
        self._chosen = float("-inf")

    @property
    def waiting(self) -> str | None:
        """The source whose keyframe is awaited."""
        return self.wanted if self.wanted != self.current else None

    def want(self, source: str | None, *, allowed: Collection[str], now: float) -> None:
        """Decide what shall be seen; what is seen now ends at once if it is no longer allowed, or nothing is wanted."""
        if source != self.wanted:
            self._chosen = now
        self.wanted = source
        if source is None or self.current not in allowed:
            self.current = None

    def interrupt(self) -> None:
        """Something else was sent in between: the current source must begin with a keyframe again."""
        self.current = None

    def needs_splash(self, board: Board, *, shown: Board | None, fed: float, now: float) -> bool:
        """Whether to send the splash now: `shown` is the one that is seen, `fed` when any picture was sent last."""
        again = now - fed >= SPLASH_EVERY
        if self.wanted is None:
            return again or shown is not board
        if shown is not None:
            return again
        return self.waiting is not None and now - fed >= PATIENCE and now - self._chosen >= GRACE

    def passes(self, source: str, *, keyframe: bool) -> bool:
        """Whether a unit of this source goes to the receiver."""
        if source == self.wanted and keyframe:
            self.current = source
        return source == self.current


class KeyframeAsker:
    """Lets one request per source and half second through."""

    def __init__(self) -> None:
        self._asked: dict[str, float] = {}

    def due(self, source: str, now: float) -> bool:
        """Whether to ask now; an answer of True counts as asked."""
        if now - self._asked.get(source, float("-inf")) < ASK_EVERY:
            return False
        self._asked[source] = now
        return True

    def forget(self, source: str) -> None:
        """The source is gone."""
        self._asked.pop(source, None)
