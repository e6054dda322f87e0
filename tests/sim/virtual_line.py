"""A line from the master's characters to the devices and back, in virtual time, without a pty."""

from __future__ import annotations

import json
import struct
from typing import Any

from laddvakt_sim.bench_world import BenchWorld
from laddvakt_sim.faults import Fault, parse
from laddvakt_sim.firmware.slave import RefusingDevice, seal
from laddvakt_sim.line import obey
from laddvakt_sim.line_core import LineCore
from laddvakt_sim.line_words import LineSpec, Message
from laddvakt_sim.rig import line_state
from laddvakt_sim.rtu_side import RtuSide
from laddvakt_sim.trace import Trace
from laddvakt_sim.wire import Wire, WireSpec
from laddvakt_sim.wire_kinds import wire_kinds

NAME = "line1"
KINDS = wire_kinds((NAME,), ("gw",), ("pipe",), connectors=True)


class Plain(RefusingDevice):
    """Register n holds n + 100 × unit; what is written is kept."""

    loses_first_after_change = False

    def __init__(self, unit: int, turnaround_s: float = 0.005) -> None:
        self.name = f"d{unit}"
        self.unit = unit
        self.turnaround_s = turnaround_s
        self.written: list[tuple[int, list[int]]] = []

    def tell_time(self, now_s: float) -> None:
        del now_s

    def quantities(self) -> tuple[str, ...]:
        return ()

    def read_registers(self, fc: int, addr: int, count: int) -> list[int]:
        del fc
        return [addr + 100 * self.unit + offset for offset in range(count)]

    def write_registers(self, fc: int, addr: int, values: list[int]) -> None:
        del fc
        self.written.append((addr, values))

    def read_bits(self, fc: int, addr: int, count: int) -> list[bool]:
        del fc
        return [bool((addr + offset) % 2) for offset in range(count)]


def read(unit: int, addr: int = 0, count: int = 2, fc: int = 3) -> bytes:
    return seal(unit, struct.pack(">BHH", fc, addr, count))


def reply(unit: int, addr: int = 0, count: int = 2, fc: int = 3) -> bytes:
    words = [addr + 100 * unit + offset for offset in range(count)]
    return seal(unit, struct.pack(f">BB{count}H", fc, 2 * count, *words))


def write(unit: int, addr: int = 7, value: int = 9) -> bytes:
    return seal(unit, struct.pack(">BHH", 6, addr, value))


class VirtualLine:
    """`ask` sends a frame and returns what comes; `got` has every piece with its time."""

    def __init__(
        self, *devices: Plain, baud: int = 9600, form: str = "8N1", echo: bool = False
    ) -> None:
        self.now_s = 100.0
        self.spec = LineSpec(name=NAME, baud=baud, format=form, echo=echo)
        self.got: list[tuple[float, bytes]] = []
        self.faults: list[Fault] = []
        world = BenchWorld({NAME: devices or (Plain(1), Plain(2))}, 0.0)  # type: ignore[dict-item]
        spec = WireSpec(name=NAME, baud=baud, form=form, char_s=self.spec.char_s)
        self.wire = Wire(spec, world)
        self.trace = Trace((NAME,))
        self.core = LineCore(self.spec, self._heard, self._told)
        self._side = RtuSide(self.wire, self.trace, self._order)

    def inject(self, kind: str, **parameters: object) -> Fault:
        body = {"name": f"wire_{kind}", "line": NAME, **parameters}
        self.faults.append(parse(body, self.now_s, KINDS))
        self._afflict()
        return self.faults[-1]

    def heal(self) -> None:
        self.faults.clear()
        self._afflict()

    def send(self, frame: bytes) -> None:
        self.core.hear(frame, self.now_s)

    def run(self, seconds: float) -> None:
        """Let time pass, from event to event."""
        end_s = self.now_s + seconds
        while (due_s := self.core.next_s()) is not None and due_s <= end_s:
            self.now_s = max(due_s, self.now_s)
            self.core.act(self.now_s)
        self.now_s = end_s

    def ask(self, frame: bytes, seconds: float = 0.2) -> bytes:
        self.got.clear()
        self.send(frame)
        self.run(seconds)
        return self.heard

    @property
    def heard(self) -> bytes:
        return b"".join(data for _, data in self.got)

    def frames(self, direction: str = "") -> list[dict[str, Any]]:
        kept = [json.loads(text) for text in self.trace.since(1, line=None, limit=1000)[0]]
        return [frame for frame in kept if direction in ("", frame["dir"])]

    def notes(self, direction: str = "") -> list[str]:
        return [frame["note"] for frame in self.frames(direction)]

    def _afflict(self) -> None:
        self.wire.afflict(self.faults)
        self._order(line_state(NAME, tuple(self.faults)))

    def _heard(self, data: bytes) -> None:
        self.got.append((self.now_s, data))

    def _told(self, message: Message) -> None:
        self._side.take(message)

    def _order(self, message: Message) -> None:
        obey(self.core, message, self.now_s)
