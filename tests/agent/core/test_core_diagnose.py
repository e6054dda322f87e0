"""Root cause first: what explains what, in whatever order it is told."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.core_picture import ONE, fault, named, only, past, picture
from laddvakt_agent.core.diagnose.causes import diagnose
from laddvakt_agent.core.diagnose.picture import Past, Picture
from laddvakt_agent.core.diagnose.rows import LINKS
from laddvakt_agent.core.faults.catalogue import CATALOGUE
from laddvakt_agent.core.faults.rules import CauseClass
from laddvakt_agent.core.model import ActiveFault

EXPLAINED: dict[str, tuple[Picture, dict[str, list[str]]]] = {
    "nothing": (picture(), {}),
    "one fault is its own cause": (picture(fault("pilot_fault")), {"pilot_fault@1": []}),
    "a dead line, and a device on another one": (
        picture(
            fault("device_lost", "evse1", 97.0),
            fault("bus_down", "line1", 99.0),
            fault("meter_lost", "meter1", 106.0),
            fault("device_lost", "rcm1", 108.0),
        ),
        {
            "bus_down@line1": ["device_lost@evse1", "meter_lost@meter1"],
            "device_lost@rcm1": [],
        },
    ),
    "a board that is also the meter": (
        picture(fault("meter_lost", "charx1"), fault("device_lost", "charx1")),
        {"device_lost@charx1": ["meter_lost@charx1"]},
    ),
    "two devices of a living line": (
        picture(fault("meter_lost", "meter1", 108.0), fault("device_lost", "evse1", 101.0)),
        {"device_lost@evse1": [], "meter_lost@meter1": []},
    ),
    "an outage and all it brings": (
        picture(
            fault("contactor_did_not_close", since_s=99.0),
            fault("phase_lost", since_s=100.0),
            fault("power_lost", since_s=101.0),
            fault("meter_lost", "meter1", 109.0),
        ),
        {
            "power_lost@1": ["contactor_did_not_close@1", "phase_lost@1", "meter_lost@meter1"],
        },
    ),
    "an outage here says nothing of there": (
        picture(fault("power_lost"), fault("contactor_opened_alone", "2")),
        {"contactor_opened_alone@2": [], "power_lost@1": []},
    ),
    "a board there says nothing of here": (
        picture(fault("board_error", "2"), fault("limit_not_obeyed", "1")),
        {"limit_not_obeyed@1": [], "board_error@2": []},
    ),
    "the button cuts every coil": (
        picture(fault("emergency_stop", "station"), fault("contactor_opened_alone", "2")),
        {"emergency_stop@station": ["contactor_opened_alone@2"]},
    ),
    "the chain to the first": (
        picture(
            fault("board_mismatch", since_s=80.0),
            fault("limit_not_obeyed", since_s=95.0),
            fault("over_current", since_s=97.0),
            fault("phase_unbalance", since_s=110.0),
        ),
        {
            "board_mismatch@1": [
                "limit_not_obeyed@1",
                "over_current@1",
                "phase_unbalance@1",
            ]
        },
    ),
    "no coil and too little voltage: the supply": (
        picture(
            fault("contactor_did_not_close", since_s=100.0), fault("under_voltage", "1", 104.0)
        ),
        {"under_voltage@1": ["contactor_did_not_close@1"]},
    ),
    "the same at both connectors within two seconds": (
        picture(fault("over_voltage", "2", 100.0), fault("over_voltage", "1", 101.9)),
        {"over_voltage@2": ["over_voltage@1"]},
    ),
    "the same at both connectors, later": (
        picture(fault("over_voltage", "2", 100.0), fault("over_voltage", "1", 102.1)),
        {"over_voltage@2": [], "over_voltage@1": []},
    ),
    "what is no supply symptom may happen twice": (
        picture(fault("pilot_fault", "2"), fault("pilot_fault", "1")),
        {"pilot_fault@1": [], "pilot_fault@2": []},
    ),
    "a leak that takes the breaker along": (
        picture(
            fault("residual_current_ac", since_s=100.0),
            fault("upstream_protection_tripped", since_s=103.0),
            fault("power_lost", since_s=102.0),
        ),
        {"residual_current_ac@1": ["power_lost@1", "upstream_protection_tripped@1"]},
    ),
    "a breaker that fell much later": (
        picture(
            fault("residual_current_ac", since_s=100.0),
            fault("upstream_protection_tripped", since_s=140.0),
        ),
        {"residual_current_ac@1": [], "upstream_protection_tripped@1": []},
    ),
    "what came long before the cause is its own": (
        picture(fault("over_current", since_s=20.0), fault("limit_not_obeyed", since_s=100.0)),
        {"over_current@1": [], "limit_not_obeyed@1": []},
    ),
    "what a line carries falls with it": (
        picture(fault("bus_down", "line1"), fault("contactor_opened_alone", "1", 103.0)),
        {"bus_down@line1": ["contactor_opened_alone@1"]},
    ),
    "what another line carries does not": (
        picture(fault("bus_down", "tcp1"), fault("contactor_opened_alone", "1", 103.0)),
        {"bus_down@tcp1": [], "contactor_opened_alone@1": []},
    ),
}


@pytest.mark.parametrize("name", EXPLAINED)
def test_causes_and_their_symptoms(name: str) -> None:
    """Every standing fault once, as a cause or as the symptom of one; in the order to be named."""
    shown, expected = EXPLAINED[name]
    assert list(named(shown).items()) == list(expected.items())


def test_each_symptom_is_explained_in_a_line() -> None:
    cause = only(picture(fault("power_lost", since_s=100.0), fault("phase_lost", since_s=101.5)))
    (why,) = cause.because
    assert why.endswith("(1.5 s later)")
    twin = only(picture(fault("phase_lost", "1"), fault("phase_lost", "2", 101.0)))
    assert twin.because == ("the same at 1, 1.0 s apart: one cause, before both",)
    early = only(picture(fault("power_lost", since_s=100.0), fault("phase_lost", since_s=99.0)))
    assert early.because[0].endswith("(1.0 s before it was certain)")


RANKED: dict[str, tuple[list[ActiveFault], str]] = {
    "what stops charging before what reduces it": (
        [fault("temperature_derate", "station", 50.0), fault("pilot_fault", since_s=100.0)],
        "pilot_fault",
    ),
    "what reduces it before what only tells": (
        [fault("uplink_down", "uplink", 50.0), fault("temperature_derate", "station", 100.0)],
        "temperature_derate",
    ),
    # Confirmed 10 s after it began, the other one 0.5 s after.
    "what began first": (
        [fault("pilot_fault", since_s=99.0), fault("unexpected_current", since_s=105.0)],
        "unexpected_current",
    ),
}


@pytest.mark.parametrize("name", RANKED)
def test_of_several_causes_the_one_to_name(name: str) -> None:
    faults, expected = RANKED[name]
    assert diagnose(picture(*faults))[0].fault.code == expected


LINGERING: dict[str, tuple[Past, ActiveFault, float, bool]] = {
    "a moment after the cause": (
        past("emergency_stop", "station", 50.0, 90.0), fault("contactor_opened_alone", "1", 51.0),
        200.0, True,
    ),
    "for ever": (
        past("emergency_stop", "station", 50.0, 90.0), fault("contactor_opened_alone", "1", 51.0),
        215.0, False,
    ),
    "after an outage longer": (
        past("power_lost", "1", 50.0, 90.0), fault("meter_lost", "meter1", 51.0), 600.0, True,
    ),
    "until the charger should be back": (
        past("power_lost", "1", 50.0, 90.0), fault("meter_lost", "meter1", 51.0), 695.0, False,
    ),
    "raised just after the return": (
        past("power_lost", "1", 50.0, 90.0), fault("board_restarted", "1", 95.0), 100.0, True,
    ),
    "raised long after it": (
        past("power_lost", "1", 50.0, 90.0), fault("board_restarted", "1", 155.0), 160.0, False,
    ),
    "a line that is back": (
        past("bus_down", "line1", 50.0, 90.0), fault("device_lost", "evse1", 51.0), 101.0, False,
    ),
    "its twin before both": (
        past("over_voltage", "2", 50.0, 90.0), fault("over_voltage", "1", 51.0), 200.0, True,
    ),
    "its twin, long ago": (
        past("over_voltage", "2", 50.0, 90.0), fault("over_voltage", "1", 51.0), 215.0, False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LINGERING)
def test_what_a_cleared_cause_left_is_its_symptom_for_a_while(name: str) -> None:
    gone, left, now_s, folded = LINGERING[name]
    cause = only(picture(left, past=(gone,), now_s=now_s))
    assert cause.fault.code == (gone.fault.code if folded else left.code)
    assert cause.stands is not folded
    assert any("cleared" in line for line in cause.also) is folded


def test_a_cause_with_nothing_left_is_not_named() -> None:
    assert diagnose(picture(past=(past("power_lost"),))) == ()


def test_a_cause_that_is_back_is_there_once() -> None:
    again = picture(fault("power_lost", since_s=100.0), past=(past("power_lost"),))
    assert named(again) == {"power_lost@1": []}


CODES = sorted(CATALOGUE)
SUBJECTS = ["1", "2", "station", "line1", "line2", "tcp1", "evse1", "meter1", "charx1", "?"]


@st.composite
def pictures(draw: st.DrawFn) -> tuple[Picture, Picture]:
    """A picture, and the same one told in another order."""
    pairs = draw(
        st.lists(
            st.tuples(st.sampled_from(CODES), st.sampled_from(SUBJECTS)), unique=True, max_size=9
        )
    )
    times = st.sampled_from([40.0, 98.0, 99.0, 100.0, 100.5, 104.0])
    faults = [fault(code, subject, draw(times)) for code, subject in pairs]
    cut = draw(st.integers(0, len(faults)))
    gone = [Past(fault=f, cleared_s=draw(st.sampled_from([100.0, 108.0]))) for f in faults[:cut]]
    one = picture(*faults[cut:], past=tuple(gone))
    other = replace(
        one,
        standing=tuple(draw(st.permutations(one.standing))),
        past=tuple(draw(st.permutations(one.past))),
        connectors=dict(reversed(list(one.connectors.items()))),
    )
    return one, other


@given(pictures())
def test_order_says_nothing_and_nothing_is_lost(pair: tuple[Picture, Picture]) -> None:
    """Equal facts in any order give one answer; each standing fault is in it exactly once."""
    one, other = pair
    found = diagnose(one)
    assert found == diagnose(other)
    told = [f for c in found for f in (*((c.fault,) if c.stands else ()), *c.symptoms)]
    assert sorted(told, key=repr) == sorted(one.standing, key=repr)
    assert all(len(c.because) == len(c.symptoms) for c in found)
    assert all(c.symptoms for c in found if not c.stands)


def test_every_row_names_faults_of_the_catalogue() -> None:
    for cause, links in LINKS.items():
        assert cause in CATALOGUE
        for link in links:
            assert link.symptoms <= set(CATALOGUE)
            assert cause not in link.symptoms
            assert link.why


def test_the_core_decides_without_any_diagnosis() -> None:
    """It changes what is shown, never what is done: no step can even reach it."""
    script = (
        "import sys; from laddvakt_agent.core import machine;"
        "print([name for name in sys.modules if 'diagnose' in name])"
    )
    path = [part for part in sys.path if part.endswith("agent")]
    run = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": ":".join(path)}, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    assert run.stdout.strip() == "[]"


def test_own_until_there_is_evidence() -> None:
    assert only(picture(fault("meter_lost", "meter1"))).cause_class is CauseClass.OWN
    assert only(picture(fault("over_voltage"))).cause_class is CauseClass.GRID
    assert only(picture(fault("phase_lost"), one=ONE)).cause_class is CauseClass.OWN
    both = picture(fault("phase_lost"), fault("phase_lost", "2", 101.0))
    assert only(both).cause_class is CauseClass.GRID


def test_a_circle_of_explanations_has_a_beginning() -> None:
    """Each of them explains the next and the last one the first: one is named all the same."""
    ring = (
        fault("over_current", since_s=100.0),
        fault("upstream_protection_tripped", since_s=102.0),
        fault("power_lost", since_s=102.5),
        fault("board_restarted", since_s=103.0),
        fault("limit_not_obeyed", since_s=104.0),
    )
    cause = only(picture(*ring))
    assert len(cause.symptoms) == len(ring) - 1
