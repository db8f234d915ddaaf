from __future__ import annotations

import pytest

from pexrtc_py.signaling.ending import Ended, EndReason, ended_by_node


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("API initiated conference termination", EndReason.CONFERENCE_ENDED),
        ("API initiated participant disconnect", EndReason.REMOVED),
        ("Conference terminated by an administrator", EndReason.CONFERENCE_ENDED),
        ("Disconnected by another participant", EndReason.REMOVED),
        ("Timer expired awaiting token refresh", EndReason.TOKEN_LOST),
        ("Media node disconnected", EndReason.NODE_LOST),
        ("Ice failure", EndReason.MEDIA_LOST),
        ("something nobody has heard of", EndReason.REMOVED),
        ("", EndReason.REMOVED),
    ],
)
def test_the_node_s_words_mean_a_reason(text: str, reason: EndReason) -> None:
    assert ended_by_node(text) == Ended(reason=reason, detail=text)


def test_an_end_reads_as_a_sentence() -> None:
    assert str(Ended(reason=EndReason.REMOVED, detail="Test")) == "removed: Test"
    assert str(Ended(reason=EndReason.LEFT)) == "left"
