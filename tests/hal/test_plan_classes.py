"""The plan for rows of different urgency: against brute force, and what a read may cost others."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laddvakt_hal.codec import parse_type
from laddvakt_hal.frame import Function
from laddvakt_hal.plan import (
    Periods,
    ReadClass,
    WireCost,
    longest_allowed_s,
    may_merge,
    per_second,
    plan_blocks,
    plan_device,
    total_s,
    wire_cost,
)
from laddvakt_hal.plan_block import allowed, block_of
from laddvakt_hal.plan_cost import SPLIT_PAYS
from laddvakt_hal.profile_model import Kind, Limits, Profile, Row
from laddvakt_hal.settings import SerialSettings, TcpSettings, Timing

LINE = SerialSettings(name="l", port="/dev/null", baud=9600)
PERIODS = Periods()
Wanted = list[tuple[Row, ReadClass]]


def row(addr: int, kind: str = "u16", *, clears: bool = False, alone: bool = False) -> Row:
    return Row(
        quantity=f"r{addr}",
        function=Function.READ_HOLDING,
        addr=addr,
        type=parse_type(kind),
        clears=clears,
        alone=alone,
    )


def profile(rows: Sequence[Row], limits: Limits) -> Profile:
    named = {r.quantity: r for r in rows}
    return Profile(
        id="x", kind=Kind.METER, vendor="v", model="m", source="s", limits=limits, rows=named
    )


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Row], Wanted, Limits, WireCost, float]:
    """Rows of two to four classes, what the device forbids, one line."""
    addrs = sorted(draw(st.lists(st.integers(0, 70), unique=True, min_size=2, max_size=7)))
    known: list[Row] = []
    for addr in addrs:
        if known and known[-1].end > addr:
            continue
        rare = draw(st.sampled_from(["", "", "", "", "clears", "alone"]))
        width = draw(st.sampled_from(["u16", "f32"]))
        known.append(row(addr, width, clears=rare == "clears", alone=rare == "alone"))
    kinds = st.sampled_from(list(ReadClass))
    wanted = [(r, draw(kinds)) for r in known if draw(st.integers(0, 5))]
    limits = Limits(
        max_read=draw(st.sampled_from([2, 12, 40, 125])),
        holes=draw(st.booleans()),
        barriers=frozenset(draw(st.lists(st.integers(1, 70), max_size=2))),
    )
    timing = Timing(
        turnaround_s=draw(st.sampled_from([0.0, 0.02, 0.1])),
        min_delay_s=draw(st.sampled_from([0.0, 0.1])),
        unit_change_s=draw(st.sampled_from([0.0, 0.2])),
    )
    line = SerialSettings(name="l", port="/dev/null", baud=draw(st.sampled_from([9600, 115200])))
    cap_s = draw(st.sampled_from([math.inf, 0.125, 0.04]))
    return known, wanted, limits, wire_cost(line, timing, shared=True), cap_s


def partitions(rows: Wanted) -> Iterator[list[Wanted]]:
    """Every way to put the rows into groups, neighbours or not."""
    if not rows:
        yield []
        return
    for rest in partitions(rows[1:]):
        yield [[rows[0]], *rest]
        for index, group in enumerate(rest):
            yield [*rest[:index], [rows[0], *group], *rest[index + 1 :]]


def group_price(
    group: Wanted, wanted: Wanted, known: list[Row], limits: Limits, cost: WireCost, cap_s: float
) -> float:
    """What one block for the group costs each second; infinite when the device forbids it."""
    block = block_of([r for r, _ in group])
    span = range(block.addr, block.addr + block.count)
    inside = [(r, k) for r, k in wanted if r.addr in span]
    changed = any(r.clears for r, _ in inside) and len({k for _, k in inside}) > 1
    only = sorted((r for r, _ in inside), key=lambda r: r.addr)
    if changed or not allowed(only, known, limits, cost, cap_s):
        return math.inf
    return cost.price_s(block.request(1)) / PERIODS.steady(min(k for _, k in group))


@given(cases())
@settings(max_examples=100, deadline=None)
def test_plan_is_the_cheapest_for_all_classes_together(
    case: tuple[list[Row], Wanted, Limits, WireCost, float],
) -> None:
    """No way to group the rows costs fewer seconds each second."""
    known, wanted, limits, cost, cap_s = case
    its = {r.quantity: kind for r, kind in wanted}
    planned = plan_device(profile(known, limits), its, cost, PERIODS, cap_s)
    best = min(
        sum(group_price(group, wanted, known, limits, cost, cap_s) for group in groups)
        for groups in partitions(wanted)
    )
    assert per_second(planned, cost, PERIODS) == pytest.approx(best, abs=1e-12)
    brought = [(r.quantity, kind) for kind, block in planned for r in block.rows]
    assert sorted(quantity for quantity, _ in brought) == sorted(its)
    assert all(kind <= its[quantity] for quantity, kind in brought)


@given(cases())
@settings(max_examples=100, deadline=None)
def test_plan_never_costs_more_than_one_by_one_and_keeps_every_rule(
    case: tuple[list[Row], Wanted, Limits, WireCost, float],
) -> None:
    """Neither more seconds than single reads, nor longer, larger or wider reads than allowed."""
    known, wanted, limits, cost, cap_s = case
    its = {r.quantity: kind for r, kind in wanted}
    planned = plan_device(profile(known, limits), its, cost, PERIODS, cap_s)
    single = [(kind, block_of([r])) for r, kind in wanted]
    assert per_second(planned, cost, PERIODS) <= per_second(single, cost, PERIODS) + 1e-12
    for kind, block in planned:
        span = range(block.addr, block.addr + block.count)
        inside = [r for r in known if r.addr in span or r.end - 1 in span]
        if len(inside) == 1:
            continue
        alone_s = max(cost.of(block_of([r]).request(1)) for r in inside if r.quantity in its)
        took_s = cost.of(block.request(1))
        assert took_s <= max(cap_s, SPLIT_PAYS * alone_s)
        assert took_s <= 2 * cap_s or alone_s > 2 * cap_s  # the safety period
        assert block.count <= limits.max_read
        assert not any(barrier in span[1:] for barrier in limits.barriers)
        assert not any(r.alone for r in inside)
        assert all(its.get(r.quantity) is kind for r in inside if r.clears)
        defined = {a for r in known for a in range(r.addr, r.end)}
        assert limits.holes or set(span) <= defined


@pytest.mark.parametrize(
    ("turnaround_s", "reads"),
    [
        pytest.param(0.1, 1, id="within half as long again as one row"),
        pytest.param(0.2, 2, id="a read of both would outlast the safety period"),
        pytest.param(0.3, 1, id="one row outlasts it already: nothing is gained"),
    ],
)
def test_no_read_outlasts_the_safety_period_where_a_row_does_not(
    turnaround_s: float, reads: int
) -> None:
    rows, cap_s = [row(0), row(19)], longest_allowed_s([ReadClass.SAFETY], PERIODS)
    cost = wire_cost(LINE, Timing(turnaround_s=turnaround_s))
    blocks = plan_blocks(rows, rows, Limits(holes=True), cost, cap_s)
    assert len(blocks) == reads
    alone_s = cost.of(block_of(rows[:1]).request(1))
    limit_s = PERIODS.safety_s if alone_s <= PERIODS.safety_s else math.inf
    assert all(cost.of(block.request(1)) <= limit_s for block in blocks)


def planned_spots(
    wanted: Wanted, cost: WireCost, cap_s: float = math.inf, limits: Limits | None = None
) -> list[tuple[str, int, int]]:
    rows = [r for r, _ in wanted]
    limits = limits or Limits(holes=True)
    its = {r.quantity: kind for r, kind in wanted}
    planned = plan_device(profile(rows, limits), its, cost, PERIODS, cap_s)
    return [(kind.name, block.addr, block.count) for kind, block in planned]


SAFETY, NORMAL, ONCE = ReadClass.SAFETY, ReadClass.NORMAL, ReadClass.ONCE


@pytest.mark.parametrize(
    ("wanted", "spots"),
    [
        pytest.param(
            [(row(0, "f32"), SAFETY), (row(8, "f32"), NORMAL)],
            [("SAFETY", 0, 2), ("NORMAL", 8, 2)],
            id="energy 6 registers on would cost each safety read 16 characters",
        ),
        pytest.param(
            [(row(0, "f32"), SAFETY), (row(2, "f32"), NORMAL)],
            [("SAFETY", 0, 4)],
            id="energy next to it is cheaper than a request of its own",
        ),
        pytest.param(
            [(row(0), SAFETY), (row(2), NORMAL), (row(4), SAFETY)],
            [("SAFETY", 0, 5)],
            id="energy inside comes for free",
        ),
        pytest.param(
            [(row(0), NORMAL), (row(6), SAFETY), (row(12), NORMAL)],
            [("SAFETY", 6, 1), ("NORMAL", 0, 13)],
            id="a slow block reaches across a safety row",
        ),
    ],
)
def test_slower_rows_ride_along_when_that_is_cheaper(
    wanted: Wanted, spots: list[tuple[str, int, int]]
) -> None:
    """At 9600 baud, 20 ms turnaround, safety each 250 ms, energy each second."""
    assert planned_spots(wanted, wire_cost(LINE, Timing(turnaround_s=0.02))) == spots


@pytest.mark.parametrize(
    ("timing", "shared", "requests"),
    [
        pytest.param(Timing(turnaround_s=0.005), False, 2, id="quick device"),
        pytest.param(Timing(turnaround_s=0.04), False, 1, id="slow device"),
        pytest.param(Timing(turnaround_s=0.005, min_delay_s=0.1), False, 1, id="wants rest"),
        pytest.param(Timing(turnaround_s=0.005, read_interval_s=0.5), False, 1, id="wants pauses"),
        pytest.param(Timing(turnaround_s=0.005, unit_change_s=0.2), False, 2, id="alone on line"),
        pytest.param(Timing(turnaround_s=0.005, unit_change_s=0.2), True, 1, id="unit changes"),
    ],
)
def test_each_request_pays_the_devices_own_delays(
    timing: Timing, shared: bool, requests: int
) -> None:
    """Two registers 20 apart: one request or two, depending on what a second one costs."""
    rows = [row(0), row(21)]
    cost = wire_cost(LINE, timing, shared=shared)
    assert len(plan_blocks(rows, rows, Limits(holes=True), cost)) == requests


def test_measured_turnaround_replaces_the_profiles() -> None:
    timing = Timing(turnaround_s=0.02)
    assert wire_cost(LINE, timing).turnaround_s == 0.02
    assert wire_cost(LINE, timing, turnaround_s=0.003).turnaround_s == 0.003
    assert wire_cost(TcpSettings(name="t", host="h"), timing, turnaround_s=0.0).turnaround_s == 0


def test_no_read_is_longer_than_half_the_safety_period() -> None:
    """A line with a safety value: 48 registers fit into 125 ms at 9600 baud and 20 ms."""
    wanted = [(row(addr), NORMAL) for addr in range(0, 100, 2)]
    cost = wire_cost(LINE, Timing(turnaround_s=0.02))
    cap_s = longest_allowed_s([SAFETY, NORMAL], PERIODS)
    assert cap_s == 0.125
    for _, addr, count in planned_spots(wanted, cost, cap_s):
        assert cost.of(block_of([row(addr + i) for i in range(count)]).request(1)) <= cap_s
    assert longest_allowed_s([NORMAL, ONCE], PERIODS) == math.inf
    assert planned_spots(wanted, cost) == [("NORMAL", 0, 99)]


@pytest.mark.parametrize(
    ("text", "turnaround_s", "spots"),
    [
        pytest.param("str60", 0.02, [("ONCE", 0, 60)], id="one long row is always possible"),
        pytest.param("f32", 0.3, [("ONCE", 0, 4)], id="slow device: splitting gains nothing"),
    ],
)
def test_single_row_is_always_possible(
    text: str, turnaround_s: float, spots: list[tuple[str, int, int]]
) -> None:
    first = row(0, text)
    wanted = [(first, ONCE)] + [(row(2, "f32"), ONCE)] * (text == "f32")
    cost = wire_cost(LINE, Timing(turnaround_s=turnaround_s))
    assert planned_spots(wanted, cost, 0.05) == spots


def test_utilisation_of_one_value_per_half_second() -> None:
    """A charger that answers one value per half second: eight values keep it busy four seconds."""
    rows = [row(addr, "u32", alone=True) for addr in range(0, 16, 2)]
    cost = wire_cost(TcpSettings(name="t", host="h"), Timing(read_interval_s=0.5))
    planned = plan_device(
        profile(rows, Limits(max_read=2)), {r.quantity: NORMAL for r in rows}, cost, PERIODS
    )
    assert len(planned) == 8
    assert per_second(planned, cost, PERIODS) == pytest.approx(8 * 0.52, rel=1e-3)


def test_hundred_rows_of_three_classes() -> None:
    """The largest map anybody would read whole: planned once, every row in one block."""
    rows = [row(2 * n) for n in range(100)]
    its = {r.quantity: ReadClass(n % 3) for n, r in enumerate(rows)}
    limits = Limits(max_read=40, holes=True)
    planned = plan_device(profile(rows, limits), its, wire_cost(LINE, Timing()), PERIODS, 0.125)
    assert sorted(r.addr for _, b in planned for r in b.rows) == [r.addr for r in rows]


def test_wire_time_of_a_plan_counts_no_rests() -> None:
    rows = [row(0)]
    rested = wire_cost(LINE, Timing(min_delay_s=0.1))
    plain = wire_cost(LINE, Timing())
    blocks = plan_blocks(rows, rows, Limits(), rested)
    assert total_s(blocks, rested) == total_s(blocks, plain)
    assert may_merge(rows, rows, Limits())
