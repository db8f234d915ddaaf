"""The page of the node's own identity providers, as HTML; pure, `now` is given."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from urllib.parse import urlsplit

from pexrtc_py.node.house import House
from pexrtc_py.node.identity import PLACEHOLDER, SignIn
from pexrtc_py.protocol.wire import to_text

_CODES = {"success": 200, "forbidden": 403, "service unavailable": 503}


@dataclass(frozen=True)
class Page:
    """What the browser gets: HTML, or with `location` another address."""

    status: int
    html: str = field(default="", repr=False)
    nonce: str = field(default="", repr=False)
    location: str | None = field(default=None, repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """HTTP headers: nothing but the page's own script runs, and no token is kept or passed on."""
        policy = f"default-src 'none'; script-src 'nonce-{self.nonce}'; style-src 'unsafe-inline'; img-src * data:; frame-ancestors 'none'"
        more = {"Location": self.location} if self.location is not None else {}
        return {"Cache-Control": "no-store", "Content-Security-Policy": policy, "Referrer-Policy": "no-referrer", **more}


def sign_in_page(house: House, key: str, form: Mapping[str, str] | None, now: float) -> Page:
    """The page of an open sign-in; with the `form` somebody sent, what comes of it."""
    sign_in = house.sign_ins.open.get(key, now)
    if sign_in is None:
        return _page(404, "<h1>Sign in</h1><p>This sign-in is unknown, over, or too old. Go back to the conference and try again.")
    if house.maintenance:
        return _told(sign_in, {"result": "service unavailable", "code": 503})
    return _page(200, _choice(sign_in)) if form is None else _signed_in(house, key, sign_in, form.get("user"), now)


def _signed_in(house: House, key: str, sign_in: SignIn, user: str | None, now: float) -> Page:
    outcome = sign_in.provider.outcome
    if outcome != "success":
        house.sign_ins.open.drop(key)
        return _told(sign_in, {"result": outcome, "code": _CODES[outcome]})
    token = house.sign_ins.finish(key, user, now)
    if token is None:
        return _page(400, "<h1>Sign in</h1><p>There is no such user. Go back and pick another.")
    if not sign_in.provider.popup and sign_in.target is not None:
        return Page(303, location=sign_in.target.replace(PLACEHOLDER, token))
    return _told(sign_in, {"result": "success", "token": token})


def _choice(sign_in: SignIn) -> str:
    provider = sign_in.provider
    buttons = [f'<button name="user" value="{escape(user)}">{escape(user)}</button>' for user in provider.users]
    who = "Who are you?" if buttons else "This is a pretended identity provider: press OK to be signed in."
    return f"<h1>{escape(provider.name)}</h1><form method=post><p>{who}</p>{''.join(buttons) or '<button>OK</button>'}</form>"


def _told(sign_in: SignIn, message: dict[str, object]) -> Page:
    """A page that tells the window that opened it; without one it goes on to where the client said."""
    code = message.get("code", 200)
    target = (sign_in.target or "").replace(PLACEHOLDER, str(message["token"])) if "token" in message else ""
    said = "You are signed in. You may close this window." if code == 200 else f"Signing in failed: {message['result']}."
    script = (
        f"const message = {_in_script(message)}, origin = {_in_script(_listener(sign_in))}, target = {_in_script(target)};"
        "if (window.opener) window.opener.postMessage(message, origin); else if (target) location.replace(target);"
    )
    return _page(int(str(code)), f"<h1>{escape(sign_in.provider.name)}</h1><p>{escape(said)}</p>", script)


def _listener(sign_in: SignIn) -> str:
    """The origin of the page that may read the message: of the one that asked, or of the one to return to."""
    if sign_in.origin not in ("", "null"):  # null is said for pages without an origin, and names none that could be told
        return sign_in.origin
    url = urlsplit(sign_in.target or "")
    return f"{url.scheme}://{url.netloc}" if url.netloc else "*"


def _in_script(value: object) -> str:
    return to_text(value).replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _page(status: int, body: str, script: str = "") -> Page:
    nonce = secrets.token_urlsafe(16)
    style = "body{font:1em sans-serif;margin:3em auto;max-width:24em}button{display:block;font:inherit;padding:.5em 1em;margin:.5em 0}"
    running = f'<script nonce="{nonce}">{script}</script>' if script else ""
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Sign in</title><style>{style}</style>'
    return Page(status, f"{head}<body>{body}{running}</body></html>", nonce)
