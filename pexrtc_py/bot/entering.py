"""The way into the conference of a job, without anybody who could be asked."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pexrtc_py.bot.leaving import TAG
from pexrtc_py.bot.reasons import JoinTimedOut

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pexrtc_py.bot.job import Job
    from pexrtc_py.conference import Conference


@contextlib.asynccontextmanager
async def entered(job: Job, *, on_lobby: Callable[[], None]) -> AsyncIterator[Conference]:
    """The conference of a job, once we are let in; `on_lobby` is called when that takes waiting.

    Raises what `pexrtc_py.join` raises, and `LobbyTimeout`.
    """
    from pexrtc_py.joining import join
    from pexrtc_py.recording import recordable

    codecs = recordable(Path(job.out), composed=job.transcode)
    reach: dict[str, Any] = {"ca_file": job.ca_file, "insecure": job.insecure, "proxy": job.proxy}
    call: dict[str, Any] = {"codecs": codecs, "call_type": job.call_type}
    joining = join(job.conference, node=job.node, display_name=job.name, pin=job.secret(), call_tag=TAG, **reach, **call)
    try:
        async with asyncio.timeout(job.join_timeout):
            conference = await joining
    except TimeoutError as error:
        raise JoinTimedOut(f"{job.conference} was not joined within {job.join_timeout:g} s.") from error
    try:
        if conference.in_lobby:
            on_lobby()
        await conference.admitted(timeout=job.leave.lobby)
        yield conference
    finally:
        await conference.leave()
