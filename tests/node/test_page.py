"""The node's page without a browser: who is answered, what is told and what is refused."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator
from functools import partial
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pexrtc_py
from pexrtc_py.engine.network import Impairment, Network
from pexrtc_py.errors import ProtocolError, UsageError
from pexrtc_py.node import Bot, Node, NodeConfig, NoMedia, Vmr
from pexrtc_py.node.admission import Refused
from pexrtc_py.node.heard import Heard
from pexrtc_py.node.house import House
from pexrtc_py.node.journal import KEPT, LONGEST, Journal
from pexrtc_py.node.operating import PEOPLE, Operator
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.requests import Lock, Message, RequestToken, TakeFloor

Json = dict[str, Any]


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    async with Node(Vmr("meet.alice"), Vmr("meet.lobby", host_pin="1234"), media=NoMedia, ui=True) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def _told(http: aiohttp.ClientSession, node: Node, name: str) -> AsyncGenerator[Any]:
    """The data of the page's events of one name."""
    async with http.get(f"{node.page}page/events") as response:
        kind = ""
        async for line in response.content:
            key, _, value = line.decode().rstrip("\n").partition(": ")
            kind = value if key == "event" else kind
            if key == "data" and kind == name:
                yield json.loads(value)


async def test_the_page_and_its_files_are_served(node: Node, http: aiohttp.ClientSession) -> None:
    assert node.page == f"{node.url}/"
    async with http.get(node.page) as response:
        html = await response.text()
        policy = response.headers["Content-Security-Policy"]
    for name in ("main.js", "rooms.js", "join.js", "call.js", "conference.js", "dom.js", "style.css", "icon.svg"):
        async with http.get(f"{node.page}page/{name}") as response:
            assert response.status == 200
            assert await response.read()

    assert "<title>Conferencing node</title>" in html
    assert "<script>" not in html
    assert "style=" not in html
    assert policy.startswith("default-src 'self'")
    async with http.get(f"{node.page}page/../server.py") as response:
        assert response.status == 404
    async with http.get(f"{node.page}page/nothing.js") as response:
        assert response.status == 404


async def test_a_node_without_a_page_has_none(http: aiohttp.ClientSession) -> None:
    async with Node(media=NoMedia) as node:
        assert node.page is None
        for path in ("/", "/page/main.js", "/page/events"):
            async with http.get(f"{node.url}{path}") as response:
                assert response.status == 404


def test_a_page_is_not_for_others_than_this_machine() -> None:
    with pytest.raises(UsageError, match=r"this machine alone: listen on 127\.0\.0\.1, not 0\.0\.0\.0"):
        Node(listen="0.0.0.0:0", ui=True)
    with pytest.raises(UsageError, match="this machine alone"):
        Node(config=NodeConfig(ui=True, listen="192.0.2.1:0"))


@pytest.mark.parametrize("path", ["", "page/events", "page/layouts", "page/main.js", "page/picture/a/b"])
async def test_a_name_that_was_pointed_at_this_machine_gets_nothing(node: Node, http: aiohttp.ClientSession, path: str) -> None:
    async with http.get(f"{node.page}{path}", headers={"Host": "evil.example"}) as response:
        assert response.status == 403
        assert "own machine" in await response.text()


async def test_another_origin_gets_nothing_and_changes_nothing(node: Node, http: aiohttp.ClientSession) -> None:
    room = node.room("meet.alice")
    asked = {"room": room.uuid, "request": "lock"}
    async with http.post(f"{node.page}page/ask", json=asked, headers={"Origin": "http://evil.example"}) as response:
        assert response.status == 403
        assert "Access-Control-Allow-Origin" not in response.headers
    async with http.options(f"{node.page}page/ask", headers={"Origin": "http://evil.example"}) as response:
        assert "content-type" in response.headers["Access-Control-Allow-Headers"]  # as for the API; the answer above is what counts
    assert not room.locked

    async with http.post(f"{node.page}page/ask", json=asked, headers={"Origin": node.url}) as response:
        assert response.status == 200
    assert room.locked


async def test_the_state_is_told_as_it_changes_and_has_no_secrets(node: Node, http: aiohttp.ClientSession) -> None:
    states = _told(http, node, "state")
    first = await anext(states)
    async with pexrtc_py.join("meet.lobby", node=node.url, display_name="Ann", pin="1234", media=False):
        rooms = {room["key"]: room for room in (await anext(states))["rooms"]}
        lines = [line for lines in [await anext(_told(http, node, "log"))] for line in lines]
    await states.aclose()

    assert [room["key"] for room in first["rooms"]] == ["meet.alice", "meet.lobby"]
    assert [person["name"] for person in rooms["meet.lobby"]["participants"]] == ["Ann"]
    assert ("request", "meet.lobby", "request_token") in [(line["kind"], line["room"], line["name"]) for line in lines]
    assert "1234" not in json.dumps([rooms, lines])


