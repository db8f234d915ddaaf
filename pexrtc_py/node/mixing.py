"""The audio of a room: everybody hears everybody but itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from pexrtc_py.node.sound import BLOCK, Block, Gate, Ring, Sum, Voice, level, limit


@dataclass(frozen=True, slots=True)
class Mix:
    """What some listeners hear for one block: `block` to play, `lead` the block before if this mix is new."""

    callers: frozenset[str]
    block: Block
    lead: Block | None
    listeners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mixed:
    """One tick of a room: each listener is in one of `mixes` or in `silent`; `voices` are changes of who speaks."""

    mixes: tuple[Mix, ...]
    silent: tuple[str, ...]
    voices: tuple[tuple[str, bool], ...]


@dataclass(slots=True)
class _Caller:
    ring: Ring
    gate: Gate = field(default_factory=Gate)
    voice: Voice = field(default_factory=Voice)


class Mixer:
    """Adds up the callers of one room, block by block, at positions that only grow.

    Listeners who hear the same callers share one mix. `position` is the next sample to be mixed.
    """

    def __init__(self, position: int) -> None:
        self.position = position
        self._callers: dict[str, _Caller] = {}
        self._before: dict[str, Block] = {}
        self._mixed: frozenset[frozenset[str]] = frozenset()

    def keep(self, callers: Collection[str]) -> tuple[str, ...]:
        """Hear exactly these callers from now on; answers who of the others was speaking."""
        gone = [name for name in self._callers if name not in callers]
        for name in callers:
            if name not in self._callers:
                self._callers[name] = _Caller(Ring(self.position))
        return tuple(name for name in gone if self._callers.pop(name).voice.speaking)

    def ring(self, caller: str) -> Ring | None:
        """Where the samples of a caller go; None for those who are not heard."""
        known = self._callers.get(caller)
        return known.ring if known else None

    def skip(self, blocks: int) -> None:
        """Leave out blocks that it is too late to play."""
        self.position += blocks * BLOCK

    def tick(self, listeners: Iterable[str]) -> Mixed:
        """Mix the block at `position` for these listeners."""
        blocks, voices = self._collect()
        mixes, silent = self._share(blocks, listeners)
        self._before = blocks
        self._mixed = frozenset(mix.callers for mix in mixes)
        self.position += BLOCK
        return Mixed(mixes, silent, voices)

    def _collect(self) -> tuple[dict[str, Block], tuple[tuple[str, bool], ...]]:
        blocks: dict[str, Block] = {}
        voices: list[tuple[str, bool]] = []
        for name, caller in self._callers.items():
            block = caller.ring.read(self.position)
            loudness = level(block)
            if caller.voice.hear(loudness):
                voices.append((name, caller.voice.speaking))
            if (passed := caller.gate.through(block, loudness)) is not None:
                blocks[name] = passed
        return blocks, tuple(voices)

    def _share(self, blocks: Mapping[str, Block], listeners: Iterable[str]) -> tuple[tuple[Mix, ...], tuple[str, ...]]:
        audience: dict[frozenset[str], list[str]] = {}
        speakers = frozenset(blocks)
        for listener in listeners:
            audience.setdefault(speakers - {listener}, []).append(listener)
        silent = tuple(audience.pop(frozenset(), ()))
        return tuple(self._mix(callers, blocks, tuple(names)) for callers, names in audience.items()), silent

    def _mix(self, callers: frozenset[str], blocks: Mapping[str, Block], listeners: tuple[str, ...]) -> Mix:
        lead = None if callers in self._mixed else _sum(callers, self._before)
        return Mix(callers, _sum(callers, blocks), lead, listeners)


def _sum(callers: frozenset[str], blocks: Mapping[str, Block]) -> Block:
    total: Sum = np.zeros((BLOCK, 2), np.int32)
    for name in callers & blocks.keys():
        total += blocks[name]
    return limit(total)
