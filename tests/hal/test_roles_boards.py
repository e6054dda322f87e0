"""Boards of any make: limits in their steps and their turn, errors of several rows, opening."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hal.test_roles_watchdog import some
from laddvakt_hal.adapters import board_contactor
from laddvakt_hal.errors import HalError, NoReply, Overtaken
from laddvakt_hal.reading import Quality


@pytest.mark.parametrize(
    ("wanted_a", "raw", "step_a"), [(16.07, 160, 0.1), (5.999, 59, 0.1), (0.05, 0, 0.1)]
)
async def test_scaled_limits_are_rounded_down_to_the_step(
    tmp_path: Path, wanted_a: float, raw: int, step_a: float
) -> None:
    its, box = some(tmp_path)
    await its.set_limit(wanted_a)
    assert box.registers[10] == raw
    box.registers[1] = raw
    await its.device.fetch("now")
    assert its.limit_a().value == pytest.approx(raw / 10)
    assert its.limit_resolution_a == step_a


@pytest.mark.parametrize(("wanted_a", "raw"), [(80, 320), (32, 320), (6, 60), (5.99, 0), (0, 0)])
async def test_board_is_asked_for_nothing_it_cannot_offer(
    tmp_path: Path, wanted_a: float, raw: int
) -> None:
    """Never more than was asked for: below its least current it offers none."""
    its, box = some(tmp_path, least=", min = 6, max = 32")
    await its.set_limit(wanted_a)
    assert box.registers[10] == raw


async def test_more_current_waits_for_its_turn_and_none_does_not(tmp_path: Path) -> None:
    its, box = some(tmp_path, timing="write_interval_ms = 5000")
    await its.set_limit(16)
    waiting = asyncio.create_task(its.set_limit(10))
    await asyncio.sleep(0)
    await its.set_limit(0)
    assert box.registers[10] == 0
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_limit_that_waited_is_written_in_its_turn(tmp_path: Path) -> None:
    its, box = some(tmp_path, timing="write_interval_ms = 50")
    await its.set_limit(16)
    await its.set_limit(10)
    assert [r.values for r, _ in box.asked] == [(160,), (100,)]


async def test_limit_that_waited_too_long_is_overtaken(tmp_path: Path) -> None:
    its, box = some(tmp_path, timing="write_interval_ms = 50")
    await its.set_limit(16)
    waiting = asyncio.create_task(its.set_limit(10))
    await asyncio.sleep(0)
    await its.set_limit(0)
    with pytest.raises(Overtaken):
        await waiting
    assert box.registers[10] == 0


@pytest.mark.parametrize(
    ("code", "more", "names"),
    [
        (0, 0, ()),
        (3, 0, ("relay_stuck",)),
        (9, 0b110, ("code9", "too_hot")),
        (0, 0x8002, ("too_hot", "bit15")),
    ],
)
async def test_errors_of_several_rows_are_one_list(
    tmp_path: Path, code: int, more: int, names: tuple[str, ...]
) -> None:
    its, box = some(tmp_path, extra='errors = ["code", "more"]\nnot_errors = [2]')
    box.registers |= {4: code, 5: more}
    assert its.errors().quality is Quality.ABSENT
    await its.device.fetch("code")
    await its.device.fetch("more")
    assert its.errors().value == names


async def test_board_that_does_not_tell_is_absent_not_wrong(tmp_path: Path) -> None:
    its, _ = some(tmp_path)
    await its.device.fetch("state")
    assert its.errors().quality is Quality.ABSENT
    assert its.pwm_on().quality is Quality.ABSENT
    assert set(its.wanted) == {"state", "now"}


@pytest.mark.parametrize("failures", [[], [NoReply("x"), NoReply("x")]], ids=["heard", "not-heard"])
async def test_release_apart_from_the_limit_opens_with_both(
    tmp_path: Path, failures: list[HalError | None]
) -> None:
    """A release that is not confirmed does not keep the limit from falling."""
    its, box = some(tmp_path, extra='release = "enable"')
    contactor = board_contactor(its.device)
    await contactor.hold()
    assert (box.asked[-1][0].address, box.asked[-1][0].values) == (7, (0xFF00,))
    box.fails = list(failures)
    if failures:
        with pytest.raises(NoReply):
            await contactor.open()
    else:
        await contactor.open()
    assert box.registers[10] == 0
    assert [r.address for r, _ in box.asked[1:]] == [7] * max(1, len(failures)) + [10]
