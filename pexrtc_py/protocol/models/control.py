"""What hosts set: layouts and indicators, and when a still picture counts as nobody."""

from __future__ import annotations

from typing import Annotated

from pydantic import AliasChoices, Field

from pexrtc_py.protocol.layouts import OpenLayout
from pexrtc_py.protocol.models.words import Strings
from pexrtc_py.protocol.wire import Wire


class StreamingTransforms(Wire):
    """What a streaming participant gets instead of what the others see; what is absent stays as it is.

    `presentation_in_mix` was called `ac_presentation_in_mix` before version 35.
    """

    layout: OpenLayout | None = None
    waiting_screen_enabled: bool | None = None
    plus_n_pip_enabled: bool | None = None
    indicators_enabled: bool | None = None
    presentation_in_mix: bool | None = Field(default=None, validation_alias=AliasChoices("presentation_in_mix", "ac_presentation_in_mix"))


class Transforms(Wire):
    """Changes to layout and indicators, added to those before; none at all resets everything.

    `layout` is `host_layout` by another name; `guest_layout` exists in lectures only. `free_form_overlay_text` stands instead of the names,
    by place.
    """

    layout: OpenLayout | None = None
    host_layout: OpenLayout | None = None
    guest_layout: OpenLayout | None = None
    enable_extended_ac: bool | None = None
    streaming_indicator: bool | None = None
    recording_indicator: bool | None = None
    transcribing_indicator: bool | None = None
    enable_active_speaker_indication: bool | None = None
    enable_overlay_text: bool | None = None
    plus_n_pip_enabled: bool | None = None
    free_form_overlay_text: Strings | None = None
    streaming: StreamingTransforms | None = None


class HandmadeLayout(Wire):
    """Who is in which place, and in which layout; no document describes what `override_layout` takes, so this is our reading."""

    layout: OpenLayout | None = None
    participants: Strings = ()


class SilentVideo(Wire):
    """When a video without faces and movement leaves the picture, and when it is back; times in seconds."""

    enable: bool = True
    silent_after: Annotated[float, Field(ge=1, le=120)] = 15
    require_no_faces: bool = True
    reactivate_after: Annotated[float, Field(ge=1, le=5)] = 2
