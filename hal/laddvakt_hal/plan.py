"""Which block reads fetch a set of rows, pure: fewest seconds, found by dynamic programming.

Reading across registers nobody wants costs their characters; a separate request costs its own
characters, two silences, the device's turnaround and the rest it wants. What is cheaper depends
on the line and the device. `plan_cost` says what a read costs and how long it may be,
`plan_block` what the device allows, `plan_classes` finds the best plan.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from laddvakt_hal.plan_block import Block, longest_s, may_merge, total_s
from laddvakt_hal.plan_classes import Terms, cheapest
from laddvakt_hal.plan_cost import (
    Periods,
    ReadClass,
    WireCost,
    longest_allowed_s,
    wire_cost,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from laddvakt_hal.profile_model import Limits, Profile, Row

__all__ = [
    "Block",
    "Periods",
    "ReadClass",
    "WireCost",
    "longest_allowed_s",
    "longest_s",
    "may_merge",
    "per_second",
    "plan_blocks",
    "plan_device",
    "total_s",
    "wire_cost",
]


def plan_device(
    profile: Profile,
    wanted: Mapping[str, ReadClass],
    cost: WireCost,
    periods: Periods | None = None,
    cap_s: float = math.inf,
) -> tuple[tuple[ReadClass, Block], ...]:
    """The blocks of each class, most urgent first; cheapest for all classes together.

    Args:
        profile: the device's.
        wanted: quantities and how urgent each is.
        cost: what a read costs, from `wire_cost`.
        periods: how often each class is read on this line.
        cap_s: how long a read may hold the line, from `longest_allowed_s`.

    A row this variant of the device does not have is not read.

    Raises:
        KeyError: a wanted quantity is no row of the profile.
    """
    its_periods = periods or Periods()
    period_s = {kind: its_periods.steady(kind) for kind in ReadClass}
    terms = Terms(limits=profile.limits, cost=cost, period_s=period_s, cap_s=cap_s)
    planned: list[tuple[ReadClass, Block]] = []
    pairs = ((profile.rows[quantity], kind) for quantity, kind in wanted.items())
    rows = [(row, kind) for row, kind in pairs if not row.absent]
    there = [row for row in profile.rows.values() if not row.absent]
    for function in sorted({row.function for row, _ in rows}):
        known = [row for row in there if row.function is function]
        planned += cheapest([pair for pair in rows if pair[0].function is function], known, terms)
    return tuple(
        (kind, block)
        for kind in ReadClass
        for block in _unlike([block for its_kind, block in planned if its_kind is kind])
    )


def plan_blocks(
    wanted: Iterable[Row],
    known: Iterable[Row],
    limits: Limits,
    cost: WireCost,
    cap_s: float = math.inf,
) -> tuple[Block, ...]:
    """The cheapest blocks that bring every wanted row. `known` are all rows of the profile."""
    wanted, known = tuple(wanted), tuple(known)
    kind = ReadClass.NORMAL
    terms = Terms(limits=limits, cost=cost, period_s={kind: 1.0}, cap_s=cap_s)
    blocks: list[Block] = []
    for function in sorted({row.function for row in wanted}):
        rows = [(row, kind) for row in wanted if row.function is function]
        its = [row for row in known if row.function is function]
        blocks += [block for _, block in cheapest(rows, its, terms)]
    return tuple(blocks)


def per_second(
    planned: Iterable[tuple[ReadClass, Block]], cost: WireCost, periods: Periods
) -> float:
    """Seconds per second these blocks keep their device busy, rests included."""
    return sum(cost.price_s(block.request(1)) / periods.steady(kind) for kind, block in planned)


def _unlike(blocks: Iterable[Block]) -> Iterator[Block]:
    """The blocks in an order in which neighbours rarely have replies of equal shape.

    The bus keeps two such requests to one unit a few milliseconds apart, because a copy of the
    first reply could pass for the second. Otherwise by function, then by address.
    """
    left = list(blocks)
    last: tuple[int, int] | None = None
    while left:
        sizes = Counter((block.function, block.count) for block in left)
        unlike = [block for block in left if (block.function, block.count) != last]
        # What there is most of goes first while it can: later it would only meet its like.
        chosen = max(unlike or left, key=lambda block: sizes[block.function, block.count])
        left.remove(chosen)
        last = (chosen.function, chosen.count)
        yield chosen
