"""RTMP over asyncio: publish and play streams of AAC and H.264, and serve them.

FFmpeg has RTMP too, but PyAV holds the interpreter while it connects to a server, and FFmpeg listens for one client per port.
"""
