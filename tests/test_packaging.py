"""What users install: the sdist, the wheel built from it, and that it runs and is typed in an environment of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
from collections.abc import Set
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = (ROOT / "pexrtc_py", ROOT / "media" / "pexrtc_media")
RECORDED_BADLY = 30
HELD_UP = 0.2
"""Seconds for which a machine may stand still before a recording that is not what it should be says nothing."""
HOSTILE = 'raise ImportError("the media.py of somebody else was imported")\n'
SAMPLE = """
import pexrtc_py
from pexrtc_py.media import Pattern
joining: str = pexrtc_py.join("meet.alice@example.com", video=Pattern(size=(640, 360)))
"""
"""The last line is wrong on purpose: what `join` returns is no text."""

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the wheel made of it."""
    folder = tmp_path_factory.mktemp("dist")
    # Without --sdist or --wheel, build unpacks the sdist and makes the wheel of that.
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel in it, which finds the dependencies where they are installed already."""
    folder = tmp_path_factory.mktemp("environment")
    venv.EnvBuilder(symlinks=True).create(folder)
    _run(sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install", "--quiet", "--no-deps", "--no-index", wheel)
    (packages,) = folder.glob("lib/python*/site-packages")
    # A .pth file in a folder named by a .pth file is not read: an editable install of ours stays out of sight.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A working directory of a user who has a `media.py`."""
    (tmp_path / "media.py").write_text(HOSTILE)
    return tmp_path


def test_the_wheel_made_from_the_sdist_holds_both_packages_and_nothing_else(wheel: Path) -> None:
    names = set(ZipFile(wheel).namelist())

    files = {name for name in names if ".dist-info/" not in name}
    assert files == {path.relative_to(package.parent).as_posix() for package in PACKAGES for path in _sources(package)}
    assert {"pexrtc_py/py.typed", "pexrtc_media/py.typed", "pexrtc_py/demo/assets/film.mp4"} <= files


def test_licence_and_credits_travel_with_the_wheel(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        licences = {name.rpartition("/")[2]: archive.read(name) for name in archive.namelist() if "/licenses/" in name}

    assert licences == {name: (ROOT / name).read_bytes() for name in ("LICENSE", "NOTICE")}


def test_the_sdist_holds_what_the_wheel_and_the_tests_need(built: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert {"pyproject.toml", "Makefile", "README.md", "NOTICE", "docs/architecture.md", "tests/test_packaging.py"} <= names
    assert {name for name in names if name.startswith(".")} == {".gitignore", ".dockerignore"}


def test_the_packages_import_beside_somebody_elses_media_module(environment: Path, elsewhere: Path) -> None:
    code = """
        import pexrtc_py, pexrtc_py.media, pexrtc_media
        assert pexrtc_py.media.Pattern is pexrtc_media.Pattern and pexrtc_py.join
        print(pexrtc_py.__file__, pexrtc_media.__file__, sep="\\n")"""

    told = _run(environment / "bin" / "python", "-c", re.sub("^ +", "", code, flags=re.MULTILINE), cwd=elsewhere)

    assert all(Path(line).is_relative_to(environment) for line in told.split())


def test_the_command_is_there(environment: Path, elsewhere: Path) -> None:
    told = _run(environment / "bin" / "pexrtc", "--help", cwd=elsewhere)

    assert "record" in told


@pytest.mark.timed
def test_the_demo_runs_from_the_wheel(environment: Path, elsewhere: Path) -> None:
    command = (environment / "bin" / "pexrtc", "demo", "--seconds", "12", "--json", "--out")
    for attempt in range(3):
        told = json.loads(_run(*command, f"shown{attempt}", cwd=elsewhere, codes={0, RECORDED_BADLY}))
        # On a machine that stands still nothing can be shown of the demo, which says so.
        if told["exit"] == 0 or told["event_loop_held_up_seconds"] <= HELD_UP:
            break

    # How many pictures come through in time is a matter of the machine, and judged by the demo's own tests.
    assert not [check for check in told["checks"] if not check["ok"] and not check["name"].startswith("picture")]
    assert {path.name for path in (elsewhere / f"shown{attempt}").iterdir()} == {"meet.alice.mkv", "meet.alice.png"}


def test_mypy_sees_the_types_of_the_installed_packages(environment: Path, elsewhere: Path) -> None:
    python = environment / "bin" / "python"

    found = _checked(elsewhere, sys.executable, "-m", "mypy", "--strict", "--python-executable", python, "--cache-dir", elsewhere / "cache")

    assert [line for line in found.splitlines() if "error:" in line] == [
        'sample.py:4: error: Incompatible types in assignment (expression has type "Joining", variable has type "str")  [assignment]'
    ]


def test_pyright_sees_the_types_of_the_installed_packages(environment: Path, elsewhere: Path) -> None:
    found = _checked(elsewhere, sys.executable, "-m", "pyright", "--pythonpath", environment / "bin" / "python")

    (error,) = [line for line in found.splitlines() if "error:" in line]
    assert 'sample.py:4:16 - error: Type "Joining" is not assignable to declared type "str"' in error


def _sources(package: Path) -> list[Path]:
    return [path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def _checked(folder: Path, *checker: str | Path) -> str:
    """What a type checker says of the sample; it must find fault with it."""
    (folder / "sample.py").write_text(SAMPLE)
    done = subprocess.run([*checker, "sample.py"], cwd=folder, capture_output=True, text=True, check=False, env=_clean())
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


def _run(*command: str | Path, cwd: Path | None = None, codes: Set[int] = frozenset({0})) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, env=_clean())
    assert done.returncode in codes, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _clean() -> dict[str, str]:
    """The environment without what would lead Python to this checkout."""
    return {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "MYPYPATH"} and not name.startswith("PEXRTC_")}
