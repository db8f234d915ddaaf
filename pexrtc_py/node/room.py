"""The state of a conference on the node, and its outbox: what to tell whom, and what to order of the media; pure, `now` is given.

Each change leaves its events in `outbox`; whoever runs the room takes them out with `drain()` after every call and applies `plan()`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING
from uuid import uuid4

from pexrtc_py.errors import UsageError
from pexrtc_py.node import dialling, moves, picture, planning, views
from pexrtc_py.node.admission import TOKEN_EXPIRED, WAITED_TOO_LONG, Passes, must_wait
from pexrtc_py.node.breakout import MAIN, Breakout
from pexrtc_py.node.breakouts import CLOSED, Breakouts
from pexrtc_py.node.captions import scripted
from pexrtc_py.node.config import NodeConfig, Vmr
from pexrtc_py.node.invitations import Invitations
from pexrtc_py.node.member import Member, NodeCall
from pexrtc_py.node.outbox import CloseCall, Order, Outbox
from pexrtc_py.node.plan import CallEndpoint, Carries, MediaPlan
from pexrtc_py.node.relay import Relay
from pexrtc_py.node.settings import Settings
from pexrtc_py.node.stills import Stills
from pexrtc_py.protocol.declare import Event
from pexrtc_py.protocol.events import (
    Bye,
    CallDisconnected,
    ConferenceUpdate,
    Disconnect,
    Layout,
    ParticipantDelete,
    PresentationStart,
    PresentationStop,
    RefreshToken,
)
from pexrtc_py.protocol.models import Role

if TYPE_CHECKING:
    from pexrtc_py.node.bots import Bot, Performer
    from pexrtc_py.node.house import House

TEST_FINISHED = "Test call finished"


class Room:
    """A conference, or one of its breakout rooms: who is in it and everything they see of it."""

    def __init__(self, vmr: Vmr, config: NodeConfig, *, breakout: Breakout | None = None) -> None:
        self.uuid = str(uuid4())
        self.vmr, self.config = vmr, config
        self.passes = Passes(config.token_seconds)
        self.invitations = Invitations()
        self.relay = Relay()
        self.members: dict[str, Member] = {}
        self.called: dict[str, Member] = {}
        """Those of the members whom the node has called."""
        self.speakers: list[str] = []
        """Who spoke, latest first."""
        self.breakout = breakout
        """What makes it a breakout room; None for a main room."""
        self.breakouts = Breakouts(self, self._below)
        self.performers: list[Performer] = []
        """The scripted participants that were added."""
        self.house: House | None = None
        self.outbox: Outbox = Outbox() if breakout is None else breakout.main.outbox
        self.captions = scripted(vmr.captions)
        self._begin()

    def _below(self, breakout: Breakout) -> Room:
        # Whoever comes into a breakout room was sent there by a Host: there is no PIN, and nobody waits for a Host.
        vmr = replace(self.vmr, name=breakout.name, host_pin=None, guest_pin=None, service_type="conference", direct_media=False)
        return Room(vmr, self.config, breakout=breakout)

    def _begin(self) -> None:
        self.locked = self._awaits = False
        self.started = self.vmr.host_pin is None
        self.guests_muted = self.vmr.service_type == "lecture"
        self.finishes = inf
        """When a test call is over, in Unix seconds."""
        self.floor: str | None = None
        self.stills = Stills()
        self.speakers.clear()
        self.settings = Settings(guests_can_unmute=self.vmr.guests_can_unmute)
        self._status = views.status(self)

    @property
    def name(self) -> str:
        """What participants see as the conference's name."""
        return self.vmr.name or self.vmr.alias

    @property
    def main(self) -> Room:
        """The main room: this one, or that of the breakout room which it is."""
        return self if self.breakout is None else self.breakout.main

    @property
    def place(self) -> str:
        """How the room is named where participants are moved between rooms."""
        return MAIN if self.breakout is None else self.uuid

    @property
    def occupants(self) -> list[Member]:
        """Everybody who would have to go for the room to be empty: a Host without media is in every room at once."""
        return [member for member in self.members.values() if member.calls or not (member.owner or (self is self.main and member.commands))]

    def control_of(self, host: Member) -> Member | None:
        """The control participant of a Host of the main room in this breakout room."""
        return next((member for member in self.members.values() if member.owner == host.uuid), None)

    @property
    def admitted(self) -> list[Member]:
        """Everybody who neither waits nor is still being called, in order of arrival."""
        return [member for member in self.members.values() if not member.waiting and not member.connecting]

    @property
    def stage(self) -> list[Member]:
        """Admitted members who send media: spotlit ones first, in order of time, then the latest speakers, then by arrival."""
        rank = {uuid: place for place, uuid in enumerate(self.speakers)}
        with_media = [member for member in self.members.values() if member.calls and member.sends and not member.waiting]
        with_media.sort(key=lambda member: rank.get(member.uuid, len(rank)))
        with_media.sort(key=lambda member: (not member.spotlit, member.spotlit))
        return with_media

    @property
    def listeners(self) -> list[Member]:
        """Everybody who hears what is told: in a crowd that may be few."""
        listening = self.outbox.listening
        if self.breakout is None and listening is not None and len(listening) < len(self.members):
            return [self.members[uuid] for uuid in listening if uuid in self.members]
        return [member for member in self.members.values() if self.outbox.reaches(member)]

    # --- telling ---------------------------------------------------------------------------------------------------

    def drain(self) -> list[Order]:
        """Take out what is to be done."""
        return self.outbox.drain()

    def order(self, order: Order) -> None:
        """Have something done by the media."""
        self.outbox.add(order)

    def tell(self, who: Member, *events: Event) -> None:
        """Send events to one member."""
        for event in events:
            self.outbox.tell(who, event, breakout=None if self.breakout is None else self.uuid)

    def tell_room(self, event: Event, *, but: Member | None = None) -> None:
        """Send one event to everybody who is admitted, except one."""
        self.outbox.changed = True
        for member in self.listeners:
            if member is not but and not member.waiting:
                self.tell(member, event)

    def sees(self, viewer: Member, member: Member) -> bool:
        """Whether `member` is in the viewer's roster: waiting ones see themselves and are seen by Hosts."""
        return viewer is member or (not viewer.waiting and (viewer.is_host or not member.waiting))

    def updated(self, *members: Member) -> None:
        """Tell of changed members."""
        for member in members:
            self._show(member, views.updated, [viewer for viewer in self.listeners if self.sees(viewer, member)])

    def _show(self, member: Member, telling: Callable[[Room, Member, Member], Event], viewers: Iterable[Member]) -> None:
        self.outbox.changed = True
        for alike in _by_role(viewers):
            event = telling(self, member, alike[0])
            for viewer in alike:
                self.tell(viewer, event)

    def conference_updated(self) -> None:
        """Tell everybody, those who wait too, if a property of the conference is not as it was told last."""
        status = views.status(self)
        if status == self._status:
            return
        self._status, update, self.outbox.changed = status, ConferenceUpdate(status=status), True
        for member in self.listeners:
            self.tell(member, update)

    def stage_changed(self) -> None:
        """Tell of another layout and order of speakers."""
        self._tell_stage(self.admitted)

    def layout_changed(self) -> None:
        """Tell of another layout alone, control-only participants too."""
        for viewer in self.admitted:
            self.tell(viewer, views.layout(self, viewer))

    def _tell_stage(self, viewers: Iterable[Member]) -> None:
        viewers, stage = list(viewers), views.stage(self)
        for viewer in viewers:
            self.tell(viewer, views.layout(self, viewer))
        for viewer in viewers:
            self.tell(viewer, stage)

    def _tell_welcome(self, newcomers: Iterable[Member]) -> None:
        for alike in _by_role(newcomers):
            for event in views.welcome(self, alike[0]):
                for member in alike:
                    self.tell(member, views.layout(self, member) if isinstance(event, Layout) else event)

    # --- scripted participants --------------------------------------------------------------------------------------

    def add(self, bot: Bot) -> Performer:
        """Have a scripted participant take part: `node.room("lab").add(Bot("Ada"))`. Raises `UsageError` in a room of no node."""
        house = self.main.house
        if house is None:
            raise UsageError(f"{self.vmr.alias} belongs to no node that could let {bot.name} in.")
        return house.add(self, bot)

    # --- coming and going ------------------------------------------------------------------------------------------

    def enter(self, member: Member) -> None:
        """Somebody new, admitted or to the waiting room."""
        if not member.connecting and self._must_wait(member):
            member.waiting_since = member.joined
        self._mute_newcomer(member)
        self.members[member.uuid] = member
        if member.far_end is not None:
            self.called[member.uuid] = member
        self.conference_updated()  # whether everybody is muted depends on who is here
        self._show(member, views.created, [viewer for viewer in self.listeners if viewer is not member and self.sees(viewer, member)])
        self.breakouts.attend()

    def _must_wait(self, member: Member) -> bool:
        return member.owner is None and must_wait(self.vmr, member.role, locked=self.locked, started=self.started)

    def admit(self, members: Iterable[Member]) -> None:
        """Let members out of the waiting room: the others learn of them, they learn of the room."""
        newcomers = [member for member in members if member.waiting]
        before = self.admitted
        for member in newcomers:
            member.waiting_since = None
            self._mute_newcomer(member)
        for member in newcomers:
            self._show(member, views.updated, [member, *(viewer for viewer in before if viewer.is_host)])
            self._show(member, views.created, [viewer for viewer in before if not viewer.is_host])
        self._tell_welcome(newcomers)
        self.conference_updated()
        if any(member.has_media for member in newcomers):
            self._tell_stage(before)
        self.breakouts.attend()

    def start(self) -> None:
        """The conference begins: a Host has come with media, or says so."""
        if self.started:
            return
        self.started = True
        self.conference_updated()
        self.admit_entitled()

    def admit_entitled(self) -> None:
        """Let in whoever has no more reason to wait."""
        self.admit([one for one in self.members.values() if not self._must_wait(one)])

    def change_role(self, member: Member, role: Role, now: float) -> None:
        """Make a member a Host or a Guest: with it come other rights, another roster, and a token to be refreshed."""
        if (host := self.main.members.get(member.owner or "")) is not None:
            return self.main.change_role(host, role, now)  # who acts in a breakout room, does so by its role in the main room
        member.role = role
        self._mute_newcomer(member)  # who becomes a Host stays muted until it unmutes itself: nobody is heard unawares
        if self.floor == member.uuid and not member.is_host and not self.vmr.guests_can_present:
            self.release_floor(member)
            self.tell(member, PresentationStart())  # nobody presents: it must stop
        if member.waiting and not self._must_wait(member):
            self.admit([member])
        else:
            self.updated(member)
            self.tell(member, *views.roster(self, member))
        if member.is_host and member.has_media and not member.waiting:
            self.start()
        self._without_hosts(now)
        self.breakouts.attend()
        self.tell(member, RefreshToken())

    def leave(self, member: Member, now: float, reason: str | None = None) -> None:
        """Somebody is gone; with a `reason` against its will, and it is told. A control participant takes its Host along."""
        if self.members.get(member.uuid) is not member:
            return
        if (host := self.main.members.get(member.owner or "")) is not None:
            return self.main.leave(host, now, reason)
        if reason is not None:
            self.main.invitations.withdraw(member.uuid)
        self.remove(member, reason)
        self.after_leaving(now)

    def remove(self, member: Member, reason: str | None = None) -> None:
        """Take somebody out, without regard to what becomes of the room."""
        self.tell(member, Bye() if reason is None else Disconnect(reason=reason))
        self.take_out(member)
        self.outbox.add(*[CloseCall(call) for call in member.calls])

    def take_out(self, member: Member) -> None:
        """The same, without a word to it, and its calls go on."""
        viewers = [viewer for viewer in self.members.values() if viewer is not member and self.sees(viewer, member)]
        on_stage = member in self.stage
        self.release_floor(member)
        self.passes.revoke(member.uuid)
        del self.members[member.uuid]
        self.called.pop(member.uuid, None)
        self.speakers = [uuid for uuid in self.speakers if uuid != member.uuid]
        for viewer in viewers:
            self.tell(viewer, ParticipantDelete(uuid=member.uuid))
        if on_stage:
            self.stage_changed()

    def end(self, reason: str) -> None:
        """Everybody is disconnected, from the breakout rooms too."""
        self.breakouts.end(reason)
        self.invitations.withdraw()
        self.disperse(reason)
        self._begin()

    def disperse(self, reason: str) -> None:
        """Nobody is here any more."""
        for member in self.members.values():
            self.tell(member, Disconnect(reason=reason))
            self.passes.revoke(member.uuid)
            self.outbox.add(*[CloseCall(call) for call in member.calls])
        self.members.clear()
        self.called.clear()

    def after_leaving(self, now: float) -> None:
        """Do what follows when somebody is gone, from this room at least."""
        self.breakouts.attend()
        self.main.breakouts.settle(self)
        self.main._awaits = self.main.invitations.referred(now)
        if not self.main._is_over():
            self._without_hosts(now)

    def _is_over(self) -> bool:
        """End the conference when nobody is left in it and nobody is on the way back; whether it has ended."""
        everywhere = [room for room in self.breakouts.everywhere if room.members]
        if self._awaits or any(dialling.kept_alive(room) for room in everywhere):
            return False
        if everywhere:
            self.end(dialling.NOBODY_KEEPS_ALIVE)
        else:
            self.breakouts.end(CLOSED)
            self._begin()
        return True

    def _without_hosts(self, now: float) -> None:
        """Guests wait again when the last Host is gone; anyhow tell of the conference if it is another."""
        has_host = any(member.is_host for member in self.members.values()) or self.main.invitations.referred(now, Role.HOST)
        if self.vmr.host_pin is not None and self.started and not has_host:
            self._back_to_waiting(now)
        else:
            self.conference_updated()

    def _back_to_waiting(self, now: float) -> None:
        # protocol.md leaves open whether guests wait again or are disconnected; a real node has a period of grace.
        self.started = False
        guests = self.admitted
        for guest in guests:
            self.release_floor(guest)
        self.conference_updated()
        for guest in guests:
            guest.waiting_since = now
        for guest in guests:
            self.tell(guest, views.updated(self, guest, guest), *views.roster(self, guest))

    def _mute_newcomer(self, member: Member) -> None:
        if self.guests_muted and not member.is_host:
            member.muted = True

    # --- floor, calls, facts ---------------------------------------------------------------------------------------

    def release_floor(self, member: Member) -> None:
        """The member presents no more; nothing happens when it did not."""
        if self.floor != member.uuid:
            return
        self.floor, self.stills = None, Stills()
        self.updated(member)
        self.tell_room(PresentationStop(), but=member)

    def close_call(self, member: Member, call: NodeCall) -> None:
        """A call ends; the member stays."""
        if member.calls.pop(call.uuid, None) is None:
            return
        member.ended_calls.append(call.uuid)
        self.order(CloseCall(call.uuid))
        if not member.calls or call.carries is Carries.SLIDES_OUT:
            self.release_floor(member)
        if call.acked:
            self.updated(member)
            self.stage_changed()
        self.main.breakouts.settle(self)

    def call_endpoint(self, member: Member, call: NodeCall) -> None:
        """Have the media of somebody who was called brought up."""
        if (far_end := member.far_end) is not None:
            streams_to = far_end.destination if far_end.streams else None
            where = streams_to, far_end.presentation_url
            self.order(CallEndpoint(self.uuid, member.uuid, call.uuid, far_end.endpoint, far_end.video, *where))

    def connected(self, call: str, now: float) -> None:
        """The media part reached the streaming service of a call."""
        for member in self.members.values():
            if call in member.calls and member.connecting:
                dialling.answered(self, member, now)
                return

    def lost(self, call: str, reason: str, now: float) -> None:
        """The media part gave a call up; who was called is gone with it."""
        for member in self.members.values():
            if call in member.calls and member.far_end is not None:
                dialling.gone(self, member, now, reason)
                return
            if call in member.calls:
                self.tell(member, CallDisconnected(call_uuid=call, reason=reason))
                self.close_call(member, member.calls[call])
                return

    def voice(self, participant: str, speaking: bool, now: float) -> None:
        """Somebody began or stopped to speak."""
        member = self.members.get(participant)
        if member is None or member.speaking == speaking or (speaking and member.waiting):
            return
        before = picture.order(self)
        member.speaking, member.spoke = speaking, now
        if speaking:
            self.speakers = [participant, *(uuid for uuid in self.speakers if uuid != participant)]
        # Whoever goes on speaking has spoken later than who just fell silent, although nothing tells of it.
        self.speakers.sort(key=lambda uuid: not self.members[uuid].speaking)
        self._tell_moved(before)
        self.tell_room(views.stage(self))

    def _tell_moved(self, before: list[Member]) -> None:
        """Tell of another layout whoever sees others, or the same in other places, than in the order before."""
        after = picture.order(self)
        if after != before:
            for viewer in self.admitted:
                if picture.shown(self, viewer, before) != picture.shown(self, viewer, after):
                    self.tell(viewer, views.layout(self, viewer))

    @property
    def due(self) -> float:
        """When `sweep` must come in time, in Unix seconds; what only grows old is swept now and then."""
        called = (dialling.due(room) for room in self.breakouts.everywhere)
        return min(self.finishes, *called, *(one.due for one in self.performers))

    def sweep(self, now: float) -> None:
        """Do what is due, and remove whoever let the token run out or waited too long; who was sent elsewhere and did not go, stays."""
        if self.finishes <= now:
            self.end(TEST_FINISHED)
        dialling.advance(self, now)
        self.performers = [one for one in self.performers if one.present]
        for performer in self.performers:
            performer.advance(now)
        for uuid in self.passes.expired(now):
            self.leave(self.members[uuid], now, TOKEN_EXPIRED)
        for member in list(self.members.values()):
            if member.waiting_since is not None and now - member.waiting_since >= self.config.waiting_seconds:
                self.leave(member, now, WAITED_TOO_LONG)
            elif 0 < member.transferring <= now:
                member.direct_capable = False  # and is not sent to and fro between kinds of media again
                moves.call_back(self, member)
        if self._awaits and not self.invitations.referred(now):
            self._awaits = False
            if not self._is_over():
                self._without_hosts(now)
        self.breakouts.sweep(now)

    def plan(self) -> MediaPlan:
        """What the media part must do now."""
        return planning.plan(self)


def _by_role(viewers: Iterable[Member]) -> list[list[Member]]:
    """Hosts and Guests apart: what those of one role are shown is the same, and so is made and encoded once."""
    everybody = list(viewers)
    roles = ([viewer for viewer in everybody if viewer.is_host is host] for host in (True, False))
    return [alike for alike in roles if alike]
