"""What makes a room of the node a breakout room; pure."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING

from pexrtc_py.protocol.models import BreakoutBuzz, EndAction

if TYPE_CHECKING:
    from pexrtc_py.node.room import Room

MAIN = "main"
"""How the main room is named where breakout rooms are named by their uuid."""


@dataclass
class Breakout:
    """A breakout room below `main`, as the Host who opened it wants it."""

    main: Room
    name: str
    _: KW_ONLY
    creator: str
    """The Host who opened it."""
    description: str = ""
    end_action: EndAction = EndAction.TRANSFER
    end_time: float = 0
    """Unix seconds; 0 for never."""
    guests_may_leave: bool = False
    buzz: BreakoutBuzz = field(default_factory=BreakoutBuzz)
    """Whether somebody inside asks for help."""
    closing: float | None = None
    """Unix seconds until which it waits for those who were sent away; None while it is open."""
