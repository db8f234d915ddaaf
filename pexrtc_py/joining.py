"""`join`: from an address to a conference one is in, with nothing left behind when that fails."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pexrtc_py.calling import CallOptions, changed
from pexrtc_py.conference import Conference
from pexrtc_py.engine.types import Slot
from pexrtc_py.errors import JoinNeedsMore, NodeUnreachable, UsageError
from pexrtc_py.following import Joining
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.events import Refer
from pexrtc_py.protocol.models import Role, Token
from pexrtc_py.signaling.candidates import Candidate, is_domain
from pexrtc_py.signaling.granting import granted
from pexrtc_py.signaling.joining import Answers, Ask, Introduction
from pexrtc_py.signaling.stream import IDLE
from pexrtc_py.signaling.transport import HttpTransport, Transport, is_loopback

if TYPE_CHECKING:
    from pexrtc_media.base import Source
    from pexrtc_py.engine.network import Network

T = TypeVar("T")
_Entered = tuple[Transport, Token]


def join(
    address: str,
    *,
    node: str | None = None,
    display_name: str = "pexrtc",
    pin: str | None = None,
    role: Role | None = None,
    extension: str | None = None,
    idp: str | None = None,
    sso_token: str | None = None,
    token: str | None = None,
    call_tag: str = "",
    client_id: str | None = None,
    registration_token: str | None = None,
    sso_redirect_target: str | None = None,
    media: bool = True,
    audio: Source[Any] | None = None,
    video: Source[Any] | None = None,
    receive: Collection[Slot] | None = None,
    codecs: Mapping[Slot, tuple[str, ...]] | None = None,
    bandwidth: int | None = None,
    bandwidth_out: int | None = None,
    fecc_supported: bool = False,
    direct_media: bool = False,
    call_type: str = "webrtc",
    streaming: bool | None = None,
    network: Network | None = None,
    ask: Ask | None = None,
    lobby_timeout: float | None = None,
    ca_file: str | Path | None = None,
    insecure: bool = False,
    proxy: str | None = None,
    transport: Transport | None = None,
    name_server: tuple[str, int] | None = None,
    timeout: float | None = 30.0,
    idle: float = IDLE,
) -> Joining:
    """Join a conference: `async with join("meet.alice@example.com") as conference:`.

    `address` is an alias. DNS (this machine's, or the `name_server` at an IP address and port) names the nodes of its domain, SRV
    `_pexapp._tcp`, else the domain itself, and the first that lets us in is used; unless `node` (an `https://` URL, or a host) is given.
    `pin` "none" enters as a guest, and so does `role=Role.GUEST` where guests need no PIN. `extension` answers a virtual reception, `idp`
    and `sso_token` an identity provider, which sends the browser back to `sso_redirect_target`; `token` is a one-time token of a `Refer`
    event, `registration_token` that of a registered device, and `client_id` names the program. For what was not given `ask` is
    awaited with the `JoinNeedsMore` that would be raised without it; it returns answers such as `{"pin": "1234"}`, and may take its time.

    `media=False` is control only; otherwise `audio` and `video` are sent, each video with at most `bandwidth_out` kbps, the slots in
    `receive` (all) are received in `codecs` (all), each video with at most `bandwidth` kbps, and with `fecc_supported` others may move the
    camera. With `direct_media`, media go to the other participant instead of the node while conference and node allow it; with the
    `call_type` "rtmp" they go by RTMP, as a stream of the conference for others to see if `streaming`. With a
    `network`, media are lost and delayed as there, for tests. With `lobby_timeout` seconds, joining includes being admitted from the
    waiting room; without, it ends there (`conference.in_lobby`).

    Raises a kind of `NodeError`, `JoinNeedsMore` or `CallError`, `NodeUnreachable` when it takes more than `timeout` seconds; `UsageError`.
    """
    who = Introduction(
        display_name=display_name,
        pin=pin,
        role=role,
        extension=extension,
        idp=idp,
        sso_token=sso_token,
        token=token,
        call_tag=call_tag,
        client_id=client_id,
        registration_token=registration_token,
        sso_redirect_target=sso_redirect_target,
        direct_media=direct_media and call_type == "webrtc",
    )
    url = node_url(address, node)
    reach = partial(HttpTransport, ca_file=ca_file, insecure=insecure, proxy=proxy)
    way = transport or reach(url)
    domain = _domain(address, way) if node is None else None
    options: CallOptions | None = None
    if media:
        options = CallOptions(
            audio=audio,
            video=video,
            receive=receive,
            codecs=codecs,
            bandwidth=bandwidth,
            bandwidth_out=bandwidth_out,
            fecc_supported=fecc_supported,
            call_type=call_type,
        )
        if streaming is not None:
            options["streaming"] = streaming
        if network is not None:
            options["network"] = network

    async def work() -> Conference:
        if media:  # loading codecs and crypto takes long enough to be felt by whatever else runs on the loop
            await asyncio.to_thread(import_module, "pexrtc_py.call")
        patience = Patience(timeout)
        asking = partial(patience.asked, ask) if ask is not None else None
        enter = partial(_entered, address=Address(address), who=who, ask=asking)
        entering = enter(way) if domain is None else _found(domain, reach, enter, name_server)
        follow = partial(_follow, who=who, ask=ask, loopback=is_loopback(url), idle=idle, timeout=timeout)
        joined = _joined(entering, Address(address), options, loopback=is_loopback(url), idle=idle, follow=follow)
        conference = await patience.within(joined)
        if lobby_timeout is not None:
            await _or_leave(conference, conference.admitted(timeout=lobby_timeout))
        return conference

    return Joining(work)


async def _joined(
    entering: Coroutine[Any, Any, _Entered],
    address: Address,
    options: CallOptions | None,
    *,
    loopback: bool,
    idle: float,
    follow: Callable[..., Joining],
) -> Conference:
    way, token = await entering
    near = way.loopback if isinstance(way, HttpTransport) else loopback
    closes = getattr(way, "aclose", None)
    conference = Conference(way, address, token, idle=idle, loopback=near, transport_closes=closes, follow=partial(follow, way))
    await _or_leave(conference, conference.start(options))
    return conference


def _follow(
    way: Transport,
    before: Conference,
    refer: Refer,
    changes: CallOptions,
    *,
    who: Introduction,
    ask: Ask | None,
    loopback: bool,
    idle: float,
    timeout: float | None,
) -> Joining:
    """Join where `before` was referred to, on the way that led there."""
    address = Address(refer.alias)
    arriving = replace(who, token=refer.token, pin=None, extension=None, sso_token=None)  # those were for another conference
    again = partial(_follow, who=who, ask=ask, loopback=loopback, idle=idle, timeout=timeout)

    async def work() -> Conference:
        kept = await before.go(f"referred to {refer.alias}")
        patience = Patience(timeout)
        asking = partial(patience.asked, ask) if ask is not None else None
        options = changed(kept, changes) if kept is not None or changes else None
        entering = _entered(way, address=address, who=arriving, ask=asking)
        return await patience.within(_joined(entering, address, options, loopback=loopback, idle=idle, follow=again))

    return Joining(work)


async def _found(
    domain: str,
    reach: Callable[..., HttpTransport],
    enter: Callable[..., Coroutine[Any, Any, _Entered]],
    name_server: tuple[str, int] | None,
) -> _Entered:
    """Let in by the first node of a domain that does."""
    from pexrtc_py.signaling.discovery import Names, at_first_usable, check

    async def enter_at(candidate: Candidate, addresses: tuple[str, ...]) -> _Entered:
        return await enter(reach(candidate.url, addresses=addresses), first=check)

    return await at_first_usable(domain, enter_at, names=Names(name_server))


async def _entered(
    way: Transport,
    *,
    address: Address,
    who: Introduction,
    ask: Ask | None,
    first: Callable[[Transport], Coroutine[Any, Any, None]] | None = None,
) -> _Entered:
    """Let in by one node; its transport is closed when it does not."""
    try:
        if first is not None:
            await first(way)
        dialled = replace(who, node=way.host) if isinstance(way, HttpTransport) else who
        return way, await granted(way, address, dialled, ask=ask)
    except BaseException:
        if closes := getattr(way, "aclose", None):
            await closes()
        raise


async def _or_leave(conference: Conference, work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except BaseException:
        await conference.leave()
        raise


class Patience:
    """How many seconds joining may take; the time in which the user is asked does not count."""

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._limit: asyncio.Timeout | None = None

    async def within(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of the work. Raises `NodeUnreachable` when it takes too long."""
        self._limit = limit = asyncio.timeout(self._seconds)
        try:
            async with limit:
                return await work
        except TimeoutError:
            if limit.expired():
                raise NodeUnreachable(
                    f"Joining took longer than {self._seconds or 0:g} s; the node, or the way to it, is too slow."
                ) from None
            raise

    async def asked(self, ask: Ask, wanted: JoinNeedsMore) -> Answers:
        """What the user answers, however long that takes."""
        self._set(None)
        try:
            return await ask(wanted)
        finally:
            self._set(self._seconds)

    def _set(self, seconds: float | None) -> None:
        with contextlib.suppress(RuntimeError):  # the join was given up meanwhile
            if self._limit is not None:
                self._limit.reschedule(asyncio.get_running_loop().time() + seconds if seconds is not None else None)


def node_url(address: str, node: str | None) -> str:
    """The URL of the node: `node`, or the host in the address. Raises `UsageError` when there is neither."""
    if not address:
        raise UsageError("An empty address names no conference.")
    host = node if node is not None else address.rpartition("@")[2] if "@" in address else ""
    if not host:
        raise UsageError(f"{address!r} does not say where the conference is; give node=..., or write alias@domain.")
    return host if "://" in host else f"https://{host}"


def _domain(address: str, way: Transport) -> str | None:
    """The domain whose nodes DNS may know; None where the address names a machine, or the transport is the caller's own."""
    if not isinstance(way, HttpTransport) or ":" in address.rpartition("@")[2] or not is_domain(way.host):
        return None
    return way.host.removesuffix(".")
