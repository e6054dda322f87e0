"""Which block reads fetch a set of rows, pure: fewest wire seconds, found by dynamic programming.

Reading across registers nobody wants costs their characters; a separate request costs its own
characters, two silences and the device's turnaround. What is cheaper depends on the line.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from laddvakt_hal.frame import Function, Request, rtu_reply_length, rtu_request_length
from laddvakt_hal.settings import SerialSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from laddvakt_hal.profile_model import Limits, Profile, Row
    from laddvakt_hal.settings import LineSettings, Timing

# What a byte costs over TCP: only decides between plans that are equal otherwise.
_TCP_BYTE_S = 1e-7


class ReadClass(enum.IntEnum):
    """How urgent a value is; smaller is more urgent."""

    SAFETY = 0  # an opening depends on it
    STATUS = 1  # a fault that comes and goes; must not depend on how often energy is read
    NORMAL = 2
    SLOW = 3
    ONCE = 4  # identity: at start and after every silence


@dataclass(frozen=True, slots=True, kw_only=True)
class Periods:
    """How often each class is read on one line."""

    safety_s: float = 0.25
    status_s: float = 0.5  # one read may fail and the value is still young after 1.5 s
    normal_s: float = 1.0
    slow_s: float = 10.0

    def of(self, kind: ReadClass) -> float:
        """The period of a class; for ONCE the pause between tries that failed."""
        match kind:
            case ReadClass.SAFETY:
                return self.safety_s
            case ReadClass.STATUS:
                return self.status_s
            case ReadClass.NORMAL:
                return self.normal_s
            case ReadClass.SLOW | ReadClass.ONCE:
                return self.slow_s


@dataclass(frozen=True, slots=True, kw_only=True)
class WireCost:
    """What a transaction costs on one line with one device."""

    character_s: float
    silence_s: float
    turnaround_s: float

    def of(self, request: Request) -> float:
        """Seconds the transaction holds the line, its leading silence included."""
        characters = rtu_request_length(request) + rtu_reply_length(request)
        waits_s = self.silence_s + max(self.turnaround_s, self.silence_s)
        return characters * self.character_s + waits_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One read request and the rows it brings."""

    function: Function
    addr: int
    count: int
    rows: tuple[Row, ...]

    def request(self, unit: int) -> Request:
        """The block as a request to a unit."""
        return Request(unit=unit, function=self.function, address=self.addr, count=self.count)

    def covers(self, row: Row) -> bool:
        """True when the row comes along for free."""
        same = row.function is self.function and not row.alone and not row.clears
        return same and self.addr <= row.addr and row.end <= self.addr + self.count


def wire_cost(line: LineSettings, timing: Timing) -> WireCost:
    """The cost model of a device on a line."""
    if isinstance(line, SerialSettings):
        return WireCost(
            character_s=line.character_s,
            silence_s=line.silence_s,
            turnaround_s=timing.turnaround_s,
        )
    return WireCost(character_s=_TCP_BYTE_S, silence_s=0.0, turnaround_s=timing.turnaround_s)


def plan_device(
    profile: Profile, wanted: Mapping[str, ReadClass], cost: WireCost
) -> tuple[tuple[ReadClass, Block], ...]:
    """The blocks of each class, most urgent first; rows a faster block covers ride along.

    Raises:
        KeyError: a wanted quantity is no row of the profile.
    """
    planned: list[tuple[ReadClass, Block]] = []
    for kind in ReadClass:
        left = []
        for quantity in (name for name, its_kind in wanted.items() if its_kind is kind):
            row = profile.rows[quantity]
            index = next((i for i, (_, b) in enumerate(planned) if b.covers(row)), None)
            if index is None:
                left.append(row)
            else:
                its_kind, block = planned[index]
                planned[index] = (its_kind, replace(block, rows=(*block.rows, row)))
        blocks = plan_blocks(left, profile.rows.values(), profile.limits, cost)
        planned += [(kind, block) for block in blocks]
    return tuple(planned)


def plan_blocks(
    wanted: Iterable[Row], known: Iterable[Row], limits: Limits, cost: WireCost
) -> tuple[Block, ...]:
    """The cheapest blocks that bring every wanted row. `known` are all rows of the profile."""
    known = tuple(known)
    blocks: list[Block] = []
    for function in sorted({row.function for row in wanted}):
        rows = sorted((r for r in wanted if r.function is function), key=lambda r: (r.addr, r.end))
        blocks += _cheapest(rows, [r for r in known if r.function is function], limits, cost)
    return tuple(blocks)


def total_s(blocks: Iterable[Block], cost: WireCost) -> float:
    """Wire seconds of one round of these blocks."""
    return sum(cost.of(block.request(1)) for block in blocks)


def longest_s(blocks: Iterable[Block], cost: WireCost) -> float:
    """Wire seconds of the longest of these blocks, 0 without any."""
    return max((cost.of(block.request(1)) for block in blocks), default=0.0)


def may_merge(rows: Sequence[Row], known: Sequence[Row], limits: Limits) -> bool:
    """True when one request may bring all of `rows` (sorted by address, one function)."""
    if len(rows) == 1:
        return True
    first, end = rows[0].addr, max(row.end for row in rows)
    if end - first > limits.max_read or any(row.alone for row in rows):
        return False
    if any(first < barrier < end for barrier in limits.barriers):
        return False
    if any(r.addr < end and first < r.end and _forbidden(r, rows) for r in known):
        return False
    if limits.spans:
        return any(
            span.function is rows[0].function and span.first <= first and end - 1 <= span.last
            for span in limits.spans
        )
    return limits.holes or _defined(first, end, known)


def _cheapest(
    rows: Sequence[Row], known: Sequence[Row], limits: Limits, cost: WireCost
) -> list[Block]:
    """Dynamic programming over the sorted rows: the best plan of each prefix, from the left."""
    best: list[tuple[float, int]] = [(0.0, 0)]  # cost of the first i rows, start of the last block
    for end in range(1, len(rows) + 1):
        options = (
            (best[start][0] + cost.of(_block(rows[start:end]).request(1)), start)
            for start in range(end)
            if may_merge(rows[start:end], known, limits)
        )
        best.append(min(options))
    blocks: list[Block] = []
    end = len(rows)
    while end:
        start = best[end][1]
        blocks.append(_block(rows[start:end]))
        end = start
    return blocks[::-1]


def _block(rows: Sequence[Row]) -> Block:
    end = max(row.end for row in rows)
    return Block(
        function=rows[0].function,
        addr=rows[0].addr,
        count=end - rows[0].addr,
        rows=tuple(rows),
    )


def _forbidden(row: Row, wanted: Sequence[Row]) -> bool:
    """True for a row that must not be read in passing."""
    return (row.clears or row.alone or not row.readable) and row not in wanted


def _defined(first: int, end: int, known: Sequence[Row]) -> bool:
    """True when every address belongs to a known row."""
    covered = {addr for row in known for addr in range(max(row.addr, first), min(row.end, end))}
    return len(covered) == end - first
