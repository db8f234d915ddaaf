from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

import pexrtc_py
from pexrtc_py import Conference, EndReason, Joining, Role, events, requests
from pexrtc_py.errors import (
    CallError,
    ConferenceNotFound,
    Disconnected,
    FloorRefused,
    InvalidTransition,
    LobbyTimeout,
    MediaLost,
    NodeUnreachable,
    NotAllowed,
    OutOfCapacity,
    PinIncorrect,
    PinRequired,
    RequestRefused,
    UsageError,
)
from pexrtc_py.node.config import NodeConfig, Vmr
from pexrtc_py.node.server import Node, NoMedia
from pexrtc_py.signaling.floor import FloorState
from tests.relay import Relay

ROOMS = (
    Vmr("meet.alice", host_pin="1234"),
    Vmr("open"),
    Vmr("both", host_pin="1", guest_pin="2"),
    Vmr("full", participant_limit=1),
    Vmr("stage", host_pin="1", guests_can_present=False),
)
SOON = 5.0


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    async with Node(*ROOMS, media=NoMedia) as node:
        yield node


def _join(node: Node, alias: str = "open", name: str = "Alice", **options: Any) -> Joining:
    return pexrtc_py.join(alias, node=node.url, display_name=name, media=False, **options)


def _names(conference: Conference) -> set[str]:
    return {person.display_name for person in conference.participants.values()}


# --- joining -------------------------------------------------------------------------------------------------------------------


async def test_whoever_joins_knows_at_once_who_is_there(node: Node) -> None:
    async with _join(node, name="Alice") as alice, _join(node, name="Bob") as bob:
        assert _names(bob) == {"Alice", "Bob"}
        assert (bob.me.display_name, bob.role, bob.me.uuid) == ("Bob", Role.HOST, bob.my_uuid)
        assert alice.ended is None
        assert not alice.status.locked


async def test_the_pin_makes_the_role(node: Node) -> None:
    async with _join(node, "both", pin="1") as host, _join(node, "both", pin="2") as guest:
        assert (host.role, guest.role) == (Role.HOST, Role.GUEST)


@pytest.mark.parametrize("how", [{"pin": "none"}, {"role": Role.GUEST}])
async def test_guests_enter_without_pin_where_they_may(node: Node, how: dict[str, Any]) -> None:
    async with _join(node, "meet.alice", **how) as guest:
        assert guest.role is Role.GUEST


