"""Somebody at the node's own page in Chromium: clicks, types, looks; with a canvas for a camera and an oscillator for a microphone."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np

from pexrtc_media import stamp
from tests.interop.chromium import DevTools, Tab, tab
from tests.interop.visitor import LOOK, Picture, mark_of, stamped
from tests.media_checks import Sound, strength

SECONDS = 20.0
DEVICES = """(camera, screen, hz) => {
    const bitmap = (bytes, { columns, rows }) => {
        const canvas = new OffscreenCanvas(columns, rows), pixels = new ImageData(columns, rows);
        [...atob(bytes)].forEach((cell, index) => pixels.data.set([...Array(3).fill(cell.charCodeAt(0)), 255], 4 * index));
        canvas.getContext('2d').putImageData(pixels, 0, 0);
        return canvas;
    };
    const picture = ({ width, height, fps, colours, stamps, box }) => {
        const canvas = Object.assign(document.createElement('canvas'), { width, height }), pen = canvas.getContext('2d');
        const bitmaps = stamps.map(bytes => bitmap(bytes, box));
        let count = 0;
        const draw = () => {
            pen.imageSmoothingEnabled = false;
            pen.fillStyle = colours[0];
            pen.fillRect(0, 0, width, height);
            pen.drawImage(bitmaps[count++ % bitmaps.length], box.left, box.top, box.width, box.height);
        };
        draw();
        setInterval(draw, 1000 / fps);
        return canvas.captureStream(fps);
    };
    window.sound = new AudioContext({ sampleRate: 48000 });
    const tone = () => {
        const target = sound.createMediaStreamDestination(), oscillator = new OscillatorNode(sound, { frequency: hz });
        oscillator.connect(new GainNode(sound, { gain: 0.3 })).connect(target);
        oscillator.start();
        return target.stream.getTracks();
    };
    navigator.mediaDevices.getUserMedia = async ({ audio, video }) =>
        new MediaStream([...(audio ? tone() : []), ...(video ? picture(camera).getTracks() : [])]);
    navigator.mediaDevices.getDisplayMedia = async () => picture(screen);
}"""
LISTEN = """() => {
    const stream = document.getElementById('main-video').srcObject;
    if (!stream?.getAudioTracks().length) return '';
    if (window.heard !== stream) {
        window.heard = stream;
        window.analyser = new AnalyserNode(sound, { fftSize: 32768 });
        sound.createMediaStreamSource(stream).connect(analyser);
    }
    const samples = new Float32Array(32768);
    analyser.getFloatTimeDomainData(samples);
    let text = '';
    for (const byte of new Uint8Array(samples.buffer)) text += String.fromCharCode(byte);
    return btoa(text);
}"""
SEE = """async (selector, width, height) => {
    const shown = document.querySelector(selector);
    if (!shown || !(shown.videoWidth || shown.naturalWidth)) return null;
    const pen = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
    pen.drawImage(shown, 0, 0, width, height);
    let text = '';
    for (const byte of pen.getImageData(0, 0, width, height).data) text += String.fromCharCode(byte);
    return btoa(text);
}"""
CLICK = """selector => {
    const found = document.querySelector(selector);
    found.scrollIntoView({ block: 'center' });
    const box = found.getBoundingClientRect();
    const hit = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    if (found.disabled || !found.contains(hit)) return false;
    found.focus();
    found.click();
    return true;
}"""
VISIBLE = "[...document.querySelectorAll(selector)].filter(one => one.checkVisibility())"
CHOOSE = """(selector, value) => {
    const list = document.querySelector(selector);
    list.value = value;
    list.dispatchEvent(new Event('change'));
}"""
FOCUSED = """() => {
    const on = document.activeElement, row = on.closest('[data-key]')?.parentElement.id ?? '';
    return on === document.body ? '' : `${row} ${on.id || on.name || on.dataset.layout || on.textContent || on.type}`;
}"""


class PageVisitor:
    """One tab with the page."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab

    async def is_there(self, selector: str, *, words: str = "") -> None:
        """Wait until an element is visible, and holds these words."""
        await self._until(f"(selector, words) => {VISIBLE}.some(one => one.textContent.includes(words))", selector, words)

    async def is_gone(self, selector: str) -> None:
        """Wait until no such element is visible."""
        await self._until(f"selector => !{VISIBLE}.length", selector)

    async def click(self, selector: str) -> None:
        """Click an element once it is there and nothing lies over it, at one go, since what is above it may grow at any time."""
        await self.is_there(selector)
        await self._until(CLICK, selector)

    async def type(self, selector: str, text: str) -> None:
        """Write over what is in a field."""
        await self.tab.run("selector => document.querySelector(selector).select()", selector)
        await self.tab.ask("Input.insertText", text=text)

    async def choose(self, selector: str, value: str) -> None:
        """Take an entry of a list."""
        await self.tab.run(CHOOSE, selector, value)

    async def key(self, key: str, code: int, text: str = "") -> None:
        """Press a key."""
        pressed = {"key": key, "code": key, "windowsVirtualKeyCode": code, **({"text": text} if text else {})}
        await self.tab.ask("Input.dispatchKeyEvent", type="keyDown", **pressed)
        await self.tab.ask("Input.dispatchKeyEvent", type="keyUp", key=key, code=key, windowsVirtualKeyCode=code)

    async def focused(self) -> str:
        """What has the keyboard's focus; nothing when none of the page has."""
        return str(await self.tab.run(FOCUSED))

    async def picture(self, selector: str) -> Picture | None:
        """What an element shows, in `LOOK` size as red, green and blue."""
        pixels = await self.tab.run(SEE, selector, *LOOK)
        return np.frombuffer(base64.b64decode(pixels), np.uint8).reshape(LOOK[1], LOOK[0], 4)[:, :, :3] if pixels else None

    async def mark(self, selector: str) -> stamp.Mark | None:
        """The stamp in it."""
        seen = await self.picture(selector)
        return mark_of(seen) if seen is not None else None

    async def sees(self, stream: int, selector: str = "#main-video") -> None:
        """Wait until an element shows a picture of this stream."""
        end, seen = time.monotonic() + SECONDS, None
        while (seen := await self.mark(selector)) is None or seen.stream != stream:
            assert time.monotonic() < end, f"{selector} does not show stream {stream} within {SECONDS:g} s, but {seen}"
            await asyncio.sleep(0.05)

    async def pictures(self, selector: str, is_it: Callable[[Picture], bool]) -> None:
        """Wait until an element shows such a picture."""
        end = time.monotonic() + SECONDS
        while (seen := await self.picture(selector)) is None or not is_it(seen):
            assert time.monotonic() < end, f"{selector} does not show the picture within {SECONDS:g} s"
            await asyncio.sleep(0.05)

    async def hears(self, hz: float) -> None:
        """Wait until a tone is heard."""
        end = time.monotonic() + SECONDS
        while (level := strength(await self._sound(), hz)) < 0.05:
            assert time.monotonic() < end, f"{hz:g} Hz is not heard within {SECONDS:g} s: {level:.3f}"
            await asyncio.sleep(0.1)

    async def _sound(self) -> Sound:
        samples = np.frombuffer(base64.b64decode(await self.tab.run(LISTEN)), np.float32).astype(np.float64)
        return samples if len(samples) else np.zeros(1000)

    async def _until(self, function: str, *arguments: Any) -> None:
        end = time.monotonic() + SECONDS
        while not await self.tab.run(function, *arguments):
            assert time.monotonic() < end, f"not within {SECONDS:g} s: {function} {arguments}; {self.tab.console}"
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def at_page(browser: DevTools, url: str, *, camera: int | None = 3, screen: int = 4, hz: float = 880.0) -> AsyncIterator[PageVisitor]:
    """Open the page, with devices that show stamps and sound a tone (`camera` None: with those there are); no complaint may be left."""
    async with tab(browser, url) as opened:
        visitor = PageVisitor(opened)
        await opened.run("() => new Promise(done => document.readyState === 'complete' ? done() : addEventListener('load', done))")
        await visitor.is_there("#rooms, #empty")
        if camera is not None:
            await opened.run(DEVICES, stamped(camera), stamped(screen, size=(1280, 720), fps=10), hz)
        yield visitor
        assert not opened.complaints
