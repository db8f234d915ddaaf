"""ICE and DTLS under a call: what connects, what is refused, what silence does."""

from __future__ import annotations

import asyncio
import datetime
import struct
import time
from collections.abc import AsyncIterator

import pytest
from aiortc import RTCDtlsFingerprint, RTCDtlsParameters
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from pexrtc_py.engine.dtls import Certificate, DtlsTransport
from pexrtc_py.engine.ice import IceTransport
from pexrtc_py.engine.types import IceServer

RTP = struct.pack("!BBHII", 0x80, 96, 1, 2, 3)


@pytest.fixture
async def pair() -> AsyncIterator[tuple[IceTransport, IceTransport]]:
    offering, answering = IceTransport(controlling=True, loopback=True), IceTransport(controlling=False, loopback=True)
    yield offering, answering
    await offering.close()
    await answering.close()


async def _connect_ice(offering: IceTransport, answering: IceTransport) -> None:
    offering.on_candidate(answering.add_candidate)
    answering.on_candidate(offering.add_candidate)
    await asyncio.gather(offering.gather(), answering.gather())
    await asyncio.gather(offering.connect(answering.ufrag, answering.pwd), answering.connect(offering.ufrag, offering.pwd))


def _parameters(transport: DtlsTransport) -> RTCDtlsParameters:
    return RTCDtlsParameters(fingerprints=[RTCDtlsFingerprint(*transport.fingerprint.split(" "))])


async def _connect_dtls(client: DtlsTransport, server: DtlsTransport) -> None:
    client.set_role("client")
    server.set_role("server")
    await asyncio.gather(client.start(_parameters(server)), server.start(_parameters(client)))


def _rsa_certificate() -> Certificate:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "rsa")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now - datetime.timedelta(days=1), now + datetime.timedelta(days=1))
    return Certificate(key, builder.sign(key, hashes.SHA256()))  # type: ignore[arg-type]  # any private key does


async def test_after_a_restart_data_goes_another_way_and_the_old_one_is_closed(pair: tuple[IceTransport, IceTransport]) -> None:
    offering, answering = pair
    await _connect_ice(offering, answering)
    waiting = asyncio.create_task(answering._recv())
    before, credentials = (offering.agent, answering.agent), (answering.ufrag, answering.pwd)

    await asyncio.gather(offering.restart(), answering.restart())
    await offering._send(b"\x16 meanwhile")
    first = await waiting
    waiting = asyncio.create_task(answering._recv())
    for here, there in (pair, reversed(pair)):
        for candidate in here.candidates:
            there.add_candidate(candidate)
    await asyncio.gather(offering.reconnect(answering.ufrag, answering.pwd), answering.reconnect(offering.ufrag, offering.pwd))
    await offering._send(b"\x16 after")

    assert (first, await waiting) == (b"\x16 meanwhile", b"\x16 after")
    assert credentials != (answering.ufrag, answering.pwd)
    assert all(old is not new.agent for old, new in zip(before, pair, strict=True))
    with pytest.raises(ConnectionError):
        before[1].send_now(b"\x16 late")


async def test_candidates_are_trickled_and_connect(pair: tuple[IceTransport, IceTransport]) -> None:
    await _connect_ice(*pair)

    assert [each.state for each in pair] == ["completed", "completed"]
    assert all(candidate.startswith("candidate:") and "127.0.0.1" in candidate for candidate in pair[0].candidates)


@pytest.mark.parametrize("rsa_is", ["server", "client"])
async def test_a_peer_with_an_rsa_certificate_connects(pair: tuple[IceTransport, IceTransport], rsa_is: str) -> None:
    await _connect_ice(*pair)
    certificates = (_rsa_certificate(), Certificate.generateCertificate())
    client, server = (DtlsTransport(ice, cert) for ice, cert in zip(pair, certificates[:: -1 if rsa_is == "server" else 1], strict=True))

    await _connect_dtls(client, server)

    assert (client.state, server.state) == ("connected", "connected")
    await asyncio.gather(client.stop(), server.stop())


async def test_a_certificate_that_was_not_signaled_is_refused(pair: tuple[IceTransport, IceTransport]) -> None:
    await _connect_ice(*pair)
    client, server = (DtlsTransport(ice, Certificate.generateCertificate()) for ice in pair)
    client.set_role("client")
    server.set_role("server")

    await asyncio.gather(client.start(_parameters(client)), server.start(_parameters(client)))

    assert client.state == "failed"
    await asyncio.gather(client.stop(), server.stop())


