"""One paced serial line in a process of its own: a pty, and characters that take their time.

The process knows characters and time only; it asks the main process for every reply over a
socket, and ends when that socket closes. Baud rate means nothing to a pty, so time is kept here.
Sleeping is coarse: what begins or ends a frame is spun for, at most the last 150 µs; characters in
between may come a little late, none of them later than the frame's end.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import select
import signal
import socket
import sys
from typing import TYPE_CHECKING

from laddvakt_sim.clock import now_s
from laddvakt_sim.line_core import LineCore
from laddvakt_sim.line_words import LineSpec, Message, Noise, Sending
from laddvakt_sim.port import Port
from laddvakt_sim.wire_damage import resampled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SPIN_S = 150e-6
LONGEST_SLEEP_S = 0.5
_PR_SET_PDEATHSIG = 1
_PR_SET_TIMERSLACK = 29


class Line:
    """The process' loop between the pty, the line's own time and the main process."""

    def __init__(self, spec: LineSpec, asker: socket.socket) -> None:
        self._asker = asker
        self._port = Port(spec.link)
        self._used = False
        self._spec = spec
        self._core = LineCore(spec, self._hand_over, self._tell, self._port.write)

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
        due_s = self._core.next_s()
        wait_s = LONGEST_SLEEP_S if due_s is None else min(due_s - now_s(), LONGEST_SLEEP_S)
        if self._core.urgent:
            wait_s -= SPIN_S
        readable = self._sleep(wait_s)
        if self._asker in readable and not self._read_asker():
            return False
        if len(readable) > (self._asker in readable):  # characters, an opening or a closing
            self._read_port()
        # Looked up again: what has just arrived may have changed it.
        due_s = self._core.next_s()
        at_s = now_s()
        if due_s is not None and due_s - at_s < SPIN_S and self._core.urgent:
            while at_s < due_s:
                at_s = now_s()
        if due_s is not None and at_s >= due_s:
            self._core.act(at_s)
        return True

    def _sleep(self, wait_s: float) -> Sequence[object]:
        port = self._port if self._used else self._port.opened
        return select.select((self._asker, port), (), (), max(0.0, wait_s))[0]

    def _read_port(self) -> None:
        if not self._used:
            self._port.opened.drain()
        if self._port.fileno() < 0:
            return
        if data := self._port.read():
            self._used = True
            at_s = now_s()
            self._core.hear(self._sampled(data, to_line=True), at_s, own=data)
        elif self._port.in_use():
            self._used = True
        else:
            self._used = False
            self._port.park()
            self._core.forget()

    def _hand_over(self, chars: bytes) -> None:
        if self._used:
            self._port.write(self._sampled(chars, to_line=False))

    def _sampled(self, chars: bytes, *, to_line: bool) -> bytes:
        """What the other side's UART makes of characters, where the master's rate matters."""
        if not self._spec.strict_baud:
            return chars
        ends = (self._port.baud(), self._spec.baud)
        if ends[0] == ends[1]:
            return chars
        if not ends[0]:  # B0: hung up
            return b""
        return resampled(chars, *(ends if to_line else ends[::-1]), self._spec.format)

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

    def _obey(self, message: Mapping[str, object]) -> None:
        match message["k"]:
            case "gone":
                self._port.close()
                self._used = False
                self._core.reset()
                self._tell({"k": "gone"})
            case "back":
                self._come()
            case _:
                obey(self._core, message, now_s())

    def _tell(self, message: Message) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # ends at the next read
            self._asker.send(json.dumps(message).encode())


def obey(core: LineCore, message: Mapping[str, object], at_s: float) -> None:
    """Carry out what the main process orders of a line.

    Raises:
        ValueError: the order is unknown.
    """
    match message["k"]:
        case "rp":
            again = message.get("ag")
            sending = Sending(
                ident=int(str(message["id"])),
                raw=bytearray.fromhex(str(message["x"])),
                note=str(message["n"]),
                patient=bool(message.get("p")),
                again_s=None if again is None else float(str(again)),
            )
            core.reply(sending, float(str(message["at"])))
        case "st":
            core.unplugged = bool(message["unplugged"])
            babble = message["babble"]
            core.babble(babble if isinstance(babble, dict) else None, at_s)
        case "nz":
            from_s, to_s = float(str(message["from"])), float(str(message["to"]))
            rate, seed = float(str(message["rate"])), int(str(message["seed"]))
            core.noise(Noise(from_s=from_s, to_s=to_s, rate=rate, seed=seed))
        case other:
            raise ValueError(f"unknown order {other!r} from the main process")


def main() -> None:
    """Run one line; started by the board, not by hand."""
    parser = argparse.ArgumentParser(prog="laddvakt_sim.line")
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--spec", type=json.loads, required=True, help="LineSpec as JSON")
    given = parser.parse_args()
    spec = LineSpec(**given.spec)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the board, which ends the lines
    libc = ctypes.CDLL(None)
    # The kernel ends this process when the board dies, should the socket ever be inherited.
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    libc.prctl(_PR_SET_TIMERSLACK, 1000, 0, 0, 0)  # sleeps end when asked, not up to 50 µs later
    asker = socket.socket(fileno=given.fd)

    def end(_signum: int, _frame: object) -> None:
        with contextlib.suppress(OSError):  # already closed by the other side
            asker.shutdown(socket.SHUT_RDWR)  # the line ends in order, as if the board had gone

    signal.signal(signal.SIGTERM, end)
    try:
        Line(spec, asker).run()
    except OSError as error:
        print(f"{spec.name}: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(1)


if __name__ == "__main__":
    main()
