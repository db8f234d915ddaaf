"""Layouts, personal ones too, and captions, between the vendor's client and ours."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from pexrtc_media import Pattern
from pexrtc_py.node.captions import Said
from pexrtc_py.protocol.events import Layout
from pexrtc_py.protocol.models import Transforms
from tests.interop.visitor import CONTROL_ONLY, stamped
from tests.media_checks import until

if TYPE_CHECKING:
    from pexrtc_py.node.server import Node
    from tests.conftest import Join
    from tests.interop.conftest import Visit

VERA = 3


async def test_the_client_shows_captions_with_who_said_them(visit: Visit, join: Join, node: Node) -> None:
    async def said() -> AsyncIterator[Said]:
        yield Said("Bob", "good morn ", final=False)
        yield Said("Bob", "Good morning.")

    node.caption("meet.alice", said)
    bob = await join("Bob", media=False)
    vera = await visit("Vera", callType=CONTROL_ONLY)
    await vera.hears("onConferenceStatus", lambda told: told["status"]["liveCaptionsAvailable"])

    answer = await vera.do("liveCaptions", enable=True)
    final = await vera.hears("onLiveCaptions", lambda told: told["isFinal"])
    uuid = await vera.me()
    shown = bob.participants[uuid].show_live_captions
    await vera.do("liveCaptions", enable=False)
    await until(lambda: not bob.participants[uuid].show_live_captions)

    assert answer["status"] == "success"
    assert [told["data"] for told in vera.heard("onLiveCaptions")] == ["good morn ", "Good morning."]
    assert (final["speakers"], shown) == (["Bob"], True)


async def test_a_layout_is_changed_by_either_side(visit: Visit, join: Join) -> None:
    bob = await join("Bob", video=Pattern((320, 180), 15))
    vera = await visit("Vera", picture=stamped(VERA))
    told = bob.wait_for(Layout, where=lambda event: event.view == "4:0", timeout=10)

    await bob.transform_layout(transforms=Transforms(layout="1:7"))
    await vera.hears("onRequestedLayout", lambda told: told["primaryScreen"]["hostLayout"] == "1:7")
    await vera.hears("onLayoutUpdate", lambda told: told["view"] == "1:7" and told["participants"] == [bob.my_uuid])
    await vera.do("setLayout", transforms={"layout": "2x2"})
    layout = await told
    drawings = await vera.tab.run("() => visitor.client.layoutSvgs({})")
    names = await vera.tab.run("() => visitor.client.availableLayouts({annotate: true})")

    assert layout.participants == (await vera.me(),)
    assert layout.requested_layout.primary_screen.chair_layout == "2x2"
    assert [one["name"] for one in names] == list(drawings)
    assert drawings["2x2"].count("<rect") == 5


async def test_the_client_has_a_layout_of_its_own(visit: Visit, join: Join) -> None:
    bob = await join("Bob", video=Pattern((320, 180), 15))
    vera = await visit("Vera", picture=stamped(VERA))
    uuid = await vera.me()

    await vera.do("setPersonalLayout", transforms={"layout": "1:7"})
    me = await vera.hears("onMe", lambda told: "mix_config" in (told["participant"]["receiveFromVideoMix"] or {}))
    await vera.hears("onLayoutUpdate", lambda told: told["view"] == "1:7")
    await until(lambda: bob.participants[uuid].receive_from_video_mix.mix_config is not None)
    mine = bob.me.receive_from_video_mix.mix_name
    await vera.do("deleteVideoMix")

    await until(lambda: bob.participants[uuid].receive_from_video_mix.mix_name == "main")
    mix = me["participant"]["receiveFromVideoMix"]
    assert (mix["mix_name"], mix["mix_config"]) == ("main.!personal", {"transform_layout": {"layout": "1:7"}})
    assert mine == "main"
