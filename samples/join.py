"""Take part in a conference with a test pattern and a tone, and say what happens.

python samples/join.py meet.alice --node http://127.0.0.1:8080 --seconds 10
"""

from __future__ import annotations

import argparse
import asyncio
import sys

import pexrtc_py
from pexrtc_py.media import Pattern, Tone


async def take_part(options: argparse.Namespace) -> None:
    """Join, print the events, and leave after a while."""
    async with pexrtc_py.join(
        options.alias,
        node=options.node,
        display_name=options.name,
        pin=options.pin,
        audio=Tone(440),
        video=Pattern((640, 360), fps=15),
    ) as conference:

        async def leave_later() -> None:
            await asyncio.sleep(options.seconds)
            await conference.leave()

        leaving = asyncio.create_task(leave_later())
        try:
            async for event in conference.events():  # a RosterSnapshot first, Ended last
                print(type(event).__name__, event, flush=True)
        finally:
            leaving.cancel()


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("alias", help="the conference, e.g. meet.alice")
    parser.add_argument("--node", help="URL of the conferencing node")
    parser.add_argument("--name", default="Sample")
    parser.add_argument("--pin")
    parser.add_argument("--seconds", type=float, default=10.0)
    try:
        asyncio.run(take_part(parser.parse_args()))
    except pexrtc_py.PexRTCError as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
