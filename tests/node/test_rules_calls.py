from __future__ import annotations

from typing import Any

import pytest

from pexrtc_py.errors import CallError, ConferenceNotFound, NegotiationFailed, RequestRefused
from pexrtc_py.node.asked import Answered, Need, OpenCall, UpdateCall
from pexrtc_py.node.config import Vmr
from pexrtc_py.node.desk import Incoming
from pexrtc_py.node.inprocess import EVERYTHING, Attendee, InProcess
from pexrtc_py.node.outbox import CloseCall, StartCall, TakeCandidate
from pexrtc_py.node.plan import CallMedia
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.events import ParticipantUpdate


def alone(vmr: Vmr | None = None) -> tuple[InProcess, Attendee]:
    node = InProcess(vmr or Vmr("meet"))
    return node, node.join("Alice")


def line(who: Attendee) -> dict[str, Any]:
    found: dict[str, Any] = who.send(requests.Participants())[0]
    return found


def test_an_offer_is_answered_and_the_ack_starts_media() -> None:
    node, alice = alone()

    answer = alice.send(requests.Calls(sdp="offer", fecc_supported=True))
    before = line(alice)
    assert alice.send(requests.Ack(), call=answer["call_uuid"]) is True

    assert set(answer) == {"call_uuid", "sdp"}
    assert answer["sdp"] == "answer to offer"
    assert (before["has_media"], before["presentation_supported"], before["fecc_supported"]) == (False, "YES", "YES")
    after = line(alice)
    assert (after["has_media"], after["is_video_call"], after["is_audio_only_call"], after["encryption"]) == (True, "YES", "NO", "On")
    assert StartCall(answer["call_uuid"]) in node.orders
    assert [event.name for event in alice.told()] == ["participant_update", "participant_update", "layout", "stage"]


def test_a_call_without_video_is_audio_only() -> None:
    node, alice = alone()
    node.media = lambda _: Answered("answer", CallMedia(audio=True, video=False, presentation=False))

    answer = alice.send(requests.Calls(sdp="offer"))
    alice.send(requests.Ack(), call=answer["call_uuid"])

    assert (line(alice)["is_video_call"], line(alice)["is_audio_only_call"], line(alice)["presentation_supported"]) == ("NO", "YES", "NO")


def test_the_smaller_bandwidth_is_passed_on() -> None:
    node, alice = alone(Vmr("meet", bandwidth=2000))
    needs: list[Need] = []

    def listen(need: Need) -> Answered:
        needs.append(need)
        return Answered("answer", EVERYTHING)

    node.media = listen

    alice.send(requests.Calls(sdp="offer", bandwidth=512))
    alice.send(requests.Calls(sdp="offer"))
    alice.send(requests.Calls(sdp="offer", bandwidth=float("inf")))

    assert [need.bandwidth for need in needs if isinstance(need, OpenCall)] == [512, 2000, 2000]


@pytest.mark.parametrize(("error", "status"), [(NegotiationFailed("No common codec."), 400), (CallError("No media."), 503)])
def test_a_refused_offer_is_plain_text_and_leaves_no_call(error: Exception, status: int) -> None:
    node, alice = alone()
    node.media = lambda _: error

    reply = node.ask(requests.Calls(sdp="offer"), Address("meet", participant=alice.uuid), token=alice.token)

    assert (reply.status, reply.json, reply.text) == (status, None, str(error))
    assert not node.room().members[alice.uuid].calls
    assert any(isinstance(order, CloseCall) for order in node.orders)


@pytest.mark.parametrize(
    "request_", [requests.Calls(), requests.Calls(sdp=" "), requests.Calls(call_type="RTMP"), requests.Calls(call_type="x")]
)
def test_an_offer_without_sdp_or_of_another_kind_is_an_illegal_value(request_: requests.Calls) -> None:
    node, alice = alone()

    reply = node.ask(request_, Address("meet", participant=alice.uuid), token=alice.token)

    assert (reply.status, reply.json) == (400, None)


def test_the_kind_of_call_is_read_in_any_case() -> None:
    _, alice = alone()

    assert alice.send(requests.Calls(call_type="webrtc", sdp="offer"))["sdp"]


def test_one_participant_has_few_calls() -> None:
    _, alice = alone()
    for _ in range(4):
        alice.send(requests.Calls(sdp="offer"))

    with pytest.raises(RequestRefused, match="Out of resource"):
        alice.send(requests.Calls(sdp="offer"))


def test_a_participant_who_leaves_while_the_offer_is_answered_gets_no_call() -> None:
    node, alice = alone()

    def leave_meanwhile(need: Need) -> Answered:
        node.room().leave(node.room().members[alice.uuid], node.now)
        return Answered("answer", EVERYTHING)

    node.media = leave_meanwhile

    with pytest.raises(RequestRefused, match="Call disconnected"):
        alice.send(requests.Calls(sdp="offer"))

    assert sum(isinstance(order, CloseCall) for order in node.orders) == 2  # on leaving, and once it is answered


