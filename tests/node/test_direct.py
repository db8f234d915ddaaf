"""Direct media on the node: what is passed on, who waits, who is answered with nothing, and the change to media through the node."""

from __future__ import annotations

from typing import Any

import pytest

from pexrtc_py.errors import RequestRefused
from pexrtc_py.node.config import NodeConfig, Vmr
from pexrtc_py.node.inprocess import Attendee, InProcess
from pexrtc_py.node.invitations import SECONDS
from pexrtc_py.protocol import events, requests
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.declare import Event
from pexrtc_py.protocol.models import CallType, DialProtocol, ReferTarget, SplashKey, StreamStatistics
from pexrtc_py.protocol.requests import Ack, CallDisconnect, Calls, NewCandidate, Update

WELCOME = events.SplashScreen(screen_key=SplashKey.WELCOME)
NO_SPLASH = events.SplashScreen()


def sdp(name: str, video: str = "sendrecv") -> str:
    """A description whose ICE user name is `name`."""
    return f"v=0\r\nm=audio 9 X\r\na=ice-ufrag:{name}\r\nm=video 9 X\r\na={video}\r\nm=video 9 X\r\na=content:slides\r\na=inactive\r\n"


class Person:
    """Somebody in direct media: an attendee and its call."""

    def __init__(self, node: InProcess, name: str, **more: Any) -> None:
        self.who: Attendee = node.join(name, direct_media=True, **more)
        self.name, self.call = name, ""

    def offers(self, offer: str | None = None) -> dict[str, Any]:
        """Place a call that is answered at once."""
        result: dict[str, Any] = self.who.send(Calls(sdp=offer or sdp(self.name)))
        self.call = result["call_uuid"]
        return result

    def ask(self, request: Any) -> Any:
        return self.who.send(request, call=self.call)

    def heard(self, *kinds: type[Event]) -> list[Event]:
        """What it was told of direct media, or of these kinds."""
        wanted = kinds or (events.NewOffer, events.UpdateSdp, events.NewCandidate, events.PeerDisconnect, events.SplashScreen, events.Refer)
        return [event for event in self.who.told() if isinstance(event, wanted)]


@pytest.fixture
def node() -> InProcess:
    return InProcess(Vmr("meet", direct_media=True))


def met(node: InProcess) -> tuple[Person, Person]:
    """Anne came first, Bill's offer was answered by her; both are connected."""
    anne, bill = Person(node, "anne"), Person(node, "bill")
    anne.offers()
    placing = bill.who.begin(Calls(sdp=sdp("bill")))
    anne.ask(Ack(sdp=sdp("anne2")))
    bill.call = placing.result["call_uuid"]
    bill.ask(Ack())
    for person in (anne, bill):
        person.who.told()
    return anne, bill


def test_whoever_is_first_is_answered_with_nothing_and_shown_a_screen(node: InProcess) -> None:
    anne = Person(node, "anne")

    answer = anne.offers()

    assert answer == {"call_uuid": anne.call, "sdp": "", "offer_ignored": True}
    assert anne.heard() == [WELCOME]


def test_the_second_is_answered_by_the_first_word_for_word(node: InProcess) -> None:
    anne, bill = Person(node, "anne"), Person(node, "bill")
    anne.offers()
    anne.who.told()

    placing = bill.who.begin(Calls(sdp=sdp("bill")))
    before, offered = placing.done, anne.heard()
    assert anne.ask(Ack(sdp=sdp("anne2"))) is True
    answer = placing.result
    bill.call = answer["call_uuid"]
    assert bill.ask(Ack()) is True

    assert not before
    assert offered == [events.NewOffer(sdp=sdp("bill"))]
    assert answer == {"call_uuid": bill.call, "sdp": sdp("anne2")}
    assert anne.heard() == [NO_SPLASH]
    assert bill.heard() == []
    lines = anne.who.send(requests.Participants())
    assert [(line["has_media"], line["is_video_call"], line["presentation_supported"]) for line in lines] == [(True, "YES", "YES")] * 2


def test_the_token_says_that_media_are_direct() -> None:
    node = InProcess(config=NodeConfig(conferences=(Vmr("meet", direct_media=True), Vmr("other")), statistics_milliseconds=250))
    tokens = [
        node.ask(requests.RequestToken(display_name="x", direct_media=capable), Address(alias)).json["result"]
        for alias, capable in (("meet", True), ("meet", False), ("other", True))
    ]

    told = [(token["direct_media"], token.get("pex_datachannel_id"), token.get("client_stats_update_interval")) for token in tokens]

    assert told == [(True, 3, 250.0), (False, None, None), (False, None, None)]


