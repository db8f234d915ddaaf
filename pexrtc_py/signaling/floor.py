"""Who presents, and whether we may: the floor as a table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from pexrtc_py.protocol.events import PresentationStart, PresentationStop
from pexrtc_py.protocol.machine import Machine, Table
from pexrtc_py.protocol.requests import ReleaseFloor, TakeFloor


class FloorState(Enum):
    """The floor as we see it."""

    FREE = "free"
    """Nobody presents."""
    ASKING = "asking"
    """We asked for it and wait for the answer."""
    HELD = "held"
    """We present."""
    TAKEN = "taken"
    """Somebody else presents."""


class FloorGranted:
    """The node said yes to our TakeFloor."""


class FloorDenied:
    """The node said no, or nothing, to our TakeFloor."""


class FloorRevoked:
    """The node took the floor from us without giving it to somebody else: a `presentation_start` that names nobody."""


@dataclass(frozen=True)
class PresentationLost:
    """We presented, and no longer may; `by` is who presents now, None when the floor was taken away."""

    by: PresentationStart | None


TRANSITIONS: Table[FloorState] = {
    (FloorState.FREE, TakeFloor): FloorState.ASKING,
    (FloorState.FREE, PresentationStart): FloorState.TAKEN,
    (FloorState.FREE, PresentationStop): FloorState.FREE,
    (FloorState.FREE, FloorRevoked): FloorState.FREE,
    (FloorState.FREE, ReleaseFloor): FloorState.FREE,
    (FloorState.ASKING, FloorGranted): FloorState.HELD,
    (FloorState.ASKING, FloorDenied): FloorState.FREE,
    (FloorState.ASKING, PresentationStart): FloorState.ASKING,  # who presented before us, or is ahead of us: the answer decides
    (FloorState.ASKING, PresentationStop): FloorState.ASKING,
    (FloorState.ASKING, FloorRevoked): FloorState.ASKING,
    (FloorState.HELD, ReleaseFloor): FloorState.FREE,
    (FloorState.HELD, PresentationStart): FloorState.TAKEN,  # somebody took it from us
    (FloorState.HELD, FloorRevoked): FloorState.FREE,
    (FloorState.HELD, PresentationStop): FloorState.HELD,  # about our predecessor; some nodes send it to the new holder
    (FloorState.TAKEN, TakeFloor): FloorState.ASKING,
    (FloorState.TAKEN, PresentationStart): FloorState.TAKEN,
    (FloorState.TAKEN, PresentationStop): FloorState.FREE,
    (FloorState.TAKEN, FloorRevoked): FloorState.FREE,
    (FloorState.TAKEN, ReleaseFloor): FloorState.TAKEN,  # by the loser of the floor; the node ignores it
}


class Floor:
    """The floor of one room, as the participant `me` sees it."""

    def __init__(self, me: str) -> None:
        self.presenter: PresentationStart | None = None
        """Who presents, when it is somebody else."""
        self._me = me
        self._machine = Machine("floor", TRANSITIONS, FloorState.FREE)

    @property
    def state(self) -> FloorState:
        """Where it is."""
        return self._machine.state

    def see(self, seen: object) -> PresentationLost | None:
        """Move on, and say what follows: a `PresentationLost` to publish, or nothing; who presents then posts `ReleaseFloor`.

        Takes the events and requests of presenting and the answers `FloorGranted` and `FloorDenied`; ignores all else.
        Raises `InvalidTransition` for asking twice.
        """
        if isinstance(seen, PresentationStart):
            if seen.presenter_uuid == self._me:
                return None
            if seen.revoked:
                seen = FloorRevoked()
        if type(seen) not in _KNOWN:
            return None
        before, now = self.state, self._machine.see(seen)
        self._remember(seen)
        lost = before is FloorState.HELD and now is not FloorState.HELD and not isinstance(seen, ReleaseFloor)
        return PresentationLost(self.presenter) if lost else None

    def _remember(self, seen: object) -> None:
        match seen:
            case PresentationStart():
                self.presenter = seen
            case PresentationStop() | FloorRevoked() | FloorGranted():
                self.presenter = None
            case FloorDenied() if self.presenter is not None:
                self._machine.see(self.presenter)  # it was, and stays, with somebody else
            case _:
                pass


_KNOWN = {kind for _, kind in TRANSITIONS}
