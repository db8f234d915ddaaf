"""What a process and all below it cost: CPU by the kernel's accounts, memory looked at each second."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av

PATIENCE = 40.0
"""Seconds beyond its time after which a recorder is ended."""
SETTLING = 5.0
"""Seconds after the first picture that are not counted."""
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Run:
    """One run of one recorder."""

    peer: str
    calls: int
    cpu: float
    """CPU seconds for each recorded minute of each call, steady."""
    rss: float
    """MB, the peak of all processes together."""
    first: float
    """Seconds from the offer to the first picture, the slowest call."""
    frames: float
    """The share of the frames that were sent while it recorded, the worst call."""
    load: float
    problems: tuple[str, ...] = ()


@dataclass
class Tree:
    """The processes below one."""

    root: int
    dead: float = 0.0
    """CPU seconds of those that have ended, as far as they were seen."""
    _seen: dict[int, float] = field(default_factory=dict)

    def look(self) -> tuple[float, float]:
        """CPU seconds and MB of all of them."""
        alive: dict[int, float] = {}
        memory = 0.0
        for pid in self._pids():
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                alive[pid] = (int(fields[11]) + int(fields[12])) / TICKS
                memory += int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6
            except (OSError, IndexError):
                continue
        self.dead += sum(cpu for pid, cpu in self._seen.items() if pid not in alive)
        self._seen = alive
        return self.dead + sum(alive.values()), memory

    def _pids(self) -> list[int]:
        found = [self.root]
        for pid in found:
            try:
                for task in os.listdir(f"/proc/{pid}/task"):
                    found += map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())
            except OSError:
                continue
        return found


def measure(peer: str, command: list[str], sender: str, calls: int, seconds: float, *, count: bool = True) -> Run:
    """Run a recorder to its end. `count`: whether its files can be looked into."""
    with tempfile.TemporaryDirectory() as folder:
        full = [*command, sender, str(calls), str(seconds + SETTLING), folder]
        process = subprocess.Popen(full, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
        told: list[dict[str, Any]] = []
        complaints: list[str] = []
        assert process.stdout is not None and process.stderr is not None
        hearing = threading.Thread(target=_hear, args=(process.stdout, told))
        complaining = threading.Thread(target=complaints.extend, args=(process.stderr,))
        readers = [hearing, complaining]
        for reader in readers:
            reader.start()
        samples = _sampled(process, told, seconds + SETTLING + PATIENCE)
        for reader in readers:
            reader.join()
        return _judged(peer, calls, samples, told, complaints, seconds, Path(folder), count=count)


def _hear(stream: Any, told: list[dict[str, Any]]) -> None:
    for line in stream:
        try:
            told.append(json.loads(line))
        except ValueError:
            continue


def _sampled(process: subprocess.Popen[str], told: list[dict[str, Any]], seconds: float) -> list[tuple[float, float, float]]:
    """Look at it until it ends, or has had too long for that; at the process that it names where it only drives another."""
    tree, samples, end = Tree(process.pid), list[tuple[float, float, float]](), time.monotonic() + seconds
    while process.poll() is None:
        if time.monotonic() > end:
            os.killpg(process.pid, signal.SIGKILL)
        if (named := next((one["pid"] for one in told if one["event"] == "process"), tree.root)) != tree.root:
            tree, samples = Tree(named), []
        cpu, memory = tree.look()
        samples.append((time.time(), cpu, memory))
        time.sleep(0.25)
    return samples


def _judged(  # noqa: PLR0917  # all that is known of a run
    peer: str,
    calls: int,
    samples: list[tuple[float, float, float]],
    told: list[dict[str, Any]],
    complaints: list[str],
    seconds: float,
    folder: Path,
    *,
    count: bool,
) -> Run:
    at = {kind: {one["call"]: one["at"] for one in told if one["event"] == kind} for kind in ("offer_sent", "first_frame", "file")}
    load, problems = os.getloadavg()[0], list[str]()
    if len(at["first_frame"]) < calls or len(at["file"]) < calls:
        words = " ".join(complaints[-1:]).strip()[:200]
        told_of = f"{len(at['first_frame'])} of {calls} calls had a picture and {len(at['file'])} a file. {words}"
        return Run(peer, calls, float("nan"), 0.0, float("nan"), 0.0, load, (told_of,))
    begin, end = max(at["first_frame"].values()) + SETTLING, min(at["file"].values())
    steady = [(when, cpu) for when, cpu, _ in samples if begin <= when <= end]
    cpu = float("nan")
    if len(steady) > 2:
        cpu = (steady[-1][1] - steady[0][1]) / (steady[-1][0] - steady[0][0]) * 60 / calls
    first = max(at["first_frame"][call] - at["offer_sent"][call] for call in at["offer_sent"])
    frames = 1.0
    if count:
        files = {one["call"]: Path(one["path"]) for one in told if one["event"] == "file"}
        shares = [_frames(files[call]) / (30 * (at["file"][call] - at["first_frame"][call])) for call in files]
        frames = min(shares, default=0.0)
        if frames < 0.98:
            problems.append(f"did not keep up: {100 * frames:.0f} % of the frames")
    return Run(peer, calls, cpu, max((memory for *_, memory in samples), default=0.0), first, frames, load, tuple(problems))


def _frames(path: Path) -> int:
    """Packets of the first video track; the packets of Janus' own format are counted by their markers."""
    if path.suffix == ".mjr":
        return _frames_of_mjr(path.read_bytes())
    try:
        with av.open(str(path)) as container:
            return sum(1 for packet in container.demux(video=0) if packet.size)
    except (av.error.FFmpegError, IndexError):
        return 0


def _frames_of_mjr(data: bytes) -> int:
    """RTP markers in a Janus recording: eight bytes of mark, a length, a packet, and so on."""
    place = frames = 0
    while place + 10 <= len(data):
        mark, length = data[place : place + 8], int.from_bytes(data[place + 8 : place + 10], "big")
        if mark.startswith(b"MEET"):
            # A packet has four bytes of time in the mark, its head does not.
            frames += length > 12 and data[place + 10] >> 6 == 2 and bool(data[place + 11] & 0x80)
            place += 10 + length
        elif mark.startswith(b"MJR"):
            place += 10 + length
        else:
            return frames
    return frames


def system_python() -> str:
    """The distribution's interpreter, which has its own packages."""
    return "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable
