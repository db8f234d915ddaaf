"""A peer connection assembled from aiortc's and aioice's parts; knows SDP and RTP, not the REST API."""
