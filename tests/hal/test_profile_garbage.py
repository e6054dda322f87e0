"""Every profile in every role it has, against devices that say anything at all."""

from __future__ import annotations

import math
import random

import pytest

from hal.test_device import Wire
from hal.test_discovery import device as sunspec
from laddvakt_hal.adapters import (
    Adapter,
    board,
    board_contactor,
    digital_input,
    meter,
    relay_output,
    residual_monitor,
    watches,
)
from laddvakt_hal.bus import Priority, Reply
from laddvakt_hal.device import Device
from laddvakt_hal.errors import HalError, Refused
from laddvakt_hal.frame import Request
from laddvakt_hal.plan import ReadClass, plan_device, wire_cost
from laddvakt_hal.profile import known_profiles, load_profile
from laddvakt_hal.profile_model import Profile
from laddvakt_hal.reading import Quality, Reading

WORDS = [0, 1, 0x7FC0, 0x7F80, 0x7FFF, 0x8000, 0xFFFF, 0x4332, 0x0302]


class Anything(Wire):
    """Answers each request in the right form with words nobody chose."""

    def __init__(self, seed: int, profile: Profile) -> None:
        super().__init__()
        self.random = random.Random(seed)
        self.map: dict[int, int] = {}
        if profile.discovery is not None:
            self.map = sunspec(
                profile.discovery.bases[0], (1, 66), (profile.discovery.models[0], 124)
            )

    def word(self) -> int:
        return self.random.choice([*WORDS, self.random.randrange(0x10000)])

    async def transact(self, request: Request, priority: Priority = Priority.NORMAL) -> Reply:
        self.asked.append((request, priority))
        if self.random.random() < 0.02:
            raise Refused(2, "not today")
        bits: tuple[bool, ...] = ()
        words: tuple[int, ...] = ()
        if request.function in (1, 2):
            bits = tuple(self.random.random() < 0.5 for _ in range(request.count))
        elif request.is_read:
            span = range(request.address, request.address + request.count)
            words = tuple(self.map.get(addr, self.word()) for addr in span)
        return Reply(words=words, bits=bits, sent_at_s=self.now_s, taken_at_s=self.now_s)


def played(its: Device) -> list[Adapter]:
    """The device in every role its profile has."""
    profile = its.profile
    roles: list[Adapter] = []
    if profile.meter is not None:
        roles.append(meter(its))
    if profile.board is not None:
        roles.append(board(its))
        roles += [board_contactor(its)] if profile.board.release is not None else []
    if profile.relay is not None:
        roles.append(relay_output(its, 0))
        roles += [digital_input(its, 0)] if profile.relay.contact is not None else []
    if profile.residual is not None:
        roles.append(residual_monitor(its))
    return roles


def readings(role: Adapter) -> list[Reading[object]]:
    """Whatever the role tells."""
    names = (
        "voltage_v current_a power_w energy_wh serial pilot pwm_on limit_a relay_closed errors "
        "watchdog_armed feedback_closed closed dc_a ac_a tripped alarms"
    )
    return [getattr(role, name)() for name in names.split() if hasattr(role, name)]


async def read_all(its: Device) -> None:
    error = await its.resolve()
    if error is not None:
        return
    cost = wire_cost(its.bus.settings, its.profile.timing)
    for watch in watches(played(its), its.bus):
        for kind, block in plan_device(its.profile, watch.wanted, cost):
            await its.read_block(block, Priority.SAFETY if kind == 0 else Priority.NORMAL)


@pytest.mark.parametrize("name", known_profiles())
async def test_no_device_can_say_anything_that_raises(name: str) -> None:
    profile = load_profile(name)
    for seed in range(6):
        wire = Anything(seed, profile)
        its = Device(profile, wire, 1, "d", lambda w=wire: w.now_s)  # type: ignore[misc] # bound now
        for _ in range(3):
            wire.now_s += 1
            await read_all(its)
            for row in its.profile.rows:
                value = its.reading(row).value
                assert value is None or isinstance(value, str) or math.isfinite(value)
            for reading in (reading for role in played(its) for reading in readings(role)):
                carries = reading.quality in (Quality.GOOD, Quality.STALE)
                assert (reading.value is not None) is carries


@pytest.mark.parametrize("name", [n for n in known_profiles() if load_profile(n).board is not None])
async def test_no_board_can_make_a_command_fail_otherwise_than_told(name: str) -> None:
    """Whatever reads back: confirmed, or an error that says who has to do what."""
    profile = load_profile(name)
    for seed in range(10):
        wire = Anything(seed, profile)
        its = board(Device(profile, wire, 1, "d", lambda w=wire: w.now_s))  # type: ignore[misc] # bound now
        for command in (its.prepare(), its.set_limit(16), its.beat(), its.set_limit(0)):
            try:
                await command
            except HalError as error:
                assert str(error)  # noqa: PT017 - any of them, and each says why


@pytest.mark.parametrize("name", known_profiles())
def test_every_row_can_be_planned_alone_and_all_together(name: str) -> None:
    profile = load_profile(name)
    its = Device(profile, Anything(0, profile), 1, "d")
    cost = wire_cost(its.bus.settings, profile.timing)
    readable = [q for q, row in profile.rows.items() if row.readable and not row.absent]
    for quantities in (*([quantity] for quantity in readable), readable):
        planned = plan_device(profile, dict.fromkeys(quantities, ReadClass.SAFETY), cost)
        brought = [row.quantity for _, block in planned for row in block.rows]
        assert sorted(brought) == sorted(quantities)
        for _, block in planned:
            assert block.request(1).count == block.count
