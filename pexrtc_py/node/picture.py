"""Which layout each participant's picture has, and who is in it in which order; pure.

No document says what comes first where several wishes meet. Here: whom a Host placed by hand, then the spotlight, then, while a pinning
configuration holds, the members of layout groups by the groups' names (there is no theme to order them), then who spoke.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from pexrtc_py.node.member import Member
from pexrtc_py.node.plan import Carries
from pexrtc_py.node.scenes import Person, Scene
from pexrtc_py.node.seating import capacity
from pexrtc_py.protocol.models import StreamingTransforms

if TYPE_CHECKING:
    from pexrtc_py.node.room import Room

DEFAULT = "1:0"
"""The layout before anybody asked for another: what this node shows, the active speaker."""


def asked_for(room: Room, *, host: bool) -> str:
    """The layout that holds for Hosts, or for Guests, who have one of their own in lectures."""
    transforms, by_hand = room.settings.transforms, room.settings.by_hand
    if by_hand is not None and by_hand.layout is not None:
        return by_hand.layout
    if not host and room.vmr.service_type == "lecture":
        return transforms.guest_layout or DEFAULT
    return transforms.host_layout or DEFAULT


def layout_of(room: Room, viewer: Member) -> str:
    """The layout of the viewer's picture, its personal one if it has that."""
    personal = viewer.personal_mix and viewer.personal_mix.mix_config
    own = personal.transform_layout.layout if personal else _streaming(room).layout if _is_stream(viewer) else None
    return own or asked_for(room, host=viewer.is_host)


def order(room: Room) -> list[Member]:
    """Everybody with media in the order of places."""
    placed = room.settings.by_hand.participants if room.settings.by_hand else ()
    by_hand = {uuid: place for place, uuid in enumerate(placed)}
    pinning = bool(room.settings.pinning_config)

    def rank(member: Member) -> tuple[int, int, str]:
        pinned = pinning and member.layout_group is not None and not member.spotlit
        kind = 0 if member.spotlit else 1 if pinned else 2
        return by_hand.get(member.uuid, len(by_hand)), kind, (member.layout_group or "") if pinned else ""

    return sorted(room.stage, key=rank)


def shown(room: Room, viewer: Member, ordered: list[Member] | None = None) -> list[Member]:
    """Who is in the viewer's picture, by place: never itself, and nobody when it has no media. `ordered` is `order(room)`, if known."""
    if not viewer.has_media or viewer.on_hold:
        return []
    extended = bool(room.settings.transforms.enable_extended_ac)
    people = order(room) if ordered is None else ordered
    others = (member for member in people if member is not viewer and _is_seen(member))
    return list(islice(others, capacity(layout_of(room, viewer), extended=extended)))


def scene(room: Room, viewer: Member, carries: Carries, ordered: list[Member] | None = None) -> Scene | None:
    """The picture of one of the viewer's calls; None where there is nobody to show, or the call carries no main video."""
    if not viewer.has_media or viewer.on_hold or viewer.waiting or carries.is_child:
        return None
    transforms, layout = room.settings.transforms, layout_of(room, viewer)
    extended, slides = bool(transforms.enable_extended_ac), _slides_in_mix(room, viewer, carries)
    everybody = [member for member in (order(room) if ordered is None else ordered) if member is not viewer and _is_seen(member)]
    people = everybody[: capacity(layout, extended=extended) - slides]
    if not (people or slides):
        return None
    return Scene(
        layout=str(layout),
        people=tuple(_person(room, member, place) for place, member in enumerate(people)),
        extended=extended,
        slides=slides,
        badges=_badges(room, viewer),
        notes=_notes(room, viewer, len(everybody) - len(people)),
        classification=_classification(room),
        message=room.settings.message.text if room.settings.message else "",
        is_upright=viewer.aspect_ratio is not None and viewer.aspect_ratio < 1,
    )


def _person(room: Room, member: Member, place: int) -> Person:
    transforms = room.settings.transforms
    texts, own = transforms.free_form_overlay_text or (), member.display_name if member.overlay_text is None else member.overlay_text
    name = (texts[place] if place < len(texts) else own) if transforms.enable_overlay_text else ""
    return Person(member.uuid, name, speaking=bool(transforms.enable_active_speaker_indication) and member.speaking)


def _slides_in_mix(room: Room, viewer: Member, carries: Carries) -> bool:
    """Whether what is presented is part of the viewer's picture."""
    if room.floor in {None, viewer.uuid} or not viewer.receives_presentation:
        return False
    if _is_stream(viewer) and _streaming(room).presentation_in_mix is False:
        return False
    return viewer.presentation_in_mix or carries is Carries.ALL


def _badges(room: Room, viewer: Member) -> tuple[str, ...]:
    """What everybody has to be told; a stream's viewers where its indicators are not switched off."""
    transforms, far_ends = room.settings.transforms, [member.far_end for member in room.admitted if member.far_end is not None]
    if _is_stream(viewer) and _streaming(room).indicators_enabled is False:
        return ()
    happening = (
        ("Streaming", transforms.streaming_indicator, any(one.public for one in far_ends)),
        ("Recording", transforms.recording_indicator, any(one.endpoint.recording for one in far_ends)),
        ("Transcribing", transforms.transcribing_indicator, any(one.endpoint.transcribing for one in far_ends)),
    )
    return tuple(word for word, wanted, happens in happening if happens and wanted is not False)


def _notes(room: Room, viewer: Member, more: int) -> tuple[str, ...]:
    """What is told beside: who is not in the picture, and why; and that nobody else may come."""
    if _is_stream(viewer) and _streaming(room).indicators_enabled is False:
        return ()
    own = _streaming(room).plus_n_pip_enabled if _is_stream(viewer) else room.settings.transforms.plus_n_pip_enabled
    heard = sum(1 for member in room.stage if member is not viewer and not _has_video(member))
    return (
        *([f"+{more}"] if more and own is not False else []),
        *([f"{heard} audio only"] if heard else []),
        *(["Locked"] if room.locked else []),
    )


def _classification(room: Room) -> str:
    levels, current = room.vmr.classification_levels, room.settings.classification
    return levels[current] if current is not None and current < len(levels) else ""


def _streaming(room: Room) -> StreamingTransforms:
    return room.settings.transforms.streaming or StreamingTransforms()


def _is_stream(viewer: Member) -> bool:
    return viewer.far_end is not None and viewer.far_end.public


def _has_video(member: Member) -> bool:
    return any(call.media.video and not call.carries.is_child for call in member.live_calls)


def _is_seen(member: Member) -> bool:
    return _has_video(member) and not (member.video_muted or member.on_hold or member.stillness.silent)
