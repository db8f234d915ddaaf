"""Who else is told: a webhook by HTTP, and a command when all is done."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shlex
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pexrtc_py.errors import NodeError, UsageError
from pexrtc_py.signaling.transport import HttpTransport, Outgoing

if TYPE_CHECKING:
    from pexrtc_py.bot.job import Job
    from pexrtc_py.bot.running import Outcome, State

logger = logging.getLogger(__name__)

PAUSES = (0.5, 2.0, 8.0)
"""Seconds between the tries to reach the webhook."""
PATIENCE = 15.0
"""Seconds that the end of a run waits for what was not told yet."""
COMMAND_SECONDS = 300.0


class Hooks:
    """Tells of the states of a run; what cannot be told is logged, and ends nothing."""

    def __init__(self, job: Job, run: str) -> None:
        self._job, self._run = job, run
        self._queue: list[asyncio.Task[None]] = []
        self._turn = asyncio.Lock()
        self._number = 0

    def tell(self, state: State) -> None:
        """Tell the webhook of a state, behind the caller's back and in order."""
        self._send({"state": state.value})

    async def finish(self, outcome: Outcome) -> None:
        """Tell of the end, wait until all was told, and run the command."""
        end = outcome.end
        self._send({"reason": end.reason.value, "detail": end.detail, "exit": outcome.exit_code, "evidence": end.evidence})
        if self._queue:
            _, late = await asyncio.wait(self._queue, timeout=PATIENCE)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        if self._job.on_finish is not None and outcome.result is not None:
            await _run(self._job.on_finish, outcome)

    def _send(self, about: dict[str, Any]) -> None:
        if self._job.webhook is None:
            return
        self._number += 1
        key = f"{self._run}-{self._number}"
        body = {"idempotency_key": key, "ts": round(time.time(), 3), "run": self._run, "conference": self._job.conference, **about}
        self._queue.append(asyncio.get_running_loop().create_task(self._deliver(self._job.webhook, body)))

    async def _deliver(self, url: str, body: dict[str, Any]) -> None:
        async with self._turn:
            for pause in (*PAUSES, None):
                try:
                    await _post(url, body, ca_file=self._job.ca_file, proxy=self._job.proxy)
                except (NodeError, UsageError) as error:
                    if pause is None or isinstance(error, UsageError):
                        logger.warning("The webhook was not told of %s: %s", body.get("state") or body.get("reason"), error)
                        return
                    await asyncio.sleep(pause)
                else:
                    return


async def _post(url: str, body: dict[str, Any], *, ca_file: str | None, proxy: str | None) -> None:
    parts = urlsplit(url)
    way = HttpTransport(f"{parts.scheme}://{parts.netloc}", ca_file=ca_file, proxy=proxy)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"content-type": "application/json", "idempotency-key": body["idempotency_key"]}
        answer = await way.request(Outgoing(method="POST", path=path, body=json.dumps(body, default=str).encode(), headers=headers))
        if answer.status >= 300:
            raise NodeError(f"{parts.netloc} answered {answer.status}")
    finally:
        await way.aclose()


async def _run(command: str, outcome: Outcome) -> None:
    """Run the command of whoever set the job up; its output is not ours to show, its failure is."""
    assert outcome.result is not None
    told = {
        "PEXRTC_FILE": str(outcome.result.path),
        "PEXRTC_SUMMARY": str(outcome.summary or ""),
        "PEXRTC_REASON": outcome.end.reason.value,
        "PEXRTC_EXIT": str(outcome.exit_code),
        "PEXRTC_BUNDLE": str(outcome.bundle or ""),
    }
    try:
        process = await asyncio.create_subprocess_exec(*shlex.split(command), env={**os.environ, **told})
    except (OSError, ValueError) as error:
        logger.error("The command %r could not be run: %s", command, error)
        return
    try:
        async with asyncio.timeout(COMMAND_SECONDS):
            code = await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
        logger.error("The command %r was ended after %.0f s", command, COMMAND_SECONDS)
    else:
        if code:
            logger.error("The command %r ended with %d", command, code)
