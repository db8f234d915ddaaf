"""The lines of standard input, whatever it is: a terminal, a pipe, a file."""

from __future__ import annotations

import asyncio
import codecs
import os
import threading
from collections.abc import AsyncIterator

AHEAD = 100
"""So many lines are read before the first is used."""


async def typed(descriptor: int = 0) -> AsyncIterator[str]:
    """The lines until the end of the input, without their ends; what is no UTF-8 is replaced.

    A thread of its own reads, for files cannot be waited for, and it may hang in a read when the process ends: so it takes bytes from the
    system, and holds no lock of Python's that the ending interpreter would wait for.
    """
    loop, lines = asyncio.get_running_loop(), asyncio.Queue[str | None](AHEAD)

    def read() -> None:
        decoder, rest = codecs.getincrementaldecoder("utf-8")("replace"), ""
        try:
            while data := os.read(descriptor, 4096):
                *whole, rest = (rest + decoder.decode(data)).split("\n")
                for line in whole:
                    asyncio.run_coroutine_threadsafe(lines.put(line.rstrip("\r")), loop).result()
            if rest:
                asyncio.run_coroutine_threadsafe(lines.put(rest), loop).result()
        except OSError:  # such as the terminal being gone: the same as its end
            pass
        finally:
            asyncio.run_coroutine_threadsafe(lines.put(None), loop)

    threading.Thread(target=read, name="typed", daemon=True).start()
    while (line := await lines.get()) is not None:
        yield line
