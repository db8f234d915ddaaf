"""Calls by RTMP instead of WebRTC."""

from __future__ import annotations

from collections.abc import Generator
from math import inf
from urllib.parse import urlsplit
from uuid import uuid4

from pexrtc_py.errors import CallError
from pexrtc_py.node import lines
from pexrtc_py.node.admission import Refused
from pexrtc_py.node.asked import Answered, Asked, Need, OpenStream
from pexrtc_py.node.config import split_listen
from pexrtc_py.node.member import NodeCall
from pexrtc_py.node.outbox import CloseCall
from pexrtc_py.node.plan import CallMedia
from pexrtc_py.protocol.models import CallAnswer
from pexrtc_py.protocol.requests import Calls

NO_RTMP = 'This node takes no RTMP calls: it needs an address to listen on (rtmp = "HOST:PORT", or pexrtc node --rtmp HOST:PORT)'

ANYWHERE = ("0.0.0.0", "::")


def open_stream(asked: Asked, request: Calls) -> Generator[Need, Answered, CallAnswer]:
    """The answer is where to publish and to play; there is no ack, so the call counts as up at once."""
    room, member = asked.room, asked.sender
    if asked.config.rtmp is None:
        raise Refused(400, NO_RTMP, plain=True)
    limits = [limit for limit in (room.vmr.bandwidth, request.bandwidth) if limit is not None and 1 <= limit < inf]
    call = NodeCall(str(uuid4()))
    call.state.see(request)
    member.calls[call.uuid] = call
    try:
        opened = yield OpenStream(room.uuid, member.uuid, call.uuid, int(min(limits)) if limits else None)
    except BaseException as error:
        member.calls.pop(call.uuid, None)
        room.order(CloseCall(call.uuid))
        raise Refused(503, str(error), plain=True) if isinstance(error, CallError) else error from None
    if call.uuid not in member.calls or member.uuid not in room.members:
        room.order(CloseCall(call.uuid))
        raise Refused(503, "Call disconnected", plain=True)
    answer = CallAnswer(call_uuid=call.uuid, url=_reachable(opened.sdp, asked), secure_url="")
    call.state.see(answer)
    member.direct = member.direct_capable = False  # its media go through the node, and so do all
    call.acked, call.media = True, CallMedia(audio=True, video=not request.audioonly, presentation=False)
    room.updated(member)
    lines.placed(room, asked.now)
    lines.up(room, asked.now)
    if not member.waiting:
        room.stage_changed()
        if member.is_host:
            room.start()
    return answer


def _reachable(url: str, asked: Asked) -> str:
    """The URL with the host under which the client reaches the node, where the node listens for RTMP on every address it has."""
    dialled = urlsplit(asked.base).hostname
    if split_listen(asked.config.rtmp or "")[0] not in ANYWHERE or not dialled:
        return url
    parts = urlsplit(url)
    host = f"[{dialled}]" if ":" in dialled else dialled
    return parts._replace(netloc=host if parts.port is None else f"{host}:{parts.port}").geturl()