async def test_media_arrives_decrypted_with_the_kernels_time(pair: tuple[IceTransport, IceTransport]) -> None:
    await _connect_ice(*pair)
    client, server = (DtlsTransport(ice, Certificate.generateCertificate()) for ice in pair)
    await _connect_dtls(client, server)
    arrived: asyncio.Future[tuple[bytes, float]] = asyncio.get_running_loop().create_future()
    server.on_rtp = lambda data, now: arrived.set_result((data, now))
    server.dispatch_directly()

    client.send(RTP + b"hello")

    data, now = await arrived
    assert data == RTP + b"hello"
    assert abs(now - time.time()) < 1
    await asyncio.gather(client.stop(), server.stop())


async def test_forged_media_is_counted_and_dropped(pair: tuple[IceTransport, IceTransport]) -> None:
    await _connect_ice(*pair)
    client, server = (DtlsTransport(ice, Certificate.generateCertificate()) for ice in pair)
    await _connect_dtls(client, server)
    arrived: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    server.on_rtp = lambda data, now: arrived.set_result(data)
    server.dispatch_directly()

    pair[0].agent.send_now(RTP + b"forged without a key")
    client.send(RTP + b"true")

    assert await arrived == RTP + b"true"
    assert server.undecryptable == 1
    await asyncio.gather(client.stop(), server.stop())


async def test_sending_before_the_handshake_is_an_error(pair: tuple[IceTransport, IceTransport]) -> None:
    transport = DtlsTransport(pair[0], Certificate.generateCertificate())

    with pytest.raises(ConnectionError):
        transport.send(RTP)


async def test_an_unusable_ice_server_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    transport = IceTransport(controlling=True, servers=[IceServer(("stun:[::1",)), IceServer(("stun:127.0.0.1:9",))], loopback=True)

    assert transport.agent.stun_server == ("127.0.0.1", 9)
    assert "stun:[::1" in caplog.text
    await transport.close()


async def test_a_dead_stun_server_does_not_hold_up_host_candidates() -> None:
    transport = IceTransport(controlling=True, servers=[IceServer(("stun:127.0.0.1:9",))], loopback=True)

    async with asyncio.timeout(1):
        await transport.gather()

    assert len(transport.candidates) == 1
    await transport.close()


@given(st.text(max_size=200))
@settings(deadline=None)
def test_junk_for_a_candidate_is_refused_quietly(text: str) -> None:
    async def add() -> None:
        transport = IceTransport(controlling=True, loopback=True)
        transport.add_candidate(text)
        await transport.close()

    asyncio.run(add())


@pytest.mark.parametrize("turns", range(8))
async def test_a_close_that_is_cancelled_closes_all_the_same(turns: int) -> None:
    transport = IceTransport(controlling=True, loopback=True)
    await transport.gather()
    sockets = [one.get_extra_info("socket") for one in transport.agent.sockets]
    closing = asyncio.create_task(transport.close())
    for _ in range(turns):
        await asyncio.sleep(0)
    closing.cancel()
    await asyncio.gather(closing, return_exceptions=True)

    await transport.close()

    assert [one.fileno() for one in sockets] == [-1]


@pytest.mark.parametrize("turns", range(8))
async def test_a_way_that_is_given_up_is_closed_at_the_end_at_the_latest(pair: tuple[IceTransport, IceTransport], turns: int) -> None:
    offering, answering = pair
    await _connect_ice(offering, answering)
    sockets = [one.get_extra_info("socket") for one in offering.agent.sockets]
    await asyncio.gather(offering.restart(), answering.restart())
    for candidate in answering.candidates:
        offering.add_candidate(candidate)
    for candidate in offering.candidates:
        answering.add_candidate(candidate)
    other = asyncio.create_task(answering.reconnect(offering.ufrag, offering.pwd))
    taking = asyncio.create_task(offering.reconnect(answering.ufrag, answering.pwd))
    while offering.restarting and not taking.done():  # noqa: ASYNC110  # the very next turn of the loop is what is looked at
        await asyncio.sleep(0)
    for _ in range(turns):
        await asyncio.sleep(0)
    taking.cancel()
    await asyncio.gather(taking, other, return_exceptions=True)

    await offering.close()

    assert [one.fileno() for one in sockets] == [-1]
