"""The server's own thread: accepting, TLS, HTTP and JSON are done beside the guarding loop.

A thread of low priority with a loop of its own: a flood costs the guarding loop no more than the
requests the gate lets through. New connections are taken one at a time and at a bounded rate.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

import structlog

from laddvakt_agent.uplink.server.certificate import Certificate
from laddvakt_agent.uplink.server.connection import Connection, Server
from laddvakt_agent.uplink.server.desk import Desk
from laddvakt_agent.uplink.server.gate import Gate
from laddvakt_agent.uplink.server.limits import Limits, TokenBucket
from laddvakt_agent.uplink.serving import Authority, Module

NICE = 10  # of the thread: guarding goes first
SWITCH_S = 0.001  # how long one thread may keep the interpreter from another
HANDSHAKE_S = 10.0
UNHEARD_MS = 20_000  # a peer that acknowledges nothing so long is gone
BACKLOG = 32
_TCP_USER_TIMEOUT = 18  # linux/tcp.h

log = structlog.get_logger()


class ServerError(Exception):
    """The server cannot listen; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where it listens, and how others reach it."""

    url: str  # public, without /ocpi; a port 0 in it becomes the one that was chosen
    host: str = "127.0.0.1"
    port: int = 0  # 0: any
    certificate: Path | None = None  # PEM with the chain; without it: plain HTTP
    key: Path | None = None
    limits: Limits = field(default_factory=Limits)


class Listening:
    """A server that runs; made by `listen`."""

    def __init__(self, sock: socket.socket, certificate: Certificate | None) -> None:
        self._sock, self._certificate = sock, certificate
        self.port: int = sock.getsockname()[1]
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = asyncio.Event()

    def start(self, gate: Gate, limits: Limits, wall: Callable[[], datetime]) -> None:
        """Begin to listen, in the thread."""
        agent = asyncio.get_running_loop()
        sys.setswitchinterval(min(SWITCH_S, sys.getswitchinterval()))
        loop = self._loop = asyncio.new_event_loop()
        door = _Door(self._sock, self._certificate, gate, limits, wall)

        def run() -> None:
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
            try:
                loop.run_until_complete(door.run())
            except Exception:
                log.exception("server_failed", effect="nobody can call us until it begins anew")
            finally:
                loop.close()
                self._sock.close()
                with contextlib.suppress(RuntimeError):  # the agent's loop ended first
                    agent.call_soon_threadsafe(self._ended.set)

        self._stop = door.stop
        self._thread = threading.Thread(target=run, name="ocpi-server", daemon=True)
        self._thread.start()

    async def ended(self) -> None:
        """Wait until it has ended, by `close` or by a defect."""
        await self._ended.wait()

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._loop is None or self._thread is None:
            return
        with contextlib.suppress(RuntimeError):  # it has ended by itself
            self._loop.call_soon_threadsafe(self._stop)
        await self._ended.wait()
        self._thread.join()


class _Door:
    """Accepts connections one after the other; everything in the server's thread."""

    def __init__(
        self,
        sock: socket.socket,
        certificate: Certificate | None,
        gate: Gate,
        limits: Limits,
        wall: Callable[[], datetime],
    ) -> None:
        self._sock, self._certificate, self._limits = sock, certificate, limits
        self._gate, self._wall = gate, wall
        self._accepts = TokenBucket(limits.accepts_per_s, limits.connections)
        self._greetings: dict[asyncio.Task[None], None] = {}  # the oldest first
        self._task: asyncio.Task[None] | None = None
        self._stopped = False

    async def run(self) -> None:
        """Accept until stopped, then end what is still open."""
        server = Server(
            self._gate.handle,
            self._wall,
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=self._limits.idle_s,
            lingering_time=1.0,
            max_line_size=self._limits.header_bytes,
            max_field_size=self._limits.header_bytes,
            max_headers=self._limits.headers,
        )
        self._task = asyncio.create_task(self._accept(server))
        if self._stopped:  # before it had begun
            self._task.cancel()
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        finally:
            for task in self._greetings:
                task.cancel()
            await asyncio.gather(*self._greetings, return_exceptions=True)
            server.pre_shutdown()
            await server.shutdown(timeout=1.0)
            await asyncio.sleep(0)  # transports close in the next round

    def stop(self) -> None:
        """End `run`."""
        self._stopped = True
        if self._task is not None:
            self._task.cancel()

    async def _accept(self, server: Server) -> None:
        loop = asyncio.get_running_loop()
        while True:
            wait_s = self._accepts.take(time.monotonic())
            if wait_s:
                await asyncio.sleep(wait_s)
                continue
            try:
                sock, _address = await loop.sock_accept(self._sock)
            except OSError as error:  # no file descriptor left, or the peer has gone
                log.warning("connection_not_accepted", reason=str(error))
                await asyncio.sleep(0.1)
                continue
            if not self._room(server):
                sock.close()
                continue
            task = asyncio.create_task(self._greet(server, sock))
            self._greetings[task] = None
            task.add_done_callback(partial(self._greeted, sock))

    def _greeted(self, sock: socket.socket, task: asyncio.Task[None]) -> None:
        self._greetings.pop(task, None)
        if task.cancelled():  # perhaps before it had begun, when nobody else would close it
            task.get_loop().call_soon(sock.close)
        if not task.cancelled() and task.exception() is not None:
            log.warning("handshake_failed", reason=str(task.exception()))

    async def _greet(self, server: Server, sock: socket.socket) -> None:
        """Handshake and hand over; whoever fails at it is nobody's business."""
        sock.setsockopt(socket.IPPROTO_TCP, _TCP_USER_TIMEOUT, UNHEARD_MS)
        context = None if self._certificate is None else self._certificate.context
        handshake_s = None if context is None else HANDSHAKE_S
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                server, sock, ssl=context, ssl_handshake_timeout=handshake_s
            )
        except (OSError, ssl.SSLError) as error:
            log.debug("handshake_failed", reason=str(error))
            sock.close()

    def _room(self, server: Server) -> bool:
        """Whether one more connection may be: where there are too many, one gives way.

        Strangers give way first, those that do not get on with their handshake before others; then
        the caller with the most connections: nobody keeps out anybody else.
        """
        known = [one for one in server.connections if isinstance(one, Connection)]
        open_now = [one for one in known if one.transport is not None]
        if len(open_now) + len(self._greetings) < self._limits.connections:
            return True
        strangers = [one for one in open_now if not one.caller]
        if len(self._greetings) > len(strangers):
            oldest = next(iter(self._greetings))
            self._greetings.pop(oldest)
            oldest.cancel()
            return True
        by_caller = Counter(one.caller for one in open_now)
        for connection in strangers or open_now:
            if strangers or by_caller[connection.caller] == max(by_caller.values()):
                connection.force_close()
                return True
        return False


