"""What surrounds the code: the Makefile, the script for system packages, the entry point of the checks, the image's recipe."""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parent.parent


def test_the_checks_run_what_the_readme_calls_the_test_command() -> None:
    script = ROOT / ".ci" / "run"

    assert os.access(script, os.X_OK)
    assert "make test" in script.read_text()
    assert "make test" in (ROOT / "README.md").read_text()


def test_make_demo_creates_the_environment_installs_and_runs(tmp_path: Path) -> None:
    planned = _made("demo", f"VENV={tmp_path / 'venv'}", "ARGS=--seconds 6")

    steps = [planned.index(step) for step in (" -m venv ", " install ", "pexrtc demo --seconds 6")]
    assert steps == sorted(steps)


def test_make_test_looks_for_programs_then_checks_then_tests(tmp_path: Path) -> None:
    planned = _made("test", f"VENV={tmp_path / 'venv'}")

    steps = [planned.index(step) for step in ("system-packages.sh", "'.[test]'", "ruff check", "mypy", "pyright", "-m pytest")]
    assert steps == sorted(steps)


def test_make_names_the_python_it_needs(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.version_info, sys.version = (3, 9, 1), '3.9.1 (pretended)'")

    done = _run("make", f"PYTHON=env PYTHONPATH={tmp_path} {sys.executable}", f"VENV={tmp_path / 'venv'}", "demo")

    assert done.returncode != 0
    assert "Python 3.11 or newer is needed; this is 3.9.1" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_missing_programs_are_named_with_the_command_to_install_them(tmp_path: Path) -> None:
    done = _run("/bin/sh", ROOT / "tests" / "system-packages.sh", path=tmp_path)

    assert done.returncode == 3
    assert "ffmpeg" in done.stderr
    assert "apt-get install --yes --no-install-recommends ffmpeg" in done.stderr


def test_without_permission_the_command_to_install_them_is_told(tmp_path: Path) -> None:
    for name, does in {"apt-get": "exit 100", "id": "echo 1000", "sudo": "exit 1"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)

    done = _run("/bin/sh", ROOT / "tests" / "system-packages.sh", path=tmp_path)

    assert done.returncode == 3
    assert "sudo apt-get install --yes --no-install-recommends ffmpeg" in done.stderr


def test_nothing_is_installed_where_the_programs_are_there(tmp_path: Path) -> None:
    for name in ("ffmpeg", "chromium", "node", "npm", "turnserver", "systemd-analyze"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)

    done = _run("/bin/sh", ROOT / "tests" / "system-packages.sh", path=tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_vendors_client_is_installed_once_as_it_is_pinned(tmp_path: Path) -> None:
    lock = ROOT / "tests" / "interop" / "package-lock.json"
    shutil.copy(lock, tmp_path)

    planned = _made("client", f"CLIENT={tmp_path}")

    locked = json.loads(lock.read_text())["packages"]
    assert f"npm ci --prefix {tmp_path}" in planned
    assert locked["node_modules/@pexip/infinity"]["version"] == locked[""]["dependencies"]["@pexip/infinity"]
    assert not [name for name, package in locked.items() if "resolved" in package]
    assert all(package["integrity"] for name, package in locked.items() if name)


@pytest.mark.timeout(120)
def test_the_image_is_given_all_that_the_wheel_needs(tmp_path: Path) -> None:
    copies = re.findall(r"^COPY (.+) (\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    for names, target in copies:
        for name in names.split():
            assert _in_context(name), f"{name} is kept from the image by .dockerignore"
            _copy(ROOT / name, tmp_path / "source" / (target if (ROOT / name).is_dir() else name))

    options = ("--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path)
    done = _run(sys.executable, "-m", "pip", "wheel", *options, "./source", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    names = ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    assert {"pexrtc_py/demo/assets/film.mp4", "pexrtc_media/py.typed"} <= set(names)
    assert [name for name in names if name.endswith("licenses/NOTICE")]


def test_the_image_runs_the_command_as_nobody_special() -> None:
    last = (ROOT / "Dockerfile").read_text().rpartition("\nFROM ")[2].splitlines()

    assert {'ENTRYPOINT ["pexrtc"]', "USER 10001", "STOPSIGNAL SIGTERM", "VOLUME /recordings"} <= set(last)


def _in_context(name: str) -> bool:
    """Whether the last rule of .dockerignore that matches lets it in."""
    inside = True
    for rule in (ROOT / ".dockerignore").read_text().split():
        if fnmatch.fnmatch(name, rule.removeprefix("!")):
            inside = rule.startswith("!")
    return inside


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def _made(*arguments: str) -> str:
    """What make would do."""
    done = _run("make", "--dry-run", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _run(*command: str | Path, cwd: Path = ROOT, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command; with `path` it finds only the programs in there."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    if path is not None:
        environment["PATH"] = str(path)
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
