from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pexrtc_py.errors import ProtocolError
from pexrtc_py.protocol.forms import decode_form, encode_form


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(["frame", "other"]), st.binary()))
def test_a_form_brings_its_files_unchanged(files: dict[str, bytes]) -> None:
    content_type, body = encode_form(files)

    assert decode_form(content_type, body) == files


def test_a_form_as_browsers_write_it_is_read() -> None:
    body = (
        b'a word before\r\n--x y\r\ncontent-disposition: form-data; name=frame; filename="blob"\r\nContent-Type: image/jpeg\r\n\r\n'
        b'\xff\xd8\r\n--x\n\r\n--x y  \r\nContent-Disposition: form-data; name="note"\r\n\r\n\r\n--x y--\r\nafter'
    )

    assert decode_form('Multipart/Form-Data; boundary="x y"', body) == {"frame": b"\xff\xd8\r\n--x\n", "note": b""}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("", b""),
        ("application/json", b"{}"),
        ("multipart/form-data", b"--x--"),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=frame\r\n\r\nhalf a pic"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nno name\r\n--x--"),
        ("multipart/form-data; boundary=\u20ac", b"--x--"),
    ],
)
def test_what_is_no_form_is_a_protocol_error(content_type: str, body: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_form(content_type, body)


@settings(max_examples=200, deadline=None)
@given(st.text() | st.sampled_from(["multipart/form-data; boundary=x"]), st.binary() | st.lists(st.sampled_from(
    [b"--x", b"\r\n", b"--", b"Content-Disposition: form-data; name=", b"a", b"\xff", b'"']
)).map(b"".join))  # fmt: skip
def test_any_body_is_a_form_or_a_protocol_error(content_type: str, body: bytes) -> None:
    with suppress(ProtocolError):
        decode_form(content_type, body)
