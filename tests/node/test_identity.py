from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from pexrtc_py.errors import UsageError
from pexrtc_py.node.config import NodeConfig, Vmr
from pexrtc_py.node.desk import Incoming, Reply
from pexrtc_py.node.identity import KEPT, SIGN_IN_SECONDS, TOKEN_SECONDS, IdentityProvider, Kept
from pexrtc_py.node.inprocess import InProcess
from pexrtc_py.node.reading import parse_toml, parse_vmr
from pexrtc_py.node.sign_in_page import Page, sign_in_page
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.wire import failed

CORP = IdentityProvider("Corp", uuid="c1", users=("Ann", "<Bob>"))
OPEN = IdentityProvider("Open", uuid="o1")
BACK = IdentityProvider("Back", uuid="b1", popup=False)
VERSION = {"version_id": "37", "pseudo_version": "79019.0.0"}
TARGET = "https://app.example/back?sso=__pexip-sso-token__"


def node_of(*providers: IdentityProvider, maintenance: bool = False, **vmr: Any) -> InProcess:
    rooms = (Vmr("meet", **({"host_idps": tuple(one.name for one in providers)} | vmr)),)
    return InProcess(config=NodeConfig(conferences=rooms, identity_providers=providers, maintenance=maintenance))


def ask(here: InProcess, /, **said: Any) -> Reply:
    return here.ask(requests.RequestToken(display_name="Vera", **said), Address("meet"))


def way(node: InProcess, idp: str, **said: Any) -> str:
    """The key of a sign-in that was begun."""
    url: str = ask(node, chosen_idp=idp, **said).json["result"]["redirect_url"]
    return urlsplit(url).path.removeprefix("/sso/")


def page(node: InProcess, key: str, **form: str) -> Page:
    return sign_in_page(node.desk.house, key, form, node.now)


def signed_in(node: InProcess, idp: str = "c1", user: str | None = "Ann") -> str:
    """A token that signing in yields."""
    token = node.desk.house.sign_ins.finish(way(node, idp), user, node.now)
    assert token is not None
    return token


def test_without_a_choice_the_providers_are_listed() -> None:
    reply = ask(node_of(CORP, BACK), chosen_idp="none", sso_token="none")

    assert (reply.status, reply.json["status"]) == (403, "success")
    assert reply.json["result"] == {
        "idp": [
            {"uuid": "c1", "name": "Corp", "img": "", "disable_popup_flow": False},
            {"uuid": "b1", "name": "Back", "img": "", "disable_popup_flow": True},
        ],
        "version": VERSION,
    }


def test_a_chosen_provider_sends_the_browser_to_its_page() -> None:
    node = node_of(CORP)

    result = ask(node, chosen_idp="c1").json["result"]

    assert result["redirect_url"].startswith("http://node.invalid/sso/")
    assert (result["redirect_idp"]["name"], result["redirect_idp"]["uuid"], result["disable_popup_flow"]) == ("Corp", "c1", False)
    assert set(result) == {"redirect_url", "redirect_idp", "disable_popup_flow", "version"}


def test_whoever_has_signed_in_enters_under_the_name_the_provider_says() -> None:
    node = node_of(CORP)

    result = ask(node, chosen_idp="c1", sso_token=signed_in(node)).json["result"]

    assert (result["display_name"], result["idp_uuid"], result["role"]) == ("Ann", "c1", "HOST")
    (member,) = node.room().members.values()
    line = node.ask(requests.Participants(), Address("meet"), token=result["token"]).json["result"][0]
    assert (member.display_name, line["is_idp_authenticated"]) == ("Ann", True)


def test_a_provider_without_users_leaves_the_name() -> None:
    node = node_of(OPEN)

    assert ask(node, chosen_idp="o1", sso_token=signed_in(node, "o1", None)).json["result"]["display_name"] == "Vera"


