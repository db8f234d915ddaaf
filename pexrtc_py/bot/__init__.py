"""The unattended recorder: its rules, what goes beside the file, and looking into it. Loaded when first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pexrtc_py.bot.job import Job
    from pexrtc_py.bot.leaving import AutoLeave
    from pexrtc_py.bot.reasons import End, Reason
    from pexrtc_py.bot.running import Bot, Outcome, State

__all__ = ["AutoLeave", "Bot", "End", "Job", "Outcome", "Reason", "State"]

_HOMES = {"job": ("Job",), "leaving": ("AutoLeave",), "reasons": ("End", "Reason"), "running": ("Bot", "Outcome", "State")}


def __getattr__(name: str) -> object:
    for module, names in _HOMES.items():
        if name in names:
            value: object = getattr(import_module(f"pexrtc_py.bot.{module}"), name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
