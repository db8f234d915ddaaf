from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pexrtc_py.errors import UsageError
from pexrtc_py.node.config import NodeConfig, Turn, Vmr, split_listen
from pexrtc_py.node.reading import load, parse_toml, parse_vmr

WHOLE = """
listen = "0.0.0.0:8443"
tls = true
token_seconds = 60
keepalive_seconds = 5

[[conference]]
alias = "meet.alice"
aliases = ["alice"]
host_pin = "1234"
guest_pin = "5678"
name = "Alice's room"

[[conference]]
alias = "talk"
service_type = "lecture"
participant_limit = 3
"""


def test_a_file_becomes_a_configuration(tmp_path: Path) -> None:
    path = tmp_path / "node.toml"
    path.write_text(WHOLE)

    config = load(path)

    assert config == NodeConfig(
        listen="0.0.0.0:8443",
        tls=True,
        token_seconds=60,
        keepalive_seconds=5,
        conferences=(
            Vmr("meet.alice", aliases=("alice",), host_pin="1234", guest_pin="5678", name="Alice's room"),
            Vmr("talk", service_type="lecture", participant_limit=3),
        ),
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[[conference]]\nalias = 'a'\nhost_pn = '1'", "did you mean host_pin"),
        ("[[conference]]\nalias = 'a'\nhost_pin = 1234", "in quotes"),
        ("[[conference]]\nhost_pin = '1234'", "the key alias is missing"),
        ("[[conference]]\nalias = 'a'\nservice_type = 'party'", "'conference' or 'lecture'"),
        ("[[conference]]\nalias = 'a'\n[[conference]]\nalias = 'A'", "unique"),
        ("[conference]\nalias = 'a'", "double brackets"),
        ("listen = 'here'", "not HOST:PORT"),
        ("token_seconds = 0", "above 0"),
        ("tls = 'yes'", "true or false"),
        ("nonsense = 1", "known are"),
        ("stun_servers = ['turn:a:1']", "write stun: or stuns:"),
        ("[[turn_server]]\nurls = []\nusername = 'a'\npassword = 'b'", "at least one address"),
        ("[[turn_server]]\nurls = ['a:1']\nusername = 'a'\npassword = 'b'", "write turn: or turns:"),
        ("turn_with = 'luck'", "'token' or 'call'"),
        ("= 1", "not valid TOML"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_place(text: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        parse_toml(text)


def test_the_servers_to_tell_clients_are_read() -> None:
    config = parse_toml("stun_servers = ['stun:a:1']\n[[turn_server]]\nurls = ['turn:a:1', 'turns:a:2']\nusername = 'u'\npassword = 'p'")

    assert config.stun_servers == ("stun:a:1",)
    assert config.turn_servers == (Turn(("turn:a:1", "turns:a:2"), username="u", password="p"),)
    assert "'p'" not in repr(config)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"absent\.toml cannot be read"):
        load(tmp_path / "absent.toml")


def test_a_pin_never_gets_into_a_message() -> None:
    with pytest.raises(UsageError) as refused:
        parse_toml("[[conference]]\nalias = 'a'\nhost_pin = 987654")

    assert "987654" not in str(refused.value)


def test_a_vmr_is_written_on_one_line() -> None:
    vmr = parse_vmr("meet.alice,host_pin=1234,guest_pin=5678,chat=no,participant_limit=5")

    assert vmr == Vmr("meet.alice", host_pin="1234", guest_pin="5678", chat=False, participant_limit=5)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "cannot be an alias"),
        ("a,1234", "key=value"),
        ("a,host_pin=1,host_pin=2", "twice"),
        ("a,guest_pin=1", "needs a host_pin"),
        ("a,host_pin=1,guest_pin=1", "must differ"),
        ("a,host_pin=none", "not the word"),
        ("a,host_pin=1,guest_pin=2,allow_guests=no", "makes no sense"),
        ("a,participant_limit=many", "whole number"),
        ("a,chat=perhaps", "true or false"),
    ],
)
def test_a_vmr_that_makes_no_sense_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        parse_vmr(text)


@pytest.mark.parametrize(("text", "parts"), [("127.0.0.1:0", ("127.0.0.1", 0)), ("[::1]:8443", ("::1", 8443)), (":80", ("0.0.0.0", 80))])
def test_an_address_to_listen_on_is_host_and_port(text: str, parts: tuple[str, int]) -> None:
    assert split_listen(text) == parts


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(st.text(), st.from_regex(r"[a-z. ]{0,5}(,(host_pin|guest_pin|chat|bandwidth|aliases)=[0-9a-z ]{0,30}){0,3}", fullmatch=True))
)
def test_any_text_is_a_vmr_or_a_sentence(text: str) -> None:
    try:
        vmr = parse_vmr(text)
    except UsageError as error:
        assert str(error)
    else:
        assert vmr.alias


VALUES = st.recursive(
    st.one_of(
        st.booleans(), st.integers(), st.floats(), st.text(st.characters(codec="ascii", exclude_characters="'\\\n\r\x00"), max_size=5)
    ),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["alias", "host_pin", "aliases", "chat", "bandwidth", "service_type"]), VALUES)
def test_any_value_in_a_file_is_taken_or_refused_with_a_sentence(key: str, value: object) -> None:
    spelled = str(value).lower() if isinstance(value, bool | float) else repr(value)

    try:
        parse_toml(f"[[conference]]\nalias = 'a'\n{key} = {spelled}")
    except UsageError as error:
        assert str(error)


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_any_text_is_a_file_or_a_sentence(text: str) -> None:
    try:
        parse_toml(text)
    except UsageError as error:
        assert str(error)