def test_the_conference_says_so_too(node: InProcess) -> None:
    anne, _ = met(node)

    assert anne.who.send(requests.GetConferenceStatus())["direct_media"] is True


def test_a_first_that_is_silent_is_taken_for_gone_and_asked_to_begin_anew(node: InProcess) -> None:
    anne, bill = Person(node, "anne"), Person(node, "bill")
    anne.offers()
    anne.who.told()
    placing = bill.who.begin(Calls(sdp=sdp("bill")))

    node.wait(3.9)
    early = placing.done
    node.wait(0.2)
    bill.call = placing.result["call_uuid"]
    told = anne.heard()
    late = anne.ask(Ack(sdp="too late"))
    again = anne.who.begin(Calls(sdp=sdp("anne3")))
    bill.ask(Ack(sdp=sdp("bill2")))

    assert not early
    assert placing.result["offer_ignored"] is True
    assert bill.heard() == [WELCOME, events.NewOffer(sdp=sdp("anne3"))]
    assert told == [events.NewOffer(sdp=sdp("bill")), events.PeerDisconnect()]
    assert late is True
    assert again.result["sdp"] == sdp("bill2")


def test_candidates_go_to_the_other_side_as_they_are(node: InProcess) -> None:
    anne, bill = met(node)
    hers = NewCandidate(candidate="candidate:1", mid="0", ufrag="anne2", pwd="secret")

    assert anne.ask(hers) is None
    bill.ask(NewCandidate(candidate="candidate:2", mid="0"))
    bill.ask(NewCandidate(candidate="", mid="0"))

    assert bill.heard() == [events.NewCandidate(candidate="candidate:1", mid="0", ufrag="anne2", pwd="secret")]
    assert anne.heard() == [events.NewCandidate(candidate="candidate:2", mid="0"), events.NewCandidate(candidate="", mid="0")]


def test_candidates_wait_for_the_description_they_belong_to(node: InProcess) -> None:
    anne, bill = Person(node, "anne"), Person(node, "bill")
    anne.offers()
    anne.ask(NewCandidate(candidate="of her first offer", ufrag="anne"))
    anne.ask(NewCandidate(candidate="", mid="0"))
    anne.ask(NewCandidate(candidate="of her answer", ufrag="anne2"))
    placing = bill.who.begin(Calls(sdp=sdp("bill")))
    before = bill.heard(events.NewCandidate)

    anne.ask(Ack(sdp=sdp("anne2")))
    bill.call = placing.result["call_uuid"]
    bill.ask(NewCandidate(candidate="his", ufrag="bill"))

    assert before == []
    assert bill.heard(events.NewCandidate) == [events.NewCandidate(candidate="of her answer", ufrag="anne2")]
    assert anne.heard(events.NewCandidate) == [events.NewCandidate(candidate="his", ufrag="bill")]


def test_no_more_candidates_are_held_than_a_client_has(node: InProcess) -> None:
    anne, bill = met(node)

    for number in range(1000):
        anne.ask(NewCandidate(candidate=f"candidate:{number}", ufrag="anne3"))
    updating = anne.who.begin(Update(sdp=sdp("anne3")), call=anne.call)
    bill.ask(Ack(sdp=sdp("bill2")))

    assert updating.result["sdp"] == sdp("bill2")
    assert len(bill.heard(events.NewCandidate)) == 64


@pytest.mark.parametrize("number", [0, 1])
def test_either_side_may_offer_again(node: InProcess, number: int) -> None:
    people = met(node)
    asking, asked = people[number], people[1 - number]

    updating = asking.who.begin(Update(sdp=sdp("new")), call=asking.call)
    heard = asked.heard()
    asked.ask(Ack(sdp=sdp("answer")))
    asking.ask(Ack())

    assert heard == [events.UpdateSdp(sdp=sdp("new"))]
    assert updating.result == {"call_uuid": asking.call, "sdp": sdp("answer")}
    assert asked.heard() == asking.heard() == []


