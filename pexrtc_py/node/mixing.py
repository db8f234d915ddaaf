"""The audio of a room: everybody hears everybody but itself, or those whom its audio mix has, some of them softer while others speak.

`Mixer` computes on numbers alone; `MixingDesk` puts the codecs around it, for one job per tick off the event loop.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
from av import AudioFrame

from pexrtc_media.base import AccessUnit
from pexrtc_py.engine.decoders import AudioDecoder
from pexrtc_py.engine.encoders import SILENT_OPUS, OpusEncoder
from pexrtc_py.node.audio_mixes import Blend
from pexrtc_py.node.hold_music import music
from pexrtc_py.node.sound import BLOCK, GATE_LEVEL, RATE, SILENCE, Block, Ducking, Gate, Ring, Sum, Voice, level, limit
from pexrtc_py.node.tones import played

TONES = 3000
"""Blocks of tones that may wait for a listener."""
LOOKAHEAD = 312
"""Samples by which what a packet plays is later than its time stamp says: the delay of the Opus encoder (RFC 7845 4.2)."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What goes into a mix: the `soft` callers give way to those of `to`."""

    loud: frozenset[str]
    soft: frozenset[str] = frozenset()
    to: frozenset[str] = frozenset()
    tones: str = ""
    """The only listener, who hears the tones of telephone keys in it; empty for a mix without."""


NOTHING = Recipe(frozenset())
EVERYBODY: Mapping[str, Blend] = {}


@dataclass(frozen=True, slots=True)
class Mix:
    """What some listeners hear for one block: `block` to play, `lead` the block before if this mix is new."""

    recipe: Recipe
    block: Block
    lead: Block | None
    listeners: tuple[str, ...]

    @property
    def callers(self) -> frozenset[str]:
        """Whom they hear."""
        return self.recipe.loud | self.recipe.soft


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
        self._mixed: frozenset[Recipe] = frozenset()
        self._unprocessed: Collection[str] = ()
        self._ducking: dict[frozenset[str], Ducking] = {}
        self._tones: dict[str, deque[Block]] = {}
        self.tones_dropped = 0
        """Blocks of tones for which no time was left."""

    def dial(self, listener: str, keys: str) -> None:
        """Have a listener hear the tones of these keys, after those that it still hears; what is more than a minute is left out."""
        waiting, blocks = self._tones.get(listener, deque()), tuple(played(keys))
        fitting = blocks[: TONES - len(waiting)]
        self.tones_dropped += len(blocks) - len(fitting)
        if fitting:
            self._tones[listener] = deque((*waiting, *fitting))

    def keep(self, callers: Collection[str], *, unprocessed: Collection[str] = ()) -> tuple[str, ...]:
        """Hear exactly these callers from now on, some of them however quiet; answers who of the others was speaking."""
        self._unprocessed = unprocessed
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

    def tick(self, listeners: Collection[str], blends: Mapping[str, Blend] = EVERYBODY) -> Mixed:
        """Mix the block at `position` for these listeners; who has no blend hears everybody."""
        blocks, voices = self._collect()
        self._duck(blends[listener].prominent - {listener} for listener in listeners if listener in blends)
        mixes, silent = self._share(blocks, listeners, blends)
        self._step_tones(listeners)
        self._before = blocks
        self._mixed = frozenset(mix.recipe for mix in mixes)
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
            floor = SILENCE if name in self._unprocessed else GATE_LEVEL
            if (passed := caller.gate.through(block, loudness, floor)) is not None:
                blocks[name] = passed
        return blocks, tuple(voices)

    def _duck(self, masters: Iterable[frozenset[str]]) -> None:
        """Go on lowering or raising those who give way, once for all who hear the same prominent callers."""
        speaking = {name for name, caller in self._callers.items() if caller.voice.speaking}
        self._ducking = {to: self._ducking.get(to) or Ducking() for to in masters if to}
        for to, ducking in self._ducking.items():
            ducking.step(speaking=bool(to & speaking))

    def _step_tones(self, listeners: Collection[str]) -> None:
        for tones in self._tones.values():
            tones.popleft()
        self._tones = {listener: tones for listener, tones in self._tones.items() if tones and listener in listeners}

    def _share(
        self, blocks: Mapping[str, Block], listeners: Iterable[str], blends: Mapping[str, Blend]
    ) -> tuple[tuple[Mix, ...], tuple[str, ...]]:
        audience: dict[Recipe, list[str]] = {}
        speakers = frozenset(blocks)
        for listener in listeners:
            audience.setdefault(self._recipe(listener, speakers, blends.get(listener)), []).append(listener)
        silent = tuple(audience.pop(NOTHING, ()))
        return tuple(self._mix(recipe, blocks, tuple(names)) for recipe, names in audience.items()), silent

    def _recipe(self, listener: str, speakers: frozenset[str], blend: Blend | None) -> Recipe:
        recipe = self._heard(listener, speakers, blend)
        return replace(recipe, tones=listener) if listener in self._tones else recipe

    def _heard(self, listener: str, speakers: frozenset[str], blend: Blend | None) -> Recipe:
        if blend is None:
            return Recipe(speakers - {listener})
        heard = ((blend.prominent | blend.others) & speakers) - {listener}
        # Nobody gives way to a listener's own voice: whoever interrupts must be heard.
        to = blend.prominent - {listener}
        ducking, soft = self._ducking.get(to), heard - blend.prominent
        return Recipe(heard) if ducking is None or ducking.idle or not soft else Recipe(heard - soft, soft, to)

    def _mix(self, recipe: Recipe, blocks: Mapping[str, Block], listeners: tuple[str, ...]) -> Mix:
        lead = None if recipe in self._mixed else self._sum(recipe, self._before)
        return Mix(recipe, self._sum(recipe, blocks, self._tones[recipe.tones][0] if recipe.tones else None), lead, listeners)

    def _sum(self, recipe: Recipe, blocks: Mapping[str, Block], tones: Block | None = None) -> Block:
        total: Sum = np.zeros((BLOCK, 2), np.int32)
        if tones is not None:
            total += tones
        for name in recipe.loud & blocks.keys():
            total += blocks[name]
        for name in recipe.soft & blocks.keys():
            total += self._ducking[recipe.to].apply(blocks[name])
        return limit(total)


