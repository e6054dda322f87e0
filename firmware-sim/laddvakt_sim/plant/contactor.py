"""Main contactor and the board's pilot relay: things that move a little later than told."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from laddvakt_sim.plant.words import HEALTHY, Conditions

if TYPE_CHECKING:
    from collections.abc import Callable

TRAVEL_S = 0.020  # both ways; a typical 4-pole 40 A contactor
RELAY_TRAVEL_S = 0.050  # pilot relay incl. the board's own filtering: within the norm's 100 ms
# IEC 60947-4-1 wants it to close from 0.85 on and to fall between 0.75 and 0.2 of the coil's
# voltage; typical ones close at 0.75 and fall at 0.45 (assumption).
PICK_UP_SHARE = 0.75
DROP_OUT_SHARE = 0.45
RATED_A = 40.0
MECHANICAL_LIFE = 1_000_000  # movements (assumption: order of magnitude of data sheets)
ELECTRICAL_LIFE = 150_000  # openings at the rated current, AC-1 (assumption)
LOAD_A = 1.0  # an opening above is one under load

POLES = frozenset((1, 2, 3, 4))  # L1, L2, L3, N
_NONE: frozenset[int] = frozenset()


class Contactor:
    """Main contacts with travel time; the mirror contact follows them, never the coil."""

    def __init__(self) -> None:
        self.opened_at_s: float | None = None
        self.closed_at_s: float | None = None
        self.closures = 0
        self.openings = 0
        self.openings_under_load = 0
        self.bounces = 0
        self.close_time_s: float | None = None  # coil to contacts, the last time
        self.open_time_s: float | None = None
        self._wear = 0.0
        self._poles = _NONE
        self._stuck = _NONE
        self._target = _NONE
        self._told_s = 0.0
        self._amps = 0.0
        self._made = False  # closed and not counted as opened since
        self._move_s: float | None = None
        self._bounces: list[float] = []
        self._pulled = False
        self._energised = False
        self._wrong = HEALTHY
        self._load: Callable[[], float] = lambda: 0.0

    def attach(self, load_a: Callable[[], float]) -> None:
        """Say how to ask for the current through the contacts."""
        self._load = load_a

    @property
    def closed(self) -> bool:
        """True when all main contacts are closed."""
        return self._poles == POLES

    @property
    def poles(self) -> tuple[bool, bool, bool, bool]:
        """Which main contacts are closed: L1, L2, L3, N."""
        return _flags(self._poles)

    @property
    def mirror_closed(self) -> bool:
        """What the mirror contact proves about the main contacts: one alone holds it."""
        if self._wrong.mirror_stuck is not None:
            return self._wrong.mirror_stuck
        return bool(self._poles) or bool(self._bounces)

    @property
    def operations(self) -> int:
        """Movements of the contacts."""
        return self.closures + self.openings

    @property
    def wear(self) -> float:
        """Share of its rated life that is gone."""
        return self._wear + self._wrong.worn_share

    def pulls(self, coil_share: float) -> bool:
        """Whether the armature is pulled at this share of the coil's voltage."""
        return coil_share >= (DROP_OUT_SHARE if self._pulled else PICK_UP_SHARE)

    def would_change(self, coil_share: float) -> bool:
        """Whether the armature moves at this share of the coil's voltage."""
        return self._energised and self.pulls(coil_share) != self._pulled

    def drive(
        self,
        now_s: float,
        *,
        energised: bool,
        conditions: Conditions = HEALTHY,
        coil_share: float = 1.0,
    ) -> None:
        """Tell the coil's state from `now_s` on; `coil_share` is what it has of its voltage."""
        self._wrong = conditions
        dead = conditions.coil_broken or conditions.drops_out
        self._energised = energised and not dead
        self._pulled = self._energised and self.pulls(coil_share)
        self._weld(conditions)
        target = POLES if self._pulled else self._stuck
        if target != self._target:
            self._target, self._told_s, self._move_s = target, now_s, None
        if target == self._poles and not self._bounces:
            self._move_s = None
        elif self._move_s is None and not (self._bounces and target):
            travel_s = TRAVEL_S if conditions.travel_s is None else conditions.travel_s
            self._move_s = now_s + travel_s

    def due_s(self) -> float | None:
        """When the contacts arrive."""
        times = [t for t in (self._move_s, *self._bounces[:1]) if t is not None]
        return min(times, default=None)

    def fire(self, now_s: float) -> None:
        """Let the contacts arrive."""
        if self._bounces and now_s >= self._bounces[0]:
            self._bounce()
        if self._move_s is None or now_s < self._move_s:
            return
        self._move_s = None
        self._bounces = []
        self._poles = self._arriving()
        if self._poles == POLES:
            self._count_closing(now_s)
        elif self._made:  # a welded pole that lets go later moves no armature
            self._count_opening(now_s)

    def _arriving(self) -> frozenset[int]:
        if not self._target >= self._poles:
            self._amps = self._load()  # before they part
        return self._target

    def _weld(self, conditions: Conditions) -> None:
        if conditions.weld_shut:
            self._stuck = conditions.welded_poles
        elif conditions.welded:
            self._stuck = self._poles & conditions.welded_poles
        else:
            self._stuck = _NONE

    def _count_closing(self, now_s: float) -> None:
        self._made, self.closed_at_s = True, now_s
        self.close_time_s = now_s - self._told_s
        self.closures += 1
        self._wear += 1.0 / MECHANICAL_LIFE
        gap_s = self._wrong.bounce_s
        self._bounces = [now_s + gap_s * (n + 1) for n in range(2 * self._wrong.bounces)]

    def _count_opening(self, now_s: float) -> None:
        self._made, self.opened_at_s = False, now_s
        self.open_time_s = now_s - self._told_s
        self.openings += 1
        self._wear += 1.0 / MECHANICAL_LIFE
        if self._amps > LOAD_A:
            self.openings_under_load += 1
            self._wear += (self._amps / RATED_A) ** 2 / ELECTRICAL_LIFE

    def _bounce(self) -> None:
        self._bounces.pop(0)
        if self._poles == POLES:
            self.bounces += 1
            self._wear += 1.0 / MECHANICAL_LIFE
            self._poles = self._stuck
        else:
            self._poles = POLES


@functools.cache
def _flags(poles: frozenset[int]) -> tuple[bool, bool, bool, bool]:
    return 1 in poles, 2 in poles, 3 in poles, 4 in poles


class PilotRelay:
    """The pilot board's own relay, in series with the coil: opens by itself after C→B."""

    def __init__(self) -> None:
        self.closed = False
        self._move_s: float | None = None

    def want(self, now_s: float, *, closed: bool) -> None:
        """Tell what the board's logic wants from `now_s` on."""
        if closed == self.closed:
            self._move_s = None
        elif self._move_s is None:
            self._move_s = now_s + RELAY_TRAVEL_S

    def due_s(self) -> float | None:
        """When it moves."""
        return self._move_s

    def fire(self, now_s: float) -> None:
        """Let it move."""
        if self._move_s is not None and now_s >= self._move_s:
            self._move_s = None
            self.closed = not self.closed
