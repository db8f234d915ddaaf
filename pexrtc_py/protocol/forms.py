"""Forms with files (multipart/form-data, RFC 7578), which one request of the API sends: the fields marked FORM, as they travel."""

from __future__ import annotations

from collections.abc import Mapping
from email.message import Message
from secrets import token_hex

from pexrtc_py.errors import ProtocolError

MEDIA_TYPE = "multipart/form-data"


def encode_form(files: Mapping[str, bytes], *, content_type: str = "image/jpeg") -> tuple[str, bytes]:
    """The content type and body of a form with these files, by field."""
    boundary = token_hex(24)
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\nContent-Type: {content_type}\r\n\r\n'.encode()
        + content
        for name, content in files.items()
    ]
    return f"{MEDIA_TYPE}; boundary={boundary}", b"\r\n".join([*parts, f"--{boundary}--\r\n".encode()])


def decode_form(content_type: str, body: bytes) -> dict[str, bytes]:
    """The files and values of a form, by field. Raises ProtocolError when it is none."""
    head = Message()
    head["Content-Type"] = content_type
    boundary = head.get_boundary()
    if head.get_content_type() != MEDIA_TYPE or not boundary:
        raise ProtocolError(f"Input should be a form ({MEDIA_TYPE} with a boundary)")
    parts = (b"\r\n" + body).split(b"\r\n--" + boundary.encode(errors="replace"))
    if len(parts) < 2 or not parts[-1].startswith(b"--"):
        raise ProtocolError("the form does not end")
    return dict(_field(part) for part in parts[1:-1])


def _field(part: bytes) -> tuple[str, bytes]:
    lines, empty, content = part.partition(b"\r\n\r\n")
    for line in lines.decode(errors="replace").split("\r\n"):
        label, _, value = line.partition(":")
        if label.strip().lower() == "content-disposition" and empty:
            head = Message()
            head["Content-Disposition"] = value.strip()
            name = head.get_param("name", header="content-disposition")
            if isinstance(name, str) and name:
                return name, content
    raise ProtocolError("a part of the form has no name")
