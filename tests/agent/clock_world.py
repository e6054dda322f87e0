"""A world whose clock is tortured, and what must be true in it whatever happens.

Beside the kernel's clocks, which anybody may set, the truth is kept.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import cast

from agent.clock_receiver import Receiver
from agent.clock_torture import RATE_W, SETTLE_S, Run
from agent.uplink.uplink_kit import DRIVER
from laddvakt_agent.clock import Clock, FakeTime
from laddvakt_agent.found import last_read_s
from laddvakt_agent.ledger import Ledger
from laddvakt_agent.ledger.clock_book import BootTime, Exactness
from laddvakt_agent.published import EvseStatus
from laddvakt_agent.uplink.objects import Content
from laddvakt_agent.uplink.text import from_date_time

BEGAN = datetime(2027, 1, 1, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PEER_S = 8.0  # what a backend says may be so far from the truth
EXACT_S = 0.3
FAULT_S = 60.0  # from its row: when it was seen, not when it was told
_TABLES = ("sessions", "faults", "cdrs", "acks", "clock_steps")


@dataclass(slots=True)
class Truth:
    """When a session really began and ended, and in which boots."""

    begun: datetime
    begun_boot: str
    ended: datetime | None = None
    ended_boot: str = ""


@dataclass(slots=True)
class World:
    """One charger over all its boots."""

    directory: Path
    time: FakeTime = field(
        default_factory=lambda: FakeTime(boot_s=20.0, wall=EPOCH, synced=False, boot_id="boot-0")
    )
    now: datetime = BEGAN
    boots: int = 0
    register_wh: float = 1000.0
    receiver: Receiver = field(default_factory=Receiver)
    sessions: dict[str, Truth] = field(default_factory=dict)
    faults: dict[str, tuple[datetime, str]] = field(default_factory=dict)
    zeros: dict[str, datetime] = field(default_factory=dict)
    run: Run = field(init=False)
    judged: int = 0

    def __post_init__(self) -> None:
        self._start()

    # What may happen

    def wait(self, seconds: float) -> None:
        """Time passes; a vehicle charges, if there is a session."""
        self._pass(seconds)
        self._read()
        self.run.tick()

    def step(self, seconds: float) -> None:
        """Somebody sets the clock: the kernel says then that it is not synchronised."""
        self.time.is_synced = False
        self.time.step_wall(max(self.time.wall() + timedelta(seconds=seconds), EPOCH))
        self.run.tick()

    def unset(self) -> None:
        """… to the year in which clocks begin."""
        self.time.is_synced = False
        self.time.step_wall(EPOCH)
        self.run.tick()

    def sync(self) -> None:
        """A time source sets the clock right."""
        self.time.step_wall(self.now)
        self.time.is_synced = True
        self.run.tick()

    def lose(self) -> None:
        """The time source is gone; the clock runs on."""
        self.time.is_synced = False
        self.run.tick()

    def peer(self, error_s: float) -> None:
        """The backend says what time it is, to the second and the way."""
        low = self.now - timedelta(seconds=self.run.clock.now_s() + 1.0 - error_s)
        self.run.clock.told_by_peer(low, low + timedelta(seconds=1.5))
        self.run.tick()

    def session(self) -> None:
        """Begin one, or end the one that runs."""
        keeper, now_s, boot = self.run.keeper, self.run.clock.now_s(), self.run.clock.boot_id
        self._refuse()
        running = keeper.running
        if running is None:
            keeper.begin(DRIVER, "WHITELIST", self.run.energy(now_s, self.register_wh), now_s)
            running = keeper.running
            assert running is not None
            self.sessions[running.session.id] = Truth(begun=self.now, begun_boot=boot)
            return
        truth = self.sessions[running.session.id]
        truth.ended, truth.ended_boot = self.now, boot
        keeper.end("stopped", now_s, opened_s=now_s)

    def status(self) -> None:
        """The EVSE has another status."""
        before, _ = self.run.evse
        after = EvseStatus.CHARGING if before is EvseStatus.AVAILABLE else EvseStatus.AVAILABLE
        self.run.evse = (after, self.run.clock.now_s())

    def fault(self) -> None:
        """A fault comes, or goes."""
        if self.run.book.entries:
            self.run.clear_fault()
        else:
            fault_id = self.run.raise_fault()
            self.faults[fault_id] = (self.now, self.run.clock.boot_id)

    def push(self, lost: int, asked: bool) -> None:
        """The backend is there; so many of its answers are lost."""
        assert self.run.sync._peer is not None
        self.run.sync._peer._asked |= asked
        self.receiver.loses = lost
        before = dict(self.receiver.objects)
        self.run.push(self.receiver)
        for url, told in self.receiver.objects.items():
            if "/f/" in url and told != before.get(url):
                started = from_date_time(str(told["started_at"]))
                self._judge_time(started, *self.faults[str(told["id"])], beside_s=FAULT_S)
        for bill in self.receiver.bills[self.judged :]:
            self._judge(bill)
        self.judged = len(self.receiver.bills)

    def restart(self, clean: bool, step_s: float) -> None:
        """The agent alone starts anew; somebody may set the clock meanwhile."""
        self._stop(clean=clean)
        if step_s:
            self.time.is_synced = False
            self.time.step_wall(max(self.time.wall() + timedelta(seconds=step_s), EPOCH))
        self._pass(5.0)
        self._start()

    def reboot(self, off_s: float, clock: str, clean: bool) -> None:
        """Power was away; `clock`: what the wall clock starts with."""
        self._stop(clean=clean)
        before = self.time.wall()
        self.boots += 1
        self.time.reboot(f"boot-{self.boots}", off_s=off_s)
        self.now += timedelta(seconds=off_s + 10.0)
        self.time.is_synced = False
        if clock != "kept":
            start = before if clock == "saved" else EPOCH
            self.time.step_wall(start + timedelta(seconds=10.0))
        self._start()

    def brief(self, off_s: float, clock: str) -> None:
        """… between two synchronisations."""
        self.sync()
        self.reboot(off_s, clock, False)
        self.sync()

    # What must be true

    def check(self) -> None:
        """Order, bounds and durations of all that stands in the ledger."""
        boots = {boot.boot_id: boot for boot in self.run.ledger.times.boots()}
        slack_s = PEER_S if any(b.exactness is Exactness.PEER for b in boots.values()) else EXACT_S
        for boot in boots.values():
            self._check_boot(boot, slack_s)
        stamps: list[tuple[int, str, float]] = sorted(
            (row["w_seq"], row["w_boot_id"], row["w_s"])
            for table in _TABLES
            for row in self.run.ledger._store.read(f"SELECT w_seq, w_boot_id, w_s FROM {table}")
        )
        times = [boots[boot_id].at(at_s) for _, boot_id, at_s in stamps]
        known = [moment for moment in times if moment is not None]
        assert all(one <= other for one, other in pairwise(known)), "corrected times reorder rows"
        now_s = self.run.clock.now_s()
        for boot_id, zero in self.zeros.items():
            ago = self.run.ledger.times.ago(boot_id, 1.0, now_s)
            assert ago is not None
            really_s = (self.now - zero).total_seconds() - 1.0
            assert 0.0 <= ago.least_s <= really_s + 0.01
            assert ago.best_s >= ago.least_s
            assert ago.most_s is None or ago.most_s >= really_s - 2 * slack_s

    def _check_boot(self, boot: BootTime, slack_s: float) -> None:
        zero, slack = self.zeros[boot.boot_id], timedelta(seconds=slack_s)
        assert boot.not_before is None or boot.not_before <= zero + slack
        assert boot.not_after is None or boot.not_after >= zero - slack
        if boot.exactness is Exactness.SYNCED:
            assert boot.zero is not None
            assert abs(boot.zero - zero) <= slack

    def _judge(self, bill: Content) -> None:
        """A bill as it arrived, against the truth and what could be known of it then."""
        start, end = (from_date_time(str(bill[f"{name}_date_time"])) for name in ("start", "end"))
        periods = [
            from_date_time(str(period["start_date_time"]))
            for period in cast("list[Content]", bill["charging_periods"])
        ]
        assert [start, *periods, end] == sorted([start, *periods, end])
        assert cast("float", bill["total_time"]) >= 0.0
        assert cast("float", bill["total_parking_time"]) >= 0.0
        truth = self.sessions[str(bill["session_id"])]
        assert truth.ended is not None
        self._judge_time(start, truth.begun, truth.begun_boot)
        self._judge_time(end, truth.ended, truth.ended_boot)
        boots = [self.run.ledger.times.boot(b) for b in (truth.begun_boot, truth.ended_boot)]
        if all(boot is not None and boot.exactness is Exactness.SYNCED for boot in boots):
            told_s = (end - start).total_seconds()
            assert abs(cast("float", bill["total_time"]) * 3600.0 - told_s) < EXACT_S + 0.4

    def _judge_time(
        self, told: datetime, truth: datetime, boot_id: str, *, beside_s: float = 0.0
    ) -> None:
        boot = self.run.ledger.times.boot(boot_id)
        assert boot is not None
        if boot.exactness is not Exactness.BOUNDED:
            slack_s = EXACT_S if boot.exactness is Exactness.SYNCED else PEER_S
            assert abs((told - truth).total_seconds()) <= slack_s + beside_s, f"{told}: {truth}"

    # How it goes on

    def _pass(self, seconds: float) -> None:
        self.time.advance(seconds)
        self.now += timedelta(seconds=seconds)

    def _read(self) -> None:
        """One round: the meter is read, and what has ended is settled."""
        keeper, now_s = self.run.keeper, self.run.clock.now_s()
        running = keeper.running
        if running is not None:
            self.register_wh += RATE_W / 3600.0
        inputs = self.run.energy(now_s, self.register_wh)
        keeper.observe(inputs, now_s, closed=running is not None)

    def _start(self) -> None:
        clock = Clock(self.time)
        self.zeros.setdefault(clock.boot_id, self.now - timedelta(seconds=clock.now_s()))
        ledger = Ledger.open(self.directory, boot=clock.boot(), clock=clock)
        self.run = Run(self.time, ledger, clock)
        self.run.tick()
        now_s = clock.now_s()
        for kept in self.run.journal.inherited_sessions("1"):
            truth = self.sessions[kept.session.id]
            if kept.session.ended_s is not None:
                self.run.keeper.ending.append(kept)
            elif not kept.moved and truth.begun_boot == clock.boot_id:
                self.run.keeper.resume(kept, now_s)
            else:
                self.run.hold(kept)

    def _refuse(self) -> None:
        """A session found after a reboot does not go on."""
        kept = self.run.refuse()
        if kept is not None:
            truth, last = self.sessions[kept.session.id], kept.moved[-1]
            then_s = last_read_s(kept) - last.shift_s
            truth.ended = self.zeros[last.boot_id] + timedelta(seconds=then_s)
            truth.ended_boot = last.boot_id

    def _stop(self, *, clean: bool) -> None:
        """In good order, or as when the power goes."""
        ledger = self.run.ledger
        if clean:
            if self.run.keeper.running is not None:
                self.run.journal.session(self.run.keeper.running)
            ledger.close()
            return
        ledger._store.close()
        assert ledger.renewal.lock is not None
        os.close(ledger.renewal.lock)


def settled(world: World) -> None:
    """The clock is set right, what runs ends, and everything is told."""
    world.sync()
    world._refuse()
    if world.run.keeper.running is not None:
        world.session()
    for _ in range(3):
        world.wait(SETTLE_S + 40.0)
    world.push(0, True)
    world.push(0, True)
    assert {bill["session_id"] for bill in world.receiver.bills} == set(world.sessions)
