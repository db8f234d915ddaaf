"""What lies beside a recording, read back for one of its files."""

from __future__ import annotations

import json
from pathlib import Path

from pexrtc_media.container import Chapter
from pexrtc_py.bot.checking import _chapters_of, read_manifest

LINES = [
    {"t": 0.0, "kind": "segment", "file": "a.mkv"},
    {"t": 2.0, "kind": "presentation", "event": "start", "name": "Ann"},
    {"t": 10.0, "kind": "segment", "file": "a.0002.mkv"},
    {"t": 13.0, "kind": "presentation", "event": "stop", "name": "Ann"},
    {"t": 15.0, "kind": "presentation", "event": "start", "name": ""},
    {"t": 18.0, "kind": "clock", "track": "audio", "ntp": 1.0},
]


def test_each_file_has_the_chapters_that_are_in_it_in_its_own_time() -> None:
    assert _chapters_of(Path("a.mkv"), LINES) == [Chapter(2.0, 10.0, "Ann presents")]
    assert _chapters_of(Path("a.0002.mkv"), LINES) == [Chapter(0.0, 3.0, "Ann presents"), Chapter(5.0, 8.0, "Somebody presents")]


def test_the_last_line_of_a_killed_recorder_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "a.mkv").touch()
    text = "".join(json.dumps(line) + "\n" for line in LINES)
    (tmp_path / "a.manifest.jsonl").write_text(text + '{"t": 19.0, "ki')

    assert list(read_manifest(tmp_path / "a.0002.mkv")) == LINES