@dataclass(frozen=True, slots=True)
class Job:
    """One tick of work: whom to hear, who listens, who waits in silence, and what arrived since the last tick."""

    callers: frozenset[str]
    listeners: tuple[str, ...]
    waiting: tuple[str, ...]
    arrived: tuple[tuple[str, tuple[tuple[AccessUnit, float], ...]], ...]
    """By caller: Opus packets and when they were captured, in Unix seconds of our clock."""
    skip: int = 0
    """Blocks to leave out before this one."""
    unprocessed: frozenset[str] = frozenset()
    """Callers that are heard however quiet."""
    blends: Mapping[str, Blend] = field(default_factory=dict)
    """Whom a listener hears; who is not in it hears all callers."""
    music: tuple[str, ...] = ()
    """Those who hear the music of the waiting room."""
    dialled: tuple[tuple[str, str], ...] = ()
    """Listeners, and the telephone keys whose tones they are to hear from now on."""


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a tick: packets with those who get them, changes of who speaks, and what is waiting."""

    packets: tuple[tuple[AccessUnit, tuple[str, ...]], ...]
    voices: tuple[tuple[str, bool], ...]
    depths: Mapping[str, int]
    """Samples per caller that are ahead of the mix."""
    late: Mapping[str, int]
    """Samples per caller that came too late or far too early, since the caller was first heard."""


class MixingDesk:
    """The audio of one room with its codecs; `work` computes for some milliseconds, one call at a time.

    Each distinct mix is encoded once. Its encoder lives as long as the mix goes on; a new one first encodes the
    block before, so that a listener's decoder is led from one mix to the next.
    """

    def __init__(self, position: int) -> None:
        self.mixer = Mixer(position)
        self._decoders: dict[str, AudioDecoder] = {}
        self._encoders: dict[Recipe, OpusEncoder] = {}

    def work(self, job: Job) -> Played:
        """Decode what arrived, mix one block, encode it for its listeners."""
        self.mixer.skip(job.skip)
        ended = self.mixer.keep(job.callers, unprocessed=job.unprocessed)
        for listener, keys in job.dialled:
            self.mixer.dial(listener, keys)
        self._decoders = {caller: self._decoders.get(caller) or AudioDecoder() for caller in job.callers}
        for caller, units in job.arrived:
            self._decode(caller, units)
        position = self.mixer.position
        mixed = self.mixer.tick(job.listeners, job.blends)
        voices = (*((caller, False) for caller in ended), *mixed.voices)
        packets = tuple(self._encode(mixed.mixes, (*mixed.silent, *job.waiting), position))
        return Played((*packets, *_played_music(job.music, position)), voices, *self._rings())

    def _decode(self, caller: str, units: Iterable[tuple[AccessUnit, float]]) -> None:
        ring, decoder = self.mixer.ring(caller), self._decoders.get(caller)
        if ring is None or decoder is None:
            return
        for unit, captured in units:
            start = round(captured * RATE) - LOOKAHEAD
            for frame in decoder.decode(unit):
                samples = np.asarray(frame.to_ndarray(), np.int16).reshape(-1, 2)
                ring.write(start, samples)
                start += len(samples)

    def _encode(self, mixes: tuple[Mix, ...], silent: tuple[str, ...], position: int) -> Iterable[tuple[AccessUnit, tuple[str, ...]]]:
        self._encoders = {mix.recipe: self._encoder(mix, position) for mix in mixes}
        for mix in mixes:
            for unit in self._encoders[mix.recipe].encode(_frame(mix.block, position)):
                yield _packet(unit.data, position), mix.listeners
        if silent:
            yield _packet(SILENT_OPUS, position), silent

    def _encoder(self, mix: Mix, position: int) -> OpusEncoder:
        known = self._encoders.get(mix.recipe)
        if mix.lead is None and known is not None:
            return known
        fresh = OpusEncoder()
        if mix.lead is not None:
            fresh.encode(_frame(mix.lead, position - BLOCK))
        return fresh

    def _rings(self) -> tuple[dict[str, int], dict[str, int]]:
        rings = {caller: ring for caller in self._decoders if (ring := self.mixer.ring(caller))}
        return {name: ring.depth for name, ring in rings.items()}, {name: ring.late + ring.refused for name, ring in rings.items()}


def _played_music(listeners: tuple[str, ...], position: int) -> Iterable[tuple[AccessUnit, tuple[str, ...]]]:
    if listeners:
        packets = music()
        yield _packet(packets[position // BLOCK % len(packets)], position), listeners


def _frame(block: Block, position: int) -> AudioFrame:
    frame = AudioFrame.from_ndarray(np.ascontiguousarray(block).reshape(1, -1), format="s16", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = RATE, position, Fraction(1, RATE)
    return frame


def _packet(data: bytes, position: int) -> AccessUnit:
    return AccessUnit(data, "opus", position, RATE)
