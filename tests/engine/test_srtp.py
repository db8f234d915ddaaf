"""SRTP taken off: the packet that was sent, and nothing else."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st
from pylibsrtp import Policy, Session

from pexrtc_py.engine.rtp import serialize
from pexrtc_py.engine.srtp import LONGEST, Unprotector

KEY = os.urandom(30)


def sessions() -> tuple[Session, Unprotector]:
    out = Session(Policy(key=KEY, ssrc_type=Policy.SSRC_ANY_OUTBOUND))
    return out, Unprotector(Session(Policy(key=KEY, ssrc_type=Policy.SSRC_ANY_INBOUND)))


def packet(number: int, payload: bytes = b"x" * 500) -> bytes:
    return serialize(payload_type=96, sequence_number=number, timestamp=number, ssrc=1, payload=payload)


def test_what_was_protected_comes_out() -> None:
    protect, unprotect = sessions()
    sent = [packet(number, b"y" * (number * 40 % 1300)) for number in range(100)]

    assert [unprotect(protect.protect(one)) for one in sent] == sent


def test_what_is_forged_replayed_or_too_long_does_not() -> None:
    protect, unprotect = sessions()
    once = protect.protect(packet(1))
    other = protect.protect(packet(2))

    assert unprotect(once) is not None
    assert unprotect(once) is None
    assert unprotect(other[:-1] + bytes([other[-1] ^ 1])) is None
    assert unprotect(bytes(LONGEST + 1)) is None
    assert unprotect(other) == packet(2)


@given(st.binary(max_size=LONGEST + 10))
def test_junk_does_no_harm(junk: bytes) -> None:
    _, unprotect = sessions()

    assert unprotect(junk) is None
