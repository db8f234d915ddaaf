"""Signing in with a browser, which a plain HTTP client plays here; and what else a conference asks for before one is in."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import aiohttp
import pytest

import pexrtc_py
from pexrtc_py.errors import ConferenceNotFound, ExtensionRequired, IdpRequired, JoinNeedsMore, NodeUnreachable, SignInFailed
from pexrtc_py.joining import Patience
from pexrtc_py.node import Node, NodeConfig, NoMedia, Vmr
from pexrtc_py.node.identity import IdentityProvider
from pexrtc_py.signaling.joining import Answers

CORP = IdentityProvider("Corp", uuid="c1", users=("Ann",))
BACK = IdentityProvider("Back", uuid="b1", users=("Ann",), popup=False)
NO = IdentityProvider("No", uuid="n1", outcome="forbidden")


@pytest.fixture
async def guarded() -> AsyncIterator[Node]:
    rooms = [
        Vmr("corp", host_idps=("Corp",)),
        Vmr("back", host_idps=("Back",)),
        Vmr("no", host_idps=("No",)),
        Vmr("both", host_idps=("Corp", "Back")),
        Vmr("desk", reception="standard"),
    ]
    async with Node(*rooms, config=NodeConfig(identity_providers=(CORP, BACK, NO)), media=NoMedia) as node:
        yield node


class Browser:
    """Somebody at a browser: opens the address, presses the first button there, and passes on what the page tells."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self._loop = asyncio.get_running_loop()
        self.work: asyncio.Future[None] | None = None

    def __call__(self, url: str) -> None:
        self.opened.append(url)
        self.work = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._use(url), self._loop), loop=self._loop)

    async def _use(self, url: str) -> None:
        async with aiohttp.ClientSession() as http:
            async with http.get(url) as first:
                page, here = await first.text(), str(first.url)
            if here == url:  # the page that opens a window
                popup = re.search(r'window\.open\("([^"]+)"', page)
                assert popup is not None
                told = await self._sign_in(http, popup[1])
                message = re.search(r"const message = (\{.*?\})", told)
                assert message is not None
                async with http.post(f"{url}/done", data=message[1]) as done:
                    assert done.status == 204
            else:
                await self._sign_in(http, here)

    async def _sign_in(self, http: aiohttp.ClientSession, url: str) -> str:
        async with http.get(url) as choice:
            user = re.search(r'name="user" value="([^"]+)"', await choice.text())
        async with http.post(url, data={"user": user[1]} if user else {}) as told:
            return await told.text()


@pytest.mark.parametrize("alias", ["corp", "back"])
async def test_the_browser_signs_in_and_the_provider_says_who_one_is(guarded: Node, alias: str) -> None:
    browser = Browser()

    async with pexrtc_py.join(
        alias, node=guarded.url, display_name="Somebody", media=False, ask=pexrtc_py.BrowserSso(show=browser)
    ) as conference:
        assert (conference.me.display_name, conference.me.is_idp_authenticated) == ("Ann", True)

    assert len(browser.opened) == 1
    assert browser.opened[0].startswith("http://127.0.0.1:")


async def test_a_provider_that_refuses_fails_the_join(guarded: Node) -> None:
    with pytest.raises(SignInFailed, match="No failed: forbidden"):
        await pexrtc_py.join("no", node=guarded.url, media=False, ask=pexrtc_py.BrowserSso(show=Browser()))


async def test_nobody_at_the_browser_fails_the_join_in_time(guarded: Node) -> None:
    patience = pexrtc_py.BrowserSso(show=lambda _: None, seconds=0.2)

    with pytest.raises(SignInFailed, match=r"nobody signed in within 0\.2 s"):
        await pexrtc_py.join("back", node=guarded.url, media=False, ask=patience)


async def test_of_several_providers_one_is_chosen_by_name(guarded: Node) -> None:
    browser = Browser()
    with pytest.raises(IdpRequired) as wanted:
        await pexrtc_py.join("both", node=guarded.url, media=False, ask=pexrtc_py.BrowserSso(show=browser))

    async with pexrtc_py.join("both", node=guarded.url, media=False, idp="Back", ask=pexrtc_py.BrowserSso(show=browser)) as conference:
        assert conference.me.display_name == "Ann"

    assert [idp.name for idp in wanted.value.idps] == ["Corp", "Back"]


async def test_an_extension_is_asked_for_and_an_unknown_one_not_found(guarded: Node) -> None:
    asked: list[JoinNeedsMore] = []

    async def ask(wanted: JoinNeedsMore) -> Answers:
        asked.append(wanted)
        return {"extension": "nobody"}

    with pytest.raises(ConferenceNotFound, match="Conference extension not found"):
        await pexrtc_py.join("desk", node=guarded.url, media=False, ask=ask)

    assert [type(wanted) for wanted in asked] == [ExtensionRequired]


async def test_the_user_may_take_longer_to_answer_than_joining_may() -> None:
    patience, answered = Patience(0.05), asyncio.Event()

    async def ask(_: JoinNeedsMore) -> Answers:
        asyncio.get_running_loop().call_later(0.2, answered.set)
        await answered.wait()
        return {"pin": "1"}

    assert await patience.within(patience.asked(ask, ExtensionRequired("standard"))) == {"pin": "1"}


async def test_after_the_answer_joining_must_go_on_in_time() -> None:
    patience = Patience(0.05)

    async def ask(_: JoinNeedsMore) -> Answers:
        return {}

    async def work() -> None:
        await patience.asked(ask, ExtensionRequired("standard"))
        await asyncio.Event().wait()

    with pytest.raises(NodeUnreachable, match=r"longer than 0\.05 s"):
        await patience.within(work())
