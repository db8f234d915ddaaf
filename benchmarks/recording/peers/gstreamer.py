"""GStreamer's webrtcbin into webmmux. Runs with the system's Python (python3-gi): `python3 gstreamer.py URL CALLS SECONDS FOLDER`."""

from __future__ import annotations

import json
import sys
import threading
import time
import urllib.request
from typing import Any

import gi  # type: ignore[import-not-found,unused-ignore]

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # type: ignore[import-not-found,unused-ignore]  # noqa: E402

URL, CALLS, SECONDS, FOLDER = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
CAPS = {
    "video": "application/x-rtp,media=video,encoding-name=VP8,payload=96,clock-rate=90000,rtcp-fb-nack=true,rtcp-fb-nack-pli=true",
    "audio": "application/x-rtp,media=audio,encoding-name=OPUS,payload=97,clock-rate=48000,encoding-params=(string)2",
}


def say(event: str, **fields: Any) -> None:
    """Print an event."""
    print(json.dumps({"event": event, "at": time.time(), **fields}), flush=True)


def repeated(answer: str) -> str:
    """The answer with what is said of the transport in each section: webrtcbin 1.22 looks for it there, though they are bundled."""
    head, *sections = answer.replace("\r\n", "\n").split("\nm=")
    wanted = ("a=fingerprint:", "a=setup:", "a=ice-ufrag:", "a=ice-pwd:")
    first = [line for line in sections[0].split("\n") if line.startswith(wanted)]
    whole = [section if "a=fingerprint:" in section else section.rstrip("\n") + "\n" + "\n".join(first) + "\n" for section in sections]
    return "\nm=".join([head, *whole]).replace("\n", "\r\n")


class Call:
    """One call and its file."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.kept: list[Any] = []
        self.pipeline = Gst.parse_launch(
            f"webrtcbin name=w bundle-policy=max-bundle webmmux name=m ! filesink location={FOLDER}/{number}.webm"
        )
        self.bin, self.mux = self.pipeline.get_by_name("w"), self.pipeline.get_by_name("m")
        # Both pads are asked for before anything is linked, or the head knows one track only.
        self.pads = {"video": self.mux.request_pad_simple("video_%u"), "audio": self.mux.request_pad_simple("audio_%u")}
        for caps in CAPS.values():
            self.bin.emit("add-transceiver", GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY, Gst.Caps.from_string(caps))
        self.bin.connect("pad-added", self._pad)
        self.pipeline.set_state(Gst.State.PLAYING)
        promise = Gst.Promise.new_with_change_func(self._offered, None, None)
        self.bin.emit("create-offer", None, promise)

    def _offered(self, promise: Any, *_: Any) -> None:
        reply = promise.get_reply()
        offer = reply.get_value("offer")
        self.kept += [reply, offer]
        self.bin.emit("set-local-description", offer, Gst.Promise.new())
        text = offer.sdp.as_text()
        threading.Thread(target=self._ask, args=(text,), daemon=True).start()

    def _ask(self, text: str) -> None:
        say("offer_sent", call=self.number)
        with urllib.request.urlopen(urllib.request.Request(URL + "/offer", data=text.encode(), method="POST"), timeout=20) as answered:
            answer = repeated(answered.read().decode())
        _, message = GstSdp.SDPMessage.new()
        GstSdp.sdp_message_parse_buffer(answer.encode(), message)
        described = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
        self.bin.emit("set-remote-description", described, Gst.Promise.new())
        index = -1
        for line in answer.splitlines():
            if line.startswith("m="):
                index += 1
            if line.startswith("a=candidate:"):
                self.bin.emit("add-ice-candidate", index, line[2:])

    def _pad(self, _: Any, pad: Any) -> None:
        caps = pad.get_current_caps() or pad.query_caps(None)
        kind = caps.get_structure(0).get_string("media")
        depay = Gst.ElementFactory.make("rtpvp8depay" if kind == "video" else "rtpopusdepay")
        queue = Gst.ElementFactory.make("queue")
        parse = Gst.ElementFactory.make("opusparse") if kind == "audio" else Gst.ElementFactory.make("identity")
        for element in (depay, queue, parse):
            self.pipeline.add(element)
            element.sync_state_with_parent()
        depay.link(queue)
        queue.link(parse)
        parse.get_static_pad("src").link(self.pads[kind])
        pad.link(depay.get_static_pad("sink"))
        if kind == "video":
            depay.get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, self._first)

    def _first(self, *_: Any) -> Any:
        say("first_frame", call=self.number)
        return Gst.PadProbeReturn.REMOVE

    def finish(self) -> None:
        """Close the file."""
        say("file", call=self.number, path=f"{FOLDER}/{self.number}.webm")
        for pad in self.pads.values():
            pad.send_event(Gst.Event.new_eos())
        self.pipeline.get_bus().timed_pop_filtered(5 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
        self.pipeline.set_state(Gst.State.NULL)


def begin(number: int) -> bool:
    """Begin a call, once."""
    calls.append(Call(number))
    return False


Gst.init(None)
calls: list[Call] = []
loop = GLib.MainLoop()
for each in range(CALLS):
    GLib.timeout_add(round(each * 370), begin, each)
GLib.timeout_add(round(1000 * (SECONDS + 1 + CALLS * 0.37)), loop.quit)
loop.run()
for call in calls:
    call.finish()
