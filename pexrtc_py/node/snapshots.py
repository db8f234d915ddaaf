"""Makes still pictures of one encoded frame."""

from __future__ import annotations

from io import BytesIO

from PIL.Image import Image, Resampling, fromarray

from pexrtc_media.base import AccessUnit
from pexrtc_py.engine.decoders import VideoDecoder
from pexrtc_py.node.plan import LOOK, Still

LOW = (640, 360)
"""No side of a small picture is longer, in pixels."""


def snapshot(keyframe: AccessUnit) -> Still | None:
    """A keyframe as pictures; None when it cannot be decoded. Takes some hundredths of a second, so it belongs in an executor."""
    frames = VideoDecoder(keyframe.codec).decode(keyframe)
    if not frames:
        return None
    picture = fromarray(frames[-1].to_ndarray(format="rgb24"))
    small = picture.copy()
    small.thumbnail(LOW)
    return Still(_file(small, "JPEG", quality=80), _file(picture, "JPEG", quality=90), _file(picture, "PNG", compress_level=1))


def glance(keyframe: AccessUnit) -> bytes | None:
    """The brightness of `LOOK` points of a keyframe, row by row; None when it cannot be decoded. Belongs in an executor too."""
    frames = VideoDecoder(keyframe.codec).decode(keyframe)
    return fromarray(frames[-1].to_ndarray(format="gray")).resize(LOOK, Resampling.BOX).tobytes() if frames else None


def _file(picture: Image, kind: str, **options: int) -> bytes:
    written = BytesIO()
    picture.save(written, kind, **options)
    return written.getvalue()
