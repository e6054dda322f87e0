"""What a real run is made of, without running it: configuration, limits, looking, the grid."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from laddvakt_agent.cli.run import profile
from laddvakt_agent.config import load as load_configuration
from laddvakt_sim.scenario import Observed, Seen, SeenOcpi, loads
from laddvakt_sim.scenario.model import Charger, Clear, Dip, Grid, Inject
from laddvakt_sim.scenario.real import grid
from laddvakt_sim.scenario.real.config import TOKEN_UID, Places, configuration
from laddvakt_sim.scenario.real.limits import beyond_board
from laddvakt_sim.scenario.real.look import Baseline, look
from laddvakt_sim.scenario.real.peers import JsonObject, Peer, SilentError
from laddvakt_sim.scenario.real.requests import to_agent, to_board

HEAD = 'schema = 1\nname = "x"\nabout = "One sentence."\nduration_s = 100.0\n'
TRUTH = '[truth]\ncause = "none"\n'
CHARGERS = {
    "plain": Charger(),
    "both connectors": Charger(connectors=2, max_current_a=32.0, phases=1),
    "nothing fitted, free": Charger(fitted=(), authorisation="free", connectors=2),
    "left alone": Charger(state_d_allowed=True, unattended_current_a=6.0),
    "other times": Charger(
        fault_settings={
            "residual_current_dc": {"reclose": "us", "clear_s": 5, "backoff_s": 7.5},
            "meter_lost": {"ramp_after_s": 2.0},
        }
    ),
}


@pytest.mark.parametrize("charger", CHARGERS.values(), ids=CHARGERS)
def test_the_agent_takes_the_configuration(tmp_path: Path, charger: Charger) -> None:
    places = Places(
        directory=tmp_path / "ü 🚗",
        line1=str(tmp_path / "line1"),
        line2=str(tmp_path / "line2"),
        tcp1_host="127.0.0.1",
        tcp1_port=4711,
        endpoints={
            name: f"http://127.0.0.1:1/{name}"
            for name in ("locations", "sessions", "cdrs", "faults")
        },
    )
    places.directory.mkdir()
    places.token_file.write_text("secret")
    places.token_file.chmod(0o600)
    path = tmp_path / "laddvakt.toml"
    path.write_text(configuration(charger, places))
    load_configuration(path, profile)
    content = tomllib.loads(path.read_text())
    assert [connector["id"] for connector in content["connector"]] == list(charger.names)
    first = content["connector"][0]
    assert first["max_current_a"] == charger.max_current_a
    assert first.get("unattended_current_a") == charger.unattended_current_a
    assert first["state_d_allowed"] is charger.state_d_allowed
    assert content["station"]["authorisation"] == charger.authorisation
    assert ("residual_monitor" in first) is bool(charger.fitted)
    assert content.get("fault", {}) == dict(charger.fault_settings)


BEYOND = {
    "supply": ('[charger]\nsupply = "it-tt-3x230"\n' + TRUTH, "fed by tn-tt-230-400"),
    "load side": ('[charger]\nvoltage_side = "load"\n' + TRUTH, "line side"),
    "fitted": ('[charger]\nfitted = ["feedback", "door", "tilt"]\n' + TRUTH, "has no door, tilt"),
    "a reservation": ("[[do]]\nat_s = 1\nreserve = {}\n" + TRUTH, "only a backend may ask"),
    "phases": ("[[do]]\nat_s = 1\nphases = {}\n" + TRUTH, "only a backend may ask"),
    "a profile": ("[[do]]\nat_s = 1\nprofile = {}\n" + TRUTH, "only a backend may ask"),
    "the clock": ('[[expect]]\nby_s = 1\nfault = "clock_unset"\n', "the clock of this machine"),
}


@pytest.mark.parametrize(("text", "said"), BEYOND.values(), ids=BEYOND)
def test_what_the_board_does_not_have_is_refused(text: str, said: str) -> None:
    (problem,) = beyond_board(loads(HEAD + text))
    assert said in problem.what
    assert "in process" in problem.remedy


def test_what_it_has_is_not() -> None:
    text = '[charger]\nconnectors = 2\nphases = 1\nfitted = ["feedback"]\n' + TRUTH
    assert beyond_board(loads(HEAD + text)) == ()


class FakePeer(Peer):
    """Somebody whose answers are known; silent where there are none."""

    def __init__(self, answers: dict[str, JsonObject]) -> None:
        super().__init__(name="somebody")
        object.__setattr__(self, "answers", answers)

    def ask(self, method: str, target: str, body: JsonObject | None = None) -> JsonObject:
        del body
        answers: dict[str, JsonObject] = object.__getattribute__(self, "answers")
        if target not in answers:
            raise SilentError(f"{method} {target}")
        return answers[target]


BOARD = FakePeer(
    {
        "/state": {
            "connectors": {
                "1": {"contactor_closed": True, "plant_energy_wh": 150.5},
                "2": {"contactor_closed": False, "plant_energy_wh": 0.0},
            }
        }
    }
)
FAULTS = [
    {"id": "a", "code": "device_lost", "cause": "bus_down", "connectors": ["1"], "cause_rank": 1},
    {"id": "b", "code": "meter_lost", "cause": "meter_lost", "connectors": ["1", "2"]}
    | {"cause_rank": 2},
    {"id": "c", "code": "bus_down", "cause": "bus_down", "connectors": ["1"], "cause_rank": 0},
    {"id": "d", "code": "meter_frozen", "cause": "meter_frozen", "connectors": ["1", "2"]}
    | {"cause_rank": 3},
    {"id": "f", "code": "clock_jumped", "cause": "clock_jumped", "connectors": ["1"]},
    {"id": "e", "code": "storage_worn", "cause": "storage_worn", "connectors": []}
    | {"cause_rank": 4},
]
AGENT = FakePeer(
    {
        "/status": {
            "faults": FAULTS,
            "connectors": [
                {
                    "id": "1",
                    "evse_uid": "E1",
                    "status": "INOPERATIVE",
                    "state": "faulted",
                    "limit_a": 0,
                },
                {"id": "2", "evse_uid": "E2", "status": "CHARGING"},
            ],
        }
    }
)
BACKEND = FakePeer(
    {
        "/objects": {
            "locations": [
                {"evses": [{"uid": "E1", "status": "INOPERATIVE"}, {"uid": "E9", "status": "X"}]}
            ],
            "sessions": [{}, {}, {}],
            "cdrs": [{"total_energy": 1.5}, {"total_energy": 0.25}],
        }
    }
)
SILENT = FakePeer({})


def test_a_look_brings_truth_word_and_backend_together() -> None:
    before = Baseline(
        energy_wh={"1": 100.0}, sessions=1, cdrs=1, cdr_kwh=1.0, faults=frozenset({"d"})
    )
    assert look(BOARD, AGENT, BACKEND, 7.0, before) == Observed(
        at_s=7.0,
        connectors={
            "1": Seen(
                status="INOPERATIVE",
                state="faulted",
                faults=frozenset({"device_lost", "meter_lost", "bus_down"}),
                cause="bus_down",
                contactor_closed=True,
                limit_a=0.0,
                energy_wh=50.5,
            ),
            "2": Seen(
                status="CHARGING",
                faults=frozenset({"meter_lost"}),
                cause="meter_lost",
                contactor_closed=False,
                energy_wh=0.0,
            ),
        },
        faults=frozenset({"device_lost", "meter_lost", "bus_down", "storage_worn"}),
        cause="bus_down",
        ocpi=SeenOcpi(statuses={"1": "INOPERATIVE"}, sessions=2, cdrs=1, cdr_kwh=0.75),
    )


def test_who_is_silent_is_unknown() -> None:
    found = look(BOARD, SILENT, SILENT, 7.0, Baseline())
    assert found.connectors["1"] == Seen(contactor_closed=True, energy_wh=150.5)
    assert (found.faults, found.cause, found.ocpi) == (None, None, None)
    assert look(SILENT, SILENT, None, 7.0, Baseline()) == Observed(at_s=7.0)


def test_what_was_there_before_does_not_count() -> None:
    before = Baseline.taken(BOARD, AGENT, BACKEND)
    after = look(BOARD, AGENT, BACKEND, 1.0, before)
    assert after.connectors["1"].energy_wh == 0.0
    assert after.connectors["1"].faults == after.faults == frozenset()
    assert after.connectors["1"].cause == after.cause == "none"
    assert after.ocpi == SeenOcpi(statuses={"1": "INOPERATIVE"}, sessions=0, cdrs=0, cdr_kwh=0.0)


GRIDS = {
    "voltages": (
        Grid(voltage_v=(253.0, 230.0, 207.0)),
        (
            Clear(name="over_voltage"),
            Clear(name="under_voltage"),
            Inject(name="over_voltage", parameters={"share": 1.1, "phases": [1]}),
            Inject(name="under_voltage", parameters={"share": 0.9, "phases": [3]}),
        ),
    ),
    "a sag": (
        Grid(sag=Dip(share=0.5, phases=(2,), seconds=3.0)),
        (Inject(name="under_voltage", parameters={"share": 0.5, "phases": [2], "seconds": 3.0}),),
    ),
    "a swell": (
        Grid(swell=Dip(share=1.2, seconds=3.0)),
        (
            Inject(
                name="over_voltage", parameters={"share": 1.2, "phases": [1, 2, 3], "seconds": 3.0}
            ),
        ),
    ),
    "lost phases": (
        Grid(lost_phases=(1, 3)),
        (
            Clear(name="phase_lost"),
            Inject(name="phase_lost", parameters={"phase": 1}),
            Inject(name="phase_lost", parameters={"phase": 3}),
        ),
    ),
    "all phases back": (Grid(lost_phases=()), (Clear(name="phase_lost"),)),
    "neutral gone, power back": (
        Grid(neutral_lost=True, outage=False),
        (Inject(name="neutral_lost"), Clear(name="power_lost")),
    ),
    "what is no fault": (Grid(frequency_hz=52.0, supply_ohm=0.5), ()),
}


@pytest.mark.parametrize(("words", "steps"), GRIDS.values(), ids=GRIDS)
def test_the_grid_is_told_by_faults(words: Grid, steps: tuple[Inject | Clear, ...]) -> None:
    assert grid.steps(words) == steps


ASKED: dict[str, tuple[str, tuple[tuple[str, str, object], ...]]] = {
    "plug": (
        "plug = { phases = 1, demand_wh = 900 }",
        (("POST", "/connectors/1/plug", {"phases": 1, "demand_wh": 900}),),
    ),
    "vehicle": (
        "vehicle = { wants_charge = false }",
        (("PATCH", "/connectors/1/vehicle", {"wants_charge": False}),),
    ),
    "unplug": ("unplug = {}", (("POST", "/connectors/1/unplug", {}),)),
    "inject": (
        'inject = { name = "over_current", factor = 2 }',
        (("POST", "/faults", {"name": "over_current", "connector": "1", "factor": 2}),),
    ),
    "clear": (
        'clear = { name = "wire_lost", line = "line1" }',
        (("DELETE", "/faults/wire_lost?line=line1", None),),
    ),
    "clear all": ("clear = {}", (("DELETE", "/faults?", None),)),
    "grid": (
        "grid = { supply_ohm = 0.4, outage = true, lost_phases = [] }",
        (
            ("PATCH", "/grid", {"supply_ohm": 0.4}),
            ("DELETE", "/faults/phase_lost?", None),
            ("POST", "/faults", {"name": "power_lost"}),
        ),
    ),
    "climate": ("climate = { ambient_c = -5 }", (("PATCH", "/climate", {"ambient_c": -5.0}),)),
    "site": (
        "site = { current_a = [1, 2, 3] }",
        (("PATCH", "/grid", {"house_a": [1.0, 2.0, 3.0]}),),
    ),
    "the agent's business": ("stop = {}", ()),
}


@pytest.mark.parametrize(("do", "asked"), ASKED.values(), ids=ASKED)
def test_what_the_board_is_asked(do: str, asked: tuple[tuple[str, str, object], ...]) -> None:
    (done,) = loads(f"{HEAD}[[do]]\nat_s = 1\n{do}\n{TRUTH}").do
    assert to_board(done.action) == asked
    assert (to_agent(done.action) is None) is bool(asked)


TOLD = {
    "start": ("start = {}", "start", {"token": TOKEN_UID}),
    "start with a card": ('start = { token = "A" }', "start", {"token": "A"}),
    "stop": ("stop = {}", "stop", {}),
    "reset": ('reset = { by = "local" }', "reset", {"by": "local"}),
    "out": ("out_of_service = {}", "out", {}),
    "in": ("in_service = {}", "in", {}),
    "a technician comes": ("maintenance = {}", "maintenance", {}),
    "and is done": ("maintenance = { on = false }", "normal", {}),
    "unlock": ("unlock = {}", "unlock", {}),
}


@pytest.mark.parametrize(("do", "verb", "body"), TOLD.values(), ids=TOLD)
def test_what_the_agent_is_asked(do: str, verb: str, body: dict[str, str]) -> None:
    (done,) = loads(f"{HEAD}[[do]]\nat_s = 1\n{do}\n{TRUTH}").do
    assert to_agent(done.action) == ("POST", f"/connectors/1/{verb}", body)
    assert to_board(done.action) == ()


def test_the_supply_itself_is_told_by_its_values() -> None:
    assert grid.values(Grid(frequency_hz=52.0, outage=True)) == {"frequency_hz": 52.0}
    assert grid.values(Grid(supply_ohm=0.0)) == {"supply_ohm": 0.0}
