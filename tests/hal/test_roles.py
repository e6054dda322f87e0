"""Profiles in their roles: what registers mean, and what commands put on the wire."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from hal.test_device import Wire, f32
from laddvakt_hal.adapters import (
    Adapter,
    board,
    board_contactor,
    digital_input,
    meter,
    relay_contactor,
    residual_monitor,
    watches,
)
from laddvakt_hal.bus import Priority
from laddvakt_hal.device import Device
from laddvakt_hal.errors import HalError, NoReply, NotObeyed, ProfileError
from laddvakt_hal.frame import Function
from laddvakt_hal.plan import ReadClass, plan_device, wire_cost
from laddvakt_hal.profile import load_profile
from laddvakt_hal.reading import Quality
from laddvakt_hal.roles import (
    Board,
    Contactor,
    DigitalInput,
    Fed,
    Meter,
    PilotState,
    ResidualMonitor,
)

EVSE, METER = "simpleevse-wb-din", "eastron-sdm72d-m-v2"
RELAY, BENDER, CHARX = "waveshare-modbus-rtu-relay", "bender-rcmb300", "phoenix-charx-sec"


def device(profile: str, *answers: Sequence[int] | HalError) -> tuple[Device, Wire]:
    wire = Wire(*answers)
    return Device(load_profile(profile), wire, 1, "d", lambda: wire.now_s), wire


async def feed(its: Device, wire: Wire, **values: Sequence[int]) -> None:
    """Let the device read these raw words, row by row."""
    for quantity, words in values.items():
        wire.answers.insert(0, words)
        await its.fetch(quantity)


def test_adapters_fill_their_roles() -> None:
    its_meter: Meter = meter(device(METER)[0])
    its_board: Board = board(device(EVSE)[0])
    fed: Fed = board(device(EVSE)[0])
    contactors: list[Contactor] = [
        board_contactor(device(CHARX)[0]),
        relay_contactor(device(RELAY)[0], 0, 0),
    ]
    contact: DigitalInput = digital_input(device(RELAY)[0], 1)
    monitor: ResidualMonitor = residual_monitor(device(BENDER)[0])
    assert [c.hold_s for c in contactors] == [None, 2.0]
    assert [c.has_feedback for c in contactors] == [False, True]
    assert (its_board.needs_dead_man, board(device(CHARX)[0]).needs_dead_man) == (True, False)
    assert fed.heartbeat_s is None
    assert (its_meter.resolution_wh, its_meter.load_side) == (10, False)
    assert contact.closed().quality is Quality.ABSENT
    assert monitor.dc_a().quality is Quality.ABSENT


@pytest.mark.parametrize(
    ("make", "profile"),
    [
        (meter, RELAY),
        (board, METER),
        (board_contactor, EVSE),
        (residual_monitor, EVSE),
        (lambda d: relay_contactor(d, 0, 0), EVSE),
        (lambda d: relay_contactor(d, 8, 0), RELAY),
        (lambda d: relay_contactor(d, 0, 8), RELAY),
        (lambda d: relay_contactor(d, 0, 0, hold_s=0), RELAY),
        (lambda d: digital_input(d, 8), RELAY),
    ],
)
def test_wrong_device_for_a_role_is_refused(make: object, profile: str) -> None:
    assert callable(make)
    with pytest.raises(ProfileError):
        make(device(profile)[0])


@pytest.mark.parametrize(
    ("code", "state"),
    [(1, "A"), (2, "B"), (3, "C"), (4, "D"), (5, "E"), (0, "invalid"), (9, "invalid")],
)
async def test_simpleevse_pilot(code: int, state: str) -> None:
    its, wire = device(EVSE)
    await feed(its, wire, iec61851_state=(code,), evse_state=(2,))
    assert board(its).pilot().value is PilotState(state)
    assert board(its).pwm_on().value is True


@pytest.mark.parametrize(
    ("bits", "names", "relay"),
    [
        (0, (), False),
        (0b1001, (), True),  # relay on, waiting for pilot release: states, not errors
        (
            0b10110,
            ("vehicle_diode_error", "ventilation_required_failed", "residual_check_error"),
            False,
        ),
        (0x8020, ("bit5", "bit15"), False),
    ],
)
async def test_simpleevse_errors(bits: int, names: tuple[str, ...], relay: bool) -> None:
    its, wire = device(EVSE)
    await feed(its, wire, faults=(bits,))
    assert board(its).errors().value == names
    assert board(its).relay_closed().value is relay


@pytest.mark.parametrize(
    ("firmware", "config", "resolution_a", "raw", "read_a"),
    [
        pytest.param(16, 0x80, 1.0, 15, 15.0, id="old-firmware"),
        pytest.param(17, 0x00, 1.0, 15, 15.0, id="coarse"),
        pytest.param(17, 0x80, 0.01, 1599, 15.99, id="fine"),
    ],
)
async def test_simpleevse_limit_step(
    firmware: int, config: int, resolution_a: float, raw: int, read_a: float
) -> None:
    """Never more than was asked for: rounded down to the board's step."""
    its, wire = device(EVSE)
    its_board = board(its)
    await feed(its, wire, current_limit=(raw,))
    assert its_board.limit_a().quality is Quality.ABSENT  # the step is not known yet
    wire.answers += [(firmware,), (config,)]
    await its_board.set_limit(15.999)
    assert wire.asked[-1][0].values == (raw,)
    assert wire.asked[-1][0].function is Function.WRITE_REGISTERS
    assert wire.asked[-1][1] is Priority.COMMAND
    assert its_board.limit_resolution_a == resolution_a
    assert its_board.limit_a().value == read_a


