"""The board role from profile data, and the contactor inside a board that has one."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from laddvakt_hal.board_limit import BoardLimit, fetch_whole
from laddvakt_hal.board_test import ResidualTest
from laddvakt_hal.board_watchdog import BoardWatchdog, ensure
from laddvakt_hal.combine import derive, number, together, whole
from laddvakt_hal.errors import ProfileError
from laddvakt_hal.frame import Function
from laddvakt_hal.plan import ReadClass
from laddvakt_hal.profile_model import FedBy
from laddvakt_hal.reading import Reading, missing
from laddvakt_hal.roles import PilotState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from laddvakt_hal.codec import Value
    from laddvakt_hal.device import Device
    from laddvakt_hal.profile_maps import BoardMap


def board(device: Device) -> ProfiledBoard:
    """The device as a pilot board.

    Raises:
        ProfileError: its profile has no board.
    """
    return ProfiledBoard(device)


def board_contactor(device: Device) -> BoardContactor:
    """The contactor a board drives by itself.

    Raises:
        ProfileError: the board has no register that opens it under load.
    """
    return BoardContactor(device)


class ProfiledBoard:
    """A board whose rows the profile names; implements `roles.Board`."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self._map = _board_map(device)
        self._limit = BoardLimit(device, self._map)
        self._watchdog = BoardWatchdog(device)
        test = self._map.residual_test
        self.residual_test = None if test is None else ResidualTest(self, test)
        self.name = device.name
        self.apply_s = self._map.apply_s
        self.limit_resolution_a = self._map.resolution_a  # `prepare` may find another one
        self.needs_dead_man = not self._watchdog.guards

    @property
    def wanted(self) -> Mapping[str, ReadClass]:
        """What must be read for this role."""
        wanted = {point.quantity: ReadClass.ONCE for point in self.device.profile.identity}
        if self._map.fine_limit is not None:
            wanted[self._map.fine_limit.config] = ReadClass.SLOW
            wanted[self._map.fine_limit.firmware] = ReadClass.SLOW
        # Where the safety block covers the errors (CHARX) they ride along with it. The SimpleEVSE
        # needs a request of its own for them, and 100 ms of rest after each: at the safety period
        # it would have to be asked for 110 % of the time, and its pilot would be read late.
        wanted |= dict.fromkeys(self._map.errors, ReadClass.STATUS)
        optional = (self._map.pwm, self._limit.read_quantity)
        safety = (self._map.pilot, *(q for q in optional if q is not None), *self._watchdog.wanted)
        return wanted | dict.fromkeys(safety, ReadClass.SAFETY)

    @property
    def heartbeat_s(self) -> float | None:
        """How often `beat` must be called; `None` where reading keeps the watchdog quiet."""
        return self._watchdog.heartbeat_s

    def pilot(self) -> Reading[PilotState]:
        """Vehicle state; a code the profile does not name is INVALID."""
        states = self._map.pilot_states
        reading = self.device.reading(self._map.pilot)
        return derive(reading, lambda code: PilotState(states.get(_code(code), "invalid")))

    def pwm_on(self) -> Reading[bool]:
        """True while the pilot offers a current; absent where the board does not tell."""
        if self._map.pwm is None:
            return missing()
        return derive(
            self.device.reading(self._map.pwm), lambda code: _code(code) in self._map.pwm_on
        )

    def limit_a(self) -> Reading[float]:
        """The limit in force; absent until the register's step is known."""
        unit, quantity = self._limit.unit_a(), self._limit.read_quantity
        if unit is None or quantity is None:
            return missing()
        return derive(number(self.device.reading(quantity)), lambda raw: round(raw * unit, 3))

    def relay_closed(self) -> Reading[bool]:
        """The board's own relay, absent where the board does not tell."""
        if self._map.relay_bit is None:
            return missing()
        quantity, bit = self._map.relay_bit
        return derive(whole(self.device.reading(quantity)), lambda bits: bool(bits >> bit & 1))

    def errors(self) -> Reading[Sequence[str]]:
        """Active error names; a bit the profile does not name is `bit<N>`.

        Absent where the board does not tell.
        """
        parts = [derive(self.device.reading(q), self._named(q)) for q in self._map.errors]
        found = together(parts)
        if found.value is not None and None in found.value:
            return missing()
        return derive(found, lambda names: tuple(itertools.chain.from_iterable(_some(names))))

    def watchdog_armed(self) -> Reading[bool]:
        """True while the board's watchdog reads back as `prepare` left it.

        A board that restarted may have lost it. As old as the older of its registers; absent
        where the board has none, or one that is always there and cannot be set.
        """
        return self._watchdog.armed()

    async def prepare(self) -> bool:
        """Switch automatic reclosing off, arm the watchdog, learn the limit's step.

        Returns:
            True when the watchdog is armed and read back, or always there; False when the board
            has none that makes things safe.

        Raises:
            NotObeyed: a setting reads back otherwise; the board must not be used.
            HalError: the board does not answer.
        """
        await self._stop_reclosing()
        for quantity, value in self._map.set_at_start:
            await ensure(self.device, quantity, value)
        self.limit_resolution_a = await self._limit.learn_step()
        return await self._watchdog.arm()

    async def set_limit(self, current_a: float) -> None:
        """Offer `current_a` per phase, rounded down to the board's step; 0 switches the PWM off.

        Some boards take a new current only every few seconds: a current above 0 waits for its
        turn, 0 never does.

        Raises:
            Overtaken: a newer limit came while this one waited.
            HalError: the board does not confirm.
            ValueError: negative or not a number.
        """
        if not 0 <= current_a < math.inf:
            raise ValueError(f"a limit of {current_a} A cannot be offered")
        await self._limit.write(current_a)
        self.limit_resolution_a = self._limit.step_a() or self.limit_resolution_a

    async def beat(self) -> None:
        """Feed the watchdog on purpose; to be called every `heartbeat_s`, also at 0 A.

        Raises:
            HalError: the board does not confirm.
        """
        match self.device.profile.watchdog.fed_by:
            case FedBy.HEARTBEAT:
                await self._watchdog.beat()
            case FedBy.LIMIT_WRITE:
                await self._limit.rewrite()
            case FedBy.NOTHING | FedBy.ANY_REQUEST:
                return

    async def _stop_reclosing(self) -> None:
        quantity = self._map.autoreclose
        if quantity is None:
            return
        mask = sum(1 << bit for bit in self._map.autoreclose_bits)
        config = await fetch_whole(self.device, quantity)
        if config & mask:
            await ensure(self.device, quantity, config & ~mask)

    def _named(self, quantity: str) -> Callable[[Value], tuple[str, ...]]:
        """What the error row says: one code where it has an enum, otherwise bits."""
        profile = self.device.profile
        if profile.rows[quantity].enum is not None:
            return lambda code: _code_name(code, profile.text_of(quantity, code))
        if not self._map.error_bits:
            return lambda bits: profile.bit_texts(quantity, int(bits), self._map.not_errors)
        return lambda bits: self._names(int(bits))

    def _names(self, bits: int) -> tuple[str, ...]:
        names = self._map.error_bits
        return tuple(
            names.get(bit, f"bit{bit}")
            for bit in range(bits.bit_length())
            if bits >> bit & 1 and bit not in self._map.not_errors
        )


