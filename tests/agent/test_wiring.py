"""Lock, poles and self-tests: from the core's command to a confirming relay, and back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from agent.station_kit import bench
from laddvakt_agent import wiring as module
from laddvakt_agent.core.inputs import SelfTest
from laddvakt_agent.core.model import (
    LockCommanded,
    PhasesCommanded,
    SelfTestCommanded,
    State,
    StateChanged,
)
from laddvakt_agent.inputs import Roles
from laddvakt_agent.wiring import Wiring
from laddvakt_hal.errors import NoReply
from laddvakt_hal.reading import Quality, Reading, missing


@dataclass
class Output:
    """A relay output that fails as often as it is told to."""

    failures: int = 0
    said: list[bool] = field(default_factory=list)

    async def close(self) -> None:
        self._say(True)

    async def open(self) -> None:
        self._say(False)

    def _say(self, on: bool) -> None:
        if self.failures:
            self.failures -= 1
            raise NoReply("relay1: no reply")
        self.said.append(on)


@dataclass
class Contact:
    """The contact of a lock: follows its output, or sticks."""

    lock: Output
    stuck: bool | None = None
    taken_s: float = 7.0
    quality: Quality = Quality.GOOD

    def closed(self) -> Reading[bool]:
        value = self.lock.said[-1] if self.stuck is None else self.stuck
        return Reading(value=value, quality=self.quality, taken_at_s=self.taken_s)


@dataclass
class BoardTest:
    """A board's own test with a verdict."""

    verdict: bool | None
    seconds: float = 0.0
    started: int = 0
    taken_s: float = 7.0

    async def start(self) -> None:
        self.started += 1

    def passed(self) -> Reading[bool]:
        if self.verdict is None:
            return missing()
        return Reading(value=self.verdict, quality=Quality.GOOD, taken_at_s=self.taken_s)


@dataclass
class Board:
    residual_test: BoardTest | None = None


@dataclass
class Wired:
    """The roles this module looks at."""

    lock: Output | None = None
    lock_contact: Contact | None = None
    phase_switch: Output | None = None
    board: Board = field(default_factory=Board)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0.0)
    monkeypatch.setattr(module, "LOCK_MOVES_S", 0.0)
    monkeypatch.setattr(module, "LOOK_S", 0.0)


class Clock:
    """Stands still, or goes on a second with each look."""

    def __init__(self, step_s: float = 0.0) -> None:
        self.now_s, self.step_s = 7.0, step_s

    def __call__(self) -> float:
        self.now_s += self.step_s
        return self.now_s


@asynccontextmanager
async def running(roles: Wired, clock: Callable[[], float] | None = None) -> AsyncIterator[Wiring]:
    wiring = Wiring(connector="1", roles=cast("Roles", roles), clock=clock or Clock())
    task = asyncio.create_task(wiring.run())
    yield wiring
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(2.0):
        while not done():  # noqa: ASYNC110 - the loop turns in no time
            await asyncio.sleep(0)


async def test_commands_reach_their_outputs_and_are_repeated_until_confirmed() -> None:
    """On means locked, and one phase; a relay that does not answer is asked again."""
    roles = Wired(lock=Output(failures=2), phase_switch=Output())
    lock, poles = roles.lock, roles.phase_switch
    assert lock is not None
    assert poles is not None
    async with running(roles) as wiring:
        wiring.tell(LockCommanded(locked=True, reason="session"))
        wiring.tell(PhasesCommanded(phases=1, reason="wanted"))
        await until(lambda: bool(lock.said and poles.said))
        wiring.tell(LockCommanded(locked=False, reason="over"))
        wiring.tell(PhasesCommanded(phases=3, reason="wanted"))
        await until(lambda: len(lock.said) == len(poles.said) == 2)
    assert (lock.said, poles.said) == ([True, False], [True, False])


async def test_a_command_that_changes_while_it_is_written_is_written_again() -> None:
    """The relay confirms the old one: that is no answer to the new one."""

    class Changing(Output):
        async def close(self) -> None:
            await super().close()
            wiring.tell(LockCommanded(locked=False, reason="over"))

    lock = Changing()
    async with running(Wired(lock=lock)) as wiring:
        wiring.tell(LockCommanded(locked=True, reason="session"))
        await until(lambda: lock.said == [True, False])


async def test_what_is_not_wired_is_not_commanded() -> None:
    """Without lock and poles nothing happens, nor for effects of others."""
    async with running(Wired()) as wiring:
        wiring.tell(LockCommanded(locked=True, reason=""))
        wiring.tell(PhasesCommanded(phases=1, reason=""))
        wiring.tell(
            StateChanged(before=State.AVAILABLE, after=State.PREPARING, reason="plugged in")
        )
        await asyncio.sleep(0)
        assert not wiring._wanted


