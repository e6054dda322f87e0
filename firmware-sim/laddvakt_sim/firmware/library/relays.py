"""Relay boards: coils, and registers that want other values than they show.

From vendors' command sheets and public drivers. Assumptions: all boards have as many channels as
their table; a momentary command of the R4D3B16 is on for one second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_sim.firmware.library.device import BenchDevice
from laddvakt_sim.firmware.library.model import Manners, Model, Serial
from laddvakt_sim.firmware.library.point import table
from laddvakt_sim.firmware.slave import ExceptionCode, Refusal
from laddvakt_sim.firmware.waveshare import SOFTWARE_VERSION, WaveshareRelay

if TYPE_CHECKING:
    from collections.abc import Callable

    from laddvakt_sim.firmware.library.point import Point, Value

_KMTRONIC = table("\n".join(f"coil {n - 1:04X} bool 1 relay_{n} rw" for n in range(1, 9)))
_C0135 = table(
    """
    coil    0001 bool  1 relay_1 rw
    coil    0002 bool  1 relay_2 rw
    coil    0003 bool  1 relay_3 rw
    coil    0004 bool  1 relay_4 rw
    holding 4000 u16   1 unit_id_set w
    """
)
_R4D3B16 = table(
    "holding 0000 u16 1 relay_all_cmd w\n"
    + "\n".join(f"holding {n:04X} u16 1 relay_{n}" for n in range(1, 17))
    + "\n".join(("", *(f"holding {n:04X} u16 1 relay_{n}_cmd w" for n in range(1, 17))))
)
_WAVESHARE = table(
    "\n".join(f"coil {n - 1:04X} bool 1 relay_{n} rw" for n in range(1, 9))
    + "\n".join(("", *(f"contact {n - 1:04X} bool 1 input_{n}" for n in range(1, 9))))
    + """
    holding 4000 u16   1 unit_id rw
    holding 8000 u16   0.01 software_version
    holding 2000 u16   1 uart_params w
    """
)
_CHANNELS = tuple(f"relay_{n}" for n in range(1, 17))


def _off(channels: int) -> dict[str, bool]:
    return dict.fromkeys(_CHANNELS[:channels], False)


class Coils(BenchDevice):
    """Plain coils."""


class C0135(BenchDevice):
    """A rude board: 0x0100 for on, a reply before the silence has begun, no exceptions."""

    def write_bit(self, addr: int, raw: int) -> None:
        """FC 5 with 0x0100 for on."""
        if raw not in (0x0100, 0x0000):
            raise self.no(ExceptionCode.ILLEGAL_VALUE)
        self.switch(5, addr, [raw == 0x0100])

    def accept(self, point: Point, value: Value) -> None:
        """Register 0x4000 is the unit address."""
        if point.quantity == "unit_id_set":
            self.unit = int(value)
        super().accept(point, value)


class R4d3b16(BenchDevice):
    """Commands in the high byte of what is written, 1 and 0 in what is read."""

    def start(self) -> None:
        """Nothing is timed yet."""
        self._ends: dict[str, float] = {}

    def due_s(self) -> float | None:
        """When a timed channel lets go."""
        return min(self._ends.values(), default=None)

    def fire(self) -> None:
        """Let go."""
        for quantity in [q for q, end_s in self._ends.items() if end_s <= self.now_s]:
            del self._ends[quantity]
            self.settings[quantity] = 0

    def accept(self, point: Point, value: Value) -> None:
        """One of the commands."""
        command, seconds = divmod(int(value), 0x100)
        if point.quantity == "relay_all_cmd":
            if command not in (7, 8) or seconds:
                raise Refusal(ExceptionCode.ILLEGAL_VALUE)
            for channel in _CHANNELS:
                self._put(channel, on=command == 7)
            return
        channel = point.quantity.removesuffix("_cmd")
        if command not in range(1, 7) or (seconds and command != 6):
            raise Refusal(ExceptionCode.ILLEGAL_VALUE)
        if command == 4:  # latch: this one alone
            for other in _CHANNELS:
                self._put(other, on=False)
        self._put(channel, on=command != 2 and not (command == 3 and self.settings[channel]))
        if command in (5, 6):
            self._ends[channel] = self.now_s + (seconds if command == 6 else 1)

    def _put(self, channel: str, *, on: bool) -> None:
        self._ends.pop(channel, None)
        self.settings[channel] = int(on)


class Waveshare(BenchDevice):
    """The board's own firmware behind the bench's face; inputs are settings."""

    def start(self) -> None:
        """Wire the inputs to the settings."""
        self._board = WaveshareRelay(name=self.name, unit=self.unit)
        self._board.wire({n: self._input(n) for n in range(8)}, lambda _inputs: ())

    def due_s(self) -> float | None:
        """When the next flash ends."""
        return self._board.due_s()

    def fire(self) -> None:
        """End the flashes that are due."""
        self._board.fire(self.now_s)

    def special(self, quantity: str) -> Value | None:
        """The relays."""
        if quantity.startswith("relay_"):
            return self._board.output(int(quantity.removeprefix("relay_")) - 1)
        return None

    def read_bits(self, fc: int, addr: int, count: int) -> list[bool]:
        """FC 1 relays, FC 2 inputs."""
        return self._board.read_bits(fc, addr, count)

    def write_bit(self, addr: int, raw: int) -> None:
        """FC 5: on, off, toggle, all, flash-on, flash-off."""
        self._board.tell_time(self.now_s)
        self._board.write_bit(addr, raw)

    def write_bits(self, addr: int, values: list[bool]) -> None:
        """FC 15."""
        self._board.write_bits(addr, values)

    def accept(self, point: Point, value: Value) -> None:
        """Register 0x4000 is the unit address."""
        if point.quantity == "unit_id":
            self.unit = int(value)
        super().accept(point, value)

    def _input(self, number: int) -> Callable[[], bool]:
        return lambda: bool(self.settings[f"input_{number + 1}"])


MODELS = (
    Model(
        id="waveshare-modbus-rtu-relay",
        kind="relay",
        vendor="Waveshare",
        name="Modbus RTU Relay 8CH (D), protocol V3",
        points=_WAVESHARE,
        serial=Serial(baud=9600, format="8N1"),
        manners=Manners(reads=frozenset({1, 2, 3})),
        turnaround_s=0.003,
        physics={},
        settings={
            **{f"input_{n}": n in (2, 5, 6) for n in range(1, 9)},
            "unit_id": 1,
            "software_version": SOFTWARE_VERSION / 100,
        },
        build=Waveshare,
    ),
    Model(
        id="kmtronic-relay",
        kind="relay",
        vendor="KMtronic",
        name="RS485/LAN relay",
        points=_KMTRONIC,
        serial=Serial(baud=9600, format="8N1"),
        tcp=True,
        physics={},
        settings=_off(8),
        build=Coils,
    ),
    Model(
        id="c0135-relay-board",
        kind="relay",
        vendor="(no name)",
        name="C0135 4-relay board, stock firmware",
        points=_C0135,
        serial=Serial(baud=9600, format="8N1"),
        manners=Manners(silent=True, reads=frozenset({1}), writes=frozenset({5, 6})),
        turnaround_s=0.00015,
        physics={},
        settings=_off(4),
        build=C0135,
    ),
    Model(
        id="eletechsup-r4d3b16",
        kind="relay",
        vendor="eletechsup and clones",
        name="R4D3B16/R413D08/N4Dxx",
        points=_R4D3B16,
        serial=Serial(baud=9600, format="8N1"),
        manners=Manners(max_read=16, reads=frozenset({3}), writes=frozenset({6})),
        physics={},
        settings=dict.fromkeys(_CHANNELS, 0),
        build=R4d3b16,
    ),
)
