"""Conferences and breakout rooms: their state, who is on stage, the layouts asked for, what is shown over the picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from pexrtc_py.protocol.layouts import CurrentLayout
from pexrtc_py.protocol.models.words import BreakoutId, OpenEndAction, ParticipantId, Strings
from pexrtc_py.protocol.wire import SEND_NULL, Forgiving, UnixTime


class Classification(Forgiving):
    """The classification levels a conference knows, by number, and the one that holds."""

    levels: Mapping[str, str] = Field(default_factory=dict)
    current: Annotated[int | None, SEND_NULL] = None


class MessageText(Forgiving):
    """The banner over everybody's picture and when it was set; an empty text is none. A bare string counts as the text."""

    text: str = ""
    set_time: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, data: Any) -> Any:
        return {"text": data} if isinstance(data, str) else data


class PinningConfig(Forgiving):
    """Which of the theme's rules for pinning participants holds; empty for none."""

    pinning_config: str = ""


class BreakoutCreated(Forgiving):
    """The new breakout room."""

    breakout_uuid: BreakoutId


class BreakoutBuzz(Forgiving):
    """Whether a breakout room asks for help, and since when (Unix seconds)."""

    value: bool = False
    time: UnixTime = 0


class ConferenceStatus(Forgiving):
    """The state of a conference or breakout room; the last fields exist in breakout rooms only, `end_time` 0 is never."""

    locked: bool = False
    guests_muted: bool = False
    started: bool = True
    all_muted: bool = False
    presentation_allowed: bool = True
    live_captions_available: bool = False
    direct_media: bool = False
    guests_can_unmute: bool = True
    guests_can_present: bool = True
    classification: Classification = Classification()
    message_text: MessageText | None = None
    pinning_config: str = ""
    breakout_rooms: bool = False
    breakout: bool | None = None
    breakout_name: str | None = None
    breakout_description: str | None = None
    end_action: OpenEndAction | None = None
    end_time: UnixTime | None = None
    breakout_guests_allowed_to_leave: bool | None = None
    breakoutbuzz: BreakoutBuzz | None = None


class StageEntry(Forgiving):
    """A place on the stage, 0 for who spoke last; `vad` is 100 while speaking, else 0."""

    participant_uuid: ParticipantId
    stage_index: int = 0
    vad: int = 0


class PrimaryScreen(Forgiving):
    """The layouts asked for, by role."""

    chair_layout: CurrentLayout = ""
    guest_layout: CurrentLayout = ""


class RequestedLayout(Forgiving):
    """What layout was asked for; version 37's table has a bare string, which counts for both roles."""

    primary_screen: PrimaryScreen = PrimaryScreen()

    @model_validator(mode="before")
    @classmethod
    def _both(cls, data: Any) -> Any:
        return {"primary_screen": {"chair_layout": data, "guest_layout": data}} if isinstance(data, str) else data


class AvailableLayout(Forgiving):
    """A layout one may ask for; on the wire it is its bare name, or with `tags`, which say what it is like, an object."""

    name: CurrentLayout
    tags: Strings | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, data: Any) -> Any:
        return {"name": data} if isinstance(data, str) else data

    @model_serializer(mode="wrap")
    def _leave_out(self, handler: SerializerFunctionWrapHandler) -> Any:
        return str(self.name) if self.tags is None else handler(self)


class CaptionSource(Forgiving):
    """Who said which words of a caption, by their places in it."""

    participant_uuid: ParticipantId
    indices: tuple[int, ...] = ()
