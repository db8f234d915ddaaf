"""What is asked of the node itself."""

from __future__ import annotations

from pexrtc_py.protocol.declare import OPEN, NodeRequest, get


@get("status", by=OPEN)
class Status(NodeRequest[str]):
    """Whether the node takes calls: "OK", or a refusal (503) in maintenance."""
