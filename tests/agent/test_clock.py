"""Boot time, wall time and what the wall clock is worth."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from laddvakt_agent.clock import BUILT, Clock, ClockState, FakeTime, KernelTime

NOON = datetime(2027, 1, 1, 12, 0, tzinfo=UTC)


def test_the_kernels_clocks() -> None:
    clock = Clock()
    assert abs(clock.now_s() - time.clock_gettime(time.CLOCK_BOOTTIME)) < 1.0
    assert abs(clock.wall() - datetime.now(UTC)) < timedelta(seconds=1)
    assert clock.wall().tzinfo is UTC
    assert len(clock.boot_id) == 36
    assert clock.state() in ClockState
    assert clock.boot().boot_id == clock.boot_id


def test_timesyncds_flag_means_synchronised(tmp_path: Path) -> None:
    flag = tmp_path / "synchronized"
    flag.touch()
    assert KernelTime(flag=flag).synced()


def test_asking_the_kernel_never_fails(tmp_path: Path) -> None:
    """Where a sandbox forbids adjtimex, the answer is "not known", not an error."""
    assert KernelTime(flag=tmp_path / "none").synced() in (True, False)


@pytest.mark.parametrize(
    ("wall", "synced", "state"),
    [
        pytest.param(datetime(1970, 1, 1, tzinfo=UTC), False, ClockState.UNSET, id="epoch"),
        pytest.param(
            BUILT - timedelta(seconds=1), True, ClockState.UNSET, id="before the build, whatever"
        ),
        pytest.param(BUILT, False, ClockState.RESTORED, id="plausible"),
        pytest.param(NOON, True, ClockState.SYNCED, id="synchronised"),
    ],
)
def test_what_the_wall_clock_is_worth(wall: datetime, synced: bool, state: ClockState) -> None:
    assert Clock(FakeTime(wall=wall, synced=synced)).state() is state


def test_synchronised_once_is_enough_for_a_boot() -> None:
    source = FakeTime(wall=NOON, synced=True)
    clock = Clock(source)
    assert clock.state() is ClockState.SYNCED
    source.is_synced = False
    source.advance(3600.0)
    assert clock.state() is ClockState.SYNCED


def test_an_early_event_gets_its_true_time_after_synchronisation() -> None:
    """The controller started with yesterday's time; durations and event times are right after."""
    source = FakeTime(boot_s=100.0, wall=NOON - timedelta(days=1), synced=False)
    clock = Clock(source)
    event_s = clock.now_s()
    assert clock.wall_at(event_s) == NOON - timedelta(days=1)
    source.advance(50.0)
    source.step_wall(NOON)
    assert clock.wall_at(event_s) == NOON - timedelta(seconds=50)
    assert clock.now_s() - event_s == 50.0


def test_a_moment_and_a_boot_hold_both_clocks() -> None:
    source = FakeTime(boot_s=100.0, wall=NOON, synced=False, boot_id="b")
    clock = Clock(source)
    boot = clock.boot()
    source.advance(5.0)
    moment = clock.moment()
    assert (boot.boot_id, boot.started_s, boot.started_wall) == ("b", 100.0, NOON)
    assert boot.clock_state is moment.clock_state is ClockState.RESTORED
    assert (moment.at_s, moment.at_wall) == (105.0, NOON + timedelta(seconds=5))
