from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pexrtc_py.protocol.declare import Event
from pexrtc_py.protocol.events import (
    ConferenceUpdate,
    Layout,
    MessageReceived,
    ParticipantCreate,
    ParticipantDelete,
    ParticipantSyncBegin,
    ParticipantSyncEnd,
    ParticipantUpdate,
    Stage,
)
from pexrtc_py.protocol.models import ConferenceStatus, Participant, StageEntry
from pexrtc_py.signaling.roster import Roster, RosterSnapshot

ANN, BOB, CAROL = (Participant(uuid=name, display_name=name.title()) for name in ("ann", "bob", "carol"))
BEGIN, END = ParticipantSyncBegin(), ParticipantSyncEnd()


def _create(who: Participant) -> ParticipantCreate:
    return ParticipantCreate(participant=who)


def _roster(*events: object) -> Roster:
    roster = Roster()
    for event in events:
        roster.see(event)
    return roster


def test_a_listing_is_silent_and_ends_in_one_snapshot() -> None:
    roster = Roster()

    heard = [roster.see(event) for event in (BEGIN, _create(ANN), _create(BOB), END)]

    assert heard == [(), (), (), (RosterSnapshot(participants=(ANN, BOB), joined=frozenset({"ann", "bob"})),)]
    assert roster.synced


def test_during_a_listing_the_old_picture_stays() -> None:
    roster = _roster(BEGIN, _create(ANN), END)

    roster.see(BEGIN)
    roster.see(_create(BOB))

    assert list(roster.participants) == ["ann"]


def test_a_second_listing_says_who_came_and_who_went() -> None:
    roster = _roster(BEGIN, _create(ANN), _create(BOB), END)

    (snapshot,) = [roster.see(event) for event in (BEGIN, _create(BOB), _create(CAROL), END)][-1]

    assert snapshot == RosterSnapshot(participants=(BOB, CAROL), joined=frozenset({"carol"}), left=frozenset({"ann"}))


def test_a_listing_that_breaks_off_is_forgotten_by_the_next_one() -> None:
    roster = _roster(BEGIN, _create(ANN), BEGIN, _create(BOB), END)

    assert list(roster.participants) == ["bob"]


def test_coming_changing_and_going_are_passed_on() -> None:
    roster = _roster(BEGIN, END)
    renamed = ParticipantUpdate(participant=Participant(uuid="ann", display_name="Anna"))

    assert roster.see(_create(ANN)) == (_create(ANN),)
    assert roster.see(renamed) == (renamed,)
    assert roster.participants["ann"].display_name == "Anna"
    assert roster.see(ParticipantDelete(uuid="ann")) == (ParticipantDelete(uuid="ann"),)
    assert not roster.participants


def test_a_change_of_somebody_unknown_is_their_coming() -> None:
    roster = _roster(BEGIN, END)

    assert roster.see(ParticipantUpdate(participant=ANN)) == (_create(ANN),)


def test_nobody_goes_twice() -> None:
    roster = _roster(BEGIN, _create(ANN), END, ParticipantDelete(uuid="ann"))

    assert roster.see(ParticipantDelete(uuid="ann")) == ()


def test_the_room_s_state_is_kept_and_the_stage_is_in_order() -> None:
    entries = (StageEntry(participant_uuid="bob", stage_index=1), StageEntry(participant_uuid="ann", stage_index=0, vad=100))

    roster = _roster(ConferenceUpdate(status=ConferenceStatus(locked=True)), Stage(entries=entries), Layout(view="1:7"))

    assert roster.status.locked
    assert [entry.participant_uuid for entry in roster.stage] == ["ann", "bob"]
    assert roster.layout is not None


def test_what_is_not_about_the_room_passes_through() -> None:
    assert Roster().see(MessageReceived(payload="hi")) == (MessageReceived(payload="hi"),)


_events: st.SearchStrategy[Event] = st.sampled_from([BEGIN, END]) | st.sampled_from([ANN, BOB, CAROL]).flatmap(
    lambda who: st.sampled_from([_create(who), ParticipantUpdate(participant=who), ParticipantDelete(uuid=who.uuid)])
)


@settings(max_examples=200, deadline=None)
@given(events=st.lists(_events, max_size=40))
def test_who_follows_what_is_heard_has_the_same_picture(events: list[Event]) -> None:
    roster, followed = Roster(), set[str]()

    for heard in (item for event in events for item in roster.see(event)):
        match heard:
            case RosterSnapshot():
                followed = {person.uuid for person in heard.participants}
            case ParticipantCreate():
                followed.add(heard.participant.uuid)
            case ParticipantDelete():
                followed.remove(heard.uuid)

    assert followed == set(roster.participants)
