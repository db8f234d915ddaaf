"""What a node is configured with: its virtual meeting rooms (VMRs) and a few times and limits; pure. `reading` has the TOML reader."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Literal

from pexrtc_py.errors import UsageError
from pexrtc_py.node.captions import Caption


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
    service_type: Literal["conference", "lecture"] = "conference"
    """In a lecture Guests are muted from the start."""
    chat: bool = True
    guests_can_present: bool = True
    guests_can_unmute: bool = True
    classification_levels: tuple[str, ...] = ()
    """What the levels of secrecy are called, from number 0 on; Hosts choose among them."""
    captions: tuple[Caption, ...] = ()
    """What those who want live captions are told; without any they are not available."""
    participant_limit: int | None = None
    bandwidth: int | None = None
    """Limit per call and direction in kbps."""

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


@dataclass(frozen=True, kw_only=True)
class NodeConfig:
    """Everything about a node but the code that carries its media."""

    conferences: tuple[Vmr, ...] = ()
    """Empty: any alias is an open conference."""
    listen: str | None = None
    """`HOST:PORT`; port 0 takes a free one."""
    tls: bool | None = None
    version: str = "37"
    """The emulated `version_id`; some clients refuse texts below "29"."""
    pseudo_version: str = "79019.0.0"
    token_seconds: int = 120
    waiting_seconds: float = 900.0
    """How long somebody may stay in the waiting room."""
    keepalive_seconds: float = 15.0
    """Between comments on an idle event stream."""
    stream_limit: int = 5000
    """Events that may wait for a slow reader of an event stream before it is dropped."""
    maintenance: bool = False

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for alias in (alias for vmr in self.conferences for alias in vmr.all_aliases):
            if alias.casefold() in seen:
                raise UsageError(f"The alias {alias!r} is given to two conferences; an alias must be unique.")
            seen.add(alias.casefold())
        for key in ("token_seconds", "waiting_seconds", "keepalive_seconds", "stream_limit"):
            if not getattr(self, key) > 0:
                raise UsageError(f"{key} must be above 0, not {getattr(self, key)}.")
        if self.listen is not None:
            split_listen(self.listen)


def split_listen(listen: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT` or `[IPV6]:PORT`. Raises `UsageError`."""
    host, colon, port = listen.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
        raise UsageError(f"{listen!r} is not HOST:PORT, such as 127.0.0.1:8443 or [::1]:0.")
    return host.removeprefix("[").removesuffix("]") or "0.0.0.0", int(port)
