from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pexrtc_py.errors import CallError, NegotiationFailed
from pexrtc_py.node import Node, NodeConfig, NoMedia, Vmr
from pexrtc_py.node.plan import CallEndpoint, CallMedia, MediaPlan, OnLost, OnVoice, Perceived, Still, Watched
from pexrtc_py.protocol import requests

API = "/api/client/v2"
MEET = f"{API}/conferences/meet"


class Peerless:
    """A media part that answers offers with a text and notes what it is told; bad offers say so."""

    def __init__(self, *, on_voice: OnVoice, on_lost: OnLost) -> None:
        self.on_voice, self.on_lost = on_voice, on_lost
        self.done: list[tuple[Any, ...]] = []
        self.plans: list[MediaPlan] = []
        self.closed = asyncio.Event()
        made.append(self)

    async def open(self, room: str, participant: str, call: str, sdp: str, *, bandwidth: int | None) -> str:
        if sdp == "bad":
            raise NegotiationFailed("The offer has no audio.")
        if sdp == "broken":
            raise ZeroDivisionError
        self.done.append(("open", call))
        return f"answer to {sdp}"

    async def update(self, call: str, sdp: str) -> str:
        if sdp == "bad":
            raise CallError("No resources.")
        return f"answer to {sdp}"

    def candidate(self, call: str, candidate: str, mid: str | None, ufrag: str | None) -> None:
        self.done.append(("candidate", call, candidate, mid, ufrag))

    def start(self, call: str) -> None:
        self.done.append(("start", call))

    def dial(self, call: str, keys: str) -> None: ...

    def watched(self, room: str) -> tuple[Watched, ...]:
        return ()

    async def picture(self, room: str, view: str) -> bytes | None:
        return None

    def networks(self) -> tuple[str, tuple[str, ...]]:
        return "", ()

    def impair(self, network: str) -> None: ...

    def perceived(self, call: str) -> Perceived | None:
        return None

    async def open_stream(self, room: str, participant: str, call: str, *, bandwidth: int | None) -> str:
        return f"rtmp://127.0.0.1/pexip/{call}"

    async def call_endpoint(self, order: CallEndpoint) -> None:
        self.done.append(("call", order.endpoint.uri))

    async def close(self, call: str) -> None:
        self.done.append(("close", call))
        self.closed.set()

    def apply(self, room: str, plan: MediaPlan) -> None:
        self.plans.append(plan)

    def capabilities(self, call: str) -> CallMedia:
        return CallMedia(audio=True, video=True, presentation=True)

    async def look(self, room: str, participant: str) -> bytes | None:
        return None

    async def still(self, room: str) -> Still | None:
        return Still(b"\xff\xd8\xff small", b"\xff\xd8\xff large", b"\x89PNG picture")

    async def aclose(self) -> None:
        self.done.append(("aclose",))


made: list[Peerless] = []


class Client:
    """A bare HTTP client of one node."""

    def __init__(self, node: Node, session: aiohttp.ClientSession) -> None:
        self.node, self.session = node, session

    async def ask(self, method: str, path: str, **more: Any) -> tuple[int, str, bytes]:
        async with self.session.request(method, self.node.url + path, **more) as response:
            return response.status, response.headers.get("Content-Type", ""), await response.read()

    async def post(self, path: str, body: object = None, token: str | None = None, **headers: str) -> Any:
        more = headers | ({"token": token} if token else {})
        status, kind, data = await self.ask("POST", path, json=body, headers=more)
        assert kind == "application/json", data
        return status, json.loads(data)["result"]

    async def join(self, name: str = "Alice", **headers: str) -> tuple[str, str]:
        status, result = await self.post(f"{MEET}/request_token", {"display_name": name}, **headers)
        assert status == 200, result
        return result["token"], result["participant_uuid"]

    @asynccontextmanager
    async def events(self, token: str, where: str = MEET) -> AsyncIterator[Reader]:
        async with self.session.get(f"{self.node.url}{where}/events", params={"token": token}) as response:
            assert response.status == 200
            yield Reader(response)