def test_crossing_offers_end_with_that_of_the_impolite(node: InProcess) -> None:
    anne, bill = met(node)

    hers = anne.who.begin(Update(sdp=sdp("hers")), call=anne.call)
    his = bill.who.begin(Update(sdp=sdp("his")), call=bill.call)
    bill.ask(Ack(sdp="offer_ignored", offer_ignored=True))
    anne.ask(Ack(sdp=sdp("anne3")))
    bill.ask(Ack())

    assert hers.result == {"call_uuid": anne.call, "sdp": "", "offer_ignored": True}
    assert his.result == {"call_uuid": bill.call, "sdp": sdp("anne3")}


@pytest.mark.parametrize("refusal", [{"sdp": ""}, {"sdp": "", "offer_ignored": True}, {"sdp": "offer_ignored", "offer_ignored": True}])
def test_an_offer_that_cannot_be_used_is_answered_with_nothing(node: InProcess, refusal: dict[str, Any]) -> None:
    anne, bill = met(node)

    updating = anne.who.begin(Update(sdp=sdp("hers")), call=anne.call)
    bill.ask(Ack(**refusal))

    assert updating.result == {"call_uuid": anne.call, "sdp": "", "offer_ignored": True}


def test_of_two_offers_in_a_row_each_answer_belongs_to_its_own(node: InProcess) -> None:
    anne, bill = met(node)

    given_up = anne.who.begin(Update(sdp=sdp("one")), call=anne.call)
    updating = anne.who.begin(Update(sdp=sdp("two")), call=anne.call)
    bill.ask(Ack(sdp=sdp("to one")))
    between = updating.done
    bill.ask(Ack(sdp=sdp("to two")))

    assert given_up.result["offer_ignored"] is True
    assert not between
    assert updating.result["sdp"] == sdp("to two")


@pytest.mark.parametrize("leaving", [requests.ReleaseToken(), None])
def test_when_one_is_gone_the_other_is_told_and_waits_for_the_next(node: InProcess, leaving: Any) -> None:
    anne, bill = met(node)

    if leaving is None:
        bill.ask(CallDisconnect())
        bill.who.send(requests.ReleaseToken())
    else:
        bill.who.send(leaving)
    told, line = anne.heard(), anne.who.send(requests.Participants())[0]
    carl = Person(node, "carl")
    carl.offers()  # nobody waits for it: hers belonged to Bill
    again = anne.who.begin(Calls(sdp=sdp("anne4")))
    carl.ask(Ack(sdp=sdp("carl2")))

    assert told == [events.PeerDisconnect(), WELCOME]
    assert line["has_media"] is False
    assert again.result["sdp"] == sdp("carl2")
    assert events.NewOffer(sdp=sdp("anne4")) in carl.heard()


def test_an_update_without_a_partner_counts_as_a_first_offer(node: InProcess) -> None:
    anne, bill = met(node)
    bill.who.send(requests.ReleaseToken())

    answer = anne.ask(Update(sdp=sdp("anne4")))
    carl = Person(node, "carl")
    placing = carl.who.begin(Calls(sdp=sdp("carl")))
    anne.ask(Ack(sdp=sdp("anne5")))

    assert answer == {"call_uuid": anne.call, "sdp": "", "offer_ignored": True}
    assert placing.result["sdp"] == sdp("anne5")


def test_when_the_first_leaves_while_it_is_waited_for_the_second_is_answered(node: InProcess) -> None:
    anne, bill = Person(node, "anne"), Person(node, "bill")
    anne.offers()
    placing = bill.who.begin(Calls(sdp=sdp("bill")))

    anne.who.send(requests.ReleaseToken())

    assert placing.result["offer_ignored"] is True
    assert bill.heard() == [WELCOME]


def test_when_the_second_leaves_while_it_waits_nothing_is_left_of_it(node: InProcess) -> None:
    anne, bill = Person(node, "anne"), Person(node, "bill")
    anne.offers()
    placing = bill.who.begin(Calls(sdp=sdp("bill")))

    bill.who.send(requests.ReleaseToken())
    with pytest.raises(RequestRefused, match="Call disconnected"):
        _ = placing.result

    assert list(node.room().relay.legs) == [anne.call]
    assert events.PeerDisconnect() in anne.heard()


def test_when_the_connection_breaks_while_one_waits_nothing_is_left_of_its_call(node: InProcess) -> None:
    anne, bill = Person(node, "anne"), Person(node, "bill")
    anne.offers()
    placing = bill.who.begin(Calls(sdp=sdp("bill")))

    placing.give_up()
    node.settle()

    assert list(node.room().relay.legs) == [anne.call]
    assert [member.calls for member in node.room().members.values() if member.uuid == bill.who.uuid] == [{}]


