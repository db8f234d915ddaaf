"""What a node is configured with: its virtual meeting rooms (VMRs) and a few times and limits; pure. `reading` has the TOML reader."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Literal

from pexrtc_py.errors import UsageError
from pexrtc_py.node.captions import Caption
from pexrtc_py.node.devices import Device
from pexrtc_py.node.endpoints import Endpoint
from pexrtc_py.node.identity import IdentityProvider
from pexrtc_py.node.theming import ThemeFiles


@dataclass(frozen=True)
class Vmr:
    """A virtual meeting room. Raises `UsageError` for PINs that cannot work together."""

    alias: str
    """What participants dial; compared without regard to case."""
    _: KW_ONLY
    aliases: tuple[str, ...] = ()
    """Other names for the same room."""
    name: str | None = None
    """Shown to participants; the alias when absent."""
    host_pin: str | None = None
    """With it, Guests wait until a Host has arrived; without it, everybody is a Host."""
    guest_pin: str | None = None
    allow_guests: bool = True
    service_type: Literal["conference", "lecture", "gateway", "test_call"] = "conference"
    """In a lecture Guests are muted from the start; a gateway calls `far_end`, a test call sends back what one says and shows."""
    far_end: str | None = None
    """Whom a gateway calls; `*` is what `*` stands for in the alias: `Vmr("to-*", service_type="gateway", far_end="sip:*@example.com")`."""
    test_seconds: float = 20.0
    """How long a test call goes on once it has media."""
    chat: bool = True
    guests_can_present: bool = True
    guests_can_unmute: bool = True
    classification_levels: tuple[str, ...] = ()
    """What the levels of secrecy are called, from number 0 on; Hosts choose among them."""
    captions: tuple[Caption, ...] = ()
    """What those who want live captions are told; without any they are not available."""
    direct_media: bool = False
    """Two participants whose clients can, and nobody else, are connected to each other; with a third their media go through the node."""
    participant_limit: int | None = None
    bandwidth: int | None = None
    """Limit per call and direction in kbps."""

    reception: Literal["standard", "mssip"] | None = None
    """With it this is a virtual reception: it asks for an extension, and leads to the conference that one names."""
    extensions: Mapping[str, str] = field(default_factory=dict)
    """The alias of each extension of a reception; when empty, every alias of the node is the extension of its conference."""
    host_idps: tuple[str, ...] | None = None
    """Names of the identity providers among which Hosts must choose; they need not sign in when None."""
    guest_idps: tuple[str, ...] | None = None
    """The same for Guests."""
    theme: ThemeFiles | None = None
    """Its screens, those of direct media too; in a file or on the command line the name of the folder `ThemeFiles.load` reads."""

    def __post_init__(self) -> None:
        for alias in self.all_aliases:
            if not alias or alias != alias.strip() or not alias.isprintable():
                raise UsageError(f"{alias!r} cannot be an alias: it must be printable text without blanks around it.")
        for pin in (self.host_pin, self.guest_pin):
            if pin is not None:
                self._check_pin(pin)
        if self.guest_pin is not None and self.host_pin is None:
            raise UsageError(f"{self.alias}: a guest_pin needs a host_pin, or nobody could be a Guest.")
        if self.guest_pin is not None and not self.allow_guests:
            raise UsageError(f"{self.alias}: guest_pin makes no sense with allow_guests = false.")
        if self.guest_pin is not None and self.guest_pin == self.host_pin:
            raise UsageError(f"{self.alias}: host_pin and guest_pin must differ.")
        if (self.far_end is None) is (self.service_type == "gateway"):
            raise UsageError(f"{self.alias}: a gateway needs a far_end to call, and nothing else has one.")
        if self.service_type in ("gateway", "test_call") and self.host_pin is not None:
            raise UsageError(f"{self.alias}: a {self.service_type} has no PIN.")
        if not self.test_seconds > 0:
            raise UsageError(f"{self.alias}: test_seconds must be above 0, not {self.test_seconds}.")
        for key in ("participant_limit", "bandwidth"):
            if (limit := getattr(self, key)) is not None and limit < 1:
                raise UsageError(f"{self.alias}: {key} must be at least 1, not {limit}.")

    def _check_pin(self, pin: str) -> None:
        # The PIN travels in a header, and the word `none` there means entering without one.
        if not pin.isascii() or not pin.isprintable() or pin != pin.strip() or pin.lower() in ("", "none"):
            raise UsageError(f"{self.alias}: a PIN must be printable ASCII text, not blank and not the word 'none'.")

    @property
    def all_aliases(self) -> tuple[str, ...]:
        """The alias and the further ones."""
        return (self.alias, *self.aliases)


@dataclass(frozen=True)
class Turn:
    """A TURN server that the node tells its clients. Raises `UsageError` for what is no address of one."""

    urls: tuple[str, ...]
    """`turn:HOST:PORT`, with `?transport=tcp` perhaps, or `turns:`."""
    _: KW_ONLY
    username: str
    password: str = field(repr=False)

    def __post_init__(self) -> None:
        if not self.urls:
            raise UsageError("A turn_server needs at least one address in urls, such as turn:turn.example.com:3478.")
        _check_schemes(self.urls, ("turn:", "turns:"))


@dataclass(frozen=True, kw_only=True)
class NodeConfig:
    """Everything about a node but the code that carries its media."""

    conferences: tuple[Vmr, ...] = ()
    """Empty: any alias is an open conference."""
    endpoints: tuple[Endpoint, ...] = ()
    """Who can be called. Empty: every destination answers."""
    listen: str | None = None
    """`HOST:PORT`; port 0 takes a free one."""
    tls: bool | None = None
    ui: bool = False
    """Whether there is a page at the root, for browsers on this machine."""
    rtmp: str | None = None
    """`HOST:PORT` for calls by RTMP, which are refused without; port 0 takes a free one."""
    version: str = "37"
    """The emulated `version_id`: requests, events and fields that came later are missing. Some clients refuse texts below "29"."""
    pseudo_version: str = "79019.0.0"
    token_seconds: int = 120
    waiting_seconds: float = 900.0
    """How long somebody may stay in the waiting room."""
    keepalive_seconds: float = 15.0
    """Between comments on an idle event stream."""
    stream_limit: int = 5000
    """Events that may wait for a slow reader of an event stream before it is dropped."""
    statistics_milliseconds: float = 5000.0
    """How often clients in direct media report how their media fare."""
    stun_servers: tuple[str, ...] = ()
    """`stun:HOST:PORT` of each server that clients are told."""
    turn_servers: tuple[Turn, ...] = ()
    """The TURN servers that clients are told; `[[turn_server]]` in a file."""
    turn_with: Literal["token", "call"] = "token"
    """When: with the token, or with the answer to a call, upon which the vendor's clients look for another way through them."""
    relay_only: bool = False
    """Whether clients are told to reach the node through a TURN server only."""
    compose: Literal["auto", "always", "never"] = "auto"
    """When pictures are composed: `auto` forwards them as they come where one fills the picture and nothing is written over it."""
    max_size: str = "1280x720"
    """The largest composed picture."""
    hold_music: bool = True
    """Whether there is music in the waiting room and on hold."""
    impair: str | None = None
    """What the network does to media, by the name of a profile or as `loss=0.02,delay_ms=50`, each direction of each call by itself."""
    maintenance: bool = False
    identity_providers: tuple[IdentityProvider, ...] = ()
    """Those that conferences name as theirs; `[[identity_provider]]` in a file."""
    devices: tuple[Device, ...] = ()
    """Those that may register; `[[device]]` in a file."""
    avatars: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Portraits (JPEG) by display name, or by the alias of a device; in a file the names of the pictures."""

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for alias in (alias for vmr in self.conferences for alias in vmr.all_aliases):
            if alias.casefold() in seen:
                raise UsageError(f"The alias {alias!r} is given to two conferences; an alias must be unique.")
            seen.add(alias.casefold())
        if not (self.version.isascii() and self.version.isdigit() and len(self.version) <= 4):
            raise UsageError(f"version must be digits such as '37', not {self.version!r}.")
        self._check_identity()
        _check_schemes(self.stun_servers, ("stun:", "stuns:"))
        aliases = [device.alias.casefold() for device in self.devices]
        if twice := {alias for alias in aliases if aliases.count(alias) > 1}:
            raise UsageError(f"Two devices have the alias {min(twice)!r}; an alias must be unique.")
        for key in ("token_seconds", "waiting_seconds", "keepalive_seconds", "stream_limit", "statistics_milliseconds"):
            if not getattr(self, key) > 0:
                raise UsageError(f"{key} must be above 0, not {getattr(self, key)}.")
        if self.compose not in ("auto", "always", "never"):
            raise UsageError(f"compose must be auto, always or never, not {self.compose!r}.")
        split_size(self.max_size)
        for listen in (self.listen, self.rtmp):
            if listen is not None:
                split_listen(listen)

    @property
    def version_number(self) -> int:
        """The emulated version as a number."""
        return int(self.version)

    def _check_identity(self) -> None:
        names = [provider.name for provider in self.identity_providers]
        if twice := {name for name in names if names.count(name) > 1}:
            raise UsageError(f"Two identity providers are called {min(twice)!r}; their names must differ.")
        for vmr in self.conferences:
            for name in (*(vmr.host_idps or ()), *(vmr.guest_idps or ())):
                if name not in names:
                    raise UsageError(f"{vmr.alias}: there is no identity provider {name!r}; known are {', '.join(names) or 'none'}.")


def _check_schemes(urls: tuple[str, ...], schemes: tuple[str, ...]) -> None:
    for url in urls:
        if not url.startswith(schemes) or not url.partition(":")[2] or not url.isprintable():
            raise UsageError(f"{url!r} is no address of a server: write {' or '.join(schemes)} and host and port.")


def split_listen(listen: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT` or `[IPV6]:PORT`. Raises `UsageError`."""
    host, colon, port = listen.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
        raise UsageError(f"{listen!r} is not HOST:PORT, such as 127.0.0.1:8443 or [::1]:0.")
    return host.removeprefix("[").removesuffix("]") or "0.0.0.0", int(port)


def is_loopback(host: str) -> bool:
    """Whether a host, by name or address, can only be this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def split_size(size: str) -> tuple[int, int]:
    """Width and height of a `max_size`, such as 1280x720. Raises `UsageError`."""
    width, _, height = size.partition("x")
    if not all(side.isascii() and side.isdigit() and len(side) <= 4 for side in (width, height)) or int(width) < 320 or int(height) < 180:
        raise UsageError(f"{size!r} is not the size of a picture; write WIDTHxHEIGHT, such as 1280x720, from 320x180 on.")
    return int(width), int(height)
