"""Scenario files: what is right is read, what is wrong is named with its line and the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from laddvakt_sim.plant.words import ClimateSpec, VehicleSpec
from laddvakt_sim.scenario import ScenarioError, load, loads, model, wishes

HEAD = 'schema = 1\nname = "x"\nabout = "One sentence."\nduration_s = 100.0\n'  # lines 1 to 4
TRUTH = '[truth]\ncause = "none"\n'
ALL = Path(__file__).resolve().parents[2] / "firmware-sim" / "scenarios"


def problems(text: str) -> list[tuple[int, str]]:
    with pytest.raises(ScenarioError) as caught:
        loads(text)
    return [(p.line, f"{p.what}; {p.remedy}") for p in caught.value.problems]


WRONG = {
    "not TOML": ("schema = 1\nname = x\n", 2, "not TOML"),
    "TOML that ends too early": ("schema = 1\nname = [\n", 3, "not TOML"),
    "another schema": (HEAD.replace("1", "2", 1) + TRUTH, 1, "schema = 2"),
    "no schema": (HEAD.replace("schema = 1", "") + TRUTH, 1, "schema is missing"),
    "no name": (HEAD.replace('name = "x"', "") + TRUTH, 1, "name is missing"),
    "a name no file should have": (HEAD.replace('"x"', '"X y"') + TRUTH, 2, "small letters"),
    "an empty sentence": (HEAD.replace("One sentence.", " ") + TRUTH, 3, 'about = " "'),
    "a length that is none": (HEAD.replace("100.0", "nan") + TRUTH, 4, "duration_s = nan"),
    "a key nobody knows": (HEAD + 'abuot = "x"\n' + TRUTH, 5, "did you mean about?"),
    "a kind nobody knows": (HEAD + 'kind = "benin"\n' + TRUTH, 5, "did you mean benign?"),
    "a seed that is text": (HEAD + 'seed = "7"\n' + TRUTH, 5, 'seed = "7"; allowed is a whole'),
    "nothing expected": (HEAD, 1, "nothing is expected; add [[expect]]"),
    "charger: no table": (HEAD + "charger = 1\n" + TRUTH, 5, "must be a table"),
    "charger: unknown supply": (
        HEAD + '[charger]\nsupply = "it-3x230"\n' + TRUTH,
        6,
        "did you mean it-tt-3x230?",
    ),
    "charger: two phases": (HEAD + "[charger]\nphases = 2\n" + TRUTH, 6, "a charger has 1 or 3"),
    "charger: three phases of one": (
        HEAD + '[charger]\nsupply = "1ph"\nphases = 3\n' + TRUTH,
        7,
        "a supply 1ph has one",
    ),
    "charger: fitted with a typo": (
        HEAD + '[charger]\nfitted = [\n "lock",\n "dor",\n]\n' + TRUTH,
        6,
        "did you mean door?",
    ),
    "charger: a setting that is a table": (
        HEAD + "[charger.fault.over_voltage]\nclear_s = { a = 1 }\n" + TRUTH,
        6,
        "allowed are a number, true, false or text",
    ),
    "charger: a code in capitals": (
        HEAD + "[charger.fault.OverVoltage]\nclear_s = 1\n" + TRUTH,
        5,
        "is no fault code",
    ),
    "do: no list": (HEAD + "do = 3\n" + TRUTH, 5, "begin each with [[do]]"),
    "do: nothing": (HEAD + "[[do]]\nat_s = 1\n" + TRUTH, 5, "no action; write exactly one of"),
    "do: two things": (
        HEAD + "[[do]]\nat_s = 1\nstop = {}\nunplug = {}\n" + TRUTH,
        5,
        "2 actions: stop, unplug",
    ),
    "do: no time": (HEAD + "[[do]]\nstop = {}\n" + TRUTH, 5, "at_s is missing"),
    "do: after the end": (HEAD + "[[do]]\nat_s = 101\nstop = {}\n" + TRUTH, 6, "number 0 to 100"),
    "do: not in order": (
        HEAD + "[[do]]\nat_s = 9\nstop = {}\n[[do]]\nat_s = 8\nstop = {}\n" + TRUTH,
        9,
        "put the actions in order of time",
    ),
    "do: an action nobody knows": (
        HEAD + "[[do]]\nat_s = 9\nstop = {}\nunplg = {}\n" + TRUTH,
        8,
        "did you mean unplug or plug?",
    ),
    "plug: a word nobody knows": (
        HEAD + "[[do]]\nat_s = 9\nplug = { phase = 3 }\n" + TRUTH,
        7,
        "did you mean phases",
    ),
    "plug: too many phases": (
        HEAD + "[[do]]\nat_s = 9\nplug = { phases = 4 }\n" + TRUTH,
        7,
        "phases = 4; allowed is a whole number 1 to 3",
    ),
    "plug: half a phase": (
        HEAD + "[[do]]\nat_s = 9\nplug = { phases = 1.5 }\n" + TRUTH,
        7,
        "a whole number",
    ),
    "plug: text for a flag": (
        HEAD + '[[do]]\nat_s = 9\nplug = { wants_charge = "yes" }\n' + TRUTH,
        7,
        'wants_charge = "yes"; allowed is true or false',
    ),
    "plug: where there is no connector": (
        HEAD + '[[do]]\nat_s = 9\nplug = { connector = "2" }\n' + TRUTH,
        7,
        'connector = "2"; allowed are 1',
    ),
    "plug: of two, which": (
        HEAD + "[charger]\nconnectors = 2\n[[do]]\nat_s = 9\nplug = {}\n" + TRUTH,
        9,
        "connector is missing",
    ),
    "vehicle: nothing changes": (
        HEAD + "[[do]]\nat_s = 9\nvehicle = {}\n" + TRUTH,
        7,
        "name at least one word",
    ),
    "inject: unknown": (
        HEAD + '[[do]]\nat_s = 9\ninject = { name = "meter_lots" }\n' + TRUTH,
        7,
        "did you mean meter_lost",
    ),
    "inject: no name": (HEAD + "[[do]]\nat_s = 9\ninject = {}\n" + TRUTH, 7, "name is missing"),
    "inject: unknown parameter": (
        HEAD + '[[do]]\nat_s = 9\n[do.inject]\nname = "over_current"\nfaktor = 2\n' + TRUTH,
        9,
        "did you mean factor?",
    ),
    "inject: parameter out of range": (
        HEAD + '[[do]]\nat_s = 9\ninject = { name = "over_current", factor = 9 }\n' + TRUTH,
        7,
        "factor = 9; allowed is a number 1 to 5",
    ),
    "inject: parameter missing": (
        HEAD + '[[do]]\nat_s = 9\ninject = { name = "bus_down" }\n' + TRUTH,
        7,
        "line is missing; allowed is one of line1",
    ),
    "inject: a connector where none belongs": (
        HEAD + '[[do]]\nat_s = 9\ninject = { name = "emergency_stop", connector = "1" }\n' + TRUTH,
        7,
        "allowed are none",
    ),
    "inject: one of several": (
        HEAD
        + '[[do]]\nat_s = 9\ninject = { name = "wire_lost", line = "line1", every = 2, rate = 1 }\n'
        + TRUTH,
        7,
        "allowed is one of",
    ),
    "clear: no such line": (
        HEAD + '[[do]]\nat_s = 9\nclear = { line = "line9" }\n' + TRUTH,
        7,
        'line = "line9"',
    ),
    "reset: by nobody": (HEAD + "[[do]]\nat_s = 9\nreset = {}\n" + TRUTH, 7, "by is missing"),
    "grid: nothing": (HEAD + "[[do]]\nat_s = 9\ngrid = {}\n" + TRUTH, 7, "nothing changes"),
    "grid: two voltages": (
        HEAD + "[[do]]\nat_s = 9\ngrid = { voltage_v = [230, 230] }\n" + TRUTH,
        7,
        "a list of 3 numbers",
    ),
    "grid: a sag that lifts": (
        HEAD + "[[do]]\nat_s = 9\ngrid = { sag = { share = 1.1, seconds = 1 } }\n" + TRUTH,
        7,
        "share = 1.1; allowed is a number 0 to 1",
    ),
    "grid: a sag that is over at once": (
        HEAD + "[[do]]\nat_s = 9\ngrid = { sag = { share = 0.5, seconds = 0 } }\n" + TRUTH,
        7,
        "seconds = 0; allowed is a number 0.001",
    ),
    "grid: a sag of no phase": (
        HEAD
        + "[[do]]\nat_s = 9\ngrid = { sag = { share = 0.5, phases = [], seconds = 1 } }\n"
        + TRUTH,
        7,
        "phases = []; allowed is a list of 1, 2 and 3",
    ),
    "grid: more than the plant has": (
        HEAD + "[[do]]\nat_s = 9\ngrid = { voltage_v = [230, 461, 230] }\n" + TRUTH,
        7,
        "3 numbers 0 to 460",
    ),
    "phases: two": (
        HEAD + "[[do]]\nat_s = 9\nphases = { wanted = 2 }\n" + TRUTH,
        7,
        "allowed are 1 and 3",
    ),
    "profile: below nothing": (
        HEAD + "[[do]]\nat_s = 9\nprofile = { limit_a = -1 }\n" + TRUTH,
        7,
        "limit_a = -1; allowed is a number 0 to 80",
    ),
    "plug: where one stands": (
        HEAD + "[[do]]\nat_s = 8\nplug = {}\n[[do]]\nat_s = 9\nplug = {}\n" + TRUTH,
        8,
        "connector 1 has the vehicle of line 5; unplug it first",
    ),
    "a whole number of 400 digits": (
        HEAD + f"seed = 1{'0' * 400}\n" + TRUTH,
        5,
        "seed is too large a number; TOML's whole numbers have 64 bits",
    ),
    "one that Python would not print": (
        HEAD + f"[[do]]\nat_s = 9\nplug = {{ cable_a = [0x{'F' * 6000}] }}\n" + TRUTH,
        7,
        "too large a number",
    ),
    "charger: a climate of the moon": (
        HEAD + "[charger.climate]\nambient_c = -170\n" + TRUTH,
        6,
        "ambient_c = -170; allowed is a number -60 to 90",
    ),
    "grid: phase 4": (
        HEAD + "[[do]]\nat_s = 9\ngrid = { lost_phases = [4] }\n" + TRUTH,
        7,
        "a list of 1, 2 and 3",
    ),
    "climate: nothing": (HEAD + "[[do]]\nat_s = 9\nclimate = {}\n" + TRUTH, 7, "nothing changes"),
    "expect: no time": (HEAD + "[[expect]]\nno_faults = true\n", 5, "the time is missing"),
    "expect: two times": (
        HEAD + "[[expect]]\nby_s = 1\nfrom_s = 1\nno_faults = true\n",
        5,
        "given by by_s, from_s; write",
    ),
    "expect: backwards": (
        HEAD + "[[expect]]\nfrom_s = 9\nuntil_s = 8\nno_faults = true\n",
        7,
        "until_s = 8 is not after 9",
    ),
    "expect: over before it begins": (
        HEAD + "[[expect]]\nafter_s = 9\nby_s = 9\nno_faults = true\n",
        7,
        "by_s = 9 is not after 9; change after_s",
    ),
    "expect: after the end": (
        HEAD + "[[expect]]\nby_s = 200\nno_faults = true\n",
        6,
        "number 0 to 100",
    ),
    "expect: nothing": (HEAD + "[[expect]]\nby_s = 1\n", 5, "nothing is expected; write one of"),
    "expect: unknown status": (
        HEAD + '[[expect]]\nby_s = 1\nstatus = "CHARGNG"\n',
        7,
        "did you mean CHARGING?",
    ),
    "expect: unknown state": (
        HEAD + '[[expect]]\nby_s = 1\nstate = "suspended"\n',
        7,
        "did you mean suspended_vehicle",
    ),
    "expect: of two, which": (
        HEAD + '[charger]\nconnectors = 2\n[[expect]]\nby_s = 1\nstate = "faulted"\n',
        7,
        'state of which connector?; write connector = "1"',
    ),
    "expect: OCPI of two, which": (
        HEAD + '[charger]\nconnectors = 2\n[[expect]]\nby_s = 1\nocpi = { status = "CHARGING" }\n',
        7,
        "ocpi.status of which connector?",
    ),
    "expect: a range without a bound": (
        HEAD + "[[expect]]\nby_s = 1\nlimit_a = {}\n",
        7,
        "write limit_a = { min = 1.0 }",
    ),
    "expect: a range backwards": (
        HEAD + "[[expect]]\nby_s = 1\nenergy_wh = { min = 2, max = 1 }\n",
        7,
        "min is above max",
    ),
    "expect: a fault and not": (
        HEAD + '[[expect]]\nby_s = 1\nfault = "a"\nno_fault = ["b", "a"]\n',
        7,
        "leave one of the two out",
    ),
    "expect: a lock that is not fitted": (
        HEAD + '[[expect]]\nby_s = 1\nlock = "open"\n',
        7,
        'add "lock" to fitted',
    ),
    "expect: a count that is none": (
        HEAD + "[[expect]]\nby_s = 1\nocpi = { cdrs = true }\n",
        7,
        "cdrs = true; allowed is a whole number",
    ),
    "truth: no cause": (HEAD + '[truth]\nsubject = "1"\n', 5, "cause is missing"),
    "truth: a sentence": (HEAD + '[truth]\ncause = "the meter"\n', 6, "is no fault code"),
}


@pytest.mark.parametrize(("text", "line", "said"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_named_with_its_line_and_remedy(text: str, line: int, said: str) -> None:
    """Exactly one problem for one mistake: nothing follows from a mistake already named."""
    found = problems(text)
    assert [at for at, _ in found] == [line], found
    assert said in found[0][1]


def test_all_mistakes_are_named_at_once_in_order_of_their_lines() -> None:
    text = HEAD + 'seed = -1\n[[do]]\nat_s = 1\nplug = { phases = 9, stop_s = "x" }\n[truth]\n'
    assert [line for line, _ in problems(text)] == [5, 8, 8, 9]


def test_the_message_names_file_line_and_remedy(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(HEAD + "seed = -1\n" + TRUTH)
    with pytest.raises(ScenarioError) as caught:
        load(path)
    assert str(caught.value) == (f"{path}:5: seed = -1; allowed is a whole number 0 to 2147483648")


def test_the_name_is_the_file_s(tmp_path: Path) -> None:
    path = tmp_path / "y.toml"
    path.write_text(HEAD + TRUTH)
    with pytest.raises(ScenarioError, match=r'y.toml:2: name = "x", but the file is called "y"'):
        load(path)


@pytest.mark.parametrize("name", ["missing.toml", "folder", "nul\0.toml", "latin.toml"])
def test_a_file_that_cannot_be_read_is_an_error_of_the_same_kind(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "latin.toml").write_bytes(b"schema = 1\nname = '\xe5'\n")
    with pytest.raises(ScenarioError) as caught:
        load(tmp_path / name)
    assert [p.line for p in caught.value.problems] == [2 if name == "latin.toml" else 1]


def test_codes_of_the_agent_are_checked_where_they_are_known() -> None:
    text = HEAD + '[charger.fault.ovr_voltage]\n[[expect]]\nby_s = 1\nfault = ["over_voltage"]\n'
    text += 'cause = "over_volt"\n[truth]\ncause = "none"\n'
    assert loads(text).truth == model.Truth(cause="none")
    with pytest.raises(ScenarioError) as caught:
        loads(text, codes=["over_voltage", "under_voltage"])
    assert [p.line for p in caught.value.problems] == [5, 9]
    assert "did you mean over_voltage" in str(caught.value)


EVERYTHING = """\
schema = 1
name = "everything"
about = "Every action and every wish."
kind = "compound"
seed = 7
duration_s = 200.0
[charger]
supply = "1ph"
connectors = 2
max_current_a = 32
voltage_side = "load"
authorisation = "free"
fitted = ["lock"]
state_d_allowed = true
unattended_current_a = 8
climate = { ambient_c = 35, sun_w = 500 }
[charger.fault.residual_current_dc]
reclose = "us"
clear_s = 5
[[do]]
at_s = 0.0
plug = { connector = "2", phases = 1, demand_wh = 900 }
[[do]]
at_s = 1
vehicle = { connector = "2", wants_charge = false }
[[do]]
at_s = 2
start = { connector = "2", token = "AA" }
refused = true
[[do]]
at_s = 3
stop = { connector = "2" }
[[do]]
at_s = 4
reset = { connector = "1", by = "service" }
[[do]]
at_s = 5
inject = { name = "phase_lost", phase = 3 }
[[do]]
at_s = 6
clear = { name = "phase_lost" }
[[do]]
at_s = 6
grid = { voltage_v = [1, 2, 3], sag = { share = 0.5, phases = [2], seconds = 3 }, outage = true }
[[do]]
at_s = 7
climate = { ambient_c = -20, sun_w = 800.0 }
[[do]]
at_s = 8
restart_agent = { away_s = 5.0, kill = true }
[[do]]
at_s = 9
out_of_service = { connector = "1" }
[[do]]
at_s = 10
in_service = { connector = "1" }
[[do]]
at_s = 11
site = { current_a = [10, 20, 30] }
[[do]]
at_s = 12
unplug = { connector = "2" }
[[do]]
at_s = 13
maintenance = { connector = "1" }
[[do]]
at_s = 14
maintenance = { connector = "1", on = false }
[[do]]
at_s = 15
unlock = { connector = "2" }
[[do]]
at_s = 16
reserve = { connector = "2", on = true }
[[do]]
at_s = 17
phases = { connector = "1", wanted = 1 }
[[do]]
at_s = 18
phases = { connector = "1" }
[[do]]
at_s = 19
profile = { connector = "1", limit_a = 9.5 }
[[expect]]
by_s = 10.0
connector = "2"
fault = ["a", "b"]
no_fault = "c"
cause = "none"
status = "CHARGING"
state = "charging"
contactor = "open"
limit_a = { min = 1 }
energy_wh = { max = 2.5 }
lock = "locked"
ocpi = { status = "CHARGING", sessions = 2, cdrs = 1, cdr_kwh = { min = 0.1 } }
[[expect]]
from_s = 20
until_s = 30
no_faults = true
[truth]
cause = "a"
subject = "1"
"""


def test_everything_that_can_be_said_is_read() -> None:
    found = loads(EVERYTHING)
    assert found.kind is model.Kind.COMPOUND
    assert (found.seed, found.duration_s) == (7, 200.0)
    assert found.charger == model.Charger(
        supply="1ph",
        phases=1,
        max_current_a=32.0,
        connectors=2,
        voltage_side="load",
        authorisation="free",
        fitted=("lock",),
        state_d_allowed=True,
        unattended_current_a=8.0,
        climate=ClimateSpec(ambient_c=35.0, sun_w=500.0),
        fault_settings={"residual_current_dc": {"reclose": "us", "clear_s": 5}},
    )
    assert [do.action for do in found.do] == [
        model.Plug(
            connector="2",
            vehicle=VehicleSpec(phases=1, demand_wh=900),
            words={"phases": 1, "demand_wh": 900},
        ),
        model.Change(connector="2", words={"wants_charge": False}),
        model.Start(connector="2", token="AA"),
        model.Stop(connector="2"),
        model.Reset(connector="1", by="service"),
        model.Inject(name="phase_lost", parameters={"phase": 3}),
        model.Clear(name="phase_lost"),
        model.Grid(
            voltage_v=(1.0, 2.0, 3.0),
            sag=model.Dip(share=0.5, phases=(2,), seconds=3.0),
            outage=True,
        ),
        model.Climate(ambient_c=-20.0, sun_w=800.0),
        model.RestartAgent(away_s=5.0, kill=True),
        model.Service(connector="1", available=False),
        model.Service(connector="1", available=True),
        model.Site(current_a=(10.0, 20.0, 30.0)),
        model.Unplug(connector="2"),
        wishes.Maintenance(connector="1"),
        wishes.Maintenance(connector="1", on=False),
        wishes.Unlock(connector="2"),
        wishes.Reserve(connector="2"),
        wishes.WantPhases(connector="1", phases=1),
        wishes.WantPhases(connector="1"),
        wishes.Profile(connector="1", limit_a=9.5),
    ]
    assert [do.refused for do in found.do].index(True) == 2
    first, second = found.expect
    assert (first.from_s, first.until_s, first.always, first.connector) == (9.0, 10.0, False, "2")
    assert first.wish == model.Wish(
        faults=("a", "b"),
        no_fault=("c",),
        cause="none",
        status="CHARGING",
        state="charging",
        contactor_closed=False,
        limit_a=model.Span(least=1.0),
        energy_wh=model.Span(most=2.5),
        locked=True,
        ocpi=model.OcpiWish(status="CHARGING", sessions=2, cdrs=1, cdr_kwh=model.Span(least=0.1)),
    )
    assert (second.from_s, second.until_s, second.always) == (20.0, 30.0, True)
    assert (second.connector, second.wish.no_faults) == (None, True)
    assert found.truth == model.Truth(cause="a", subject="1")


def test_with_one_connector_it_need_not_be_named() -> None:
    text = HEAD + '[[do]]\nat_s = 1\ninject = { name = "meter_lost" }\n'
    text += '[[expect]]\nby_s = 2\nstatus = "UNKNOWN"\n[[expect]]\nby_s = 2\nno_faults = true\n'
    found = loads(text)
    assert found.do[0].action == model.Inject(name="meter_lost", connector="1")
    assert [expect.connector for expect in found.expect] == ["1", None]


AFTER = {
    "nothing done before": ("", "", 0.0),
    "the last thing done": ("[[do]]\nat_s = 4\nstop = {}\n[[do]]\nat_s = 6\nstop = {}\n", "", 6.0),
    "not what comes later": (
        "[[do]]\nat_s = 4\nstop = {}\n[[do]]\nat_s = 11\nstop = {}\n",
        "",
        4.0,
    ),
    "not what is done then": ("[[do]]\nat_s = 10\nstop = {}\n", "", 0.0),
    "said": ("[[do]]\nat_s = 4\nstop = {}\n", "after_s = 2\n", 2.0),
}


@pytest.mark.parametrize(("do", "after", "from_s"), AFTER.values(), ids=AFTER)
def test_by_s_looks_from_the_last_action_on(do: str, after: str, from_s: float) -> None:
    text = f"{HEAD}{do}[[expect]]\nby_s = 10\n{after}no_faults = true\n"
    assert loads(text).expect[0].from_s == from_s


@pytest.mark.parametrize("path", sorted(ALL.glob("*.toml")), ids=lambda path: path.stem)
def test_the_scenarios_that_come_along_are_sound(path: Path) -> None:
    found = load(path)
    assert found.expect
    assert found.truth is not None
