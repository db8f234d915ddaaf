"""Signing in with this machine's browser: opens it at the identity provider, and listens on loopback for the token it brings back."""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
import webbrowser
from collections.abc import Callable
from html import escape
from typing import Any

from aiohttp import web

from pexrtc_py.errors import IdpRequired, JoinNeedsMore, SignInFailed, SsoRedirect
from pexrtc_py.protocol.wire import to_text
from pexrtc_py.signaling.joining import Answers, Ask

_logger = logging.getLogger(__name__)
SECONDS = 300.0
PLACEHOLDER = "__pexip-sso-token__"
BODY_LIMIT = 64 * 1024
_STYLE = "body{font:1em sans-serif;margin:3em auto;max-width:24em}"


class BrowserSso:
    """Answers a node that wants to know who one is: `join("meet.alice@example.com", ask=BrowserSso())`.

    The browser is opened by `show`, which is given an address on this machine; the token comes back to that. A single identity provider is
    chosen by itself; several need `idp` in `join`, or `ask`, which is asked everything else too. Raises `SignInFailed` when the provider
    refuses, or nobody has signed in within `seconds`. One object serves one join at a time.
    """

    def __init__(self, *, ask: Ask | None = None, show: Callable[[str], object] = webbrowser.open, seconds: float = SECONDS) -> None:
        self._ask, self._show, self._seconds = ask, show, seconds
        self._returning: _Returning | None = None

    async def __call__(self, wanted: JoinNeedsMore) -> Answers:
        """The answer to what is missing; raises it when that is nothing for a browser."""
        match wanted:
            case SsoRedirect():
                return await self._sign_in(wanted)
            case IdpRequired() if len(wanted.idps) == 1:
                return {"idp": wanted.idps[0].uuid}
            case _ if self._ask is not None:
                return await self._ask(wanted)
            case _:
                raise wanted

    async def _sign_in(self, wanted: SsoRedirect) -> Answers:
        if not wanted.popup and self._returning is None:
            # This provider sends the browser back to an address that the node must be told first: the redirect is asked for again.
            self._returning = _Returning()
            return {"sso_redirect_target": f"{self._returning.url}/back?token={PLACEHOLDER}"}
        returning, self._returning = self._returning or _Returning(), None
        return {"sso_token": await returning.token(wanted, self._show, self._seconds)}


class _Returning:
    """The place on this machine where the browser brings the token; nobody else can guess its path."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._path = f"/{secrets.token_urlsafe(16)}"
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}{self._path}"

    async def token(self, wanted: SsoRedirect, show: Callable[[str], object], seconds: float) -> str:
        """What signing in yields. Raises `SignInFailed`."""
        came: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        runner = web.AppRunner(self._application(wanted, came), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.SockSite(runner, self._socket).start()
            await asyncio.to_thread(show, self.url)
            async with asyncio.timeout(seconds):
                said = await came
        except TimeoutError:
            raise SignInFailed(wanted.idp.name, f"nobody signed in within {seconds:g} s") from None
        finally:
            await runner.cleanup()
            self._socket.close()
        if not isinstance(said.get("token"), str) or said.get("result") != "success":
            raise SignInFailed(wanted.idp.name, str(said.get("result")))
        return str(said["token"])

    def _application(self, wanted: SsoRedirect, came: asyncio.Future[dict[str, Any]]) -> web.Application:
        def take(said: dict[str, Any]) -> None:
            if not came.done():
                came.set_result(said)

        async def begin(_: web.Request) -> web.Response:
            if not wanted.popup:
                raise web.HTTPFound(wanted.url)
            return _page(_opener(wanted, f"{self._path}/done"))

        async def back(request: web.Request) -> web.Response:
            take({"result": "success", "token": request.query.get("token")})
            return _page("<p>You are signed in. You may close this window.</p>")

        async def done(request: web.Request) -> web.Response:
            said = await request.json()
            take(said if isinstance(said, dict) else {})
            return web.Response(status=204)

        app = web.Application(client_max_size=BODY_LIMIT)
        app.router.add_get(self._path, begin)
        app.router.add_get(f"{self._path}/back", back)
        app.router.add_post(f"{self._path}/done", done)
        return app


def _opener(wanted: SsoRedirect, done: str) -> str:
    """A page that opens the provider's in a window of its own, which a browser allows on a click, and passes on what that tells."""
    url, place = (to_text(text).replace("<", "\\u003c") for text in (wanted.url, done))
    return f"""<p>To join you must sign in.</p><button>Sign in with {escape(wanted.idp.name)}</button><script>
let opened = null;
document.querySelector('button').onclick = () => {{ opened = window.open({url}, '_blank', 'popup,width=480,height=640'); }};
addEventListener('message', async event => {{
    if (event.source !== opened || opened === null || !event.data?.result) return;  // a provider's page says other things too
    await fetch({place}, {{method: 'POST', body: JSON.stringify(event.data)}});
    opened.close();
    document.body.textContent = 'You may close this window.';
}});
</script>"""


def _page(body: str) -> web.Response:
    text = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Sign in</title><style>{_STYLE}</style><body>{body}</body></html>'
    return web.Response(text=text, content_type="text/html", headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
