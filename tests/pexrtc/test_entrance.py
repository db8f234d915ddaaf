"""The object at a virtual reception, and where one must sign in."""

from __future__ import annotations

import re

import aiohttp

from pexrtc_py.node import Node, NodeConfig, NoMedia, Vmr
from pexrtc_py.node.identity import IdentityProvider
from tests.pexrtc.followed import Followed


async def test_a_reception_asks_for_the_extension_and_setup_comes_again() -> None:
    async with Node(Vmr("desk", reception="standard"), Vmr("open"), media=NoMedia) as node:
        ann = Followed(node, {"extension": "open"}, {})

        await ann.rtc.make_call(node.url, "desk", "Ann", call_type="none")

        asked = [arguments for name, *arguments in ann.heard if name == "on_setup"]
        assert asked == [[None, "none", "standard", None], [None, "none", None, None]]
        assert list(node.room("open").members) == [ann.rtc.uuid]
        await ann.rtc.disconnect()


async def test_an_unknown_extension_is_an_error() -> None:
    async with Node(Vmr("desk", reception="standard"), media=NoMedia) as node:
        ann = Followed(node, {"extension": "nowhere"})

        ann.rtc.make_call(node.url, "desk", "Ann", call_type="none")

        assert "extension" in (await ann.wait("on_error"))[0].lower()


async def test_who_must_sign_in_chooses_a_provider_and_brings_its_token() -> None:
    corp = IdentityProvider("Corp", uuid="c1", users=("Ann",))
    config = NodeConfig(conferences=(Vmr("meet", host_idps=("Corp",)),), identity_providers=(corp,))
    async with Node(config=config, media=NoMedia) as node:
        ann = Followed(node, {"idp": "c1"}, None)
        making = ann.rtc.make_call(node.url, "meet", "Somebody", call_type="none")

        (_, status, extension, (offered,)) = await ann.wait("on_setup")
        url, uuid, name = await ann.wait("on_auth")
        ann.rtc.connect(sso_token=await _signed_in(url))
        await making

        assert (status, extension, offered.uuid, uuid, name) == ("none", None, "c1", "c1", "Corp")
        assert ann.rtc.conference.me.display_name == "Ann"
        await ann.rtc.disconnect()


async def _signed_in(url: str) -> str:
    """What a browser would get."""
    async with aiohttp.ClientSession() as session, session.post(url, data={"user": "Ann"}) as response:
        found = re.search(r'"token":\s*"([^"]+)"', await response.text())
    assert found is not None
    return found[1]
