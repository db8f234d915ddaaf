from __future__ import annotations

import asyncio

import pytest

from pexrtc_media import Callback, Discard, Latest, MediaError, Queue, Tee


async def test_a_full_queue_drops_the_oldest_and_counts() -> None:
    queue: Queue[int] = Queue(2)

    for number in range(5):
        await queue.write(number)
    await queue.aclose()

    assert [number async for number in queue] == [3, 4]
    assert queue.drops == 3


async def test_a_reader_of_a_queue_waits_for_what_comes() -> None:
    queue: Queue[int] = Queue()
    reader = asyncio.create_task(anext(queue))

    await queue.write(7)

    assert await reader == 7


async def test_the_latest_frame_is_kept_and_the_next_awaited() -> None:
    latest: Latest[int] = Latest()
    following = asyncio.create_task(latest.next())
    await asyncio.sleep(0)

    await latest.write(1)

    assert await following == 1
    assert (latest.frame, latest.count) == (1, 1)


async def test_callbacks_may_be_coroutines() -> None:
    seen: list[int] = []

    async def slowly(number: int) -> None:
        await asyncio.sleep(0)
        seen.append(number)

    await Callback(seen.append).write(1)
    await Callback(slowly).write(2)

    assert seen == [1, 2]


async def test_a_tee_goes_on_without_a_sink_that_fails() -> None:
    def fail(number: int) -> None:
        raise ValueError(number)

    discard: Discard[int] = Discard()
    tee = Tee(Callback(fail), discard)

    await tee.write(1)
    await tee.write(2)
    await tee.aclose()

    assert discard.count == 2
    assert [str(error) for _, error in tee.failed] == ["1"]


def test_a_tee_does_not_mix_frames_and_access_units() -> None:
    with pytest.raises(MediaError, match="one tee for each"):
        Tee(Discard[int](), Discard[int](encoded=True))
