"""Our engine and recorder without signaling: `python -m benchmarks.recording.peers.ours URL CALLS SECONDS FOLDER [slides]`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from benchmarks.recording.told import post, say
from pexrtc_media.base import AccessUnit
from pexrtc_media.recorder import Recorder
from pexrtc_py.engine.peer import Peer
from pexrtc_py.engine.types import Direction, Slot, SlotOptions


async def record(url: str, number: int, seconds: float, folder: Path, *, slides: bool) -> None:
    """One call."""
    slots = {Slot.AUDIO: SlotOptions(direction=Direction.RECVONLY), Slot.VIDEO: SlotOptions(direction=Direction.RECVONLY, codecs=("vp8",))}
    if slides:
        slots[Slot.PRESENTATION] = SlotOptions(direction=Direction.RECVONLY, codecs=("vp8",))
    peer = Peer(slots=slots)
    recorder = Recorder(folder / f"{number}.webm", presentation=slides)
    inputs = {Slot.AUDIO: recorder.audio, Slot.VIDEO: recorder.video, Slot.PRESENTATION: recorder.presentation}

    def first(unit: AccessUnit) -> None:
        say("first_frame", call=number)
        leave()

    for slot in slots:
        peer.transceivers[slot].receiver.subscribe(inputs[slot].put, relaxed=True)
    leave = peer.transceivers[Slot.VIDEO].receiver.subscribe(first, relaxed=True)
    offer = await peer.create_offer()
    say("offer_sent", call=number)
    await peer.set_answer(await asyncio.to_thread(post, url + "/offer", offer))
    await peer.gather()
    await peer.wait_connected()
    await asyncio.sleep(seconds)
    say("file", call=number, path=str(recorder.path))
    await recorder.aclose()
    await peer.close()


async def main(url: str, calls: int, seconds: float, folder: Path, *, slides: bool) -> None:
    """So many calls, begun one after the other."""

    async def one(number: int) -> None:
        await asyncio.sleep(number * 0.37)
        await record(url, number, seconds, folder, slides=slides)

    await asyncio.gather(*(one(number) for number in range(calls)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]), slides="slides" in sys.argv[5:]))
