"""Was what a scenario expects seen? Pure: observations come in, verdicts go out."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from laddvakt_sim.scenario.model import Expect, OcpiWish, Scenario, Wish


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A connector at one moment; None is what nobody can tell, and fulfils no wish.

    `faults`: codes that stand for this connector, those of its devices and lines included.
    `cause`: the root cause named first, "none" while no fault stands. `contactor_closed`,
    `locked` and `energy_wh` (through the contactor since 0) are the truth of the plant, the others
    the agent's word.
    """

    status: str | None = None
    state: str | None = None
    faults: frozenset[str] | None = None
    cause: str | None = None
    contactor_closed: bool | None = None
    limit_a: float | None = None
    energy_wh: float | None = None
    locked: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenOcpi:
    """What a backend has: EVSE statuses by connector, and how many objects of each kind."""

    statuses: Mapping[str, str] = field(default_factory=dict)
    sessions: int | None = None
    cdrs: int | None = None
    cdr_kwh: float | None = None  # of all CDRs together


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """Everything looked at, at one moment; `faults` and `cause` are the whole station's."""

    at_s: float
    connectors: Mapping[str, Seen] = field(default_factory=dict)
    faults: frozenset[str] | None = None
    cause: str | None = None
    ocpi: SeenOcpi | None = None


class Outcome(enum.Enum):
    """What became of an expectation or an action."""

    WAITING = "waiting"  # its time has not come, or is not over
    MET = "met"
    MISSED = "missed"  # never seen in its time
    BROKEN = "broken"  # had to hold all the time and did not
    FAILED = "failed"  # an action that could not be carried out, or should have been refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of one line of the file.

    `at_s`: when it was met, or broken; `seen`: what was there then, or last, instead.
    """

    line: int
    what: str
    outcome: Outcome
    at_s: float | None = None
    seen: str = ""


class Judge:
    """Follows one run of a scenario; observations must come in order of time.

    An expectation looks at from_s < t ≤ until_s. Whoever observes does so at every change, and in
    any case at `moments`.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._verdicts = [
            Verdict(line=expect.line, what=told(expect), outcome=Outcome.WAITING)
            for expect in scenario.expect
        ]

    @property
    def moments(self) -> tuple[float, ...]:
        """The times that must be observed, ascending: every end of an expectation."""
        return tuple(sorted({expect.until_s for expect in self.scenario.expect}))

    @property
    def settled(self) -> bool:
        """True when nothing that is still to come can change a verdict."""
        return all(verdict.outcome is not Outcome.WAITING for verdict in self._verdicts)

    def see(self, observed: Observed) -> None:
        """Take in what was seen at one moment."""
        for n, expect in enumerate(self.scenario.expect):
            if self._verdicts[n].outcome is Outcome.WAITING:
                self._verdicts[n] = _after(self._verdicts[n], expect, observed)

    def verdicts(self) -> tuple[Verdict, ...]:
        """What became of every expectation so far, in the order of the file."""
        return tuple(self._verdicts)

    def finish(self) -> tuple[Verdict, ...]:
        """The verdicts when nothing more will be seen: what still waits is missed."""
        for n, verdict in enumerate(self._verdicts):
            if verdict.outcome is Outcome.WAITING:
                self._verdicts[n] = _verdict(
                    verdict, Outcome.MISSED, seen=verdict.seen or "nothing"
                )
        return self.verdicts()


def told(expect: Expect) -> str:
    """An expectation in one line, for people."""
    where = "" if expect.connector is None else f"connector {expect.connector}: "
    if expect.always:
        return f"{where}{expect.what}, from {expect.from_s:g} to {expect.until_s:g} s"
    return f"{where}{expect.what}, by {expect.until_s:g} s"


def shortfall(expect: Expect, observed: Observed) -> str:
    """What was seen instead of what an expectation wants; "" when all of it holds."""
    return ", ".join(_shortfalls(expect, observed))


_HELD = "held so far"


