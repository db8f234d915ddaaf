"""The secure check code: what two people who see each other compare, to know that nobody sits between them.

It is a hash of both sides' certificate fingerprints, so it is the same on both sides exactly if each has the other's certificate.
"""

from __future__ import annotations

import hashlib

from pexrtc_py.engine.sdp import Description


def check_code(local: Description, remote: Description) -> str:
    """64 hex digits of SHA-256 (RFC 8122 fingerprints, one per section that has one), the same whichever side is which.

    As the vendor's web clients compute it: within each side `algorithm` and `value` of every fingerprint are written without the blank
    between them, sorted and joined, and so are the two sides. The vendor's Android client keeps the blank; its code is another.
    """
    sides = sorted("".join(sorted(_fingerprints(side))) for side in (local, remote))
    return hashlib.sha256("".join(sides).encode()).hexdigest()


def _fingerprints(description: Description) -> list[str]:
    """As written: a change of case would change the code."""
    said = [value for block in (description.session, *description.sections) for value in block.values("fingerprint")]
    return ["".join(value.split()) for value in said]
