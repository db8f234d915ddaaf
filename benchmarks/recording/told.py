"""What the recorders of a comparison say: JSON lines with the time; and how they talk to the sender."""

from __future__ import annotations

import json
import time
import urllib.request
from typing import Any


def say(event: str, **fields: Any) -> None:
    """Print an event."""
    print(json.dumps({"event": event, "at": time.time(), **fields}), flush=True)


def post(url: str, text: str = "") -> str:
    """POST a text, and what is answered; blocking."""
    with urllib.request.urlopen(urllib.request.Request(url, data=text.encode(), method="POST"), timeout=20) as answer:
        told: str = answer.read().decode()
        return told