class Reader:
    """Blocks of one event stream."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.ids: list[str] = []

    async def block(self) -> bytes:
        return (await self.response.content.readuntil(b"\n\n")).removesuffix(b"\n\n")

    async def next(self) -> tuple[str, Any]:
        block = (await self.block()).decode()
        found = re.fullmatch(r"event: (\w+)\nid: (\S+)\ndata: (\S.*)", block)
        assert found, block
        self.ids.append(found[2])
        return found[1], json.loads(found[3])

    async def until(self, name: str) -> list[tuple[str, Any]]:
        events = [await self.next()]
        while events[-1][0] != name:
            events.append(await self.next())
        return events

    async def at_end(self) -> bool:
        return await self.response.content.read() == b""


@asynccontextmanager
async def served(*vmrs: Vmr, config: NodeConfig | None = None) -> AsyncIterator[Client]:
    async with Node(*vmrs, config=config, media=Peerless) as node, aiohttp.ClientSession() as session:
        yield Client(node, session)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with served(Vmr("meet")) as client:
        yield client


async def test_the_content_type_is_bare_json(client: Client) -> None:
    status, kind, body = await client.ask("GET", f"{API}/status")

    assert (status, kind, json.loads(body)) == (200, "application/json", {"status": "success", "result": "OK"})


@pytest.mark.parametrize("body", [b"", b"null", b"{}", b" \n"])
async def test_no_body_null_and_an_empty_object_are_the_same(client: Client, body: bytes) -> None:
    token, _ = await client.join()

    status, _, reply = await client.ask("POST", f"{MEET}/lock", data=body, headers={"token": token, "Content-Type": "text/plain"})

    assert (status, json.loads(reply)["result"]) == (200, True)


@pytest.mark.parametrize(("name", "expected"), [("lock", 400), ("request_token", 415)])
@pytest.mark.parametrize("body", [b"{", b"[1]", b"\xff", b'"text"'])
async def test_a_malformed_body_is_refused_with_a_sentence(client: Client, name: str, expected: int, body: bytes) -> None:
    token, _ = await client.join()

    status, kind, reply = await client.ask("POST", f"{MEET}/{name}", data=body, headers={"token": token} if name == "lock" else {})

    assert (status, kind) == (expected, "application/json")
    assert json.loads(reply)["status"] == "failed"
    assert len(json.loads(reply)["result"].split()) > 4


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/", 404),
        ("GET", "/api/client/v1/status", 404),
        ("POST", f"{API}/conferences/none/request_token", 404),
        ("POST", f"{MEET}/fly", 404),
        ("GET", f"{MEET}/lock", 405),
        ("POST", f"{MEET}/breakouts/b/lock", 403),
        ("POST", f"{MEET}/lock", 403),
        ("GET", f"{MEET}/events", 403),
        ("GET", f"{API}/conferences/none/events", 404),
    ],
)
async def test_what_is_not_there_is_said_in_json(client: Client, method: str, path: str, expected: int) -> None:
    status, kind, body = await client.ask(method, path)

    assert (status, kind, json.loads(body)["status"]) == (expected, "application/json", "failed")


async def test_a_body_beyond_the_limit_is_refused(client: Client) -> None:
    token, _ = await client.join()

    status, kind, _ = await client.ask("POST", f"{MEET}/message", data=io.BytesIO(b" " * 2**21), headers={"token": token})

    assert (status, kind) == (413, "application/json")


async def test_any_origin_may_ask(client: Client) -> None:
    asking = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "token, pin"}

    async with client.session.options(f"{client.node.url}{MEET}/request_token", headers=asking) as preflight:
        allowed = preflight.headers
    async with client.session.post(f"{client.node.url}{MEET}/lock", headers={"Origin": "https://app.example"}) as refused:
        origin = refused.headers["Access-Control-Allow-Origin"]

    assert preflight.status < 300
    assert {"token", "pin", "content-type", "registration_token", "last-event-id"} <= set(
        allowed["Access-Control-Allow-Headers"].split(", ")
    )
    assert (allowed["Access-Control-Allow-Origin"], origin, refused.status) == ("https://app.example", "https://app.example", 403)
    assert allowed["Access-Control-Allow-Credentials"] == "true"  # which the beacon of a page that is being closed needs


async def test_who_names_no_origin_is_answered_for_any(client: Client) -> None:
    async with client.session.get(f"{client.node.url}{API}/status") as answer:
        headers = answer.headers

    assert headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in headers


async def test_an_alias_is_escaped_or_not() -> None:
    async with served(Vmr("meet@example.com")) as client:
        answers = [
            (await client.post(f"{API}/conferences/{alias}/request_token/", {"display_name": "A"}))[0]
            for alias in ("meet@example.com", "meet%40example.com", "MEET@example.com")
        ]

    assert answers == [200, 200, 200]


async def test_there_is_no_theme(client: Client) -> None:
    token, _ = await client.join()

    answers = [await client.ask("GET", f"{MEET}/{name}?token={token}") for name in ("theme/", "theme")]

    assert [(status, body) for status, _, body in answers] == [(204, b"")] * 2


@pytest.mark.parametrize(("head", "kind"), [(b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG", "image/png"), (b"?", "application/octet-stream")])
async def test_a_picture_is_answered_as_it_is(client: Client, head: bytes, kind: str) -> None:
    client.node.answers(requests.Avatar)(lambda asked, request: head + b"...")
    token, uuid = await client.join()

    status, content_type, body = await client.ask("GET", f"{MEET}/participants/{uuid}/avatar.jpg", params={"token": token})

    assert (status, content_type, body) == (200, kind, head + b"...")


async def test_a_page_shows_stills_of_the_presentation_by_their_address(client: Client) -> None:
    token, uuid = await client.join()
    viewer, _ = await client.join("Viewer")
    nothing = await client.ask("GET", f"{MEET}/presentation.jpeg", params={"token": viewer})
    async with client.events(viewer) as reader:
        await reader.until("stage")
        await client.post(f"{MEET}/participants/{uuid}/take_floor", token=token)
        first = await client.ask("GET", f"{MEET}/presentation.png", params={"token": viewer})
        await reader.until("presentation_frame")
    id = reader.ids[-1]
    shown = await client.ask("GET", f"{MEET}/presentation_high.jpeg", params={"token": viewer, "id": id})
    by_header = await client.ask("GET", f"{MEET}/presentation.jpeg", headers={"token": viewer, "id": id})
    strangers = await client.ask("GET", f"{MEET}/presentation.jpeg", params={"token": "stolen", "id": id})

    assert (nothing[0], first[:2]) == (404, (200, "image/png"))
    assert shown == (200, "image/jpeg", b"\xff\xd8\xff large")
    assert by_header == (200, "image/jpeg", b"\xff\xd8\xff small")
    assert (strangers[0], json.loads(strangers[2])["status"]) == (403, "failed")


async def test_a_picture_is_posted_as_a_form(client: Client) -> None:
    token, uuid = await client.join()
    await client.post(f"{MEET}/participants/{uuid}/take_floor", {"jpegs": True}, token=token)
    url, form = f"{client.node.url}{MEET}/presentation", aiohttp.FormData()
    form.add_field("frame", b"\xff\xd8\xff mine", filename="slide.jpg", content_type="image/jpeg")

    async with client.session.post(url, data=form, headers={"token": token}) as response:
        posted = response.status, await response.json()
    status, result = await client.post(f"{MEET}/presentation", {"frame": "no file"}, token=token)

    assert posted == (200, {"status": "success", "result": True})
    assert (status, type(result)) == (400, str)
    assert (await client.ask("GET", f"{MEET}/presentation.jpeg", headers={"token": token}))[2] == b"\xff\xd8\xff mine"


async def test_a_stream_begins_at_once_with_the_sync_sequence(client: Client) -> None:
    token, uuid = await client.join()

    async with client.events(token) as events:
        first = await events.until("stage")

    assert events.response.headers["Content-Type"] == "text/event-stream"
    assert first[:2] == [("presentation_stop", {}), ("participant_sync_begin", None)]
    assert (first[2][0], first[2][1]["uuid"]) == ("participant_create", uuid)
    assert first[3] == ("participant_sync_end", None)
    assert [name for name, _ in first[4:]] == ["conference_update", "layout", "stage"]
    assert first[5][1]["requested_layout"]["primary_screen"]
    assert len(set(events.ids)) == len(first)


async def test_every_stream_of_a_participant_is_told_and_a_refresh_does_not_end_them(client: Client) -> None:
    token, uuid = await client.join()
    async with client.events(token) as one, client.events(token) as other:
        await one.until("stage"), await other.until("stage")
        _, refreshed = await client.post(f"{MEET}/refresh_token", token=token)

        await client.post(f"{MEET}/participants/{uuid}/buzz", token=refreshed["token"])

        told = [await one.next(), await other.next()]

    assert [name for name, _ in told] == ["participant_update"] * 2
    assert (await client.post(f"{MEET}/refresh_token", token=token))[0] == 200


async def test_a_stream_ends_after_leaving(client: Client) -> None:
    token, _ = await client.join()
    async with client.events(token) as events:
        await events.until("stage")

        status, _, body = await client.ask("POST", f"{MEET}/release_token?token={token}", data=b"{}")  # as a browser does on unloading

        assert (status, json.loads(body)["result"]) == (200, True)
        assert await events.next() == ("bye", None)
        assert await events.at_end()
    assert (await client.post(f"{MEET}/participants", token=token))[0] in (403, 405)


async def test_a_stream_ends_after_a_disconnect(client: Client) -> None:
    token, _ = await client.join()
    async with client.events(token) as events:
        await events.until("stage")

        assert await client.post(f"{MEET}/disconnect", token=token) == (200, True)

        assert await events.next() == ("disconnect", {"reason": "API initiated conference termination"})
        assert await events.at_end()


async def test_an_idle_stream_is_kept_alive_by_comments() -> None:
    async with served(Vmr("meet"), config=NodeConfig(keepalive_seconds=0.02)) as client:
        token, _ = await client.join()
        async with client.events(token) as events:
            await events.until("stage")

            comments = [await events.block(), await events.block()]

    assert all(comment.startswith(b":") for comment in comments)


async def test_a_stream_that_nobody_reads_is_cut_and_counted() -> None:
    async with served(Vmr("meet"), config=NodeConfig(stream_limit=20)) as client:
        token, _ = await client.join("Deaf")
        speaker, _ = await client.join("Speaker")
        host, port = client.node.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
        writer.write(f"GET {MEET}/events?token={token} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await reader.readline()

        while client.node.dropped_streams == 0:
            await client.post(f"{MEET}/message", {"payload": "x" * 500_000}, token=speaker)

        assert client.node.dropped_streams == 1
        assert len(client.node.room("meet").members) == 2
        writer.transport.abort()


async def test_an_offer_is_answered_and_media_is_ordered(client: Client) -> None:
    token, uuid = await client.join()
    path = f"{MEET}/participants/{uuid}/calls"

    _, answer = await client.post(path, {"call_type": "WEBRTC", "sdp": "offer"}, token=token)
    call = f"{path}/{answer['call_uuid']}"
    candidate = await client.post(f"{call}/new_candidate", {"candidate": "candidate:1", "mid": "0", "ufrag": "u"}, token=token)
    acked = await client.post(f"{call}/ack", token=token)
    updated = await client.post(f"{call}/update", {"sdp": "again"}, token=token)
    ended = await client.post(f"{call}/disconnect", {}, token=token)

    media = made[-1]
    await asyncio.wait_for(media.closed.wait(), 5)
    assert (answer["sdp"], candidate, acked) == ("answer to offer", (200, None), (200, True))
    assert (updated, ended) == ((200, "answer to again"), (200, None))
    name = answer["call_uuid"]
    assert media.done == [("open", name), ("candidate", name, "candidate:1", "0", "u"), ("start", name), ("close", name)]
    assert [len(plan.seats) for plan in media.plans] == [1, 0]


@pytest.mark.parametrize(("sdp", "expected"), [("bad", 400), ("broken", 503)])
async def test_a_refused_offer_is_plain_text(client: Client, sdp: str, expected: int) -> None:
    token, uuid = await client.join()

    status, kind, body = await client.ask("POST", f"{MEET}/participants/{uuid}/calls", json={"sdp": sdp}, headers={"token": token})

    assert (status, kind.split(";")[0]) == (expected, "text/plain")
    assert body


async def test_a_node_without_media_refuses_calls_and_does_all_else() -> None:
    async with Node(Vmr("meet"), media=NoMedia) as node, aiohttp.ClientSession() as session:
        client = Client(node, session)
        token, uuid = await client.join()

        status, _, body = await client.ask("POST", f"{MEET}/participants/{uuid}/calls", json={"sdp": "v=0"}, headers={"token": token})

    assert (status, body) == (503, b"This node carries no media")


async def test_voice_and_lost_calls_reach_the_streams(client: Client) -> None:
    token, uuid = await client.join()
    path = f"{MEET}/participants/{uuid}/calls"
    _, answer = await client.post(path, {"sdp": "offer"}, token=token)
    await client.post(f"{path}/{answer['call_uuid']}/ack", token=token)
    async with client.events(token) as events:
        await events.until("stage")

        made[-1].on_voice(client.node.room("meet").uuid, uuid, True)
        made[-1].on_lost(answer["call_uuid"], "Ice failure")

        assert await events.next() == ("stage", [{"participant_uuid": uuid, "stage_index": 0, "vad": 100}])
        assert await events.next() == ("call_disconnected", {"call_uuid": answer["call_uuid"], "reason": "Ice failure"})


async def test_what_was_heard_is_listed_in_order(client: Client) -> None:
    token, uuid = await client.join()
    await client.post(f"{MEET}/lock", token=token)
    await client.post(f"{MEET}/unlock", token=token)

    heard = list(client.node.heard)

    assert [type(one.request) for one in heard] == [requests.RequestToken, requests.Lock, requests.Unlock]
    assert [one.participant for one in heard] == [None, uuid, uuid]
    assert requests.Lock() in client.node.heard
    assert requests.StartConference() not in client.node.heard
    assert client.node.heard.of(requests.Unlock) == [requests.Unlock()]


async def test_tokens_and_pins_are_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    async with served(Vmr("meet", host_pin="987654")) as client:
        token, _ = await client.join(pin="987654")
        async with client.events(token) as events:
            await events.until("stage")
        await client.ask("POST", f"{MEET}/fly?token={token}")

    assert token not in caplog.text
    assert "987654" not in caplog.text


PATHS = st.one_of(
    st.just(f"{MEET}/request_token"),
    st.lists(st.sampled_from(["conferences", "meet", "events", "status", "%ff", "%", "..", "theme", "participants", "calls", "lock"])).map(
        lambda parts: f"{API}/{'/'.join(parts)}"
    ),
)
HEADERS = st.dictionaries(st.sampled_from(["token", "pin", "user-agent", "content-type"]), st.binary(max_size=10))


BODIES = st.one_of(st.binary(max_size=30), st.just(b'{"display_name":"A"}'))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["GET", "POST", "PUT", "OPTIONS"]), PATHS, HEADERS, st.one_of(st.binary(max_size=30), st.just(b'{"display_name":"A"}'))
)
async def test_whatever_arrives_the_node_does_not_fail(
    client: Client, method: str, path: str, headers: dict[str, bytes], body: bytes
) -> None:
    host, port = client.node.url.removeprefix("http://").split(":")
    lines = [f"{method} {path} HTTP/1.1", "Host: x", "Connection: close", f"Content-Length: {len(body)}"]
    extra = b"".join(name.encode() + b": " + value + b"\r\n" for name, value in headers.items())
    reader, writer = await asyncio.open_connection(host, int(port))

    writer.write("\r\n".join(lines).encode() + b"\r\n" + extra + b"\r\n" + body)
    status = (await reader.readline()).split()[1]
    writer.close()
    await writer.wait_closed()

    assert status < b"500"
