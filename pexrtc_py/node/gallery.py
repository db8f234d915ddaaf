"""The pictures that participants of a room see now, and copies of them for whoever looks on."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING

from av import VideoFrame
from PIL.Image import fromarray

from pexrtc_py.engine.types import Slot
from pexrtc_py.node.plan import Watched
from pexrtc_py.node.routing import Board, other_section
from pexrtc_py.node.signs import Signs
from pexrtc_py.node.snapshots import LOW, snapshot
from pexrtc_py.node.splash import TEXT, drawn

if TYPE_CHECKING:
    from pexrtc_py.node.bridge_room import BridgedRoom


@dataclass(frozen=True)
class _Sight:
    """A picture, and where it comes from: the name of a view or a source, or a splash."""

    watched: Watched
    source: str | Board


def watched(room: BridgedRoom) -> tuple[Watched, ...]:
    """Each picture once, with all who see it."""
    return tuple(sight.watched for sight in _sights(room).values())


async def picture(room: BridgedRoom, id: str, executor: Executor) -> bytes | None:
    """A JPEG of one of them, at most `LOW` in size; None when it is gone, or nothing of it arrives within some seconds."""
    sight, loop = _sights(room).get(id), asyncio.get_running_loop()
    if sight is None:
        return None
    if isinstance(sight.source, Board):
        return await loop.run_in_executor(executor, _splash, room.signs, sight.source)
    if sight.watched.kind == "composed":
        frame = room.composer.picture(sight.source)
        return await loop.run_in_executor(executor, _jpeg, frame) if frame is not None else None
    slot = Slot.PRESENTATION if sight.watched.kind == "slides" else Slot.VIDEO
    keyframe = await room.video[slot].keyframe({sight.source})
    still = await loop.run_in_executor(executor, snapshot, keyframe) if keyframe is not None else None
    return still.low if still is not None else None


def _sights(room: BridgedRoom) -> dict[str, _Sight]:
    sights: dict[str, _Sight] = {}
    owners = {name: call.participant for call in room.calls.values() for name in (call.call, other_section(call.call))}
    composed = room.composer.stats
    for call in room.calls.values():
        source, board = room.video[Slot.VIDEO].shown(call.call), room.video[Slot.VIDEO].board(call.call)
        if board is not None:
            _see(sights, call.participant, _Sight(Watched(f"splash {board}", "splash", of=TEXT[board]), board))
        elif source is not None and source in composed:
            _see(sights, call.participant, _Sight(Watched(source, "composed", size=composed[source].size), source))
        elif source is not None:
            _see(sights, call.participant, _Sight(Watched(f"from {source}", "forwarded", of=owners.get(source, "")), source))
        slides = room.video[Slot.PRESENTATION].shown(call.call)
        if slides is not None:
            _see(sights, call.participant, _Sight(Watched(f"slides {slides}", "slides", of=owners.get(slides, "")), slides))
    return sights


def _see(sights: dict[str, _Sight], viewer: str, sight: _Sight) -> None:
    known = sights.setdefault(sight.watched.id, sight)
    sights[sight.watched.id] = replace(known, watched=replace(known.watched, viewers=(*known.watched.viewers, viewer)))


def _splash(signs: Signs, board: Board) -> bytes:
    written = BytesIO()
    drawn(signs, board).save(written, "JPEG", quality=85)
    return written.getvalue()


def _jpeg(frame: VideoFrame) -> bytes:
    image, written = fromarray(frame.to_ndarray(format="rgb24")), BytesIO()
    image.thumbnail(LOW)
    image.save(written, "JPEG", quality=80)
    return written.getvalue()