async def listen(
    place: Place,
    *,
    authority: Authority,
    modules: Callable[[], Sequence[Module]],
    wall: Callable[[], datetime],
) -> Listening:
    """Listen; `modules`: all there are, asked at each request; `wall`: from any thread.

    Raises:
        ServerError: the address is taken or not ours, or the certificate cannot be used.
    """
    limits = place.limits
    certificate = None
    if place.certificate is not None and place.key is not None:
        certificate = Certificate(place.certificate, place.key)
        problem = certificate.load()
        if problem:
            raise ServerError(problem)
    listening = Listening(_bound(place), certificate)
    url = (
        place.url.removesuffix(":0") + f":{listening.port}"
        if place.url.endswith(":0")
        else place.url
    )
    desk = Desk(url=url, authority=authority, modules=modules, answer_s=limits.answer_s)
    gate = Gate(desk, limits, wall, asyncio.get_running_loop())
    listening.start(gate, limits, wall)
    return listening


def _bound(place: Place) -> socket.socket:
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    both = place.host == "::" and socket.has_dualstack_ipv6()
    try:
        sock = socket.create_server(
            (place.host, place.port), family=family, backlog=BACKLOG, dualstack_ipv6=both
        )
    except OSError as error:
        raise ServerError(
            f"the server cannot listen at {place.host} port {place.port}: "
            f"{error.strerror or error}; change server.host or server.port"
        ) from error
    sock.setblocking(False)
    return sock
