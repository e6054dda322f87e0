"""A charger with everything fitted: lock, poles, proximity, brown-out; it obeys, or not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from agent.core.core_world import ONE, World
from laddvakt_agent.core import machine
from laddvakt_agent.core.inputs import Inputs, Pilot, Proximity, Sample
from laddvakt_agent.core.life.phases import Poles
from laddvakt_agent.core.life.state import Life
from laddvakt_agent.core.model import (
    ContactorCommanded,
    Effect,
    LimitCommanded,
    LockCommanded,
    Outputs,
    PhasesCommanded,
    StateFCommanded,
)
from laddvakt_agent.core.settings import Settings

LOCK_S = 0.4  # the bolt's way
FITTED: Settings = replace(
    ONE,
    socket=True,
    has_phase_switch=True,
    fitted=frozenset({"locked", "phases_closed", "proximity", "brown_out"}),
)


@dataclass
class Fitted(World):
    """A world whose lock and poles follow their commands after a while."""

    settings: Settings = FITTED
    bolt: bool = False
    bolt_obeys: bool = True
    poles: int = 3
    poles_obey: bool = True
    cable: Proximity = Proximity.CABLE_32_A
    brown_out: bool = False
    reserved: bool = False
    unlock: bool = False
    phases_wanted: int | None = None
    profile_limit_a: float | None = None
    moves: list[tuple[float, str]] = field(default_factory=list)
    _bolt_due: tuple[float, bool] | None = None

    def read(self) -> Inputs:
        """As in any world, and what the fitted hardware says."""
        if self._bolt_due is not None and self.now_s >= self._bolt_due[0]:
            self.bolt, self._bolt_due = self._bolt_due[1], None
        plugged = self.pilot is not Pilot.A
        said = {
            "locked": self.bolt,
            "phases_closed": self.poles,
            "proximity": self.cable if plugged else Proximity.ABSENT,
            "brown_out": self.brown_out,
        }
        samples = {
            name: Sample(value=value, taken_s=self.now_s)
            for name, value in said.items()
            if name not in self.silent
        }
        wishes = {
            "reserved": self.reserved,
            "unlock": self.unlock,
            "phases_wanted": self.phases_wanted,
            "profile_limit_a": self.profile_limit_a,
        }
        self.override = {**self.override, **samples, **wishes}
        return super().read()

    def advance(self, after_s: float) -> tuple[Effect, ...]:
        """One step, then the hardware takes its commands."""
        effects = super().advance(after_s)
        for effect in effects:
            match effect:
                case LockCommanded(locked=locked) if self.bolt_obeys:
                    self._bolt_due = (self.now_s + LOCK_S, locked)
                case PhasesCommanded(phases=phases) if self.poles_obey:
                    self.poles = phases
                case _:
                    pass
        return effects

    @property
    def life(self) -> Life:
        return self.connector.life

    def start(self) -> Fitted:
        """Everything read, poles set, nothing plugged."""
        self.run(14.0, 1.0)
        assert self.life.poles is Poles.STANDING
        return self

    def charged(self) -> Fitted:
        """Started, plugged in, charging."""
        self.start()
        self.charge()
        return self


def told(before: Outputs, effects: tuple[Effect, ...]) -> Outputs:
    """What the hardware has been told once these effects are carried out in turn."""
    for effect in effects:
        match effect:
            case ContactorCommanded(closed=closed):
                before = replace(before, closed=closed)
            case LimitCommanded(limit_a=limit_a):
                before = replace(before, limit_a=limit_a)
            case LockCommanded(locked=locked):
                before = replace(before, locked=locked)
            case PhasesCommanded(phases=phases):
                before = replace(before, phases=phases)
            case StateFCommanded(on=on):
                before = replace(before, state_f=on)
            case _:
                pass
    return before


def broken(world: Fitted, before: Life, effects: tuple[Effect, ...]) -> Iterator[str]:
    """The properties of the gear that the last step breaks."""
    after, outputs = world.life, machine.outputs(world.connector)
    if outputs.closed:
        yield from _broken_closed(before, after, outputs)
    for effect in effects:
        match effect:
            case LockCommanded(locked=False) if world.closed or world.mirror is True:
                yield "the lock never lets go while live"
            case PhasesCommanded() if before.closed or after.closed or after.limit_a > 0.0:
                yield "poles never move closed or offered"
            case StateFCommanded(on=True) if outputs.closed or outputs.limit_a > 0.0:
                yield "F never while closed or offered"
            case _:
                pass
    if any(outputs.limit_a > constraint.limit_a for constraint in after.limits):
        yield "never above any constraint"
    if 0.0 < outputs.limit_a < 6.0:
        yield "no offer below 6 A"


def _broken_closed(before: Life, after: Life, outputs: Outputs) -> Iterator[str]:
    if not outputs.locked:
        yield "closed only with the plug held"
    if outputs.state_f:
        yield "F never while closed"
    if after.poles in (Poles.UNKNOWN, Poles.SETTLING):
        yield "closed only with settled poles"
    if not before.closed and after.poles is not Poles.STANDING:
        yield "closes only with poles that stand as wanted"
