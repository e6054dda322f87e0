"""A profile, a line and a unit: the device's readings and its commands."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from laddvakt_hal.bus import Priority
from laddvakt_hal.clock import boottime
from laddvakt_hal.device_facts import DeviceFacts, IdentityChange
from laddvakt_hal.device_readings import Readings
from laddvakt_hal.device_silence import FIRST_HOLD_S, MAX_HOLD_S, MAX_SAFETY_HOLD_S, Silence
from laddvakt_hal.discovery import find
from laddvakt_hal.errors import (
    BusDown,
    Garbled,
    HalError,
    LayoutUnknown,
    NoReply,
    NotFound,
    Refused,
)
from laddvakt_hal.frame import Function, Request
from laddvakt_hal.plan import Block
from laddvakt_hal.profile_layout import same_place
from laddvakt_hal.profile_values import words_for
from laddvakt_hal.settings import TcpSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from laddvakt_hal.bus import Bus, Reply
    from laddvakt_hal.codec import Value
    from laddvakt_hal.profile_model import Profile, Row
    from laddvakt_hal.reading import Reading

__all__ = ["FIRST_HOLD_S", "MAX_HOLD_S", "MAX_SAFETY_HOLD_S", "Device", "IdentityChange"]

LOOK_AGAIN_S = 10.0  # a device that is none of the wanted ones is looked at this often
_GATEWAY_EXCEPTIONS = (10, 11)  # the gateway speaks, not the device


class Device:
    """One unit on a line. Readings are snapshots; commands await their confirmed reply."""

    def __init__(
        self,
        profile: Profile,
        bus: Bus,
        unit: int,
        name: str,
        clock: Callable[[], float] = boottime,
    ) -> None:
        self.bus = bus
        self.unit = unit
        self.name = name
        self.heard_s: float | None = None  # last verified reply, exceptions included
        self.safety = False  # a safety reading depends on it: shorter quarantine
        self.clock = clock
        self._silence = Silence(excused=1 if isinstance(bus.settings, TcpSettings) else 0)
        self._facts = DeviceFacts(profile)
        self._readings = Readings()
        bus.set_timing(unit, profile.timing)

    @property
    def profile(self) -> Profile:
        """The profile as this device has it: rows where they were found and as its firmware is."""
        return self._facts.profile

    @property
    def resolved(self) -> bool:
        """True while it is known where the registers are; until then call `resolve`."""
        return self._facts.resolved

    @property
    def layout_version(self) -> int:
        """Changes when rows moved or changed their size: blocks planned before are refused."""
        return self._facts.layout_version

    @property
    def changed_identity(self) -> IdentityChange | None:
        """The latest sign that another unit answers here than before, `None` without one."""
        return self._facts.changed

    @property
    def silent(self) -> bool:
        """True while the device is in quarantine: after one silence, two over TCP."""
        return self._silence.lasts

    @property
    def ask_again_s(self) -> float:
        """Quarantine: the device is not asked before."""
        return self._silence.ask_again_s

    def reading(self, quantity: str) -> Reading[Value]:
        """The latest snapshot, absent before the first read.

        Raises:
            KeyError: the profile has no such row.
        """
        self.profile.rows[quantity]
        return self._readings[quantity]

    def identity_matches(self) -> bool | None:
        """Whether the device is what the profile says; `None` while that is not known."""
        verdict: bool | None = None
        for point in self.profile.identity:
            value = self.reading(point.quantity).value
            if value is not None:
                verdict = (verdict is not False) and point.matches(value)
        return verdict

    async def resolve(self) -> HalError | None:
        """Find the registers of a device that has them where it likes; others have nothing to do.

        Returns:
            The error, if any; `ask_again_s` says when to try again.
        """
        wanted = self.profile.discovery
        if wanted is None or self.resolved:
            return None
        try:
            found = await find(self._words, wanted.bases, wanted.models)
            self._facts.place(found)
        except NotFound as error:
            self._silence.ask_again_s = self.clock() + LOOK_AGAIN_S
            return error
        except HalError as error:
            self._note_failure(error, ())
            return error
        return None

    async def read_block(self, block: Block, priority: Priority) -> HalError | None:
        """Read a block and store what came of it; the error, if any, is stored and returned.

        A block planned before the rows moved is not sent: `LayoutUnknown`.
        """
        if not self._current(block):
            self._readings.age(block.rows)
            return LayoutUnknown(f"{self.name}: its registers moved; plan its reads again")
        try:
            reply = await self.bus.transact(block.request(self.unit), priority)
        except HalError as error:
            self._note_failure(error, block.rows)
            return error
        self._note_heard(reply.taken_at_s)
        self._store(block, reply)
        return None

    def mark_down(self) -> None:
        """The line is gone: nothing read so far is good any more, and others may answer later."""
        self._readings.age_all()
        self._facts.forget()

    async def fetch(self, quantity: str) -> Value | None:
        """Read one row now, before planned reads, and store it.

        Raises:
            HalError: after one repetition.
        """
        await self.learn(quantity)
        row = self.profile.rows[quantity]
        if row.scale_from is not None:
            await self._read_row(self.profile.rows[row.scale_from])
        await self._read_row(row)
        return self._readings[quantity].value

    async def learn(self, quantity: str) -> None:
        """Learn where a row is and what it means, as far as that is not known.

        Raises:
            HalError: it cannot be learnt; nothing was written.
            KeyError: the profile has no such row.
        """
        error = await self.resolve()
        if error is not None:
            raise error
        for condition in self._facts.open_conditions(quantity):
            await self._read_row(self.profile.rows[condition])
        if self.profile.rows[quantity].absent:
            raise NotFound(f"{self.name}: a device with this firmware has no {quantity}")
        if self._facts.open_conditions(quantity):
            raise LayoutUnknown(
                f"{self.name}: what {quantity} means depends on the firmware, which is not known"
            )

    async def write(self, values: Mapping[str, float | str], *, repeat: bool = True) -> None:
        """Write rows that follow each other in one request; confirmed by the device.

        Raises:
            HalError: after one repetition, none with `repeat=False`.
            ValueError: a row is not writable, not adjacent, or a value does not fit.
        """
        for quantity in values:
            await self.learn(quantity)
        rows = [self.profile.rows[quantity] for quantity in values]
        function = rows[0].write_function
        if function is None or any(row.write_function is not function for row in rows):
            raise ValueError(f"{self.name}: {', '.join(values)} cannot be written together")
        if any(a.end != b.addr for a, b in itertools.pairwise(rows)):
            raise ValueError(f"{self.name}: {', '.join(values)} do not follow each other")
        words: list[int] = []
        for row, value in zip(rows, values.values(), strict=True):
            words += words_for(self.profile, row, value)
        await self.command(function, rows[0].addr, words, repeat=repeat)

    async def command(
        self, function: Function, address: int, values: list[int], *, repeat: bool = True
    ) -> Reply:
        """Send a write ahead of everything planned; the reply confirms address and value.

        Raises:
            HalError: after one repetition, none with `repeat=False`.
        """
        request = Request(
            unit=self.unit,
            function=function,
            address=address,
            count=len(values),
            values=tuple(values),
        )
        try:
            reply = await self.bus.transact(request, Priority.COMMAND)
        except (NoReply, Garbled):
            if not repeat:
                raise
            reply = await self.bus.transact(request, Priority.COMMAND)
        self._note_heard(reply.taken_at_s)
        return reply

    async def _read_row(self, row: Row) -> None:
        block = Block(function=row.function, addr=row.addr, count=row.count, rows=(row,))
        error = await self.read_block(block, Priority.COMMAND)
        if isinstance(error, NoReply | Garbled):
            error = await self.read_block(block, Priority.COMMAND)
        if error is not None:
            raise error

    async def _words(self, addr: int, count: int) -> tuple[int, ...]:
        function = next(iter(self.profile.rows.values())).function
        request = Request(unit=self.unit, function=function, address=addr, count=count)
        try:
            reply = await self.bus.transact(request, Priority.NORMAL)
        except Refused as error:
            if error.exception_code in _GATEWAY_EXCEPTIONS:
                raise NoReply(str(error)) from error
            self._note_heard(self.clock())
            raise
        self._note_heard(reply.taken_at_s)
        return reply.words

    def _current(self, block: Block) -> bool:
        """True when the block's rows are where they were when it was planned."""
        rows = self.profile.rows
        return self.resolved and all(same_place(row, rows[row.quantity]) for row in block.rows)

    def _store(self, block: Block, reply: Reply) -> None:
        """Judge the block's rows: what others depend on first."""
        for row in self._facts.in_order(block.rows):
            if row.type.is_bit:
                bits = reply.bits[row.addr - block.addr]
                found = self._facts.bit(row, bits, reply.taken_at_s)
            else:
                offset = row.addr - block.addr
                words = reply.words[offset : offset + row.count]
                found = self._facts.judge(row, words, reply.taken_at_s, self._readings)
            self._readings[row.quantity] = found
            self._facts.note(row.quantity, found)
        if self.identity_matches() is False:  # another model: its registers mean something else
            self._readings.drop(but=[point.quantity for point in self.profile.identity])

    def _note_heard(self, taken_at_s: float) -> None:
        self.heard_s = taken_at_s
        self._silence.end()

    def _note_failure(self, error: HalError, rows: tuple[Row, ...]) -> None:
        match error:
            case Refused(exception_code=code) if code not in _GATEWAY_EXCEPTIONS:
                self._note_heard(self.clock())
                self._readings.refuse(rows)
                return
            case BusDown():
                self.mark_down()
                return
            case Garbled():
                if not self._silence.garbled():
                    self._readings.age(rows)
                    return
            case _:
                pass
        self._quarantine()

    def _quarantine(self) -> None:
        """Leave the device alone for a while; nothing it said is good any more."""
        self._readings.age_all()
        self._silence.note(self.clock(), safety=self.safety)
        if self.silent:
            self._facts.forget()
