"""Personal layouts: a participant's own mix of pictures, of which this node knows one each, `main.!personal`.

It chooses the layout that the participant is told of; as everywhere on this node, what is sent stays the active speaker.
"""

from __future__ import annotations

from pexrtc_py.node import views
from pexrtc_py.node.admission import Refused
from pexrtc_py.node.asked import Asked, answers
from pexrtc_py.node.rules.layout import check_layout
from pexrtc_py.protocol.models import VideoMix, VideoMixConfig, VideoMixLayout
from pexrtc_py.protocol.requests import ConfigureVideoMix, CreateVideoMix, DeleteVideoMix

PERSONAL = "main.!personal"
NO_MIX = "There is no such mix"


@answers(CreateVideoMix)
def create(asked: Asked, request: CreateVideoMix) -> bool:
    """The asking participant has a mix of its own from now on; a second time changes nothing."""
    if request.mix_name != PERSONAL:
        raise Refused(400, f"Illegal value: the mixes of this node are called {PERSONAL}")
    if asked.sender.personal_mix is None:
        _receive(asked, VideoMix(mix_name=PERSONAL, timestamp=asked.now))
    return True


@answers(ConfigureVideoMix)
def configure(asked: Asked, request: ConfigureVideoMix) -> bool:
    """The mix has another layout; with none, that of the conference."""
    mix, layout = _own(asked, request.mix_name), request.transform_layout.layout
    check_layout(layout)
    config = VideoMixConfig(transform_layout=VideoMixLayout(layout=layout))
    if mix.mix_config != config:
        _receive(asked, VideoMix(mix_name=PERSONAL, timestamp=asked.now, mix_config=config))
    return True


@answers(DeleteVideoMix)
def delete(asked: Asked, request: DeleteVideoMix) -> bool:
    """The participant receives the main mix again."""
    _own(asked, request.mix_name)
    _receive(asked, None)
    return True


def _own(asked: Asked, name: str) -> VideoMix:
    mix = asked.sender.personal_mix
    if mix is None or name != PERSONAL:
        raise Refused(404, NO_MIX)
    return mix


def _receive(asked: Asked, mix: VideoMix | None) -> None:
    asked.sender.personal_mix = mix
    asked.room.updated(asked.sender)
    if not asked.sender.waiting:
        asked.room.tell(asked.sender, views.layout(asked.room, asked.sender))
