"""PyAV's planes as numpy arrays, without a copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import av

Plane = npt.NDArray[np.uint8]


def rows(frame: av.VideoFrame, index: int = 0) -> Plane:
    """Plane `index` of an 8-bit planar frame as rows of bytes, which can be written to; padding at the right is left out."""
    plane = frame.planes[index]
    # PyAV's planes are buffers, which its stubs do not say.
    flat = np.frombuffer(cast(Any, plane), np.uint8)
    return flat.reshape(-1, plane.line_size)[: plane.height, : plane.width]