def test_who_calls_again_has_begun_anew(node: InProcess) -> None:
    anne, bill = met(node)
    before = anne.call

    anne.offers()

    assert list(node.room().relay.legs) == [bill.call, anne.call]
    assert anne.call != before
    assert bill.heard() == [events.PeerDisconnect(), WELCOME]


def test_a_guest_in_the_waiting_room_is_shown_that_and_meets_the_host() -> None:
    node = InProcess(Vmr("meet", host_pin="1234", direct_media=True))
    guest, host = Person(node, "guest", pin="none"), Person(node, "host", pin="1234")
    guest.offers()
    waiting = guest.heard()

    placing = host.who.begin(Calls(sdp=sdp("host")))
    told = guest.heard()
    guest.ask(Ack(sdp=sdp("guest2")))

    assert waiting == [events.SplashScreen(screen_key=SplashKey.WAITING_FOR_HOST)]
    assert told[-1] == events.NewOffer(sdp=sdp("host"))
    assert placing.result["sdp"] == sdp("guest2")


def test_two_that_both_wait_are_brought_together_by_beginning_one_anew() -> None:
    node = InProcess(Vmr("meet", host_pin="1234", direct_media=True))
    host = Person(node, "host", pin="1234")
    host.offers()
    host.who.send(requests.Lock())
    guest = Person(node, "guest", pin="none")
    guest.offers()
    guest.who.told()

    host.who.send(requests.ParticipantUnlock(), to=guest.who)
    told = guest.heard()
    again = guest.who.begin(Calls(sdp=sdp("guest2")))
    host.ask(Ack(sdp=sdp("host2")))

    assert told[-2:] == [WELCOME, events.PeerDisconnect()]
    assert again.result["sdp"] == sdp("host2")


def test_who_sends_no_picture_is_announced_by_a_screen(node: InProcess) -> None:
    anne, bill = Person(node, "anne"), Person(node, "bill")
    anne.offers()
    placing = bill.who.begin(Calls(sdp=sdp("bill")))
    anne.ask(Ack(sdp=sdp("anne2", video="recvonly")))
    bill.call = placing.result["call_uuid"]

    bill.ask(Ack())

    assert bill.heard() == [events.SplashScreen(screen_key=SplashKey.AUDIO_ONLY)]
    assert anne.heard()[-1] == NO_SPLASH


def test_a_new_event_stream_begins_with_the_screen_and_the_offer_that_waits(node: InProcess) -> None:
    anne, bill = Person(node, "anne"), Person(node, "bill")
    anne.offers()
    bill.who.begin(Calls(sdp=sdp("bill")))

    assert anne.who.listen()[-2:] == [WELCOME, events.NewOffer(sdp=sdp("bill"))]


def test_no_media_of_the_node_are_used(node: InProcess) -> None:
    anne, _ = met(node)
    anne.ask(CallDisconnect())

    assert {type(order).__name__ for order in node.orders} <= {"CloseCall"}
    assert node.room().plan().seats == ()


def test_statistics_are_kept_with_the_call(node: InProcess) -> None:
    anne, _ = met(node)
    told = requests.CallStatistics(audio=StreamStatistics(rx_bitrate=48))

    assert anne.ask(told) is None
    by_call = next(iter(node.room().members[anne.who.uuid].calls.values())).statistics
    anne.who.send(requests.Statistics(video=StreamStatistics(rx_fps=30)))
    by_participant = next(iter(node.room().members[anne.who.uuid].calls.values())).statistics

    assert by_call == told
    assert by_participant == requests.CallStatistics(video=StreamStatistics(rx_fps=30))


# --- to media through the node, and back -----------------------------------------------------------------------------


def called(who: Attendee) -> str:
    """Place a call that the node answers itself, and acknowledge it."""
    uuid: str = who.send(Calls(sdp="offer"))["call_uuid"]
    who.send(Ack(), call=uuid)
    return uuid


def moved(node: InProcess, person: Person, told: list[Event]) -> Person:
    """Follow a refer: join with its token, call, and leave what was before."""
    refer = next(event for event in told if isinstance(event, events.Refer))
    after = Person(node, person.name, token=refer.token)
    member = node.room().members[after.who.uuid]
    if not member.direct:
        after.call = called(after.who)
    person.who.send(requests.ReleaseToken())
    return after


