"""The node's page over HTTP: its files, what it shows as a stream, and what it asks for. For browsers on this machine alone."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from pexrtc_py.errors import PexRTCError
from pexrtc_py.node.admission import Refused
from pexrtc_py.node.bots import Bot
from pexrtc_py.node.config import is_loopback
from pexrtc_py.node.journal import Journal
from pexrtc_py.node.operating import Operator
from pexrtc_py.node.plan import Watched
from pexrtc_py.node.rules.layout import LAYOUTS
from pexrtc_py.node.seating import drawing
from pexrtc_py.node.shell import Shell
from pexrtc_py.protocol.models import Role

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_logger = logging.getLogger(__name__)
PATH = "/page"
LOOK_EVERY = 0.25
"""Seconds between two looks at what has changed."""
TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob:; media-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def serve_page(app: web.Application, shell: Shell) -> None:
    """Add the page to the web application of a node."""
    page = _Page(shell)
    app.router.add_get("/", _here(page.file), allow_head=False)
    app.router.add_get(f"{PATH}/events", _here(page.events), allow_head=False)
    app.router.add_get(f"{PATH}/layouts", _here(page.layouts), allow_head=False)
    app.router.add_get(f"{PATH}/picture/{{room}}/{{view}}", _here(page.picture), allow_head=False)
    for name, act in page.acts.items():
        app.router.add_post(f"{PATH}/{name}", _here(page.acting(act)))
    app.router.add_get(f"{PATH}/{{name}}", _here(page.file), allow_head=False)


def is_pages(request: web.Request) -> bool:
    """Whether a request is one of the page's, whose answers are not for other origins."""
    resource = request.match_info.route.resource
    return resource is not None and (resource.canonical == "/" or resource.canonical.startswith(f"{PATH}/"))


def _here(handler: Handler) -> Handler:
    """Answers a browser on this machine, and no page but our own: neither by a name that was pointed at us, nor from another origin."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        origin, own = request.headers.get("Origin"), urlsplit(f"//{request.host}")
        if not is_loopback(own.hostname or "") or (origin is not None and urlsplit(origin).netloc != own.netloc):
            return _json({"error": "The page of a node answers only a browser on its own machine, at its own address."}, 403)
        return await handler(request)

    return guarded


class _Wrong(Exception):
    """What the page asked for makes no sense."""


class _Page:
    def __init__(self, shell: Shell) -> None:
        self._shell, self._operator = shell, Operator(shell.desk.house)
        self._journal = Journal(shell.desk.house, clock=shell.clock)
        shell.desk.heard.on_append, shell.streams.on_tell = self._journal.heard, self._journal.told
        folder = resources.files("pexrtc_py.node") / "web"
        self._files = {file.name: file.read_bytes() for file in folder.iterdir() if file.name.rpartition(".")[2] in TYPES}
        self.acts: dict[str, Callable[[dict[str, Any]], object]] = {
            "open": lambda asked: self._operator.open(_text(asked, "alias")),
            "ask": self._ask,
            "bots": self._add,
            "perform": lambda asked: self._operator.perform(_text(asked, "bot"), _text(asked, "does")),
            "network": lambda asked: shell.media.impair(_text(asked, "network")),
        }

    async def file(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info.get("name", "index.html")
        if name not in self._files:
            return _json({"error": "The page has no such file."}, 404)
        return web.Response(body=self._files[name], headers=HEADERS | {"Content-Type": f"{TYPES[name.rpartition('.')[2]]}; charset=utf-8"})

    async def layouts(self, _: web.Request) -> web.StreamResponse:
        """A drawing of each layout."""
        return _json({str(layout): drawing(layout) for layout in LAYOUTS})

    async def picture(self, request: web.Request) -> web.StreamResponse:
        """A JPEG of what participants see; 204 when there is none just now."""
        jpeg = await self._shell.media.picture(request.match_info["room"], request.match_info["view"])
        if jpeg is None:
            return web.Response(status=204, headers=HEADERS)
        return web.Response(body=jpeg, headers=HEADERS | {"Content-Type": "image/jpeg"})

    async def events(self, request: web.Request) -> web.StreamResponse:
        """The state as often as it changes, and new lines of the journal, until the node stops."""
        response = web.StreamResponse(headers=HEADERS | {"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        try:
            await response.prepare(request)
            await self._follow(response)
        except ConnectionError:
            pass  # the page was closed
        return response

    async def _follow(self, response: web.StreamResponse) -> None:
        shown, number = "", 0
        while not self._shell.stopped:
            state, lines = json.dumps(self._state()), self._journal.since(number)
            if state != shown:
                shown = state
                await response.write(f"event: state\ndata: {state}\n\n".encode())
            if lines:
                number = lines[-1]["number"]
                await response.write(f"event: log\ndata: {json.dumps(lines)}\n\n".encode())
            await asyncio.sleep(LOOK_EVERY)

    def _state(self) -> dict[str, Any]:
        names, config = self._operator.names(), self._shell.desk.config
        network, networks = self._shell.media.networks()
        rooms = [
            {**room, "views": [_view(view, names) for view in self._shell.media.watched(room["uuid"])]} for room in self._operator.rooms()
        ]
        return {"version": config.version, "compose": config.compose, "network": network, "networks": networks, "rooms": rooms}

    def _ask(self, asked: dict[str, Any]) -> object:
        body, participant = asked.get("body") or {}, asked.get("participant")
        if not isinstance(body, dict) or not isinstance(participant, str | None):
            raise _Wrong("A request has a body that is an object, and perhaps a participant")
        return self._operator.ask(_text(asked, "room"), _text(asked, "request"), body, participant)

    def _add(self, asked: dict[str, Any]) -> object:
        role = Role.HOST if asked.get("role") == "HOST" else Role.GUEST
        picture, sound = asked.get("picture"), asked.get("sound")
        if not isinstance(sound, str | int | float | None):
            raise _Wrong("The sound of a scripted participant is voice, hertz or nothing")
        bot = Bot(_text(asked, "name"), role=role, picture=picture, sound=sound, slides=True)  # type: ignore[arg-type]  # it checks them
        return self._operator.add(_text(asked, "room"), bot)

    def acting(self, act: Callable[[dict[str, Any]], object]) -> Handler:
        """A handler that does something with the JSON it is sent."""

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                asked = await request.json()
                act(asked if isinstance(asked, dict) else {})
            except (ValueError, _Wrong, Refused, PexRTCError) as error:
                return _json({"error": f"{_why(error)}."}, error.status if isinstance(error, Refused) else 400)
            self._shell.settle()
            return _json({})

        return handle


def _view(view: Watched, names: Mapping[str, str]) -> dict[str, Any]:
    viewers = [names.get(viewer, "somebody who leaves") for viewer in view.viewers]
    return {"id": view.id, "kind": view.kind, "of": names.get(view.of, view.of), "size": view.size, "viewers": viewers}


def _text(asked: dict[str, Any], key: str) -> str:
    value = asked.get(key)
    if not isinstance(value, str) or not value:
        raise _Wrong(f"{key} is missing, or is no text")
    return value


def _why(error: Exception) -> str:
    return str(error.result if isinstance(error, Refused) else error).rstrip(".")


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(status=status, text=json.dumps(value), headers=HEADERS, content_type="application/json")
