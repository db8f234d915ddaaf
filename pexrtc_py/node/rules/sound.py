"""Whom a participant hears and who hears it, as Hosts or it itself set it; and being on hold.

Where no document says what happens: a participant without sound (`tx_mute`) still speaks and sees; one on hold neither speaks nor hears nor
sees nor presents, and is shown a splash picture; studio sound leaves out the only processing of this node, its gate for quiet callers.
"""

from __future__ import annotations

from pexrtc_py.node.admission import Refused
from pexrtc_py.node.asked import Asked, answers
from pexrtc_py.node.audio_mixes import MIXES, fault
from pexrtc_py.node.plan import MAIN
from pexrtc_py.protocol.events import PresentationStart
from pexrtc_py.protocol.models import AudioMix
from pexrtc_py.protocol.requests import Hold, ReceiveFromAudioMix, Resume, SendToAudioMixes, Studiosound, TxMute, TxUnmute


@answers(SendToAudioMixes)
def send_to_audio_mixes(asked: Asked, request: SendToAudioMixes) -> bool:
    """The participant speaks into these mixes and no others; into the main one when there are none."""
    if len(request.mixes) > MIXES:
        raise Refused(400, f"Illegal value: one participant speaks into at most {MIXES} mixes, not {len(request.mixes)}")
    mixes = {mix.mix_name: AudioMix(mix_name=_valid(mix.mix_name), prominent=mix.prominent) for mix in request.mixes}
    sends = tuple(mixes.values()) or (AudioMix(mix_name=MAIN),)
    if asked.target.sound.sends != sends:
        asked.target.sound.sends = sends
        asked.room.updated(asked.target)
    return True


@answers(ReceiveFromAudioMix)
def receive_from_audio_mix(asked: Asked, request: ReceiveFromAudioMix) -> bool:
    """The participant hears another mix, which may be empty, or with none nobody."""
    hears = None if request.mix_name is None else _valid(request.mix_name)
    if asked.target.sound.hears != hears:
        asked.target.sound.hears = hears
        asked.room.updated(asked.target)
    return True


@answers(TxMute)
def tx_mute(asked: Asked, _: TxMute) -> bool:
    """The participant is sent no sound."""
    return _set_tx_muted(asked, True)


@answers(TxUnmute)
def tx_unmute(asked: Asked, _: TxUnmute) -> bool:
    """The participant is sent the mix it is set to hear."""
    return _set_tx_muted(asked, False)


@answers(Studiosound)
def studiosound(asked: Asked, request: Studiosound) -> bool:
    """The participant's sound is left as it is, or not."""
    if asked.target.sound.studio is not request.enabled:
        asked.target.sound.studio = request.enabled
        asked.room.updated(asked.target)
    return True


@answers(Hold)
def hold(asked: Asked, _: Hold) -> bool:
    """The participant's media rests; it presents no more. No `on_hold` event: clients do not agree on its payload."""
    room, member = asked.room, asked.target
    if room.floor == member.uuid:
        room.release_floor(member)
        room.tell(member, PresentationStart())
    return _set_on_hold(asked, True)


@answers(Resume)
def resume(asked: Asked, _: Resume) -> bool:
    """The participant's media goes on."""
    return _set_on_hold(asked, False)


def _set_tx_muted(asked: Asked, muted: bool) -> bool:
    if asked.target.sound.tx_muted is not muted:
        asked.target.sound.tx_muted = muted
        asked.room.updated(asked.target)
    return True


def _set_on_hold(asked: Asked, on_hold: bool) -> bool:
    room, member = asked.room, asked.target
    if member.on_hold is not on_hold:
        member.on_hold = on_hold
        room.updated(member)
        if member.has_media and not member.waiting:
            room.stage_changed()
    return True


def _valid(name: str) -> str:
    if wrong := fault(name):
        raise Refused(400, f"Illegal value: {wrong}")
    return name
