"""What we lean on in aiortc and aioice is still there; a failure here says why an upgrade needs work."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import pytest
from aioice import Connection
from aiortc import RTCDtlsTransport, RTCSctpTransport
from pylibsrtp import Session

from pexrtc_py.engine.dtls import Certificate
from pexrtc_py.engine.ice import IceTransport
from pexrtc_py.engine.seams import ATTRIBUTES, SEAMS, Seam


def _owner(path: str) -> Any:
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError:
        module, _, name = path.rpartition(".")
        return getattr(importlib.import_module(module), name)


@pytest.mark.parametrize("seam", SEAMS, ids=lambda seam: f"{seam.owner}.{seam.name}")
def test_a_name_we_lean_on_is_still_there(seam: Seam) -> None:
    assert hasattr(_owner(seam.owner), seam.name), f"{seam.owner}.{seam.name} is gone; we need it to: {seam.reason}"


async def test_the_attributes_we_read_are_still_there() -> None:
    connection = Connection(ice_controlling=True)
    transport = RTCDtlsTransport(IceTransport(controlling=True), [Certificate.generateCertificate()])  # type: ignore[arg-type]

    instances = {"aioice.ice.Connection": connection, "aiortc.rtcdtlstransport.RTCDtlsTransport": transport, "pylibsrtp.Session": Session()}

    assert instances.keys() == ATTRIBUTES.keys()
    for path, instance in instances.items():
        missing = [name for name in ATTRIBUTES[path] if not hasattr(instance, name)]
        assert not missing, f"{path} has no {missing} any more"


def test_the_overridden_methods_still_take_what_ours_take() -> None:
    assert list(inspect.signature(RTCDtlsTransport._handle_rtp_data).parameters) == ["self", "data", "arrival_time_ms"]
    assert list(inspect.signature(RTCDtlsTransport._handle_rtcp_data).parameters) == ["self", "data"]
    assert list(inspect.signature(RTCDtlsTransport._send_data).parameters) == ["self", "data"]
    assert list(inspect.signature(RTCSctpTransport._handle_data).parameters) == ["self", "data"]
    assert list(inspect.signature(Connection.get_component_candidates).parameters) == ["self", "component", "addresses", "timeout"]
    assert list(inspect.signature(Connection.data_received).parameters) == ["self", "data", "component"]
