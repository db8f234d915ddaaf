"""What the variables of the object make of a call: its sections, sources, codecs, limits and servers."""

from __future__ import annotations

from typing import Any

from pexrtc_py.calling import CallOptions
from pexrtc_py.engine.types import Direction, IceServer, Slot
from pexrtc_py.errors import UsageError
from pexrtc_py.pexrtc.calltypes import BY_RTMP, directions
from pexrtc_py.pexrtc.variables import Variables
from pexrtc_py.protocol.models import MediaType


def wishes(variables: Variables, call_type: str | None) -> CallOptions | None:
    """What a call of this type carries; None for no call. Raises UsageError for what cannot be."""
    if call_type == "none":
        return None
    wanted = sections(variables, call_type)
    codecs = _codecs(variables)
    return CallOptions(
        audio=source_of(variables, Slot.AUDIO) if wanted.get(Slot.AUDIO, Direction.INACTIVE).sends else None,
        video=source_of(variables, Slot.VIDEO) if wanted.get(Slot.VIDEO, Direction.INACTIVE).sends else None,
        directions=wanted,
        codecs={Slot.VIDEO: codecs, Slot.PRESENTATION: codecs},
        bandwidth=variables.bandwidth_in,
        bandwidth_out=variables.bandwidth_out,
        media_type=MediaType.VIDEO if Slot.VIDEO in wanted else MediaType.AUDIO,
        fecc_supported=variables.fecc_supported,
        present="main" if variables.presentation_in_main else None,
        ice_servers=_ice_servers(variables),
        call_type="rtmp" if call_type in BY_RTMP else "webrtc",
        streaming=call_type == "stream",
    )


def sections(variables: Variables, call_type: str | None) -> dict[Slot, Direction]:
    """The sections of a call of this type, and what flows in them."""
    send = {slot: source_of(variables, slot) is not False for slot in (Slot.AUDIO, Slot.VIDEO)}
    receive = {Slot.AUDIO: variables.recv_audio, Slot.VIDEO: variables.recv_video}
    return directions(call_type, send=send, receive=receive, in_main=variables.presentation_in_main)


def source_of(variables: Variables, slot: Slot) -> Any:
    """The source of a slot: None for nothing to send yet, False for nothing ever."""
    stream, own = variables.user_media_stream, variables.audio_source if slot is Slot.AUDIO else variables.video_source
    if stream is None or own is False:
        return own
    given = stream.audio if slot is Slot.AUDIO else stream.video
    return False if given is None else given


def _codecs(variables: Variables) -> tuple[str, ...]:
    enabled = tuple(name for name, wanted in (("vp8", variables.vp8_enabled), ("h264", variables.h264_enabled)) if wanted)
    if not enabled:
        raise UsageError("Neither vp8_enabled nor h264_enabled is set, and there is no other codec for pictures here.")
    return enabled


def _ice_servers(variables: Variables) -> list[IceServer]:
    servers = [IceServer(urls=(variables.default_stun,))] if variables.default_stun else []
    if turn := variables.turn_server:
        urls = turn.get("urls") or turn["url"]
        servers.append(
            IceServer(
                urls=(urls,) if isinstance(urls, str) else tuple(urls), username=turn.get("username"), credential=turn.get("credential")
            )
        )
    return servers
