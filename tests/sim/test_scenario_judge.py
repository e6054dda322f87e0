"""Verdicts: met, missed, broken, when, and what was seen instead; acts in their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from laddvakt_sim.scenario import (
    ActionError,
    Judge,
    Observed,
    Outcome,
    Seen,
    SeenOcpi,
    Verdict,
    loads,
    passed,
    play,
)
from laddvakt_sim.scenario.model import Action, Start, Unplug

HEAD = 'schema = 1\nname = "x"\nabout = "One sentence."\nduration_s = 100.0\n'
BY = HEAD + "[[expect]]\nby_s = 20\nafter_s = 10\n"
HOLDS = HEAD + "[[expect]]\nfrom_s = 10\nuntil_s = 20\n"
CHARGING = Seen(
    status="CHARGING",
    state="charging",
    faults=frozenset(),
    cause="none",
    contactor_closed=True,
    limit_a=16.0,
    energy_wh=120.0,
    locked=True,
)
FAULTED = Seen(
    status="INOPERATIVE",
    state="faulted",
    faults=frozenset({"phase_lost", "contactor_opened_alone"}),
    cause="phase_lost",
    contactor_closed=False,
    limit_a=0.0,
    energy_wh=120.0,
    locked=False,
)


def at(at_s: float, seen: Seen, ocpi: SeenOcpi | None = None) -> Observed:
    return Observed(
        at_s=at_s, connectors={"1": seen}, faults=seen.faults, cause=seen.cause, ocpi=ocpi
    )


def judged(text: str, *observed: Observed) -> Verdict:
    judge = Judge(loads(text))
    for one in observed:
        judge.see(one)
    (verdict,) = judge.finish()
    return verdict


OPEN = 'contactor = "open"\n'
TIMES: dict[str, tuple[str, Sequence[tuple[float, Seen]], Outcome, float | None]] = {
    "by: seen in its time": (BY, [(5, CHARGING), (15, FAULTED)], Outcome.MET, 15),
    "by: once is enough": (BY, [(15, FAULTED), (16, CHARGING), (20, CHARGING)], Outcome.MET, 15),
    "by: at the last moment": (BY, [(15, CHARGING), (20, FAULTED)], Outcome.MET, 20),
    "by: too late": (BY, [(15, CHARGING), (20.1, FAULTED)], Outcome.MISSED, None),
    "by: too early": (BY, [(10, FAULTED), (15, CHARGING), (20, CHARGING)], Outcome.MISSED, None),
    "by: nobody looked": (BY, [(5, FAULTED), (25, FAULTED)], Outcome.MISSED, None),
    "by: the run ended": (BY, [(15, CHARGING)], Outcome.MISSED, None),
    "from: held": (HOLDS, [(9, CHARGING), (11, FAULTED), (20, FAULTED)], Outcome.MET, 20),
    "from: looked at once": (HOLDS, [(20, FAULTED)], Outcome.MET, 20),
    "from: held, looked again later": (HOLDS, [(11, FAULTED), (21, CHARGING)], Outcome.MET, 20),
    "from: what was at its beginning is over": (
        HOLDS,
        [(10, CHARGING), (10.1, FAULTED), (20, FAULTED)],
        Outcome.MET,
        20,
    ),
    "from: broken": (HOLDS, [(11, FAULTED), (12, CHARGING), (20, FAULTED)], Outcome.BROKEN, 12),
    "from: broken at the end": (HOLDS, [(11, FAULTED), (20, CHARGING)], Outcome.BROKEN, 20),
    "from: the run ended": (HOLDS, [(11, FAULTED)], Outcome.MISSED, None),
    "from: nobody looked": (HOLDS, [(5, FAULTED), (25, FAULTED)], Outcome.MISSED, None),
    "from: nobody could tell": (HOLDS, [(11, Seen()), (20, FAULTED)], Outcome.BROKEN, 11),
}


@pytest.mark.parametrize(("text", "seen", "outcome", "at_s"), TIMES.values(), ids=TIMES)
def test_when_it_counts(
    text: str, seen: Sequence[tuple[float, Seen]], outcome: Outcome, at_s: float | None
) -> None:
    verdict = judged(text + OPEN, *(at(when_s, one) for when_s, one in seen))
    assert (verdict.outcome, verdict.at_s) == (outcome, at_s)


WISHES: dict[str, tuple[str, Seen, str]] = {
    "status": ('status = "INOPERATIVE"', CHARGING, "status CHARGING"),
    "state": ('state = "faulted"', CHARGING, "state charging"),
    "contactor": ('contactor = "open"', CHARGING, "contactor closed"),
    "lock": ('lock = "open"', CHARGING, "lock locked"),
    "a fault": ('fault = "phase_lost"', CHARGING, "faults: none"),
    "two faults": (
        'fault = ["phase_lost", "power_lost"]',
        FAULTED,
        "faults: contactor_opened_alone, phase_lost",
    ),
    "no such fault": (
        'no_fault = "phase_lost"',
        FAULTED,
        "faults: contactor_opened_alone, phase_lost",
    ),
    "no faults": ("no_faults = true", FAULTED, "faults: contactor_opened_alone, phase_lost"),
    "a cause": ('cause = "power_lost"', FAULTED, "cause phase_lost"),
    "no cause": ('cause = "none"', FAULTED, "cause phase_lost"),
    "too little": ("limit_a = { min = 16.1 }", CHARGING, "limit_a 16"),
    "too much": ("energy_wh = { max = 119.9 }", CHARGING, "energy_wh 120"),
    "everything at once": (
        'status = "INOPERATIVE"\nstate = "charging"\nlimit_a = { max = 6 }',
        CHARGING,
        "status CHARGING, limit_a 16",
    ),
    "nobody can tell": (
        'fault = "a"\ncause = "a"\nstatus = "CHARGING"\nlimit_a = { min = 0 }\nlock = "open"',
        Seen(),
        "faults: unknown, cause unknown, status unknown, lock unknown, limit_a unknown",
    ),
    "nobody can tell there is none": ("no_faults = true", Seen(), "faults: unknown"),
}
FIT = HEAD + '[charger]\nfitted = ["lock"]\n[[expect]]\nby_s = 20\n'


@pytest.mark.parametrize(("wish", "seen", "instead"), WISHES.values(), ids=WISHES)
def test_what_was_seen_instead(wish: str, seen: Seen, instead: str) -> None:
    verdict = judged(f"{FIT}{wish}\n", at(15, seen))
    assert (verdict.outcome, verdict.seen) == (Outcome.MISSED, instead)


def test_all_that_holds_is_met() -> None:
    wish = (
        'status = "CHARGING"\nstate = "charging"\ncontactor = "closed"\nlock = "locked"\n'
        'no_faults = true\nno_fault = "a"\ncause = "none"\nlimit_a = { min = 16, max = 16 }\n'
        "energy_wh = { min = 100 }\n"
        'ocpi = { status = "CHARGING", sessions = 1, cdrs = 0, cdr_kwh = { max = 0 } }\n'
    )
    ocpi = SeenOcpi(statuses={"1": "CHARGING"}, sessions=1, cdrs=0, cdr_kwh=0.0)
    assert judged(FIT + wish, at(15, CHARGING, ocpi)).outcome is Outcome.MET


@pytest.mark.parametrize("ocpi", [None, SeenOcpi(), SeenOcpi(cdrs=2, cdr_kwh=0.1)])
def test_what_the_backend_does_not_have_is_missed(ocpi: SeenOcpi | None) -> None:
    wish = 'ocpi = { status = "CHARGING", cdrs = 1, cdr_kwh = { min = 1 } }\n'
    verdict = judged(FIT + wish, at(15, CHARGING, ocpi))
    assert verdict.outcome is Outcome.MISSED
    assert verdict.seen.startswith("ocpi status unknown, ocpi cdrs ")


def test_without_a_connector_the_whole_station_is_meant() -> None:
    """A fault of connector 2 alone is a fault of the station, and none of connector 1."""
    text = HEAD + '[charger]\nconnectors = 2\n[[expect]]\nby_s = 20\ncause = "phase_lost"\n'
    text += '[[expect]]\nby_s = 20\nconnector = "1"\nno_faults = true\n'
    judge = Judge(loads(text))
    both = {"1": CHARGING, "2": FAULTED}
    judge.see(Observed(at_s=5, connectors=both, faults=FAULTED.faults, cause=FAULTED.cause))
    assert [verdict.outcome for verdict in judge.verdicts()] == [Outcome.MET, Outcome.MET]
    assert judge.settled
    assert judge.moments == (20.0,)


@dataclass
class Fake:
    """A charger that does as it is told and notes it."""

    refusal: str | None = None
    broken: bool = False
    noted: list[object] = field(default_factory=list)
    seen: Seen = CHARGING

    def advance(self, to_s: float, see: Callable[[Observed], None]) -> None:
        self.noted.append(to_s)
        see(at(to_s, self.seen))

    def act(self, action: Action) -> str | None:
        if self.broken:
            raise ActionError("there is no charger")
        self.noted.append(type(action))
        self.seen = FAULTED
        return self.refusal


STORY = HEAD + (
    "[[do]]\nat_s = 5\nstart = {}\n[[do]]\nat_s = 5\nunplug = {}\n"
    '[[expect]]\nby_s = 5\ncontactor = "closed"\n[[expect]]\nby_s = 50\ncontactor = "open"\n'
)


def test_looking_comes_before_acting_at_the_same_time() -> None:
    fake = Fake()
    verdicts = play(loads(STORY), fake)
    assert fake.noted == [5.0, Start, Unplug, 50.0, 100.0]
    assert [(verdict.outcome, verdict.at_s) for verdict in verdicts] == [
        (Outcome.MET, 5.0),
        (Outcome.MET, 50.0),
    ]
    assert passed(verdicts)


ACTS: dict[str, tuple[str, Fake, str | None]] = {
    "done": ("", Fake(), None),
    "refused, unexpectedly": ("", Fake(refusal="no card"), "refused: no card"),
    "refused, as expected": ("refused = true\n", Fake(refusal="no card"), None),
    "done, unexpectedly": ("refused = true\n", Fake(), "it was done"),
    "impossible": ("", Fake(broken=True), "there is no charger"),
    "impossible, and that is no refusal": (
        "refused = true\n",
        Fake(broken=True),
        "there is no charger",
    ),
}


@pytest.mark.parametrize(("refused", "fake", "said"), ACTS.values(), ids=ACTS)
def test_an_action_that_went_otherwise_fails_the_scenario(
    refused: str, fake: Fake, said: str | None
) -> None:
    text = HEAD + f"[[do]]\nat_s = 5\nstart = {{}}\n{refused}" + '[truth]\ncause = "none"\n'
    verdicts = play(loads(text), fake)
    assert passed(verdicts) is (said is None)
    assert [(v.line, v.outcome, v.at_s, v.seen) for v in verdicts] == (
        [] if said is None else [(5, Outcome.FAILED, 5.0, said)]
    )
