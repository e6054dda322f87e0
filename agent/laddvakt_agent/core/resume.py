"""Whether a session that was found open at the start goes on, once the first readings prove it.

Until then the contactor stays open. A session goes on when the absence was short, nobody can have
swapped the vehicle meanwhile, its authorisation stands, and the same meter goes on counting where
it was. What is not proved in time is refused: a new session costs a card, a wrong one costs trust.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from laddvakt_agent.core.freshness import fresh, number, pilot
from laddvakt_agent.core.inputs import Inputs, Pilot, Role
from laddvakt_agent.core.life.state import Life
from laddvakt_agent.core.rollover import rolled_over
from laddvakt_agent.core.settings import Settings

PROOF_S = 30.0  # a station that cannot be read for so long has other troubles
SWAP_S = 30.0  # nobody takes one plug out, drives off and plugs in another vehicle in less
WITHIN_MAX_S = 900.0  # longer absences are never bridged

_THERE = frozenset({Pilot.B, Pilot.C, Pilot.D})


class Answer(enum.Enum):
    """What is known of a found session."""

    OPEN = "open"  # a reading is missing
    PROVED = "proved"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer and what it rests on, as a sentence without its full stop."""

    answer: Answer
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What the records say of a session found open. Times: boot seconds of now, may be negative."""

    started_s: float  # the agent's start
    alive_s: float | None  # the agent watched it then for certain; `None`: nobody knows when
    may_learn: bool = False  # … but it will be known once the wall clock is synchronised
    same_boot: bool  # `alive_s` is of this boot: no clock but CLOCK_BOOTTIME is trusted for it
    within_s: float  # the longest absence that is bridged, 0…WITHIN_MAX_S; 0: none is
    withdrawn: str = ""  # why its authorisation does not stand any longer
    lock_keeps: bool = False  # the lock keeps its place without supply
    meter_serial: str | None = None  # of the meter that it was begun with
    last_wh: float | None = None  # the last value written down, as the register showed it


def judge(settings: Settings, life: Life, claim: Claim, inputs: Inputs, now_s: float) -> Verdict:
    """What is known of the claim now. A refusal is final; so is a proof."""
    refused = next(_against(settings, life, claim, inputs, now_s), None)
    if refused is not None:
        return Verdict(answer=Answer.REFUSED, why=refused)
    missing = ", ".join(_missing(settings, claim, inputs, now_s))
    if not missing:
        return Verdict(answer=Answer.PROVED, why=_grounds(claim, now_s))
    if now_s >= claim.started_s + PROOF_S:
        why = f"not proved within {PROOF_S:g} s of the start: {missing}"
        return Verdict(answer=Answer.REFUSED, why=why)
    return Verdict(answer=Answer.OPEN, why=missing)


def deadline_s(claim: Claim) -> float:
    """When the claim is refused although nothing new is read."""
    return claim.started_s + PROOF_S


def _against(
    settings: Settings, life: Life, claim: Claim, inputs: Inputs, now_s: float
) -> Iterator[str]:
    """Every reason against it, as far as is known."""
    if claim.within_s <= 0.0:
        yield "no session is resumed here (agent.resume_within_s = 0)"
    if claim.withdrawn:
        yield claim.withdrawn
    yield from _too_long(settings, claim, now_s)
    if pilot(settings, inputs, now_s) is Pilot.A:
        yield "its vehicle left while the agent was away"
    if _needs_lock(claim, now_s):
        if life.lock_told:
            yield "the lock was moved before it was read"
        if fresh(inputs.locked, settings.sample_max_age_s, now_s) is False:
            yield "the lock does not hold its plug any longer"
    yield from _other_meter(settings, claim, inputs, now_s)


def _too_long(settings: Settings, claim: Claim, now_s: float) -> Iterator[str]:
    if claim.alive_s is None:
        if not claim.may_learn:
            yield "nobody knows how long the agent was away"
        return
    away_s, within_s = now_s - claim.alive_s, min(claim.within_s, WITHIN_MAX_S)
    if away_s < 0.0:
        yield f"the last sign of life lies {-away_s:.0f} s ahead"
    if away_s > within_s:
        yield f"the agent was away for up to {away_s:.0f} s, allowed are {within_s:g} s"
    if _needs_lock(claim, now_s) and not _lock_counts(settings, claim):
        yield (
            f"away for up to {away_s:.0f} s{'' if claim.same_boot else ' over a reboot'}, "
            "and no lock held its plug for certain"
        )


def _other_meter(settings: Settings, claim: Claim, inputs: Inputs, now_s: float) -> Iterator[str]:
    was, said = claim.meter_serial, _serial(settings, inputs)
    if was is not None and said is not None and said != was:
        yield f"another meter: serial number was {was}, is {said}"
    register_wh, last_wh = _register_wh(settings, inputs, now_s), claim.last_wh
    if register_wh is None or last_wh is None or register_wh >= last_wh:
        return
    if not rolled_over(last_wh, register_wh, settings.meter_rollover_wh):
        yield f"the register is behind: was {last_wh:.10g} Wh, is {register_wh:.10g} Wh"


def _missing(settings: Settings, claim: Claim, inputs: Inputs, now_s: float) -> Iterator[str]:
    """What is still to be read; nothing of it speaks against the session yet."""
    if claim.alive_s is None:
        yield "the wall clock is not synchronised"
    if pilot(settings, inputs, now_s) not in _THERE:
        yield "no vehicle is read on the pilot"
    locked = fresh(inputs.locked, settings.sample_max_age_s, now_s)
    if _needs_lock(claim, now_s) and locked is not True:
        yield "the lock has not been read"
    if _register_wh(settings, inputs, now_s) is None:
        yield "the meter has not been read"
    if claim.meter_serial is not None and _serial(settings, inputs) is None:
        yield "the meter's serial number has not been read"


def _grounds(claim: Claim, now_s: float) -> str:
    away_s = now_s - (claim.alive_s or 0.0)
    held = "its lock held the plug" if _needs_lock(claim, now_s) else "its vehicle is still there"
    return f"the agent was away for up to {away_s:.0f} s, {held}, the meter counts on"


def _needs_lock(claim: Claim, now_s: float) -> bool:
    """Whether there was the time to swap vehicles, or nobody can say that there was not."""
    if claim.alive_s is None:
        return False
    return not claim.same_boot or now_s - claim.alive_s > SWAP_S


def _lock_counts(settings: Settings, claim: Claim) -> bool:
    return settings.socket and claim.lock_keeps and "locked" in settings.fitted


def _register_wh(settings: Settings, inputs: Inputs, now_s: float) -> float | None:
    return number(fresh(inputs.energy_wh, settings.meter_max_age_s, now_s))


def _serial(settings: Settings, inputs: Inputs) -> str | None:
    serials = (d.serial for d in inputs.devices if (d.role, d.name) == _meter(settings))
    return next(serials, None)


def _meter(settings: Settings) -> tuple[Role, str]:
    return Role.METER, settings.meter_name
