"""The unattended recorder: recording, and judging what was recorded."""
