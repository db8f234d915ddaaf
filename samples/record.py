"""Record a conference until it ends, or for some seconds; nothing is decoded.

python samples/record.py meet.alice meeting.mkv --node http://127.0.0.1:8080 --seconds 10
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys

import pexrtc_py


async def record(options: argparse.Namespace) -> None:
    """Join as a bot and write what arrives into a file."""
    async with pexrtc_py.join(options.alias, node=options.node, display_name="Recorder", pin=options.pin) as conference:
        recording = await conference.record(options.file)

        @conference.on(pexrtc_py.RecordingFailed)
        def failed(event: pexrtc_py.RecordingFailed) -> None:
            print(f"The file cannot be written any further: {event.error}", file=sys.stderr)

        with contextlib.suppress(TimeoutError):
            await conference.wait_for(pexrtc_py.Ended, timeout=options.seconds)
    # Leaving the block has finished the file.
    result = recording.result
    print(f"{result.path}: {result.duration:.1f} s, {result.bytes} bytes")
    for name, track in result.tracks.items():
        print(f"  {name}: {track.codec or 'nothing arrived'}, {track.units} units, {track.dropped} dropped")


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("alias", help="the conference, e.g. meet.alice")
    parser.add_argument("file", help="ending in .mkv, .webm or .mp4")
    parser.add_argument("--node", help="URL of the conferencing node")
    parser.add_argument("--pin")
    parser.add_argument("--seconds", type=float, help="default: until the conference ends")
    try:
        asyncio.run(record(parser.parse_args()))
    except pexrtc_py.PexRTCError as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
