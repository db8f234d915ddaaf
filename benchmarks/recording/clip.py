"""What is sent to all recorders: a minute of test picture and tone, encoded once."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

_CLIP = Path(tempfile.gettempdir()) / "pexrtc-benchmark-clip.webm"
_ENCODE = "-c:v libvpx -b:v 1500k -g 60 -deadline realtime -lag-in-frames 0 -auto-alt-ref 0 -c:a libopus -b:a 96k -ac 2"


def clip() -> Path:
    """VP8 1280x720 at 30 frames and about 1.5 Mbit/s, with Opus; made when it is not there."""
    if not _CLIP.exists():
        picture, tone = "testsrc2=size=1280x720:rate=30", "sine=frequency=440:sample_rate=48000"
        made = _CLIP.with_name("making-" + _CLIP.name)
        source = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", tone]
        subprocess.run(["ffmpeg", "-v", "error", "-y", *source, "-t", "60", *_ENCODE.split(), str(made)], check=True)
        made.rename(_CLIP)
    return _CLIP
