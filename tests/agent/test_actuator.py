"""The actuator keeps at the hardware until it is where the core wants it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest

from laddvakt_agent.actuator import REWRITE_S, Actuator
from laddvakt_agent.core.model import Outputs
from laddvakt_hal.errors import HalError, NoReply
from laddvakt_hal.reading import Reading, good, missing
from laddvakt_hal.roles import PilotState

OPEN = Outputs(closed=False, limit_a=0.0)
CHARGE = Outputs(closed=True, limit_a=16.0)


@dataclass(slots=True)
class FakeContactor:
    name: str = "relay"
    hold_s: float | None = 0.2
    has_feedback: bool = True
    calls: list[str] = field(default_factory=list)
    failures: int = 0

    def feedback_closed(self) -> Reading[bool]:
        return missing()

    async def hold(self) -> None:
        await self._call("hold")

    async def open(self) -> None:
        await self._call("open")

    async def _call(self, name: str) -> None:
        if self.failures:
            self.failures -= 1
            self.calls.append(f"{name} failed")
            raise NoReply("relay: silent")
        self.calls.append(name)


@dataclass(slots=True)
class FakeBoard:
    name: str = "board"
    apply_s: float = 1.0
    limit_resolution_a: float = 1.0
    needs_dead_man: bool = True
    heartbeat_s: float | None = None
    beats: int = 0
    limits: list[float] = field(default_factory=list)
    readback: Reading[float] = field(default_factory=missing)
    error: HalError | None = None
    waits: asyncio.Event | None = None  # the board takes a limit above 0 only once this is set

    def pilot(self) -> Reading[PilotState]:
        return missing()

    def pwm_on(self) -> Reading[bool]:
        return missing()

    def limit_a(self) -> Reading[float]:
        return self.readback

    def relay_closed(self) -> Reading[bool]:
        return missing()

    def errors(self) -> Reading[Sequence[str]]:
        return missing()

    def watchdog_armed(self) -> Reading[bool]:
        return missing()

    async def prepare(self) -> bool:
        return False

    async def beat(self) -> None:
        self.beats += 1
        if self.error:
            raise self.error

    async def set_limit(self, current_a: float) -> None:
        if self.waits is not None and current_a > 0.0:
            await self.waits.wait()
        self.limits.append(current_a)
        if self.error:
            raise self.error


@dataclass(slots=True)
class Rig:
    actuator: Actuator
    board: FakeBoard
    contactor: FakeContactor
    stepped_s: float = 0.0
    disk: asyncio.Event = field(default_factory=asyncio.Event)


@contextlib.asynccontextmanager
async def rig(heartbeat_s: float | None = None) -> AsyncIterator[Rig]:
    """An actuator with all its tasks running over fakes; the disk is ready."""
    loop = asyncio.get_running_loop()
    board, contactor = FakeBoard(heartbeat_s=heartbeat_s), FakeContactor()
    built: list[Rig] = []

    async def may_close() -> None:
        await built[0].disk.wait()

    actuator = Actuator(
        connector="1",
        board=board,
        contactor=contactor,
        clock=loop.time,
        may_close=may_close,
        core_stepped_s=lambda: built[0].stepped_s,
    )
    built.append(Rig(actuator, board, contactor, stepped_s=loop.time() + 100))
    built[0].disk.set()
    runs = (actuator.run_contactor, actuator.run_limit, actuator.run_heartbeat)
    tasks = [asyncio.create_task(run()) for run in runs]
    try:
        yield built[0]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def until(condition: object, timeout_s: float = 2.0) -> None:
    assert callable(condition)
    deadline = asyncio.get_running_loop().time() + timeout_s
    while not condition():
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.005)


async def test_the_first_thing_done_is_to_open_and_switch_the_offer_off() -> None:
    async with rig() as r:
        await until(lambda: r.contactor.calls == ["open"] and r.board.limits == [0.0])


async def test_a_watchdog_that_wants_it_is_fed_while_the_core_is_stepped() -> None:
    async with rig(heartbeat_s=0.01) as r:
        await until(lambda: r.board.beats >= 3)
        r.board.error = NoReply("board: silent")
        beats = r.board.beats
        await until(lambda: r.board.beats > beats)  # a beat that failed is tried again
        r.board.error = None
        r.stepped_s = asyncio.get_running_loop().time() - 10.0
        await asyncio.sleep(0.1)
        beats = r.board.beats
        await asyncio.sleep(0.2)
        assert r.board.beats == beats


async def test_nothing_is_offered_behind_a_board_that_wants_a_pause() -> None:
    async with rig() as r:
        await until(lambda: r.board.limits == [0.0])
        r.board.waits = asyncio.Event()
        r.actuator.want(CHARGE)
        await asyncio.sleep(0.02)
        r.actuator.want(OPEN)
        await until(lambda: r.board.limits == [0.0, 0.0] and r.actuator.written_a == 0.0)
        r.board.waits.set()
        await asyncio.sleep(0.05)
        assert r.board.limits == [0.0, 0.0]  # the offer that waited was given up


async def test_a_watchdog_fed_by_reading_gets_no_beats() -> None:
    async with rig() as r:
        await until(lambda: r.board.limits == [0.0])
        assert r.board.beats == 0


async def test_a_wanted_contactor_is_held_again_and_again() -> None:
    async with rig() as r:
        r.actuator.want(CHARGE)
        await until(lambda: r.contactor.calls.count("hold") >= 3)
        assert r.board.limits[-1] == 16.0


async def test_an_opening_is_repeated_until_it_is_confirmed() -> None:
    async with rig() as r:
        r.actuator.want(CHARGE)
        await until(lambda: "hold" in r.contactor.calls)
        r.contactor.failures = 3
        r.actuator.want(OPEN)
        await until(lambda: r.contactor.calls[-4:] == ["open failed"] * 3 + ["open"])
        assert r.actuator.opened_confirmed_s is not None


async def test_a_core_that_is_not_stepped_lets_the_contactor_fall() -> None:
    async with rig() as r:
        r.stepped_s = -1e9
        r.actuator.want(CHARGE)
        await asyncio.sleep(0.3)
        assert "hold" not in r.contactor.calls


async def test_a_core_that_is_not_stepped_offers_nothing_anew() -> None:
    """A board that is fed by writing its limit would go on charging for a core that hangs."""
    async with rig() as r:
        r.actuator.want(CHARGE)
        await until(lambda: r.board.limits[-1:] == [16.0])
        told, now_s = len(r.board.limits), asyncio.get_running_loop().time()
        r.stepped_s = -1e9
        r.board.readback = good(6.0, now_s + REWRITE_S + 1.0)
        r.actuator.nudge_limit()
        await asyncio.sleep(0.2)
        assert len(r.board.limits) == told
        r.actuator.want(OPEN)  # 0 A never waits for anybody
        await until(lambda: r.board.limits[-1] == 0.0)


async def test_closing_waits_for_the_disk_and_opening_does_not() -> None:
    async with rig() as r:
        await until(lambda: r.contactor.calls == ["open"])
        r.disk.clear()
        r.actuator.want(CHARGE)
        await asyncio.sleep(0.1)
        assert "hold" not in r.contactor.calls
        r.disk.set()
        await until(lambda: "hold" in r.contactor.calls)
        r.disk.clear()
        r.actuator.want(OPEN)
        await until(lambda: r.contactor.calls[-1] == "open")


async def test_a_wish_withdrawn_while_the_disk_is_slow_never_closes() -> None:
    async with rig() as r:
        await until(lambda: r.contactor.calls == ["open"])
        r.disk.clear()
        r.actuator.want(CHARGE)
        await asyncio.sleep(0.02)
        r.actuator.want(OPEN)
        await until(lambda: r.contactor.calls.count("open") == 2)
        r.disk.set()
        await asyncio.sleep(0.02)
        assert "hold" not in r.contactor.calls


async def test_a_board_that_was_away_is_told_everything_again() -> None:
    async with rig() as r:
        await until(lambda: r.board.limits == [0.0] and r.contactor.calls == ["open"])
        r.actuator.forget_board()
        await until(lambda: r.board.limits == [0.0, 0.0] and r.contactor.calls == ["open"] * 2)


@pytest.mark.parametrize(
    ("readback_a", "again"), [(16.0, False), (16.4, False), (32.0, True), (6.0, True)]
)
async def test_a_board_that_reads_back_another_limit_is_told_again(
    readback_a: float, *, again: bool
) -> None:
    async with rig() as r:
        r.actuator.want(CHARGE)
        await until(lambda: r.actuator.written_a == 16.0)
        r.board.readback = good(readback_a, asyncio.get_running_loop().time() + 60)
        before = len(r.board.limits)
        r.actuator.nudge_limit()
        await asyncio.sleep(0.05)
        assert (len(r.board.limits) > before) is again


async def test_open_now_says_when_the_confirmation_never_came() -> None:
    async with rig() as r:
        await until(lambda: r.board.limits == [0.0])
        r.board.error = NoReply("board: silent")
        r.actuator.forget_board()
        assert await r.actuator.open_now(0.2) is False
        r.board.error = None
        assert await r.actuator.open_now(1.0) is True
