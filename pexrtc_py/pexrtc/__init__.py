"""`PexRTC`: the object of the vendor's JavaScript library, in Python; `docs/pexrtc.md` has the table of its names."""

from pexrtc_py.pexrtc.rtc import PexRTC
from pexrtc_py.pexrtc.streams import MediaStream, RemoteStream

__all__ = ["MediaStream", "PexRTC", "RemoteStream"]
