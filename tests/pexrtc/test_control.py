"""Each method of the object that asks the node for something sends one request, with what it was told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from pexrtc_py.node import Node, NoMedia, Vmr
from pexrtc_py.node.asked import Asked
from pexrtc_py.pexrtc import PexRTC
from pexrtc_py.protocol import models, requests
from pexrtc_py.protocol.declare import Request

THEM = "b0b"
RTMP = "rtmp://a/c"
FULL_DIAL = {"presentation_uri": RTMP, "streaming": True, "dtmf_sequence": "12", "overlay_text": "Bob", "call_type": "audio"}
RULES: list[tuple[str, tuple[Any, ...], dict[str, Any], Request[Any]]] = [
    ("send_chat_message", ("hello",), {}, requests.Message(payload="hello")),
    ("send_chat_message", ("hello", THEM), {}, requests.ParticipantMessage(payload="hello")),
    ("send_application_message", ({"a": [1]},), {}, requests.Message(payload='{"a": [1]}', type="application/json")),
    ("send_application_message", ([], THEM), {}, requests.ParticipantMessage(payload="[]", type="application/json")),
    ("set_buzz", (), {}, requests.Buzz()),
    ("clear_buzz", (), {}, requests.ClearBuzz()),
    ("clear_all_buzz", (), {}, requests.ClearAllBuzz()),
    ("set_conference_lock", (True,), {}, requests.Lock()),
    ("set_conference_lock", (False,), {}, requests.Unlock()),
    ("set_mute_all_guests", (True,), {}, requests.MuteGuests()),
    ("set_mute_all_guests", (False,), {}, requests.UnmuteGuests()),
    ("set_guests_can_unmute", (False,), {}, requests.SetGuestsCanUnmute(setting=False)),
    ("start_conference", (), {}, requests.StartConference()),
    ("transform_layout", ({"layout": "1:7"},), {}, requests.TransformLayout(transforms=models.Transforms(layout="1:7"))),
    ("transform_layout", ({},), {}, requests.TransformLayout()),
    ("override_layout", (), {}, requests.OverrideLayout()),
    ("get_available_layouts", (), {}, requests.AvailableLayouts()),
    ("set_classification_level", (2,), {}, requests.SetClassificationLevel(level=2)),
    ("get_classification_level", (), {}, requests.GetClassificationLevel()),
    ("set_message_text", ("Fire drill",), {}, requests.SetMessageText(text="Fire drill")),
    ("get_message_text", (), {}, requests.GetMessageText()),
    ("set_pinning_config", ("panel",), {}, requests.SetPinningConfig(pinning_config="panel")),
    ("get_pinning_config", (), {}, requests.GetPinningConfig()),
    ("clear_spotlights", (), {}, requests.ClearSpotlights()),
    ("get_participants", (), {}, requests.Participants()),
    ("dial_out", ("bob@example.com",), {}, requests.Dial(destination="bob@example.com", streaming=False)),
    (
        "dial_out",
        ("rtmp://a/c", "rtmp", "GUEST"),
        {},
        requests.Dial(destination="rtmp://a/c", protocol="rtmp", role="GUEST", streaming=True),
    ),
    (
        "dial_out",
        ("bob", "sip"),
        {"params": FULL_DIAL},
        requests.Dial(
            destination="bob",
            protocol="sip",
            presentation_url=RTMP,
            streaming=True,
            dtmf_sequence="12",
            text="Bob",
            call_type="audio",
        ),
    ),
    ("dial_out", ("bob", "rtmp"), {"params": {"streaming": "no"}}, requests.Dial(destination="bob", protocol="rtmp", streaming=False)),
    ("set_participant_mute", (THEM, True), {}, requests.Mute()),
    ("set_participant_mute", (THEM, False), {}, requests.Unmute()),
    ("video_muted", (), {}, requests.VideoMuted()),
    ("video_unmuted", (THEM,), {}, requests.VideoUnmuted()),
    ("client_mute", (), {}, requests.ClientMute()),
    ("client_unmute", (), {}, requests.ClientUnmute()),
    ("set_participant_rx_presentation", (THEM, True), {}, requests.AllowRxPresentation()),
    ("set_participant_rx_presentation", (THEM, False), {}, requests.DenyRxPresentation()),
    ("set_participant_spotlight", (THEM, True), {}, requests.SpotlightOn()),
    ("set_participant_spotlight", (THEM, False), {}, requests.SpotlightOff()),
    ("set_participant_text", (THEM, "Bobby"), {}, requests.OverlayText(text="Bobby")),
    ("set_presentation_in_mix", (True, THEM), {}, requests.PresInMix(state=True)),
    ("set_role", (THEM, "chair"), {}, requests.ParticipantRole(role=models.Role.HOST)),
    ("set_role", (THEM, "guest"), {}, requests.ParticipantRole(role=models.Role.GUEST)),
    ("unlock_participant", (THEM,), {}, requests.ParticipantUnlock()),
    ("transfer_participant", (THEM, "lab", "guest", "12"), {}, requests.Transfer(conference_alias="lab", role=models.Role.GUEST, pin="12")),
    ("transfer_participant", (THEM, "lab"), {}, requests.Transfer(conference_alias="lab", role=models.Role.HOST, pin=None)),
    ("send_dtmf", ("12#", THEM), {}, requests.Dtmf(digits="12#")),
    (
        "send_fecc",
        ("start", "pan", "left", THEM, 1000),
        {},
        requests.Fecc(action="start", movement=(models.FeccMovement(axis="pan", direction="left"),), timeout=1000, target=THEM),
    ),
    ("request_aspect_ratio", (0.5625,), {}, requests.PreferredAspectRatio(aspect_ratio=0.5625)),
    ("notify_not_afk", (), {}, requests.NotifyNotAfk()),
    ("show_live_captions", (), {}, requests.ShowLiveCaptions()),
    ("hide_live_captions", (), {}, requests.HideLiveCaptions()),
    ("set_participant_layout_group", (THEM, "panel"), {}, requests.LayoutGroup(layout_group="panel")),
    ("set_participant_tx_mute", (THEM, True), {}, requests.TxMute()),
    ("set_participant_tx_mute", (THEM, False), {}, requests.TxUnmute()),
    ("set_participant_studio_sound", (THEM, True), {}, requests.Studiosound(enabled=True)),
    (
        "set_send_to_audio_mixes",
        (THEM, [{"mix_name": "main.french", "prominent": True}]),
        {},
        requests.SendToAudioMixes(mixes=(models.AudioMix(mix_name="main.french", prominent=True),)),
    ),
    ("set_receive_from_audio_mix", (THEM, None), {}, requests.ReceiveFromAudioMix(mix_name=None)),
    ("hold_participant", (THEM,), {}, requests.Hold()),
    ("resume_participant", (THEM,), {}, requests.Resume()),
    ("create_breakout", ("Room 1",), {"duration": 60}, requests.CreateBreakout(breakout_name="Room 1", duration=60)),
    ("move_participants_from_breakout", (None, "r1", [THEM]), {}, requests.MoveParticipants(breakout_uuid="r1", participants=(THEM,))),
    ("set_breakout_hand", (True,), {}, requests.BreakoutBuzz()),
    ("set_breakout_hand", (False,), {}, requests.ClearBreakoutBuzz()),
    ("leave_breakout", (), {}, requests.LeaveBreakout()),
    ("disconnect_participant", (THEM,), {}, requests.ParticipantDisconnect()),
    ("disconnect_all", (), {}, requests.Disconnect()),
]
ANSWERS: dict[type[Any], Any] = {
    requests.Dial: ["d1"],
    requests.AvailableLayouts: [models.AvailableLayout(name="1:7")],
    requests.GetClassificationLevel: models.Classification(levels={"0": "none"}, current=0),
    requests.GetMessageText: models.MessageText(text="hi"),
    requests.GetPinningConfig: models.PinningConfig(pinning_config="panel"),
    requests.Participants: [],
    requests.CreateBreakout: models.BreakoutCreated(breakout_uuid="r1"),
    requests.ShowLiveCaptions: None,
    requests.HideLiveCaptions: None,
}


class Heard:
    """A node that says yes to everything, and remembers what it was asked about whom."""

    def __init__(self, node: Node) -> None:
        self.asked: list[tuple[Request[Any], str | None]] = []
        for kind in {type(request) for *_, request in RULES}:
            node.answers(kind)(self._answer)

    def _answer(self, asked: Asked, request: Request[Any]) -> Any:
        self.asked.append((request, asked.about.uuid if asked.about is not None else None))
        return ANSWERS.get(type(request), True)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def room() -> AsyncIterator[tuple[PexRTC, Heard, str]]:
    """An object in a conference without media, what the node heard of it, and the uuid of somebody else there."""
    async with Node(Vmr("lab"), media=NoMedia) as node:
        rtc, other = await _entered(node, "Ann"), await _entered(node, "Bob")
        yield rtc, Heard(node), other.uuid
        await other.disconnect()
        await rtc.disconnect()


async def _entered(node: Node, name: str) -> PexRTC:
    rtc = PexRTC()
    rtc.on_setup = lambda *_: rtc.connect()
    await rtc.make_call(node.url, "lab", name, call_type="none")
    return rtc


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("name", "given", "more", "request_"), RULES, ids=[f"{name}{number}" for number, (name, *_) in enumerate(RULES)])
async def test_a_method_is_one_request(
    room: tuple[PexRTC, Heard, str], name: str, given: tuple[Any, ...], more: dict[str, Any], request_: Request[Any]
) -> None:
    rtc, heard, them = room
    heard.asked.clear()

    answer = await getattr(rtc, name)(*[them if value == THEM else [them] if value == [THEM] else value for value in given], **more)

    (asked,) = heard.asked
    wanted = request_.model_copy(update={key: them for key in ("target",) if getattr(request_, key, None)})
    wanted = wanted.model_copy(update={"participants": (them,)}) if getattr(request_, "participants", None) == (THEM,) else wanted
    about = None if "Conference" in str(type(request_).__mro__) else them if THEM in given else rtc.uuid
    assert asked == (wanted, about)
    expected = ANSWERS.get(type(request_), True)
    assert answer == ({"status": "success", "result": expected} if name == "dial_out" else expected)
