"""Three ways to come back from a fault. All see the same, confirm as long and act alike.

They differ only in how they leave a fault, and in how long they keep a session. What each of them
knows is the finding of one fault, whether a vehicle is there, whether a session runs, and what
people say.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

from bench.healing.trace import data
from laddvakt_agent.core.faults.catalogue import CATALOGUE
from laddvakt_agent.core.faults.rules import Act, FaultRule, Recovery
from laddvakt_agent.core.inputs import Reset
from laddvakt_agent.core.recover import recovery
from laddvakt_agent.core.recover.tracks import Finding, Phase, Surroundings, Track, join
from laddvakt_agent.core.settings import Settings

RETRY_S: float = data()["policies"]["retry_s"]
RETRIES: int = data()["policies"]["retries"]
_SETTINGS = Settings(connector="1", max_current_a=16.0)
_PRESENT, _AWAY = Finding(present=True), Finding(present=False)
_PERSONS = (Recovery.MANUAL, Recovery.LOCAL, Recovery.SERVICE)


class Policy(Protocol):
    """The memory of every fault of one charger."""

    name: str

    def see(self, code: str, present: bool, around: Surroundings, now_s: float) -> None:
        """Take in one finding."""
        ...

    def act(self, now_s: float) -> Act:
        """The strongest act that any fault demands."""
        ...

    def needs(self) -> Recovery | None:
        """The person that is called, `None` while nobody is."""
        ...

    def deadlines_s(self) -> Iterator[float]:
        """When it may move by time alone."""
        ...

    def hold_s(self) -> float | None:
        """How long a session that is held back is kept; `None`: while the vehicle stays."""
        ...

    def shown(self, *, vehicle: bool) -> bool:
        """Whether it shows as out of order; in use by a vehicle that must leave is in use."""
        ...

    def known(self) -> Iterable[str]:
        """The faults it remembers anything of."""
        ...


@dataclass(slots=True)
class Laddvakt:
    """The catalogue's rows, and the agent's own tracks."""

    name: str = "laddvakt"
    tracks: dict[str, Track] = field(default_factory=dict)

    def see(self, code: str, present: bool, around: Surroundings, now_s: float) -> None:
        track = self.tracks.get(code)
        if track is None:
            if not present:
                return
            track = Track(rule=CATALOGUE[code], subject="1")
        if track.rule.tests:
            passed = () if present else tuple((test, now_s) for test in track.rule.tests)
            around = replace(around, tests=track.rule.tests, passed_s=passed)
        track = recovery.advance(track, _PRESENT if present else _AWAY, around, now_s)
        if track.forgettable:
            self.tracks.pop(code, None)
        else:
            self.tracks[code] = track

    def act(self, now_s: float) -> Act:
        del now_s
        act = Act.NONE
        for track in self.tracks.values():
            if track.act > act and track.standing:
                act = track.act
        return act

    def hold_s(self) -> float | None:
        return join(_SETTINGS, self.tracks.values()).hold_s

    def needs(self) -> Recovery | None:
        ranks = {way: rank for rank, way in enumerate(_PERSONS)}
        called = [t.needs for t in self.tracks.values() if t.standing and t.needs in ranks]
        return max(called, key=lambda way: ranks[way], default=None)

    def deadlines_s(self) -> Iterator[float]:
        for track in self.tracks.values():
            yield from recovery.deadlines_s(track)

    def shown(self, *, vehicle: bool) -> bool:
        return any(
            t.standing and t.act >= Act.FINISH and not (vehicle and t.needs is Recovery.UNPLUG)
            for t in self.tracks.values()
        )

    def known(self) -> Iterable[str]:
        return self.tracks


@dataclass(slots=True)
class _Seen:
    """One fault under one of the two simple policies."""

    rule: FaultRule
    phase: Phase = Phase.CLEAR
    since_s: float = 0.0  # pending or clearing since
    raised_s: float = 0.0
    retry_s: float = math.inf
    retries: int = 0
    waits_for_unplug: bool = False

    @property
    def standing(self) -> bool:
        return self.phase in (Phase.ACTIVE, Phase.CLEARING)

    def raised(self, now_s: float) -> None:
        self.phase, self.since_s, self.raised_s = Phase.ACTIVE, now_s, now_s
        self.retry_s = now_s + RETRY_S


@dataclass(slots=True)
class ClearWhenClear:
    """A fault is over when its cause has been away for its clear time; no budget."""

    name: str = "clear when the cause clears"
    seen: dict[str, _Seen] = field(default_factory=dict)

    def see(self, code: str, present: bool, around: Surroundings, now_s: float) -> None:
        if not present and code not in self.seen:
            return
        seen = self.seen.setdefault(code, _Seen(CATALOGUE[code]))
        _pend(seen, present, now_s)
        if seen.standing:
            if present:
                seen.phase = Phase.ACTIVE
            elif seen.phase is Phase.ACTIVE:
                seen.phase, seen.since_s = Phase.CLEARING, now_s
            if seen.phase is Phase.CLEARING and now_s >= seen.since_s + seen.rule.clear_s:
                seen.phase = Phase.CLEAR
        if seen.phase is Phase.CLEAR:
            del self.seen[code]

    def act(self, now_s: float) -> Act:
        return _act(self.seen, now_s)

    def hold_s(self) -> float | None:
        return None

    def needs(self) -> Recovery | None:
        return None

    def deadlines_s(self) -> Iterator[float]:
        for seen in self.seen.values():
            if seen.phase is Phase.PENDING:
                yield seen.since_s + seen.rule.confirm_s
            elif seen.phase is Phase.CLEARING:
                yield seen.since_s + seen.rule.clear_s
            yield from _stages_s(seen)

    def shown(self, *, vehicle: bool) -> bool:
        return any(
            seen.standing and not (vehicle and seen.waits_for_unplug) for seen in self.seen.values()
        )

    def known(self) -> Iterable[str]:
        return self.seen


@dataclass(slots=True)
class SixTimesFive:
    """Six retries, five minutes apart, whatever it was; then it waits for the unplugging."""

    name: str = "6 retries × 5 min, then until unplug"
    seen: dict[str, _Seen] = field(default_factory=dict)

    def see(self, code: str, present: bool, around: Surroundings, now_s: float) -> None:
        if not present and code not in self.seen:
            return
        seen = self.seen.setdefault(code, _Seen(CATALOGUE[code]))
        _pend(seen, present, now_s)
        if seen.standing and not present:
            self._leave(seen, around, now_s)
        elif seen.standing and now_s >= seen.retry_s:
            seen.retry_s = now_s + RETRY_S  # still there: look again in five minutes
        if seen.phase is Phase.CLEAR and around.vehicle_gone:
            del self.seen[code]

    def _leave(self, seen: _Seen, around: Surroundings, now_s: float) -> None:
        if around.vehicle_gone:
            seen.phase, seen.retries, seen.waits_for_unplug = Phase.CLEAR, 0, False
        elif seen.retries >= RETRIES:
            seen.waits_for_unplug = True
        elif now_s >= seen.retry_s:
            seen.phase, seen.retries = Phase.CLEAR, seen.retries + 1

    def act(self, now_s: float) -> Act:
        return _act(self.seen, now_s)

    def hold_s(self) -> float | None:
        return None

    def needs(self) -> Recovery | None:
        return None

    def deadlines_s(self) -> Iterator[float]:
        for seen in self.seen.values():
            if seen.phase is Phase.PENDING:
                yield seen.since_s + seen.rule.confirm_s
            elif seen.standing and not seen.waits_for_unplug:
                yield seen.retry_s
            yield from _stages_s(seen)

    def shown(self, *, vehicle: bool) -> bool:
        return any(
            seen.standing and not (vehicle and seen.waits_for_unplug) for seen in self.seen.values()
        )

    def known(self) -> Iterable[str]:
        return self.seen


POLICIES = (Laddvakt, ClearWhenClear, SixTimesFive)


def resets(way: Recovery) -> frozenset[Reset]:
    """What the person who was called says."""
    said = {
        Recovery.MANUAL: Reset.MANUAL,
        Recovery.LOCAL: Reset.LOCAL,
        Recovery.SERVICE: Reset.SERVICE,
    }
    return frozenset({said[way]})


def _pend(seen: _Seen, present: bool, now_s: float) -> None:
    if seen.phase is Phase.CLEAR and present:
        seen.phase, seen.since_s = Phase.PENDING, now_s
    if seen.phase is Phase.PENDING:
        if not present:
            seen.phase = Phase.CLEAR
        elif now_s >= seen.since_s + seen.rule.confirm_s:
            seen.raised(now_s)


def _act(seen: dict[str, _Seen], now_s: float) -> Act:
    act = Act.NONE
    for one in seen.values():
        if one.standing:
            act = max(act, one.rule.act_at(one.raised_s, now_s))
    return act


def _stages_s(seen: _Seen) -> Iterator[float]:
    if seen.standing:
        yield from (seen.raised_s + after_s for after_s, _ in seen.rule.stages)