WRONG: list[tuple[str, Json, int, str]] = [
    ("open", {}, 400, "alias is missing"),
    ("open", {"alias": "meet.nobody"}, 404, "no conference 'meet.nobody'"),
    ("ask", {"room": "nowhere", "request": "lock"}, 404, "Neither conference nor gateway found"),
    ("ask", {"request": "no_such"}, 404, "no request 'no_such'"),
    ("ask", {"request": "request_token", "body": {}}, 404, "no request"),
    ("ask", {"request": "lock", "participant": "gone"}, 404, "has gone"),
    ("ask", {"request": "set_message_text"}, 400, "text"),
    ("ask", {"request": "lock", "body": []}, 200, ""),
    ("ask", {"request": "lock", "body": [1]}, 400, "object"),
    ("bots", {"name": ""}, 400, "name is missing"),
    ("bots", {"name": "Ada", "sound": 3}, 400, "tone must be"),
    ("bots", {"name": "Ada", "sound": []}, 400, "voice, hertz or nothing"),
    ("bots", {"name": "Ada", "picture": "film"}, 400, "picture must be"),
    ("perform", {"bot": "gone", "does": "raise"}, 404, "has gone"),
    ("network", {"network": 5}, 400, "network is missing"),
]


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case[3])
async def test_what_makes_no_sense_is_refused_with_a_sentence(
    node: Node, http: aiohttp.ClientSession, case: tuple[str, Json, int, str]
) -> None:
    act, asked, status, why = case
    async with http.post(f"{node.page}page/{act}", json={"room": node.room("meet.alice").uuid, **asked}) as response:
        answer = await response.json()

    assert response.status == status
    assert why in answer.get("error", "")
    assert answer.get("error", ".").endswith(".")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"\xff", b'{"alias": ["a"]}'])
async def test_a_body_that_is_none_is_refused(node: Node, http: aiohttp.ClientSession, body: bytes) -> None:
    async with http.post(f"{node.page}page/open", data=body) as response:
        assert response.status == 400
        assert (await response.json())["error"]


async def test_a_network_that_there_is_not_is_refused_with_those_that_there_are(http: aiohttp.ClientSession) -> None:
    async with Node("lab", ui=True) as node:
        async with http.post(f"{node.page}page/network", json={"network": "wifi_worse"}) as response:
            answer = await response.json()
        async with http.post(f"{node.page}page/network", json={"network": "loss=0.5"}) as response:
            assert response.status == 200
        state = await anext(_told(http, node, "state"))

    assert "wifi_bad" in answer["error"]
    assert state["network"] == "loss=0.5"
    assert "loss=0.5" in state["networks"]


async def test_an_operator_acts_without_being_there(node: Node) -> None:
    operator, room = Operator(node.room("meet.alice").house or House(NodeConfig())), node.room("meet.alice")
    ada = operator.add(room.uuid, Bot("Ada", slides=True))
    operator.ask(room.uuid, "mute", {}, ada.uuid)
    operator.perform(ada.uuid, "present")

    seen = next(one for one in operator.rooms() if one["key"] == "meet.alice")
    assert [(one["name"], one["bot"], one["muted"], one["presenting"]) for one in seen["participants"]] == [("Ada", True, True, True)]
    assert seen["count"] == 1
    with pytest.raises(Refused, match="for an operator"):
        operator.ask(room.uuid, TakeFloor.name, {}, ada.uuid)
    with pytest.raises(UsageError, match="not 'dance'"):
        operator.perform(ada.uuid, "dance")
    operator.perform(ada.uuid, "leave")
    with pytest.raises(Refused, match="gone"):
        operator.perform(ada.uuid, "leave")


async def test_a_crowd_is_counted_and_not_listed(node: Node) -> None:
    room = node.room("meet.alice")
    for number in range(PEOPLE + 5):
        room.add(Bot(f"Bot {number}", picture=None, sound=None))

    seen = next(one for one in Operator(room.house or House(NodeConfig())).rooms() if one["key"] == "meet.alice")
    assert (seen["count"], len(seen["participants"])) == (PEOPLE + 5, PEOPLE)


def test_the_journal_keeps_the_latest_lines_and_no_secret() -> None:
    journal = Journal(House(NodeConfig()), clock=lambda: 5.0)
    address = Address("meet.alice")
    journal.heard(Heard(None, address, RequestToken(display_name="Ann", pin="4711")))
    journal.heard(Heard(None, address, Message(payload="x" * 1000)))
    first = journal.since(0)
    for _ in range(KEPT):
        journal.heard(Heard(None, address, Lock()))

    assert [(line["name"], line["time"], line["room"]) for line in first] == [
        ("request_token", 5.0, "meet.alice"),
        ("message", 5.0, "meet.alice"),
    ]
    assert "Ann" in first[0]["text"]
    assert "4711" not in first[0]["text"]
    assert len(first[1]["text"]) == LONGEST + 1
    assert [line["number"] for line in journal.since(0)] == list(range(3, KEPT + 3))
    assert journal.since(KEPT + 2) == []


@given(name=st.text(max_size=50), body=st.dictionaries(st.text(max_size=10), st.none() | st.integers() | st.text(max_size=10), max_size=3))
def test_whatever_an_operator_asks_for_is_refused_or_done(name: str, body: dict[str, object]) -> None:
    house = House(NodeConfig(conferences=(Vmr("lab"),)))
    with contextlib.suppress(Refused, ProtocolError):
        Operator(house).ask(house.rooms[0].uuid, name, body)


async def test_a_network_changes_for_what_is_sent_from_then_on() -> None:
    impairment, out = Impairment(Network()), list[int]()
    for number in range(10):
        impairment.send(b"\x80", partial(out.append, number))
    impairment.change(Network.parse("loss=1"))
    impairment.send(b"\x80", lambda: out.append(10))
    impairment.change(Network())
    impairment.send(b"\x80", lambda: out.append(11))

    assert out == [*range(10), 11]
