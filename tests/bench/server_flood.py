"""How late a control loop gets while the OCPI server in the same process is flooded.

`python -m bench.server_flood [KIND…]` (with tests on the path) prints one line per kind of flood:
the lateness of a loop that wants to run every 20 ms.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
import ssl
import statistics
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from conformance.kit import TOKEN, Callers, authorization
from laddvakt_agent.uplink.server.listening import Place, listen

PERIOD_S = 0.02
TLS = Path(__file__).parents[1] / "data" / "tls" / "valid.pem"
KINDS = ("none", "elsewhere", "strangers", "caller", "garbage", "connections", "bodies")


def _head(kind: str) -> bytes:
    token = authorization(TOKEN if kind in ("caller", "bodies") else "nobody")
    body = b"[" + b"[],".join([b""] * 60_000) + b"[]]" if kind == "bodies" else b""
    method = "PUT" if kind == "bodies" else "GET"
    head = f"{method} /ocpi/versions HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n"
    if kind == "garbage":
        return b"\x16\x03garbage\r\n\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def attack(kind: str, port: int, seconds: float, secure: bool) -> None:
    """Connect, send and read as fast as it goes; in a process of its own."""
    until_s = time.monotonic() + seconds
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    while kind == "elsewhere" and time.monotonic() < until_s:
        sum(range(1000))  # only the processor is fought for
    sent = _head(kind)
    while time.monotonic() < until_s:
        with suppress(OSError):
            plain = socket.create_connection(("127.0.0.1", port), timeout=1)
            sock = context.wrap_socket(plain) if secure else plain
            with sock:
                for _ in range(1 if kind == "connections" else 1000):
                    sock.sendall(sent)
                    if not sock.recv(65_536) or time.monotonic() > until_s:
                        break


async def measured(kind: str, seconds: float = 3.0, *, secure: bool = True) -> list[float]:
    """The lateness of each round of the loop, in milliseconds, while attacked by four."""
    place = Place(
        url="https://127.0.0.1:0" if secure else "http://127.0.0.1:0",
        certificate=TLS if secure else None,
        key=TLS if secure else None,
    )
    listening = await listen(
        place, authority=Callers(), modules=tuple, wall=lambda: datetime.now(UTC)
    )
    fork = multiprocessing.get_context("spawn")
    attackers = [
        fork.Process(target=attack, args=(kind, listening.port, seconds + 1.0, secure), daemon=True)
        for _ in range(0 if kind == "none" else 4)
    ]
    for process in attackers:
        process.start()
    await asyncio.sleep(1.5)
    late_ms: list[float] = []
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        due_s = time.monotonic() + PERIOD_S
        await asyncio.sleep(PERIOD_S)
        late_ms.append(1000.0 * (time.monotonic() - due_s))
    for process in attackers:
        process.join(5)
        process.kill()
    await listening.close()
    return late_ms


def main() -> None:
    """Print every kind."""
    for kind in sys.argv[1:] or KINDS:
        late_ms = sorted(asyncio.run(measured(kind)))
        p99 = late_ms[int(len(late_ms) * 0.99)]
        sys.stdout.write(
            f"{kind:12} median {statistics.median(late_ms):6.2f} ms  p99 {p99:6.2f} ms  "
            f"worst {late_ms[-1]:6.2f} ms\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
