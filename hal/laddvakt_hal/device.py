"""A profile, a line and a unit: the device's readings and its commands."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from laddvakt_hal.bus import Priority
from laddvakt_hal.clock import boottime
from laddvakt_hal.codec import decode, encode, to_bytes
from laddvakt_hal.errors import BusDown, Garbled, HalError, NoReply, Refused
from laddvakt_hal.frame import Function, Request
from laddvakt_hal.plan import Block
from laddvakt_hal.reading import Quality, Reading, good, missing, stale
from laddvakt_hal.settings import TcpSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from laddvakt_hal.bus import Bus, Reply
    from laddvakt_hal.codec import Value
    from laddvakt_hal.profile_model import Profile, Row

# A silent device is left alone for this long, doubled each time. On a serial line the first pause
# also keeps a reply that is later than the profile promises away from the next question of the
# same shape. Over TCP the transaction id does that, and some peers stop charging when nobody asks
# for a second: there the first silence is followed by the next question at once.
FIRST_HOLD_S = 0.5
MAX_HOLD_S = 2.0
MAX_SAFETY_HOLD_S = 0.75  # with its timeout: noticed back within the second
GARBLED_IS_SILENT = 3  # so many garbled replies in a row count as silence
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
        self.profile = profile
        self.bus = bus
        self.unit = unit
        self.name = name
        self.heard_s: float | None = None  # last verified reply, exceptions included
        self.ask_again_s = 0.0  # quarantine: not asked before
        self.safety = False  # a safety reading depends on it: shorter quarantine
        self._clock = clock
        self._excused = 1 if isinstance(bus.settings, TcpSettings) else 0
        self._silences = 0
        self._garbles = 0
        self._readings: dict[str, Reading[Value]] = {}
        bus.set_timing(unit, profile.timing)

    @property
    def silent(self) -> bool:
        """True while the device is in quarantine: after one silence, two over TCP."""
        return self._silences > self._excused

    def reading(self, quantity: str) -> Reading[Value]:
        """The latest snapshot, absent before the first read.

        Raises:
            KeyError: the profile has no such row.
        """
        self.profile.rows[quantity]
        return self._readings.get(quantity) or missing()

    def identity_matches(self) -> bool | None:
        """Whether the device is what the profile says; `None` while that is not known."""
        verdict: bool | None = None
        for point in self.profile.identity:
            value = self.reading(point.quantity).value
            if value is not None:
                verdict = (verdict is not False) and (not point.values or value in point.values)
        return verdict

    async def read_block(self, block: Block, priority: Priority) -> HalError | None:
        """Read a block and store what came of it; the error, if any, is stored and returned."""
        try:
            reply = await self.bus.transact(block.request(self.unit), priority)
        except HalError as error:
            self._note_failure(error, block)
            return error
        self._note_heard(reply.taken_at_s)
        for row in block.rows:
            self._readings[row.quantity] = self._judge(row, block, reply)
        return None

    def mark_down(self) -> None:
        """The line is gone: nothing read so far is good any more."""
        for quantity, reading in self._readings.items():
            self._readings[quantity] = stale(reading)

    async def fetch(self, quantity: str) -> Value | None:
        """Read one row now, before planned reads, and store it.

        Raises:
            HalError: after one repetition.
        """
        row = self.profile.rows[quantity]
        block = Block(function=row.function, addr=row.addr, count=row.count, rows=(row,))
        error = await self.read_block(block, Priority.COMMAND)
        if isinstance(error, NoReply | Garbled):
            error = await self.read_block(block, Priority.COMMAND)
        if error is not None:
            raise error
        return self._readings[quantity].value

    async def write(self, values: Mapping[str, float], *, repeat: bool = True) -> None:
        """Write rows that follow each other in one request; confirmed by the device.

        Raises:
            HalError: after one repetition, none with `repeat=False`.
            ValueError: a row is not writable, not adjacent, or a value does not fit.
        """
        rows = [self.profile.rows[quantity] for quantity in values]
        function = rows[0].write_function
        if function is None or any(row.write_function is not function for row in rows):
            raise ValueError(f"{self.name}: {', '.join(values)} cannot be written together")
        if any(a.end != b.addr for a, b in itertools.pairwise(rows)):
            raise ValueError(f"{self.name}: {', '.join(values)} do not follow each other")
        words: list[int] = []
        for row, value in zip(rows, values.values(), strict=True):
            words += encode(value, row.type, self.profile.word_order, row.scale)
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

    def _judge(self, row: Row, block: Block, reply: Reply) -> Reading[Value]:
        offset = row.addr - block.addr
        if row.type.is_bit:
            return good(reply.bits[offset], reply.taken_at_s)
        words = reply.words[offset : offset + row.count]
        order = self.profile.word_order
        absent = self.profile.not_available.get(row.type.name, ())
        if int.from_bytes(to_bytes(words, order), "big") in absent:
            return missing()
        value = decode(words, row.type, order, row.scale)
        if value is None:
            return missing(Quality.ABSENT if "str" in row.type.name else Quality.IMPLAUSIBLE)
        if not isinstance(value, str) and not _plausible(value, row):
            return missing(Quality.IMPLAUSIBLE)
        return good(value, reply.taken_at_s)

    def _note_heard(self, taken_at_s: float) -> None:
        self.heard_s = taken_at_s
        self._silences = self._garbles = 0
        self.ask_again_s = 0.0

    def _note_failure(self, error: HalError, block: Block) -> None:
        match error:
            case Refused(exception_code=code) if code not in _GATEWAY_EXCEPTIONS:
                self._note_heard(self._clock())
                for row in block.rows:
                    self._readings[row.quantity] = missing(Quality.REFUSED)
                return
            case BusDown():
                self.mark_down()
                return
            case Garbled():
                self._garbles += 1
                if self._garbles < GARBLED_IS_SILENT:
                    self._stale(block)
                    return
            case _:
                pass
        self._quarantine()

    def _stale(self, block: Block) -> None:
        for row in block.rows:
            self._readings[row.quantity] = stale(self.reading(row.quantity))

    def _quarantine(self) -> None:
        """Leave the device alone for a while; nothing it said is good any more."""
        self.mark_down()
        self._silences += 1
        if not self.silent:
            return
        most_s = MAX_SAFETY_HOLD_S if self.safety else MAX_HOLD_S
        hold_s = min(FIRST_HOLD_S * 2.0 ** (self._silences - self._excused - 1), most_s)
        self.ask_again_s = self._clock() + hold_s


def _plausible(value: float, row: Row) -> bool:
    low, high = row.minimum, row.maximum
    return (low is None or value >= low) and (high is None or value <= high)
