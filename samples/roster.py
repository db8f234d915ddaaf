"""Show who is in a conference, without any media, whenever that changes.

python samples/roster.py meet.alice --node http://127.0.0.1:8080 --seconds 60
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys

import pexrtc_py


def told(conference: pexrtc_py.Conference) -> str:
    """One line per participant; whoever spoke last has a star."""
    speaking = conference.stage[0].participant_uuid if conference.stage else None
    people = [f"  {'*' if uuid == speaking else ' '} {person.display_name}" for uuid, person in conference.participants.items()]
    return "\n".join([f"{len(people)} in {conference.address.conference}", *people])


async def watch(options: argparse.Namespace) -> None:
    """Join for control only and print the roster after each change."""
    async with pexrtc_py.join(options.alias, node=options.node, display_name="Watcher", pin=options.pin, media=False) as conference:
        shown = ""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(options.seconds):
                async for _ in conference.events():  # the first is a snapshot, so that the roster is shown at once
                    if shown != (shown := told(conference)):
                        print(shown, flush=True)


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("alias", help="the conference, e.g. meet.alice")
    parser.add_argument("--node", help="URL of the conferencing node")
    parser.add_argument("--pin")
    parser.add_argument("--seconds", type=float, help="default: until the conference ends")
    try:
        asyncio.run(watch(parser.parse_args()))
    except pexrtc_py.PexRTCError as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
