"""The board role from profile data, and the contactor inside a board that has one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from laddvakt_hal.combine import derive, number, together, whole
from laddvakt_hal.errors import NotObeyed, ProfileError
from laddvakt_hal.plan import ReadClass
from laddvakt_hal.reading import Reading, missing
from laddvakt_hal.roles import PilotState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from laddvakt_hal.device import Device
    from laddvakt_hal.profile_model import BoardMap


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
        self.name = device.name
        self.apply_s = self._map.apply_s
        self.limit_resolution_a = self._map.resolution_a  # `prepare` may find a finer one
        self.needs_dead_man = not device.profile.watchdog.guards

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
        wanted[self._map.errors] = ReadClass.STATUS
        safety = (self._map.pilot, self._map.pwm, self._map.limit, *self._guard())
        return wanted | dict.fromkeys(safety, ReadClass.SAFETY)

    def pilot(self) -> Reading[PilotState]:
        """Vehicle state; a code the profile does not name is INVALID."""
        states = self._map.pilot_states
        reading = self.device.reading(self._map.pilot)
        return derive(reading, lambda code: PilotState(states.get(str(code), "invalid")))

    def pwm_on(self) -> Reading[bool]:
        """True while the pilot offers a current."""
        return derive(
            self.device.reading(self._map.pwm), lambda code: str(code) in self._map.pwm_on
        )

    def limit_a(self) -> Reading[float]:
        """The limit in force; absent until the register's step is known."""
        step = self._step_a()
        if step is None:
            return missing()
        return derive(
            number(self.device.reading(self._map.limit)), lambda raw: round(raw * step, 3)
        )

    def relay_closed(self) -> Reading[bool]:
        """The board's own relay, absent where the board does not tell."""
        if self._map.relay_bit is None:
            return missing()
        quantity, bit = self._map.relay_bit
        return derive(whole(self.device.reading(quantity)), lambda bits: bool(bits >> bit & 1))

    def errors(self) -> Reading[Sequence[str]]:
        """Active error names; a bit the profile does not name is `bit<N>`."""
        return derive(whole(self.device.reading(self._map.errors)), self._names)

    def watchdog_armed(self) -> Reading[bool]:
        """True while the board's watchdog reads back as `prepare` left it.

        A board that restarted may have lost it. As old as the older of its registers; absent
        where the board has no watchdog.
        """
        guard = self._guard()
        if not guard:
            return missing()
        found = together([whole(self.device.reading(quantity)) for quantity in guard])
        if found.value is not None and None in found.value:
            return missing()
        return derive(found, lambda values: values == tuple(guard.values()))

    async def prepare(self) -> bool:
        """Switch automatic reclosing off, arm the watchdog, learn the limit's step.

        Returns:
            True when the watchdog is armed and read back; False when the board has none.

        Raises:
            NotObeyed: a setting reads back otherwise; the board must not be used.
            HalError: the board does not answer.
        """
        await self._stop_reclosing()
        for quantity, value in self._map.set_at_start:
            await self._ensure(quantity, value)
        await self._learn_step()
        guard = self._guard()
        for quantity, value in guard.items():
            await self._ensure(quantity, value)
        return bool(guard)

    async def set_limit(self, current_a: float) -> None:
        """Offer `current_a` per phase, rounded down to the board's step; 0 switches the PWM off.

        Raises:
            HalError: the board does not confirm.
            ValueError: negative or not a number.
        """
        if not current_a >= 0:
            raise ValueError(f"a limit of {current_a} A cannot be offered")
        step = self._step_a()
        if step is None:
            step = await self._learn_step()
        raw = math.floor(current_a / step + 1e-6)
        # At 0 A the release stays as it is: a board told to open must not be released again.
        # For the same reason a write with the release in it is never repeated down here: an
        # `open` may have gone out since.
        before = self._map.limit_with if raw > 0 else ()
        await self.device.write({**dict(before), self._map.limit: raw}, repeat=not before)

    def _guard(self) -> Mapping[str, float]:
        """What the watchdog's registers must hold, its fallback first; empty without one."""
        watchdog = self.device.profile.watchdog
        if not watchdog.guards or watchdog.timeout_quantity is None:
            return {}
        guard: dict[str, float] = {}
        if watchdog.fallback_quantity is not None and watchdog.fallback_value is not None:
            guard[watchdog.fallback_quantity] = watchdog.fallback_value
        return guard | {watchdog.timeout_quantity: watchdog.timeout_value or 0}

    async def _stop_reclosing(self) -> None:
        quantity = self._map.autoreclose
        if quantity is None:
            return
        mask = sum(1 << bit for bit in self._map.autoreclose_bits)
        config = await self._fetch_whole(quantity)
        if config & mask:
            await self._ensure(quantity, config & ~mask)

    async def _ensure(self, quantity: str, value: float) -> None:
        """Write unless it is so already: such registers are often EEPROM."""
        if await self._fetch_whole(quantity) == value:
            return
        await self.device.write({quantity: value})
        found = await self._fetch_whole(quantity)
        if found != value:
            raise NotObeyed(
                f"{self.name}: {quantity} was set to {value:g} and reads {found}; "
                "allow writing on the board, or do not use it"
            )

    async def _fetch_whole(self, quantity: str) -> int:
        value = await self.device.fetch(quantity)
        if not isinstance(value, int):
            raise NotObeyed(f"{self.name}: {quantity} reads {value!r}; is this the right board?")
        return value

    async def _learn_step(self) -> float:
        fine = self._map.fine_limit
        if fine is not None:
            await self._fetch_whole(fine.firmware)
            await self._fetch_whole(fine.config)
        step = self._step_a()
        self.limit_resolution_a = step or self._map.resolution_a
        return self.limit_resolution_a

    def _step_a(self) -> float | None:
        """Amperes per count of the limit register, `None` while unknown."""
        fine = self._map.fine_limit
        if fine is None:
            return self._map.resolution_a
        config, firmware = (
            whole(self.device.reading(name)).value for name in (fine.config, fine.firmware)
        )
        if config is None or firmware is None:
            return None
        is_fine = firmware >= fine.min_firmware and config >> fine.bit & 1
        return fine.scale if is_fine else self._map.resolution_a

    def _names(self, bits: int) -> Sequence[str]:
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
        """Release off and limit 0 in one request: opens at once, under load."""
        await self.device.write({self._release: 0, self._map.limit: 0})


def _board_map(device: Device) -> BoardMap:
    if device.profile.board is None:
        raise ProfileError(f"{device.profile.id} has no [board]; use another profile as board")
    return device.profile.board
