"""What all requests to a node share: its rooms by alias, and whether it is in maintenance; pure."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from contextlib import suppress

from pexrtc_py.errors import UsageError
from pexrtc_py.node import direct
from pexrtc_py.node.admission import Refused
from pexrtc_py.node.bots import Bot, Performer
from pexrtc_py.node.config import NodeConfig, Vmr
from pexrtc_py.node.identity import SignIns
from pexrtc_py.node.lines import KINDS, Lines
from pexrtc_py.node.registrar import Registrar
from pexrtc_py.node.room import Room

OPEN_ROOMS = 1000
"""Rooms made up on demand; beyond it empty ones are forgotten."""


class House:
    """The rooms of a node, and what belongs to none of them."""

    def __init__(self, config: NodeConfig) -> None:
        self.config = config
        self.maintenance = config.maintenance
        """While it is True nobody may join; who is in stays."""
        self.clock: Callable[[], float] = time.time
        """Unix seconds."""
        self.wake: Callable[[], None] = lambda: None
        """Has the node tell soon of what was changed by hand."""
        self._listening: Collection[str] | None = None
        self.sign_ins = SignIns()
        self.registrar = Registrar(config.devices, config.token_seconds)
        self.lines = Lines(config)
        shared = [Room(vmr, config) for vmr in config.conferences if vmr.service_type not in KINDS]
        self._rooms = {alias.casefold(): room for room in shared for alias in room.vmr.all_aliases}
        for room in shared:
            room.house = self

    def add(self, room: Room, bot: Bot) -> Performer:
        """A scripted participant comes into a room."""
        performer = Performer(bot, room, self, self.clock())
        room.performers.append(performer)
        performer.enter()
        self.wake()
        return performer

    def settle(self, now: float) -> None:
        """Do what follows from whatever has happened in the rooms."""
        for room in self.rooms:
            direct.settle(room, now)

    @property
    def rooms(self) -> list[Room]:
        """Every room once."""
        return list({room.uuid: room for room in (*self._rooms.values(), *self.lines.rooms)}.values())

    def room(self, alias: str) -> Room | None:
        """The conference of an alias, never a call for one caller alone; without configured conferences any alias opens one.

        Raises `Refused` when there are too many.
        """
        key = alias.casefold()
        if key not in self._rooms and not self.config.conferences:
            self._open_room(key, alias)
        return self._rooms.get(key)

    def attend(self, listening: Collection[str]) -> None:
        """From now on only those are told anything, by uuid; a view that follows."""
        self._listening = self.lines.listening = listening
        for room in self.rooms:
            room.outbox.listening = listening

    def knows(self, token: str, now: float) -> bool:
        """Whether a token is that of a registration, or of a participant of any room."""
        passes = [self.registrar.passes, *(place.passes for room in self.rooms for place in room.breakouts.everywhere)]
        return any(one.holder(token, now) is not None for one in passes)

    def entered(self, alias: str, token: str, now: float) -> Room | None:
        """The room in which a token is good that was got under this alias: its own, or behind a reception another one."""
        room = self.room(alias)
        if room is None or room.vmr.reception is None:
            return room
        for behind, place in ((main, place) for main in self.rooms for place in main.breakouts.everywhere):
            member = place.members.get(place.passes.holder(token, now) or "")
            if member is not None and self.room(member.alias) is room:
                return behind
        return room

    def _open_room(self, key: str, alias: str) -> None:
        if len(self._rooms) >= OPEN_ROOMS:
            self._rooms = {known: room for known, room in self._rooms.items() if any(inner.members for inner in room.breakouts.everywhere)}
        if len(self._rooms) >= OPEN_ROOMS:
            raise Refused(503, "Out of resource")
        with suppress(UsageError):  # what cannot be an alias is no conference
            self._rooms[key] = room = Room(Vmr(alias), self.config)
            room.outbox.listening, room.house = self._listening, self