def test_when_a_third_calls_the_two_are_referred_to_media_through_the_node(node: InProcess) -> None:
    anne, bill = met(node)
    carl = node.join("carl", direct_media=True)
    before = anne.heard()

    called(carl)
    told = [anne.heard(), bill.heard()]
    people = [moved(node, person, heard) for person, heard in zip((anne, bill), told, strict=True)]

    screen = events.SplashScreen(screen_key=SplashKey.ESCALATE, display_duration=5)
    assert before == []
    for heard in told:
        assert heard[0] == screen
        assert [(event.alias, event.target) for event in heard if isinstance(event, events.Refer)] == [("meet", ReferTarget.TRANSCODED)]
    assert not any(member.direct for member in node.room().members.values())
    assert len(node.room().plan().seats) == 3
    assert carl.send(requests.GetConferenceStatus())["direct_media"] is False
    assert [person.heard() for person in people] == [[], []]


def test_one_that_cannot_do_direct_media_is_a_reason_too(node: InProcess) -> None:
    anne = Person(node, "anne")
    anne.offers()
    anne.who.told()

    called(node.join("old"))

    assert [event.target for event in anne.heard() if isinstance(event, events.Refer)] == [ReferTarget.TRANSCODED]


def test_who_only_watches_the_roster_changes_nothing(node: InProcess) -> None:
    anne, bill = met(node)

    node.join("watcher")

    assert anne.heard() == bill.heard() == []


def test_when_two_are_left_they_are_referred_back(node: InProcess) -> None:
    anne, bill = met(node)
    carl = node.join("carl", direct_media=True)
    called(carl)
    people = [moved(node, person, person.heard()) for person in (anne, bill)]
    carl.send(requests.ReleaseToken())

    told = [person.heard() for person in people]
    first, second = (moved(node, person, heard) for person, heard in zip(people, told, strict=True))
    first.offers()
    placing = second.who.begin(Calls(sdp=sdp("second")))
    first.ask(Ack(sdp=sdp("first")))

    assert told[0][0] == events.SplashScreen(screen_key=SplashKey.DEESCALATE, display_duration=5)
    assert [event.target for heard in told for event in heard if isinstance(event, events.Refer)] == [ReferTarget.DIRECT] * 2
    assert placing.result["sdp"] == sdp("first")
    assert first.who.send(requests.GetConferenceStatus())["direct_media"] is True


def test_nobody_is_referred_back_while_somebody_is_on_the_way(node: InProcess) -> None:
    anne, bill = met(node)
    carl = node.join("carl", direct_media=True)
    called(carl)
    anne.who.send(requests.ReleaseToken())  # her client leaves before it joins again
    after = moved(node, bill, bill.heard())

    assert after.heard() == []
    assert [event for event in carl.told() if isinstance(event, events.Refer)] == []


def test_one_that_does_not_follow_is_not_asked_for_ever(node: InProcess) -> None:
    anne, bill = met(node)
    carl = node.join("carl", direct_media=True)
    called(carl)
    people = [moved(node, person, person.heard()) for person in (anne, bill)]
    carl.send(requests.ReleaseToken())
    asked = [person.heard(events.Refer) for person in people]

    for _ in range(10):
        node.now += 30
        for person in people:
            person.who.token = person.who.send(requests.RefreshToken())["token"]
        node.room().sweep(node.now)
        node.settle()

    assert [len(refers) for refers in asked] == [1, 1]
    assert [person.heard(events.Refer) for person in people] == [[], []]


def test_a_move_needs_no_free_place_and_no_waiting_room() -> None:
    node = InProcess(Vmr("meet", host_pin="1", guest_pin="2", direct_media=True, participant_limit=3))
    host, guest = Person(node, "host", pin="1"), Person(node, "guest", pin="2")
    host.offers()
    placing = guest.who.begin(Calls(sdp=sdp("guest")))
    host.ask(Ack(sdp=sdp("host2")))
    assert placing.result["sdp"]
    called(node.join("third", pin="2", direct_media=True))
    host.who.send(requests.Lock())

    after = moved(node, guest, guest.heard())

    assert not node.room().members[after.who.uuid].waiting