class BoardContactor:
    """The contactor behind a board's release register; implements `roles.Contactor`.

    It has no mirror contact, and its dead man is the board's watchdog.
    """

    hold_s: float | None = None
    has_feedback = False

    def __init__(self, device: Device) -> None:
        self.device = device
        self._map = _board_map(device)
        if self._map.release is None:
            raise ProfileError(
                f"{device.profile.id} cannot open its contactor; configure a relay for it"
            )
        self._release = self._map.release
        self.name = device.name

    @property
    def wanted(self) -> Mapping[str, ReadClass]:
        """Nothing beyond what the board role reads."""
        return {}

    def feedback_closed(self) -> Reading[bool]:
        """Absent: none is fitted."""
        return missing()

    async def hold(self) -> None:
        """Release the contactor, the limit left as it is."""
        await self.device.write({self._release: 1}, repeat=False)

    async def open(self) -> None:
        """Release off and limit 0: opens at once, under load.

        In one request where the registers allow it; otherwise the limit is written even when the
        release was not confirmed.

        Raises:
            HalError: one of them is not confirmed.
        """
        if self._neighbours():
            await self.device.write({self._release: 0, self._map.limit: 0})
            return
        try:
            await self.device.write({self._release: 0})
        finally:
            await self.device.write({self._map.limit: 0})

    def _neighbours(self) -> bool:
        rows = self.device.profile.rows
        release, limit = rows[self._release], rows[self._map.limit]
        function = Function.WRITE_REGISTERS
        together = release.write_function is limit.write_function is function
        return together and release.end == limit.addr


def _board_map(device: Device) -> BoardMap:
    if device.profile.board is None:
        raise ProfileError(f"{device.profile.id} has no [board]; use another profile as board")
    return device.profile.board


def _code(value: Value) -> str:
    """A state's code as profiles write it: 1 and 0 for single bits."""
    return str(int(value)) if isinstance(value, bool) else str(value)


def _code_name(code: Value, text: str | None) -> tuple[str, ...]:
    """A single error code by its text; 0 is none."""
    return () if code == 0 else (text or f"code{code}",)


def _some(names: Iterable[tuple[str, ...] | None]) -> Iterable[tuple[str, ...]]:
    return (each for each in names if each is not None)
