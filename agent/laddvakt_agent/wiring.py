"""Carries out what hangs beside contactor and limit: the lock, the poles, the self-tests.

Each command is repeated until the relay confirms it. Nothing here opens or closes the contactor.
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
from laddvakt_hal.relays import RelayOutput

RETRY_S = 0.5
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
    _test: SelfTest | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, effect: Effect) -> None:
        """Take a command of the core; others are none of this class's business."""
        match effect:
            case LockCommanded(locked=locked) if self.roles.lock is not None:
                self._wanted["lock"] = locked
            case PhasesCommanded(phases=phases) if self.roles.phase_switch is not None:
                self._wanted["phase_switch"] = phases == 1
            case SelfTestCommanded(test=test):
                self._test = test
                self.replies[test] = self._reply(test, None)
            case _:
                return
        self._changed.set()

    async def run(self) -> None:
        """Carry out what was told, for as long as the agent guards."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            while self._wanted:
                if not await self._switch_all():
                    await asyncio.sleep(RETRY_S)
            test, self._test = self._test, None
            if test is not None:
                await self._run_test(test)

    async def _switch_all(self) -> bool:
        for name, on in tuple(self._wanted.items()):
            try:
                await _switch(self._output(name), on=on)
            except HalError as error:
                log.warning(
                    "output_failed", connector=self.connector, output=name, error=str(error)
                )
                return False
            if self._wanted.get(name) is on:
                del self._wanted[name]
        return True

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
        log.info(
            "self_test_ended",
            connector=self.connector,
            test=test.value,
            passed=passed,
            detail=detail,
        )

    async def _test_residual(self) -> tuple[bool, str]:
        test = self.roles.board.residual_test
        if test is None:
            return False, "the board has no such test"
        await test.start()
        await asyncio.sleep(test.seconds)
        verdict = test.passed()
        if verdict.value is None:
            return False, f"no answer within {test.seconds:g} s"
        return verdict.value, "the board's own test"

    async def _test_lock(self) -> tuple[bool, str]:
        """Both ways, each confirmed by the contact; it ends unlocked."""
        lock, contact = self.roles.lock, self.roles.lock_contact
        if lock is None or contact is None:
            return False, "no lock with a contact is wired"
        for locked in (True, False):
            await _switch(lock, on=locked)
            await asyncio.sleep(LOCK_MOVES_S)
            if contact.closed().value is not locked:
                await lock.open()
                return False, f"it did not {'lock' if locked else 'unlock'}"
        return True, "moved both ways"

    def _reply(self, test: SelfTest, passed: bool | None, detail: str = "") -> TestReply:
        return TestReply(test=test, passed=passed, taken_s=self.clock(), detail=detail)


async def _switch(output: RelayOutput, *, on: bool) -> None:
    await (output.close() if on else output.open())
