"""What a watcher counts: events, how often the stream broke, who spoke for how long; pure, `now` is given."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

from pexrtc_py.protocol.events import MessageReceived, Stage
from pexrtc_py.signaling.stream import Reconnecting

WINDOW = 10.0
MESSAGES = 200


class Tally:
    """Counts since `now`, in seconds of any clock."""

    def __init__(self, now: float) -> None:
        self.began = now
        self.events = 0
        self.breaks = 0
        """How often the event stream went down."""
        self.messages: deque[tuple[float, MessageReceived]] = deque(maxlen=MESSAGES)
        self._spoken: dict[str, float] = {}
        self._since: dict[str, float] = {}
        self._buckets: deque[tuple[int, int]] = deque()

    def see(self, event: object, now: float) -> None:
        """Count an event."""
        self.events += 1
        self._count(int(now))
        match event:
            case MessageReceived():
                self.messages.append((now, event))
            case Reconnecting():
                self.breaks += 1
            case Stage():
                self.hear({entry.participant_uuid for entry in event.entries if entry.vad}, now)
            case _:
                pass

    def hear(self, voices: Collection[str], now: float) -> None:
        """Those speak now, and nobody else."""
        for uuid in [uuid for uuid in self._since if uuid not in voices]:
            self._spoken[uuid] = self._spoken.get(uuid, 0) + now - self._since.pop(uuid)
        for uuid in voices:
            self._since.setdefault(uuid, now)

    def rate(self, now: float) -> float:
        """Events a second, over the last ten seconds or since the beginning."""
        recent = sum(count for second, count in self._buckets if second > now - WINDOW)
        return recent / min(WINDOW, max(1.0, now - self.began))

    def spoken(self, now: float) -> list[tuple[str, float]]:
        """Who spoke for how many seconds, most first."""
        seconds = dict(self._spoken)
        for uuid, since in self._since.items():
            seconds[uuid] = seconds.get(uuid, 0) + now - since
        return sorted(seconds.items(), key=lambda item: -item[1])

    def _count(self, second: int) -> None:
        if self._buckets and self._buckets[-1][0] == second:
            second, count = self._buckets.pop()
            self._buckets.append((second, count + 1))
        else:
            self._buckets.append((second, 1))
        while self._buckets[0][0] < second - WINDOW:
            self._buckets.popleft()
