"""Boards with a communication watchdog: who feeds it, what counts as a guard, limits that wait."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hal.test_device_facts import HEAD, Box, made
from laddvakt_hal.adapters import board
from laddvakt_hal.boards import ProfiledBoard
from laddvakt_hal.bus import Priority, Reply
from laddvakt_hal.errors import NoReply, NotObeyed
from laddvakt_hal.frame import Request
from laddvakt_hal.plan import ReadClass
from laddvakt_hal.reading import Quality

BOARD = (
    HEAD
    + """
[timing]
timeout_ms = 300
{timing}
[limits]
max_read = 20
{watchdog}
[enum.faults]
3 = "relay_stuck"
[bits.more]
1 = "too_hot"
2 = "waiting"
[board]
pilot = "state"
pilot_states = {{ 1 = "A", 2 = "B", 3 = "C" }}
{board}
limit = "limit"
resolution_a = 0.1
apply_s = 5
[rows]
state = {{ fc = 3, addr = 0, type = "u16" }}
now = {{ fc = 3, addr = 1, type = "u16", scale = 0.1, unit = "A" }}
timer = {{ fc = 3, addr = 2, type = "u16", unit = "ms", access = "rw" }}
fallback_now = {{ fc = 3, addr = 3, type = "u16", scale = 0.1, unit = "A" }}
code = {{ fc = 3, addr = 4, type = "u16", enum = "faults" }}
more = {{ fc = 3, addr = 5, type = "u16", bits = "more" }}
offers = {{ fc = 1, addr = 0, type = "bool" }}
limit = {{ fc = 3, addr = 10, type = "u16", scale = 0.1, access = "w", readback = "now"{least} }}
fallback = {{ fc = 3, addr = 11, type = "u16", access = "w", readback = "fallback_now" }}
alive = {{ fc = 3, addr = 12, type = "u16", access = "w" }}
enable = {{ fc = 1, addr = 7, type = "bool", access = "rw" }}
"""
)
ARMED = """timeout_quantity = "timer"
timeout_value = 2000
fallback_quantity = "fallback"
fallback_value = 0
"""
BEATEN = 'heartbeat_quantity = "alive"\nheartbeat_value = 1\n'


def watchdog(fed_by: str, on_expiry: str, more: str = "") -> str:
    return f'[watchdog]\nfed_by = "{fed_by}"\non_expiry = "{on_expiry}"\n{more}'


def some(
    tmp_path: Path, wanted: str = "", *, timing: str = "", extra: str = "", least: str = ""
) -> tuple[ProfiledBoard, Box]:
    text = BOARD.format(watchdog=wanted, timing=timing, board=extra, least=least)
    device, box = made(tmp_path, text, dict.fromkeys(range(6), 0))
    return board(device), box


GUARDS = [
    pytest.param("", False, None, id="none"),
    pytest.param(watchdog("any_request", "stop", ARMED), True, None, id="armed"),
    pytest.param(watchdog("any_request", "less_current", ARMED), True, None, id="to-the-fallback"),
    pytest.param(watchdog("any_request", "stop", "timeout_s = 4"), True, None, id="always-there"),
    pytest.param(watchdog("any_request", "stop", "timeout_s = 60"), False, None, id="too-slow"),
    pytest.param(watchdog("any_request", "stop"), False, None, id="nobody-knows-when"),
    pytest.param(
        watchdog("limit_write", "less_current", "timeout_s = 3"), False, 1.0, id="to-who-knows-what"
    ),
    pytest.param(watchdog("any_request", "more_current", ARMED), False, None, id="more-current"),
    pytest.param(
        watchdog("heartbeat", "more_current", ARMED + BEATEN), False, 2 / 3, id="more-when-not-fed"
    ),
    pytest.param(watchdog("heartbeat", "stop", ARMED + BEATEN), True, 2 / 3, id="heartbeat"),
    pytest.param(
        watchdog("heartbeat", "stop", ARMED + BEATEN + "heartbeat_s = 0.5"), True, 0.5, id="stated"
    ),
]


@pytest.mark.parametrize(("wanted", "guards", "beat_s"), GUARDS)
async def test_only_what_makes_safe_in_time_replaces_a_dead_man(
    tmp_path: Path, wanted: str, guards: bool, beat_s: float | None
) -> None:
    its, box = some(tmp_path, wanted)
    box.registers |= {2: 2000, 3: 0}
    assert its.needs_dead_man is not guards
    assert its.heartbeat_s == (None if beat_s is None else pytest.approx(beat_s))
    assert await its.prepare() is guards


async def test_a_fallback_to_some_current_is_no_dead_man(tmp_path: Path) -> None:
    """It is armed, for it is better than nothing; but the vehicle charges on unwatched."""
    some_current = ARMED.replace("fallback_value = 0", "fallback_value = 6")
    its, box = some(tmp_path, watchdog("any_request", "less_current", some_current))
    box.registers |= {2: 2000, 3: 60}
    assert its.needs_dead_man
    assert await its.prepare() is False
    assert its.watchdog_armed().value is True


async def test_prepare_arms_fallback_first_and_reads_back_elsewhere(tmp_path: Path) -> None:
    its, box = some(tmp_path, watchdog("any_request", "stop", ARMED))
    assert await its.prepare() is True  # the fallback read 0 already: nothing to write
    writes = [(r.address, r.values) for r, _ in box.asked if not r.is_read]
    assert writes == [(2, (2000,))]
    assert its.wanted["timer"] is its.wanted["fallback_now"] is ReadClass.SAFETY
    assert "fallback" not in its.wanted
    assert its.watchdog_armed().value is True
    box.registers[2] = 15000
    await its.device.fetch("timer")
    assert its.watchdog_armed().value is False


async def test_fallback_that_is_not_taken_is_told(tmp_path: Path) -> None:
    its, box = some(tmp_path, watchdog("any_request", "stop", ARMED))
    box.registers[3] = 60
    with pytest.raises(NotObeyed, match="fallback was set to 0 and reads 6"):
        await its.prepare()
    assert 2 not in [r.address for r, _ in box.asked if not r.is_read]


async def test_heartbeat_is_written(tmp_path: Path) -> None:
    its, box = some(tmp_path, watchdog("heartbeat", "stop", ARMED + BEATEN))
    await its.beat()
    assert box.registers[12] == 1


async def test_limit_that_feeds_is_written_again_as_it_was(tmp_path: Path) -> None:
    its, box = some(tmp_path, watchdog("limit_write", "less_current", "timeout_s = 3"))
    await its.beat()
    assert box.asked == []  # nothing was offered yet
    for current_a, raw in ((16.07, 160), (0, 0)):
        await its.set_limit(current_a)
        box.registers[10] = 99
        await its.beat()
        assert box.registers[10] == raw


async def test_beat_that_fails_is_not_repeated(tmp_path: Path) -> None:
    """A repetition could overtake a newer limit."""
    its, box = some(tmp_path, watchdog("limit_write", "less_current", "timeout_s = 3"))
    await its.set_limit(16)
    box.fails = [NoReply("x")]
    with pytest.raises(NoReply):
        await its.beat()
    assert len(box.asked) == 2


@pytest.mark.parametrize("fed_by", ["any_request", ""])
async def test_nothing_is_beaten_where_reading_feeds(tmp_path: Path, fed_by: str) -> None:
    its, box = some(tmp_path, watchdog(fed_by, "stop", ARMED) if fed_by else "")
    await its.set_limit(16)
    await its.beat()
    assert len(box.asked) == 1


async def test_watchdog_that_reads_nothing_is_not_called_armed(tmp_path: Path) -> None:
    its, box = some(tmp_path, watchdog("any_request", "stop", ARMED))
    assert its.watchdog_armed().quality is Quality.ABSENT
    await its.device.fetch("timer")
    assert its.watchdog_armed().quality is Quality.ABSENT  # the fallback is not known yet
    await its.device.fetch("fallback_now")
    box.fails, box.now_s = [NoReply("x"), NoReply("x")], 105.0
    with pytest.raises(NoReply):
        await its.device.fetch("timer")
    armed = its.watchdog_armed()
    assert (armed.quality, armed.taken_at_s) == (Quality.STALE, 100.0)


async def test_beat_gives_way_to_a_limit_that_is_being_written(tmp_path: Path) -> None:
    """Queued behind a new limit, the old one would win."""
    its, box = some(
        tmp_path,
        watchdog("limit_write", "less_current", "timeout_s = 3"),
        timing="write_interval_ms = 1000",
    )
    await its.set_limit(16)
    await its.beat()  # the board takes no limit so soon after the last one
    assert len(box.asked) == 1
    box.now_s += 1.5
    await its.beat()
    assert len(box.asked) == 2
    box.now_s += 1.5
    hold = asyncio.Event()
    transact = box.transact

    async def slow(request: Request, priority: Priority = Priority.NORMAL) -> Reply:
        await hold.wait()
        return await transact(request, priority)

    box.transact = slow  # type: ignore[method-assign] # a line that is busy
    writing = asyncio.create_task(its.set_limit(10))
    await asyncio.sleep(0)
    await its.beat()
    hold.set()
    await writing
    assert [r.values for r, _ in box.asked] == [(160,), (160,), (100,)]
