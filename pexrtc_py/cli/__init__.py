"""The `pexrtc` command."""
