"""The node's HTTP face: sockets, JSON, status codes, event streams. It decides nothing."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from aiohttp import web

from pexrtc_py.errors import ProtocolError
from pexrtc_py.node.desk import Incoming, Reply
from pexrtc_py.node.faults import Faults
from pexrtc_py.node.ladder import SIGN_IN_PATH
from pexrtc_py.node.page import is_pages, serve_page
from pexrtc_py.node.shell import Shell
from pexrtc_py.node.sign_in_page import sign_in_page
from pexrtc_py.node.streams import Stream
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.declare import Request, find
from pexrtc_py.protocol.requests import Events, RegistrationEvents
from pexrtc_py.protocol.wire import failed, to_text

_logger = logging.getLogger(__name__)
BODY_LIMIT = 1024 * 1024
KEEPALIVE = b": keepalive\n\n"

PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": (
        "token, pin, content-type, authorization, x-pexip-authorization, registration_token, id, last-event-id, cache-control"
    ),
    "Access-Control-Max-Age": "86400",
}
# Some clients compare the whole content type, so nothing follows it; the API has its own keepalive and no compression.
JSON = {"Content-Type": "application/json", "Cache-Control": "no-store"}
PICTURE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
PICTURE_TYPES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG": "image/png", b"GIF8": "image/gif"}
"""By how the bytes of a picture begin."""
STREAM = {"Content-Type": "text/event-stream", "Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


def application(shell: Shell, faults: Faults, *, page: bool = False) -> web.Application:
    """The web application of a node, with its `page` or without; one handler, since the declared requests are the routes."""
    app = web.Application(client_max_size=BODY_LIMIT)
    handler = _Handler(shell, faults)
    app.router.add_get(f"{SIGN_IN_PATH}{{key}}", handler.sign_in, allow_head=False)
    app.router.add_post(f"{SIGN_IN_PATH}{{key}}", handler.sign_in)
    if page:
        serve_page(app, shell)
    app.router.add_route("*", "/{path:.*}", handler.handle)
    app.on_response_prepare.append(_allow_any_origin)
    return app


async def _allow_any_origin(request: web.Request, response: web.StreamResponse) -> None:
    if is_pages(request):
        return
    # By name, not by "*": the beacon of a page that is being closed counts as a request with credentials. There are no cookies.
    origin = request.headers.get("Origin")
    response.headers.update({"Access-Control-Allow-Origin": _text(origin) if origin else "*", "Vary": "Origin"})
    if origin:
        response.headers["Access-Control-Allow-Credentials"] = "true"


class _Handler:
    def __init__(self, shell: Shell, faults: Faults) -> None:
        self._shell, self._faults = shell, faults

    async def handle(self, request: web.Request) -> web.StreamResponse:
        try:
            if request.method == "OPTIONS":
                return web.Response(status=204, headers=PREFLIGHT)
            kind = _kind(request)
            if (wrong := await self._faults.before(kind, token="token" in request.headers or "token" in request.query)) is not None:
                response = _response(wrong.reply)
                response.headers.update(wrong.headers)
                return response
            if kind in {Events, RegistrationEvents}:
                return await self._events(request)
            return _response(await self._shell.ask(await _incoming(request)))
        except web.HTTPException as error:  # above all a body beyond the limit
            return _response(Reply(error.status, failed(error.reason)))
        except (ConnectionError, web.PayloadAccessError):
            raise
        except Exception:
            _logger.exception("a request failed: %s %s", request.method, request.path)
            return _response(Reply(500, failed("The node failed on this request; see its log")))

    async def sign_in(self, request: web.Request) -> web.StreamResponse:
        """The page of an identity provider of our own."""
        form = None
        if request.method == "POST":
            form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        page = sign_in_page(self._shell.desk.house, request.match_info["key"], form, self._shell.clock())
        return web.Response(status=page.status, text=page.html, content_type="text/html", headers=page.headers)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        opened = self._shell.listen(await _incoming(request), lambda: _abort(request))
        if isinstance(opened, Reply):
            return _response(opened)
        participant, stream = opened
        response = web.StreamResponse(headers=STREAM)
        try:
            await response.prepare(request)
            if not await self._write(stream, response):
                _abort(request)
        except ConnectionError:
            pass  # the reader went away; it will come back if it wants to
        finally:
            self._shell.streams.close(participant, stream)
        return response

    async def _write(self, stream: Stream, response: web.StreamResponse) -> bool:
        """Write what there is until its end; False when the stream is to be broken."""
        while True:
            try:
                async with asyncio.timeout(self._shell.desk.config.keepalive_seconds):
                    data = await stream.next()
            except TimeoutError:
                data = KEEPALIVE
            if data is None:
                break
            if not await self._faults.write(data, response.write):
                return False
        await response.write_eof()
        return True


def _kind(request: web.Request) -> type[Request[Any]] | None:
    try:
        address, name = Address.parse(request.raw_path)
    except ProtocolError:
        return None
    return find(address.scope, request.method, name)


async def _incoming(request: web.Request) -> Incoming:
    headers = {name.lower(): _text(value) for name, value in request.headers.items()}
    token = headers.get("token") or request.query.get("token", "")
    body: object = {name: value for name, value in request.query.items() if name != "token"}
    if request.method != "GET":
        body = await request.read()
    base = f"{request.scheme}://{_text(request.host)}"
    return Incoming(method=request.method, path=request.raw_path, body=body, token=token, base=base, headers=headers)


def _text(header: str) -> str:
    """Header bytes that are no UTF-8 arrive as lone surrogates, which JSON cannot carry."""
    return header.encode(errors="surrogateescape").decode(errors="replace")


def _response(reply: Reply) -> web.Response:
    if reply.text is not None:
        return web.Response(status=reply.status, text=reply.text, content_type="text/plain")
    if reply.picture is not None:
        return web.Response(status=reply.status, body=reply.picture, headers=PICTURE | {"Content-Type": _picture_type(reply.picture)})
    if reply.json is None:
        return web.Response(status=reply.status)
    return web.Response(status=reply.status, body=to_text(reply.json).encode(), headers=JSON)


def _picture_type(picture: bytes) -> str:
    return next((kind for head, kind in PICTURE_TYPES.items() if picture.startswith(head)), "application/octet-stream")


def _abort(request: web.Request) -> None:
    if isinstance(transport := request.transport, asyncio.WriteTransport):
        transport.abort()
