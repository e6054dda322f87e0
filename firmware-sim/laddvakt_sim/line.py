"""One paced serial line in a process of its own: a pty, and characters that take their time.

The process knows characters and time only; it asks the main process for every reply over a
socket, and ends when that socket closes. Baud rate means nothing to a pty, so time is kept here:
a request occupies the line for its characters from the moment the first one arrives, a reply is
handed over character by character. Sleeping is coarse, so the last 150 µs are spun.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import heapq
import json
import select
import signal
import socket
import sys
from collections import deque
from dataclasses import dataclass, field

from laddvakt_sim.clock import now_s
from laddvakt_sim.firmware.slave import intact, request_length
from laddvakt_sim.port import Port

SPIN_S = 150e-6
IDLE_POLL_S = 0.005  # how often an unopened port is looked at: nobody can wait for it to be opened
LONGEST_SLEEP_S = 0.5
_PR_SET_PDEATHSIG = 1
_GARBLE = 0x55


@dataclass(frozen=True, slots=True)
class LineSpec:
    """What the line is called and how fast it is."""

    name: str
    baud: int
    format: str  # "8N1", "8E1", …
    link: str

    @property
    def char_s(self) -> float:
        """Seconds per character: start bit, data, parity, stop bits."""
        bits = 1 + int(self.format[0]) + (self.format[1] != "N") + int(self.format[2])
        return bits / self.baud

    @property
    def silence_s(self) -> float:
        """3.5 characters; fixed above 19200 baud (Modbus over Serial Line §2.5.1.1)."""
        return 0.00175 if self.baud > 19200 else 3.5 * self.char_s


@dataclass(slots=True)
class Reply:
    """A reply on its way."""

    ident: int
    raw: bytearray
    note: str
    first_s: float = 0.0
    sent: int = 0


@dataclass(order=True, slots=True)
class _Event:
    at_s: float
    order: int
    request: tuple[int, bytes, float, str] | None = field(compare=False, default=None)
    reply: Reply | None = field(compare=False, default=None)


class Line:
    """The half-duplex line between the pty and the main process."""

    def __init__(self, spec: LineSpec, asker: socket.socket) -> None:
        self._spec = spec
        self._asker = asker
        self._port = Port(spec.link)
        self._used = False
        self._buffer = bytearray()
        self._frame_first_s = 0.0
        self._heard_s = -1e9  # end of the last character, either direction
        self._sent_s = -1e9  # end of the last reply
        self._reply: Reply | None = None
        self._waiting: deque[Reply] = deque()
        self._events: list[_Event] = []
        self._order = 0
        self._requests = 0
        self._collided = False

    def run(self) -> None:
        """Work until the main process is gone."""
        self._come()
        try:
            while self._work():
                pass
        finally:
            self._port.close()

    def _come(self) -> None:
        self._tell({"k": "up", "port": self._port.open()})

    def _work(self) -> bool:
        due_s = self._next_s()
        wait_s = due_s - now_s()
        if wait_s > SPIN_S:
            watched: list[socket.socket | Port] = [self._asker]
            if self._used:
                watched.append(self._port)
            else:
                wait_s = min(wait_s, IDLE_POLL_S)
            select.select(watched, (), (), min(wait_s - SPIN_S, LONGEST_SLEEP_S))
        else:
            while now_s() < due_s:
                pass
        self._read_port()
        if not self._read_asker():
            return False
        self._act(now_s())
        return True

    def _next_s(self) -> float:
        times = [now_s() + LONGEST_SLEEP_S]
        if self._events:
            times.append(self._events[0].at_s)
        if self._reply is not None:
            times.append(self._reply.first_s + (self._reply.sent + 1) * self._spec.char_s)
        if self._buffer:
            times.append(self._heard_s + self._spec.silence_s)
        if self._waiting and self._reply is None:
            times.append(self._sent_s + self._spec.silence_s)
        return min(times)

    def _read_port(self) -> None:
        if self._port.fileno() < 0:
            return
        used = self._port.in_use()
        if not used:
            self._port.read()
            self._port.park()
            self._buffer.clear()
        elif data := self._port.read():
            self._hear(data, now_s())
        self._used = used

    def _hear(self, data: bytes, at_s: float) -> None:
        if self._reply is not None:
            self._collided = True  # both drivers fight: neither side gets anything sensible
            self._tell({"k": "bad", "x": data.hex(), "f": at_s, "l": at_s, "n": "collision"})
            return
        start_s = max(at_s, self._heard_s)  # a burst still takes its characters' time
        if not self._buffer:
            self._frame_first_s = start_s
        self._buffer += data
        gap_s = start_s - self._heard_s
        self._heard_s = start_s + len(data) * self._spec.char_s
        expected = request_length(bytes(self._buffer))
        if expected is not None and len(self._buffer) == expected and intact(bytes(self._buffer)):
            short = gap_s < self._spec.silence_s
            note = f"silence {gap_s * 1000:.2f} ms, too short" if short else ""
            self._accept(note)

    def _accept(self, note: str) -> None:
        self._requests += 1
        request = (self._requests, bytes(self._buffer), self._frame_first_s, note)
        self._buffer.clear()
        self._schedule(_Event(self._heard_s, self._tick(), request=request))

    def _act(self, at_s: float) -> None:
        if self._buffer and at_s >= self._heard_s + self._spec.silence_s:
            self._end_by_silence()
        while self._events and self._events[0].at_s <= at_s:
            event = heapq.heappop(self._events)
            if event.request is not None:
                ident, raw, first_s, note = event.request
                times = {"f": first_s, "l": event.at_s}
                self._tell({"k": "rq", "id": ident, "x": raw.hex(), "n": note, **times})
            elif event.reply is not None:
                self._waiting.append(event.reply)
        if self._reply is None and self._waiting and at_s >= self._sent_s + self._spec.silence_s:
            self._begin(at_s)
        if self._reply is not None:
            self._send(self._reply, at_s)

    def _end_by_silence(self) -> None:
        if intact(bytes(self._buffer)):
            self._accept("")  # a function whose length is not known beforehand
            return
        raw = bytes(self._buffer)
        self._buffer.clear()
        times = {"f": self._frame_first_s, "l": self._heard_s}
        self._tell({"k": "bad", "x": raw.hex(), "n": "no valid frame", **times})

    def _begin(self, at_s: float) -> None:
        self._reply = self._waiting.popleft()
        self._reply.first_s = at_s
        self._collided = at_s < self._heard_s  # the master is still talking: both are lost
        if self._collided:
            self._buffer.clear()
            self._events = [event for event in self._events if event.request is None]
            heapq.heapify(self._events)

    def _send(self, reply: Reply, at_s: float) -> None:
        due = int((at_s - reply.first_s) / self._spec.char_s + 1e-6)
        while reply.sent < min(due, len(reply.raw)):
            byte = reply.raw[reply.sent] ^ (_GARBLE if self._collided else 0)
            if self._used:
                self._port.write(bytes((byte,)))
            reply.sent += 1
        if reply.sent < len(reply.raw):
            return
        self._reply = None
        self._heard_s = self._sent_s = now_s()
        note = ", ".join(filter(None, (reply.note, "collision" if self._collided else "")))
        sent = {"k": "tx", "id": reply.ident, "x": bytes(reply.raw).hex(), "n": note}
        self._tell({**sent, "f": reply.first_s, "l": self._heard_s})

    def _read_asker(self) -> bool:
        while True:
            try:
                message = self._asker.recv(65536, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return True
            except ConnectionResetError:  # gone with answers unread
                return False
            if not message:
                return False
            self._obey(json.loads(message))

    def _obey(self, message: dict[str, str | int | float]) -> None:
        match message["k"]:
            case "rp":
                raw = bytearray.fromhex(str(message["x"]))
                reply = Reply(int(message["id"]), raw, str(message["n"]))
                self._schedule(_Event(float(message["at"]), self._tick(), reply=reply))
            case "gone":
                self._port.close()
                self._used = False
                self._events.clear()
                self._waiting.clear()
                self._reply = None
                self._tell({"k": "gone"})
            case "back":
                self._come()
            case other:
                raise ValueError(f"unknown order {other!r} from the main process")

    def _schedule(self, event: _Event) -> None:
        heapq.heappush(self._events, event)

    def _tick(self) -> int:
        self._order += 1
        return self._order

    def _tell(self, message: dict[str, object]) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # ends at the next read
            self._asker.send(json.dumps(message).encode())


def main() -> None:
    """Run one line; started by the board, not by hand."""
    parser = argparse.ArgumentParser(prog="laddvakt_sim.line")
    for name, kind in (("fd", int), ("baud", int), ("name", str), ("format", str), ("link", str)):
        parser.add_argument(f"--{name}", type=kind, required=True)
    given = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the board, which ends the lines
    # The kernel ends this process when the board dies, should the socket ever be inherited.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    asker = socket.socket(fileno=given.fd)

    def end(_signum: int, _frame: object) -> None:
        with contextlib.suppress(OSError):  # already closed by the other side
            asker.shutdown(socket.SHUT_RDWR)  # the line ends in order, as if the board had gone

    signal.signal(signal.SIGTERM, end)
    try:
        Line(LineSpec(given.name, given.baud, given.format, given.link), asker).run()
    except OSError as error:
        print(f"{given.name}: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(1)


if __name__ == "__main__":
    main()
