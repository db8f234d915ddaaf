"""The descriptions of one peer connection: what is agreed, what is offered and not answered yet, and what may happen next (RFC 8829 3.2).

Both sides may offer. When their offers cross, the impolite one's stands: the polite one takes its own back.
"""

from __future__ import annotations

from dataclasses import dataclass

from pexrtc_py.engine.checkcode import check_code
from pexrtc_py.engine.sdp import Description


class OffersCrossed(Exception):
    """An offer came while ours was on its way, and ours stands: a turn that negotiation takes, no failure."""


@dataclass
class Descriptions:
    """What was said on both sides; `local` and `remote` are agreed, `offered` is ours and not answered yet."""

    local: Description | None = None
    remote: Description | None = None
    offered: Description | None = None
    polite: bool = False
    """Whether our offer gives way."""

    def take_back(self) -> bool:
        """Forget our unanswered offer; whether there was one."""
        offered, self.offered = self.offered, None
        return offered is not None

    def give_way(self) -> bool:
        """Make room for an offer of the other side; whether ours was taken back. Raises `OffersCrossed` when ours stands."""
        if self.offered is not None and not self.polite:
            raise OffersCrossed
        return self.take_back()

    def agree(self, local: Description, remote: Description) -> None:
        """An offer and its answer hold from now on."""
        self.local, self.remote, self.offered = local, remote, None

    @property
    def check_code(self) -> str | None:
        """The secure check code of what is agreed; None before."""
        return check_code(self.local, self.remote) if self.local is not None and self.remote is not None else None
