"""A token that is wanted only as long as whoever asked for it waits."""

from __future__ import annotations

import asyncio

from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.models import Token
from pexrtc_py.signaling.joining import Ask, Introduction, join_node
from pexrtc_py.signaling.session import Session
from pexrtc_py.signaling.transport import Transport

LATE_SECONDS = 2.0
"""How long a token may still be granted after the join was given up; it is given back then."""


async def granted(way: Transport, address: Address, who: Introduction, *, ask: Ask | None = None) -> Token:
    """What `join_node` gives, and given back when we are cancelled before we have it; raises what that raises."""
    granting = asyncio.create_task(join_node(way, address, who, ask=ask))
    try:
        return await asyncio.shield(granting)
    except BaseException:
        await _given_back(way, address, granting)
        raise


async def _given_back(way: Transport, address: Address, granting: asyncio.Task[Token]) -> None:
    """We do not want the token any more, but the node may be about to grant it."""
    await asyncio.wait([granting], timeout=LATE_SECONDS)
    if not granting.done():
        granting.cancel()
    elif granting.exception() is None:
        await Session(way, address, granting.result()).release("Join cancelled")
