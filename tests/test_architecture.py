"""Who imports whom, and what is imported in one place only: the rules of the project's structure, held by the code."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {"pexrtc_py": ROOT / "pexrtc_py", "pexrtc_media": ROOT / "media" / "pexrtc_media"}

PROTOCOL = {"protocol", "errors"}
MAY_IMPORT = {
    "media": set[str](),
    "protocol": PROTOCOL,
    "errors": PROTOCOL,
    "signaling": PROTOCOL,
    "engine": {"media", "errors"},
    "node": PROTOCOL,
    "hub": {"signaling", "engine", "media", *PROTOCOL},
    "slots": {"engine", "media", "errors"},
    "transcoding": {"engine", "media"},
    "recording": {"engine", "media", "hub", "call", "transcoding", *PROTOCOL},
    "stills": {"signaling", "hub", *PROTOCOL},
    "ways": {"engine", "hub", *PROTOCOL},
    "channel": PROTOCOL,
    "reporting": {"engine", *PROTOCOL},
    "direct": {"engine", "hub", "ways", "channel", "reporting", *PROTOCOL},
    "rtmp": {"engine", "media", "ways", *PROTOCOL},
    "call": {"signaling", "engine", "media", "hub", "slots", "recording", "ways", "direct", "rtmp", *PROTOCOL},
    "calling": {"engine", "media", "call", "direct", "ways", *PROTOCOL},
    "placing": {"engine", "call", "calling", "direct", "ways", *PROTOCOL},
    "following": {"conference", "calling", *PROTOCOL},
    "conference": {
        *("signaling", "engine", "media", "hub", "call", "calling", "direct", "placing", "following", "slots", "stills", "recording"),
        *PROTOCOL,
    },
    "bot": {"conference", "call", "recording", "hub", "joining", "signaling", "media", *PROTOCOL},
}
NODE_MEDIA = {
    *("backlog", "bridge", "bridge_call", "bridge_room", "composer", "compositing", "forwarding", "legs", "lettering", "looking", "mixing"),
    *("gallery", "hold_music", "performing", "rtmp_calls", "simulated", "sizes", "snapshots", "splash", "streaming"),
}
"""The modules of the node that carry media and so may use the engine."""

ONLY_IN = {
    "aiortc": {"engine"},
    "aioice": {"engine"},
    "pylibsrtp": {"engine"},
    "OpenSSL": {"engine"},
    "aiohttp": {
        "signaling/transport.py",
        "node/http.py",
        "node/page.py",
        "node/server.py",
        "node/streams.py",
        "browser_sso.py",
        "bot/serving.py",
    },
    "dns": {"signaling/discovery.py"},
    "aiohttp_sse_client": {"signaling/transport.py"},
    "sounddevice": {"media/devices.py"},
    "cv2": {"media/devices.py"},
    "rich": {"cli/screen.py"},
}


def _modules() -> list[tuple[str, Path]]:
    found = []
    for package, folder in PACKAGES.items():
        for path in sorted(folder.rglob("*.py")):
            relative = path.relative_to(folder).as_posix()
            found.append((f"media/{relative}" if package == "pexrtc_media" else relative, path))
    return found


def _imports(path: Path) -> list[tuple[int, str]]:
    names: list[tuple[int, str]] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            names.append((node.lineno, node.module or ""))
            names += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names if node.module == "pexrtc_py"]
    return names


def _part(name: str) -> str | None:
    """The part of the project that an imported name belongs to; None for other people's and for the root."""
    words = name.split(".")
    if words[0] == "pexrtc_media":
        return "media"
    return words[1] if words[0] == "pexrtc_py" and len(words) > 1 else None


def _allowed(module: str) -> set[str] | None:
    """What a module may import of ours; None where everything public is allowed."""
    part = module.split("/", maxsplit=1)[0].removesuffix(".py")
    if part not in MAY_IMPORT or module == "media/__init__.py":
        return None
    allowed = MAY_IMPORT[part] | {part}
    if part == "node" and module.split("/")[1].removesuffix(".py") in NODE_MEDIA:
        allowed |= {"engine", "media"}
    return allowed


@pytest.mark.parametrize(("module", "path"), _modules(), ids=[m for m, _ in _modules()])
def test_imports_follow_the_architecture(module: str, path: Path) -> None:
    allowed = _allowed(module)

    for line, name in _imports(path):
        part = _part(name)
        assert allowed is None or part is None or part in allowed, f"{module}:{line} may not import {name}"
        top = name.split(".")[0]
        if top in ONLY_IN:
            assert any(module == where or module.startswith(f"{where}/") for where in ONLY_IN[top]), f"{module}:{line} imports {name}"


def _loaded_by(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT).stdout.split())


def test_importing_the_package_loads_nothing_heavy() -> None:
    loaded = _loaded_by("import sys; sys.path[:0] = ['.', 'media']; import pexrtc_py")

    assert not loaded & {"cv2", "sounddevice", "matplotlib", "rich", "av", "numpy", "aiortc", "aiohttp", "pydantic"}


def test_the_dns_library_is_loaded_when_first_used() -> None:
    loaded = _loaded_by("import sys; sys.path[:0] = ['.', 'media']; import pexrtc_py.signaling.discovery, pexrtc_py.joining")

    assert "dns" not in loaded


def test_recording_what_arrives_needs_no_arrays_and_no_drawing() -> None:
    parts = "pexrtc_py.bot.running, pexrtc_py.call, pexrtc_py.engine.peer, pexrtc_py.recording, pexrtc_media.recorder"
    loaded = _loaded_by(f"import sys; sys.path[:0] = ['.', 'media']; import {parts}")

    assert "aiortc" in loaded
    assert not loaded & {"numpy", "PIL"}


def test_the_protocol_needs_no_network_and_no_media() -> None:
    loaded = _loaded_by("import sys; sys.path[:0] = ['.', 'media']; import pexrtc_py.protocol")

    assert not loaded & {"aiohttp", "av", "aiortc", "numpy"}


def test_the_command_line_loads_no_media_for_its_help() -> None:
    loaded = _loaded_by("import sys; sys.path[:0] = ['.', 'media']; import pexrtc_py.cli.__main__")

    assert not loaded & {"cv2", "sounddevice", "matplotlib", "rich", "av", "numpy", "aiortc", "aiohttp"}
