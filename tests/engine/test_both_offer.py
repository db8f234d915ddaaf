"""Two peers that both offer, as in direct media: crossing offers, the data channel, one partner after another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from pexrtc_media.base import AccessUnit
from pexrtc_py.engine.descriptions import OffersCrossed
from pexrtc_py.engine.offers import build_answer, build_offer
from pexrtc_py.engine.peer import Peer
from pexrtc_py.engine.sdp import Description
from pexrtc_py.engine.types import Candidate, Direction, PeerState, Slot, SlotOptions
from pexrtc_py.errors import IceFailed
from tests.engine.test_offers import US
from tests.media_checks import until

CHANNEL = 3
DIRECT = replace(US, channel=CHANNEL)


def _peer(name: str) -> Peer:
    return Peer(slots={slot: SlotOptions() for slot in Slot}, loopback=True, data_channel=CHANNEL, name=name)


def _introduce(one: Peer, other: Peer) -> None:
    """Candidates of each go to the other."""
    for here, there in ((one, other), (other, one)):

        def tell(found: Candidate | None, there: Peer = there) -> None:
            if found is not None:
                there.add_candidate(found.candidate, mid=found.mid, ufrag=found.ufrag)

        here.on_candidate = tell


async def _agree(offering: Peer, answering: Peer) -> None:
    await offering.set_answer(await answering.create_answer(await offering.create_offer()))


async def _connect(offering: Peer, answering: Peer) -> None:
    _introduce(offering, answering)
    await _agree(offering, answering)
    await asyncio.gather(offering.gather(), answering.gather())
    await asyncio.gather(offering.wait_connected(), answering.wait_connected())


@pytest.fixture
async def people() -> AsyncIterator[tuple[Peer, Peer, Peer]]:
    """Anne is polite, for she came first; Bill and Carl are not."""
    anne, bill, carl = _peer("anne"), _peer("bill"), _peer("carl")
    anne.descriptions.polite = True
    yield anne, bill, carl
    await asyncio.gather(anne.close(), bill.close(), carl.close())


def test_the_section_of_the_data_channel_comes_last_and_is_named_after_its_number() -> None:
    offer = build_offer(DIRECT)

    *_, data = offer.sections
    assert [section.mid for section in offer.sections] == ["0", "1", "2", "3"] == list(offer.bundle)
    assert data.lines[0] == "m=application 9 UDP/DTLS/SCTP webrtc-datachannel"
    assert (data.value("sctp-port"), data.value("max-message-size")) == ("5000", "262144")
    assert data.fingerprints == offer.sections[0].fingerprints


def test_no_other_section_takes_the_name_of_the_data_channel() -> None:
    offer = build_offer(replace(US, channel=1))

    assert [section.mid for section in offer.sections] == ["0", "2", "3", "1"]


def test_an_answer_takes_the_data_channel_or_refuses_it() -> None:
    offer = build_offer(DIRECT)

    taken, refused = build_answer(offer, DIRECT), build_answer(offer, US)

    assert not taken.sections[3].rejected
    assert refused.sections[3].rejected
    assert refused.bundle == ("0", "1", "2")


def test_whoever_answered_first_may_offer_next_with_the_same_sections() -> None:
    answer = build_answer(build_offer(DIRECT), DIRECT)

    offer = build_offer(DIRECT, previous=answer)

    assert [(one.kind, one.mid, one.listed) for one in offer.sections] == [(one.kind, one.mid, one.listed) for one in answer.sections]
    assert offer.bundle == answer.bundle


async def test_messages_go_both_ways_and_both_have_the_same_check_code(people: tuple[Peer, Peer, Peer]) -> None:
    anne, bill, _ = people
    heard: list[str] = []
    got = asyncio.Event()

    await _connect(bill, anne)
    assert anne.data is not None and bill.data is not None
    anne.data.on_message = bill.data.on_message = lambda text: (heard.append(text), got.set())  # type: ignore[assignment, func-returns-value]
    await asyncio.gather(anne.data.wait_open(), bill.data.wait_open())
    for sender, text in ((anne.data, "hello"), (bill.data, "ü" * 70_000)):
        got.clear()
        sender.send(text)
        async with asyncio.timeout(10):
            await got.wait()

    assert heard == ["hello", "ü" * 70_000]
    assert anne.descriptions.check_code == bill.descriptions.check_code
    assert len(anne.descriptions.check_code or "") == 64


async def test_when_offers_cross_the_polite_one_gives_way(people: tuple[Peer, Peer, Peer]) -> None:
    anne, bill, _ = people
    await _connect(bill, anne)
    anne.set_direction(Slot.PRESENTATION, Direction.SENDONLY)
    bill.set_direction(Slot.VIDEO, Direction.RECVONLY)
    hers, his = await anne.create_offer(), await bill.create_offer()

    with pytest.raises(OffersCrossed):
        await bill.create_answer(hers)
    await bill.set_answer(await anne.create_answer(his))
    await _agree(anne, bill)

    assert anne.transceivers[Slot.VIDEO].current is Direction.SENDONLY
    assert bill.transceivers[Slot.PRESENTATION].current is Direction.RECVONLY
    assert anne.state is bill.state is PeerState.CONNECTED
    assert anne.descriptions.check_code == bill.descriptions.check_code


async def test_who_offered_first_and_was_not_heard_answers_with_another_transport(people: tuple[Peer, Peer, Peer]) -> None:
    anne, bill, _ = people
    ignored = Description.parse(await anne.create_offer()).transport

    await _connect(bill, anne)

    assert anne.connection is not None
    assert anne.connection.ice.role == "controlled"
    assert anne.connection.ice.ufrag != ignored.ufrag


async def test_one_partner_follows_another(people: tuple[Peer, Peer, Peer]) -> None:
    anne, bill, carl = people
    got: list[AccessUnit] = []
    anne.transceivers[Slot.AUDIO].receiver.subscribe(got.append)

    for number, partner in enumerate((bill, carl), 1):
        await _connect(partner, anne)
        for packet in range(3):
            partner.transceivers[Slot.AUDIO].sender.send(AccessUnit(b"\xf8\xff\xfe", "opus", 0, 48_000), captured=1000.0 + packet / 50)
        await until(lambda number=number: len(got) == 3 * number)  # type: ignore[misc]
        code = anne.descriptions.check_code
        await anne.renew(data_channel=CHANNEL)
        assert anne.descriptions.check_code is None
        assert code == partner.descriptions.check_code

    assert len({unit.epoch for unit in got}) == 2
    assert anne.state is PeerState.NEW


async def test_who_waits_for_a_connection_that_is_given_up_is_told(people: tuple[Peer, Peer, Peer]) -> None:
    anne, bill, _ = people
    await _agree(bill, anne)
    waiting = asyncio.create_task(anne.wait_connected())
    await asyncio.sleep(0)

    await anne.renew()

    with pytest.raises(IceFailed, match="closed while it was being made"):
        await waiting


async def test_malformed_data_ends_nothing(people: tuple[Peer, Peer, Peer]) -> None:
    anne, bill, _ = people
    await _connect(bill, anne)
    assert anne.data is not None and bill.data is not None and bill.connection is not None
    await asyncio.gather(anne.data.wait_open(), bill.data.wait_open())
    association = bill.data._association
    assert association is not None

    await association._send(CHANNEL, 51, b"\xff\xfe")  # text that is none
    bill.data.send("after")
    heard = asyncio.get_running_loop().create_future()
    anne.data.on_message = heard.set_result

    async with asyncio.timeout(10):
        assert await heard == "after"
    assert anne.data.unreadable == 1


async def test_a_peer_that_was_closed_begins_no_other_connection() -> None:
    peer = _peer("anne")
    await peer.close()

    with pytest.raises(IceFailed, match="is closed"):
        await peer.create_offer()

    assert peer.connection is None


async def test_two_that_begin_anew_at_once_leave_one_connection(people: tuple[Peer, Peer, Peer]) -> None:
    anne, bill, _ = people
    await _connect(anne, bill)
    sockets: list[Any] = []

    async def begin() -> None:
        await anne.renew(data_channel=CHANNEL)
        await anne.create_offer()
        await anne.gather()
        assert anne.connection is not None
        sockets.extend(one.get_extra_info("socket") for one in anne.connection.ice.agent.sockets)

    await asyncio.gather(begin(), anne.renew(data_channel=CHANNEL))
    assert anne.connection is not None
    await anne.close()

    assert [one.fileno() for one in sockets] == [-1]
