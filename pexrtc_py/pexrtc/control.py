"""The methods of the object that ask the node for something: one request each, as the table says."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from pexrtc_py.errors import RequestRefused, UsageError
from pexrtc_py.hub import Hub
from pexrtc_py.pexrtc.pending import Pending
from pexrtc_py.pexrtc.variables import Variables
from pexrtc_py.protocol import models
from pexrtc_py.protocol import requests as r

if TYPE_CHECKING:
    from pexrtc_py.signaling.scopes import ConferenceScope, ParticipantScope

T = TypeVar("T")
Answer = Callable[[Mapping[str, Any]], object]


@dataclass(frozen=True)
class _Occasion:
    """A callback's turn."""

    name: str
    arguments: tuple[object, ...] = field(repr=False)
    """Not for a log: there are addresses with our token among them."""


class ConferenceControl(Variables):
    """Methods that need no media."""

    def __init__(self) -> None:
        self._hub = Hub()
        self._hub.on(_Occasion)(self._turn)

    def _call(self, name: str, *arguments: object) -> None:
        """Call the user back; what that raises is logged."""
        self._hub.publish(_Occasion(name, arguments))

    def _turn(self, occasion: _Occasion) -> object:
        callback = getattr(self, occasion.name)
        return None if callback is None else callback(*occasion.arguments)

    def _do(self, work: Coroutine[Any, Any, T]) -> Pending[T]:
        return Pending(work, self._failed)

    def _failed(self, error: BaseException) -> None:
        self._call("on_error", str(error))

    @property
    def _room(self) -> ConferenceScope:
        return self.conference

    def _who(self, uuid: str | None) -> ParticipantScope:
        return self._room.participant(uuid or self.uuid)

    # Saying something

    def send_chat_message(self, message: str, uuid: str | None = None) -> Pending[bool]:
        """Say something to everybody, or to one participant."""
        return self._do(self._who(uuid).message(payload=message) if uuid else self._room.message(payload=message))

    def send_application_message(self, obj: object, uuid: str | None = None) -> Pending[bool]:
        """Send something that JSON can hold to everybody, or to one participant."""
        said, kind = json.dumps(obj), "application/json"
        return self._do(self._who(uuid).message(payload=said, type=kind) if uuid else self._room.message(payload=said, type=kind))

    def set_buzz(self) -> Pending[bool]:
        """Raise our hand."""
        return self._do(self._who(None).buzz())

    def clear_buzz(self, uuid: str | None = None) -> Pending[bool]:
        """Lower our hand, or somebody's."""
        return self._do(self._who(uuid).clear_buzz())

    def clear_all_buzz(self) -> Pending[bool]:
        """Lower all hands."""
        return self._do(self._room.clear_all_buzz())

    # The conference

    def set_conference_lock(self, setting: bool) -> Pending[bool]:
        """Lock or unlock."""
        return self._do(self._room.lock() if setting else self._room.unlock())

    def set_mute_all_guests(self, setting: bool) -> Pending[bool]:
        """Mute or unmute all guests."""
        return self._do(self._room.mute_guests() if setting else self._room.unmute_guests())

    def set_guests_can_unmute(self, setting: bool) -> Pending[bool]:
        """Let muted guests unmute themselves, or not."""
        return self._do(self._room.set_guests_can_unmute(setting=setting))

    def start_conference(self) -> Pending[bool]:
        """Let the waiting guests in."""
        return self._do(self._room.start_conference())

    def disconnect_all(self) -> Pending[bool]:
        """End the conference for everybody."""
        return self._do(self._room.disconnect_all())

    def transform_layout(self, transforms: Mapping[str, Any] | models.Transforms) -> Pending[bool]:
        """Change layout, indicators and texts; `{}` resets all."""
        wanted = transforms if isinstance(transforms, models.Transforms) else models.Transforms(**transforms)
        return self._do(self._room.transform_layout(transforms=wanted))

    def override_layout(self, layouts: Sequence[Any] = ()) -> Pending[bool]:
        """Put participants into places by hand; none resets."""
        return self._do(self._room.override_layout(layouts=tuple(layouts)))

    def get_available_layouts(self) -> Pending[list[models.AvailableLayout]]:
        """The layouts one may ask for."""
        return self._do(self._room.get_available_layouts())

    def set_classification_level(self, level: int) -> Pending[bool]:
        """Say how secret it is."""
        return self._do(self._room.set_classification_level(level=level))

    def get_classification_level(self, cb: Callable[[models.Classification], object] | None = None) -> Pending[models.Classification]:
        """The levels and the one that holds; `cb` is called with them."""
        return self._do(_told(self._room.get_classification_level(), cb))

    def set_message_text(self, text: str) -> Pending[bool]:
        """Put a banner over the picture; an empty one takes it away."""
        return self._do(self._room.set_message_text(text=text))

    def get_message_text(self) -> Pending[models.MessageText]:
        """The banner."""
        return self._do(self._room.get_message_text())

    def set_pinning_config(self, pinning_config: str) -> Pending[bool]:
        """Choose the rules for pinning."""
        return self._do(self._room.set_pinning_config(pinning_config=pinning_config))

    def get_pinning_config(self) -> Pending[models.PinningConfig]:
        """The rules for pinning."""
        return self._do(self._room.get_pinning_config())

    def clear_spotlights(self) -> Pending[bool]:
        """Take everybody out of the spotlight."""
        return self._do(self._room.clear_spotlights())

    def get_participants(self) -> Pending[list[models.Participant]]:
        """Ask the node who is there."""
        return self._do(self._room.get_participants())

    def dial_out(
        self,
        destination: str,
        protocol: str = "auto",
        role: str | None = None,
        cb: Answer | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Pending[Mapping[str, Any]]:
        """Call somebody in; gives `{"status": ..., "result": [uuid, ...]}`, to `cb` too, which then also hears of a refusal."""
        wanted = dict(params or {})
        for theirs, ours in (("presentation_uri", "presentation_url"), ("overlay_text", "text")):
            if theirs in wanted:
                wanted[ours] = wanted.pop(theirs)
        if wanted.get("streaming") is None:
            wanted["streaming"] = protocol == "rtmp"
        asking = self._room.dial(destination=destination, protocol=protocol, role=role or models.Role.HOST, **wanted)
        return self._do(_enveloped(asking, cb))

    # Participants

    def set_participant_mute(self, uuid: str, setting: bool) -> Pending[bool]:
        """Mute or unmute somebody's sound."""
        return self._do(self._who(uuid).mute() if setting else self._who(uuid).unmute())

    def video_muted(self, uuid: str | None = None) -> Pending[bool]:
        """Stop showing somebody's video; by default ours."""
        return self._do(self._who(uuid).video_muted())

    def video_unmuted(self, uuid: str | None = None) -> Pending[bool]:
        """Show somebody's video again; by default ours."""
        return self._do(self._who(uuid).video_unmuted())

    def client_mute(self) -> Pending[bool]:
        """Tell the others that we have muted ourselves."""
        return self._do(self._who(None).client_mute())

    def client_unmute(self) -> Pending[bool]:
        """Tell the others that we have unmuted ourselves."""
        return self._do(self._who(None).client_unmute())

    def set_participant_rx_presentation(self, uuid: str, setting: bool) -> Pending[bool]:
        """Let somebody receive presentations, or not."""
        return self._do(self._who(uuid).allow_rx_presentation() if setting else self._who(uuid).deny_rx_presentation())

    def set_participant_spotlight(self, uuid: str, setting: bool) -> Pending[bool]:
        """Put somebody into the spotlight, or take them out."""
        return self._do(self._who(uuid).spotlight_on() if setting else self._who(uuid).spotlight_off())

    def set_participant_text(self, uuid: str, text: str) -> Pending[bool]:
        """Change the name over somebody's picture."""
        return self._do(self._who(uuid).overlay_text(text=text))

    def set_presentation_in_mix(self, state: bool, uuid: str | None = None) -> Pending[bool]:
        """Show somebody presentations in the picture itself, or not."""
        return self._do(self._who(uuid).pres_in_mix(state=state))

    def set_role(self, uuid: str, setting: str) -> Pending[bool]:
        """Make somebody a host ("chair") or a guest ("guest")."""
        return self._do(self._who(uuid).role(role=models.Role(setting)))

    def unlock_participant(self, uuid: str) -> Pending[bool]:
        """Let somebody in from the waiting room."""
        return self._do(self._who(uuid).unlock())

    def disconnect_participant(self, uuid: str) -> Pending[bool]:
        """Remove somebody."""
        return self._do(self._who(uuid).disconnect())

    def transfer_participant(self, uuid: str, destination: str, role: str = "chair", pin: str | None = None) -> Pending[bool]:
        """Send somebody to another conference."""
        return self._do(self._who(uuid).transfer(conference_alias=destination, role=models.Role(role), pin=pin))

    def send_dtmf(self, digits: str, uuid: str | None = None) -> Pending[bool]:
        """Send tones to somebody, or without `uuid` to the far end of a gateway call."""
        return self._do(self._who(uuid).dtmf(digits=digits) if uuid else self._of_call(r.CallDtmf(digits=digits)))

    def send_fecc(
        self, action: str, axis: str | None = None, direction: str | None = None, target: str | None = None, timeout: float | None = None
    ) -> Pending[bool]:
        """Move somebody's camera, or without `target` the one at the far end of a gateway call; `timeout` in ms."""
        movement = (models.FeccMovement(axis=axis, direction=direction),) if axis and direction else ()
        if target is None:
            return self._do(self._of_call(r.CallFecc(action=action, movement=movement, timeout=timeout)))
        return self._do(self._who(target).fecc(action=action, movement=movement, timeout=timeout, target=target))

    def _of_call(self, request: r.CallDtmf | r.CallFecc) -> Coroutine[Any, Any, bool]:
        call = self.conference.call
        if call is None or call.uuid is None:
            raise UsageError(f"{request.name} without a participant is for the far end of a gateway call, and there is no call.")
        return self.conference.ask_of_call(call.uuid, request)

    def request_aspect_ratio(self, aspect_ratio: float) -> Pending[bool]:
        """Ask for a picture of this width by height."""
        return self._do(self._who(None).preferred_aspect_ratio(aspect_ratio=aspect_ratio))

    def notify_not_afk(self) -> Pending[bool]:
        """Say that we are still there."""
        return self._do(self._who(None).notify_not_afk())

    def show_live_captions(self) -> Pending[None]:
        """Have captions sent to us."""
        return self._do(self._who(None).show_live_captions())

    def hide_live_captions(self) -> Pending[None]:
        """Have no captions sent to us any more."""
        return self._do(self._who(None).hide_live_captions())

    def set_participant_layout_group(self, uuid: str, layout_group: str) -> Pending[bool]:
        """Put somebody into a group of the pinning rules."""
        return self._do(self._who(uuid).layout_group(layout_group=layout_group))

    def set_participant_tx_mute(self, uuid: str, setting: bool) -> Pending[bool]:
        """Send somebody no sound, or sound again."""
        return self._do(self._who(uuid).tx_mute() if setting else self._who(uuid).tx_unmute())

    def set_participant_studio_sound(self, uuid: str, setting: bool) -> Pending[bool]:
        """Leave somebody's sound unprocessed, or not."""
        return self._do(self._who(uuid).studiosound(enabled=setting))

    def set_send_to_audio_mixes(self, uuid: str, mixes: Sequence[models.AudioMix | Mapping[str, Any]]) -> Pending[bool]:
        """Say into which mixes somebody speaks."""
        wanted = tuple(mix if isinstance(mix, models.AudioMix) else models.AudioMix(**mix) for mix in mixes)
        return self._do(self._who(uuid).send_to_audio_mixes(mixes=wanted))

    def set_receive_from_audio_mix(self, uuid: str, mix_name: str | None) -> Pending[bool]:
        """Say which mix somebody hears."""
        return self._do(self._who(uuid).receive_from_audio_mix(mix_name=mix_name))

    def hold_participant(self, uuid: str) -> Pending[bool]:
        """Put somebody on hold."""
        return self._do(self._who(uuid).hold())

    def resume_participant(self, uuid: str) -> Pending[bool]:
        """Take somebody off hold."""
        return self._do(self._who(uuid).resume())

    # Breakout rooms

    def create_breakout(self, name: str, **options: Any) -> Pending[models.BreakoutCreated]:
        """Open a room; `options` are those of `requests.CreateBreakout`."""
        return self._do(self.conference.create_breakout(breakout_name=name, **options))

    def move_participants_from_breakout(self, breakout_uuid: str | None, to: str, participants: Sequence[str] = ()) -> Pending[bool]:
        """Move participants, or all, from a room (None: the main room) into another, "main" or "previous"."""
        room = self.conference.breakout(breakout_uuid) if breakout_uuid else self.conference
        return self._do(room.move_participants(breakout_uuid=to, participants=tuple(participants)))

    def close_breakout(self, breakout_uuid: str) -> Pending[bool]:
        """Close a room."""
        return self._do(self.conference.breakout(breakout_uuid).disconnect_all())

    def set_breakout_hand(self, setting: bool, breakout_uuid: str | None = None) -> Pending[bool]:
        """Ask for help in a room, or no longer."""
        room = self.conference.breakout(breakout_uuid) if breakout_uuid else self._room
        return self._do(room.breakout_buzz() if setting else room.clear_breakout_buzz())

    def leave_breakout(self) -> Pending[bool]:
        """Go back to the main room."""
        return self._do(self._room.leave_breakout())


async def _told(asking: Coroutine[Any, Any, T], cb: Callable[[T], object] | None) -> T:
    answer = await asking
    if cb is not None:
        cb(answer)
    return answer


async def _enveloped(asking: Coroutine[Any, Any, object], cb: Answer | None) -> Mapping[str, Any]:
    try:
        answer = {"status": "success", "result": await asking}
    except RequestRefused as refused:
        if cb is None:
            raise
        answer = {"status": "failed", "result": refused.reason}
    if cb is not None:
        cb(answer)
    return answer
