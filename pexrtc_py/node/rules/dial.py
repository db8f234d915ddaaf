"""Calling somebody into the conference."""

from __future__ import annotations

import re
from uuid import uuid4

from pexrtc_py.node import dialling
from pexrtc_py.node.admission import LIMIT_REACHED, Refused
from pexrtc_py.node.asked import Asked, answers
from pexrtc_py.node.endpoints import is_stream
from pexrtc_py.node.farend import far_end_for
from pexrtc_py.node.member import Member
from pexrtc_py.protocol.models import DialProtocol, KeepAlive, MediaType, Role
from pexrtc_py.protocol.requests import Dial

NAME_LENGTH = 250
ADDRESS_LENGTH = 1000
_SEQUENCE = re.compile(r"[0-9*#A-D,]*")


@answers(Dial)
def dial(asked: Asked, request: Dial) -> list[str]:
    """Somebody is called, and is in the roster from now on; whether it answers is told by events."""
    room, destination = asked.room, _checked(request)
    if room.vmr.participant_limit is not None and len(room.members) >= room.vmr.participant_limit:
        raise Refused(403, LIMIT_REACHED)
    far_end = far_end_for(asked.config.endpoints, destination, str(request.protocol))
    far_end.public = request.streaming
    far_end.video = far_end.video and request.call_type != MediaType.AUDIO
    far_end.keeps_alive = request.keep_conference_alive or (KeepAlive.NEVER if request.streaming else KeepAlive.ALWAYS)
    far_end.caller_name = (request.source_display_name or room.name)[:NAME_LENGTH]
    far_end.caller = (request.source or asked.address.conference)[:NAME_LENGTH]
    far_end.dtmf_sequence, far_end.presentation_url = request.dtmf_sequence or "", request.presentation_url
    member = Member(
        str(uuid4()),
        (request.remote_display_name or far_end.name)[:NAME_LENGTH],
        role=Role(request.role),
        alias=asked.address.conference,
        joined=asked.now,
        overlay_text=request.text[:ADDRESS_LENGTH] if request.text is not None else None,
        far_end=far_end,
    )
    dialling.call(room, member, asked.now)
    return [member.uuid]


def _checked(request: Dial) -> str:
    destination = request.destination.strip()
    words = [
        ("destination", destination, bool(destination) and destination.isprintable() and len(destination) <= ADDRESS_LENGTH),
        ("protocol", request.protocol, isinstance(request.protocol, DialProtocol)),
        ("role", request.role, isinstance(request.role, Role)),
        ("call_type", request.call_type, isinstance(request.call_type, MediaType)),
        ("dtmf_sequence", request.dtmf_sequence, _SEQUENCE.fullmatch(request.dtmf_sequence or "") is not None),
        ("keep_conference_alive", request.keep_conference_alive, isinstance(request.keep_conference_alive, KeepAlive | None)),
        ("presentation_url", request.presentation_url, request.presentation_url is None or is_stream(request.presentation_url)),
        ("protocol", request.protocol, request.protocol != DialProtocol.RTMP or is_stream(destination)),
    ]
    for field, value, good in words:
        if not good:
            raise Refused(400, f"Illegal value: {str(value)[:NAME_LENGTH]!r} is no {field} that this node knows")
    return destination
