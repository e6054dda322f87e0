"""The poller in virtual time: periods kept, rests honoured, the dead kept from the living."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.polled import LINE, Polled, now_s, virtually
from laddvakt_hal.bus import Priority
from laddvakt_hal.codec import parse_type
from laddvakt_hal.frame import Function
from laddvakt_hal.plan import Periods, ReadClass
from laddvakt_hal.poll import REPLAN_S
from laddvakt_hal.profile_model import Identity, Kind, Limits, Profile, Row
from laddvakt_hal.settings import SerialSettings, TcpSettings, Timing

SAFETY, STATUS, NORMAL, SLOW, ONCE = ReadClass
QUICK = Timing(timeout_s=0.2, worst_latency_s=0.2, turnaround_s=0.01)
Part = tuple[Profile, Mapping[str, ReadClass]]


def part(
    wanted: Sequence[tuple[int, ReadClass]],
    timing: Timing = QUICK,
    limits: Limits | None = None,
    width: str = "u16",
) -> Part:
    """A device with one row per address, each of a class."""
    rows = {
        f"r{addr}": Row(
            quantity=f"r{addr}",
            function=Function.READ_HOLDING,
            addr=addr,
            type=parse_type(width),
            alone=limits is not None and limits.max_read == 2,
        )
        for addr, _ in wanted
    }
    profile = Profile(
        id="x",
        kind=Kind.METER,
        vendor="v",
        model="m",
        source="s",
        timing=timing,
        limits=limits or Limits(max_read=20),
        rows=rows,
        identity=tuple(Identity(quantity=f"r{a}") for a, kind in wanted if kind is ONCE),
    )
    return profile, {f"r{addr}": kind for addr, kind in wanted}


def gaps(times: Sequence[float]) -> list[float]:
    return [b - a for a, b in itertools.pairwise(times)]


@st.composite
def lines(draw: st.DrawFn) -> tuple[dict[int, Part], SerialSettings]:
    """One to four devices on one line, some of which want rests."""
    parts = {}
    for unit in range(1, draw(st.integers(1, 4)) + 1):
        addrs = draw(st.lists(st.integers(0, 9), unique=True, min_size=1, max_size=4))
        kinds = [draw(st.sampled_from([SAFETY, STATUS, NORMAL, SLOW, ONCE])) for _ in addrs]
        wanted = [(100 * addr, kind) for addr, kind in zip(addrs, kinds, strict=True)]
        timing = Timing(
            timeout_s=0.2,
            worst_latency_s=0.2,
            turnaround_s=draw(st.sampled_from([0.002, 0.01, 0.04])),
            min_delay_s=draw(st.sampled_from([0.0, 0.0, 0.1])),
            unit_change_s=draw(st.sampled_from([0.0, 0.0, 0.0, 0.05])),
            read_interval_s=draw(st.sampled_from([0.0, 0.0, 0.0, 0.5])),
        )
        parts[unit] = part(wanted, timing)
    baud = draw(st.sampled_from([9600, 19200, 115200]))
    return parts, SerialSettings(name="l", port="/dev/null", baud=baud)


def longest_wait_s(its: Polled) -> float:
    """What may come between a read falling due and its turn: one read, one device's rest."""
    rows = its.poller.plan
    return max((row.held_s for row in rows), default=0.0) + max(
        (row.busy_s - row.held_s for row in rows), default=0.0
    )