RESIDUAL = {
    "passed": (BoardTest(verdict=True), True, "the board's own test"),
    "failed": (BoardTest(verdict=False), False, "the board's own test"),
    "none": (None, False, "the board has no such test"),
}


@pytest.mark.parametrize(("test", "passed", "detail"), RESIDUAL.values(), ids=RESIDUAL)
async def test_the_boards_own_test_replies(
    test: BoardTest | None, passed: bool, detail: str
) -> None:
    """Running at first, then its verdict; a board without a test proves nothing."""
    async with running(Wired(board=Board(residual_test=test))) as wiring:
        wiring.tell(SelfTestCommanded(test=SelfTest.RESIDUAL))
        assert wiring.replies[SelfTest.RESIDUAL].passed is None
        await until(lambda: wiring.replies[SelfTest.RESIDUAL].passed is not None)
        reply = wiring.replies[SelfTest.RESIDUAL]
        assert (reply.passed, reply.detail, reply.taken_s) == (passed, detail, 7.0)


SILENT = {
    "never read": BoardTest(verdict=None),
    "read before the test was over": BoardTest(verdict=True, taken_s=6.9),
}


@pytest.mark.parametrize("test", SILENT.values(), ids=SILENT)
async def test_a_verdict_of_before_the_end_is_none(test: BoardTest) -> None:
    """What the board said earlier is no answer; silence is a failure."""
    async with running(Wired(board=Board(residual_test=test)), Clock(1.0)) as wiring:
        wiring.tell(SelfTestCommanded(test=SelfTest.RESIDUAL))
        await until(lambda: wiring.replies[SelfTest.RESIDUAL].passed is not None)
        reply = wiring.replies[SelfTest.RESIDUAL]
    assert (reply.passed, reply.detail) == (False, "no answer within 5 s")


async def test_a_relay_that_stays_dumb_delays_nothing_else() -> None:
    """Poles that cannot be moved hold up neither the lock nor a self-test."""
    roles = Wired(
        lock=Output(),
        phase_switch=Output(failures=10**9),
        board=Board(residual_test=BoardTest(verdict=True)),
    )
    assert roles.lock is not None
    async with running(roles) as wiring:
        wiring.tell(PhasesCommanded(phases=1, reason="wanted"))
        wiring.tell(LockCommanded(locked=True, reason="session"))
        wiring.tell(SelfTestCommanded(test=SelfTest.RESIDUAL))
        await until(lambda: wiring.replies[SelfTest.RESIDUAL].passed is not None)
        await until(lambda: bool(roles.lock and roles.lock.said))
    assert wiring.replies[SelfTest.RESIDUAL].passed
    assert roles.lock.said == [True]


CALLED_OFF = {
    "a vehicle came": lambda wiring: wiring.still(None),
    "another test runs": lambda wiring: wiring.still(SelfTest.OPEN),
}


