"""The node's own page in Chromium: a call from it, what it shows and does, and that everybody can use it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import av
import pytest

import pexrtc_py
from pexrtc_media import Pattern, Tone
from pexrtc_py.engine.types import Slot
from pexrtc_py.node import Bot, Node, NodeConfig, Vmr
from pexrtc_py.protocol.events import MessageReceived, PresentationStart
from pexrtc_py.protocol.requests import Message
from tests.interop.page_visitor import PageVisitor, at_page
from tests.interop.visitor import Picture
from tests.media_checks import Ear, call_of, stream_in, until
from tests.phenomena.test_layouts import boxes, until_shown

if TYPE_CHECKING:
    from pexrtc_py.conference import Conference
    from tests.interop.chromium import DevTools

SIZE = (640, 360)
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    """A node with its page."""
    vmrs = Vmr("meet.alice"), Vmr("meet.lobby", host_pin="1234", guest_pin="5678")
    async with Node(*vmrs, config=NodeConfig(hold_music=False), ui=True) as running:
        yield running


@pytest.fixture
async def visitor(browser: DevTools, node: Node) -> AsyncIterator[PageVisitor]:
    async with at_page(browser, f"{node.page}#meet.alice") as opened:
        yield opened


@contextlib.asynccontextmanager
async def _bob(node: Node) -> AsyncIterator[Conference]:
    sends: dict[str, Any] = {"video": Pattern(SIZE, 15, stamp=2), "audio": Tone(440)}
    async with pexrtc_py.join("meet.alice", node=node.url, display_name="Bob", **sends) as bob:
        yield bob


async def _joined(visitor: PageVisitor) -> None:
    await visitor.click("#join button")
    await visitor.is_there("#leave")


def _three_of_four(picture: Picture) -> bool:
    """Whether three places of `2x2` have something in them, and the fourth has not."""
    places = picture[5:85, 5:155], picture[5:85, 165:315], picture[95:175, 5:155], picture[95:175, 165:315]
    return [place.std() > 15 for place in places] == [True, True, True, False]


async def _shown_to(bob: Conference, stream: int) -> None:
    def is_it(picture: av.VideoFrame) -> bool:
        return (picture.width, picture.height) == SIZE and stream_in(picture, (0, 0, *SIZE), SIZE) == stream

    await until_shown(bob, is_it, f"stream {stream}")


async def test_a_browser_joins_and_both_sides_see_and_hear_each_other(visitor: PageVisitor, node: Node) -> None:
    async with _bob(node) as bob:
        await _joined(visitor)

        await visitor.sees(2)
        await visitor.hears(440)
        await _shown_to(bob, 3)
        ear = Ear(call_of(bob).audio)
        await ear.hears(880)
        ear.stop()
        await visitor.click("#leave")
        await until(lambda: len(bob.participants) == 1)


async def test_what_one_does_in_a_call_from_the_page_reaches_the_others(visitor: PageVisitor, node: Node) -> None:
    async with _bob(node) as bob:
        await _joined(visitor)
        await until(lambda: len(bob.participants) == 2)
        me = next(uuid for uuid in bob.participants if uuid != bob.my_uuid)

        heard = bob.wait_for(MessageReceived, timeout=10)
        await visitor.type("#chat input", "Good morning")
        await visitor.click("#chat button")
        assert (await heard).payload == "Good morning"
        await bob.send(Message(payload="Hello to you"))
        await visitor.is_there("#messages li", words="Bob: Hello to you")

        await visitor.click("#hand")
        await until(lambda: bob.participants[me].buzz_time > 0)
        await visitor.click("#microphone")
        await until(lambda: bool(bob.participants[me].is_client_muted))
        await visitor.click("#camera")
        await until(lambda: bool(bob.participants[me].is_video_muted))

        started = bob.wait_for(PresentationStart, timeout=10)
        await visitor.click("#share")
        assert (await started).presenter_uuid == me
        async with call_of(bob).presentation.frames() as frames:
            async for frame in frames:
                if isinstance(frame, av.VideoFrame) and stream_in(frame, (0, 0, frame.width, frame.height), (1280, 720)) == 4:
                    break
        await visitor.click("#share")
        await until(lambda: not bob.participants[me].is_presenting)


async def test_slides_of_another_are_shown_while_they_last(visitor: PageVisitor, node: Node) -> None:
    ada = node.room("meet.alice").add(Bot("Ada", stamp=5, slides=True))
    await _joined(visitor)
    await visitor.click("#people button[aria-label='Slides: Ada']")

    await visitor.sees(5, "#slides-video")
    ada.leave()
    await visitor.is_gone("#slides")


async def test_a_scripted_participant_is_added_and_told_what_to_do(visitor: PageVisitor, node: Node) -> None:
    async with _bob(node) as bob:
        await visitor.type("#add [name=name]", "Ada")
        await visitor.click("#add button")
        await until(lambda: any(one.display_name == "Ada" for one in bob.participants.values()))
        ada = next(one.uuid for one in bob.participants.values() if one.display_name == "Ada")

        await visitor.click("#people button[aria-label='Hand: Ada']")
        await until(lambda: bob.participants[ada].buzz_time > 0)
        started = bob.wait_for(PresentationStart, timeout=10)
        await visitor.click("#people button[aria-label='Slides: Ada']")
        assert (await started).presenter_name == "Ada"
        await visitor.is_there("#people li", words="presents")
        await visitor.click("#people button[aria-label='Disconnect: Ada']")
        await until(lambda: ada not in bob.participants)
        await visitor.is_gone("#people button[aria-label='Disconnect: Ada']")


async def test_another_layout_changes_what_is_seen_by_all_and_on_the_page(visitor: PageVisitor, node: Node) -> None:
    room = node.room("meet.alice")
    for stream in (5, 6):
        room.add(Bot(f"Bot {stream}", stamp=stream, sound=None))
    async with _bob(node) as bob:
        await _joined(visitor)
        await visitor.is_there("#views figcaption", words="forwarded")

        await visitor.click("[data-layout='2x2']")
        await visitor.is_there("[data-layout='2x2'][aria-pressed='true']")

        def all_three(picture: av.VideoFrame) -> bool:
            places = boxes("2x2", picture, 3)
            return {stream_in(picture, place, SIZE) for place in places} == {3, 5, 6}

        await until_shown(bob, all_three, "three others in 2x2")
        await visitor.is_there("#views figcaption", words="composed")
        await visitor.pictures("#main-video", _three_of_four)


async def test_what_participants_see_is_pictured(visitor: PageVisitor, node: Node) -> None:
    async with _bob(node), pexrtc_py.join("meet.alice", node=node.url, display_name="Cid", video=Pattern((640, 360), 15, stamp=7)):
        await visitor.is_there("#views figcaption", words="forwarded from Bob: seen by Cid")
        await visitor.sees(2, "#views img[alt='What Cid sees']")
        await visitor.sees(7, "#views img[alt='What Bob sees']")


async def test_who_gets_little_at_first_is_not_kept_at_a_small_picture(visitor: PageVisitor, node: Node) -> None:
    room = node.room("meet.alice")
    for name in ("Ada", "Grace"):
        room.add(Bot(name))
    await visitor.click("[data-layout='ac']")
    await visitor.click("#controls [data-key='Names']")
    await _joined(visitor)

    await visitor.is_there("#received", words="1280 × 720")


async def test_hosts_controls_work_from_the_page(visitor: PageVisitor, node: Node) -> None:
    room = node.room("meet.alice")
    async with _bob(node) as bob:
        await visitor.click("#controls button")
        await until(lambda: room.locked)
        await visitor.is_there("#facts li", words="locked")
        await visitor.type("#banner input", "Back at ten")
        await visitor.click("#banner button")
        await until(lambda: room.settings.message is not None and room.settings.message.text == "Back at ten")
        await visitor.click("#people button[aria-label='Mute: Bob']")
        await until(lambda: bob.me.is_muted)
        await visitor.is_there("#log td", words="participant_update")
        await visitor.click("#people button[aria-label='Disconnect: Bob']")
        await until(lambda: not room.members)


async def test_a_network_is_chosen_for_calls_that_go_on(visitor: PageVisitor, node: Node) -> None:
    async with _bob(node) as bob:
        other = pexrtc_py.join("meet.alice", node=node.url, display_name="Cid", audio=Tone(600))
        async with other:
            before = call_of(bob).stats()[Slot.AUDIO].inbound
            await visitor.choose("#network", "loss_20")

            await until(lambda: call_of(bob).stats()[Slot.AUDIO].inbound.packets_lost > before.packets_lost + 20, 20)


async def test_a_pin_is_asked_for_and_a_wrong_one_refused(browser: DevTools, node: Node) -> None:
    async with at_page(browser, f"{node.page}#meet.lobby") as visitor:
        await visitor.click("#join button")
        await visitor.is_there("#why", words="A PIN is needed here.")
        await visitor.type("#join [name=pin]", "9999")
        await visitor.click("#join button")
        await visitor.is_there("#why", words="Invalid PIN")
        await visitor.type("#join [name=pin]", "1234")
        await _joined(visitor)

        assert [member.is_host for member in node.room("meet.lobby").members.values()] == [True]
        assert "1234" not in await visitor.tab.run("() => document.body.innerText")
        # The browser itself complains of what was refused.
        visitor.tab.complaints[:] = [one for one in visitor.tab.complaints if "403 (Forbidden)" not in one]


async def test_who_closes_the_page_is_gone(browser: DevTools, node: Node) -> None:
    async with at_page(browser, f"{node.page}#meet.alice") as visitor:
        await _joined(visitor)
        assert len(node.room("meet.alice").members) == 1
        await visitor.tab.ask("Page.close")

        await until(lambda: not node.room("meet.alice").members)


async def test_the_page_fits_a_phone(visitor: PageVisitor, node: Node) -> None:
    node.room("meet.alice").add(Bot("A name that is quite a bit longer than a telephone is wide, without an end"))
    await visitor.tab.ask("Emulation.setDeviceMetricsOverride", **PHONE)
    await _joined(visitor)

    assert await visitor.tab.run("() => document.documentElement.scrollWidth") == PHONE["width"]
    assert await visitor.tab.run(TOO_WIDE) == []


async def test_all_that_can_be_clicked_is_reached_by_the_keyboard(visitor: PageVisitor, node: Node) -> None:
    node.room("meet.alice").add(Bot("Ada"))
    await visitor.is_there("#people button")
    wanted, seen = await visitor.tab.run(REACHABLE), list[str]()
    for _ in range(wanted + 2):
        await visitor.key("Tab", 9)
        seen.append(await visitor.focused())

    assert len(set(seen) - {""}) >= wanted, seen
    await visitor.tab.run("() => document.querySelector('#join button').focus()")
    await visitor.key("Enter", 13, "\r")
    await visitor.is_there("#leave")
    assert "leave" in await visitor.focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_letters_stand_out_from_their_ground(visitor: PageVisitor, node: Node, scheme: str) -> None:
    node.room("meet.alice").add(Bot("Ada"))
    await visitor.tab.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    await visitor.is_there("#people button")

    colours = await visitor.tab.run(CONTRAST)

    assert len(colours) > 30
    assert {words: ratio for words, ratio in colours.items() if ratio < 4.5} == {}
    assert (await visitor.tab.run("() => getComputedStyle(document.body).colorScheme")) == scheme


TOO_WIDE = """() => [...document.querySelectorAll('body *')]
    .filter(one => one.getBoundingClientRect().right > innerWidth + 1 && !one.closest('#log-box'))
    .map(one => one.outerHTML.slice(0, 80))"""
REACHABLE = """() => [...document.querySelectorAll('a, button, input, select')]
    .filter(one => one.checkVisibility() && !one.disabled).length"""
CONTRAST = """() => {
    const parts = colour => colour.match(/[\\d.]+/g).map(Number);
    const light = colour => {
        const linear = part => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        const [red, green, blue] = parts(colour).map(part => linear(part / 255));
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const ground = one => {
        const colour = getComputedStyle(one).backgroundColor;
        return parts(colour)[3] === 0 && one.parentElement ? ground(one.parentElement) : colour;
    };
    const all = [...document.querySelectorAll('body *')];
    const seen = all.filter(one => one.checkVisibility() && !one.matches(':disabled, svg *, figure *'));
    const written = seen.filter(one => [...one.childNodes].some(child => child.nodeType === 3 && child.data.trim()));
    return Object.fromEntries(written.map(one => {
        const [dark, bright] = [light(getComputedStyle(one).color), light(ground(one))].sort((a, b) => a - b);
        return [`${one.tagName} ${one.id || one.textContent.slice(0, 30)}`, (bright + 0.05) / (dark + 0.05)];
    }));
}"""
