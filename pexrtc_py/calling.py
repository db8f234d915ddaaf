"""What a media call shall carry, as users say it, and the call made of it with what the node granted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from pexrtc_py.engine.types import Direction, IceServer, Slot
from pexrtc_py.errors import UsageError
from pexrtc_py.protocol.models import CallType

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pexrtc_media.base import Source
    from pexrtc_py.call import Call
    from pexrtc_py.direct import DirectOptions
    from pexrtc_py.engine.network import Network
    from pexrtc_py.protocol.models import OpenMediaType, Token
    from pexrtc_py.ways import CallControl


class CallOptions(TypedDict, total=False):
    """The keywords of `Conference.add_call`; all may be left out."""

    audio: Source[Any] | None
    """What is said."""
    video: Source[Any] | None
    """What the camera shows."""
    receive: Collection[Slot] | None
    """Which slots to receive; all by default."""
    directions: Mapping[Slot, Direction] | None
    """The sections of the call with their directions, which then stay whatever is sent; by default all, as sources and `receive` need."""
    codecs: Mapping[Slot, tuple[str, ...]] | None
    """What may travel in a slot, the preferred codec first; all by default."""
    bandwidth: int | None
    """The most to receive in each video section, in kbps; the node may allow less."""
    bandwidth_out: int | None
    """The most to send in each, in kbps; likewise."""
    media_type: OpenMediaType
    """What kind of call others shall see: "video", "video-only" or "audio"."""
    fecc_supported: bool
    """Whether others may move this participant's camera, by `Fecc` events."""
    present: str | None
    """"main": slides come in place of the main video."""
    ice_servers: Sequence[IceServer]
    """STUN and TURN servers to try before the node's."""
    call_type: str
    """"webrtc", or "rtmp": H.264 and AAC over TCP, without slides of one's own."""
    streaming: bool
    """Whether others shall see a call by RTMP as a stream of the conference."""
    network: Network
    """What is to happen to the datagrams of this call, for tests."""


def changed(options: CallOptions | None, changes: CallOptions) -> CallOptions:
    """Options with some of them changed."""
    both = options.copy() if options else CallOptions()
    both.update(changes)
    return both


def new_call(control: CallControl, granted: Token, options: CallOptions, *, loopback: bool, direct: DirectOptions | None) -> Call:
    """A call that is not placed yet; raises `UsageError` when the options contradict each other."""
    from pexrtc_py.call import Call

    receive, by_rtmp = options.get("receive"), _by_rtmp(options)
    codecs = options.get("codecs")
    if by_rtmp:  # H.264 goes as it is
        codecs = dict(codecs or {Slot.PRESENTATION: ("h264", "vp8")})
        codecs[Slot.VIDEO] = tuple(sorted(codecs.get(Slot.VIDEO, ("h264", "vp8")), key="h264".__ne__))
    return Call(
        control,
        sources=_sources(options),
        receive=tuple(Slot) if receive is None else receive,
        directions=options.get("directions"),
        codecs=codecs,
        ice_servers=() if by_rtmp else ice_servers(granted, options),
        loopback=loopback or by_rtmp,
        relay_only=granted.use_relay_candidates_only and not by_rtmp,
        bandwidth=_least(options.get("bandwidth"), granted.bandwidth_in),
        bandwidth_out=_least(options.get("bandwidth_out"), granted.bandwidth_out),
        media_type=options.get("media_type"),
        fecc_supported=options.get("fecc_supported", False),
        present=options.get("present"),
        direct=None if by_rtmp else direct,
        call_type=CallType.RTMP if by_rtmp else CallType.WEBRTC,
        streaming=options.get("streaming") or None,
        network=None if by_rtmp else options.get("network"),
    )


def _by_rtmp(options: CallOptions) -> bool:
    call_type = options.get("call_type", "webrtc").casefold()
    if call_type not in {"webrtc", "rtmp"}:
        raise UsageError(f"There are no calls of the type {call_type!r}; write 'webrtc' or 'rtmp'.")
    return call_type == "rtmp"


def _sources(options: CallOptions) -> dict[Slot, Source[Any]]:
    directions = options.get("directions")
    given = ((Slot.AUDIO, options.get("audio")), (Slot.VIDEO, options.get("video")))
    sources = {slot: source for slot, source in given if source is not None}
    unsent = [slot for slot in sources if directions is not None and not directions.get(slot, Direction.INACTIVE).sends]
    if unsent:
        raise UsageError(f"There is a source for {', '.join(unsent)}, but the directions send nothing there.")
    return sources


def _least(wanted: int | None, allowed: float | None) -> int | None:
    limits = [limit for limit in (wanted, allowed) if limit]
    return int(min(limits)) if limits else None


def ice_servers(token: Token, options: CallOptions) -> list[IceServer]:
    """The servers to ask: the user's own first, then those of the session."""
    stun = [IceServer(urls=(server.url,)) for server in token.stun or ()]
    turn = [IceServer(urls=server.urls, username=server.username, credential=server.credential) for server in token.turn or ()]
    return [*options.get("ice_servers", ()), *stun, *turn]
