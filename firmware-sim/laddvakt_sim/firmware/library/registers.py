"""The master's side of a bench device: which requests it takes, and what is written in them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from laddvakt_sim.firmware.library.point import unpack
from laddvakt_sim.firmware.slave import ExceptionCode, Refusal, RefusingDevice, Silence

if TYPE_CHECKING:
    from collections.abc import Iterable

    from laddvakt_sim.firmware.library.model import Manners
    from laddvakt_sim.firmware.library.point import Order, Point, Value


class Registers(RefusingDevice, ABC):
    """Points at addresses, read and written under a model's manners."""

    def __init__(
        self,
        points: Iterable[Point],
        manners: Manners,
        order: Order,
        again: Iterable[Point] = (),
    ) -> None:
        self.points = {point.quantity: point for point in points}
        self.now_s = 0.0
        self._manners = manners
        self._order: Order = order
        self._read_s = self._written_s = float("-inf")
        self._reads = self._addresses(
            p for p in (*again, *self.points.values()) if p.readable and not p.alone
        )
        self._alone = self._addresses(p for p in self.points.values() if p.alone)
        self._writes = self._addresses(p for p in self.points.values() if p.writable)
        self._bit_functions = {p.fc for p in self.points.values() if p.fc in (1, 2)}

    # What the device behind says.

    @abstractmethod
    def bits(self, point: Point) -> bool:
        """Whether a coil or contact is on."""

    @abstractmethod
    def raw(self, point: Point) -> list[int]:
        """The registers of a point now."""

    def step(self, point: Point) -> float:
        """What one raw count of the point is worth."""
        return point.step

    def refuses(self, point: Point) -> bool:
        """Whether this unit answers exception 2 for a point its kind has."""
        del point
        return False

    @abstractmethod
    def accept(self, point: Point, value: Value) -> None:
        """Take a written value; `Refusal` when the device would refuse it."""

    def heard(self, fc: int, point: Point | None) -> None:
        """A request was carried out; `point` is the one it began with, None in a gap."""

    def settle(self) -> None:
        """Bring what is measured in line with settings and time."""

    # The master's side.

    def read_registers(self, fc: int, addr: int, count: int) -> list[int]:
        """FC 3 and 4."""
        manners = self._manners
        if fc not in manners.reads:
            raise self.no(ExceptionCode.ILLEGAL_FUNCTION)
        if count > manners.max_read:
            raise self.no(ExceptionCode.ILLEGAL_VALUE)
        self._check_floats(addr, count)
        first = self._reads.get((self._table(fc), addr))
        whole = first is not None and (first.addr, first.words) == (addr, count)
        if manners.one_value and not whole:
            raise self.no(ExceptionCode.ILLEGAL_ADDRESS)
        if any(addr < barrier < addr + count for barrier in manners.barriers):
            raise self.no(ExceptionCode.ILLEGAL_ADDRESS)
        self._read_s = self._in_time(self._read_s, manners.read_pause_s)
        lone = self._alone.get((self._table(fc), addr)) if count == 1 else None
        words = self._words(self._table(fc), addr, count) if lone is None else self.raw(lone)
        self.heard(fc, first)
        return words

    def write_registers(self, fc: int, addr: int, values: list[int]) -> None:
        """FC 6 and 16: every point it touches as a whole, or nothing."""
        manners = self._manners
        if fc not in manners.writes:
            raise self.no(ExceptionCode.ILLEGAL_FUNCTION)
        changes = self._changes(addr, values)
        self._written_s = self._in_time(self._written_s, manners.write_pause_s)
        for point, value in changes:
            self.accept(point, value)
        self.settle()
        self.heard(fc, changes[0][0] if changes else None)

    def read_bits(self, fc: int, addr: int, count: int) -> list[bool]:
        """FC 1 and 2."""
        if fc not in self._manners.reads & self._bit_functions:
            raise self.no(ExceptionCode.ILLEGAL_FUNCTION)
        points = self._each(self._reads, fc, addr, count)
        bits = [self.bits(point) for point in points]
        self.heard(fc, points[0])
        return bits

    def write_bit(self, addr: int, raw: int) -> None:
        """FC 5."""
        if raw not in (0xFF00, 0x0000):
            raise self.no(ExceptionCode.ILLEGAL_VALUE)
        self.switch(5, addr, [raw == 0xFF00])

    def write_bits(self, addr: int, values: list[bool]) -> None:
        """FC 15."""
        self.switch(15, addr, values)

    def switch(self, fc: int, addr: int, values: list[bool]) -> None:
        """Switch coils, all of them or none."""
        if fc not in self._manners.writes or 1 not in self._bit_functions:
            raise self.no(ExceptionCode.ILLEGAL_FUNCTION)
        points = self._each(self._writes, 1, addr, len(values))
        for point, value in zip(points, values, strict=True):
            self.accept(point, value)
        self.settle()
        self.heard(fc, points[0])

    def diagnose(self, subfunction: int, data: bytes) -> bytes:
        """FC 8: no device here knows it unless it says so."""
        del subfunction, data
        raise self.no(ExceptionCode.ILLEGAL_FUNCTION)

    def other(self, fc: int, data: bytes) -> bytes:
        """Any other function."""
        del fc, data
        raise self.no(ExceptionCode.ILLEGAL_FUNCTION)

    def no(self, code: ExceptionCode) -> Exception:
        """How the device turns a request down."""
        return Silence() if self._manners.silent else Refusal(code)

    def _table(self, fc: int) -> int:
        return 3 if fc == 4 and self._manners.alike else fc

    def _addresses(self, points: Iterable[Point]) -> dict[tuple[int, int], Point]:
        return {
            (self._table(point.fc), addr): point
            for point in points
            for addr in range(point.addr, point.end)
        }

    def _each(
        self, where: dict[tuple[int, int], Point], fc: int, addr: int, count: int
    ) -> list[Point]:
        found = [where.get((fc, addr + offset)) for offset in range(count)]
        points = [point for point in found if point is not None]
        if len(points) != count:
            raise self.no(ExceptionCode.ILLEGAL_ADDRESS)
        return points

    def _words(self, table: int, addr: int, count: int) -> list[int]:
        words: list[int] = []
        while len(words) < count:
            at = addr + len(words)
            point = self._reads.get((table, at))
            if point is not None:
                if self.refuses(point):
                    raise self.no(ExceptionCode.ILLEGAL_ADDRESS)
                words += self.raw(point)[at - point.addr :]
                continue
            spans = (s for s in self._manners.spans if self._table(s.fc) == table and at in s)
            span = next(spans, None)
            if span is None:
                raise self.no(ExceptionCode.ILLEGAL_ADDRESS)
            words.append(span.filler)
        return words[:count]

    def _changes(self, addr: int, values: list[int]) -> list[tuple[Point, Value]]:
        changes: list[tuple[Point, Value]] = []
        at, end = addr, addr + len(values)
        while at < end:
            point = self._writes.get((3, at))
            if point is not None and point.addr == at and point.end <= end:
                words = values[at - addr : point.end - addr]
                changes.append((point, unpack(words, point.kind, self.step(point), self._order)))
                at = point.end
            elif self._manners.ignores_read_only:
                at += 1
            else:
                raise self.no(ExceptionCode.ILLEGAL_ADDRESS)
        return changes

    def _check_floats(self, addr: int, count: int) -> None:
        if not self._manners.even or addr in self._manners.even_free:
            return
        if count % 2:
            raise self.no(ExceptionCode.ILLEGAL_VALUE)
        if addr % 2:
            raise self.no(ExceptionCode.ILLEGAL_ADDRESS)

    def _in_time(self, last_s: float, pause_s: float) -> float:
        """Say nothing to a master that does not leave the device its pause."""
        if self.now_s - last_s < pause_s - 1e-6:
            raise Silence
        return self.now_s
