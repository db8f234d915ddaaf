"""Live captions, for whoever wants them."""

from __future__ import annotations

from pexrtc_py.node.admission import Refused
from pexrtc_py.node.asked import Asked, answers
from pexrtc_py.protocol.requests import HideLiveCaptions, ShowLiveCaptions

NOT_AVAILABLE = "Live captions not available"


@answers(ShowLiveCaptions)
def show(asked: Asked, _: ShowLiveCaptions) -> None:
    """The participant is told what is said, from now on."""
    if not asked.room.captions.available:
        raise Refused(403, NOT_AVAILABLE)
    _set(asked, True)


@answers(HideLiveCaptions)
def hide(asked: Asked, _: HideLiveCaptions) -> None:
    """The participant is told nothing more; no error where it was not."""
    _set(asked, False)


def _set(asked: Asked, shows: bool) -> None:
    if asked.target.shows_captions is not shows:
        asked.target.shows_captions = shows
        asked.room.updated(asked.target)
