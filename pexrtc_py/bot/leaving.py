"""When an unattended recorder leaves by itself. Pure: who is there and what time it is go in, a reason comes out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from pexrtc_py.bot.reasons import Reason
from pexrtc_py.errors import UsageError

TAG = "pexrtc-recorder"
"""The call tag of our recorders, by which they know each other."""
BOT_WORDS = frozenset({"bot", "recorder", "recording", "notetaker", "note-taker", "transcriber", "assistant"})


class Person(Protocol):
    """A participant as the rules see it."""

    @property
    def uuid(self) -> str:
        """Who."""
        ...

    @property
    def display_name(self) -> str:
        """The name that others see."""
        ...

    @property
    def call_tag(self) -> str:
        """What its program called its call."""
        ...


@dataclass(frozen=True, kw_only=True)
class AutoLeave:
    """The rules; times are seconds, None switches one off. Raises `UsageError` for what is not above 0."""

    empty: float | None = None
    """So long with nobody else there."""
    only_bots: float | None = None
    """So long with nobody else but bots there."""
    silence: float | None = None
    """So long without anybody speaking."""
    max_time: float | None = None
    """So long after the recording has begun."""
    until: float | None = None
    """At this time (Unix seconds)."""
    lobby: float | None = None
    """So long in the waiting room."""
    no_signal: float | None = 60.0
    """So long without anything to record."""
    bot_words: frozenset[str] = field(default=BOT_WORDS)
    """Words in a name that make it a bot's."""

    def __post_init__(self) -> None:
        for name in ("empty", "only_bots", "silence", "max_time", "lobby", "no_signal"):
            if (value := getattr(self, name)) is not None and not value > 0:
                raise UsageError(f"{name} must be above 0 seconds, not {value:g}; leave it out to switch the rule off.")


class Watch:
    """Follows a conference by the rules; `see` it now and then."""

    def __init__(self, rules: AutoLeave, me: str, began: float) -> None:
        self._rules, self._me, self._began = rules, me, began
        self._since: dict[Reason, float] = {}
        self._units = -1

    def see(
        self, people: Iterable[Person], *, speaking: bool, units: int, now: float, clock: float | None = None
    ) -> tuple[Reason, float] | None:
        """The rule that says to leave `now`, and how many seconds it has held; None: stay.

        `now` is in seconds of a clock that nobody sets, `clock` the time of day in Unix seconds (`now` when left out). `units` counts what
        was recorded so far.
        """
        others = [person for person in people if person.uuid != self._me]
        states = {
            Reason.EMPTY: not others,
            Reason.ONLY_BOTS: all(self._is_bot(person) for person in others),
            Reason.SILENCE: not speaking,
            Reason.NO_SIGNAL: units == self._units,
        }
        self._units = units
        for reason, holds in states.items():
            if not holds:
                self._since.pop(reason, None)
            else:
                self._since.setdefault(reason, now)
        return self._due(now, now if clock is None else clock)

    def _due(self, now: float, clock: float) -> tuple[Reason, float] | None:
        rules = self._rules
        limits = {
            Reason.EMPTY: rules.empty,
            Reason.ONLY_BOTS: rules.only_bots,
            Reason.SILENCE: rules.silence,
            Reason.NO_SIGNAL: rules.no_signal,
        }
        for reason, limit in limits.items():
            held = now - self._since[reason] if reason in self._since else 0.0
            if limit is not None and reason in self._since and held >= limit:
                return reason, held
        if rules.max_time is not None and now - self._began >= rules.max_time:
            return Reason.MAX_TIME, now - self._began
        if rules.until is not None and clock >= rules.until:
            return Reason.CLOCK_TIME, now - self._began
        return None

    def _is_bot(self, person: Person) -> bool:
        words = set(person.display_name.casefold().replace("(", " ").replace(")", " ").split())
        return person.call_tag == TAG or bool(words & self._rules.bot_words)