async def test_simpleevse_prepare_stops_reclosing_and_says_there_is_no_watchdog() -> None:
    config = 1 << 5 | 1 << 9 | 1 << 3
    its, wire = device(EVSE, (config,), (config,), (), (1 << 3,), (16,), (), (0,), (17,), (8,))
    assert await board(its).prepare() is False
    writes = [r for r, _ in wire.asked if not r.is_read]
    assert [(r.address, r.values) for r in writes] == [(2005, (1 << 3,)), (2000, (0,))]


async def test_simpleevse_prepare_writes_nothing_that_is_right_already() -> None:
    its, wire = device(EVSE, (0,), (0,), (17,), (0,))
    assert await board(its).prepare() is False
    assert all(request.is_read for request, _ in wire.asked)


async def test_board_that_keeps_reclosing_is_refused() -> None:
    its, _ = device(EVSE, (32,), (32,), (), (32,))
    with pytest.raises(NotObeyed, match="config was set to 0 and reads 32"):
        await board(its).prepare()


async def test_relay_contactor_on_the_wire() -> None:
    its, wire = device(RELAY)
    contactor = relay_contactor(its, 0, 0)
    await contactor.hold()
    await contactor.open()
    assert [(r.function, r.address, r.values) for r, _ in wire.asked] == [
        (Function.WRITE_COIL, 0x0200, (20,)),
        (Function.WRITE_COIL, 0x0000, (0,)),
    ]
    wire.answers = [NoReply("x")]
    with pytest.raises(NoReply):
        await contactor.hold()  # not repeated: it could overtake an `open`
    assert len(wire.asked) == 3
    wire.answers = [NoReply("x")]
    await contactor.open()
    assert len(wire.asked) == 5


async def test_relay_inputs() -> None:
    its, wire = device(RELAY)
    await feed(its, wire, input_1=(1,), input_2=(0,))
    assert relay_contactor(its, 0, 0).feedback_closed().value is True
    assert digital_input(its, 1).closed().value is False
    assert relay_contactor(its, 0, None).feedback_closed().quality is Quality.ABSENT


@pytest.mark.parametrize(
    ("status", "dc_a", "tripped"),
    [
        (0, 0.0065, False),
        (1 << 4, 0.0065, True),
        (1 << 20, 0.0065, True),
        (1 << 3, 0.0065, False),
        (1 << 1, None, False),
        (1 << 17 | 1 << 4, None, True),
    ],
)  # fmt: skip
async def test_bender(status: int, dc_a: float | None, tripped: bool) -> None:
    """A monitor that reports its own failure measures nothing, but its alarm still counts."""
    its, wire = device(BENDER)
    await feed(
        its, wire, residual_current_dc=f32(-0.0065), trip_status=(status >> 16, status & 0xFFFF)
    )
    monitor = residual_monitor(its)
    assert monitor.dc_a().value == (dc_a if dc_a is None else pytest.approx(dc_a))
    assert monitor.tripped().value is tripped


async def test_meter() -> None:
    its, wire = device(METER)
    its_meter = meter(its)
    for name, values in {
        "voltage": (230, 231, 232),
        "current": (16, 15, 0),
        "power": (100, 200, 3),
    }.items():
        for phase, value in enumerate(values, 1):
            await feed(its, wire, **{f"{name}_l{phase}": f32(value)})
    await feed(its, wire, energy_import_total=f32(1234.5), serial=(0x1234, 0x5678))
    assert its_meter.voltage_v().value == (230, 231, 232)
    assert its_meter.current_a().value == (16, 15, 0)
    assert its_meter.power_w().value == 303
    assert its_meter.energy_wh().value == 1_234_500
    assert its_meter.serial().value == str(0x12345678)
    await feed(its, wire, current_l2=f32(900))
    assert its_meter.current_a().quality is Quality.IMPLAUSIBLE


def test_watches_merge_roles_of_one_device() -> None:
    relay, wire = device(RELAY)
    other, _ = device(EVSE)
    roles: list[Adapter] = [relay_contactor(relay, 0, 0), digital_input(relay, 1), board(other)]
    [watch] = watches(roles, wire)
    assert watch.device is relay
    assert watch.wanted == {"input_1": ReadClass.SAFETY, "input_2": ReadClass.SAFETY}
    cost = wire_cost(wire.settings, relay.profile.timing)
    [(_, block)] = plan_device(relay.profile, watch.wanted, cost)
    assert (block.addr, block.count) == (0, 2)
