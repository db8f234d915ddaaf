"""Tasks that are cancelled are over."""

from __future__ import annotations

import asyncio

from pexrtc_py.engine.cancelling import cancelled


async def test_a_task_that_forgets_that_it_was_cancelled_is_cancelled_again() -> None:
    turns = list[int]()

    async def forgetful() -> None:
        for turn in range(3):
            turns.append(turn)
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if turn == 2:
                    raise

    task = asyncio.create_task(forgetful())
    await asyncio.sleep(0)

    await asyncio.wait_for(cancelled([task]), 5)

    assert task.cancelled()
    assert turns == [0, 1, 2]


async def test_what_is_over_is_left_alone_and_failures_are_no_concern() -> None:
    async def failing() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError

    done, failed = asyncio.create_task(asyncio.sleep(0)), asyncio.create_task(failing())
    await done

    await cancelled([done, failed])

    assert not done.cancelled()
    assert isinstance(failed.exception(), ValueError)