def test_a_request_given_up_leaves_no_call() -> None:
    node, alice = alone()
    flow = node.desk.answer(_calls(alice), node.now)
    next(flow)

    flow.close()

    assert not node.room().members[alice.uuid].calls


def _calls(alice: Attendee) -> Incoming:
    path = Address("meet", participant=alice.uuid).path("calls")
    return Incoming(method="POST", path=path, body={"sdp": "offer"}, token=alice.token)


def test_an_update_is_answered_with_a_bare_string() -> None:
    _, alice = alone()
    call = alice.send(requests.Calls(sdp="offer"))["call_uuid"]
    alice.send(requests.Ack(), call=call)
    alice.told()

    answer = alice.send(requests.Update(sdp="again"), call=call)

    assert answer == "answer to again"
    assert alice.told() == []
    assert alice.send(requests.Ack(), call=call) is True


def test_an_update_that_changes_the_media_is_told() -> None:
    node, alice = alone()
    call = alice.send(requests.Calls(sdp="offer"))["call_uuid"]
    alice.send(requests.Ack(), call=call)
    alice.told()
    node.media = lambda _: Answered("answer", CallMedia(audio=True, video=True, presentation=False))

    alice.send(requests.Update(sdp="again", fecc_supported=True), call=call)

    (update,) = alice.told()
    assert isinstance(update, ParticipantUpdate)
    assert (update.participant.presentation_supported, update.participant.fecc_supported) == (False, True)


def test_a_refused_update_leaves_the_call_as_it_was() -> None:
    node, alice = alone()
    call = alice.send(requests.Calls(sdp="offer"))["call_uuid"]
    alice.send(requests.Ack(), call=call)
    node.media = lambda need: NegotiationFailed("No.") if isinstance(need, UpdateCall) else Answered("", EVERYTHING)

    with pytest.raises(RequestRefused) as refused:
        alice.send(requests.Update(sdp="again"), call=call)

    assert refused.value.status == 400
    assert line(alice)["has_media"] is True
    node.media = lambda _: Answered("fine", EVERYTHING)
    assert alice.send(requests.Update(sdp="again"), call=call) == "fine"


def test_candidates_reach_the_media_part_before_the_ack_too() -> None:
    node, alice = alone()
    call = alice.send(requests.Calls(sdp="offer"))["call_uuid"]

    assert alice.send(requests.NewCandidate(candidate="candidate:1", mid="0", ufrag="u", pwd="p"), call=call) is None
    assert alice.send(requests.NewCandidate(candidate=""), call=call) is None

    assert [order for order in node.orders if isinstance(order, TakeCandidate)] == [
        TakeCandidate(call, "candidate:1", "0", "u"),
        TakeCandidate(call, "", None, None),
    ]


def test_a_call_ends_and_the_participant_stays() -> None:
    node, alice = alone()
    call = alice.send(requests.Calls(sdp="offer"))["call_uuid"]
    alice.send(requests.Ack(), call=call)
    alice.told()

    assert alice.send(requests.CallDisconnect(), call=call) is None

    assert CloseCall(call) in node.orders
    assert [event.name for event in alice.told()] == ["participant_update", "layout", "stage"]
    assert line(alice)["has_media"] is False
    with pytest.raises(ConferenceNotFound):
        alice.send(requests.Ack(), call=call)


def test_what_is_said_of_a_call_after_its_connection_was_closed_is_no_error() -> None:
    """A client in use closes its connection first, which ends the call, and disconnects it then."""
    node, alice = alone()
    call = alice.send(requests.Calls(sdp="offer"))["call_uuid"]
    alice.send(requests.Ack(), call=call)
    node.room().lost(call, "The other side closed the media connection.", node.now)
    orders = len(node.orders)

    assert alice.send(requests.NewCandidate(candidate="candidate:1", mid="0"), call=call) is None
    assert alice.send(requests.CallDisconnect(), call=call) is None

    assert node.orders[orders:] in ([], [CloseCall(call)])
    with pytest.raises(ConferenceNotFound):
        alice.send(requests.CallDisconnect(), call="another")


def test_a_guest_with_media_does_not_start_the_conference() -> None:
    node = InProcess(Vmr("meet", host_pin="1"))
    guest = node.join("Guest", pin="none")
    call = guest.send(requests.Calls(sdp="offer"))["call_uuid"]

    guest.send(requests.Ack(), call=call)

    assert not node.room().started
    assert [event.name for event in guest.told()] == ["participant_update", "participant_update"]


def test_a_presenter_whose_last_call_ends_presents_no_more() -> None:
    node, alice = alone()
    bob = node.join("Bob")
    call = alice.send(requests.Calls(sdp="offer"))["call_uuid"]
    alice.send(requests.TakeFloor())
    bob.told()

    alice.send(requests.CallDisconnect(), call=call)

    assert node.room().floor is None
    assert "presentation_stop" in [event.name for event in bob.told()]
