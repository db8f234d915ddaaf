"""What the documents say is true: every example runs as it stands, every table is that of the code, every link leads somewhere."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from pexrtc_py import errors
from pexrtc_py.cli.__main__ import COMMANDS, pexrtc
from pexrtc_py.media import FlashBeep, Recorder
from tests.documents import ROOT, Reader, blocks

pytestmark = pytest.mark.live

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ASSETS = ROOT / "pexrtc_py" / "demo" / "assets"
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
_ERROR_ROW = re.compile(r"^\| `(\w+)` \| (\d+) \|", re.MULTILINE)


@pytest.fixture
async def desk(tmp_path: Path) -> Path:
    """A folder with the files that the examples name."""
    (tmp_path / "pin.txt").write_text("1234\n")
    shutil.copy(ASSETS / "slide-1.png", tmp_path / "slides.png")
    shutil.copy(ASSETS / "portrait.png", tmp_path / "portrait.png")
    film, talk = FlashBeep(seconds=2), Recorder(tmp_path / "talk.mp4", presentation=False)
    async for picture in film.video:
        await talk.video.write(picture)
    async for sound in film.audio:
        await talk.audio.write(sound)
    await talk.aclose()
    return tmp_path


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.stem)
async def test_every_example_runs_as_it_stands(page: Path, desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk)

    async with Reader(desk) as reader:
        for block in blocks(page):
            try:
                await reader.run(block)
            except Exception as error:
                error.add_note(f"in {block}")
                raise


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_leads_somewhere(page: Path) -> None:
    targets = _LINK.findall(page.read_text())

    assert not [target for target in targets if not (page.parent / target).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_module_that_is_named_exists(page: Path) -> None:
    named = set(re.findall(r"`([\w/]+\.py)`", page.read_text())) - {"media.py"}  # which is somebody else's
    ours = [path.relative_to(ROOT).as_posix() for folder in ("pexrtc_py", "media", "tests") for path in (ROOT / folder).rglob("*.py")]

    assert not [name for name in named if not any(f"/{path}".endswith(f"/{name}") for path in ours)]


def test_the_table_of_errors_is_complete_and_right() -> None:
    told = {name: int(code) for name, code in _ERROR_ROW.findall((ROOT / "docs" / "errors.md").read_text())}

    assert told == {kind.__name__: kind.exit_code for kind in _kinds(errors.PexRTCError)}


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "demo"])
def test_every_option_is_told_with_its_variable(name: str) -> None:
    text = "".join(page.read_text() for page in PAGES)
    command = pexrtc.get_command(click.Context(pexrtc), name)
    assert command is not None

    options = [option for option in command.params if isinstance(option, click.Option) and not option.is_eager]

    assert not [option.opts[0] for option in options if option.opts[0] not in text]
    assert not [option.envvar for option in options if f"`{option.envvar}`" not in text]


def test_every_variable_that_is_told_exists() -> None:
    told = set(re.findall(r"PEXRTC_[A-Z_]+", "".join(page.read_text() for page in PAGES)))

    commands = [pexrtc.get_command(click.Context(pexrtc), name) for name in COMMANDS]
    given = {"PEXRTC_FILE", "PEXRTC_SUMMARY", "PEXRTC_REASON", "PEXRTC_EXIT", "PEXRTC_BUNDLE"}  # to the command of --on-finish
    assert told - given <= {str(option.envvar) for command in commands if command is not None for option in command.params}


def _kinds(kind: type[errors.PexRTCError]) -> Iterator[type[errors.PexRTCError]]:
    yield kind
    for below in kind.__subclasses__():
        if below.__module__ == "pexrtc_py.errors":
            yield from _kinds(below)