@pytest.mark.parametrize(
    ("alias", "options", "error"),
    [
        ("meet.alice", {}, PinRequired),
        ("meet.alice", {"pin": "9999"}, PinIncorrect),
        ("both", {"role": Role.GUEST}, PinRequired),
        ("nowhere", {}, ConferenceNotFound),
        ("open", {"token": "made up"}, RequestRefused),
    ],
)
async def test_a_refused_join_says_why(node: Node, alias: str, options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        async with _join(node, alias, **options):
            pass

    assert not node.heard.of(requests.ReleaseToken)


async def test_a_full_conference_is_full(node: Node) -> None:
    async with _join(node, "full"):
        with pytest.raises(OutOfCapacity):
            await _join(node, "full")


async def test_joining_can_be_awaited_too(node: Node) -> None:
    conference = await _join(node)

    await conference.leave()

    assert requests.ReleaseToken(reason="User initiated disconnect") in node.heard


async def test_joining_over_tls_with_the_node_s_certificate() -> None:
    async with (
        Node(*ROOMS, media=NoMedia, tls=True) as node,
        _join(node, ca_file=node.ca_file) as trusting,
        _join(node, insecure=True) as careless,
    ):
        assert len(trusting.participants) + len(careless.participants) >= 3


@pytest.mark.parametrize("address", ["", "meet.alice", "meet.alice@"])
async def test_an_address_must_say_where(address: str) -> None:
    with pytest.raises(UsageError):
        pexrtc_py.join(address)


async def test_the_domain_of_an_address_is_the_node() -> None:
    with pytest.raises(NodeUnreachable, match=r"domain\.invalid"):
        await pexrtc_py.join("meet@domain.invalid", media=False)


async def test_joining_takes_its_time_limit(silent: str) -> None:
    with pytest.raises(NodeUnreachable, match=r"0\.1 s"):
        await pexrtc_py.join("open", node=silent, media=False, timeout=0.1)


@pytest.fixture
async def silent() -> AsyncIterator[str]:
    """An address where somebody listens and says nothing."""
    over = asyncio.Event()

    async def nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    server = await asyncio.start_server(nothing, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    over.set()
    server.close()


async def test_a_call_that_the_node_refuses_leaves_nobody_behind(node: Node) -> None:
    with pytest.raises((CallError, RequestRefused)):
        await pexrtc_py.join("open", node=node.url, display_name="Alice")

    assert not node.room("open").members


async def test_a_join_cancelled_while_the_token_is_granted_gives_it_back(node: Node) -> None:
    joining = asyncio.create_task(_as_coroutine(_join(node)))
    while not node.heard.of(requests.RequestToken):  # noqa: ASYNC110  # the node has no event for it
        await asyncio.sleep(0)

    joining.cancel()
    with pytest.raises(asyncio.CancelledError):
        await joining

    assert not node.room("open").members


async def _as_coroutine(joining: Joining) -> Conference:
    return await joining


# --- the waiting room ----------------------------------------------------------------------------------------------------------


async def test_the_waiting_room_is_a_state_that_a_host_ends(node: Node) -> None:
    async with _join(node, "meet.alice", pin="1234") as host, _join(node, "meet.alice", "Bob", role=Role.GUEST) as guest:
        assert guest.in_lobby
        admitted = asyncio.create_task(guest.admitted(timeout=SOON))
        await host.participant(guest.my_uuid).unlock()
        await admitted

        assert not guest.in_lobby
        assert _names(guest) == {"Alice", "Bob"}


async def test_waiting_to_be_admitted_has_its_time_limit(node: Node) -> None:
    with pytest.raises(LobbyTimeout):
        await _join(node, "meet.alice", role=Role.GUEST, lobby_timeout=0.05)

    assert not node.room("meet.alice").members


# --- requests and events -------------------------------------------------------------------------------------------------------


async def test_the_state_is_there_before_the_callback(node: Node) -> None:
    seen = []
    async with _join(node) as alice:

        @alice.on(events.ConferenceUpdate)
        def note(event: events.ConferenceUpdate) -> None:
            seen.append((event.status.locked, alice.status.locked))

        waiting = alice.wait_for(events.ConferenceUpdate, where=lambda event: event.status.locked, timeout=SOON)
        assert await alice.lock() is True
        await waiting

    assert (True, True) in seen
    assert all(told == known for told, known in seen)


async def test_coming_talking_and_going_are_heard(node: Node) -> None:
    async with _join(node) as alice:
        heard = alice.events()
        saying = alice.wait_for(events.MessageReceived, timeout=SOON)
        going = alice.wait_for(events.ParticipantDelete, timeout=SOON)
        async with _join(node, name="Bob") as bob:
            await bob.message(payload="hello")
            said = await saying
        await going

    kinds = [type(event) async for event in heard]
    assert (said.payload, said.origin) == ("hello", "Bob")
    assert (kinds[0], kinds[-1]) == (pexrtc_py.RosterSnapshot, pexrtc_py.Ended)
    order = [kinds.index(kind) for kind in (events.ParticipantCreate, events.MessageReceived, events.ParticipantDelete)]
    assert order == sorted(order)


async def test_participants_and_sent_requests_are_handled_by_the_same_handle(node: Node) -> None:
    async with _join(node) as alice, _join(node, name="Bob") as bob:
        muted = alice.wait_for(events.ParticipantUpdate, where=lambda event: event.participant.is_muted, timeout=SOON)
        await alice.participant(bob.my_uuid).mute()

        assert (await muted).participant.uuid == bob.my_uuid
        assert alice.participants[bob.my_uuid].is_muted
        people = await alice.send(requests.Participants())
        assert {person.uuid for person in people} == {alice.my_uuid, bob.my_uuid}


async def test_a_refused_request_is_its_caller_s_business_alone(node: Node) -> None:
    async with _join(node, "meet.alice", role=Role.GUEST) as guest:
        with pytest.raises(NotAllowed) as refused:
            await guest.lock()

        assert refused.value.request == requests.Lock()
        assert guest.ended is None
        assert await guest.get_participants()


# --- leaving and ending --------------------------------------------------------------------------------------------------------


async def test_leaving_the_block_gives_the_token_back_and_ends_every_iteration(node: Node) -> None:
    async with _join(node) as alice:
        everything = alice.events()

    assert not node.room("open").members
    *_, last = [event async for event in everything]
    assert last == alice.ended == pexrtc_py.Ended(reason=EndReason.LEFT, detail="User initiated disconnect")


async def test_an_exception_in_the_block_leaves_too(node: Node) -> None:
    with pytest.raises(ZeroDivisionError):
        async with _join(node):
            raise ZeroDivisionError

    assert not node.room("open").members


async def test_a_cancelled_block_leaves_even_when_it_is_cancelled_twice(node: Node) -> None:
    inside = asyncio.Event()

    async def work() -> None:
        async with _join(node):
            inside.set()
            await asyncio.Event().wait()

    working = asyncio.create_task(work())
    await inside.wait()
    working.cancel()
    await asyncio.sleep(0)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working

    assert not node.room("open").members


async def test_leaving_says_why_and_leaving_again_does_nothing(node: Node) -> None:
    async with _join(node) as alice:
        await alice.leave("Coffee")
        await alice.leave("Tea")

        with pytest.raises(Disconnected):
            await alice.lock()

    assert [release.reason for release in node.heard.of(requests.ReleaseToken)] == ["Coffee"]


async def test_the_last_callbacks_are_waited_for(node: Node) -> None:
    done = []
    async with _join(node) as alice:

        @alice.on(pexrtc_py.Ended)
        async def note(event: pexrtc_py.Ended) -> None:
            await asyncio.sleep(0.01)
            done.append(event.reason)

    assert done == [EndReason.LEFT]


async def test_a_callback_may_leave(node: Node) -> None:
    async with _join(node) as alice:

        @alice.on(events.MessageReceived)
        async def go(_: events.MessageReceived) -> None:
            await alice.leave("told to")

        async with _join(node, name="Bob") as bob:
            await bob.message(payload="go")
            ended = await alice.wait_for(pexrtc_py.Ended, timeout=SOON)

    assert (ended.reason, ended.detail) == (EndReason.LEFT, "told to")


async def test_being_removed_ends_with_the_node_s_reason(node: Node) -> None:
    async with _join(node) as alice, _join(node, name="Bob") as bob:
        everything = bob.events()
        waiting = bob.wait_for(events.MessageReceived)

        await alice.participant(bob.my_uuid).disconnect()

        *_, told, last = [event async for event in everything]
        assert isinstance(told, events.Disconnect)
        assert isinstance(last, pexrtc_py.Ended)
        assert (last.reason, last.detail) == (EndReason.REMOVED, told.reason)
        with pytest.raises(Disconnected, match="removed"):
            await waiting


async def test_the_end_for_everybody_is_told_apart(node: Node) -> None:
    async with _join(node) as alice, _join(node, name="Bob") as bob:
        ends = [one.wait_for(pexrtc_py.Ended, timeout=SOON) for one in (alice, bob)]
        await alice.disconnect_all()

        assert {(await end).reason for end in ends} == {EndReason.CONFERENCE_ENDED}


# --- the token -----------------------------------------------------------------------------------------------------------------


async def test_a_conference_outlives_its_first_token() -> None:
    async with Node(*ROOMS, media=NoMedia, config=NodeConfig(token_seconds=1)) as node, _join(node) as alice:
        while len(node.heard.of(requests.RefreshToken)) < 4:  # noqa: ASYNC110  # the node has no event for it
            await asyncio.sleep(0.02)

        assert alice.ended is None
        assert await alice.lock()


async def test_a_token_that_is_dead_ends_the_conference(node: Node) -> None:
    async with _join(node) as alice:

        @node.answers(requests.RefreshToken)
        def refuse(asked: Any, request: Any) -> Any:
            from pexrtc_py.node.admission import Refused

            raise Refused(403, "Invalid token")

        alice.session.hurry()
        ended = await alice.wait_for(pexrtc_py.Ended, timeout=SOON)

    assert ended.reason is EndReason.TOKEN_LOST


# --- broken connections --------------------------------------------------------------------------------------------------------


async def test_after_a_cut_the_roster_is_right_again_and_says_what_was_missed(node: Node) -> None:
    async with (
        Relay(node.url) as relay,
        _join(node, name="Bob") as bob,
        pexrtc_py.join("open", node=relay.url, display_name="Alice", media=False) as alice,
    ):
        changes = alice.events()
        relay.works = False
        relay.cut()
        await alice.wait_for(pexrtc_py.Reconnecting, timeout=SOON)
        await bob.leave()
        async with _join(node, name="Carol") as carol:
            relay.works = True
            again = alice.wait_for(pexrtc_py.RosterSnapshot, timeout=SOON)
            await alice.wait_for(pexrtc_py.Reconnected, timeout=SOON)
            snapshot = await again

            assert _names(alice) == {"Alice", "Carol"}
            assert (snapshot.joined, snapshot.left) == (frozenset({carol.my_uuid}), frozenset({bob.my_uuid}))

    kinds = [type(event) async for event in changes]
    assert kinds.index(pexrtc_py.Reconnecting) < kinds.index(pexrtc_py.Reconnected)
    assert kinds[-1] is pexrtc_py.Ended


async def test_a_node_that_stays_away_is_lost() -> None:
    async with (
        Node(*ROOMS, media=NoMedia, config=NodeConfig(token_seconds=1)) as node,
        Relay(node.url) as relay,
        pexrtc_py.join("open", node=relay.url, media=False) as alice,
    ):
        relay.works = False
        relay.cut()
        ended = await alice.wait_for(pexrtc_py.Ended, timeout=SOON)

    assert ended.reason is EndReason.NODE_LOST


# --- presenting ----------------------------------------------------------------------------------------------------------------


async def test_a_stolen_floor_is_told_to_its_loser(node: Node) -> None:
    async with _join(node) as alice, _join(node, name="Bob") as bob:
        await alice.participant(alice.my_uuid).take_floor()
        assert [alice.floor.state] == [FloorState.HELD]
        losing = alice.wait_for(pexrtc_py.PresentationLost, timeout=SOON)

        await bob.ask_as_me(requests.TakeFloor())

        lost = await losing
        assert lost.by is not None
        assert lost.by.presenter_uuid == bob.my_uuid
        assert alice.floor.state is FloorState.TAKEN
        await bob.ask_as_me(requests.ReleaseFloor())
        assert bob.floor.state is FloorState.FREE


async def test_a_guest_who_may_not_present_is_refused_and_the_floor_stays_as_it_was(node: Node) -> None:
    async with _join(node, "stage", pin="1") as host, _join(node, "stage", "Bob", role=Role.GUEST) as guest:
        await host.start_conference()
        await guest.admitted(timeout=SOON)

        with pytest.raises(FloorRefused):
            await guest.ask_as_me(requests.TakeFloor())

        assert guest.floor.state is FloorState.FREE


async def test_asking_for_the_floor_one_has_is_a_mistake(node: Node) -> None:
    async with _join(node) as alice:
        await alice.ask_as_me(requests.TakeFloor())

        with pytest.raises(InvalidTransition):
            await alice.ask_as_me(requests.TakeFloor())


async def test_without_media_there_is_nothing_to_present_or_record(node: Node) -> None:
    async with _join(node) as alice:
        with pytest.raises(UsageError, match="media=False"):
            alice.present(_no_source())
        with pytest.raises(UsageError, match="media=False"):
            await alice.record("x.mkv")


async def _no_source() -> AsyncIterator[Any]:
    return
    yield


# --- media ---------------------------------------------------------------------------------------------------------------------


async def test_a_call_is_part_of_the_conference_and_ends_with_it() -> None:
    async with Node(*ROOMS) as node:
        async with pexrtc_py.join("open", node=node.url, display_name="Alice") as alice:
            assert alice.call is not None
            if not alice.me.has_media:
                await alice.wait_for(object, where=lambda _: alice.me.has_media, timeout=SOON)

        assert node.heard.of(requests.CallDisconnect)
        assert not node.room("open").members


async def test_media_that_is_lost_for_good_ends_the_conference() -> None:
    async with Node(*ROOMS) as node, pexrtc_py.join("open", node=node.url) as alice:
        assert alice.call is not None
        assert alice.call.on_lost is not None
        error = MediaLost("no packets for a minute")

        alice.call.on_lost(error)

        assert await alice.wait_for(pexrtc_py.Ended) == pexrtc_py.Ended(reason=EndReason.MEDIA_LOST, detail=str(error), error=error)
        await alice.leave()
        assert not node.room("open").members


# --- nodes that say unusual things ---------------------------------------------------------------------------------------------


class OddNode:
    """Grants a token to everybody and says on the stream what it was given to say."""

    def __init__(self) -> None:
        self.said: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.heard: list[str] = []
        self.url = ""

    def say(self, name: str, data: Any = None) -> None:
        self.said.put_nowait((name, data))

    def list_nobody(self) -> OddNode:
        self.say("participant_sync_begin")
        self.say("participant_sync_end")
        return self

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        name = request.path.rpartition("/")[2]
        self.heard.append(name)
        if name == "events":
            return await self._stream(request)
        token = {"token": "t", "expires": "120", "participant_uuid": "me", "display_name": "Me", "role": "GUEST"}
        results = {"request_token": token, "participants": [{"uuid": "me"}, {"uuid": "bob"}], "conference_status": {"locked": True}}
        body = {"status": "success", "result": results.get(name, token if name == "refresh_token" else True)}
        return web.json_response(body)

    async def _stream(self, request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        while True:
            name, data = await self.said.get()
            if name == "hang up":
                return response
            await response.write(f"event: {name}\ndata: {json.dumps(data)}\n\n".encode())


@pytest.fixture
async def odd() -> AsyncIterator[OddNode]:
    node = OddNode()
    runner = web.ServerRunner(web.Server(node.answer), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    node.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield node
    await runner.cleanup()


def _join_odd(odd: OddNode) -> Joining:
    return pexrtc_py.join("meet", node=odd.url, media=False)


async def test_a_node_that_lists_nobody_is_asked(odd: OddNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pexrtc_py.conference.LISTING_SECONDS", 0.05)

    async with _join_odd(odd) as me:
        assert set(me.participants) == {"me", "bob"}
        assert me.status.locked


async def test_a_node_that_lists_nobody_after_a_gap_is_asked(odd: OddNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pexrtc_py.conference.LISTING_SECONDS", 0.05)

    async with _join_odd(odd.list_nobody()) as me:
        listing = me.wait_for(pexrtc_py.RosterSnapshot, timeout=SOON)
        odd.say("hang up")
        odd.say("presentation_stop", {})
        await listing

        assert set(me.participants) == {"me", "bob"}


async def test_an_unknown_event_is_passed_on_as_it_came(odd: OddNode) -> None:
    async with _join_odd(odd.list_nobody()) as me:
        waiting = me.wait_for(events.Unknown, timeout=SOON)
        odd.say("brand_new", {"a": 1})

        unknown = await waiting

    assert (unknown.name, unknown.data) == ("brand_new", {"a": 1})


async def test_a_transfer_is_told_and_left_to_the_user(odd: OddNode) -> None:
    async with _join_odd(odd.list_nobody()) as me:
        waiting = me.wait_for(events.Refer, timeout=SOON)
        odd.say("refer", {"alias": "elsewhere", "token": "once"})

        refer = await waiting
        assert (refer.alias, refer.token, me.ended) == ("elsewhere", "once", None)


async def test_the_node_may_ask_for_a_refresh(odd: OddNode) -> None:
    async with _join_odd(odd.list_nobody()) as me:
        odd.say("refresh_token")
        await me.wait_for(events.RefreshToken, timeout=SOON)
        while "refresh_token" not in odd.heard:  # noqa: ASYNC110  # the odd node has no event for it
            await asyncio.sleep(0.01)

        assert me.ended is None


async def test_breakout_rooms_have_their_own_rosters_and_are_silent_while_listed(odd: OddNode) -> None:
    def inside(name: str, data: Any = None) -> None:
        odd.say("breakout_event", {"breakout_uuid": "b1", "event": name, "data": data})

    async with _join_odd(odd.list_nobody()) as me:
        told = me.events(events.InBreakout)
        odd.say("breakout_begin", {"breakout_uuid": "b1", "participant_uuid": "me-there"})
        inside("participant_sync_begin")
        inside("participant_create", {"uuid": "carol"})
        inside("participant_sync_end")
        inside("participant_create", {"uuid": "dave"})
        inside_now = [(await anext(told)).event for _ in range(2)]

        assert [type(event) for event in inside_now] == [events.ParticipantSyncEnd, events.ParticipantCreate]
        assert set(me.breakouts["b1"].participants) == {"carol", "dave"}
        assert not me.participants
        assert await me.breakout("b1").lock()
        ending = me.wait_for(events.BreakoutEnd, timeout=SOON)
        odd.say("breakout_end", {"breakout_uuid": "b1"})
        await ending
        assert not me.breakouts


async def test_a_callback_that_fails_does_not_stop_the_stream(odd: OddNode, caplog: pytest.LogCaptureFixture) -> None:
    async with _join_odd(odd.list_nobody()) as me:

        @me.on(events.ParticipantCreate)
        def broken(event: events.ParticipantCreate) -> None:
            raise RuntimeError("a mistake of the user")

        waiting = me.wait_for(events.ParticipantDelete, timeout=SOON)
        odd.say("participant_create", {"uuid": "bob"})
        odd.say("participant_delete", {"uuid": "bob"})
        await waiting

    assert "a mistake of the user" in caplog.text


# --- public names --------------------------------------------------------------------------------------------------------------


def test_every_public_name_can_be_loaded_and_is_listed() -> None:
    for name in dir(pexrtc_py):
        assert getattr(pexrtc_py, name) is not None
    assert {"join", "Conference", "Call", "Node", "UsageError", "ParticipantCreate", "requests", "events"} <= set(dir(pexrtc_py))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing_of_ours"):
        _ = pexrtc_py.nothing_of_ours


def test_what_checkers_see_is_what_is_loaded() -> None:
    import ast
    import inspect

    tree = ast.parse(inspect.getsource(pexrtc_py))
    (guarded,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {(each.module, alias.name) for each in guarded.body if isinstance(each, ast.ImportFrom) for alias in each.names}
    homes = {(home, name) for name, home in pexrtc_py._HOME.items()}

    assert seen - homes == {("pexrtc_py.protocol", name) for name in ("events", "models", "requests")}
    assert homes <= seen
