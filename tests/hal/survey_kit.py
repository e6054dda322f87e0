"""A line without a wire for survey tests: devices are tables of registers, time stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from laddvakt_hal.bus import Priority, Reply, SerialSettings
from laddvakt_hal.errors import Garbled, HalError, NoReply, Refused
from laddvakt_hal.frame import Function, Request
from laddvakt_hal.settings import LineSettings, Timing
from laddvakt_hal.survey_line import LineTrouble

PORT = SerialSettings(name="line1", port="/dev/none", baud=9600)
BITS = (Function.READ_COILS, Function.READ_INPUTS)


@dataclass(slots=True, kw_only=True)
class FakeDevice:
    """Registers by function and address; what is not there is refused with exception 2."""

    words: Mapping[tuple[int, int], int] = field(default_factory=dict)
    garbled: str = ""
    at: tuple[int, str] | None = None  # the speed and format it answers at; `None`: any

    def answer(self, request: Request) -> tuple[int, ...]:
        if self.garbled:
            raise Garbled(self.garbled, "spoilt")
        function = int(request.function)
        wanted = [(function, request.address + i) for i in range(request.count)]
        if any(place not in self.words for place in wanted):
            raise Refused(2, "address not there")
        return tuple(self.words[place] for place in wanted)


@dataclass(slots=True, kw_only=True)
class FakeLine:
    """Looks like a bus; remembers every request."""

    devices: Mapping[int, FakeDevice]
    settings: LineSettings = PORT
    requests: list[Request] = field(default_factory=list)
    error: HalError | None = None  # raised for every request

    def set_timing(self, unit: int, timing: Timing) -> None:
        pass

    async def transact(self, request: Request, priority: Priority = Priority.NORMAL) -> Reply:
        self.requests.append(request)
        if self.error is not None:
            raise self.error
        device = self.devices.get(request.unit)
        its = self.settings
        here = (its.baud, its.format) if isinstance(its, SerialSettings) else None
        if device is None or (device.at is not None and device.at != here):
            raise NoReply("silent")
        got = device.answer(request)
        bits = tuple(bool(bit) for bit in got) if request.function in BITS else ()
        return Reply(words=() if bits else got, bits=bits, sent_at_s=1.0, taken_at_s=1.02)


@dataclass(slots=True, kw_only=True)
class FakePort:
    """Opens lines at any speed with the same devices; some speeds may be impossible."""

    devices: Mapping[int, FakeDevice]
    troubles: Mapping[tuple[int, str], LineTrouble] = field(default_factory=dict)
    asked: list[tuple[int, str, int]] = field(default_factory=list)  # baud, format, unit

    @asynccontextmanager
    async def open(self, settings: LineSettings) -> AsyncIterator[FakeLine]:
        assert isinstance(settings, SerialSettings)
        trouble = self.troubles.get((settings.baud, settings.format))
        if trouble is not None:
            raise trouble
        line = FakeLine(devices=self.devices, settings=settings)
        yield line
        self.asked += [(settings.baud, settings.format, r.unit) for r in line.requests]


def holding(first: int, *values: int) -> dict[tuple[int, int], int]:
    """Holding registers from an address on."""
    return {(3, first + i): value for i, value in enumerate(values)}
