"""What a debug bundle must not hold."""

from __future__ import annotations

import logging
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pexrtc_py.bot.redacting import HIDDEN, MINUTES, LogTail, Redactor
from pexrtc_py.protocol.events import MessageReceived


def test_secrets_are_hidden_wherever_they_stand() -> None:
    redact = Redactor(["1234", None, ""])
    redact.hide("tok.en+/=")

    assert redact("the PIN 1234, the token tok.en+/=, and 12345") == f"the PIN {HIDDEN}, the token {HIDDEN}, and 12345"


def test_what_looks_like_one_is_hidden() -> None:
    redact = Redactor()

    assert redact("http://user:secret@proxy:3128/") == f"http://{HIDDEN}@proxy:3128/"
    assert redact("https://node/api/events?token=abc and more") == f"https://node/api/events?{HIDDEN} and more"
    assert redact("a=ice-ufrag:abcd\r\na=ice-pwd:secretsecret\r\n") == f"a=ice-ufrag:abcd\r\na=ice-pwd:{HIDDEN}\r\n"


@given(secret=st.text(st.characters(codec="ascii", categories=("L", "N", "P")), min_size=1, max_size=40), before=st.text(), after=st.text())
def test_no_secret_is_left(secret: str, before: str, after: str) -> None:
    if secret not in HIDDEN:
        assert secret not in Redactor([secret])(f"{before} {secret} {after}").replace(HIDDEN, "").split()


def test_the_tail_of_the_log_tells_no_chat() -> None:
    logger = logging.getLogger("pexrtc_py.something")
    event = MessageReceived.model_validate({"payload": "my secret", "origin": "Ann", "type": "text/plain", "uuid": "1"})
    with LogTail() as tail:
        logger.error("a callback failed on %r in %s", event, Path("a.mkv"))
        logger.error("%d of %s", 3, ValueError("wrong"))
        tail.emit(logging.makeLogRecord({"msg": "%.1f", "args": (event,), "name": "pexrtc_py.something"}))
        logging.getLogger("somebody.else").error("not ours")
    logger.error("after the end")

    lines = tail.text(logging.makeLogRecord({}).created).splitlines()
    assert [line.partition("something: ")[2] or line for line in lines] == [
        "a callback failed on '<MessageReceived>' in a.mkv",
        "3 of wrong",
        "%.1f",
    ]


def test_old_lines_and_long_ones_are_cut() -> None:
    logger = logging.getLogger("pexrtc_media.something")
    with LogTail() as tail:
        logger.error("x" * 100_000)
        now = logging.makeLogRecord({}).created

    assert 1000 < len(tail.text(now)) < 10_000
    assert tail.text(now + MINUTES * 60 + 1) == ""
