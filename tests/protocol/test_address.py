from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pexrtc_py.errors import ProtocolError, UsageError
from pexrtc_py.protocol import REQUESTS, Address, Scope

ROOT = "/api/client/v2"
part = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: text not in {".", ".."})
tricky = st.one_of(
    part, st.sampled_from(["breakouts", "participants", "calls", "empty", "breakout", "theme", "conferences", "a/b", "%2F", "é", "%"])
)
addresses = st.one_of(
    st.builds(Address),
    st.builds(Address, tricky, st.none() | tricky),
    st.builds(Address, tricky, st.none() | tricky, tricky, st.none() | tricky),
)
names = st.sampled_from(
    [*{name for _, _, name in REQUESTS}, "breakouts", "breakouts/empty", "breakouts/message", "participants/breakout", "theme/a.jpg"]
)


@pytest.mark.parametrize(
    ("address", "name", "path"),
    [
        (Address(), "status", "/status"),
        (Address("meet.alice"), "request_token", "/conferences/meet.alice/request_token"),
        (Address("meet@example.com"), "theme/", "/conferences/meet%40example.com/theme/"),
        (Address("meet alice/é"), "lock", "/conferences/meet%20alice%2F%C3%A9/lock"),
        (Address("-_.!~*'()"), "lock", "/conferences/-_.!~*'()/lock"),
        (Address("m", participant="p"), "mute", "/conferences/m/participants/p/mute"),
        (Address("m", participant="p", call="c"), "ack", "/conferences/m/participants/p/calls/c/ack"),
        (Address("m", "b"), "lock", "/conferences/m/breakouts/b/lock"),
        (Address("m", "b", "p", "c"), "ack", "/conferences/m/breakouts/b/participants/p/calls/c/ack"),
    ],
)
def test_an_address_and_a_name_make_the_documented_path(address: Address, name: str, path: str) -> None:
    assert address.path(name) == ROOT + path
    assert Address.parse(ROOT + path) == (address, name.rstrip("/"))


@pytest.mark.parametrize(
    ("path", "address", "name"),
    [
        ("/conferences/m/breakouts/empty", Address("m"), "breakouts/empty"),
        ("/conferences/m/breakouts", Address("m"), "breakouts"),
        ("/conferences/m/breakouts/disconnect", Address("m"), "breakouts/disconnect"),
        ("/conferences/m/breakouts/b/disconnect", Address("m", "b"), "disconnect"),
        ("/conferences/m/participants", Address("m"), "participants"),
        ("/conferences/m/participants/breakout", Address("m"), "participants/breakout"),
        ("/conferences/m/breakouts/b/participants/breakout", Address("m", "b"), "participants/breakout"),
        ("/conferences/m/theme/background.jpg", Address("m"), "theme/background.jpg"),
        ("/conferences/m/theme", Address("m"), "theme"),
        ("/conferences/m/theme/", Address("m"), "theme"),
        ("/conferences/m/participants/p/calls", Address("m", participant="p"), "calls"),
        ("/conferences/m/participants/p/calls/", Address("m", participant="p"), "calls"),
        ("/conferences/meet@example.com/events?token=a/b", Address("meet@example.com"), "events"),
        ("/conferences/meet%40example.com/events", Address("meet@example.com"), "events"),
        ("/conferences/100%/lock", Address("100%"), "lock"),
    ],
)
def test_names_with_a_slash_both_spellings_and_trailing_slashes_are_understood(path: str, address: Address, name: str) -> None:
    assert Address.parse(ROOT + path) == (address, name)


@pytest.mark.parametrize(
    "path",
    ["", "/", "/api/client/v2", "/api/client/v2/", "/api/client/v1/status", "/api/client/v2/conferences", "/api/client/v2/conferences/m",
     "/api/client/v2/conferences/m/", "/api/client/v2/conferences//lock", "/api/client/v2/conferences/../lock",
     "/api/client/v2/conferences/%2e%2e/lock", "/api/client/v2/conferences/m//lock", "/api/client/v2/conferences/%ff/lock",
     "/api/client/v2/conferences/m/participants//mute"],
)  # fmt: skip
def test_what_is_not_a_path_of_the_api_is_refused(path: str) -> None:
    with pytest.raises(ProtocolError):
        Address.parse(path)


@pytest.mark.parametrize(
    "arguments",
    [{"conference": "m", "call": "c"}, {"participant": "p"}, {"breakout": "b"}, {"conference": ".."}, {"conference": "\ud800"},
     {"conference": "m", "participant": ""}],
)  # fmt: skip
def test_an_address_that_cannot_be_is_the_callers_fault(arguments: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        Address(**arguments)


@pytest.mark.parametrize(
    ("address", "scope"),
    [
        (Address(), Scope.NODE),
        (Address("m"), Scope.CONFERENCE),
        (Address("m", "b"), Scope.CONFERENCE),
        (Address("m", "b", "p"), Scope.PARTICIPANT),
        (Address("m", None, "p", "c"), Scope.CALL),
    ],
)
def test_the_scope_is_the_innermost_part(address: Address, scope: Scope) -> None:
    assert address.scope is scope


@settings(max_examples=300, deadline=None)
@given(addresses, names)
def test_any_address_comes_back_from_its_path(address: Address, name: str) -> None:
    if address.scope is Scope.NODE:
        name = "status"

    path = address.path(name)

    assert path.isascii()
    assert Address.parse(path) == (address, name)


@settings(max_examples=300, deadline=None)
@given(
    st.text()
    | st.lists(st.sampled_from(["conferences", "breakouts", "participants", "calls", "", "..", "%", "%ff", "x", "?"])).map("/".join)
)
def test_any_path_is_parsed_or_refused(path: str) -> None:
    for raw in (path, f"{ROOT}/{path}"):
        try:
            address, name = Address.parse(raw)
        except ProtocolError:
            continue
        assert Address.parse(address.path(name)) == (address, name)
