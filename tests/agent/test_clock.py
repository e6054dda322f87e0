"""Boot time, wall time and what the wall clock is worth."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from laddvakt_agent.clock import BUILT, Clock, ClockState, FakeTime
from laddvakt_agent.kernel_time import KernelTime
from laddvakt_agent.timedate import TimeDate

NOON = datetime(2027, 1, 1, 12, 0, tzinfo=UTC)


def test_the_kernels_clocks() -> None:
    clock = Clock()
    assert abs(clock.now_s() - time.clock_gettime(time.CLOCK_BOOTTIME)) < 1.0
    assert abs(clock.wall() - datetime.now(UTC)) < timedelta(seconds=1)
    assert clock.wall().tzinfo is UTC
    assert len(clock.boot_id) == 36
    assert clock.state() in ClockState
    assert clock.boot().boot_id == clock.boot_id


class Told(TimeDate):
    """timedated, without a bus: what it would say."""

    def __init__(self, says: bool | None) -> None:
        super().__init__(lambda: bool(says))
        self.says = says

    def synced(self) -> bool | None:
        return self.says

    def forget(self) -> None:
        self.says = None if self.says is None else False


NOBODY = 16_000_000  # microseconds: the kernel's error bound when nobody keeps the clock


@pytest.mark.parametrize(
    ("error_us", "timedated", "flag", "synced"),
    [
        pytest.param(30_000, None, False, True, id="the kernel: timesyncd, chrony, ntpd, PTP"),
        pytest.param(NOBODY, True, True, False, id="the kernel: nobody, or set since"),
        pytest.param(None, True, False, True, id="sandboxed: timedated"),
        pytest.param(None, False, True, False, id="sandboxed: timedated knows of a step"),
        pytest.param(None, None, True, True, id="no bus either: timesyncd's flag"),
        pytest.param(None, None, False, False, id="nothing to ask"),
    ],
)
def test_who_says_that_it_is_synchronised(
    tmp_path: Path, error_us: int | None, timedated: bool | None, flag: bool, synced: bool
) -> None:
    path = tmp_path / "synchronized"
    if flag:
        path.touch()
    kernel = KernelTime(flag=path, error_us=lambda: error_us, timedate=Told(timedated))
    assert kernel.synced() is synced


def test_what_was_said_before_a_step_is_worth_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody set the clock: timesyncd's flag stands, and is stale until it is written anew."""
    path, told = tmp_path / "synchronized", Told(None)
    path.touch()
    kernel = KernelTime(flag=path, error_us=lambda: None, timedate=told)
    assert kernel.synced()
    real = time.time
    monkeypatch.setattr("laddvakt_agent.kernel_time.time.time", lambda: real() + 3600.0)
    assert not kernel.synced()
    os.utime(path, ns=(1, 1))
    assert kernel.synced()


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


class SetWhileAsked(FakeTime):
    """A time source sets the clock between the look at it and the question who keeps it."""

    def synced(self) -> bool:
        if not self.is_synced:
            self.step_wall(NOON)
            self.is_synced = True
        return self.is_synced


def test_a_clock_set_under_way_is_not_believed_as_it_was_before() -> None:
    source = SetWhileAsked(wall=NOON - timedelta(hours=3), synced=False)
    clock = Clock(source)
    assert clock.seen().state is ClockState.RESTORED
    assert clock.seen().state is ClockState.SYNCED
    assert clock.wall_at(source.boot_s()) == NOON


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


def test_what_somebody_sets_after_synchronisation_is_not_believed() -> None:
    """CLOCK_BOOTTIME went on from the synchronised instant: that is better known."""
    source = FakeTime(boot_s=100.0, wall=NOON, synced=True)
    clock = Clock(source)
    assert clock.state() is ClockState.SYNCED
    source.is_synced = False
    source.advance(60.0)
    source.step_wall(NOON + timedelta(days=3))
    assert clock.state() is ClockState.RESTORED
    assert clock.wall_at(160.0) == NOON + timedelta(seconds=60)
    assert clock.take_step_s() == pytest.approx(3 * 86400.0 - 60.0)
    assert clock.take_step_s() == 0.0
    source.step_wall(NOON + timedelta(seconds=62))
    source.is_synced = True
    assert clock.state() is ClockState.SYNCED
    assert clock.wall_at(160.0) == NOON + timedelta(seconds=62)


def _around(clock: Clock, now: datetime, rtt_s: float = 0.4) -> bool:
    zero = now - timedelta(seconds=clock.now_s())
    return clock.told_by_peer(zero, zero + timedelta(seconds=rtt_s))


@pytest.mark.parametrize(
    ("wall", "synced", "believed"),
    [
        pytest.param(datetime(1970, 1, 1, tzinfo=UTC), False, "peer", id="unset"),
        pytest.param(NOON - timedelta(hours=3), False, "peer", id="restored, three hours late"),
        pytest.param(NOON + timedelta(hours=3), False, "peer", id="somebody set it ahead"),
        pytest.param(NOON - timedelta(seconds=4), False, "own", id="nearly the same"),
        pytest.param(NOON - timedelta(hours=3), True, "own", id="synchronised: the better one"),
    ],
)
def test_the_backends_time_counts_where_nothing_better_is_known(
    wall: datetime, synced: bool, believed: str
) -> None:
    clock = Clock(FakeTime(wall=wall, synced=synced))
    assert _around(clock, NOON) is (believed == "peer")
    assert clock.seen().known
    expected = NOON + timedelta(seconds=0.2) if believed == "peer" else wall
    assert clock.wall_at(clock.now_s()) == expected
    assert not _around(clock, NOON + timedelta(seconds=1)), "a little off changes nothing"


def test_what_the_backend_has_confirmed_is_better_known_than_what_somebody_sets() -> None:
    """Not for a second is anything told with the other time."""
    source = FakeTime(wall=NOON, synced=False)
    clock = Clock(source)
    assert not clock.seen().known
    assert not _around(clock, NOON), "as it was believed: nothing moves"
    source.step_wall(NOON + timedelta(hours=1))
    assert clock.seen().known
    assert clock.wall_at(clock.now_s()) == NOON
    assert _around(clock, NOON + timedelta(minutes=2)), "the backend itself may correct it"


@pytest.mark.parametrize(
    ("stepped_s", "state"),
    [
        pytest.param(0.0, ClockState.SYNCED, id="as it was"),
        pytest.param(90.0, ClockState.RESTORED, id="set meanwhile"),
    ],
)
def test_a_restart_of_the_agent_recalls_the_synchronised_clock(
    stepped_s: float, state: ClockState
) -> None:
    source = FakeTime(boot_s=50.0, wall=NOON, synced=False)
    clock = Clock(source)
    clock.recall(synced=NOON - timedelta(seconds=50.0 + stepped_s), peer=None)
    assert clock.state() is state
    assert clock.wall_at(50.0) == NOON - timedelta(seconds=stepped_s)
