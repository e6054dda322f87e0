"""The planner against brute force, and against what no plan may do."""

from __future__ import annotations

import itertools
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
    longest_s,
    may_merge,
    plan_blocks,
    plan_device,
    total_s,
    wire_cost,
)
from laddvakt_hal.profile import load_profile
from laddvakt_hal.profile_model import Limits, Row, Span
from laddvakt_hal.settings import SerialSettings, TcpSettings, Timing


def row(addr: int, kind: str = "u16", *, clears: bool = False, alone: bool = False) -> Row:
    return Row(
        quantity=f"r{addr}",
        function=Function.READ_HOLDING,
        addr=addr,
        type=parse_type(kind),
        clears=clears,
        alone=alone,
    )


def serial_cost(baud: int, turnaround_s: float) -> WireCost:
    line = SerialSettings(name="l", port="/dev/null", baud=baud)
    return wire_cost(line, Timing(turnaround_s=turnaround_s))


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Row], list[Row], Limits, WireCost]:
    addrs = draw(st.lists(st.integers(0, 60), unique=True, min_size=1, max_size=7))
    known: list[Row] = []
    for addr in sorted(addrs):
        if known and known[-1].end > addr:
            continue
        kind = draw(st.sampled_from(["u16", "u16", "f32"]))
        known.append(row(addr, kind, clears=draw(st.booleans()) and draw(st.booleans())))
    wanted = [r for r in known if draw(st.booleans())] or known[:1]
    limits = Limits(
        max_read=draw(st.integers(2, 40)),
        holes=draw(st.booleans()),
        barriers=frozenset(draw(st.lists(st.integers(1, 60), max_size=2))),
        spans=tuple(
            Span(function=Function.READ_HOLDING, first=first, last=first + 20)
            for first in draw(st.lists(st.integers(0, 40), max_size=1))
        ),
    )
    cost = serial_cost(
        draw(st.sampled_from([9600, 115200])), draw(st.sampled_from([0.0, 0.005, 0.04]))
    )
    return wanted, known, limits, cost


def partitions(rows: Sequence[Row]) -> Iterator[list[Sequence[Row]]]:
    for cuts in itertools.product([False, True], repeat=len(rows) - 1):
        edges = [0, *(i + 1 for i, cut in enumerate(cuts) if cut), len(rows)]
        yield [rows[a:b] for a, b in itertools.pairwise(edges)]


@given(cases())
@settings(max_examples=300, deadline=None)
def test_plan_is_the_cheapest_allowed_one(
    case: tuple[list[Row], list[Row], Limits, WireCost],
) -> None:
    wanted, known, limits, cost = case
    blocks = plan_blocks(wanted, known, limits, cost)
    assert sorted(r.addr for b in blocks for r in b.rows) == sorted(r.addr for r in wanted)
    best = min(
        sum(total_s(plan_blocks(part, part, Limits(holes=True), cost), cost) for part in parts)
        for parts in partitions(wanted)
        if all(may_merge(part, known, limits) for part in parts)
    )
    assert total_s(blocks, cost) <= best + 1e-12


@given(cases())
@settings(max_examples=300, deadline=None)
def test_no_block_does_what_the_device_forbids(
    case: tuple[list[Row], list[Row], Limits, WireCost],
) -> None:
    wanted, known, limits, cost = case
    for block in plan_blocks(wanted, known, limits, cost):
        inside = range(block.addr, block.addr + block.count)
        if len(block.rows) == 1:
            continue
        assert block.count <= limits.max_read
        assert not any(barrier in inside[1:] for barrier in limits.barriers)
        in_span = [s.first <= inside[0] and inside[-1] <= s.last for s in limits.spans]
        assert not limits.spans or any(in_span)
        for other in known:
            touched = other.addr in inside or other.end - 1 in inside
            assert not (touched and other.clears and other not in block.rows)
        defined = {a for r in known for a in range(r.addr, r.end)}
        assert limits.holes or limits.spans or set(inside) <= defined


@pytest.mark.parametrize(
    ("baud", "turnaround_s", "gap"),
    [(9600, 0.005, 10), (9600, 0.02, 17), (9600, 0.04, 27), (115200, 0.02, 131)],
)
def test_break_even_gap(baud: int, turnaround_s: float, gap: int) -> None:
    """Merging across `gap` unused registers pays, across two more it does not."""
    cost, limits = serial_cost(baud, turnaround_s), Limits(max_read=300, holes=True)

    def blocks(hole: int) -> int:
        rows = [row(0), row(1 + hole)]
        # 115200 baud: wider than one real request, the arithmetic is the same
        return len(plan_blocks(rows, rows, limits, cost)) if hole < 124 else 1

    assert blocks(gap) == 1
    assert gap > 120 or blocks(gap + 2) == 2


