"""The main process' side of a paced line: starts its process, answers its requests."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from laddvakt_sim.clock import now_s

if TYPE_CHECKING:
    from collections.abc import Callable

    from laddvakt_sim.line import LineSpec
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
        self._wire = wire
        self._trace = trace
        self._on_death = on_death
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._shows: dict[int, tuple[str, ...]] = {}
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
        arguments = {
            "fd": theirs.fileno(),
            "name": self.spec.name,
            "baud": self.spec.baud,
            "format": self.spec.format,
            "link": self.spec.link,
        }
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
        self._tell({"k": "gone" if gone else "back"})
        await self._wait_up()

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

    def _take(self, message: dict[str, str | int | float]) -> None:
        kind = message["k"]
        if kind in ("up", "gone"):
            self._up.set()
            return
        raw = bytes.fromhex(str(message["x"]))
        note = str(message["n"])
        times_s = (float(message["f"]), float(message["l"]))
        if kind == "rq":
            self._trace_frame(raw, times_s, note)
            self._answer(int(message["id"]), raw, times_s[1])
        elif kind == "tx":
            shows = self._shows.pop(int(message["id"]), ())
            if "collision" in note:
                shows = ()
            if note:
                self._trace.count_error(self.spec.name)
            self._trace.add(
                line=self.spec.name,
                direction="reply",
                raw=raw,
                unit_at=0,
                times_s=times_s,
                shows=shows,
                note=note,
            )
        else:
            self._trace.count_error(self.spec.name)
            self._trace_frame(raw, times_s, note)

    def _trace_frame(self, raw: bytes, times_s: tuple[float, float], note: str) -> None:
        self._trace.add(
            line=self.spec.name,
            direction="request",
            raw=raw,
            unit_at=0,
            times_s=times_s,
            note=note,
        )

    def _answer(self, ident: int, raw: bytes, last_s: float) -> None:
        returned = self._wire.answer_rtu(raw, now_s())
        if returned is None:
            return
        self._shows[ident] = returned.shows
        at_s = last_s + returned.delay_s
        order = {"k": "rp", "id": ident, "x": returned.raw.hex(), "at": at_s, "n": returned.note}
        self._tell(order)

    def _tell(self, message: dict[str, object]) -> None:
        if self._socket is not None:
            self._socket.send(json.dumps(message).encode())
