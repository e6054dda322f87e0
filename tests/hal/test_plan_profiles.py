"""Every known device's plan keeps that device's rules, whatever is asked of it."""

from __future__ import annotations

import itertools

import pytest

from laddvakt_hal.plan import (
    Block,
    Periods,
    ReadClass,
    longest_allowed_s,
    per_second,
    plan_device,
    wire_cost,
)
from laddvakt_hal.plan_block import block_of, may_last_s
from laddvakt_hal.profile import known_profiles, load_profile
from laddvakt_hal.profile_model import Profile, Row
from laddvakt_hal.settings import LineSettings, SerialSettings, TcpSettings

PERIODS = Periods()
MIXED = (ReadClass.SAFETY, ReadClass.NORMAL)


def line(profile: Profile) -> LineSettings:
    if profile.baud is None:
        return TcpSettings(name="t", host="h")
    return SerialSettings(name="l", port="/dev/null", baud=profile.baud)


def keeps_rules(profile: Profile, block: Block, wanted: set[str]) -> bool:
    """True when the block reaches over nothing it must not, checked address by address."""
    inside = set(range(block.addr, block.addr + block.count))
    touched = [
        row
        for row in profile.rows.values()
        if row.function is block.function and not row.absent and inside & addresses(row)
    ]
    asked = [row for row in touched if row.quantity in wanted]
    if len(asked) == 1 and addresses(asked[0]) == inside:
        return True
    limits = profile.limits
    defined = set().union(*(addresses(row) for row in touched))
    spans = [s for s in limits.spans if s.function is block.function]
    in_span = any(inside <= set(range(s.first, s.last + 1)) for s in spans)
    return (
        block.count <= limits.max_read
        and not limits.one_row
        and not any({barrier - 1, barrier} <= inside for barrier in limits.barriers)
        and not any(row.alone or not row.readable for row in touched)
        and not any(row.clears and row.quantity not in wanted for row in touched)
        and (in_span if limits.spans else limits.holes or defined >= inside)
    )


def addresses(row: Row) -> set[int]:
    return set(range(row.addr, row.end))


@pytest.mark.parametrize("name", known_profiles())
def test_plan_of_everything_keeps_the_devices_rules(name: str) -> None:
    """All readable rows at once: each is brought, nothing is crossed, no read is too long."""
    profile = load_profile(name)
    rows = [r for r in profile.rows.values() if r.readable and not r.clears and not r.absent]
    wanted = {row.quantity: MIXED[index % 2] for index, row in enumerate(rows)}
    cost = wire_cost(line(profile), profile.timing)
    cap_s = longest_allowed_s(wanted.values(), PERIODS)
    planned = plan_device(profile, wanted, cost, PERIODS, cap_s)
    brought = {row.quantity: kind for kind, block in planned for row in block.rows}
    assert brought.keys() == wanted.keys()
    assert all(kind <= wanted[quantity] for quantity, kind in brought.items())
    for _, block in planned:
        assert keeps_rules(profile, block, set(wanted)), block
        inside = [r for r in rows if r.function is block.function and block.addr <= r.addr]
        reached = [r for r in inside if r.end <= block.addr + block.count]
        assert cost.of(block.request(1)) <= may_last_s(reached, cost, cap_s)
    single = [(wanted[row.quantity], block_of([row])) for row in rows]
    assert per_second(planned, cost, PERIODS) <= per_second(single, cost, PERIODS) + 1e-9


@pytest.mark.parametrize("name", ["abb-b23-b24", "cg-em24-din-rtu", "keba-p30-p40"])
def test_replies_of_equal_shape_are_kept_apart(name: str) -> None:
    """Neighbours are unlike while anything unlike is left; nothing is lost on the way."""
    profile = load_profile(name)
    wanted = {
        q: ReadClass.NORMAL for q, row in profile.rows.items() if row.readable and not row.absent
    }
    line = SerialSettings(name="l", port="/dev/null", baud=9600)
    plan = plan_device(profile, wanted, wire_cost(line, profile.timing))
    shapes = [(block.function, block.count) for _, block in plan]
    for place, (shape, after) in enumerate(itertools.pairwise(shapes)):
        assert shape != after or set(shapes[place + 1 :]) == {shape}
    assert {row.quantity for _, block in plan for row in block.rows} == wanted.keys()
