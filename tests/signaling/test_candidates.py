from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pexrtc_py.errors import (
    DnsFailed,
    NodeError,
    NodeUnreachable,
    NotANode,
    OutOfCapacity,
    ProtocolError,
    RequestRefused,
    TlsNotTrusted,
)
from pexrtc_py.protocol.requests import RequestToken
from pexrtc_py.signaling.candidates import Candidate, Service, candidates, is_domain, none_usable, ordered

WORD = st.integers(0, 2**16 - 1)
SERVICES = st.lists(
    st.builds(Service, priority=st.integers(0, 3) | WORD, weight=st.integers(0, 2) | WORD, port=WORD, target=st.text(max_size=20)),
    max_size=12,
)
FUZZ = settings(max_examples=200, deadline=None)


def _service(target: str, *, priority: int = 10, weight: int = 0, port: int = 443) -> Service:
    return Service(priority=priority, weight=weight, port=port, target=target)


@FUZZ
@given(SERVICES, st.integers())
def test_ordering_keeps_every_record_and_puts_lower_priorities_first(services: list[Service], seed: int) -> None:
    found = ordered(services, Random(seed))

    assert Counter(found) == Counter(services)
    assert [service.priority for service in found] == sorted(service.priority for service in services)


@FUZZ
@given(SERVICES, st.integers())
def test_whatever_the_records_hold_the_candidates_are_distinct_nodes(services: list[Service], seed: int) -> None:
    found = candidates(services, Random(seed))

    assert len({candidate.url for candidate in found}) == len(found)
    assert all(candidate.host.isascii() and 0 < candidate.port < 2**16 for candidate in found)


def test_within_a_priority_weights_are_the_odds_of_being_first() -> None:
    services = [_service("heavy", weight=75), _service("light", weight=25), _service("never", weight=0), _service("last", priority=20)]

    first = Counter(ordered(services, Random(seed))[0].target for seed in range(2000))

    assert 1400 < first["heavy"] < 1600
    assert 400 < first["light"] < 600
    assert 0 < first["never"] < 60  # RFC 2782: "a very small chance of being selected"
    assert not first["last"]


def test_records_without_weight_share_the_load() -> None:
    services = [_service("one"), _service("two")]

    first = Counter(ordered(services, Random(seed))[0].target for seed in range(1000))

    assert 400 < first["one"] < 600


@pytest.mark.parametrize("target", ["", "not a host", "a/b", "user@host", "a..b", "x" * 64])
def test_targets_that_are_no_hosts_are_left_out(target: str) -> None:
    assert candidates([_service(target)], Random(0)) == []


def test_a_node_named_twice_is_tried_once() -> None:
    found = candidates([_service("node.example.com", priority=1), _service("NODE.example.com", priority=2)], Random(0))

    assert found == [Candidate("node.example.com", 443, "by an SRV record of priority 1, weight 0")]


@pytest.mark.parametrize("host", ["example.com", "example.com.", "intranet", "xn--mnchen-3ya.example", "_x.example.com", "4you.example"])
def test_dns_is_asked_about_names(host: str) -> None:
    assert is_domain(host)


@pytest.mark.parametrize("host", ["", "localhost", "node.localhost", "127.0.0.1", "::1", "a b", "a..b", "münchen.example", "a" * 300])
def test_dns_is_not_asked_about_machines_and_nonsense(host: str) -> None:
    assert not is_domain(host)


# --- when none will do -----------------------------------------------------------------------------------------------------------

ONE, TWO = Candidate("one.example.com", 443, "by an SRV record"), Candidate("two.example.com", 8443, "by an SRV record")


def test_the_error_names_every_node_and_its_reason() -> None:
    error = none_usable("example.com", [(ONE, NotANode("It sells shoes.")), (TWO, NodeUnreachable("It sleeps."))])

    assert type(error) is NodeUnreachable
    for words in ("example.com", "https://one.example.com:443", "It sells shoes.", "https://two.example.com:8443", "It sleeps."):
        assert words in str(error)


@pytest.mark.parametrize("kind", [DnsFailed, TlsNotTrusted, NotANode])
def test_the_error_is_of_the_kind_all_agree_on(kind: type[NodeUnreachable]) -> None:
    assert type(none_usable("example.com", [(ONE, kind("a.")), (TWO, kind("b."))])) is kind


@pytest.mark.parametrize("failure", [ProtocolError("odd"), RequestRefused(RequestToken(display_name="Ann"), 503, "Maintenance")])
def test_other_failures_make_the_domain_unreachable(failure: NodeError) -> None:
    assert type(none_usable("example.com", [(ONE, failure)])) is NodeUnreachable


def test_when_all_are_full_it_is_a_matter_of_capacity() -> None:
    full = OutOfCapacity(RequestToken(display_name="Ann"), 529, "Site overloaded")

    assert none_usable("example.com", [(ONE, full), (TWO, full)]) is full
