"""Networks that are not as good as this machine's loopback: loss, delay, jitter, narrow links, seeded and each direction by itself.

`Network` says what a path is like, `Model` decides what becomes of each datagram (pure: the time goes in, times of release come
out), and `Impairment` puts two of them under the sockets of a peer.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace

from pexrtc_py.errors import UsageError

OVERHEAD = 28
"""Bytes of IP and UDP around each datagram, for rates."""
BLOCK = 1000
"""Datagrams of which an exact share is lost."""
_FIRST_MEDIA_BYTE = 128
_TRUNCATED = 3.0
_KEPT_ERRORS = 10_000


@dataclass(frozen=True, kw_only=True)
class Path:
    """One direction of a network. Raises `UsageError` for what cannot be."""

    loss: float = 0.0
    """The share of datagrams that is lost: exactly this, in each thousand, unless they go in bursts."""
    burst: float = 1.0
    """How many are lost at once on average (Gilbert-Elliott when above 1)."""
    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    """Standard deviation of the delay, a Gaussian cut at three times that."""
    reorder: bool = False
    """Whether datagrams may overtake each other by jitter; else each waits for the one before."""
    rate_kbps: float = 0.0
    """What the link carries, headers of IP and UDP included; 0: any amount."""
    queue_ms: float = 300.0
    """How long a datagram may wait for the link before it is dropped."""
    duplicate: float = 0.0
    """The share that arrives twice."""
    blackouts: tuple[tuple[float, float], ...] = ()
    """From when on nothing passes, and for how long; seconds since the connection was begun."""
    spare_handshake: bool = True
    """Whether STUN and DTLS are never lost, which would test nothing but patience."""

    def __post_init__(self) -> None:
        for name in ("loss", "duplicate"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} is a share between 0 and 1, not {getattr(self, name):g}.")
        for name in ("delay_ms", "jitter_ms", "rate_kbps", "queue_ms"):
            if not getattr(self, name) >= 0:
                raise UsageError(f"{name} must not be below 0, and is {getattr(self, name):g}.")
        if not self.burst >= 1:
            raise UsageError(f"burst is how many are lost at once, so at least 1, not {self.burst:g}.")

    @property
    def clean(self) -> bool:
        """Whether nothing happens to anything."""
        return self == Path(queue_ms=self.queue_ms, burst=self.burst, reorder=self.reorder, spare_handshake=self.spare_handshake)


@dataclass(frozen=True, kw_only=True)
class Network:
    """Both directions, as the peer that it is under sees them; the same `seed` does the same to the same datagrams."""

    sends: Path = field(default_factory=Path)
    receives: Path = field(default_factory=Path)
    seed: int = 1

    @classmethod
    def both(cls, *, seed: int = 1, **path: float | bool | tuple[tuple[float, float], ...]) -> Network:
        """The same in both directions: `Network.both(loss=0.02, delay_ms=50)`. Raises `UsageError`."""
        each = _path(path)
        return cls(sends=each, receives=each, seed=seed)

    @classmethod
    def parse(cls, text: str, *, seed: int = 1) -> Network:
        """A profile by name, or `loss=0.02,delay_ms=50` for both directions. Raises `UsageError` with those that there are."""
        if text in PROFILES:
            return replace(PROFILES[text], seed=seed)
        if "=" not in text:
            raise UsageError(f"There is no network {text!r}; there are {', '.join(PROFILES)}, or write loss=0.02,delay_ms=50.")
        values: dict[str, float | bool] = {}
        for setting in text.split(","):
            key, _, value = setting.strip().partition("=")
            if key == "seed" and value.isdigit():
                seed = int(value)
                continue
            values[key] = value in {"yes", "true", "1"} if key in {"reorder", "spare_handshake"} else _number(key, value)
        return cls.both(seed=seed, **values)


@dataclass(slots=True)
class Achieved:
    """What a model did so far."""

    packets: int = 0
    """Datagrams it was given, those it had to spare not counted for loss."""
    lost: int = 0
    queue_dropped: int = 0
    blacked_out: int = 0
    duplicated: int = 0
    reordered: int = 0
    delay: float = 0.0
    """Seconds by which those that passed were delayed, in all."""
    passed: int = 0
    bytes: int = 0
    """Of those that passed."""

    @property
    def loss(self) -> float:
        """The share that was lost."""
        return self.lost / self.packets if self.packets else 0.0

    @property
    def mean_delay_ms(self) -> float:
        """Of those that passed."""
        return 1000 * self.delay / self.passed if self.passed else 0.0


class Model:
    """What becomes of the datagrams of one direction. Each draws the same number of times, so that one setting does not change another."""

    def __init__(self, path: Path, seed: int) -> None:
        self.achieved = Achieved()
        self._path, self._seed = path, seed
        self._random = random.Random(seed)
        self._block: frozenset[int] = frozenset()
        self._bad = False
        self._free = self._last = float("-inf")
        self._begun: float | None = None

    def step(self, now: float, size: int, *, spared: bool = False) -> list[float]:
        """When a datagram of so many bytes that is given in `now` comes out: never, once, or twice."""
        path, done = self._path, self.achieved
        self._begun = now if self._begun is None else self._begun
        loss, gauss, twice = self._random.random(), self._random.gauss(), self._random.random()
        if not spared:
            done.packets += 1
            if self._is_lost(loss):
                done.lost += 1
                return []
        passed = now - self._begun
        if any(start <= passed < start + length for start, length in path.blackouts):
            done.blacked_out += 1
            return []
        leaves = self._through_link(now, size)
        if leaves is None:
            done.queue_dropped += 1
            return []
        out = self._delayed(leaves, gauss)
        done.passed += 1
        done.bytes += size
        done.delay += out - now
        if twice < path.duplicate and not spared:
            done.duplicated += 1
            return [out, out]
        return [out]

    def _is_lost(self, draw: float) -> bool:
        path = self._path
        if path.burst > 1:
            leaves, enters = 1 / path.burst, path.loss / (1 - path.loss) / path.burst if path.loss < 1 else 1.0
            self._bad = draw >= leaves if self._bad else draw < enters
            return self._bad
        index = (self.achieved.packets - 1) % BLOCK
        if index == 0:
            block = random.Random(f"{self._seed}-{self.achieved.packets}")
            self._block = frozenset(_spread(block, round(path.loss * BLOCK)))
        return index in self._block

    def _through_link(self, now: float, size: int) -> float | None:
        """When the link is done with it; None when it would have to wait for too long."""
        path = self._path
        if not path.rate_kbps:
            return now
        leaves = max(now, self._free) + (size + OVERHEAD) * 8 / (path.rate_kbps * 1000)
        if leaves - now > path.queue_ms / 1000:
            return None
        self._free = leaves
        return leaves

    def _delayed(self, leaves: float, gauss: float) -> float:
        path = self._path
        varied = path.delay_ms + path.jitter_ms * min(max(gauss, -_TRUNCATED), _TRUNCATED)
        out = leaves + max(varied, 0.0) / 1000
        if out < self._last:
            if not path.reorder:
                return self._last
            self.achieved.reordered += 1
        self._last = max(out, self._last)
        return out


def _spread(draw: random.Random, count: int) -> list[int]:
    """So many places of a block, each in a part of its own, so that a short run loses its share too."""
    return [draw.randrange(BLOCK * index // count, BLOCK * (index + 1) // count) for index in range(count)]


class Impairment:
    """A network under the sockets of one peer; `sent` and `received` say what it did."""

    def __init__(self, network: Network) -> None:
        self._sending = Model(network.sends, 2 * network.seed)
        self._receiving = Model(network.receives, 2 * network.seed + 1)
        self._loop = asyncio.get_running_loop()
        self.late: list[float] = []
        """Seconds by which the machine let datagrams out too late; the latest ten thousand."""

    @property
    def sent(self) -> Achieved:
        """What became of what we sent."""
        return self._sending.achieved

    @property
    def received(self) -> Achieved:
        """What became of what was sent to us."""
        return self._receiving.achieved

    def change(self, network: Network) -> None:
        """Be another network from now on; what is under way comes out as it would have. Counts begin anew."""
        self._sending, self._receiving = Model(network.sends, 2 * network.seed), Model(network.receives, 2 * network.seed + 1)

    def send(self, data: bytes, out: Callable[[], object]) -> None:
        """Call `out` when this datagram comes out, if it does."""
        self._pass(self._sending, data, out)

    def receive(self, data: bytes, out: Callable[[], object]) -> None:
        """The same for one that has come in."""
        self._pass(self._receiving, data, out)

    def _pass(self, model: Model, data: bytes, out: Callable[[], object]) -> None:
        now = self._loop.time()
        spared = model._path.spare_handshake and data[:1] < bytes([_FIRST_MEDIA_BYTE])
        for when in model.step(now, len(data), spared=spared):
            if when <= now:
                out()
            else:
                self._loop.call_at(when, self._let_out, when, out)

    def _let_out(self, when: float, out: Callable[[], object]) -> None:
        self.late.append(self._loop.time() - when)
        if len(self.late) > _KEPT_ERRORS:
            del self.late[: _KEPT_ERRORS // 2]
        out()


def _path(values: dict[str, float | bool | tuple[tuple[float, float], ...]]) -> Path:
    known = [each.name for each in fields(Path)]
    if unknown := values.keys() - set(known):
        raise UsageError(f"A network has no {min(unknown)!r}; it has {', '.join(known)}.")
    return Path(**values)  # type: ignore[arg-type]  # checked by name just now, by value there


def _number(key: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{key} must be a number, not {text!r}.") from None


def _by_class(prefix: str, values: dict[str, dict[str, float]]) -> dict[str, Network]:
    paths = {name: Path(**settings) for name, settings in values.items()}  # type: ignore[arg-type]  # only numbers, of fields that are
    return {f"{prefix}_{name}": Network(sends=path, receives=path) for name, path in paths.items()}


PROFILES: dict[str, Network] = {
    "clean": Network(),
    "rmcat_base": Network.both(delay_ms=50, jitter_ms=10, queue_ms=300),
    "wifi_bad": Network.both(delay_ms=30, jitter_ms=15, loss=0.03, burst=3),
    "mobile_bad": Network.both(delay_ms=100, jitter_ms=40, loss=0.05, burst=5, rate_kbps=600, queue_ms=1000),
    "audio_5": Network.both(delay_ms=20, loss=0.05),
    "audio_10": Network.both(delay_ms=20, loss=0.10),
    "managed": Network.both(delay_ms=50, jitter_ms=15, loss=0.0005),
    "partly_managed": Network.both(delay_ms=150, jitter_ms=50, loss=0.02, reorder=True),
    "unmanaged": Network.both(delay_ms=300, jitter_ms=120, loss=0.2, burst=4, reorder=True),
    **_by_class("delay", {str(ms): {"delay_ms": ms} for ms in (50, 150, 300)}),
    **_by_class("loss", {str(share): {"loss": share / 100} for share in (1, 5, 10, 20)}),
    **_by_class("queue", {str(ms): {"rate_kbps": 1000, "queue_ms": ms} for ms in (70, 300, 1000, 2000)}),
    "jitter": Network.both(delay_ms=50, jitter_ms=5),
    "jitter_reorder": Network.both(delay_ms=50, jitter_ms=5, reorder=True),
}
"""Networks by name: the classes of RFC 8867 and 8868, the three of ITU-T G.1050 in their spirit, and some of our own."""
