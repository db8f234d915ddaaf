"""A request as HTTP, and the answer back: what follows from the request's declaration, and which error a refusal is; pure."""

from __future__ import annotations

from typing import TypeVar
from urllib.parse import urlencode

from pexrtc_py.errors import NodeError, NodeUnreachable, NotANode, UsageError, refusal
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.declare import Request, name_of
from pexrtc_py.protocol.forms import encode_form
from pexrtc_py.protocol.wire import decode, encode, files_of, from_text, headers_of, query_of, to_text, unseal
from pexrtc_py.signaling.transport import REQUEST_SECONDS, Incoming, Outgoing, Transport

T = TypeVar("T")
_SLOW = {"calls": 30.0, "update": 30.0}
"""Seconds for answers that wait for media or for another participant."""
_JSON = ("application/json", "text/json")


async def ask(transport: Transport, address: Address, request: Request[T], *, token: str | None = None) -> T:
    """Send a request to an address and return its typed answer; raises a kind of `NodeError`."""
    return answered(request, await transport.request(outgoing(address, request, token=token)))


def outgoing(address: Address, request: Request[T], *, token: str | None = None) -> Outgoing:
    """The HTTP form of a request; the token travels in a header, so that no log of URLs holds it."""
    headers = headers_of(request)
    if not all(value.isascii() and value.isprintable() for value in headers.values()):
        raise UsageError(f"What {request.name} sends in a header ({', '.join(headers)}) must be printable ASCII.")
    if token:
        headers["token"] = token
    path, body = address.path(name_of(request)), None
    if request.method == "GET":
        query = urlencode(query_of(request))
        path = f"{path}?{query}" if query else path
    elif files := files_of(request):
        headers["Content-Type"], body = encode_form(files)
    elif fields := encode(request):
        body = to_text(fields).encode()
        headers["Content-Type"] = "application/json"
    seconds = _SLOW.get(request.name, REQUEST_SECONDS)
    return Outgoing(method=request.method, path=path, body=body, headers=headers, seconds=seconds)


def answered(request: Request[T], incoming: Incoming) -> T:
    """The answer in a response. Raises the kind of `RequestRefused` that fits, `NotANode` or `ProtocolError`."""
    if incoming.status == 204:
        return _decoded(request, None)
    if incoming.status != 200:
        raise refused(request, incoming)
    if request.answer is bytes:
        return _decoded(request, incoming.body)
    if incoming.content_type == "text/html":
        raise NotANode(f"{request.name} was answered with a web page: is this the address of a conferencing node?")
    if not incoming.body.strip():  # the documents until version 19 have some answers empty
        return _decoded(request, None)
    envelope = unseal(from_text(incoming.body))
    if not envelope.processed:
        raise refusal(request, incoming.status, envelope.reason)
    return _decoded(request, envelope.result)


def _decoded(request: Request[T], result: object) -> T:
    answer: T = decode(request.answer, result)
    return answer


def refused(request: Request[T], incoming: Incoming) -> NodeError:
    """The error in a response that is not 200; proxies and other servers are told from nodes by not speaking JSON."""
    status = incoming.status
    if incoming.content_type in _JSON:
        return refusal(request, status, unseal(from_text(incoming.body)).reason)
    if incoming.content_type == "text/html" and status >= 500:
        return NodeUnreachable(f"Something before the node answers {status} to {request.name}: the node is down or being restarted.")
    if status == 404 or incoming.content_type == "text/html":
        return NotANode(f"{request.name} was answered with {status} and no JSON: is this the address of a conferencing node?")
    return refusal(request, status, incoming.body[:300].decode(errors="replace"))