def test_simpleevse_reads_its_faults_apart() -> None:
    """1007 lies outside the block the board can read."""
    profile = load_profile("simpleevse-wb-din")
    wanted = dict.fromkeys(
        ("current_limit", "iec61851_state", "evse_state", "faults"), ReadClass.SAFETY
    )
    plan = plan_device(profile, wanted, serial_cost(9600, 0.01))
    assert [(block.addr, block.count) for _, block in plan] == [(1000, 7), (1007, 1)]


def test_meter_block_is_one_read_of_the_units_that_take_least() -> None:
    profile = load_profile("eastron-sdm72d-m-v2")
    quantities = [f"{what}_l{i}" for what in ("voltage", "current", "power") for i in (1, 2, 3)]
    plan = plan_device(
        profile, dict.fromkeys(quantities, ReadClass.SAFETY), serial_cost(9600, 0.02)
    )
    assert [(block.addr, block.count) for _, block in plan] == [(0, 18)]


def test_slower_rows_ride_along_where_a_faster_block_covers_them() -> None:
    profile = load_profile("phoenix-charx-sec")
    wanted = {
        "voltage_l1": ReadClass.SAFETY,
        "current_limit": ReadClass.SAFETY,
        "energy_import_total": ReadClass.NORMAL,
        "meter_type": ReadClass.ONCE,
    }
    cost = wire_cost(TcpSettings(name="t", host="h"), Timing(turnaround_s=0.01))
    plan = plan_device(profile, wanted, cost)
    assert [(kind, b.addr, b.count, len(b.rows)) for kind, b in plan] == [
        (ReadClass.SAFETY, 1232, 70, 3),
        (ReadClass.ONCE, 1112, 1, 1),
    ]


def test_registers_that_reading_clears_are_never_read_in_passing() -> None:
    rows = [row(0), row(1, clears=True), row(2)]
    blocks = plan_blocks([rows[0], rows[2]], rows, Limits(holes=True), serial_cost(9600, 0.04))
    assert [(b.addr, b.count) for b in blocks] == [(0, 1), (2, 1)]


def test_registers_that_want_a_request_of_their_own_are_never_read_in_passing() -> None:
    rows = [row(0), row(1, alone=True), row(2)]
    cost = serial_cost(9600, 0.04)
    for limits in (Limits(holes=True), Limits()):
        blocks = plan_blocks([rows[0], rows[2]], rows, limits, cost)
        assert [(b.addr, b.count) for b in blocks] == [(0, 1), (2, 1)]
    assert len(plan_blocks(rows, rows, Limits(holes=True), cost)) == 3


@pytest.mark.parametrize("barrier", range(1, 6))
@pytest.mark.parametrize("last", ["u16", "f32"])
def test_no_block_reaches_over_a_barrier_wherever_it_stands(barrier: int, last: str) -> None:
    """It stands before its address: the first and the last register of a block are borders, too."""
    rows = [row(0), row(2), row(4, last)]
    limits = Limits(holes=True, barriers=frozenset({barrier}))
    blocks = plan_blocks(rows, rows, limits, serial_cost(9600, 0.1))
    over = [b for b in blocks if b.addr < barrier < b.addr + b.count]
    assert not [b for b in over if len(b.rows) > 1]
    assert len(blocks) == (2 if barrier < 5 else len(rows) - 1 if last == "f32" else 1)


def test_the_silence_before_a_request_is_counted_once() -> None:
    """A device's rest begins with the silence that the next request needs anyway."""
    line = SerialSettings(name="l", port="/dev/null")
    cost = wire_cost(line, Timing(min_delay_s=0.1))
    request = plan_blocks([row(0)], [row(0)], Limits(), cost)[0].request(1)
    assert cost.rest_s == pytest.approx(0.1 - line.silence_s)
    assert cost.price_s(request) == pytest.approx(cost.of(request) + 0.1 - line.silence_s)
    assert wire_cost(line, Timing(min_delay_s=line.silence_s / 2)).rest_s == 0


def test_wire_time_of_the_usual_meter_block() -> None:
    """18 registers at 9600 8N1: 8 + 41 characters, two silences or one and the turnaround."""
    cost = serial_cost(9600, 0.005)
    profile = load_profile("eastron-sdm72d-m-v2")
    rows = [r for r in profile.rows.values() if r.function is Function.READ_INPUT_REGISTERS]
    blocks = plan_blocks([r for r in rows if r.end <= 18], rows, profile.limits, cost)
    assert longest_s(blocks, cost) == pytest.approx(49 / 960 + 3.5 / 960 + 0.005)


def test_periods_by_class() -> None:
    periods = Periods(safety_s=0.1, status_s=0.4, normal_s=1, slow_s=5)
    assert [periods.of(kind) for kind in ReadClass] == [0.1, 0.4, 1, 5, 5]
