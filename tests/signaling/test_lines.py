from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from pexrtc_py.signaling.lines import Lines


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


def _read(*chunks: bytes, limit: int = 1000) -> tuple[list[bytes], int]:
    async def body() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    async def read() -> tuple[list[bytes], int]:
        lines = Lines(body(), limit=limit)
        return [line async for line in lines], lines.skipped

    return asyncio.run(read())


def test_lines_are_cut_wherever_the_chunks_were() -> None:
    assert _read(b"data: a\r", b"\nid:", b" 1\n\n")[0] == [b"data: a\n", b"id: 1\n", b"\n"]


def test_an_incomplete_line_at_the_end_is_no_line() -> None:
    assert _read(b"data: a\ndata: hal")[0] == [b"data: a\n"]


def test_a_line_that_is_too_long_is_left_out_and_the_next_one_is_whole() -> None:
    lines, skipped = _read(b"data: " + b"x" * 50, b"y" * 50 + b"\n\ndata: next\n", limit=40)

    assert (lines, skipped) == ([b"\n", b"data: next\n"], 1)


def test_an_event_that_is_too_long_in_many_lines_is_cut_off() -> None:
    lines, skipped = _read(b"data: 0123456789\n" * 10 + b"\n" + b"data: next\n", limit=40)

    assert lines == [b"data: 0123456789\n"] * 2 + [b"\n", b"data: next\n"]
    assert skipped == 8


def test_what_is_not_utf8_is_replaced() -> None:
    assert _read(b"data: \xff\xfe\n")[0] == ["data: \ufffd\ufffd\n".encode()]


def test_the_node_does_not_choose_when_we_come_back() -> None:
    assert _read(b"retry: 99999999999999999999\ndata: a\n")[0] == [b"data: a\n"]


def test_iterating_again_goes_on_where_it_was() -> None:
    async def read() -> list[bytes]:
        lines = Lines(_nothing())
        lines.feed(b"a\nb\n")
        async for _ in lines:
            break
        return [line async for line in lines]

    assert asyncio.run(read()) == [b"b\n"]


@settings(max_examples=200, deadline=None)
@given(text=st.binary(max_size=300), cuts=st.lists(st.integers(0, 300), max_size=8), limit=st.integers(1, 60))
def test_any_bytes_in_any_chunks_give_the_same_decodable_lines(text: bytes, cuts: list[int], limit: int) -> None:
    ends = [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]
    pieces = [text[start:end] for start, end in pairwise(ends)]

    lines, skipped = _read(*pieces, limit=limit)

    assert (lines, skipped) == _read(text, limit=limit)
    assert all(line.decode().endswith("\n") and line.count(b"\n") == 1 for line in lines)
