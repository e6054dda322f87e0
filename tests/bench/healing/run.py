"""Lives a year under a policy: steps only where something changes or is due."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.healing.policies import Policy, resets
from bench.healing.score import Score
from bench.healing.trace import YEAR_S, Trouble, Visit, Year, data
from laddvakt_agent.core.faults.catalogue import CATALOGUE
from laddvakt_agent.core.faults.rules import Act, Recovery, Severity
from laddvakt_agent.core.inputs import Reset
from laddvakt_agent.core.recover.tracks import Surroundings

SPREAD: float = data()["policies"]["spread"]
_SETTLES = 12
_HAZARDS = frozenset(code for code, row in CATALOGUE.items() if row.severity is Severity.SAFETY)


@dataclass(slots=True)
class Life:
    """One charger's year under one policy."""

    year: Year
    policy: Policy
    score: Score = field(default_factory=lambda: Score(years=1))
    now_s: float = 0.0
    closed: bool = False
    since_s: float = 0.0  # commanded since
    ready_s: float = 0.0  # no closing sooner
    visit: Visit | None = None
    session: bool = False
    ended: bool = False  # the session of this visit was ended by a fault
    held_s: float | None = None  # it is held back since
    act: Act = Act.NONE
    charged_s: float = 0.0
    sound: bool = True  # the vehicle itself had nothing
    people: list[tuple[float, Recovery | None]] = field(default_factory=list)
    called: set[Recovery] = field(default_factory=set)
    shown_s: float | None = None  # it has shown a fault since
    lost: deque[float] = field(default_factory=deque)
    repaired: set[int] = field(default_factory=set)
    showing: dict[int, float] = field(default_factory=dict)  # hazards, and since when they show
    hazard_met: set[int] = field(default_factory=set)  # those that have shown long enough to act
    said: frozenset[Reset] = frozenset()
    there: list[int] = field(default_factory=list)  # troubles of now, whether they show or not
    begun: int = 0  # how many have begun

    def run(self) -> Score:
        """The whole year."""
        visits = deque(self.year.visits)
        while self.now_s < YEAR_S:
            self._move(visits)
            self._settle()
            self._call()
            self.score.steps += 1
            until_s = min(self._next_s(visits), YEAR_S)
            self._pass(until_s)
        return self.score

    def _pass(self, until_s: float) -> None:
        """Nothing changes until then."""
        lasted_s = until_s - self.now_s
        if self.closed:
            self.charged_s += lasted_s
            self.score.closed_s += lasted_s
        if not self._taken():
            self.score.judged_s += lasted_s
            serves = self.act < (Act.RAMP if self.session else Act.FINISH)
            if serves and not any(t.owner == "station" and self._hurts(t) for t in self._there()):
                self.score.safe_s += lasted_s
        self.now_s = until_s

    def _taken(self) -> bool:
        """A vehicle that is broken itself stands there: nobody else could charge anyway."""
        return self.visit is not None and any(t.owner == "vehicle" for t in self._there())

    def _there(self) -> Iterator[Trouble]:
        return (self.year.troubles[number] for number in self.there)

    def _come_and_go(self) -> None:
        """Troubles begin and end."""
        troubles = self.year.troubles
        while self.begun < len(troubles) and troubles[self.begun].start_s <= self.now_s:
            self.there.append(self.begun)
            self.begun += 1
        if self.there:
            self.there = [
                n for n in self.there if n not in self.repaired and self.now_s < troubles[n].end_s
            ]

    def _hurts(self, trouble: Trouble) -> bool:
        """A sound vehicle could not charge safely: what comes and goes hurts as long as it may."""
        return math.isinf(trouble.end_s) or trouble.on(self.now_s)

    def _shows(self, trouble: Trouble) -> bool:
        wanted = {"always": True, "closed": self.closed, "open": not self.closed}[trouble.visible]
        return wanted and trouble.on(self.now_s)

    def _move(self, visits: deque[Visit]) -> None:
        """Troubles and vehicles come and go, people arrive."""
        self._come_and_go()
        if self.visit is not None and self.now_s >= self.visit.unplug_s:
            self._leave(self.visit)
        if self.visit is None and visits and self.now_s >= visits[0].plug_s:
            self.visit, self.charged_s, self.sound = visits.popleft(), 0.0, True
            self.ended = False
        if not self.people:
            return
        for at_s, way in [person for person in self.people if person[0] <= self.now_s]:
            self.people.remove((at_s, way))
            self._arrive(way)

    def _leave(self, visit: Visit) -> None:
        if self.closed:
            self._open(loaded=self.now_s < visit.asks_until_s)
        self.session, self.visit, self.held_s = False, None, None
        wanted_s = visit.asks_until_s - visit.plug_s
        self.score.sessions += self.sound
        if self.sound and self.charged_s < self.year.yardstick.lost_below * wanted_s:
            self.score.sessions_lost += 1
            self.lost.append(self.now_s)
            days_s = self.year.service.complaint_days * 86400.0
            while self.lost and self.lost[0] < self.now_s - days_s:
                self.lost.popleft()
            if len(self.lost) >= self.year.service.complaints:
                self.lost.clear()
                self._order_truck()

    def _arrive(self, way: Recovery | None) -> None:
        """A person; with a truck (`SERVICE`, or none named) everything broken is mended."""
        if way in (None, Recovery.SERVICE):
            self.score.truck_rolls += 1
            broken = [n for n in self.there if math.isinf(self.year.troubles[n].end_s)]
            self.repaired.update(broken)
            self._come_and_go()
            self.called.clear()
            self.hazard_met.clear()
            self.said = resets(Recovery.SERVICE)
            return
        self.score.site_visits += way is Recovery.LOCAL
        self.called.discard(way)
        self.said = resets(way)

    def _settle(self) -> None:
        """Findings, policy and contactor until nothing moves."""
        for _ in range(_SETTLES):
            before = (self.closed, self.session, self.act)
            self._tell(self.said)
            self.said = frozenset()
            self.act = self.policy.act(self.now_s)
            self._hold()
            self._switch()
            if (self.closed, self.session, self.act) == before:
                return
        raise RuntimeError(f"{self.policy.name} does not settle at {self.now_s} s")

    def _tell(self, said: frozenset[Reset]) -> None:
        known = self.policy.known()
        if not (self.there or known or self.showing):
            return
        shows = {n: self._shows(self.year.troubles[n]) for n in self.there}
        self._meet(shows)
        shown = {self.year.troubles[n].code for n, here in shows.items() if here}
        if self._taken():
            self.sound = False
        around = Surroundings(
            vehicle_gone=self.visit is None,
            session=self.session,
            closed_since_s=self.since_s if self.closed else None,
            resets=said,
            spread=SPREAD,
        )
        for code in sorted(shown.union(known)):
            self.policy.see(code, code in shown, around, self.now_s)

    def _meet(self, shows: dict[int, bool]) -> None:
        """A hazard counts once it has shown for its confirm time, whatever is made of it."""
        for number in {*shows, *self.showing}:
            trouble = self.year.troubles[number]
            if trouble.code not in _HAZARDS or number in self.repaired:
                self.showing.pop(number, None)
                continue
            since_s = self.showing.get(number, self.now_s)
            if shows.get(number):
                self.showing[number] = since_s
            elif number in self.showing:
                del self.showing[number]
            else:
                continue
            if self.now_s >= since_s + CATALOGUE[trouble.code].confirm_s:
                self.hazard_met.add(number)

    def _hold(self) -> None:
        """A session that is held back for longer than the policy keeps it ends."""
        if not self.session or self.act < Act.RAMP:
            self.held_s = None
            return
        self.held_s = self.now_s if self.held_s is None else self.held_s
        hold_s = self.policy.hold_s()
        if hold_s is not None and self.now_s >= self.held_s + hold_s:
            self.session, self.ended, self.held_s = False, True, None

    def _switch(self) -> None:
        act, visit = self.act, self.visit
        asks = visit is not None and self.now_s < visit.asks_until_s
        free = visit is not None and not (self.session or self.ended)
        if free and asks and act < Act.FINISH:
            self.session = True
        if self.closed and (act >= Act.RAMP or not asks or not self.session):
            forced = act is Act.TRIP or (visit is not None and visit.disobeys)
            self._open(loaded=asks and forced)
        wants = self.session and asks and act < Act.RAMP
        if wants and not self.closed and self.now_s >= self.ready_s:
            self._close()

    def _open(self, *, loaded: bool) -> None:
        self.closed, self.since_s = False, self.now_s
        self.ready_s = self.now_s + self.year.yardstick.restart_s
        self.score.load_openings += loaded

    def _close(self) -> None:
        """Close; unsafe where a hazard that has shown before is there, or not proved mended."""
        self.closed, self.since_s = True, self.now_s
        self.score.operations += 1
        met = (self.year.troubles[n] for n in self.there if n in self.hazard_met)
        self.score.unsafe_reclosures += any(self._unsafe(trouble) for trouble in met)

    def _unsafe(self, trouble: Trouble) -> bool:
        """A weld that has let go, a monitor that works again: only a passed test says it is well.

        Anything else is a hazard while it is there, earth or leakage alike.
        """
        return CATALOGUE[trouble.code].recovery is Recovery.SERVICE or trouble.on(self.now_s)

    def _call(self) -> None:
        """Whom the charger asks for, and whom a fault shown for long brings."""
        service, way = self.year.service, self.policy.needs()
        if way is not None and way not in self.called:
            self.called.add(way)
            after_s = {
                Recovery.MANUAL: service.operator_s,
                Recovery.LOCAL: service.site_person_s,
                Recovery.SERVICE: service.truck_s,
            }[way]
            self.people.append((self.now_s + after_s, way))
        if not self.policy.shown(vehicle=self.visit is not None):
            self.shown_s = None
        elif self.shown_s is None:
            self.shown_s = self.now_s
        elif self.now_s >= self.shown_s + service.watch_s:
            self.shown_s = math.inf
            self._order_truck()

    def _order_truck(self) -> None:
        """One at a time."""
        if not any(way in (None, Recovery.SERVICE) for _, way in self.people):
            self.people.append((self.now_s + self.year.service.truck_s, None))

    def _next_s(self, visits: deque[Visit]) -> float:
        times = [at_s for at_s, _ in self.people]
        if visits:
            times.append(visits[0].plug_s)
        if self.visit is not None:
            times += [self.visit.asks_until_s, self.visit.unplug_s]
        times += [trouble.next_s(self.now_s) for trouble in self._there()]
        if self.begun < len(self.year.troubles):
            times.append(self.year.troubles[self.begun].start_s)
        times.append(self.ready_s)
        if self.shown_s is not None:
            times.append(self.shown_s + self.year.service.watch_s)
        if self.held_s is not None and (hold_s := self.policy.hold_s()) is not None:
            times.append(self.held_s + hold_s)
        times += self.policy.deadlines_s()
        return min((at_s for at_s in times if at_s > self.now_s), default=YEAR_S)


def lived(year: Year, policy: Policy) -> Score:
    """One year under one policy."""
    return Life(year, policy).run()
