"""Wishes for the picture: they are checked, kept and announced; what comes of them is `picture`'s to say."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

from pexrtc_py.errors import ProtocolError
from pexrtc_py.node import watching
from pexrtc_py.node.admission import Refused
from pexrtc_py.node.asked import Asked, answers
from pexrtc_py.node.rules.control import TEXT_LENGTH
from pexrtc_py.node.seating import capacity, drawing, seats
from pexrtc_py.protocol.layouts import OLD_NAMES, Layout
from pexrtc_py.protocol.models import AvailableLayout, HandmadeLayout, PinningConfig, StreamingTransforms, Transforms
from pexrtc_py.protocol.requests import (
    AvailableLayouts,
    GetPinningConfig,
    LayoutGroup,
    LayoutSvgs,
    OverrideLayout,
    PreferredAspectRatio,
    PresInMix,
    SetPinningConfig,
    SilentVideoDetection,
    TransformLayout,
)
from pexrtc_py.protocol.wire import decode

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
        watching.forget(room)
        room.layout_changed()
    return True


@answers(AvailableLayouts)
def available_layouts(asked: Asked, request: AvailableLayouts) -> list[AvailableLayout]:
    """The built-in layouts, for there is no theme to bring more; tags say whether all places are equal or some are larger."""
    return [AvailableLayout(name=layout, tags=_tags(layout) if request.annotate else None) for layout in LAYOUTS]


@answers(LayoutSvgs)
def layout_svgs(asked: Asked, _: LayoutSvgs) -> dict[str, str]:
    """A drawing of each of them."""
    return {str(layout): _drawing(layout) for layout in LAYOUTS}


@answers(OverrideLayout)
def override_layout(asked: Asked, request: OverrideLayout) -> bool:
    """People have the first places as a Host says, and with a layout everybody has that; nothing takes it back. For one screen."""
    by_hand = [_by_hand(asked, layout) for layout in request.layouts]
    if len(by_hand) > 1:
        raise Refused(400, f"Illegal value: everybody has one screen here, and you send layouts for {len(by_hand)}")
    asked.room.settings.by_hand = by_hand[0] if by_hand else None
    asked.room.layout_changed()
    return True


@answers(SetPinningConfig)
def set_pinning_config(asked: Asked, request: SetPinningConfig) -> bool:
    """Another rule for pinning holds. Any name is taken, for there is no theme to say which exist."""
    room, config = asked.room, request.pinning_config[:NAME_LENGTH]
    if room.settings.pinning_config != config:
        room.settings.pinning_config = config
        room.conference_updated()
        if any(member.layout_group for member in room.members.values()):
            room.layout_changed()
    return True


@answers(GetPinningConfig)
def pinning_config(asked: Asked, _: GetPinningConfig) -> PinningConfig:
    """The rule for pinning that holds."""
    return PinningConfig(pinning_config=asked.room.settings.pinning_config)


@answers(SilentVideoDetection)
def silent_video_detection(asked: Asked, request: SilentVideoDetection) -> bool:
    """When a picture that rests leaves an Adaptive Composition; in other layouts nothing is looked at."""
    asked.room.settings.silent_video = request.config
    watching.forget(asked.room)
    return True


@answers(LayoutGroup)
def layout_group(asked: Asked, request: LayoutGroup) -> bool:
    """The participant belongs to a group of the pinning rules, or with an empty name to none."""
    group = request.layout_group[:NAME_LENGTH] or None
    changes = group != asked.target.layout_group and asked.room.settings.pinning_config and asked.target in asked.room.stage
    _set(asked, "layout_group", group)
    if changes:
        asked.room.layout_changed()
    return True


@answers(PresInMix)
def pres_in_mix(asked: Asked, request: PresInMix) -> bool:
    """The participant wants presentations in its picture, or not."""
    return _set(asked, "presentation_in_mix", request.state)


@answers(PreferredAspectRatio)
def preferred_aspect_ratio(asked: Asked, request: PreferredAspectRatio) -> bool:
    """Whether the picture is composed wide or high; nothing is told of it."""
    asked.target.aspect_ratio = request.aspect_ratio
    asked.room.outbox.changed = True
    return True


def _set(asked: Asked, field: Literal["layout_group", "presentation_in_mix"], value: str | bool | None) -> bool:
    if getattr(asked.target, field) != value:
        setattr(asked.target, field, value)
        asked.room.updated(asked.target)
    return True


def check_layout(name: str | None) -> None:
    """Refuse a layout that may not be asked for."""
    if name is not None and name not in (*LAYOUTS, *OLD_NAMES):
        raise Refused(400, f"Illegal value: this node has no layout {str(name)[:NAME_LENGTH]!r}")


@cache
def _drawing(layout: Layout) -> str:
    return drawing(layout)


def _tags(layout: Layout) -> tuple[str, ...]:
    # Two tags are documented, by one example each; a third is about several screens, which nobody has here. Adaptive ones are neither.
    if layout is Layout.ADAPTIVE:
        return ()
    first, *others = seats(layout, capacity(layout))
    return ("equal",) if others and all(seat.width == first.width for seat in others) else ("speaker-focus",)


def _by_hand(asked: Asked, layout: object) -> HandmadeLayout:
    try:
        by_hand = decode(HandmadeLayout, layout)
    except ProtocolError as error:
        raise Refused(400, f"Illegal value: {error}") from None
    check_layout(by_hand.layout)
    if unknown := set(by_hand.participants) - asked.room.members.keys():
        raise Refused(400, f"Illegal value: {len(unknown)} of the {len(by_hand.participants)} participants are not in this conference")
    return by_hand


def _check(transforms: Transforms, *, lecture: bool) -> None:
    streaming = transforms.streaming.layout if transforms.streaming else None
    for name in (transforms.layout, transforms.host_layout, transforms.guest_layout, streaming):
        check_layout(name)
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
