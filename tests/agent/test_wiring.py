"""Lock, poles and self-tests: from the core's command to a confirming relay, and back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import pytest

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

    def closed(self) -> Reading[bool]:
        value = self.lock.said[-1] if self.stuck is None else self.stuck
        return Reading(value=value, quality=Quality.GOOD, taken_at_s=1.0)


@dataclass
class BoardTest:
    """A board's own test with a verdict."""

    verdict: bool | None
    seconds: float = 0.0
    started: int = 0

    async def start(self) -> None:
        self.started += 1

    def passed(self) -> Reading[bool]:
        if self.verdict is None:
            return missing()
        return Reading(value=self.verdict, quality=Quality.GOOD, taken_at_s=1.0)


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


@asynccontextmanager
async def running(roles: Wired) -> AsyncIterator[Wiring]:
    wiring = Wiring(connector="1", roles=cast("Roles", roles), clock=lambda: 7.0)
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
    "silent": (BoardTest(verdict=None), False, "no answer within 0 s"),
    "none": (None, False, "the board has no such test"),
}


@pytest.mark.parametrize(("test", "passed", "detail"), RESIDUAL.values(), ids=RESIDUAL)
async def test_the_boards_own_test_replies(
    test: BoardTest | None, passed: bool, detail: str
) -> None:
    """Running at first, then its verdict; silence is a failure."""
    async with running(Wired(board=Board(residual_test=test))) as wiring:
        wiring.tell(SelfTestCommanded(test=SelfTest.RESIDUAL))
        assert wiring.replies[SelfTest.RESIDUAL].passed is None
        await until(lambda: wiring.replies[SelfTest.RESIDUAL].passed is not None)
        reply = wiring.replies[SelfTest.RESIDUAL]
        assert (reply.passed, reply.detail, reply.taken_s) == (passed, detail, 7.0)


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
