"""Present pictures as slides, one after the other, until all were shown or somebody else takes the floor.

python samples/present.py meet.alice one.png two.png --node http://127.0.0.1:8080
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys

import pexrtc_py
from pexrtc_py.media import ImageSequence, Silence


async def present(options: argparse.Namespace) -> None:
    """Join without a camera, hold the floor for as long as the slides last."""
    slides = ImageSequence(options.slides, options.each, loop=True)
    length = options.each * len(options.slides)
    async with pexrtc_py.join(options.alias, node=options.node, display_name="Presenter", pin=options.pin, audio=Silence()) as conference:
        stolen = asyncio.ensure_future(conference.wait_for(pexrtc_py.PresentationLost))
        try:
            async with conference.present(slides):
                print(f"Presenting {len(options.slides)} slides for {length:g} s", flush=True)
                with contextlib.suppress(TimeoutError):
                    lost = await asyncio.wait_for(stolen, length)
                    print(f"Somebody else presents now: {lost}")
        finally:
            stolen.cancel()


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("alias", help="the conference, e.g. meet.alice")
    parser.add_argument("slides", nargs="+", help="picture files")
    parser.add_argument("--each", type=float, default=5.0, help="seconds for each slide")
    parser.add_argument("--node", help="URL of the conferencing node")
    parser.add_argument("--pin")
    try:
        asyncio.run(present(parser.parse_args()))
    except (pexrtc_py.PexRTCError, pexrtc_py.media.MediaError) as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
