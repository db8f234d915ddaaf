"""Makes the pictures of the node's page that the documentation shows: `python -m tests.page_pictures`."""

from __future__ import annotations

import asyncio
import base64
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image

from pexrtc_py.node import Bot, Node, Vmr
from tests.interop.chromium import chromium, devtools
from tests.interop.page_visitor import PageVisitor, at_page

FOLDER = Path(__file__).parents[1] / "docs" / "images"


async def make(folder: Path) -> None:
    """Write a wide and a narrow one, both of a call with two others who show what there is."""
    async with Node(Vmr("meet.alice", name="Alice's room"), Vmr("lab", host_pin="1234"), ui=True) as node:
        for name in ("Ada", "Grace"):
            node.room("meet.alice").add(Bot(name, slides=True))
        with tempfile.TemporaryDirectory() as profile, chromium(Path(profile)) as address:
            async with devtools(address) as browser, at_page(browser, f"{node.page}#meet.alice", camera=None) as visitor:
                await visitor.click("[data-layout='ac']")
                await visitor.click("#controls [data-key='Names']")
                await visitor.click("#join button")
                await visitor.is_there("#leave")
                await visitor.click("#people button[aria-label='Slides: Grace']")
                await visitor.is_there("#slides")
                await asyncio.sleep(15)
                await _taken(visitor, folder / "page.png", 1280, 2250, "light")
                await _taken(visitor, folder / "page-phone.png", 390, 1900, "dark")


async def _taken(visitor: PageVisitor, path: Path, width: int, height: int, scheme: str) -> None:
    await visitor.tab.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)
    await visitor.tab.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    await visitor.tab.run("() => scrollTo(0, 0)")
    await asyncio.sleep(3)
    taken = await visitor.tab.ask("Page.captureScreenshot", format="png")
    Image.open(BytesIO(base64.b64decode(taken["data"]))).convert("RGB").quantize(200).save(path, optimize=True)


if __name__ == "__main__":
    asyncio.run(make(FOLDER))
