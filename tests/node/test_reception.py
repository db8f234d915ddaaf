from __future__ import annotations

from typing import Any

import pytest

from pexrtc_py.node.config import Vmr
from pexrtc_py.node.desk import Reply
from pexrtc_py.node.inprocess import Attendee, InProcess
from pexrtc_py.node.reading import parse_toml
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.events import Refer
from pexrtc_py.protocol.wire import failed, success

VERSION = {"version_id": "37", "pseudo_version": "79019.0.0"}
DESK = Vmr("desk", reception="standard")


def ask(node: InProcess, alias: str = "desk", **said: Any) -> Reply:
    return node.ask(requests.RequestToken(display_name="Vera", **said), Address(alias))


@pytest.mark.parametrize("kind", ["standard", "mssip"])
def test_a_reception_asks_for_the_extension(kind: Any) -> None:
    node = InProcess(Vmr("desk", reception=kind), Vmr("meet"))

    reply = ask(node)

    assert reply.status == 403
    assert reply.json == success({"conference_extension": "required", "conference_extension_type": kind, "version": VERSION})


def test_an_extension_leads_to_its_conference() -> None:
    node = InProcess(DESK, Vmr("meet", name="The room"))

    reply = ask(node, conference_extension="meet")

    assert (reply.status, reply.json["result"]["conference_name"]) == (200, "The room")
    (member,) = node.room("meet").members.values()
    assert (member.display_name, member.alias) == ("Vera", "desk")
    assert not node.room("desk").members


def test_whoever_came_by_a_reception_goes_on_under_its_alias() -> None:
    node = InProcess(DESK, Vmr("meet"))
    alice = node.join("Alice", "meet")
    granted = ask(node, conference_extension="meet").json["result"]
    vera = Attendee(node, "desk", granted["participant_uuid"], granted["token"])

    assert [line["display_name"] for line in vera.send(requests.Participants())] == ["Alice", "Vera"]
    assert vera.listen()
    assert vera.send(requests.RefreshToken())["token"]
    vera.send(requests.ParticipantDisconnect(), to=alice)
    vera.send(requests.ReleaseToken())
    assert not node.room("meet").members


def test_a_token_of_the_conference_behind_is_none_of_the_reception() -> None:
    node = InProcess(DESK, Vmr("meet"))
    alice = node.join("Alice", "meet")

    reply = node.ask(requests.Participants(), Address("desk"), token=alice.token)

    assert (reply.status, reply.json) == (403, failed("Invalid token"))


@pytest.mark.parametrize("extension", ["nobody", "desk", "other", "\n"])
def test_an_extension_of_no_conference_is_not_found(extension: str) -> None:
    node = InProcess(DESK, Vmr("other", reception="mssip"), Vmr("meet"))

    reply = ask(node, conference_extension=extension)

    assert (reply.status, reply.json) == (404, failed("Conference extension not found"))


def test_where_extensions_are_listed_no_others_are_known() -> None:
    node = InProcess(Vmr("desk", reception="standard", extensions={"1": "meet", "2": "gone"}), Vmr("meet"))

    assert ask(node, conference_extension="1").status == 200
    assert [ask(node, conference_extension=one).status for one in ("meet", "2")] == [404, 404]


def test_the_pin_of_the_conference_behind_is_asked_for_after_the_extension() -> None:
    node = InProcess(DESK, Vmr("meet", host_pin="1234"))

    assert "pin" in ask(node, conference_extension="meet").json["result"]
    assert ask(node, conference_extension="meet", pin="9").json == failed("Invalid PIN")
    assert ask(node, conference_extension="meet", pin="1234").json["result"]["role"] == "HOST"
    assert "conference_extension" in ask(node, pin="1234").json["result"]


def test_a_reception_is_configured_in_a_file() -> None:
    config = parse_toml('[[conference]]\nalias = "desk"\nreception = "standard"\n[conference.extensions]\n1 = "meet"')

    assert config.conferences == (Vmr("desk", reception="standard", extensions={"1": "meet"}),)


def through_the_desk(node: InProcess, **said: Any) -> Attendee:
    """Somebody in `meet` who has dialled the reception."""
    granted = ask(node, conference_extension="meet", **said).json["result"]
    vera = Attendee(node, "desk", granted["participant_uuid"], granted["token"])
    vera.listen()
    return vera


def test_whoever_came_by_a_reception_is_sent_to_a_breakout_room_under_an_alias_where_its_token_is_good() -> None:
    node = InProcess(DESK, Vmr("meet", aliases=("other",), host_pin="1"))
    host, vera = node.join("Host", "meet", pin="1"), through_the_desk(node, pin="none")
    host.send(requests.StartConference())
    vera.told()

    opened = host.send(requests.CreateBreakout(breakout_name="Red", participants={"main": (vera.uuid,)}))["breakout_uuid"]
    (refer,) = [event for event in vera.told() if isinstance(event, Refer)]

    assert refer.alias == "meet"
    node.join("Vera", refer.alias, token=refer.token)
    assert "Vera" in [member.display_name for member in node.room("meet").breakouts.rooms[opened].members.values()]


def test_whoever_dialled_another_alias_of_the_conference_is_sent_there_under_it() -> None:
    node = InProcess(Vmr("meet", aliases=("other",), host_pin="1"))
    host, guest = node.join("Host", "meet", pin="1"), node.join("Guest", "OTHER", pin="none")
    host.send(requests.StartConference())
    guest.told()

    host.send(requests.CreateBreakout(breakout_name="Red", participants={"main": (guest.uuid,)}))

    assert [event.alias for event in guest.told() if isinstance(event, Refer)] == ["OTHER"]


def test_whoever_came_by_a_reception_is_sent_from_direct_media_under_an_alias_where_its_token_is_good() -> None:
    node = InProcess(DESK, Vmr("meet", direct_media=True))
    vera = through_the_desk(node, direct_media=True)
    vera.send(requests.Calls(sdp="offer"))
    third = node.join("Third", "meet")
    vera.told()

    call = third.send(requests.Calls(sdp="offer"))["call_uuid"]
    third.send(requests.Ack(), call=call)

    (refer,) = [event for event in vera.told() if isinstance(event, Refer)]
    assert refer.alias == "meet"
    node.join("Vera", refer.alias, token=refer.token)
