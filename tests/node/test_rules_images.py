from __future__ import annotations

import json
from pathlib import Path

import pytest

from pexrtc_py.errors import ConferenceNotFound, UsageError
from pexrtc_py.node.config import NodeConfig, Vmr
from pexrtc_py.node.desk import Incoming
from pexrtc_py.node.inprocess import InProcess
from pexrtc_py.node.reading import load
from pexrtc_py.node.theming import ThemeFiles
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.models import SplashKey, Theme
from pexrtc_py.protocol.wire import decode, failed

JPEG = b"\xff\xd8\xff and so on"
SCREEN = {
    "layout_type": "direct_media",
    "background": {"path": "pictures/sea.jpg"},
    "elements": [{"type": "text", "color": 4294967295, "text": "Hi"}],
}
SCREENS = {str(key): SCREEN for key in SplashKey}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "theme" / "pictures").mkdir(parents=True)
    (tmp_path / "theme" / "theme.json").write_text(json.dumps(SCREENS))
    (tmp_path / "theme" / "pictures" / "sea.jpg").write_bytes(JPEG)
    (tmp_path / "secret").write_bytes(b"secret")
    return tmp_path


def test_a_theme_is_its_five_screens_and_their_pictures(folder: Path) -> None:
    node = InProcess(Vmr("meet", theme=ThemeFiles.load(folder / "theme")))
    alice = node.join("Alice")

    assert alice.send(requests.GetTheme()) == SCREENS
    assert alice.send(requests.ThemeResource(resource="pictures/sea.jpg")) == JPEG


def test_without_a_theme_there_is_nothing_to_tell() -> None:
    node = InProcess(Vmr("meet"))
    alice = node.join("Alice")

    reply = node.ask(requests.GetTheme(), Address("meet"), token=alice.token)

    assert (reply.status, reply.json) == (204, None)
    with pytest.raises(ConferenceNotFound):
        alice.send(requests.ThemeResource(resource="pictures/sea.jpg"))


@pytest.mark.parametrize("path", ["..%2Fsecret", "../secret", "pictures/..%2F..%2Fsecret", "theme.json", "%2Fetc%2Fpasswd", "pictures/"])
def test_nothing_but_its_pictures_can_be_had_of_a_theme(folder: Path, path: str) -> None:
    node = InProcess(Vmr("meet", theme=ThemeFiles.load(folder / "theme")))
    alice = node.join("Alice")

    reply = node.carry(Incoming(method="GET", path=f"/api/client/v2/conferences/meet/theme/{path}", token=alice.token))

    assert (reply.status in {400, 404}, reply.picture) == (True, None)


def test_a_theme_is_for_participants(folder: Path) -> None:
    node = InProcess(Vmr("meet", theme=ThemeFiles.load(folder / "theme")))

    reply = node.ask(requests.ThemeResource(resource="pictures/sea.jpg"), Address("meet"))

    assert (reply.status, reply.json) == (403, failed("Invalid token"))


def test_a_theme_that_lacks_something_is_refused_with_a_sentence(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"names the picture 'pictures/sea\.jpg', which is not there"):
        ThemeFiles(decode(Theme, SCREENS))
    (folder / "theme" / "theme.json").write_text(
        json.dumps({**SCREENS, "direct_media_welcome": {**SCREEN, "background": {"path": "../secret"}}})
    )
    with pytest.raises(UsageError, match="outside"):
        ThemeFiles.load(folder / "theme")
    (folder / "theme" / "theme.json").write_text(json.dumps({"direct_media_welcome": SCREEN}))
    with pytest.raises(UsageError, match="five screens"):
        ThemeFiles.load(folder / "theme")
    with pytest.raises(UsageError, match="cannot be read"):
        ThemeFiles.load(folder / "nowhere")


def test_theme_and_portraits_are_configured_in_a_file(folder: Path) -> None:
    (folder / "ann.jpg").write_bytes(JPEG)
    (folder / "node.toml").write_text('[avatars]\nAnn = "ann.jpg"\n[[conference]]\nalias = "meet"\ntheme = "theme"')

    config = load(folder / "node.toml")

    assert config.avatars == {"Ann": JPEG}
    assert config.conferences[0].theme == ThemeFiles.load(folder / "theme")
    (folder / "node.toml").write_text('[avatars]\nAnn = "bob.jpg"')
    with pytest.raises(UsageError, match=r"avatars, Ann: the file .*bob.jpg cannot be read"):
        load(folder / "node.toml")


def test_a_portrait_is_configured_by_name() -> None:
    node = InProcess(config=NodeConfig(conferences=(Vmr("meet"),), avatars={"ann": JPEG}))
    ann, bob = node.join("Ann"), node.join("Bob")

    assert bob.send(requests.Avatar(), to=ann) == JPEG
    reply = node.ask(requests.Avatar(), Address("meet", participant=bob.uuid), token=ann.token)
    assert (reply.status, reply.json) == (404, failed("No image available"))
