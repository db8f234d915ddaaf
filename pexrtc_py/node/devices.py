"""Devices that may register with a node."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field

from pexrtc_py.errors import UsageError


@dataclass(frozen=True)
class Device:
    """A device that can be called once it has registered with its credentials. Raises `UsageError` for ones that cannot be sent."""

    alias: str
    _: KW_ONLY
    username: str
    password: str = field(repr=False)
    description: str = ""
    listed: bool = True
    """Whether the directory has it."""

    def __post_init__(self) -> None:
        if not self.alias or not self.alias.isprintable():
            raise UsageError(f"{self.alias!r} cannot be the alias of a device: it must be printable text.")
        if not self.username or ":" in self.username:
            raise UsageError(f"{self.alias}: the user name of a device must not be empty, and a colon in it cannot be sent.")

    @property
    def words(self) -> tuple[str, ...]:
        """What a search of the directory looks in."""
        return (self.alias, self.description, self.username)
