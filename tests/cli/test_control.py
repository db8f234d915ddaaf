"""`pexrtc roster`, `chat` and `control`: what they say, what they ask, and that they leave again."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pexrtc_py.cli.__main__ import run as main
from pexrtc_py.cli.values import built
from pexrtc_py.cli.verbs import VERBS, Verb
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.declare import REQUESTS, Request, Scope
from pexrtc_py.protocol.models import Transforms
from tests.cli.commands import Start, ended, started, wait_for_line

Ask = Callable[..., tuple[int, str, str]]

NOT_VERBS = {
    requests.Events,
    requests.RefreshToken,
    requests.ReleaseToken,
    requests.RequestToken,
}
"""What every command does by itself."""


def test_every_request_is_a_verb() -> None:
    others = {kind for kind in REQUESTS.values() if kind.scope is not Scope.REGISTRATION} - NOT_VERBS

    assert {verb.kind for verb in VERBS} == others


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: f"{verb.kind.scope.value} {verb.name}")
def test_every_verb_explains_its_arguments(verb: Verb) -> None:
    assert verb.sentence.endswith((".", ",", "node's"))  # or goes on in a second line
    assert all(f"{name}=" in verb.arguments for name in verb.kind.model_fields)


@pytest.fixture
def ask(there: list[str], capsys: pytest.CaptureFixture[str]) -> Ask:
    """Runs a command in this process, for that is quicker, with the options that lead to the node: exit code, stdout, stderr."""

    def asked(command: str, alias: str, *arguments: str) -> tuple[int, str, str]:
        code = main([command, *there, alias, *arguments])
        return code, *capsys.readouterr()

    return asked


@pytest.fixture(scope="module")
def host(served: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A host with sound in `meet.alice`, whose name would colour a terminal red."""
    options = ("--node", served["url"], "--ca-file", served["ca_file"], "--pin", "1234", "--name", "Si\x1b[31mnger")
    with started("join", "meet.alice", *options, "--video", "none", "--audio", "tone", cwd=tmp_path_factory.mktemp("host")) as singer:
        wait_for_line(singer, '"state": "joined"')
        yield


@pytest.mark.usefixtures("host")
def test_a_roster_shows_who_is_there(ask: Ask) -> None:
    text = ask("roster", "meet.alice", "--pin", "5678")[1]
    told = json.loads(ask("roster", "meet.alice", "--pin", "5678", "--json")[1])

    assert text.splitlines()[0] == "meet.alice: 2 participants, started"
    assert text.splitlines()[2].split() == ["Si", "[31mnger", "host", "video"]
    assert text.splitlines()[3].split()[:4] == ["Roster", "(this", "command)", "guest"]
    people = {person["display_name"]: person for person in told["participants"]}
    assert people["Si\x1b[31mnger"]["has_media"] is True
    assert people["Roster"]["uuid"] == told["me"]
    assert len(people) == 2, "the first command has left"
    assert told["status"]["locked"] is False


@pytest.mark.usefixtures("host")
def test_a_guest_is_refused_what_is_the_hosts(ask: Ask) -> None:
    code, out, err = ask("control", "meet.alice", "lock", "--pin", "5678")

    assert (code, out) == (11, "")
    assert "Invalid role" in err


def test_a_request_is_sent_from_the_shell(ask: Ask) -> None:
    assert ask("control", "open", "lock")[:2] == (0, "done\n")
    assert json.loads(ask("control", "open", "get-conference-status", "--json")[1])["result"]["started"] is True
    assert json.loads(ask("control", "open", "muteguests", "--json")[1]) == {"exit": 0, "verb": "mute_guests", "result": True}


@pytest.mark.usefixtures("host")
def test_a_breakout_room_is_meant_by_its_name(ask: Ask) -> None:
    host = ("meet.alice", "--pin", "1234", "--json")

    opened = json.loads(ask("control", *host, "create_breakout", "name=Red")[1])["result"]
    status = json.loads(ask("control", *host, "get_conference_status", "--breakout", "red")[1])["result"]
    wrong = ask("control", *host, "lock", "--breakout", "Rad")
    closed = ask("control", *host, "disconnect_all", "--breakout", opened["breakout_uuid"])

    assert (status["breakout"], status["breakout_name"]) == (True, "Red")
    assert wrong[0] == 2
    assert "There is no breakout room 'Rad'. Did you mean Red?" in wrong[2]
    assert json.loads(closed[1])["result"] is True


