"""Relay modules of every kind, and monitors that measure alternating current too."""

from __future__ import annotations

import pytest

from hal.test_device import f32
from hal.test_roles import BENDER, EVSE, RELAY, device, feed
from laddvakt_hal.adapters import (
    digital_input,
    relay_contactor,
    relay_output,
    residual_monitor,
)
from laddvakt_hal.errors import NoReply, ProfileError
from laddvakt_hal.frame import Function
from laddvakt_hal.plan import ReadClass
from laddvakt_hal.reading import Quality

REGISTERS, COILS, ODD_COILS = "eletechsup-r4d3b16", "kmtronic-relay", "c0135-relay-board"


@pytest.mark.parametrize(
    ("profile", "function", "on", "off"),
    [
        pytest.param(REGISTERS, Function.WRITE_REGISTER, 0x0100, 0x0200, id="registers"),
        pytest.param(COILS, Function.WRITE_COIL, 0xFF00, 0, id="coils"),
        pytest.param(ODD_COILS, Function.WRITE_COIL, 0x0100, 0, id="coils-with-odd-values"),
        pytest.param(RELAY, Function.WRITE_COIL, 0xFF00, 0, id="waveshare"),
    ],
)
async def test_outputs_are_switched_in_the_modules_own_words(
    profile: str, function: Function, on: int, off: int
) -> None:
    its, wire = device(profile)
    output = relay_output(its, 1)
    await output.close()
    await output.open()
    row = its.profile.rows["relay_2"]
    assert [(r.function, r.address, r.values) for r, _ in wire.asked] == [
        (function, row.addr, (on,)),
        (function, row.addr, (off,)),
    ]


async def test_closing_is_never_repeated_opening_is() -> None:
    its, wire = device(COILS, NoReply("x"), NoReply("x"), ())
    output = relay_output(its, 0)
    with pytest.raises(NoReply):
        await output.close()
    await output.open()
    assert len(wire.asked) == 3


@pytest.mark.parametrize(
    ("profile", "raw", "closed"),
    [(REGISTERS, 1, True), (REGISTERS, 0, False), (COILS, 1, True), (COILS, 0, False)],
)
async def test_outputs_tell_whether_they_are_closed(profile: str, raw: int, closed: bool) -> None:
    """What is read is not what was written: 0x0100 switches on, 1 is on."""
    its, wire = device(profile)
    output = relay_output(its, 0)
    assert output.closed().quality is Quality.ABSENT
    await feed(its, wire, relay_1=(raw,))
    assert output.closed().value is closed
    assert output.wanted == {"relay_1": ReadClass.STATUS}


async def test_register_that_falls_open_by_itself_holds_a_contactor() -> None:
    its, wire = device(REGISTERS)
    contactor = relay_contactor(its, 2, None, hold_s=2.0)
    assert contactor.hold_s == 2.0
    await contactor.hold()
    await contactor.open()
    assert [(r.address, r.values) for r, _ in wire.asked] == [(3, (0x0602,)), (3, (0x0200,))]


@pytest.mark.parametrize(
    ("profile", "hold_s", "message"),
    [
        pytest.param(COILS, 2.0, "has no timed output", id="stays-closed"),
        pytest.param(ODD_COILS, 2.0, "has no timed output", id="stays-closed-too"),
        pytest.param(REGISTERS, 256.0, "cannot be held", id="longer-than-its-byte"),
        pytest.param(REGISTERS, 0.4, "cannot be held", id="shorter-than-its-step"),
    ],
)
def test_relay_that_cannot_guard_a_contactor_is_refused(
    profile: str, hold_s: float, message: str
) -> None:
    with pytest.raises(ProfileError, match=message):
        relay_contactor(device(profile)[0], 0, None, hold_s=hold_s)


def test_relay_without_inputs_is_refused_for_a_contact() -> None:
    with pytest.raises(ProfileError, match="has no inputs"):
        digital_input(device(REGISTERS)[0], 0)
    with pytest.raises(ProfileError, match="has no inputs"):
        relay_contactor(device(REGISTERS)[0], 0, 0)
    with pytest.raises(ProfileError):
        relay_output(device(EVSE)[0], 0)


async def test_bender_measures_both_currents_and_names_its_alarms() -> None:
    its, wire = device(BENDER)
    monitor = residual_monitor(its)
    assert monitor.ac_a().quality is Quality.ABSENT
    await feed(its, wire, residual_current_ac=f32(-0.02), trip_status=(0, 1 << 3 | 1 << 9))
    assert monitor.ac_a().value == pytest.approx(0.02)
    assert monitor.alarms().value == ("ac_residual_current_relay_1", "bit9")
    await feed(its, wire, trip_status=(0, 1 << 1))
    assert monitor.ac_a().quality is Quality.ABSENT  # it reports its own failure
