"""Ending tasks for good."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

AGAIN = 0.05
"""Seconds after which a task that goes on is cancelled once more."""


async def cancelled(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel these, and come back when all are over.

    Once is not always enough: until Python 3.12 `asyncio.wait_for`, with which a DTLS handshake waits for its packets, forgets that it was
    cancelled when what it waits for comes in the same turn of the event loop.
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=AGAIN)
