"""A file that is written behind the caller's back: the event loop never waits for the disk, and nothing stays in a buffer."""

from __future__ import annotations

import contextlib
import io
import os
import threading
from pathlib import Path
from queue import SimpleQueue

from pexrtc_media.base import MediaError

BACKLOG = 64 * 1024 * 1024
_CLUSTER = bytes.fromhex("1f43b675")


class Storage(io.RawIOBase):
    """A write-only file whose bytes go to the kernel from a thread of its own, in order and unbuffered.

    A process that is killed loses only what it had not yet handed over. The first write that fails is kept in `error`;
    the file is then cut back to the last complete cluster or fragment, so that it stays playable, and nothing more is written.
    Raises MediaError when the file cannot be created.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.error: MediaError | None = None
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0), 0o644)
        except OSError as error:
            raise MediaError(
                f"{path} cannot be written: {error.strerror}. Choose a directory that exists and that you may write to."
            ) from error
        self._position = 0
        self._end = 0
        self._boundary = 0
        # Two counters, each written by one thread only: what the caller handed over, and what the thread is done with.
        self._handed = 0
        self._done = 0
        self._orders: SimpleQueue[tuple[int, bytes] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"storage {path.name}", daemon=True)
        self._thread.start()

    @property
    def length(self) -> int:
        """Bytes handed over so far."""
        return self._end

    def writable(self) -> bool:
        """Always: that is what it is for."""
        return True

    def readable(self) -> bool:
        """Never."""
        return False

    def seekable(self) -> bool:
        """Always: headers are completed at the end."""
        return True

    def tell(self) -> int:
        """Where the next write goes."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to `offset`, counted from the start, the position or the end."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._end}[whence]
        self._position = max(base + offset, 0)
        return self._position

    def write(self, data: bytes, /) -> int:  # type: ignore[override]  # PyAV and we hand over bytes only
        """Hand over `data` for the current position; never waits, never raises."""
        self._hand_over(self._position, data)
        self._position += len(data)
        self._end = max(self._end, self._position)
        return len(data)

    def patch(self, offset: int, data: bytes) -> None:
        """Overwrite bytes that were written before, without moving."""
        self._hand_over(offset, data)

    def finish(self) -> None:
        """Wait until all is written, then close; blocks, so call it in a thread. Calling it again does nothing."""
        if self.closed:
            return
        self._orders.put(None)
        self._thread.join()
        self.close()

    def close(self) -> None:
        """Close the descriptor once the thread has ended."""
        if not self.closed and not self._thread.is_alive():
            os.close(self._descriptor)
            super().close()

    def _hand_over(self, offset: int, data: bytes) -> None:
        if self.error is not None or not data:
            return
        if self._handed - self._done > BACKLOG:
            self.error = MediaError(f"{self.path} was given up: the disk is {BACKLOG >> 20} MiB behind. Record to a faster disk.")
            return
        self._handed += len(data)
        self._orders.put((offset, data))

    def _run(self) -> None:
        while (order := self._orders.get()) is not None:
            offset, data = order
            if self.error is None:
                self._store(offset, data)
            self._done += len(data)

    def _store(self, offset: int, data: bytes) -> None:
        if data[4:8] == b"moof" or data[:4] == _CLUSTER:
            self._boundary = offset
        view = memoryview(data)
        try:
            while view:
                done = os.pwrite(self._descriptor, view, offset)
                view, offset = view[done:], offset + done
        except OSError as error:
            self.error = MediaError(f"{self.path} cannot be written any further: {error.strerror}. What is in it can be played.")
            self.error.__cause__ = error
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._boundary)
