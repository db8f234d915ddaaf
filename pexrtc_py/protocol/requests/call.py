"""What is asked of one media call."""

from __future__ import annotations

from pexrtc_py.protocol.declare import SELF, CallRequest, post
from pexrtc_py.protocol.models import FeccMovement, OpenFeccAction, StreamStatistics, UpdateAnswer
from pexrtc_py.protocol.wire import Done, Nothing


@post("ack", by=SELF)
class Ack(CallRequest[Done]):
    """Say that the answer was applied, which starts media; follows `calls` and each `update`.

    In direct media `sdp` answers the node's offer; `offer_ignored` refuses it because an own offer is on the way.
    """

    sdp: str | None = None
    offer_ignored: bool | None = None


@post("disconnect", by=SELF)
class CallDisconnect(CallRequest[Nothing]):
    """End the call; the participant stays."""


@post("update", by=SELF, since=20)
class Update(CallRequest[UpdateAnswer]):
    """Renegotiate with a new offer."""

    sdp: str
    fecc_supported: bool | None = None


@post("new_candidate", by=SELF, since=20)
class NewCandidate(CallRequest[Nothing]):
    """Tell the node a local ICE candidate; an empty one ends them."""

    candidate: str
    mid: str | None = None
    ufrag: str | None = None
    pwd: str | None = None


@post("dtmf", by=SELF)
class CallDtmf(CallRequest[Done]):
    """Send tones to the far end of a gateway call."""

    digits: str


@post("fecc", by=SELF, since=20)
class CallFecc(CallRequest[Done]):
    """Move the camera at the far end of a gateway call, for `timeout` ms."""

    action: OpenFeccAction
    movement: tuple[FeccMovement, ...] = ()
    timeout: float | None = None


@post("statistics", by=SELF, since=20)
class CallStatistics(CallRequest[Nothing]):
    """Report how media fare in direct media, at the interval the token names; where clients send it."""

    audio: StreamStatistics | None = None
    video: StreamStatistics | None = None
    presentation: StreamStatistics | None = None