def test_a_move_is_no_way_out_of_the_waiting_room() -> None:
    node = InProcess(Vmr("meet", direct_media=True))
    anne = Person(node, "anne")
    anne.offers()
    anne.who.send(requests.Lock())
    bill = Person(node, "bill")
    bill.offers()
    before = node.room().members[bill.who.uuid].waiting

    carl = node.join("carl")
    anne.who.send(requests.ParticipantUnlock(), to=carl)
    called(carl)
    told = bill.heard()

    assert before
    assert not node.room().members[carl.uuid].waiting
    assert [event.target for event in told if isinstance(event, events.Refer)] == [ReferTarget.TRANSCODED]
    after = moved(node, bill, told)
    assert node.room().members[after.who.uuid].waiting


def escalated(node: InProcess) -> list[tuple[Person, events.Refer]]:
    """Two in direct media who were referred to media through the node, since a third came, who is gone; the lock is on."""
    anne, bill = met(node)
    anne.who.send(requests.Lock())
    carl = node.join("carl")
    anne.who.send(requests.ParticipantUnlock(), to=carl)
    called(carl)
    referred = [(person, event) for person in (anne, bill) for event in person.heard(events.Refer) if isinstance(event, events.Refer)]
    carl.send(requests.ReleaseToken())
    return referred


def test_a_conference_keeps_its_state_while_everybody_is_on_the_way_to_other_media(node: InProcess) -> None:
    referred = escalated(node)

    for person, _ in referred:  # their clients leave before they join again
        person.who.send(requests.ReleaseToken())
    empty = not node.room().members
    people = [node.join(person.name, token=refer.token) for person, refer in referred]

    assert empty
    assert node.room().locked
    assert [node.room().members[one.uuid].waiting for one in people] == [False, False]
    assert node.room().members[node.join("late").uuid].waiting


def test_a_conference_to_which_nobody_comes_back_is_over_with_the_tokens(node: InProcess) -> None:
    for person, _ in escalated(node):
        person.who.send(requests.ReleaseToken())

    node.now += SECONDS - 0.1
    node.room().sweep(node.now)
    before = node.room().locked
    node.now += 0.2
    node.room().sweep(node.now)

    assert before
    assert not node.room().locked


def test_a_conference_ends_at_once_when_those_on_the_way_came_and_left_again(node: InProcess) -> None:
    referred = escalated(node)
    for person, _ in referred:
        person.who.send(requests.ReleaseToken())
    for person, refer in referred:
        node.join(person.name, token=refer.token).send(requests.ReleaseToken())

    assert not node.room().locked


def test_a_stream_goes_on_while_everybody_is_on_the_way_to_other_media(node: InProcess) -> None:
    referred = escalated(node)
    host = referred[0][0].who
    host.send(requests.Dial(destination="rtmp://live.example/app/KEY", protocol=DialProtocol.RTMP, streaming=True))

    for person, _ in referred:
        person.who.send(requests.ReleaseToken())
    streams = [member.far_end is not None for member in node.room().members.values()]
    node.now += SECONDS
    node.room().sweep(node.now)

    assert streams == [True]
    assert not node.room().members


def test_a_call_by_rtmp_brings_all_media_to_the_node() -> None:
    node = InProcess(config=NodeConfig(conferences=(Vmr("meet", direct_media=True),), rtmp="127.0.0.1:0"))
    anne, bill = Person(node, "anne"), node.join("bill", direct_media=True)
    anne.offers()

    bill.send(Calls(call_type=CallType.RTMP))

    (refer,) = anne.heard(events.Refer)
    assert isinstance(refer, events.Refer)
    assert refer.target is ReferTarget.TRANSCODED
    assert not node.join("anne", token=refer.token).send(requests.GetConferenceStatus())["direct_media"]


def test_guests_do_not_wait_again_while_the_host_is_on_the_way_to_other_media() -> None:
    node = InProcess(Vmr("meet", host_pin="1", direct_media=True))
    host, guest = Person(node, "host", pin="1"), Person(node, "guest", pin="none")
    host.offers()
    placing = guest.who.begin(Calls(sdp=sdp("guest")))
    host.ask(Ack(sdp=sdp("host2")))
    assert placing.result["sdp"]
    called(node.join("third", pin="none"))
    (refer,) = host.heard(events.Refer)
    assert isinstance(refer, events.Refer)

    host.who.send(requests.ReleaseToken())
    between = node.room().members[guest.who.uuid].waiting
    host.who.told()
    again = node.join("host", token=refer.token)

    assert not between
    assert not node.room().members[guest.who.uuid].waiting
    again.send(requests.ReleaseToken())
    assert node.room().members[guest.who.uuid].waiting
