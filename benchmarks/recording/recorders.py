"""The recorders that take part in a comparison: how each is begun, what it lacks, and which version it is."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from benchmarks.recording.measuring import system_python

HERE = Path(__file__).parent / "peers"
LIBWEBRTC = Path.home() / ".cache" / "pexrtc-benchmark" / "wrtc"
WERIFT = HERE / "node_modules" / "werift"


@dataclass(frozen=True)
class Peer:
    """A recorder that takes part."""

    name: str
    words: str
    command: Callable[[], list[str]]
    missing: Callable[[], str | None]
    """What to install, when it is not there."""
    version: Callable[[], str]
    """The program and its version; asked only when nothing is missing."""


def _module(name: str, *more: str) -> Callable[[], list[str]]:
    return lambda: [sys.executable, "-m", f"benchmarks.recording.peers.{name}", *more]


def _needs(program: str, package: str) -> Callable[[], str | None]:
    return lambda: None if shutil.which(program) else f"apt-get install {package}"


def _package(name: str) -> Callable[[], str]:
    return lambda: f"{name} {metadata.version(name)}"


def _said(*command: str) -> Callable[[], str]:
    """The first line that a program says, on whichever of its outputs."""

    def ask() -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return next((line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()), "version unknown")

    return ask


def _gstreamer_missing() -> str | None:
    code = "import gi; gi.require_version('GstWebRTC', '1.0'); from gi.repository import Gst; Gst.init(None); "
    code += "assert Gst.ElementFactory.find('webrtcbin')"
    found = subprocess.run([system_python(), "-c", code], capture_output=True, check=False).returncode == 0
    packages = "python3-gi gir1.2-gst-plugins-bad-1.0 gir1.2-gst-plugins-base-1.0 gstreamer1.0-nice gstreamer1.0-plugins-{base,good,bad}"
    return None if found else f"apt-get install {packages}"


def _libwebrtc_missing() -> str | None:
    python = LIBWEBRTC / "bin" / "python"
    found = python.exists() and not subprocess.run([python, "-c", "import av, webrtc"], capture_output=True, check=False).returncode
    return None if found else f"{sys.executable} -m venv {LIBWEBRTC} && {LIBWEBRTC}/bin/pip install wrtc==0.1.0 av==17.1.0"


def _werift_missing() -> str | None:
    if not shutil.which("node"):
        return "install Node.js 20 or newer with npm"
    return None if (WERIFT / "package.json").exists() else "npm ci --prefix benchmarks/recording/peers"


def _werift_version() -> str:
    return f"werift {json.loads((WERIFT / 'package.json').read_text())['version']}, Node.js {_said('node', '--version')()}"


_GSTREAMER_VERSION = "import gi; gi.require_version('Gst', '1.0'); from gi.repository import Gst; print(Gst.version_string())"
_WRTC_VERSION = "from importlib.metadata import version; print('wrtc', version('wrtc'), 'with PyAV', version('av'))"
_CHROMIUM = (_needs("chromium", "chromium"), _said("chromium", "--version"))
CHROMIUM = ("chromium", "chromium-vp8")
"""The rows of Chromium."""

PEERS = (
    Peer("ours", "this project, undecoded into .webm", _module("ours"), lambda: None, _package("pexrtc-py")),
    Peer(
        "janus",
        "Janus recordplay, raw packets into .mjr, not playable as they are",
        _module("janus"),
        _needs("janus", "janus"),
        _said("janus", "--version"),
    ),
    Peer(
        "gstreamer",
        "webrtcbin, webmmux",
        lambda: [system_python(), str(HERE / "gstreamer.py")],
        _gstreamer_missing,
        _said(system_python(), "-c", _GSTREAMER_VERSION),
    ),
    Peer("aiortc", "aiortc's MediaRecorder into .mp4, decoded and encoded", _module("stock"), lambda: None, _package("aiortc")),
    Peer(
        "chromium",
        "headless, MediaRecorder without a type: the picture as it came, the sound encoded anew; a tab a call",
        _module("chromium"),
        *_CHROMIUM,
    ),
    Peer(
        "chromium-vp8",
        "headless, MediaRecorder with the type video/webm;codecs=vp8,opus: decoded and encoded; a tab a call",
        _module("chromium", "video/webm;codecs=vp8,opus"),
        *_CHROMIUM,
    ),
    Peer(
        "werift",
        "werift's MediaRecorder, undecoded into .webm",
        lambda: ["node", str(HERE / "werift.mjs")],
        _werift_missing,
        _werift_version,
    ),
    Peer(
        "libwebrtc",
        "libwebrtc by wrtc for Python, encoded transforms, key frames decoded, muxed by PyAV into .webm",
        lambda: [str(LIBWEBRTC / "bin" / "python"), "-m", "benchmarks.recording.peers.libwebrtc"],
        _libwebrtc_missing,
        _said(str(LIBWEBRTC / "bin" / "python"), "-c", _WRTC_VERSION),
    ),
)
