"""No platform makes the charger call what listens for its own machine or link alone."""

from __future__ import annotations

import asyncio
import random
import socket

import pytest

from laddvakt_agent.uplink.errors import Unreachable
from laddvakt_agent.uplink.reach import is_inward, names_inward
from laddvakt_agent.uplink.wire import Wire

INWARD = (
    *("127.0.0.1", "127.9.9.9", "0.0.0.0", "169.254.1.2", "224.0.0.1", "localhost", "LocalHost."),
    *("::1", "::", "fe80::1", "fe80::1%eth0", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.1.2"),
)
OUTWARD = ("192.168.1.10", "10.0.0.1", "203.0.113.9", "2001:db8::1", "fd00::1", "ocpi.example")


@pytest.mark.parametrize("host", INWARD)
def test_inward(host: str) -> None:
    assert is_inward(host)


@pytest.mark.parametrize("host", OUTWARD)
def test_outward(host: str) -> None:
    assert not is_inward(host)


@pytest.mark.parametrize(
    ("urls", "inward"),
    [
        pytest.param((None, "https://ocpi.example/versions"), False, id="elsewhere"),
        pytest.param((None, "http://[::1]:8080/ocpi"), True, id="this machine"),
        pytest.param(("http://[", "http://10.0.0.1"), False, id="unreadable"),
    ],
)
def test_the_configuration_may_name_this_machine(
    urls: tuple[str | None, ...], inward: bool
) -> None:
    """A relay on the charger itself is its operator's choice."""
    assert names_inward(urls) is inward


@pytest.mark.integration
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"], ids=["address", "name"])
async def test_nothing_is_sent_inward(host: str) -> None:
    """Neither by an address nor by a name that leads to one: no connection is even begun."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        port = server.getsockname()[1]
        wire = Wire(random.Random(1), request_timeout_s=2.0, inward=False)
        try:
            with pytest.raises(Unreachable, match="versions_url"):
                await wire.send("GET", f"http://{host}:{port}/", authorization="Token x")
        finally:
            await wire.close()
        await asyncio.sleep(0.05)
        with pytest.raises(BlockingIOError):
            server.accept()
