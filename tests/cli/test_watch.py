"""`pexrtc watch`: what the screen shows in a terminal of any size, and the lines it prints otherwise."""

from __future__ import annotations

import io
import json
import sys
from importlib.util import find_spec

import pytest
from rich.console import Console

from pexrtc_py.cli.__main__ import run
from pexrtc_py.cli.screen import Seen, picture
from pexrtc_py.cli.tally import Tally
from pexrtc_py.cli.watch import told
from pexrtc_py.protocol import events
from pexrtc_py.protocol.models import ConferenceStatus, Participant, Role, ServiceType, StageEntry
from pexrtc_py.signaling.ending import Ended, EndReason
from pexrtc_py.signaling.roster import Roster
from pexrtc_py.signaling.stream import Reconnecting


def _room(people: int = 3) -> Roster:
    """Me, Bob who speaks, Guest who waits, and so many others."""
    room = Roster()
    room.see(events.ConferenceUpdate(status=ConferenceStatus(locked=True)))
    room.see(events.Layout(view="1:7"))
    named = [
        Participant(uuid="me", display_name="Watch", role=Role.HOST),
        Participant(uuid="bob", display_name="Bob \x1b[2J", role=Role.HOST, has_media=True, is_video_call=True, is_presenting=True),
        Participant(uuid="guest", display_name="Guest", service_type=ServiceType.WAITING_ROOM),
    ]
    room.replace([*named, *(Participant(uuid=str(number), display_name=f"Person {number}") for number in range(people - 3))])
    room.see(events.Stage(entries=(StageEntry(participant_uuid="bob", stage_index=0, vad=100),)))
    return room


def _drawn(room: Roster, tally: Tally, width: int, height: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height)
    console.print(picture(Seen("meet.alice", "me", room, tally), 40.0, height))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_the_screen_shows_who_is_there_who_speaks_and_what_was_said() -> None:
    tally = Tally(0.0)
    tally.see(events.Stage(entries=(StageEntry(participant_uuid="bob", vad=100),)), 10.0)
    tally.see(events.MessageReceived(origin="Bob", payload="Good\x1b[31m morning"), 35.0)

    lines = _drawn(_room(), tally, 100, 24)

    assert lines[0].rstrip() == "meet.alice: 3 participants, started, locked"
    assert lines[1].rstrip() == "layout 1:7   presenting: Bob  [2J   speaking: Bob  [2J"
    assert [line.split()[0] for line in lines[4:7]] == ["Guest", "Bob", "Watch"]
    assert lines[4].split() == ["Guest", "guest", "none", "waiting"]
    assert lines[5].rstrip().endswith("presenting, speaking")
    assert lines[8].endswith("Bob: Good [31m morning")
    assert lines[9].startswith("0:40   2 events, 0.1/s   spoke: Bob  [2J 30 s")


@pytest.mark.parametrize(("width", "height"), [(40, 13), (48, 14), (80, 24), (250, 70)])
def test_the_screen_fits_any_terminal_and_any_crowd(width: int, height: int) -> None:
    tally = Tally(0.0)
    for number in range(300):
        tally.see(events.MessageReceived(origin="Bob", payload=f"{number} and more words than fit into a narrow line"), 20.0)

    lines = _drawn(_room(5000), tally, width, height)

    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert "more" in "".join(lines)
    assert any(line.lstrip().startswith("Guest") for line in lines)


def test_who_spoke_for_how_long_is_counted_from_who_falls_silent() -> None:
    tally = Tally(0.0)
    for now, voices in ((0.0, ("a",)), (4.0, ("a", "b")), (5.0, ("b",)), (6.0, ("a",))):
        tally.hear(voices, now)

    assert tally.spoken(9.0) == [("a", 8.0), ("b", 2.0)]


def test_events_a_second_are_those_of_the_last_seconds() -> None:
    tally = Tally(0.0)
    for number in range(200):
        tally.see(Reconnecting(attempt=1, pause=1, reason=""), number / 10)

    assert tally.rate(20.0) == pytest.approx(10, abs=1)
    assert tally.rate(40.0) == 0
    assert (tally.events, tally.breaks) == (200, 200)


def test_no_line_holds_a_token() -> None:
    line = told(events.Refer(alias="meet.bob", token="secret", breakout_name="Room"))

    assert line == {"event": "refer", "data": {"alias": "meet.bob", "breakout_name": "Room"}}
    assert told(Ended(reason=EndReason.REMOVED, detail="by Bob", error=ValueError())) == {
        "event": "ended",
        "data": {"reason": "removed", "detail": "by Bob"},
    }


def test_off_a_terminal_there_are_lines(there: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["watch", "open", *there, "--seconds", "0.5"])

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert code == 0
    assert lines[0]["event"] == "roster"
    assert [person["display_name"] for person in lines[0]["data"]] == ["Watch"]


def test_without_the_library_for_the_screen_the_extra_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr("pexrtc_py.cli.watch.find_spec", lambda name: None if name == "rich" else find_spec(name))

    code = run(["watch", "open", "--node", "http://127.0.0.1:1"])

    assert code == 3
    assert "pexrtc-py[tui]" in capsys.readouterr().err
