"""What participants are shown of a room: rosters, conference status, stage, layout; each a function of the room and the viewer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from pexrtc_py.node import modes, picture, stills
from pexrtc_py.node.member import Member
from pexrtc_py.protocol.declare import Event
from pexrtc_py.protocol.events import (
    ConferenceUpdate,
    Layout,
    ParticipantCreate,
    ParticipantSyncBegin,
    ParticipantSyncEnd,
    ParticipantUpdate,
    PresentationFrame,
    PresentationStart,
    PresentationStop,
    Stage,
)
from pexrtc_py.protocol.layouts import view_of
from pexrtc_py.protocol.models import (
    Classification,
    ConferenceStatus,
    IceServer,
    Participant,
    Policy,
    PrimaryScreen,
    Protocol,
    RequestedLayout,
    ServiceType,
    StageEntry,
    TurnServer,
    VideoMix,
)

if TYPE_CHECKING:
    from pexrtc_py.node.breakout import Breakout
    from pexrtc_py.node.config import NodeConfig
    from pexrtc_py.node.room import Room

Later = Callable[[], Event]
"""Makes an event when it is to be written; of its time it tells the newest."""


def stun_servers(config: NodeConfig) -> tuple[IceServer, ...] | None:
    """The STUN servers of the node, as tokens tell them."""
    return tuple(IceServer(url=url) for url in config.stun_servers) or None


def turn_servers(config: NodeConfig, told: Literal["token", "call"]) -> tuple[TurnServer, ...] | None:
    """The TURN servers of the node where they are told; None elsewhere, since an empty list too has clients look for another way."""
    servers = config.turn_servers if config.turn_with == told else ()
    return tuple(TurnServer(urls=one.urls, username=one.username, credential=one.password) for one in servers) or None


def participant(room: Room, member: Member, viewer: Member) -> Participant:
    """One line of the viewer's roster. Guests do not learn how the others are connected (uri, vendor and protocol are blank)."""
    video, far_end = any(call.media.video for call in member.live_calls), member.far_end
    audio = any(call.media.audio for call in member.live_calls)
    return Participant(
        uuid=member.uuid,
        api_url=f"/participants/{member.uuid}",
        display_name=member.display_name,
        overlay_text=member.display_name if member.overlay_text is None else member.overlay_text,
        uri=(far_end.destination if far_end else member.display_name) if viewer.is_host else "",
        vendor=member.vendor if viewer.is_host else "",
        local_alias=member.alias,
        protocol=protocol(room, member) if viewer.is_host else "",
        role=member.role,
        service_type=service_type(room, member),
        call_direction="out" if far_end else "in",
        call_tag=member.call_tag,
        encryption=member.has_media,
        has_media=member.has_media,
        is_audio_only_call=audio and not video,
        is_video_call=video,
        is_muted=member.muted,
        is_presenting=room.floor == member.uuid,
        presentation_supported=any(call.media.presentation for call in member.calls.values()),
        is_video_muted=member.video_muted,
        is_video_silent=member.stillness.silent,
        is_client_muted=member.client_muted,
        is_idp_authenticated=bool(member.idp),
        needs_presentation_in_mix=member.presentation_in_mix,
        rx_presentation_policy=Policy.ALLOW if member.receives_presentation else Policy.DENY,
        fecc_supported=member.fecc_supported,
        is_transferring=bool(member.transferring),
        is_streaming_conference=far_end is not None and far_end.public,
        is_recording=far_end is not None and far_end.endpoint.recording,
        is_transcribing=far_end is not None and far_end.endpoint.transcribing,
        spotlight=member.spotlit,
        buzz_time=member.buzzed,
        start_time=float(member.joined),
        last_spoken_time=member.spoke,
        layout_group=member.layout_group,
        send_to_audio_mixes=member.sound.sends,
        receive_from_audio_mix=member.sound.hears,
        can_receive_personal_mix=video,
        receive_from_video_mix=member.personal_mix or VideoMix(),
        show_live_captions=member.shows_captions,
        is_tx_muted=member.sound.tx_muted,
        studiosound_enabled=member.sound.studio,
        is_on_hold=member.on_hold,
        supports_direct_chat=member.supports_direct_chat,
    )


def service_type(room: Room, member: Member) -> ServiceType:
    """Where the member is: still being called, in the waiting room, or in the room."""
    if member.connecting:
        return ServiceType.CONNECTING
    return ServiceType.WAITING_ROOM if member.waiting else ServiceType(room.vmr.service_type)


def protocol(room: Room, member: Member) -> Protocol:
    """How the member is connected."""
    if member.far_end is not None:
        return member.far_end.protocol
    return Protocol.WEBRTC if room.vmr.service_type == "gateway" else Protocol.API


def created(room: Room, member: Member, viewer: Member) -> Event:
    """The member appears in the viewer's roster."""
    return ParticipantCreate(participant=participant(room, member, viewer))


