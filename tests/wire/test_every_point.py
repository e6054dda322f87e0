"""Two transcriptions of the vendors' facts held against each other, over a real TCP line.

The profiles of the hardware layer and the simulator's device library share nothing: not a file,
not a line, not a table. What the one reads from the other must be what the device measures.
"""

from __future__ import annotations

import pytest

from laddvakt_hal.bus import Priority
from laddvakt_hal.errors import NoReply, Refused
from laddvakt_hal.plan import WireCost, plan_blocks
from laddvakt_hal.profile import known_profiles, load_profile
from laddvakt_hal.profile_model import Row
from laddvakt_sim.firmware import library
from wire.comparing import BOTH, CHAIN, STATION, agree, connected, factors, fetched, owner

pytestmark = pytest.mark.integration

SLOW_DEVICE = WireCost(character_s=0.001, silence_s=0.0035, turnaround_s=0.04)  # long blocks pay
LIMIT_ROWS = (
    "current_limit",
    "current_limit_fine",
    "comm_timeout_set",
    "failsafe_timeout",
    "failsafe_timeout_set",
    "watchdog_timeout",
    "watchdog_timer",
    "failsafe_current",
    "failsafe_current_set",
    "safe_current",
    "watchdog_current",
)
LIMITS = [
    (name, quantity)
    for name in BOTH
    for quantity, row in load_profile(name).rows.items()
    if quantity in LIMIT_ROWS and row.writable
]


def test_same_devices() -> None:
    """Every profile has its simulated device, every simulated device its profile."""
    assert known_profiles() == library.models()


@pytest.mark.parametrize("name", BOTH)
def test_same_points(name: str) -> None:
    """What the one can read the other shows; scale factors have names of their own."""
    profile = load_profile(name)
    wanted = {q for q, row in profile.rows.items() if row.readable} - factors(profile)
    units = (1, *([STATION[name]] if name in STATION else []))
    sims = [library.make(name, name="x", unit=unit, now_s=0.0) for unit in units]
    points = {q: p for sim in sims for q, p in sim.points.items()}
    exponents = {point.step_from for point in points.values()}
    shown = {q for q, p in points.items() if p.readable} - exponents - (CHAIN - wanted)
    assert (wanted - shown, shown - wanted) == (set(), set())


@pytest.mark.parametrize("name", BOTH)
async def test_every_point(name: str) -> None:
    """Each row, read on its own, is what the device measures, within the register's step."""
    wrong: list[str] = []
    async with connected(name) as pairs:
        for quantity, row in pairs[0].hal.profile.rows.items():
            if not row.readable or quantity in factors(pairs[0].hal.profile):
                continue
            pair = owner(pairs, quantity)
            before = pair.sim.truth(quantity) if row.clears else None
            value = await fetched(pair, quantity)
            truth = before if row.clears else pair.sim.truth(quantity)
            if not agree(pair.sim, quantity, value, truth):
                wrong.append(f"{quantity}: read {value!r}, is {truth!r}")
    assert not wrong


@pytest.mark.parametrize("name", BOTH)
async def test_every_planned_block(name: str) -> None:
    """The blocks the plan makes of all rows are what the device takes, holes and limits too."""
    wrong: list[str] = []
    async with connected(name) as pairs:
        hal = pairs[0].hal
        await hal.resolve()
        for variant in hal.profile.alternatives:
            await fetched(pairs[0], variant.when.quantity)  # what rows mean is known from then on
        rows = hal.profile.rows.values()
        wanted = [r for r in rows if may_plan(r) and owner(pairs, r.quantity) is pairs[0]]
        for block in plan_blocks(wanted, rows, hal.profile.limits, SLOW_DEVICE):
            error = await hal.read_block(block, Priority.NORMAL)
            if isinstance(error, NoReply):  # the machine was busy: the line is in this process
                error = await hal.read_block(block, Priority.NORMAL)
            brought = [r for r in block.rows if r.quantity not in factors(hal.profile)]
            its = [pairs[0].sim.truth(row.quantity) for row in brought]
            if isinstance(error, Refused) and its == [None] * len(its):
                continue  # this unit has none of them
            if error is not None:
                wrong.append(f"{block.function.name} {block.addr}+{block.count}: {error}")
                continue
            for row in brought:
                value, truth = hal.reading(row.quantity).value, pairs[0].sim.truth(row.quantity)
                if value is not None and not agree(pairs[0].sim, row.quantity, value, truth):
                    wrong.append(f"{row.quantity}: read {value!r}, is {truth!r}")
    assert not wrong


@pytest.mark.parametrize(("name", "quantity"), LIMITS)
async def test_every_limit(name: str, quantity: str) -> None:
    """A limit or watchdog time that is written is the device's, and reads back."""
    async with connected(name) as (pair, *_):
        await pair.hal.write({quantity: 11.0})
        assert pair.sim.truth(quantity) == pytest.approx(11.0, abs=1e-6)
        readback = pair.hal.profile.rows[quantity].readback
        if pair.hal.profile.rows[quantity].readable or readback:
            assert await pair.hal.fetch(readback or quantity) == pytest.approx(11.0, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "firmware"),
    [
        ("bender-cc612-cc613", "5.21"),
        ("phoenix-ev-cc-ac1-m3-eth", "1.11"),
        ("simpleevse-wb-din", "16"),
        ("cg-em24-din-rtu", "H"),
        ("sunspec-meter-20x", "50000"),
        ("sunspec-meter-21x", "0"),
    ],
)
async def test_every_point_of_a_variant(name: str, firmware: str) -> None:
    """Another firmware, another meaning, another place: still what the device measures."""
    wrong: list[str] = []
    async with connected(name, firmware) as (pair, *_):
        left_out = factors(pair.hal.profile)
        for quantity, row in pair.hal.profile.rows.items():
            if row.readable and quantity not in left_out:
                value, truth = await fetched(pair, quantity), pair.sim.truth(quantity)
                if not agree(pair.sim, quantity, value, truth):
                    wrong.append(f"{quantity}: read {value!r}, is {truth!r}")
    assert not wrong


@pytest.mark.parametrize(
    ("name", "quantity"),
    [
        ("abb-b23-b24", "power_l2"),
        ("abb-b23-b24", "energy_export_total"),
        ("abb-b23-b24", "pf_l3"),
        ("sunspec-meter-20x", "current_l3"),
        ("sunspec-meter-21x", "voltage_l3"),
        ("bauer-bsm-ws36a", "power_l1"),
        ("bender-cc612-cc613", "power_l1"),
        ("alfen-ng910", "voltage_l1"),
        ("alfen-ng910", "energy_import_total"),
    ],
)
async def test_absent_is_no_number(name: str, quantity: str) -> None:
    """A vendor's pattern for "not there" never becomes a value."""
    async with connected(name) as (pair, *_):
        assert isinstance(await fetched(pair, quantity), float | int)
        pair.sim.absent.add(quantity)
        assert await fetched(pair, quantity) is None


async def test_power_of_ten_may_change() -> None:
    """A SunSpec meter that changes its scale factor on the way still tells the same power."""
    async with connected("sunspec-meter-20x") as (pair, *_):
        for exponent in (0, 1, 2, 0):
            pair.sim.set("power_exponent", exponent)
            value, truth = await fetched(pair, "power_l1"), pair.sim.truth("power_l1")
            assert agree(pair.sim, "power_l1", value, truth)


def may_plan(row: Row) -> bool:
    """Rows a plan may read: those that cost nothing but time."""
    return row.readable and not row.clears and not row.absent
