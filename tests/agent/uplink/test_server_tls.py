"""The server's certificate: TLS 1.2 at least, a new one without a restart, a wrong one told."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest

from conformance.kit import Callers
from laddvakt_agent.uplink.server.certificate import Certificate
from laddvakt_agent.uplink.server.listening import Place, ServerError, listen

pytestmark = pytest.mark.integration

TLS = Path(__file__).parents[2] / "data" / "tls"
_times = itertools.count(1)


def copied(directory: Path, text: bytes) -> Path:
    """A certificate with its key in one file, at a time of its own."""
    path = directory / "served.pem"
    path.write_bytes(text)
    os.utime(path, (next(_times), 0))
    return path


def shown(port: int, most: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> bytes:
    """The certificate that a client is shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = most
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        context.wrap_socket(plain) as secure,
    ):
        return secure.getpeercert(binary_form=True) or b""


def certificate_in(text: bytes) -> bytes:
    begin = text.index(b"-----BEGIN CERTIFICATE")
    return ssl.PEM_cert_to_DER_cert(text[begin : text.index(b"-----BEGIN PRIVATE")].decode())


async def test_served_over_tls(tmp_path: Path) -> None:
    """A client is shown the configured certificate, by TLS 1.2 and 1.3, by nothing older."""
    valid = (TLS / "valid.pem").read_bytes()
    path = copied(tmp_path, valid)
    listening = await listen(
        Place(url="https://127.0.0.1:0", certificate=path, key=path),
        authority=Callers(),
        modules=tuple,
        wall=lambda: datetime.now(UTC),
    )
    try:
        for most in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            assert await asyncio.to_thread(shown, listening.port, most) == certificate_in(valid)
    finally:
        await listening.close()


def test_nothing_older() -> None:
    """The context refuses what is older than TLS 1.2."""
    certificate = Certificate(TLS / "valid.pem", TLS / "valid.pem")
    assert certificate.load() == ""
    assert certificate.context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_renewed(tmp_path: Path) -> None:
    """A new file is in force with the next connection; one that cannot be used leaves the old."""
    valid, other = ((TLS / name).read_bytes() for name in ("valid.pem", "ended.pem"))
    path = copied(tmp_path, valid)
    certificate = Certificate(path, path, look_every_s=0.0)
    assert certificate.load() == ""
    first = certificate.context
    assert certificate.context is first, "nothing has changed"
    copied(tmp_path, b"half a fi")
    assert certificate.context is first
    path.unlink()
    assert certificate.context is first
    copied(tmp_path, other)
    assert certificate.context is not first


async def test_wrong_certificate(tmp_path: Path) -> None:
    """A certificate that cannot be used: told with both files and what to do."""
    path = copied(tmp_path, b"nothing of the kind")
    with pytest.raises(ServerError, match=r"served\.pem .* give both as PEM"):
        await listen(
            Place(url="https://127.0.0.1:0", certificate=path, key=path),
            authority=Callers(),
            modules=tuple,
            wall=lambda: datetime.now(UTC),
        )