def updated(room: Room, member: Member, viewer: Member) -> Event:
    """The member changed."""
    return ParticipantUpdate(participant=participant(room, member, viewer))


def participants(room: Room, viewer: Member) -> list[Participant]:
    """The viewer's roster, itself included, in order of arrival."""
    return [participant(room, member, viewer) for member in room.members.values() if room.sees(viewer, member)]


def roster(room: Room, viewer: Member) -> list[Event]:
    """The viewer's roster as a sync sequence."""
    return made(_roster(room, viewer))


def _roster(room: Room, viewer: Member) -> list[Event | Later]:
    lines = [partial(created, room, member, viewer) for member in room.members.values() if room.sees(viewer, member)]
    return [ParticipantSyncBegin(), *lines, ParticipantSyncEnd()]


def made(events: Iterable[Event | Later]) -> list[Event]:
    """The events, those to be made later too."""
    return [event if isinstance(event, Event) else event() for event in events]


def status(room: Room) -> ConferenceStatus:
    """The state of the conference."""
    return ConferenceStatus(
        locked=room.locked,
        guests_muted=room.guests_muted,
        started=room.started,
        all_muted=room.guests_muted and not any(member.is_host for member in room.admitted),
        presentation_allowed=True,
        live_captions_available=room.captions.available,
        guests_can_unmute=room.settings.guests_can_unmute,
        guests_can_present=room.vmr.guests_can_present,
        direct_media=modes.is_direct(room),
        classification=classification(room),
        message_text=room.settings.message,
        pinning_config=room.settings.pinning_config,
        breakout_rooms=room.breakout is None,
        **_of_breakout(room.breakout),
    )


def _of_breakout(breakout: Breakout | None) -> dict[str, Any]:
    """What only the status of a breakout room says."""
    if breakout is None:
        return {}
    return {
        "breakout": True,
        "breakout_name": breakout.name,
        "breakout_description": breakout.description,
        "end_action": breakout.end_action,
        "end_time": float(breakout.end_time),
        "breakout_guests_allowed_to_leave": breakout.guests_may_leave,
        "breakoutbuzz": breakout.buzz,
    }


def classification(room: Room) -> Classification:
    """The levels of the conference by number, and the one that holds."""
    levels = {str(number): name for number, name in enumerate(room.vmr.classification_levels)}
    return Classification(levels=levels, current=room.settings.classification)


def stage(room: Room) -> Stage:
    """Who is on stage, in order, and who speaks."""
    places = enumerate(room.stage)
    return Stage(
        entries=tuple(
            StageEntry(participant_uuid=member.uuid, stage_index=index, vad=100 if member.speaking else 0) for index, member in places
        )
    )


def layout(room: Room, viewer: Member) -> Layout:
    """The layout that the viewer's picture is to have, who is in it, and what Hosts asked for."""
    chair, guest = (picture.asked_for(room, host=host) for host in (True, False))
    return Layout(
        view=view_of(picture.layout_of(room, viewer)),
        participants=tuple(member.uuid for member in picture.shown(room, viewer)),
        requested_layout=RequestedLayout(primary_screen=PrimaryScreen(chair_layout=chair, guest_layout=guest)),
        overlay_text_enabled=bool(room.settings.transforms.enable_overlay_text),
    )


def presentation(room: Room, viewer: Member) -> Event:
    """Who presents to the viewer. Never the viewer itself: clients stop their own share on any presentation_start."""
    presenter = room.members.get(room.floor or "")
    if presenter is None or presenter is viewer or not viewer.receives_presentation or viewer.waiting:
        return PresentationStop()
    uri = presenter.display_name if viewer.is_host else ""
    source = "static" if room.stills.posted else "video"
    return PresentationStart(
        presenter_name=presenter.display_name, presenter_uri=uri, presenter_uuid=presenter.uuid, source=source, presenter_source=source
    )


def welcome(room: Room, viewer: Member) -> list[Event]:
    """What a stream begins with, all at once."""
    return made(opening(room, viewer))


def opening(room: Room, viewer: Member) -> list[Event | Later]:
    """What a stream begins with, in order (protocol order on connect); a waiting participant sees only itself.

    Lines of the roster are made when they are written: thousands at once would keep everybody waiting.
    """
    events = [presentation(room, viewer), *_roster(room, viewer), ConferenceUpdate(status=status(room))]
    if not viewer.waiting:
        events += [layout(room, viewer), stage(room)]
    if room.stills.latest is not None and room.floor != viewer.uuid and stills.may_see(room, viewer):
        events.append(PresentationFrame(id=room.stills.latest))
    return [*events, *modes.welcome(room, viewer)]


def inside(room: Room, control: Member) -> list[Event]:
    """What a Host is told of a breakout room that it is in from now on: the roster first, who presents last."""
    shown, *others = welcome(room, control)
    frames = [event for event in others if isinstance(event, PresentationFrame)]
    return [*others[: len(others) - len(frames)], shown, *frames]