def test_a_token_lets_one_in_once_and_only_for_its_provider_and_time() -> None:
    node = node_of(CORP, OPEN)
    used, other, old = signed_in(node), signed_in(node), signed_in(node)

    assert ask(node, chosen_idp="o1", sso_token=other).json == failed("SSO Authentication Failed")
    assert ask(node, chosen_idp="c1", sso_token=used).status == 200
    assert ask(node, chosen_idp="c1", sso_token=used).json == failed("SSO Authentication Failed")
    node.now += TOKEN_SECONDS
    assert ask(node, chosen_idp="c1", sso_token=old).json == failed("SSO Authentication Failed")
    assert len(node.room().members) == 1


def test_an_unknown_provider_fails_and_none_at_all_is_said() -> None:
    assert ask(node_of(CORP), chosen_idp="x").json == failed("SSO Authentication Failed")
    assert ask(node_of()).json == failed("SSO enabled but no Identity Providers configured")


def test_a_provider_may_insist_on_how_the_node_was_dialled() -> None:
    node = node_of(IdentityProvider("Corp", uuid="c1", domains=("node.example",)))

    assert ask(node, chosen_idp="c1", node="Node.example:443").json["status"] == "success"
    refused = ask(node, chosen_idp="c1", node="127.0.0.1")
    assert (refused.status, refused.json) == (403, failed("SSO Authentication Failed. SSO is not available from this domain"))


def test_where_both_roles_sign_in_that_comes_before_the_pin() -> None:
    node = node_of(CORP, OPEN, host_pin="1234", host_idps=("Corp",), guest_idps=("Open",))

    assert [one["uuid"] for one in ask(node).json["result"]["idp"]] == ["c1", "o1"]
    token = signed_in(node, "o1", None)
    assert "pin" in ask(node, chosen_idp="o1", sso_token=token).json["result"]
    assert [one["uuid"] for one in ask(node, chosen_idp="o1", sso_token=token, pin="1234").json["result"]["idp"]] == ["c1"]
    assert ask(node, chosen_idp="o1", sso_token=token, pin="none").json["result"]["role"] == "GUEST"


def test_where_only_hosts_sign_in_the_pin_comes_first() -> None:
    node = node_of(CORP, host_pin="1234")

    assert "pin" in ask(node).json["result"]
    assert ask(node, pin="none").json["result"]["role"] == "GUEST"
    assert "idp" in ask(node, pin="1234").json["result"]
    assert ask(node, pin="1234", chosen_idp="c1", sso_token=signed_in_with_pin(node)).json["result"]["role"] == "HOST"


def signed_in_with_pin(node: InProcess) -> str:
    token = node.desk.house.sign_ins.finish(way(node, "c1", pin="1234"), "Ann", node.now)
    assert token is not None
    return token


def test_the_page_offers_the_users_and_tells_the_window_that_opened_it() -> None:
    node = node_of(CORP)
    key = way(node, "c1")

    choice = sign_in_page(node.desk.house, key, None, node.now)
    told = page(node, key, user="<Bob>")

    assert (choice.status, told.status) == (200, 200)
    assert "&lt;Bob&gt;" in choice.html
    assert "<Bob>" not in choice.html + told.html
    assert '{"result":"success","token":"' in told.html
    assert "postMessage" in told.html
    assert f"script-src 'nonce-{told.nonce}'" in told.headers["Content-Security-Policy"]
    assert page(node, key, user="Ann").status == 404, "a sign-in happens once"


def test_the_message_is_for_the_page_that_asked_alone() -> None:
    node = node_of(CORP)
    asked = Address("meet").path("request_token")
    body = {"display_name": "V", "chosen_idp": "c1", "sso_redirect_target": TARGET}

    from_page = node.carry(Incoming(method="POST", path=asked, body=body, headers={"origin": "https://page.example"}))
    from_none = node.carry(Incoming(method="POST", path=asked, body=body))

    for reply, origin in ((from_page, "https://page.example"), (from_none, "https://app.example")):
        key = urlsplit(reply.json["result"]["redirect_url"]).path.removeprefix("/sso/")
        assert f'origin = "{origin}"' in page(node, key, user="Ann").html


