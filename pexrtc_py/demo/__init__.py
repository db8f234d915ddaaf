"""The demo: a whole call on this machine, recorded and judged; with the media it plays in `assets`."""