def test_what_only_oneself_is_asked_for_is_asked_of_oneself(ask: Ask) -> None:
    assert ask("control", "open", "client_mute")[:2] == (0, "done\n")
    assert ask("control", "open", "buzz", "--participant", "control")[:2] == (0, "done\n")


def test_a_participant_who_is_not_there_is_told_with_those_who_are(ask: Ask) -> None:
    code, _, err = ask("control", "open", "mute", "--participant", "Contorl")

    assert code == 2
    assert "Did you mean Control? There: Control." in err


def test_what_is_said_is_followed_and_what_is_typed_is_said(start: Start, there: list[str], ask: Ask) -> None:
    follower = start("chat", "open", *there, "--name", "Bob", "--json", "--seconds", "60")
    assert follower.stdin is not None
    assert follower.stdout is not None
    while "Bob" not in ask("roster", "open")[1]:
        pass

    alone = ask("chat", "open", "To you alone", "--name", "Cleo", "--to", "bob")
    everybody = ask("chat", "open", "Good\x1b morning", "--name", "Ann", "--json")
    first, second = json.loads(follower.stdout.readline()), json.loads(follower.stdout.readline())

    assert alone[:2] == (0, "")
    assert json.loads(everybody[1]) == {"exit": 0, "sent": True}
    assert (first["origin"], first["payload"], first["direct"]) == ("Cleo", "To you alone", True)
    assert (second["origin"], second["payload"], second["direct"]) == ("Ann", "Good\x1b morning", False)
    assert ended(follower, signal.SIGTERM).returncode == 0


def test_a_message_to_nobody_there_is_refused(ask: Ask) -> None:
    code, _, err = ask("chat", "open", "Hello", "--to", "Chatt")

    assert code == 2
    assert "Did you mean Chat?" in err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["lokc"], "Did you mean lock"),
        (["mute"], "--participant"),
        (["disconnect"], "disconnect_all"),
        (["lock", "--participant", "me"], "of the conference"),
        (["lock", "now"], "KEY=VALUE"),
        (["lock", "for=ever"], "nothing to say"),
        (["message"], "payload=TEXT"),
        (["message", "paylaod=Hello"], "payload"),
        (["set_classification_level", "level=high"], "level"),
        (["transform_layout", "transforms.layuot=1:7"], "Did you mean layout"),
        (["transform_layout", "transforms.layout.a=1:7"], "no parts"),
        (["preferred_aspect_ratio", "aspect_ratio=7"], "2"),
        (["post_presentation", "frame=picture.jpg"], "@"),
        (["post_presentation", "frame=@picture.jpg"], "picture.jpg"),
        (["ack", "--call", "1"], "--participant"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_is_joined(words: list[str], hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["control", "open", "--node", "http://127.0.0.1:1", *words])

    assert code == 2
    assert hint in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "words", "meant"),
    [
        ("message", ["payload=12"], requests.Message(payload="12")),
        ("message", ["payload=null"], requests.Message(payload="null")),
        ("message", ["payload=a=b"], requests.Message(payload="a=b")),
        ("receive_from_audio_mix", ["mix_name=null"], requests.ReceiveFromAudioMix(mix_name=None)),
        (
            "dial",
            ["destination=sip:a@b", "streaming=yes", "role=guest"],
            requests.Dial(destination="sip:a@b", streaming=True, role="guest"),
        ),
        ("transform_layout", ["transforms.layout=4:0"], requests.TransformLayout(transforms=Transforms(layout="4:0"))),
        ("transform_layout", ['transforms={"layout": "4:0"}'], requests.TransformLayout(transforms=Transforms(layout="4:0"))),
        ("create_breakout", ["name=Room", "duration=60"], requests.CreateBreakout(breakout_name="Room", duration=60)),
        ("configure_video_mix", ["mix_name=main.!personal"], requests.ConfigureVideoMix(mix_name="main.!personal")),
        ("post_presentation", [f"frame=@{__file__}"], requests.PostPresentation(frame=Path(__file__).read_bytes())),
    ],
)
def test_words_are_read_as_the_request_declares_them(name: str, words: list[str], meant: Request[Any]) -> None:
    verb = next(verb for verb in VERBS if verb.name == name)

    assert built(verb, words) == meant
