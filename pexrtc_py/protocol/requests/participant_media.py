"""What is asked of one participant about its media: sound, captions, its camera, statistics."""

from __future__ import annotations

from typing import Annotated

from pexrtc_py.protocol.declare import HOST, HOST_OR_SELF, SELF, ParticipantRequest, post
from pexrtc_py.protocol.models import AudioMix, FeccMovement, OpenFeccAction, ParticipantId, StreamStatistics
from pexrtc_py.protocol.wire import SEND_NULL, Done, Nothing


@post("allowrxpresentation", by=HOST)
class AllowRxPresentation(ParticipantRequest[Done]):
    """Let the participant receive presentations."""


@post("denyrxpresentation", by=HOST)
class DenyRxPresentation(ParticipantRequest[Done]):
    """Send the participant no presentations."""


@post("dtmf", by=HOST, since=10)
class Dtmf(ParticipantRequest[Done]):
    """Send the participant tones."""

    digits: str


@post("fecc", by=HOST, since=27)
class Fecc(ParticipantRequest[Done]):
    """Move the participant's camera, for `timeout` ms: 1000 to start with, 200 to go on."""

    action: OpenFeccAction
    movement: tuple[FeccMovement, ...] = ()
    timeout: float | None = None
    target: ParticipantId | None = None


@post("statistics", by=SELF, since=20)
class Statistics(ParticipantRequest[Nothing]):
    """Report how media fare in direct media, at the interval the token names; where version 37 documents it. See CallStatistics."""

    audio: StreamStatistics | None = None
    video: StreamStatistics | None = None
    presentation: StreamStatistics | None = None


@post("show_live_captions", by=HOST_OR_SELF, since=20)
class ShowLiveCaptions(ParticipantRequest[Nothing]):
    """Send the participant what is said as text."""


@post("hide_live_captions", by=HOST_OR_SELF, since=20)
class HideLiveCaptions(ParticipantRequest[Nothing]):
    """Send the participant no more captions."""


@post("send_to_audio_mixes", by=HOST_OR_SELF, since=35)
class SendToAudioMixes(ParticipantRequest[Done]):
    """Say who hears the participant: the mixes it speaks into, and in which it is prominent. None is the main mix alone."""

    mixes: tuple[AudioMix, ...] = ()


@post("receive_from_audio_mix", by=HOST_OR_SELF, since=35)
class ReceiveFromAudioMix(ParticipantRequest[Done]):
    """Say whom the participant hears: `main.french` is all who speak into it or into `main`; None is nobody."""

    mix_name: Annotated[str | None, SEND_NULL]


@post("tx_mute", by=HOST_OR_SELF, since=None)
class TxMute(ParticipantRequest[Done]):
    """Send the participant no sound."""


@post("tx_unmute", by=HOST_OR_SELF, since=None)
class TxUnmute(ParticipantRequest[Done]):
    """Send the participant sound again."""


@post("studiosound", by=HOST_OR_SELF, since=None)
class Studiosound(ParticipantRequest[Done]):
    """Leave the participant's sound unprocessed, or not."""

    enabled: bool