@pytest.mark.parametrize("call_off", CALLED_OFF.values(), ids=CALLED_OFF)
async def test_a_lock_test_ends_with_the_cores_wish_for_it(
    call_off: Callable[[Wiring], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of its movement the lock goes where the core last wanted it."""
    monkeypatch.setattr(module, "LOCK_MOVES_S", 60.0)
    lock = Output()
    async with running(Wired(lock=lock, lock_contact=Contact(lock))) as wiring:
        wiring.tell(SelfTestCommanded(test=SelfTest.LOCK))
        wiring.still(SelfTest.LOCK)
        await until(lambda: lock.said == [True])
        call_off(wiring)
        await until(lambda: lock.said == [True, False])
        assert wiring.replies[SelfTest.LOCK].passed is None


async def test_a_plug_that_is_to_be_held_ends_the_lock_test(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once the core wants the plug held, no test unlocks it any more."""
    monkeypatch.setattr(module, "LOCK_MOVES_S", 60.0)
    lock = Output()
    async with running(Wired(lock=lock, lock_contact=Contact(lock))) as wiring:
        wiring.tell(SelfTestCommanded(test=SelfTest.LOCK))
        await until(lambda: lock.said == [True])
        wiring.tell(LockCommanded(locked=True, reason="session"))
        await until(lambda: len(lock.said) == 2)
        for _ in range(20):
            await asyncio.sleep(0)
    assert lock.said == [True, True]


async def test_the_core_does_not_disturb_its_own_lock_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """It sees the lock astray meanwhile and wants it open: that waits for the test's end."""
    monkeypatch.setattr(module, "LOCK_MOVES_S", 0.05)
    lock = Output()
    async with running(Wired(lock=lock, lock_contact=Contact(lock))) as wiring:
        wiring.tell(SelfTestCommanded(test=SelfTest.LOCK))
        await until(lambda: lock.said == [True])
        wiring.tell(LockCommanded(locked=False, reason="socket is dead"))
        await until(lambda: wiring.replies[SelfTest.LOCK].passed is not None)
        assert wiring.replies[SelfTest.LOCK].passed
        await until(lambda: lock.said == [True, False, False])


async def test_a_test_called_off_before_it_began_is_not_made() -> None:
    """A board must not test itself while something charges."""
    test = BoardTest(verdict=True)
    async with running(Wired(board=Board(residual_test=test))) as wiring:
        wiring.tell(SelfTestCommanded(test=SelfTest.RESIDUAL))
        wiring.still(None)
        for _ in range(20):
            await asyncio.sleep(0)
        assert test.started == 0
        wiring.tell(SelfTestCommanded(test=SelfTest.RESIDUAL))
        await until(lambda: wiring.replies[SelfTest.RESIDUAL].passed is True)
    assert test.started == 1


UNREAD = {"old": (6.9, Quality.GOOD), "doubtful": (7.0, Quality.STALE)}


@pytest.mark.parametrize(("taken_s", "quality"), UNREAD.values(), ids=UNREAD)
async def test_a_contact_nobody_reads_proves_nothing(taken_s: float, quality: Quality) -> None:
    """It may have stood so before the lock was told."""
    lock = Output()
    contact = Contact(lock, taken_s=taken_s, quality=quality)
    async with running(Wired(lock=lock, lock_contact=contact)) as wiring:
        wiring.tell(SelfTestCommanded(test=SelfTest.LOCK))
        await until(lambda: wiring.replies[SelfTest.LOCK].passed is not None)
        reply = wiring.replies[SelfTest.LOCK]
    assert (reply.passed, reply.detail) == (False, "its contact could not be read")


LOCKS = {
    "moves": (None, True, "moved both ways", [True, False]),
    "stuck open": (False, False, "it did not lock", [True, False]),
    "stuck locked": (True, False, "it did not unlock", [True, False, False]),
}


@pytest.mark.parametrize(("stuck", "passed", "detail", "said"), LOCKS.values(), ids=LOCKS)
async def test_the_lock_is_tried_both_ways(
    stuck: bool | None, passed: bool, detail: str, said: list[bool]
) -> None:
    """Each way confirmed by the contact; it always ends unlocked."""
    lock = Output()
    async with running(Wired(lock=lock, lock_contact=Contact(lock, stuck))) as wiring:
        wiring.tell(SelfTestCommanded(test=SelfTest.LOCK))
        await until(lambda: wiring.replies[SelfTest.LOCK].passed is not None)
        reply = wiring.replies[SelfTest.LOCK]
    assert (reply.passed, reply.detail) == (passed, detail)
    assert lock.said == said


@pytest.mark.parametrize("lock", [None, Output(failures=9)], ids=["no lock", "no relay"])
async def test_a_lock_test_that_cannot_be_made_has_failed(lock: Output | None) -> None:
    """Nobody knows that it works."""
    contact = None if lock is None else Contact(lock)
    async with running(Wired(lock=lock, lock_contact=contact)) as wiring:
        wiring.tell(SelfTestCommanded(test=SelfTest.LOCK))
        await until(lambda: wiring.replies[SelfTest.LOCK].passed is not None)
        assert wiring.replies[SelfTest.LOCK].passed is False


async def test_a_defect_in_a_test_is_seen() -> None:
    """It ends supervision like any other."""

    class Broken(BoardTest):
        async def start(self) -> None:
            raise ZeroDivisionError

    roles = Wired(board=Board(residual_test=Broken(verdict=True)))
    wiring = Wiring(connector="1", roles=cast("Roles", roles), clock=Clock())
    wiring.tell(SelfTestCommanded(test=SelfTest.RESIDUAL))
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(wiring.run(), 2.0)


async def test_each_round_of_the_core_says_what_it_still_tests(tmp_path: Path) -> None:
    """A test the core does not wait for is off with the next step."""
    async with bench(tmp_path) as station:
        guard = station.guard("1")
        guard.wiring.tell(SelfTestCommanded(test=SelfTest.RESIDUAL))
        assert guard.wiring._test is SelfTest.RESIDUAL
        station.parts.supervisor.step(guard)
        assert guard.wiring._test is None
