"""The embedded conferencing node: a server that real clients of the API can join. Names are loaded when first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pexrtc_py.node.bots import Bot, Performer, Step
    from pexrtc_py.node.captions import Caption, Said
    from pexrtc_py.node.config import NodeConfig, Turn, Vmr
    from pexrtc_py.node.desk import Desk, Incoming, Reply
    from pexrtc_py.node.devices import Device
    from pexrtc_py.node.endpoints import Endpoint
    from pexrtc_py.node.heard import Heard
    from pexrtc_py.node.identity import IdentityProvider
    from pexrtc_py.node.reading import load, parse_vmr
    from pexrtc_py.node.room import Room
    from pexrtc_py.node.server import Node, NoMedia
    from pexrtc_py.node.theming import ThemeFiles

__all__ = [
    "Bot",
    "Caption",
    "Desk",
    "Device",
    "Endpoint",
    "Heard",
    "IdentityProvider",
    "Incoming",
    "NoMedia",
    "Node",
    "NodeConfig",
    "Performer",
    "Reply",
    "Room",
    "Said",
    "Step",
    "ThemeFiles",
    "Turn",
    "Vmr",
    "load",
    "parse_vmr",
]

_HOMES = {
    "bots": ("Bot", "Performer", "Step"),
    "captions": ("Caption", "Said"),
    "config": ("NodeConfig", "Turn", "Vmr"),
    "desk": ("Desk", "Incoming", "Reply"),
    "heard": ("Heard",),
    "devices": ("Device",),
    "identity": ("IdentityProvider",),
    "reading": ("load", "parse_vmr"),
    "endpoints": ("Endpoint",),
    "room": ("Room",),
    "server": ("NoMedia", "Node"),
    "theming": ("ThemeFiles",),
}


def __getattr__(name: str) -> object:
    for module, names in _HOMES.items():
        if name in names:
            value: object = getattr(import_module(f"pexrtc_py.node.{module}"), name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
