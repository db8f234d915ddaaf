"""Calls that are for one caller alone: through a gateway to a far end, and test calls. Each caller has a room of its own; pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from uuid import uuid4

from pexrtc_py.errors import UsageError
from pexrtc_py.node import dialling
from pexrtc_py.node.config import NodeConfig, Vmr
from pexrtc_py.node.farend import far_end_for
from pexrtc_py.node.member import Member
from pexrtc_py.node.room import Room
from pexrtc_py.protocol import requests as r
from pexrtc_py.protocol.models import KeepAlive, Role

KINDS = {"gateway": "A call through a gateway", "test_call": "A test call"}
ALIASES = 1000
"""Aliases that were called and are remembered; beyond it those without a caller are forgotten."""
LACKS = {
    *(r.Lock, r.Unlock, r.StartConference, r.MuteGuests, r.UnmuteGuests, r.SetGuestsCanUnmute, r.ParticipantUnlock, r.ParticipantRole),
    *(r.SpotlightOn, r.SpotlightOff, r.ClearSpotlights, r.Buzz, r.ClearBuzz, r.ClearAllBuzz, r.Dial, r.Transfer),
    *(r.TransformLayout, r.LayoutGroup, r.SilentVideoDetection, r.SetPinningConfig, r.SetMessageText, r.SetClassificationLevel),
    *(r.CreateBreakout, r.MessageBreakouts, r.DisconnectBreakouts, r.EmptyBreakouts, r.MoveParticipants),
    *(r.SendToAudioMixes, r.ReceiveFromAudioMix, r.CreateVideoMix, r.ConfigureVideoMix, r.DeleteVideoMix),
}
"""Requests for what only conferences have."""


class Lines:
    """The rooms of gateways and test calls, one for each caller."""

    def __init__(self, config: NodeConfig) -> None:
        self.listening: Collection[str] | None = None
        """Who is told anything; a view that follows."""
        self._config = config
        self._vmrs = [vmr for vmr in config.conferences if vmr.service_type in KINDS]
        self._rooms: dict[str, list[Room]] = {}

    @property
    def rooms(self) -> list[Room]:
        """All of them."""
        return [room for rooms in self._rooms.values() for room in rooms]

    def room(self, alias: str, token: str, now: float) -> Room | None:
        """The caller's own room of a gateway or test call, an empty one for whoever has none yet; None where the alias is neither."""
        vmr = next((found for one in self._vmrs if (found := dialled(one, alias)) is not None), None)
        if vmr is None:
            return None
        rooms = [room for room in self._rooms.get(alias.casefold(), ()) if room.members]
        for room in rooms:
            if room.passes.holder(token, now) is not None:
                return room
        if len(self._rooms) >= ALIASES:
            self._rooms = {known: some for known, some in self._rooms.items() if any(room.members for room in some)}
        empty = Room(vmr, self._config)
        empty.outbox.listening = self.listening
        self._rooms[alias.casefold()] = [*rooms, empty]
        return empty

    def busy(self, alias: str) -> Room | None:
        """The room of this alias that somebody called first."""
        return next((room for room in self._rooms.get(alias.casefold(), ()) if room.members), None)


def dialled(vmr: Vmr, alias: str) -> Vmr | None:
    """The gateway or test call as it is for a caller of this alias, with whom to call; None where it is another, or can be none."""
    if alias != alias.strip() or not alias.isprintable():
        return None
    for pattern in vmr.all_aliases:
        before, star, after = pattern.casefold().partition("*")
        text = alias.casefold()
        if not star and text == before:
            return replace(vmr, alias=alias, aliases=())
        if star and len(text) > len(before) + len(after) and text.startswith(before) and text.endswith(after):
            anything = alias[len(before) : len(alias) - len(after)]
            return replace(vmr, alias=alias, aliases=(), far_end=vmr.far_end and vmr.far_end.replace("*", anything))
    return None


def placed(room: Room, now: float) -> None:
    """The caller has placed its call: a gateway calls the far end, once."""
    if room.vmr.far_end is None or room.called:
        return
    try:
        far_end = far_end_for(room.config.endpoints, room.vmr.far_end)
    except UsageError:  # what the caller dialled makes no address
        room.end(dialling.REJECTED)
        return
    far_end.keeps_alive, far_end.caller, far_end.caller_name = KeepAlive.NEVER, room.vmr.alias, room.name
    member = Member(str(uuid4()), far_end.name, role=Role.GUEST, alias=room.vmr.alias, joined=now, far_end=far_end)
    dialling.call(room, member, now)


def up(room: Room, now: float) -> None:
    """The caller's media is up: a test call runs from now on."""
    if room.vmr.service_type == "test_call":
        room.finishes = min(room.finishes, now + room.vmr.test_seconds)