@given(lines())
@settings(max_examples=50, deadline=None)
def test_every_value_within_its_period_on_a_line_that_can(
    case: tuple[dict[int, Part], SerialSettings],
) -> None:
    """Nothing is skipped where loads and the longest wait leave room; nobody ever starves."""

    async def run() -> None:
        its = Polled(case[0], settings=case[1])
        await its.poll(25.0)
        poller, periods = its.poller, its.poller.periods
        repeated = [row for row in poller.plan if row.kind is not ONCE]
        shortest_s = min((row.period_s for row in repeated), default=1.0)
        crowd = max(poller.utilisation, *poller.loads.values())
        if crowd + longest_wait_s(its) / shortest_s <= 1:
            assert not any(poller.missed.values()), (poller.missed, poller.lateness_s)
            for kind in (SAFETY, STATUS, NORMAL, SLOW):
                assert poller.lateness_s[kind] <= periods.of(kind)
        for row in repeated:
            unit = int(row.device[1:])
            times = its.bus.reads(unit, row.block.addr)
            most_s = 2 * max(1.0, crowd) * row.period_s + len(poller.plan) * longest_wait_s(its)
            assert max(gaps([1000.0, *times, now_s()])) <= most_s
        assert poller.first_round.is_set()
        await its.end()

    virtually(run)


def test_overload_is_told_and_shared() -> None:
    """Ten meters on a line at 9600 baud: half more than it can carry."""

    async def run() -> None:
        parts = {unit: part([(0, SAFETY), (500, NORMAL)]) for unit in range(1, 11)}
        its = Polled(parts)
        await its.poll(60.0)
        load = its.poller.utilisation
        assert 1.4 < load < 1.6
        assert its.poller.safety_period_s == pytest.approx(0.25 * load)
        assert its.poller.missed[SAFETY] > 100
        for unit in parts:
            assert max(gaps(its.bus.reads(unit, 0))) < 2 * 0.25 * load
            assert max(gaps(its.bus.reads(unit, 500))) < 2 * 1.0 * load
        await its.end()

    virtually(run)


def test_one_value_per_half_second_is_told_honestly_and_holds_up_nobody() -> None:
    """A charger that wants half a second between reads, beside one that wants nothing."""

    async def run() -> None:
        slow = Timing(timeout_s=0.2, worst_latency_s=0.2, turnaround_s=0.01, read_interval_s=0.5)
        wanted = [(2 * n, SAFETY if n < 2 else NORMAL) for n in range(6)]
        its = Polled(
            {1: part(wanted, slow, Limits(max_read=2), "u32"), 2: part([(0, SAFETY)])},
            settings=TcpSettings(name="t", host="h"),
        )
        assert its.poller.loads["d1"] == pytest.approx((2 / 0.25 + 4) * 0.51, rel=1e-3)
        assert its.poller.utilisation == its.poller.loads["d1"]
        assert its.poller.loads["d2"] == pytest.approx(0.04, rel=1e-3)
        await its.poll(60.0)
        asked = [(a, b) for a, b, r in its.bus.requests if r.unit == 1]
        assert min(b[0] - a[1] for a, b in itertools.pairwise(asked)) >= 0.5 - 1e-9
        assert len(asked) >= 60 / 0.52
        assert max(gaps(its.bus.reads(2, 0))) < 0.27
        for addr in range(0, 12, 2):
            assert max(gaps(its.bus.reads(1, addr))) < 12.0, "nobody starves"
        await its.end()

    virtually(run)


