"""Wishes for the picture: they are checked, kept and announced. What is shown stays the active speaker, for this node composes nothing."""

from __future__ import annotations

from typing import Any, Literal

from pexrtc_py.node.admission import Refused
from pexrtc_py.node.asked import Asked, answers
from pexrtc_py.node.rules.control import TEXT_LENGTH
from pexrtc_py.protocol.layouts import OLD_NAMES, Layout
from pexrtc_py.protocol.models import AvailableLayout, PinningConfig, StreamingTransforms, Transforms
from pexrtc_py.protocol.requests import (
    AvailableLayouts,
    GetPinningConfig,
    LayoutGroup,
    PreferredAspectRatio,
    PresInMix,
    SetPinningConfig,
    SilentVideoDetection,
    TransformLayout,
)

NAME_LENGTH = 250
TEXTS = 100
"""Free-form texts of one request that are kept, one a place; no layout has more places."""
LAYOUTS = tuple(layout for layout in Layout if layout is not Layout.TEAMS)
"""What may be asked for; the layout of Teams exists in gateway calls to it alone."""


@answers(TransformLayout)
def transform_layout(asked: Asked, request: TransformLayout) -> bool:
    """Add to the transforms asked for before, or with none at all take all of them back; everybody learns the layout wanted."""
    room, asked_for = asked.room, request.transforms
    _check(asked_for, lecture=room.vmr.service_type == "lecture")
    transforms = _merged(room.settings.transforms, asked_for) if asked_for.model_fields_set else Transforms()
    if transforms != room.settings.transforms:
        room.settings.transforms = transforms
        room.layout_changed()
    return True


@answers(AvailableLayouts)
def available_layouts(asked: Asked, request: AvailableLayouts) -> list[AvailableLayout]:
    """The built-in layouts, for there is no theme to bring more; none of them has tags."""
    return [AvailableLayout(name=layout, tags=() if request.annotate else None) for layout in LAYOUTS]


@answers(SetPinningConfig)
def set_pinning_config(asked: Asked, request: SetPinningConfig) -> bool:
    """Another rule for pinning holds. Any name is taken, for there is no theme to say which exist."""
    asked.room.settings.pinning_config = request.pinning_config[:NAME_LENGTH]
    asked.room.conference_updated()
    return True


@answers(GetPinningConfig)
def pinning_config(asked: Asked, _: GetPinningConfig) -> PinningConfig:
    """The rule for pinning that holds."""
    return PinningConfig(pinning_config=asked.room.settings.pinning_config)


@answers(SilentVideoDetection)
def silent_video_detection(asked: Asked, request: SilentVideoDetection) -> bool:
    """Kept for whoever looks; no picture is examined."""
    asked.room.settings.silent_video = request.config
    return True


@answers(LayoutGroup)
def layout_group(asked: Asked, request: LayoutGroup) -> bool:
    """The participant belongs to a group of the pinning rules, or with an empty name to none."""
    return _set(asked, "layout_group", request.layout_group[:NAME_LENGTH] or None)


@answers(PresInMix)
def pres_in_mix(asked: Asked, request: PresInMix) -> bool:
    """The participant wants presentations in its picture, or not."""
    return _set(asked, "presentation_in_mix", request.state)


@answers(PreferredAspectRatio)
def preferred_aspect_ratio(asked: Asked, request: PreferredAspectRatio) -> bool:
    """Kept as a hint; nothing is told of it, and the picture stays as it is."""
    asked.target.aspect_ratio = request.aspect_ratio
    return True


def _set(asked: Asked, field: Literal["layout_group", "presentation_in_mix"], value: str | bool | None) -> bool:
    if getattr(asked.target, field) != value:
        setattr(asked.target, field, value)
        asked.room.updated(asked.target)
    return True


def _check(transforms: Transforms, *, lecture: bool) -> None:
    streaming = transforms.streaming.layout if transforms.streaming else None
    for name in (transforms.layout, transforms.host_layout, transforms.guest_layout, streaming):
        if name is not None and name not in (*LAYOUTS, *OLD_NAMES):
            raise Refused(400, f"Illegal value: this node has no layout {str(name)[:NAME_LENGTH]!r}")
    if transforms.guest_layout is not None and not lecture:
        raise Refused(400, "Illegal value: there is a guest_layout in lectures only")


def _merged(before: Transforms, new: Transforms) -> Transforms:
    fields = _given(new)
    if (host := fields.pop("layout", None)) is not None:
        fields.setdefault("host_layout", host)
    if new.free_form_overlay_text is not None:
        fields["free_form_overlay_text"] = tuple(text[:TEXT_LENGTH] for text in new.free_form_overlay_text[:TEXTS])
    if new.streaming is not None:
        fields["streaming"] = StreamingTransforms(**(_given(before.streaming or StreamingTransforms()) | _given(new.streaming)))
    return Transforms(**(_given(before) | fields))


def _given(transforms: Transforms | StreamingTransforms) -> dict[str, Any]:
    """What is set of the known fields; others, which a client may send, mean nothing here and are not kept."""
    values = {name: getattr(transforms, name) for name in type(transforms).model_fields}
    return {name: value for name, value in values.items() if value is not None}
