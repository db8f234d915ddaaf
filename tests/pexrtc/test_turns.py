"""What a log says of a callback's turn."""

from __future__ import annotations

import logging

import pytest

from pexrtc_py.pexrtc import PexRTC


async def test_an_address_with_a_token_given_to_a_callback_that_raises_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    rtc = PexRTC()

    def failing(url: str | None) -> None:
        raise RuntimeError("no")

    rtc.on_presentation_reload = failing
    with caplog.at_level(logging.DEBUG):
        rtc._call("on_presentation_reload", "https://node/presentation.jpeg?token=secret")
        await rtc._hub.drain(1.0)

    assert "on_presentation_reload" in caplog.text
    assert "secret" not in caplog.text
