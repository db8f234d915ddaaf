"""What is asked before the vendor's client is in: signing in with an identity provider in a window of its own, a reception's extension."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pexrtc_py.node import Node, NodeConfig, Vmr
from pexrtc_py.node.identity import IdentityProvider
from tests.interop.chromium import DevTools, Tab
from tests.interop.test_joining import CHALLENGED
from tests.interop.visitor import CONTROL_ONLY
from tests.media_checks import until

if TYPE_CHECKING:
    from tests.interop.conftest import Visit

WAIT_FOR_MESSAGE = """url => {
    window.answered = null;
    addEventListener('message', event => { if (event.source === window.popup) window.answered = event.data; });
    window.popup = window.open(url, '_blank', 'popup');
}"""
PICK = "document.querySelector('button[value=\"Ann\"]')?.click() ?? null"


async def pop_up(tab: Tab, url: str) -> None:
    """Open a window as on a click, which is when browsers allow it."""
    await tab.ask("Runtime.evaluate", expression=f"({WAIT_FOR_MESSAGE})({url!r})", userGesture=True)


async def page_at(browser: DevTools, url: str) -> str:
    """The DevTools session of the window that shows an address."""
    found: list[dict[str, Any]] = []

    async def look() -> bool:
        found[:] = [one for one in (await browser.ask("Target.getTargets"))["targetInfos"] if one["url"] == url]
        return bool(found)

    for _ in range(200):
        if await look():
            break
    session: str = (await browser.ask("Target.attachToTarget", targetId=found[0]["targetId"], flatten=True))["sessionId"]
    return session


async def test_the_client_signs_in_with_the_nodes_own_identity_provider(visit: Visit, browser: DevTools) -> None:
    corp = IdentityProvider("Corp", users=("Ann", "Bob"))
    config = NodeConfig(identity_providers=(corp,))
    async with Node(Vmr("meet.sso", host_idps=("Corp",)), config=config) as node:
        vera = await visit("Vera", alias="meet.sso", join=False, expects=CHALLENGED)
        asking: dict[str, Any] = {"host": node.url, "callType": CONTROL_ONLY}

        assert await vera.call(**asking) == 403
        (offered,) = await vera.hears("onIdp")
        assert await vera.call(**asking, chosenIdp=offered["uuid"]) == 403
        redirect = await vera.hears("onRedirect")
        await pop_up(vera.tab, redirect["redirectUrl"])
        popup = await page_at(browser, redirect["redirectUrl"])
        await until_picked(browser, popup, vera.tab)
        said = await vera.tab.run("() => window.answered")
        assert await vera.call(**asking, chosenIdp=offered["uuid"], ssoToken=said["token"]) == 200
        await vera.hears("onParticipants")

        (member,) = node.room("meet.sso").members.values()
        assert (member.display_name, bool(member.idp)) == ("Ann", True)
        assert (offered["name"], said["result"], redirect["redirectIdp"]["name"]) == ("Corp", "success", "Corp")
        await vera.leave()


async def until_picked(browser: DevTools, popup: str, tab: Tab) -> None:
    """Press the user's button as soon as it is there, and wait for what the page tells its opener."""
    for _ in range(200):
        await browser.ask("Runtime.evaluate", session=popup, expression=PICK)
        if await tab.run("() => new Promise(done => setTimeout(() => done(window.answered !== null), 50))"):
            return


async def test_the_client_reaches_a_conference_by_a_receptions_extension(visit: Visit) -> None:
    rooms = (Vmr("meet.desk", reception="standard"), Vmr("meet.alice", host_pin="1234"))
    async with Node(*rooms) as node:
        vera = await visit("Vera", alias="meet.desk", join=False, expects=(*CHALLENGED, "404", "onError"))
        asking: dict[str, Any] = {"host": node.url, "callType": CONTROL_ONLY}

        assert await vera.call(**asking) == 403
        assert await vera.hears("onExtension") == "standard"
        assert await vera.call(**asking, conferenceExtension="nobody") == 404
        assert await vera.call(**asking, conferenceExtension="meet.alice") == 403
        await vera.hears("onPinRequired")
        assert await vera.call(**asking, conferenceExtension="meet.alice", pin="1234") == 200
        await vera.hears("onParticipants")

        assert [member.display_name for member in node.room("meet.alice").admitted] == ["Vera"]
        await vera.leave()
        await until(lambda: not node.room("meet.alice").members)
