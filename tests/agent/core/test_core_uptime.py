"""Why an EVSE does not work, and whose doing that is: nothing is excluded without evidence."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.core_world import ONE
from laddvakt_agent.core import machine
from laddvakt_agent.core.diagnose.causes import Cause
from laddvakt_agent.core.faults.catalogue import CATALOGUE
from laddvakt_agent.core.faults.rules import Act, CauseClass
from laddvakt_agent.core.life.state import Life
from laddvakt_agent.core.machine import Connector
from laddvakt_agent.core.model import Latch, State
from laddvakt_agent.core.recover.tracks import Phase, Track, as_fault, from_latch
from laddvakt_agent.core.status import CASCADE, EvseStatus
from laddvakt_agent.core.uptime import (
    DECIDING,
    RESTORED,
    UP,
    Account,
    Around,
    Blame,
    Worked,
    account,
)

NOW_S = 1000.0
IDLE = Life(state=State.AVAILABLE, read_once=True)
SESSION = replace(IDLE, state=State.CHARGING, plugged=True, session=True)
SHUT = replace(IDLE, state=State.UNAVAILABLE, reason="closed")
CALM = Around()
FREE = Account(status=EvseStatus.AVAILABLE, cause="free", blame=Blame.OWN)
GRID, VEHICLE = CauseClass.GRID, CauseClass.VEHICLE


def track(
    code: str, *, locked: bool = False, ago_s: float = 100.0, evidence: str = "shown"
) -> Track:
    rule = CATALOGUE[code]
    return Track(
        rule=rule, subject="1", phase=Phase.ACTIVE, act=rule.strongest, locked=locked,
        raised_s=NOW_S - ago_s, evidence=evidence,
    )  # fmt: skip


def at(life: Life, *tracks: Track) -> Connector:
    return replace(machine.initial(ONE, (), 0.0), life=life, tracks=tracks)


def because(
    *tracks: Track, whose: CauseClass = CauseClass.OWN, root: Track | None = None
) -> Around:
    """One cause for all of these; `root`: a conclusion that does not stand itself."""
    faults = tuple(as_fault(each) for each in tracks)
    if root is not None:
        cause = Cause(fault=as_fault(root), symptoms=faults, stands=False, cause_class=whose)
    else:
        cause = Cause(fault=faults[0], symptoms=faults[1:], cause_class=whose)
    return Around(causes=(cause,))


def told(connector: Connector, around: Around = CALM, before: Account | None = FREE) -> Account:
    first = account(connector, around, before, NOW_S)
    assert account(connector, around, first, NOW_S) == first, "said again it is the same"
    return first


@pytest.mark.parametrize(
    ("life", "around", "expected"),
    [
        (Life(), CALM, ("UNKNOWN", "nothing read yet", "unknown", "", "unknown")),
        (IDLE, CALM, ("AVAILABLE", "free", "own", "", "yes")),
        (SESSION, CALM, ("CHARGING", "in session", "own", "", "yes")),
        (replace(IDLE, reserved=True), CALM, ("RESERVED", "reserved", "own", "", "yes")),
        (SHUT, Around(in_service=False), ("INOPERATIVE", "closed by command", "own", "", "yes")),
        (SHUT, Around(in_service=False, closed_s=500.0, maintenance_s=440.0),
         ("INOPERATIVE", "closed by command", "planned",
          "a maintenance had begun 60 s before", "yes")),
        (SHUT, Around(in_service=False, closed_s=500.0, maintenance_s=501.0),
         ("INOPERATIVE", "closed by command", "own", "", "yes")),
        (SHUT, Around(durable=False),
         ("INOPERATIVE", "ledger cannot be written", "own", "", "yes")),
        (SHUT, Around(leaving=True), ("INOPERATIVE", "agent stops", "own", "", "yes")),
        (SHUT, Around(leaving=True, maintenance_s=NOW_S - 5.0),
         ("INOPERATIVE", "agent stops", "planned", "a maintenance had begun 5 s before", "yes")),
        (SHUT, Around(in_service=False, closed_s=1.0, maintenance_s=2.0, leaving=True),
         ("INOPERATIVE", "closed by command", "own", "", "yes")),
        (SHUT, CALM, ("INOPERATIVE", "not ready", "own", "closed", "yes")),
    ],
    ids=["unread", "free", "session", "reserved", "closed", "closed in a maintenance",
         "maintenance begun later", "no ledger", "leaving", "leaving in a maintenance",
         "leaving while closed", "not ready"],
)  # fmt: skip
def test_without_a_fault_the_reason_is_plain(
    life: Life, around: Around, expected: tuple[str, ...]
) -> None:
    said = told(at(life), around)
    assert (
        said.status.value, said.cause, said.blame.value, said.evidence, said.would_have_worked.value
    ) == expected  # fmt: skip
    assert (said.fault, said.mrec) == (None, None)


POWER = track("power_lost", evidence="L1 3 V < 46 V")
WELD = track("contactor_welded", locked=True)


@pytest.mark.parametrize(
    ("tracks", "around", "expected"),
    [
        ((track("board_error"),), CALM, ("board_error", "own", "shown")),
        ((POWER,), because(POWER, whose=GRID), ("power_lost", "grid", "L1 3 V < 46 V")),
        ((POWER,), CALM, ("power_lost", "own", "L1 3 V < 46 V")),
        ((replace(POWER, evidence=RESTORED),),
         because(replace(POWER, evidence=RESTORED), whose=GRID), ("power_lost", "own", RESTORED)),
        ((track("pilot_fault"),), because(track("pilot_fault"), whose=VEHICLE),
         ("pilot_fault", "vehicle", "shown")),
        ((track("tilted"),), CALM, ("tilted", "vandalism", "shown")),
        ((track("enclosure_open", evidence=""),), CALM,
         ("enclosure_open", "vandalism", "enclosure_open")),
        ((track("cable_cut"),), CALM, ("cable_cut", "vandalism", "shown")),
        ((track("tilted"),), Around(maintenance_s=NOW_S - 160.0),
         ("tilted", "planned", "a maintenance had begun 60 s before; shown")),
        ((track("board_error"),), Around(maintenance_s=NOW_S - 99.0),
         ("board_error", "own", "shown")),
        ((track("emergency_stop"),), CALM, ("emergency_stop", "own", "shown")),
        ((track("device_lost"),), because(track("device_lost"), root=track("bus_down")),
         ("bus_down", "own", "shown")),
        ((POWER, WELD), because(POWER, whose=GRID), ("contactor_welded", "own", "shown")),
        ((POWER, track("board_error")), because(POWER, whose=GRID),
         ("board_error", "own", "shown")),
        ((WELD, track("board_error")), because(track("board_error")),
         ("contactor_welded", "own", "shown")),
    ],
    ids=["own", "grid", "grid without diagnosis", "grid not seen again", "vehicle", "tilted",
         "door", "cable", "in a maintenance", "maintenance begun later", "emergency stop",
         "concluded", "own beside grid, locked", "own beside grid", "only the one that decides"],
)  # fmt: skip
def test_a_fault_is_excluded_only_with_evidence(
    tracks: tuple[Track, ...], around: Around, expected: tuple[str, str, str]
) -> None:
    said = told(at(IDLE, *tracks), around)
    assert (said.cause, said.blame.value, said.evidence) == expected
    assert said.fault in {(each.rule.code, each.subject) for each in tracks}


@pytest.mark.parametrize(
    ("code", "mrec"), [("power_lost", "CX015"), ("board_error", None)], ids=["named", "none"]
)
def test_the_error_code_is_that_of_the_cause(code: str, mrec: str | None) -> None:
    assert told(at(IDLE, track(code))).mrec == mrec


def test_a_concluded_cause_takes_its_symptoms_error_code() -> None:
    lost = track("uplink_down")
    symptom = track("meter_lost")
    assert told(at(IDLE, symptom), because(symptom, root=track("bus_down"))).mrec is None
    power = track("power_lost")
    assert told(at(IDLE, power), because(power, root=lost)).mrec == "CX013"


DOWN = Account(
    status=EvseStatus.OUTOFORDER, cause="board_error", blame=Blame.OWN,
    fault=("board_error", "1"), worked=False,
)  # fmt: skip
OF_GRID = because(POWER, whose=GRID)
SILENT = track("device_lost")


@pytest.mark.parametrize(
    ("life", "tracks", "around", "before", "expected"),
    [
        (IDLE, (POWER,), OF_GRID, FREE, Worked.YES),
        (IDLE, (POWER,), OF_GRID, DOWN, Worked.YES),
        (IDLE, (POWER, WELD), OF_GRID, FREE, Worked.NO),
        (IDLE, (WELD, track("board_error")), CALM, FREE, Worked.NO),
        (IDLE, (POWER,), replace(OF_GRID, in_service=False), FREE, Worked.NO),
        (IDLE, (POWER,), replace(OF_GRID, durable=False), FREE, Worked.NO),
        (IDLE, (POWER, SILENT), because(POWER, SILENT, whose=GRID), FREE, Worked.YES),
        (IDLE, (POWER, SILENT), because(POWER, SILENT, whose=GRID), DOWN, Worked.UNKNOWN),
        (Life(), (SILENT,), CALM, None, Worked.UNKNOWN),
        (Life(), (), CALM, None, Worked.UNKNOWN),
        (SESSION, (replace(POWER, raised_s=NOW_S),), OF_GRID, None, Worked.YES),
        (IDLE, (track("over_voltage"), track("frequency_out_of_range"), POWER),
         Around(causes=(*OF_GRID.causes, *because(track("over_voltage"), whose=GRID).causes)),
         FREE, Worked.YES),
    ],
    ids=["all was well", "seen to be well now", "own fault as well", "two own faults",
         "closed as well", "no ledger as well", "silent, worked before", "silent, was down before",
         "silent since the start", "nothing read", "a session waits", "two of the grid's"],
)  # fmt: skip
def test_whether_it_would_have_worked(
    life: Life, tracks: tuple[Track, ...], around: Around, before: Account | None, expected: Worked
) -> None:
    assert told(at(life, *tracks), around, before).would_have_worked is expected


def test_a_cause_that_is_only_named_better_began_before() -> None:
    """The board falls silent, then its line is known to be down: one outage of what worked."""
    first = told(at(IDLE, SILENT))
    better = because(SILENT, root=track("bus_down"))
    second = told(at(IDLE, SILENT), better, first)
    assert (first.cause, second.cause) == ("device_lost", "bus_down")
    assert second.would_have_worked is Worked.YES
    other = replace(first, fault=("meter_lost", "1"), cause="meter_lost")
    assert told(at(IDLE, SILENT), better, other).would_have_worked is Worked.UNKNOWN


def test_a_graced_session_already_tells_its_fault() -> None:
    said = told(at(SESSION, replace(POWER, raised_s=NOW_S)), OF_GRID)
    assert (said.status.value, said.cause, said.blame) == ("CHARGING", "power_lost", Blame.GRID)


def test_what_waits_for_the_vehicle_to_leave_is_named_although_the_status_is_charging() -> None:
    life = replace(SESSION, state=State.FAULTED)
    said = told(at(life, track("pilot_diode_missing")), because(track("pilot_diode_missing")))
    assert (said.status.value, said.cause) == ("CHARGING", "pilot_diode_missing")


def test_a_session_is_not_blamed_on_what_only_lets_no_other_begin() -> None:
    finishing = track("self_test_overdue")
    assert finishing.act is Act.FINISH
    said = told(at(SESSION, finishing, replace(POWER, raised_s=0.0)), OF_GRID)
    assert (said.cause, said.would_have_worked) == ("power_lost", Worked.YES)


def test_every_row_that_faults_give_is_decided() -> None:
    rows = [name for name, _, _ in CASCADE]
    assert set(DECIDING) < set(rows)
    plain = {"nothing read yet", "in session", "closed", "reserved", "free"}
    assert set(rows) - set(DECIDING) == plain


def test_a_restored_fault_says_so_in_these_words() -> None:
    latch = Latch(code="contactor_welded", subject="1", locked_out=True, active=True)
    assert from_latch(CATALOGUE["contactor_welded"], latch, 0.0, 0.0).evidence == RESTORED


_LIVES = st.sampled_from([Life(), IDLE, SESSION, SHUT, replace(IDLE, plugged=True)])
_TRACKS = st.lists(
    st.builds(
        track, st.sampled_from(sorted(CATALOGUE)), locked=st.booleans(),
        ago_s=st.sampled_from([0.0, 30.0, 900.0]),
        evidence=st.sampled_from(["", "shown", RESTORED]),
    ),
    max_size=4, unique_by=lambda each: each.rule.code,
)  # fmt: skip


@given(
    life=_LIVES, tracks=_TRACKS, whose=st.sampled_from(CauseClass), in_service=st.booleans(),
    maintenance_s=st.sampled_from([None, 0.0, NOW_S]), split=st.integers(0, 4),
)  # fmt: skip
def test_every_situation_has_an_account(
    life: Life, tracks: list[Track], whose: CauseClass, in_service: bool,
    maintenance_s: float | None, split: int,
) -> None:  # fmt: skip
    """Total, steady, and nothing is excluded without evidence or beside a fault of its own."""
    causes = because(*tracks[:split], whose=whose).causes if tracks[:split] else ()
    around = Around(in_service=in_service, maintenance_s=maintenance_s, causes=causes)
    said = told(at(life, *tracks), around)
    if said.blame not in (Blame.OWN, Blame.UNKNOWN):
        assert said.evidence
    if said.status in UP:
        assert said.would_have_worked is Worked.YES
