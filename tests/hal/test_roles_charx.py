"""The CHARX in its three roles: one device, one block, and a watchdog of its own."""

from __future__ import annotations

import struct

import pytest

from hal.test_roles import CHARX, device, feed
from laddvakt_hal.adapters import board, board_contactor, meter, watches
from laddvakt_hal.bus import TcpSettings
from laddvakt_hal.errors import NoReply, NotObeyed
from laddvakt_hal.plan import ReadClass, plan_device, wire_cost
from laddvakt_hal.reading import Quality
from laddvakt_hal.roles import PilotState


async def test_charx_prepare_arms_the_watchdog_and_reads_it_back() -> None:
    its, wire = device(CHARX, (16,), (), (0,), (65535,), (), (1,))
    assert await board(its).prepare() is True
    writes = [(r.address, r.values) for r, _ in wire.asked if not r.is_read]
    assert writes == [(1306, (0,)), (1307, (1,))]


async def test_charx_watchdog_that_does_not_arm_is_told() -> None:
    its, _ = device(CHARX, (0,), (65535,), (), (65535,))
    with pytest.raises(NotObeyed, match="watchdog_timer was set to 1"):
        await board(its).prepare()


@pytest.mark.parametrize(
    ("state", "pilot", "pwm"),
    [
        ("A1", "A", False),
        ("B2", "B", True),
        ("C1", "C", False),
        ("C2", "C", True),
        ("E0", "E", False),
        ("F0", "F", False),
        ("X9", "invalid", False),
    ],
)  # fmt: skip
async def test_charx_pilot(state: str, pilot: str, pwm: bool) -> None:
    its, wire = device(CHARX)
    await feed(its, wire, iec61851_state=struct.unpack(">H", state.encode()))
    assert board(its).pilot().value is PilotState(pilot)
    assert board(its).pwm_on().value is pwm
    assert board(its).relay_closed().quality is Quality.ABSENT


async def test_charx_errors() -> None:
    its, wire = device(CHARX)
    await feed(its, wire, errors=(1 << 14, 1 << 2 | 1 << 4 | 1))
    assert board(its).errors().value == ("temperature_too_high", "bit2", "residual_current_trip")


async def test_charx_limit_and_contactor_on_the_wire() -> None:
    """A limit of 0 leaves the release alone: it may follow an `open`."""
    its, wire = device(CHARX)
    await board(its).set_limit(10)
    await board_contactor(its).hold()
    await board(its).set_limit(0)
    await board_contactor(its).open()
    assert [(r.address, r.values) for r, _ in wire.asked] == [
        (1300, (1, 10)),
        (1300, (1,)),
        (1301, (0,)),
        (1300, (0, 0)),
    ]


async def test_whatever_releases_is_sent_once_and_an_opening_twice() -> None:
    """A repeated release could overtake the `open` that came in between."""
    its, wire = device(CHARX)
    for releases in (board_contactor(its).hold(), board(its).set_limit(10)):
        wire.answers = [NoReply("x")]
        asked = len(wire.asked)
        with pytest.raises(NoReply):
            await releases
        assert len(wire.asked) - asked == 1
    for opens in (board_contactor(its).open(), board(its).set_limit(0)):
        wire.answers = [NoReply("x")]
        asked = len(wire.asked)
        await opens
        assert len(wire.asked) - asked == 2


@pytest.mark.parametrize("limit_a", [-1, float("nan")])
async def test_impossible_limits_are_refused(limit_a: float) -> None:
    its, wire = device(CHARX)
    with pytest.raises(ValueError, match="cannot be offered"):
        await board(its).set_limit(limit_a)
    assert wire.asked == []


async def test_charx_meter_without_a_phase() -> None:
    its, wire = device(CHARX)
    for phase, words in enumerate([(3, 33928), (0xFFFF, 0xFFFF), (3, 33928)], 1):
        await feed(its, wire, **{f"voltage_l{phase}": words})
    await feed(its, wire, energy_import_total=(0, 0, 18, 54919))
    first, second, third = meter(its).voltage_v().value or (None, 0, None)
    assert second is None
    assert first == third == pytest.approx(230.536)
    assert meter(its).energy_wh().value == 1_234_567
    assert meter(its).serial().quality is Quality.ABSENT


def test_charx_is_read_in_one_block() -> None:
    """Board and meter share the device: one safety read brings everything."""
    its, wire = device(CHARX)
    [watch] = watches([board(its), meter(its), board_contactor(its)], wire)
    cost = wire_cost(TcpSettings(name="tcp1", host="h"), its.profile.timing)
    plan = plan_device(its.profile, watch.wanted, cost)
    assert [(kind, b.addr, b.count) for kind, b in plan] == [(ReadClass.SAFETY, 1232, 76)]