def test_without_popup_the_browser_returns_with_the_token_in_place() -> None:
    node = node_of(BACK)

    back = page(node, way(node, "b1", sso_redirect_target=TARGET))

    assert back.status == 303
    assert back.location is not None
    token = back.location.removeprefix("https://app.example/back?sso=")
    assert ask(node, chosen_idp="b1", sso_token=token).status == 200


@pytest.mark.parametrize("target", ["javascript:alert('__pexip-sso-token__')", "/__pexip-sso-token__", "https://app.example/"])
def test_an_address_to_return_to_that_makes_no_sense_is_refused(target: str) -> None:
    node = node_of(BACK)

    assert ask(node, chosen_idp="b1", sso_redirect_target=target).status == 400
    assert not node.desk.house.sign_ins.open._values


@pytest.mark.parametrize(("outcome", "status"), [("forbidden", 403), ("service unavailable", 503)])
def test_a_provider_may_refuse(outcome: Any, status: int) -> None:
    node = node_of(IdentityProvider("Corp", uuid="c1", outcome=outcome))

    told = page(node, way(node, "c1"))

    assert told.status == status
    assert f'{{"result":"{outcome}","code":{status}}}' in told.html


def test_in_maintenance_signing_in_is_unavailable() -> None:
    node = node_of(CORP)
    key = way(node, "c1")
    node.desk.house.maintenance = True

    assert '"code":503' in page(node, key, user="Ann").html


@pytest.mark.parametrize("user", ["Eve", None])
def test_nobody_signs_in_as_a_user_who_is_not_there(user: str | None) -> None:
    node = node_of(CORP)
    key = way(node, "c1")

    assert page(node, key, **({"user": user} if user else {})).status == 400
    assert page(node, key, user="Ann").status == 200


def test_a_sign_in_that_took_too_long_is_over() -> None:
    node = node_of(CORP)
    key = way(node, "c1")
    node.now += SIGN_IN_SECONDS

    assert page(node, key, user="Ann").status == 404


def test_what_is_kept_is_bounded_and_counted() -> None:
    kept: Kept[int] = Kept(10)
    keys = [kept.keep(number, 0) for number in range(KEPT + 1)]

    assert (kept.get(keys[0], 1), kept.get(keys[-1], 1), kept.outrun) == (None, KEPT, 1)


def test_providers_are_configured_in_a_file_and_must_exist() -> None:
    config = parse_toml(
        '[[identity_provider]]\nname = "Corp"\nusers = ["Ann"]\noutcome = "forbidden"\n[[conference]]\nalias = "a"\nguest_idps = ["Corp"]'
    )

    assert config.identity_providers == (IdentityProvider("Corp", users=("Ann",), outcome="forbidden"),)
    assert parse_vmr("meet,host_idps=Corp Other").host_idps == ("Corp", "Other")
    with pytest.raises(UsageError, match="no identity provider 'Crop'; known are Corp"):
        NodeConfig(conferences=(Vmr("a", host_idps=("Crop",)),), identity_providers=(CORP,))
    with pytest.raises(UsageError, match="Two identity providers"):
        NodeConfig(identity_providers=(CORP, CORP))


@pytest.mark.parametrize(("target", "listener"), [(TARGET, "https://app.example"), (None, "*")])
def test_a_page_without_an_origin_is_told_like_one_whose_origin_is_unknown(target: str | None, listener: str) -> None:
    node = node_of(CORP)
    body = {"display_name": "V", "chosen_idp": "c1"} | ({"sso_redirect_target": target} if target else {})
    path = Address("meet").path("request_token")

    reply = node.carry(Incoming(method="POST", path=path, body=body, headers={"origin": "null"}))

    key = urlsplit(reply.json["result"]["redirect_url"]).path.removeprefix("/sso/")
    assert f'origin = "{listener}"' in page(node, key, user="Ann").html
