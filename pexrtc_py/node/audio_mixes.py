"""Audio mixes: who hears whom, and who gives way to whom; decisions without any sound.

Names are hierarchical: whoever hears `main.french` hears all who speak into it and all who speak into `main`, which it inherits from.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from pexrtc_py.node.plan import IN_MAIN, MAIN, Seat
from pexrtc_py.protocol.models import AudioMix

DEPTH = 3
"""Dots that separate names; further ones belong to the last name."""
NAME_LENGTH = 250
MIXES = 32
"""Mixes that one participant may speak into."""


@dataclass
class Sound:
    """What is set for a participant's sound."""

    sends: tuple[AudioMix, ...] = (AudioMix(mix_name=MAIN),)
    """The mixes it speaks into."""
    hears: str | None = MAIN
    """The mix it hears; None for nobody."""
    tx_muted: bool = False
    """Whether it is sent no sound, whatever it is set to hear."""
    studio: bool | None = None
    """Whether its sound is left unprocessed; None before anybody said so."""


@dataclass(frozen=True, slots=True)
class Blend:
    """The calls that are heard in a mix: `others` are softer while one of the `prominent` ones speaks."""

    prominent: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()


def fault(name: str) -> str | None:
    """What is wrong with the name of a mix, as a sentence; None when it is valid."""
    if len(name) > NAME_LENGTH:
        return f"the name of a mix has at most {NAME_LENGTH} characters, not {len(name)}"
    if "" in name.split("."):
        return f"the name {name!r} has nothing before, between or after its dots"
    if MAIN in _names(name)[1:]:
        return f"in {name!r} the word {MAIN!r} must come first"
    return None


def line_of(name: str) -> frozenset[str]:
    """A mix and all that it inherits from: `a.b.c` is heard by speaking into `a`, `a.b` or `a.b.c`."""
    names = _names(name)
    return frozenset(".".join(names[:end]) for end in range(1, len(names) + 1))


def blends(seats: Collection[Seat]) -> dict[str, Blend]:
    """What each call hears of the audible ones, itself included; nothing at all when everybody hears everybody alike."""
    if all(seat.hears == MAIN and seat.speaks_in == IN_MAIN and not seat.prominent_in for seat in seats):
        return {}
    audible = [seat for seat in seats if seat.audible]
    by_mix = {mix: _blend(line_of(mix) if mix else frozenset(), audible) for mix in {seat.hears for seat in seats}}
    return {seat.call: by_mix[seat.hears] for seat in seats}


def _blend(line: frozenset[str], audible: Iterable[Seat]) -> Blend:
    heard = [seat for seat in audible if line & seat.speaks_in]
    prominent = frozenset(seat.call for seat in heard if line & seat.prominent_in)
    return Blend(prominent, frozenset(seat.call for seat in heard) - prominent)


def _names(name: str) -> list[str]:
    return name.split(".", DEPTH)
