"""The planner on the meters people have: requests and milliseconds against hand-made arithmetic.

The set is thirteen values: three voltages, currents and powers, total power and power factor,
frequency, imported energy. Times are characters, two silences and the turnaround, no rests.
"""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from laddvakt_hal.plan import ReadClass, longest_allowed_s, plan_device, total_s, wire_cost
from laddvakt_hal.plan_block import Block, block_of
from laddvakt_hal.plan_cost import Periods
from laddvakt_hal.profile import load_profile
from laddvakt_hal.profile_model import Profile
from laddvakt_hal.settings import SerialSettings, Timing

QUANTITIES = (
    *(f"{what}_l{n}" for what in ("voltage", "current", "power") for n in (1, 2, 3)),
    "power_total",
    "pf_total",
    "frequency",
    "energy_import_total",
)
SDM630, EM340, B23 = "eastron-sdm630", "cg-em300-et300", "abb-b23-b24"


def line(baud: int, parity: str) -> SerialSettings:
    return SerialSettings(name="l", port="/dev/null", baud=baud, parity=parity)


def planned(
    profile: Profile, settings: SerialSettings, turnaround_s: float, cap_s: float = math.inf
) -> list[Block]:
    wanted = dict.fromkeys(QUANTITIES, ReadClass.NORMAL)
    cost = wire_cost(settings, Timing(turnaround_s=turnaround_s))
    return [b for _, b in plan_device(profile, wanted, cost, cap_s=cap_s)]


@pytest.mark.parametrize(
    ("name", "parity", "baud", "turnaround_ms", "counts", "round_ms", "one_by_one_ms"),
    [
        (SDM630, "N", 9600, 5, [18, 22], 128, 343),
        (SDM630, "N", 9600, 20, [18, 22], 158, 538),
        (SDM630, "N", 19200, 5, [18, 22], 69, 204),
        (SDM630, "N", 19200, 20, [18, 22], 99, 399),
        (SDM630, "N", 115200, 5, [18, 22], 23, 107),  # the oldest takes 60 registers, not 74
        (SDM630, "N", 115200, 20, [18, 22], 53, 302),
        (EM340, "N", 9600, 5, [24, 14], 124, 338),
        (EM340, "N", 9600, 20, [24, 14], 154, 533),
        (EM340, "N", 9600, 40, [24, 14], 194, 793),
        (EM340, "N", 19200, 5, [24, 14], 67, 202),
        (EM340, "N", 19200, 40, [24, 14], 137, 657),
        (EM340, "N", 115200, 5, [24, 14], 22, 107),
        (EM340, "N", 115200, 20, [24, 14], 52, 302),
        (EM340, "N", 115200, 40, [24, 14], 92, 562),
        (B23, "E", 9600, 5, [4, 28, 1, 1], 174, 370),
        (B23, "E", 9600, 20, [4, 59], 222, 565),
        (B23, "E", 19200, 5, [4, 28, 1, 1], 97, 218),
        (B23, "E", 19200, 20, [4, 59], 131, 413),
        (B23, "E", 115200, 5, [4, 59], 28, 109),
        (B23, "E", 115200, 20, [4, 59], 58, 304),
    ],
)
def test_thirteen_values_take_what_they_must(
    name: str,
    parity: str,
    baud: int,
    turnaround_ms: int,
    counts: list[int],
    round_ms: int,
    one_by_one_ms: int,
) -> None:
    settings = line(baud, parity)
    cost = wire_cost(settings, Timing(turnaround_s=turnaround_ms / 1000))
    blocks = planned(load_profile(name), settings, turnaround_ms / 1000)
    assert 1000 * total_s(blocks, cost) == pytest.approx(round_ms, abs=0.51)
    by_addr = sorted(blocks, key=lambda block: block.addr)
    assert [block.count for block in by_addr] == counts
    rows = load_profile(name).rows
    single = [block_of([rows[quantity]]) for quantity in QUANTITIES]
    assert 1000 * total_s(single, cost) == pytest.approx(one_by_one_ms, abs=0.51)


@pytest.mark.parametrize(("turnaround_ms", "round_ms"), [(5, 21), (20, 36)])
def test_newer_sdm630_takes_one_request_on_a_fast_line(turnaround_ms: int, round_ms: int) -> None:
    """Its manual allows 80 registers; across 52 unused ones is cheaper than asking twice."""
    settings, profile = line(115200, "N"), load_profile(SDM630)
    newer = replace(profile, limits=replace(profile.limits, max_read=80))
    blocks = planned(newer, settings, turnaround_ms / 1000)
    cost = wire_cost(settings, Timing(turnaround_s=turnaround_ms / 1000))
    assert [block.count for block in blocks] == [74]
    assert 1000 * total_s(blocks, cost) == pytest.approx(round_ms, abs=0.51)


@pytest.mark.parametrize("name", [SDM630, EM340, B23])
@pytest.mark.parametrize(("baud", "most"), [(9600, 3), (19200, 4), (115200, 4)])
def test_beside_safety_values_no_read_is_too_long(name: str, baud: int, most: int) -> None:
    """A 250 ms safety period on the same line: at most 125 ms each, and hardly more requests."""
    settings = line(baud, "N")
    cap_s = longest_allowed_s([ReadClass.SAFETY], Periods())
    blocks = planned(load_profile(name), settings, 0.02, cap_s)
    cost = wire_cost(settings, Timing(turnaround_s=0.02))
    assert len(blocks) <= most
    assert all(cost.of(block.request(1)) <= cap_s for block in blocks)
