"""How long to wait before the next attempt: growing, capped and jittered; pure."""

from __future__ import annotations

import math
import random
from collections.abc import Callable


class Backoff:
    """Doubles the pause with every attempt, from `first` up to `cap` seconds, each time jittered down by up to a half.

    The jitter keeps a thousand clients of one node from coming back in step.
    """

    def __init__(self, *, first: float = 0.25, cap: float = 15.0, chance: Callable[[], float] = random.random) -> None:
        self.attempts = 0
        self._first, self._cap, self._chance = first, cap, chance

    def next(self) -> float:
        """The pause before the next attempt, in seconds."""
        pause = min(self._cap, self._first * math.ldexp(1, min(self.attempts, 32)))
        self.attempts += 1
        return pause * (1 - self._chance() / 2)

    def reset(self) -> None:
        """It worked: start again from the first pause."""
        self.attempts = 0