def _after(verdict: Verdict, expect: Expect, observed: Observed) -> Verdict:
    """The verdict after one more observation."""
    if observed.at_s <= expect.from_s:
        return verdict
    if observed.at_s > expect.until_s:
        if verdict.seen == _HELD:
            return _verdict(verdict, Outcome.MET, expect.until_s)
        return _verdict(verdict, Outcome.MISSED, seen=verdict.seen or "nobody looked in that time")
    instead = shortfall(expect, observed)
    if expect.always:
        return _throughout(verdict, expect, observed.at_s, instead)
    if instead:
        return _verdict(verdict, Outcome.WAITING, seen=instead)
    return _verdict(verdict, Outcome.MET, observed.at_s)


def _throughout(verdict: Verdict, expect: Expect, at_s: float, instead: str) -> Verdict:
    if instead:
        return _verdict(verdict, Outcome.BROKEN, at_s, instead)
    if at_s == expect.until_s:
        return _verdict(verdict, Outcome.MET, at_s)
    return _verdict(verdict, Outcome.WAITING, seen=_HELD)


def _verdict(
    before: Verdict, outcome: Outcome, at_s: float | None = None, seen: str = ""
) -> Verdict:
    return Verdict(line=before.line, what=before.what, outcome=outcome, at_s=at_s, seen=seen)


def _shortfalls(expect: Expect, observed: Observed) -> Iterator[str]:
    wish = expect.wish
    seen = Seen(faults=observed.faults, cause=observed.cause)
    if expect.connector is not None:
        seen = observed.connectors.get(expect.connector, Seen())
    yield from _fault_shortfalls(wish, seen)
    pairs: tuple[tuple[str, object, object], ...] = (
        ("status", wish.status, seen.status),
        ("state", wish.state, seen.state),
        (
            "contactor",
            _word(wish.contactor_closed, _CONTACTOR),
            _word(seen.contactor_closed, _CONTACTOR),
        ),
        ("lock", _word(wish.locked, _LOCK), _word(seen.locked, _LOCK)),
    )
    for name, wanted, value in pairs:
        if wanted is not None and value != wanted:
            yield f"{name} {_plain(value)}"
    for name, span, number in (
        ("limit_a", wish.limit_a, seen.limit_a),
        ("energy_wh", wish.energy_wh, seen.energy_wh),
    ):
        if span is not None and (number is None or not span.holds(number)):
            yield f"{name} {_plain(number)}"
    if wish.ocpi is not None:
        yield from _ocpi_shortfalls(wish.ocpi, expect.connector, observed.ocpi or SeenOcpi())


_CONTACTOR = {True: "closed", False: "open"}
_LOCK = {True: "locked", False: "open"}


def _word(value: bool | None, words: Mapping[bool, str]) -> str | None:
    return None if value is None else words[value]


def _fault_shortfalls(wish: Wish, seen: Seen) -> Iterator[str]:
    if wish.faults or wish.no_fault or wish.no_faults:
        stand = seen.faults
        sound = stand is not None and set(wish.faults) <= stand and not set(wish.no_fault) & stand
        if not sound or (wish.no_faults and stand):
            listed = "unknown" if stand is None else ", ".join(sorted(stand)) or "none"
            yield f"faults: {listed}"
    if wish.cause is not None and seen.cause != wish.cause:
        yield f"cause {_plain(seen.cause)}"


def _ocpi_shortfalls(wish: OcpiWish, connector: str | None, seen: SeenOcpi) -> Iterator[str]:
    status = None if connector is None else seen.statuses.get(connector)
    for name, wanted, value in (
        ("status", wish.status, status),
        ("sessions", wish.sessions, seen.sessions),
        ("cdrs", wish.cdrs, seen.cdrs),
    ):
        if wanted is not None and value != wanted:
            yield f"ocpi {name} {_plain(value)}"
    if wish.cdr_kwh is not None and (seen.cdr_kwh is None or not wish.cdr_kwh.holds(seen.cdr_kwh)):
        yield f"ocpi cdr_kwh {_plain(seen.cdr_kwh)}"


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    return "unknown" if value is None else str(value)
