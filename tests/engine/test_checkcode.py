"""The secure check code, computed by hand beside ours."""

from __future__ import annotations

import hashlib

import pytest

from pexrtc_py.engine.checkcode import check_code
from pexrtc_py.engine.sdp import Description

ANNE, BILL = "sha-256 AB:CD:01", "sha-256 12:34:EF"


def said(*fingerprints: str | None, session: str | None = None) -> Description:
    """A description with one section per fingerprint."""
    lines = ["v=0", *([f"a=fingerprint:{session}"] if session else [])]
    for number, value in enumerate(fingerprints):
        lines += [f"m=audio {9 if value else 0} UDP/TLS/RTP/SAVPF 111", f"a=mid:{number}", *([f"a=fingerprint:{value}"] if value else [])]
    return Description.of(lines)


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("one", "other", "text"),
    [
        (said(ANNE), said(BILL), "sha-25612:34:EFsha-256AB:CD:01"),
        (said(ANNE, ANNE), said(BILL, BILL), "sha-25612:34:EFsha-25612:34:EFsha-256AB:CD:01sha-256AB:CD:01"),
        (said(ANNE, None, ANNE), said(BILL), "sha-25612:34:EFsha-256AB:CD:01sha-256AB:CD:01"),
        (said(session=ANNE), said(BILL), "sha-25612:34:EFsha-256AB:CD:01"),
        # Sides stay together: sorted in one heap, 05 would come before AB.
        (said("sha-256 01", "sha-256 AB"), said("sha-256 05", "sha-256 FF"), "sha-25601sha-256ABsha-25605sha-256FF"),
    ],
)
def test_the_code_is_the_hash_of_both_sides_fingerprints(one: Description, other: Description, text: str) -> None:
    assert check_code(one, other) == check_code(other, one) == sha256(text)


def test_the_code_of_known_descriptions() -> None:
    """Reckoned with JavaScript, by the formula of the vendor's client."""
    code = "7aa369de9c2cfa228bc3f7298cda2b159c1e05acd5a6f69a709a6902b0fb1511"

    assert check_code(said(ANNE, ANNE), said(BILL, BILL)) == code


def test_letters_count_as_they_are_written() -> None:
    assert check_code(said("sha-256 ab"), said(BILL)) != check_code(said("sha-256 AB"), said(BILL))


def test_another_certificate_makes_another_code() -> None:
    assert check_code(said(ANNE), said(BILL)) != check_code(said(ANNE), said("sha-256 12:34:EE"))
