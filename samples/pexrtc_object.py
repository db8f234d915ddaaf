"""Take part by the names of the vendor's JavaScript object, answering the PIN when asked, and chat.

python samples/pexrtc_object.py meet.alice --node http://127.0.0.1:8080 --seconds 10
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from pexrtc_py import MediaStream, PexRTC, PexRTCError
from pexrtc_py.media import Pattern, Tone


async def take_part(options: argparse.Namespace) -> None:
    """Call, say hello, show what is received, and leave after a while."""
    rtc, over = PexRTC(), asyncio.Event()

    def setup(_: object, pin_status: str, *more: object) -> None:
        print(f"PIN: {pin_status}", flush=True)
        rtc.connect(options.pin if pin_status != "none" else None)

    def connected(_: object) -> None:
        print(f"Connected as {rtc.role}", flush=True)
        rtc.send_chat_message("Hello")

    def ended(why: str) -> None:
        print(why, file=sys.stderr)
        over.set()

    rtc.user_media_stream = MediaStream(audio=Tone(440), video=Pattern((640, 360), fps=15))
    rtc.on_setup, rtc.on_connect = setup, connected
    rtc.on_participant_create = lambda person: print(f"{person.display_name} is here", flush=True)
    rtc.on_chat_message = lambda message: print(f"{message.origin}: {message.payload}", flush=True)
    rtc.on_disconnect = rtc.on_error = ended
    await rtc.make_call(options.node, options.alias, "Sample")
    try:
        await asyncio.wait_for(over.wait(), options.seconds)
    except TimeoutError:
        print("Received", rtc.get_media_statistics()["incoming"]["video"]["resolution"])
    await rtc.disconnect()


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("alias", help="the conference, e.g. meet.alice")
    parser.add_argument("--node", required=True, help="URL of the conferencing node")
    parser.add_argument("--pin")
    parser.add_argument("--seconds", type=float, default=10.0)
    try:
        asyncio.run(take_part(parser.parse_args()))
    except PexRTCError as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
