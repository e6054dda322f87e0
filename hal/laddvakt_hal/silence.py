"""The silences an RTU line needs: between frames, and after a failure.

After a failure the line stays silent until nothing of the unit that failed can begin any more. A
command to another unit need not wait for that: what the failed unit still says can be no
confirmation of a write with another function, not even under a wrong address. At worst both talk at
once, which the check sum shows. Everything else waits until the silence was kept, and so do
commands to units that do not answer: hammered, they would put it off for ever.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from laddvakt_hal.stream import LEAST_WAIT_S, MAX_CHATTER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from laddvakt_hal.frame import Request
    from laddvakt_hal.repeats import Repeats
    from laddvakt_hal.stream import CharacterStream


@dataclass(frozen=True, slots=True, kw_only=True)
class _Debt:
    """A request that failed, and the silence after it that a command cut short."""

    request: Request
    silence_s: float
    until_s: float


class Silence:
    """What a line still has to wait out; times are the bus's clock, in seconds."""

    def __init__(
        self, stream: CharacterStream, clock: Callable[[], float], repeats: Repeats
    ) -> None:
        self._stream = stream
        self._clock = clock
        self._repeats = repeats
        self._debts: dict[int, _Debt] = {}

    def forget(self) -> None:
        """The line was opened anew, and was silent for longer than anybody promised."""
        self._debts.clear()

    def hold_until_s(self, request: Request, *, urgent: bool) -> float:
        """Until when the request waits for a silence that was cut short; 0 when it need not.

        Raises:
            BusDown: the line is gone.
        """
        if not self._debts:
            return 0.0
        self._discard()
        now_s = self._clock()
        self._debts = {unit: d for unit, d in self._debts.items() if d.until_s > now_s}
        debts = self._debts.values()
        waits_s = (d.until_s for d in debts if not (urgent and may_pass(request, d.request)))
        return max(waits_s, default=0.0)

    def heard(self) -> None:
        """Characters came that nobody was owed: what is silent from now on counts."""
        last_s = self._stream.last_character_s
        for unit, debt in self._debts.items():
            until_s = max(debt.until_s, last_s + debt.silence_s)
            self._debts[unit] = replace(debt, until_s=until_s)

    async def keep(
        self, failed: Request, silence_s: float, urgent: Callable[[], Iterable[Request]]
    ) -> None:
        """Wait until nothing the failed request causes can begin, or an urgent command may pass.

        Raises:
            BusDown: the line is gone, or never falls silent.
        """

        def pressed() -> bool:
            return any(may_pass(command, failed) for command in urgent())

        if not await self._stream.drain(silence_s, pressed):
            until_s = self._stream.last_character_s + silence_s
            debt = _Debt(request=failed, silence_s=silence_s, until_s=until_s)
            self._debts[failed.unit] = debt

    async def between_frames(self) -> None:
        """Wait out the silence between frames; what comes before we ask belongs to nobody.

        Raises:
            BusDown: the line is gone, or never falls silent.
        """
        give_up_s = self._clock() + MAX_CHATTER_S
        while True:
            self._discard()
            now_s = self._clock()
            left_s = self._stream.last_character_s + self._stream.pace.silence_s - now_s
            if left_s <= 0:
                return
            if now_s > give_up_s:
                raise self._stream.never_silent()
            await asyncio.sleep(max(left_s, LEAST_WAIT_S))

    def _discard(self) -> None:
        if unsolicited := self._stream.discard():
            self._repeats.overheard(unsolicited, self._clock())
            self.heard()


def may_pass(command: Request, failed: Request) -> bool:
    """Whether nothing that `failed` still causes can confirm the command."""
    others = command.unit != failed.unit and command.function != failed.function
    return others and not command.is_read