@pytest.mark.parametrize("timeout_s", [0.1, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("dead", [1, 3])
def test_dead_devices_leave_the_living_their_periods(timeout_s: float, dead: int) -> None:
    """Means within 10 %, one timeout at a time with every living device heard between."""

    async def run() -> None:
        mortal = Timing(timeout_s=timeout_s, worst_latency_s=timeout_s, turnaround_s=0.01)
        parts = {unit: part([(0, SAFETY), (500, NORMAL)]) for unit in (1, 2)}
        parts |= {unit: part([(0, SAFETY), (600, ONCE)], mortal) for unit in range(3, 3 + dead)}
        its = Polled(parts)
        await its.poll(30.0)
        its.bus.silent = set(range(3, 3 + dead))
        await its.poll(10.0)  # the first round finds out
        since_s = now_s()
        await its.poll(120.0)
        for unit, (addr, period_s) in itertools.product((1, 2), ((0, 0.25), (500, 1.0))):
            apart = gaps(its.bus.reads(unit, addr, since_s))
            assert statistics.mean(apart) < 1.1 * period_s
            assert max(apart) < period_s + timeout_s + 0.3
        order = [r.unit for began, _, r in its.bus.requests if began > since_s]
        between = "".join("x" if unit in its.bus.silent else str(unit) for unit in order)
        assert all({"1", "2"} <= set(part) for part in between.split("x")[1:-1])
        its.bus.silent = set()
        back_s = now_s()
        pause_s = max(0.3, timeout_s / 0.075)  # the share the others may lose
        await its.poll(3.0 + dead * (timeout_s + pause_s))
        for unit in range(3, 3 + dead):
            noticed_s = its.bus.reads(unit, 0, back_s)[0] - back_s
            assert noticed_s < 1.0 + dead * (timeout_s + pause_s)
            assert its.bus.reads(unit, 600, back_s), "identity is read again"
        await its.end()

    virtually(run)


def test_all_dead_are_asked_as_soon_as_their_quarantine_ends() -> None:
    """Nobody living is held up: back within the second."""

    async def run() -> None:
        its = Polled({unit: part([(0, SAFETY)]) for unit in (1, 2)})
        await its.poll(5.0)
        its.bus.silent = {1, 2}
        await its.poll(60.0)
        assert its.poller.all_silent
        its.bus.silent = set()
        back_s = now_s()
        await its.poll(3.0)
        assert all(its.bus.reads(unit, 0, back_s)[0] - back_s < 1.2 for unit in (1, 2))
        await its.end()

    virtually(run)


def test_identity_is_read_now_and_then_and_confirmed_when_it_changes() -> None:
    """Exchanged without a silence: seen within a minute, three readings two seconds later."""

    async def run() -> None:
        its = Polled({1: part([(0, SAFETY), (600, ONCE)])})
        its.bus.words = lambda _: {600: 7}
        await its.poll(200.0)
        assert 3 <= len(its.bus.reads(1, 600)) <= 5
        its.bus.words = lambda _: {600: 8}
        since_s = now_s()
        await its.poll(70.0)
        seen = its.bus.reads(1, 600, since_s)
        assert seen[0] - since_s <= 60.5
        assert len(seen) == 3
        assert seen[2] - seen[0] < 2.5
        assert its.devices[1].reading("r600").value == 8
        await its.end()

    virtually(run)


def test_identity_is_read_again_when_a_command_was_answered_first() -> None:
    """A contactor is held each second: such a reply ends a silence as well as a read does."""

    async def run() -> None:
        its = Polled({1: part([(0, SAFETY), (600, ONCE)])})
        await its.poll(5.0)
        its.bus.silent = {1}
        await its.poll(5.0)
        its.bus.silent = set()
        since_s = now_s()
        await its.devices[1].command(Function.WRITE_REGISTER, 0, [1])
        assert not its.devices[1].silent
        await its.poll(1.0)
        assert its.bus.reads(1, 600, since_s)
        await its.end()

    virtually(run)


def test_plan_follows_the_measured_turnaround_but_not_its_wavering() -> None:
    """Two values 20 registers apart: one request at 40 ms, two at 5 ms, asked once a minute."""

    async def run() -> None:
        limits = Limits(max_read=60, holes=True)
        its = Polled({1: part([(0, NORMAL), (21, NORMAL)], limits=limits)})
        planned = [len(its.poller.plan)]
        its.bus.turnaround_s[1] = 0.04
        for pause_s in (REPLAN_S - 1, 2.0):
            await its.poll(pause_s)
            planned.append(len(its.poller.plan))
        assert planned == [2, 2, 1]
        asked = len(its.bus.requests)
        await its.poll(10.0)
        assert len(its.bus.requests) - asked == pytest.approx(10, abs=1)
        merged = its.poller.plan[0].block
        for waver_s in (0.024, 0.025, 0.0245, 0.026) * 3:
            its.bus.turnaround_s[1] = waver_s
            await its.poll(REPLAN_S)
            assert [row.block for row in its.poller.plan] == [merged]
            assert its.poller.longest_transaction_s == pytest.approx(57 / 960 + 3.5 / 960 + waver_s)
        its.bus.turnaround_s[1] = 0.005
        await its.poll(REPLAN_S)
        assert len(its.poller.plan) == 2
        assert not any(its.poller.missed.values())
        await its.end()

    virtually(run)


def test_safety_reads_go_before_whatever_else_is_asked_on_the_line() -> None:
    async def run() -> None:
        its = Polled({1: part([(0, SAFETY), (100, NORMAL), (600, ONCE)], limits=Limits())})
        await its.poll(2.0)
        assert its.bus.priorities == {
            (1, 0): Priority.SAFETY,
            (1, 100): Priority.NORMAL,
            (1, 600): Priority.NORMAL,
        }
        await its.end()

    virtually(run)


def test_another_plan_keeps_the_beat() -> None:
    """What was due stays due: a slow value is not read anew because the plan changed."""

    async def run() -> None:
        limits = Limits(max_read=60, holes=True)
        out_of_step = Periods(slow_s=7.0)  # with the minute at which plans are looked at
        its = Polled(
            {1: part([(0, NORMAL), (21, NORMAL), (200, SLOW)], limits=limits)}, out_of_step
        )
        its.bus.turnaround_s[1] = 0.04
        await its.poll(REPLAN_S + 25.0)
        assert [row.block.count for row in its.poller.plan] == [22, 1]
        slow_s = its.bus.reads(1, 200)
        pauses_s = gaps(slow_s)
        assert len(slow_s) >= 10
        assert pauses_s == pytest.approx([7.0] * len(pauses_s), abs=0.3)
        await its.end()

    virtually(run)


def test_replanned_read_too_long_for_the_safety_period_is_split() -> None:
    """Hysteresis does not keep a read that holds the line too long."""

    async def run() -> None:
        limits = Limits(max_read=125, holes=True)
        wanted = [(10 * n, NORMAL) for n in range(5)]
        fast = Periods(safety_s=0.25)
        its = Polled({1: part(wanted, QUICK, limits), 2: part([(0, SAFETY)])}, fast)
        assert [row.block.count for row in its.poller.plan] == [41, 1]
        its.bus.turnaround_s[1] = 0.05
        await its.poll(REPLAN_S + 1)
        assert len(its.poller.plan) > 2
        assert its.poller.longest_transaction_s <= 0.125
        await its.end()

    virtually(run)


def test_line_that_was_away_is_read_again_from_identity_on() -> None:
    """What was missed while it was away is nobody's lateness."""

    async def run() -> None:
        its = Polled({1: part([(0, SAFETY), (600, ONCE)])})
        await its.poll(10.0)
        its.bus.plugged = False
        await its.poll(3600.0)
        its.bus.plugged = True
        since_s = now_s()
        await its.poll(5.0)
        assert its.bus.reads(1, 0, since_s)[0] - since_s < 0.2
        assert its.bus.reads(1, 600, since_s)[0] - since_s < 0.5
        assert not any(its.poller.missed.values())
        assert its.poller.lateness_s[SAFETY] < 0.25
        await its.end()

    virtually(run)


def test_line_settings_are_the_models() -> None:
    """The fake answers in the time the cost model says: what these tests rest on."""

    async def run() -> None:
        its = Polled({1: part([(0, SAFETY)])})
        await its.poll(1.0)
        began, ended, _ = its.bus.requests[0]
        assert ended - began == pytest.approx((8 + 7) * LINE.character_s + 3.5 / 960 + 0.01)
        await its.end()

    virtually(run)
