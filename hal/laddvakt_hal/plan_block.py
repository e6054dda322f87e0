"""One block read: what it brings, what it costs, and which rows may share one: pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from laddvakt_hal.frame import Function, Request
from laddvakt_hal.plan_cost import LONGEST_SHARE, SPLIT_PAYS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from laddvakt_hal.plan_cost import WireCost
    from laddvakt_hal.profile_model import Limits, Row


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


def block_of(rows: Sequence[Row]) -> Block:
    """The smallest block with all of `rows` (one function)."""
    first = min(row.addr for row in rows)
    end = max(row.end for row in rows)
    return Block(function=rows[0].function, addr=first, count=end - first, rows=tuple(rows))


def total_s(blocks: Iterable[Block], cost: WireCost) -> float:
    """Wire seconds of one round of these blocks."""
    return sum(cost.of(block.request(1)) for block in blocks)


def longest_s(blocks: Iterable[Block], cost: WireCost) -> float:
    """Wire seconds of the longest of these blocks, 0 without any."""
    return max((cost.of(block.request(1)) for block in blocks), default=0.0)


def allowed(
    rows: Sequence[Row],
    known: Sequence[Row],
    limits: Limits,
    cost: WireCost,
    cap_s: float = math.inf,
) -> bool:
    """True when one request may bring all of `rows` and gives the line back in time."""
    return may_merge(rows, known, limits) and (
        math.isinf(cap_s) or cost.of(block_of(rows).request(1)) <= may_last_s(rows, cost, cap_s)
    )


def may_last_s(rows: Iterable[Row], cost: WireCost, cap_s: float) -> float:
    """How long a read of these rows may hold the line.

    `cap_s`, or half as long again as the longest of the rows takes by itself: a single row is
    always possible, and a slow device is not asked more often for the same. But never longer than
    the safety period where a single row is not.
    """
    alone_s = max(cost.of(block_of([row]).request(1)) for row in rows)
    enough_s, deadline_s = SPLIT_PAYS * alone_s, cap_s / LONGEST_SHARE
    if alone_s <= deadline_s:
        enough_s = min(enough_s, deadline_s)
    return max(cap_s, enough_s)


def may_merge(rows: Sequence[Row], known: Sequence[Row], limits: Limits) -> bool:
    """True when one request may bring all of `rows` (sorted by address, one function)."""
    if len(rows) == 1:
        return True
    first, end = rows[0].addr, max(row.end for row in rows)
    if end - first > limits.max_read or limits.one_row or any(row.alone for row in rows):
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


def _forbidden(row: Row, wanted: Sequence[Row]) -> bool:
    """True for a row that must not be read in passing."""
    return (row.clears or row.alone or not row.readable) and row not in wanted


def _defined(first: int, end: int, known: Sequence[Row]) -> bool:
    """True when every address belongs to a known row."""
    covered = {addr for row in known for addr in range(max(row.addr, first), min(row.end, end))}
    return len(covered) == end - first
