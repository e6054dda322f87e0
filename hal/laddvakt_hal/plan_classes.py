"""The cheapest blocks for rows of different urgency, pure: least line seconds per second.

A block is read as often as its most urgent row needs. A row of a slower class rides along in a
faster block when that is free (it lies inside) or cheaper than a request of its own; otherwise
slower rows have blocks of their own, which may reach across faster ones.

Found by dynamic programming. In a best plan blocks of one class do not overlap, and a block
either lies inside a slower one or beside it: it can be cut back to that without getting dearer.
So the slowest class's blocks cut the rows into stretches. Inside such a block only faster rows
are left to cover, between two of them everything is left to faster classes, and in either case
the next class is treated the same way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from laddvakt_hal.plan_block import Block, allowed, block_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from laddvakt_hal.plan_cost import ReadClass, WireCost
    from laddvakt_hal.profile_model import Limits, Row

# Row numbers `first`..`end - 1` read as one block of a class.
_Choice: TypeAlias = "tuple[ReadClass, int, int]"
_Plan: TypeAlias = "tuple[float, tuple[_Choice, ...]]"  # line seconds per second, what is read
_NOTHING: _Plan = (0.0, ())
_IMPOSSIBLE: _Plan = (math.inf, ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the device allows, what reading costs, how often each class is read."""

    limits: Limits
    cost: WireCost
    period_s: Mapping[ReadClass, float]
    cap_s: float = math.inf  # no block holds the line longer, see `plan_block.allowed`


def cheapest(
    rows: Sequence[tuple[Row, ReadClass]], known: Sequence[Row], terms: Terms
) -> list[tuple[ReadClass, Block]]:
    """The best blocks for rows of one function; every row stands in exactly one of them."""
    rows = sorted(rows, key=lambda pair: (pair[0].addr, pair[0].end))
    planned: list[tuple[ReadClass, Block]] = []
    for stretch, prices in _stretches(rows, _prices(rows, known, terms)):
        planned += _blocks(stretch, _Search(stretch, prices, terms.period_s).best())
    return planned


class _Search:
    """The dynamic programme over one stretch of rows."""

    def __init__(
        self,
        rows: Sequence[tuple[Row, ReadClass]],
        prices: Mapping[tuple[int, int], float],
        period_s: Mapping[ReadClass, float],
    ) -> None:
        self._kinds = [kind for _, kind in rows]
        self._classes = sorted(set(self._kinds))  # most urgent first
        self._prices = prices
        self._period_s = period_s
        self._starts: list[list[int]] = [[] for _ in range(len(rows) + 1)]  # of blocks that end so
        for start, end in prices:
            self._starts[end].append(start)
        self._plans: dict[tuple[int, int, frozenset[ReadClass]], list[_Plan]] = {}

    def best(self) -> tuple[_Choice, ...]:
        """What is read, and how often."""
        return self._cover(len(self._classes) - 1, 0, len(self._kinds), frozenset())[1]

    def _cover(self, level: int, first: int, end: int, done: frozenset[ReadClass]) -> _Plan:
        """The best plan for rows `first`..`end - 1` by classes up to `level`.

        Rows of a class in `done` are read already; other rows slower than `level` must be read
        as often as that.
        """
        plans = self._plans.setdefault((level, first, done), [_NOTHING])
        while len(plans) <= end - first:
            plans.append(self._last_step(level, first, first + len(plans), done, plans))
        return plans[end - first]

    def _last_step(
        self, level: int, first: int, end: int, done: frozenset[ReadClass], plans: list[_Plan]
    ) -> _Plan:
        """The best plan up to `end`, given those that end before.

        What is left to faster classes ends with a block of theirs or with a row that is read
        already: no step need be longer than an allowed block.
        """
        best = _IMPOSSIBLE
        inside = done | set(self._classes[level:])
        for start in self._starts[end]:
            if start < first or math.isinf(plans[start - first][0]):
                continue
            price, choices = plans[start - first]
            for own in (
                self._as_block(level, start, end, done, inside),
                self._left_to_faster(level, start, end, done),
            ):
                if price + own[0] < best[0]:
                    best = (price + own[0], choices + own[1])
        return best

    def _as_block(
        self,
        level: int,
        start: int,
        end: int,
        done: frozenset[ReadClass],
        inside: frozenset[ReadClass],
    ) -> _Plan:
        """One block of the class over all these rows, the faster ones among them read besides."""
        kind = self._classes[level]
        edges = (self._kinds[start], self._kinds[end - 1])
        if any(edge < kind or edge in done for edge in edges):
            return _IMPOSSIBLE
        faster = self._cover(level - 1, start, end, inside) if level else _NOTHING
        price = self._prices[start, end] / self._period_s[kind]
        return price + faster[0], ((kind, start, end), *faster[1])

    def _left_to_faster(
        self, level: int, start: int, end: int, done: frozenset[ReadClass]
    ) -> _Plan:
        """No block of the class over any of these rows."""
        if level:
            return self._cover(level - 1, start, end, done)
        return _NOTHING if set(self._kinds[start:end]) <= done else _IMPOSSIBLE


def _prices(
    rows: Sequence[tuple[Row, ReadClass]], known: Sequence[Row], terms: Terms
) -> dict[tuple[int, int], float]:
    """What every allowed block costs, by the numbers of its first row and after its last."""
    prices = {}
    for start in range(len(rows)):
        for end in range(start + 1, len(rows) + 1):
            part = rows[start:end]
            only = [row for row, _ in part]
            if _as_often_as_wanted(part) and allowed(
                only, known, terms.limits, terms.cost, terms.cap_s
            ):
                prices[start, end] = terms.cost.price_s(block_of(only).request(1))
    return prices


def _as_often_as_wanted(part: Sequence[tuple[Row, ReadClass]]) -> bool:
    """False where a row that reading changes would be read more often than asked for."""
    return len({kind for _, kind in part}) == 1 or not any(row.clears for row, _ in part)


def _stretches(
    rows: Sequence[tuple[Row, ReadClass]], prices: Mapping[tuple[int, int], float]
) -> list[tuple[Sequence[tuple[Row, ReadClass]], dict[tuple[int, int], float]]]:
    """The rows cut where no block may reach across: each stretch is a case of its own."""
    found = []
    first = reach = 0
    for number in range(len(rows)):
        reach = max(reach, *(end for start, end in prices if start == number))
        if reach == number + 1:
            own = {
                (start - first, end - first): price_s
                for (start, end), price_s in prices.items()
                if first <= start < reach
            }
            found.append((rows[first:reach], own))
            first = reach
    return found


def _blocks(
    rows: Sequence[tuple[Row, ReadClass]], choices: Sequence[_Choice]
) -> list[tuple[ReadClass, Block]]:
    """The chosen blocks, most urgent first; a row belongs to the fastest that covers it."""
    taken: set[int] = set()
    planned = []
    for kind, start, end in sorted(choices):
        whole = block_of([row for row, _ in rows[start:end]])
        own = [number for number in range(start, end) if number not in taken]
        taken.update(own)
        brings = tuple(rows[number][0] for number in own)
        planned.append(
            (
                kind,
                Block(function=whole.function, addr=whole.addr, count=whole.count, rows=brings),
            )
        )
    return planned
