"""What is asked about pictures: layouts, indicators, pinning, personal mixes."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, JsonValue

from pexrtc_py.protocol.declare import HOST, HOST_OR_SELF, SELF, ConferenceRequest, ParticipantRequest, get, post
from pexrtc_py.protocol.models import AvailableLayout, PinningConfig, SilentVideo, Transforms, VideoMixLayout
from pexrtc_py.protocol.wire import PATH, Done


def _said(value: object) -> object:
    """Read what a script makes of a value it does not have as none."""
    return None if value in ("", "undefined", "null") else value


@post("transform_layout", by=HOST, since=20)
class TransformLayout(ConferenceRequest[Done]):
    """Change layout, indicators and texts, in addition to what was changed before; `Transforms()` resets all of it."""

    transforms: Transforms = Transforms()


@post("override_layout", by=HOST, since=None)
class OverrideLayout(ConferenceRequest[Done]):
    """Put participants into places by hand; an older way that no document has. No layouts at all resets it."""

    layouts: tuple[JsonValue, ...] = ()


@get("available_layouts", since=33)
class AvailableLayouts(ConferenceRequest[list[AvailableLayout]]):
    """The layouts one may ask for, those of the theme included; `annotate` adds tags, since version 37."""

    annotate: Annotated[bool | None, BeforeValidator(_said)] = None


@get("layout_svgs", since=34)
class LayoutSvgs(ConferenceRequest[dict[str, str]]):
    """A drawing of each layout, as SVG text by the layout's name."""


@post("set_pinning_config", by=HOST, since=35)
class SetPinningConfig(ConferenceRequest[Done]):
    """Choose one of the theme's rules for pinning the participants of layout groups."""

    pinning_config: str


@get("get_pinning_config", since=35)
class GetPinningConfig(ConferenceRequest[PinningConfig]):
    """The rules for pinning that hold."""


@post("silent_video_detection", by=HOST, since=20)
class SilentVideoDetection(ConferenceRequest[Done]):
    """Say when a video without faces and movement leaves the picture (Adaptive Composition only)."""

    config: SilentVideo = SilentVideo()


@post("video_mixes/create", since=38)
class CreateVideoMix(ConferenceRequest[Done]):
    """Make a personal mix; the name `main.!personal` makes the asking participant's own."""

    mix_name: str


@post("video_mixes/<mix_name>/configure", since=38)
class ConfigureVideoMix(ConferenceRequest[Done]):
    """Change the layout of a personal mix."""

    mix_name: Annotated[str, PATH]
    transform_layout: VideoMixLayout = VideoMixLayout()


@post("video_mixes/<mix_name>/delete", since=38)
class DeleteVideoMix(ConferenceRequest[Done]):
    """Give a personal mix up; who received it receives the main mix again."""

    mix_name: Annotated[str, PATH]


@post("pres_in_mix", by=HOST_OR_SELF, since=27)
class PresInMix(ParticipantRequest[Done]):
    """Show the participant presentations in the picture itself, or not (Adaptive Composition only)."""

    state: bool


@post("preferred_aspect_ratio", by=SELF, since=33)
class PreferredAspectRatio(ParticipantRequest[Done]):
    """Ask for a picture of this width by height (0.5625 is a telephone held upright)."""

    aspect_ratio: Annotated[float, Field(gt=0, le=2)]


@post("layout_group", by=HOST, since=35)
class LayoutGroup(ParticipantRequest[Done]):
    """Put the participant into a group of the theme's pinning rules; an empty name takes it out."""

    layout_group: str = ""
