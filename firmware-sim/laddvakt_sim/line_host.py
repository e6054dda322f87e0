"""The main process' side of a paced line: starts its process, answers its requests."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from laddvakt_sim.rtu_side import RtuSide

if TYPE_CHECKING:
    from collections.abc import Callable

    from laddvakt_sim.line_words import LineSpec, Message
    from laddvakt_sim.trace import Trace
    from laddvakt_sim.wire import Wire

_STOP_TIMEOUT_S = 3.0
_ROOT = str(Path(__file__).resolve().parent.parent)  # the child finds the package here


class LineHost:
    """One line process and the conversation with it."""

    def __init__(
        self, spec: LineSpec, wire: Wire, trace: Trace, on_death: Callable[[str], None]
    ) -> None:
        self.spec = spec
        self._side = RtuSide(wire, trace, self.order)
        self._on_death = on_death
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._up = asyncio.Event()
        self._gone = False
        self._dead = False

    @property
    def pid(self) -> int:
        """Process id of the line."""
        return 0 if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start the process and wait until its port stands."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        self._socket = ours
        path = os.pathsep.join(filter(None, (_ROOT, os.environ.get("PYTHONPATH"))))
        arguments = {"fd": theirs.fileno(), "spec": json.dumps(asdict(self.spec))}
        with theirs:
            self._process = subprocess.Popen(  # noqa: ASYNC220  returns at once
                [sys.executable, "-m", "laddvakt_sim.line"]
                + [f"--{key}={value}" for key, value in arguments.items()],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": path},
            )
        asyncio.get_running_loop().add_reader(ours, self._read)
        await self._wait_up()

    async def stop(self) -> None:
        """Let the process end by closing the socket; end it by signal if it does not."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None
        if (process := self._process) is not None:
            try:
                await asyncio.to_thread(process.wait, _STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                await asyncio.to_thread(process.wait)

    async def set_gone(self, *, gone: bool) -> None:
        """Let the port vanish or come back, and wait until it did."""
        if gone == self._gone:
            return
        self._gone = gone
        self._up.clear()
        self.order({"k": "gone" if gone else "back"})
        await self._wait_up()

    def order(self, message: Message) -> None:
        """Send an order to the line's process."""
        if self._socket is not None:
            self._socket.send(json.dumps(message).encode())

    async def _wait_up(self) -> None:
        await self._up.wait()
        if self._dead:
            raise OSError(f"the process of {self.spec.name} did not set up {self.spec.link}")

    def _read(self) -> None:
        while self._socket is not None:
            try:
                message = self._socket.recv(65536)
            except BlockingIOError:
                return
            except ConnectionResetError:
                message = b""
            if not message:
                asyncio.get_running_loop().remove_reader(self._socket)
                self._dead = True
                self._up.set()
                self._on_death(self.spec.name)
                return
            self._take(json.loads(message))

    def _take(self, message: Message) -> None:
        if message["k"] in ("up", "gone"):
            self._up.set()
        else:
            self._side.take(message)
