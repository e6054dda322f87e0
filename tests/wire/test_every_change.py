"""What changes on a device changes in the reading of that row, and in no other's stead.

Values at rest may be alike (two zeros look the same whichever register they stand in); here each
is moved by itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from laddvakt_hal.errors import NoReply
from laddvakt_hal.profile import load_profile
from laddvakt_hal.relays import relay_output
from laddvakt_sim.firmware import library
from laddvakt_sim.firmware.library.relays import Waveshare
from wire.comparing import BOTH, CHAIN, agree, connected, factors, fetched, owner

pytestmark = pytest.mark.integration

RELAYS = [name for name in BOTH if library.entry(name).kind == "relay"]
METERS = [name for name in BOTH if library.entry(name).kind == "meter"]
SUNSPEC = ["sunspec-meter-20x", "bauer-bsm-ws36a"]
# Where the chain's models are, and under which address the device answers.
FIXED = CHAIN | {"model_id", "model_length", "unit_id", "cfg_unit_id"}


@pytest.mark.parametrize("name", BOTH)
async def test_every_setting_moves_its_own_row(name: str) -> None:
    """Each number, moved alone, is what its row reads then."""
    profile = load_profile(name)
    telling = {point.quantity for point in profile.identity} | factors(profile) | FIXED
    telling |= {q for q in library.entry(name).settings if q.endswith("_exponent")}
    wrong: list[str] = []
    async with connected(name) as pairs:
        for pair in pairs:
            for quantity, was in dict(pair.sim.settings).items():
                point = pair.sim.points.get(quantity)
                if point is None or not point.readable or quantity in telling:
                    continue
                if isinstance(was, str):
                    continue
                pair.sim.set(quantity, moved(was, profile.rows[quantity].minimum))
                truth = pair.sim.truth(quantity)
                value = await fetched(pair, quantity)
                if truth == was or not agree(pair.sim, quantity, value, truth):
                    wrong.append(f"{quantity}: was {was!r}, read {value!r}, is {truth!r}")
    assert not wrong


@pytest.mark.parametrize("name", METERS)
async def test_every_point_while_exporting(name: str) -> None:
    """Power against the usual direction: signs, one-way values and the other counter."""
    wrong: list[str] = []
    async with connected(name) as (pair, *_):
        for phase in pair.sim.physics.phases:
            pair.sim.set(f"pf_l{phase}", -0.99 + 0.03 * phase)
        pair.sim.tell_time(pair.sim.now_s + 60.0)
        assert float(pair.sim.physics.get("power_total")) < -1000.0
        left_out = factors(pair.hal.profile)
        for quantity, row in pair.hal.profile.rows.items():
            if not row.readable or quantity in left_out:
                continue
            value, truth = await fetched(pair, quantity), pair.sim.truth(quantity)
            if not agree(pair.sim, quantity, value, truth):
                wrong.append(f"{quantity}: read {value!r}, is {truth!r}")
    assert not wrong


@pytest.mark.parametrize("name", RELAYS)
async def test_every_relay_is_its_own(name: str) -> None:
    """One relay after the other on, alone: its row reads on, all others off."""
    async with connected(name) as (pair, *_):
        relays = sorted(q for q in pair.hal.profile.rows if is_relay(q))
        for chosen in relays:
            for relay in relays:
                number = int(relay.removeprefix("relay_"))
                if isinstance(pair.sim, Waveshare):
                    pair.sim.write_bit(number - 1, 0xFF00 if relay == chosen else 0)
                else:
                    pair.sim.set(relay, relay == chosen)
            on = [relay for relay in relays if await fetched(pair, relay)]
            assert on == [chosen]


@pytest.mark.parametrize("name", RELAYS)
async def test_every_relay_obeys(name: str) -> None:
    """Switched in the board's own way, each output closes and opens, and no other moves."""
    async with connected(name) as (pair, *_):
        relays = [q for q in pair.hal.profile.rows if is_relay(q)]
        for number, relay in enumerate(relays):
            output = relay_output(pair.hal, number)
            await insisted(output.close)
            assert [q for q in relays if pair.sim.truth(q)] == [relay]
            await fetched(pair, relay)
            assert output.closed().value is True
            await insisted(output.open)
            assert not any(pair.sim.truth(q) for q in relays)
            await fetched(pair, relay)
            assert output.closed().value is False


@pytest.mark.parametrize("name", SUNSPEC)
async def test_every_power_of_ten_is_its_own(name: str) -> None:
    """Each scale factor, moved alone, moves the raw numbers and never what is read."""
    wrong: list[str] = []
    async with connected(name) as pairs:
        (pair,) = pairs
        left_out = factors(pair.hal.profile)
        rows = [q for q, row in pair.hal.profile.rows.items() if row.scale_from is not None]
        exponents = [q for q in pair.sim.settings if q.endswith("_exponent")]
        assert len(exponents) == len(left_out)
        for exponent in exponents:
            was = pair.sim.settings[exponent]
            pair.sim.set(exponent, int(was) + 1)
            for quantity in rows:
                value = await fetched(owner(pairs, quantity), quantity)
                truth = pair.sim.truth(quantity)
                if not agree(pair.sim, quantity, value, truth):
                    wrong.append(f"{exponent}: {quantity} reads {value!r}, is {truth!r}")
            pair.sim.set(exponent, was)
    assert not wrong


async def insisted(command: Callable[[], Awaitable[None]]) -> None:
    """Switch, and once more when a busy machine kept the reply: the line is in this process."""
    try:
        await command()
    except NoReply:
        await command()


def moved(was: float, least: float | None) -> float:
    """Another value near by, not below what the row may say; a truth value turns over."""
    if isinstance(was, bool):
        return not was
    if isinstance(was, int) or not was:
        return was + 1 if was != 0xFFFF else was - 1
    return was * 1.1 if least is not None and was * 0.9 < least else was * 0.9


def is_relay(quantity: str) -> bool:
    """True for the rows that tell a relay's state."""
    return quantity.removeprefix("relay_").isdigit()
