"""Carries out what hangs beside contactor and limit: the lock, the poles, the self-tests.

Each command is repeated until the relay confirms it; one that stays dumb delays no other, nor a
test. A test lives no longer than the core wants it: a lock must not move under a live plug because
a relay answered late. Nothing here opens or closes the contactor.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from laddvakt_agent.core.inputs import SelfTest, TestReply
from laddvakt_agent.core.model import (
    Effect,
    LockCommanded,
    PhasesCommanded,
    SelfTestCommanded,
)
from laddvakt_agent.inputs import Roles
from laddvakt_hal.errors import HalError
from laddvakt_hal.reading import Quality, Reading
from laddvakt_hal.relays import RelayOutput

RETRY_S = 0.5
ANSWER_S = 5.0  # after the end of a test, until its verdict must have been read
LOOK_S = 0.1
LOCK_MOVES_S = 2.0  # an actuator has arrived, and its contact was read, by then

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class Wiring:
    """One connector's lock, poles and self-tests."""

    connector: str
    roles: Roles
    clock: Callable[[], float]
    replies: dict[SelfTest, TestReply] = field(default_factory=dict)
    _wanted: dict[str, bool] = field(default_factory=dict)  # output → on, not confirmed yet
    _locked: bool = False  # where the core last wanted the lock
    _test: SelfTest | None = None  # begun or to be begun
    _tester: asyncio.Task[None] | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, effect: Effect) -> None:
        """Take a command of the core; others are none of this class's business."""
        match effect:
            case LockCommanded(locked=locked) if self.roles.lock is not None:
                self._locked = self._wanted["lock"] = locked
                if locked and self._test is SelfTest.LOCK:
                    self._call_off()
            case PhasesCommanded(phases=phases) if self.roles.phase_switch is not None:
                self._wanted["phase_switch"] = phases == 1
            case SelfTestCommanded(test=test):
                self._call_off()
                self._test = test
                self.replies[test] = self._reply(test, None)
            case _:
                return
        self._changed.set()

    def still(self, running: SelfTest | None) -> None:
        """Which test the core awaits now: any other is not begun any more, nor brought to its end.

        The vehicle that came, or the time that ran out, must not meet a lock or a board that still
        tests itself.
        """
        if self._test is not None and self._test is not running:
            self._call_off()

    async def run(self) -> None:
        """Carry out what was told, for as long as the agent guards."""
        try:
            while True:
                await _wait(self._changed, RETRY_S if self._wanted else None)
                self._changed.clear()
                self._begin_test()
                await self._switch_all()
        finally:
            self._call_off()

    def _begin_test(self) -> None:
        if self._tester is not None and self._tester.done():
            self._tester.result()  # a defect in a test must be seen, not waited for
        if self._test is not None and self._tester is None:
            self._tester = asyncio.create_task(self._run_test(self._test), name="self-test")
            self._tester.add_done_callback(lambda _: self._changed.set())

    def _call_off(self) -> None:
        test, self._test = self._test, None
        tester, self._tester = self._tester, None
        if tester is not None:
            tester.cancel()
        if test is SelfTest.LOCK:
            self._wanted["lock"] = self._locked  # it may have been left anywhere
            self._changed.set()

    async def _switch_all(self) -> None:
        for name, on in tuple(self._wanted.items()):
            if name == "lock" and self._test is SelfTest.LOCK:
                continue  # it is being tried; where it belongs is told afterwards
            try:
                await _switch(self._output(name), on=on)
            except HalError as error:
                log.warning(
                    "output_failed", connector=self.connector, output=name, error=str(error)
                )
                continue
            if self._wanted.get(name) is on:
                del self._wanted[name]

    def _output(self, name: str) -> RelayOutput:
        output = self.roles.lock if name == "lock" else self.roles.phase_switch
        if output is None:
            raise LookupError(f"connector {self.connector} has no {name}")
        return output

    async def _run_test(self, test: SelfTest) -> None:
        """Make a test and note its verdict; one that cannot be made has failed."""
        try:
            passed, detail = await (
                self._test_residual() if test is SelfTest.RESIDUAL else self._test_lock()
            )
        except HalError as error:
            passed, detail = False, f"could not be made: {error}"
        self.replies[test] = self._reply(test, passed, detail)
        self._test = self._tester = None
        log.info(
            "self_test_ended",
            connector=self.connector,
            test=test.value,
            passed=passed,
            detail=detail,
        )

    async def _test_residual(self) -> tuple[bool, str]:
        """Judged by what the board says once the test is over: before, it had nothing to say."""
        test = self.roles.board.residual_test
        if test is None:
            return False, "the board has no such test"
        await test.start()
        await asyncio.sleep(test.seconds)
        over_s = self.clock()
        while self.clock() <= over_s + ANSWER_S:
            passed = _since(test.passed(), over_s)
            if passed is not None:
                return passed, "the board's own test"
            await asyncio.sleep(LOOK_S)
        return False, f"no answer within {test.seconds + ANSWER_S:g} s"

    async def _test_lock(self) -> tuple[bool, str]:
        """Both ways, each confirmed by the contact; it ends unlocked."""
        lock, contact = self.roles.lock, self.roles.lock_contact
        if lock is None or contact is None:
            return False, "no lock with a contact is wired"
        for locked in (True, False):
            await _switch(lock, on=locked)
            told_s = self.clock()
            await asyncio.sleep(LOCK_MOVES_S)
            said = _since(contact.closed(), told_s)
            if said is not locked:
                await lock.open()
                failed = f"it did not {'lock' if locked else 'unlock'}"
                return False, failed if said is not None else "its contact could not be read"
        return True, "moved both ways"

    def _reply(self, test: SelfTest, passed: bool | None, detail: str = "") -> TestReply:
        return TestReply(test=test, passed=passed, taken_s=self.clock(), detail=detail)


def _since(reading: Reading[bool], at_s: float) -> bool | None:
    """What was read well, and not before `at_s`."""
    fresh = reading.quality is Quality.GOOD and reading.taken_at_s is not None
    return reading.value if fresh and (reading.taken_at_s or 0.0) >= at_s else None


async def _wait(event: asyncio.Event, timeout_s: float | None) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return


async def _switch(output: RelayOutput, *, on: bool) -> None:
    await (output.close() if on else output.open())
