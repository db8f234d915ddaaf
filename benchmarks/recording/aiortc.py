"""CPU of `pexrtc record` beside aiortc's MediaRecorder, on the same call, in one run.

`python -m benchmarks.recording.aiortc [--seconds N]`: one sender (720p30, about 1.5 Mbps, Opus) and the node run in processes of
their own; the two recorders run one after the other, and the CPU of each whole process (user and system, by the kernel's
account of the finished child) is compared. Exits with 1 when ours needs more than a fifth.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av

import pexrtc_py
from pexrtc_py.bot.inspecting import inspect

LIMIT = 1 / 5
PEXRTC = [sys.executable, "-m", "pexrtc_py.cli.__main__"]


def measured(command: list[str]) -> tuple[float, int]:
    """Run a command to its end; CPU seconds of the whole process, and its peak memory in MB."""
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024


def faster(film: Path, to: Path, fps: int) -> Path:
    """The film with another picture rate: its packets as they are, at other times."""
    with av.open(str(film)) as source, av.open(str(to), "w") as target:
        video = source.streams.video[0]
        copy = target.add_stream_from_template(video)
        assert video.average_rate is not None
        scale = video.average_rate / fps
        for packet in source.demux(video):
            if packet.pts is not None and packet.dts is not None:
                packet.pts, packet.dts, packet.duration = (round(value * scale) for value in (packet.pts, packet.dts, packet.duration or 0))
                packet.stream = copy
                target.mux(packet)
    return to


def main() -> int:
    """Measure and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0)
    seconds = parser.parse_args().seconds
    node = subprocess.Popen([*PEXRTC, "node", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    assert node.stdout is not None
    found = re.search(r"https?://\S+", node.stdout.readline())
    assert found, "the node did not say where it listens"
    url = found[0]
    folder = tempfile.TemporaryDirectory()
    film = faster(Path(pexrtc_py.__file__).parent / "demo" / "assets" / "film.mp4", Path(folder.name) / "film.mp4", 30)
    media = ["--video", str(film), "--audio", "tone", "--name", "Sender"]
    sender = subprocess.Popen([*PEXRTC, "join", "lab", "--node", url, *media], stderr=subprocess.DEVNULL)
    try:
        time.sleep(3)
        with folder:
            ours, stock = Path(folder.name) / "ours.mkv", Path(folder.name) / "stock.mp4"
            print(f"720p30 VP8 and Opus, {seconds:.0f} s each, load average {os.getloadavg()[0]:.2f}")
            mine = measured([*PEXRTC, "record", "lab", "--node", url, "--seconds", str(seconds), "--out", str(ours)])
            theirs = measured([sys.executable, "-m", "benchmarks.recording.stock", url, "lab", str(seconds), str(stock)])
            for name, (cpu, memory), path in (("pexrtc record", mine, ours), ("aiortc MediaRecorder", theirs, stock)):
                report = inspect(path)
                frames = report.video[0].frames if report.video else 0
                size = path.stat().st_size * 8 / max(report.duration, 1) / 1e6
                print(f"{name:22} {cpu:6.2f} CPU s  {cpu * 60 / seconds:6.2f} per minute  {memory:4} MB  {frames} frames  {size:.2f} Mbps")
    finally:
        for process in (sender, node):
            process.send_signal(signal.SIGTERM)
            process.wait()
    ratio = mine[0] / theirs[0]
    print(f"ratio {ratio:.3f}, limit {LIMIT:.3f}, load average {os.getloadavg()[0]:.2f}")
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
