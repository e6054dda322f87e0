"""What `status` and `faults` print, from answers a fake agent gives over its Unix socket."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from laddvakt_agent.cli import connector as connector_module
from laddvakt_agent.cli import laddvakt
from laddvakt_agent.cli.client import Json, JsonObject
from laddvakt_agent.core.faults.catalogue import CATALOGUE
from laddvakt_agent.texts import text_for

WELL: JsonObject = {
    "ready": True,
    "connectors": [
        {
            "id": "1", "status": "CHARGING", "state": "charging",
            "reason": "charging: vehicle asks", "deciding_fault": None, "limit_a": 16.0,
            "current_a": [16.04, 15.96, 16.0], "power_w": 11040.0, "session_energy_wh": 21.0,
        },
        {
            "id": "2", "status": "AVAILABLE", "state": "available",
            "reason": "available: no vehicle", "deciding_fault": None, "limit_a": 0.0,
            "current_a": [0.0, None, None], "power_w": None, "session_energy_wh": None,
        },
    ],
    "lines": [{"name": "line1", "up": True, "reason": ""}],
    "faults": [],
    "uplink": {"reachable": True, "refused": False, "pending": 0},
    "ledger": {"durable": True},
}  # fmt: skip
WELL_TEXT = """\
connector 1: CHARGING - charging (vehicle asks)
  offer 16.0 A, current 16.0 16.0 16.0 A, power 11.0 kW, session 21.0 Wh
connector 2: AVAILABLE - available (no vehicle)
  offer 0.0 A, current 0.0 – – A, power –, session –
"""


def fault(code: str, ident: str, kind: str, subject: str, cause: str, **more: str) -> JsonObject:
    at = "2027-01-31T10:00:00.123Z"
    return {
        "id": ident, "code": code, "subject": subject, "subject_kind": kind, "severity": "fault",
        "title": f"Title of {code}", "evidence": "5 A > 1 A", "cause": cause, "cause_id": ident,
        "next": "see to it", "started_at": at, "cleared_at": None, **more,
    }  # fmt: skip


DOWN = fault("bus_down", "f1", "line", "line1", "bus_down")
SEEN_NO_MORE = {**fault("tilted", "f5", "connector", "1", "tilted"), "gone": True}
SEEN_NO_MORE_TEXT = """\
FAULT tilted (connector 1) since 2027-01-31 10:00:00 UTC, no longer seen
  Title of tilted: 5 A > 1 A
  next: see to it
"""
SILENT = fault("device_lost", "f2", "device", "evse1", "bus_down", cause_id="f1")
STOP = fault("emergency_stop", "f3", "station", "station", "emergency_stop", evidence="")
OVER = fault(
    "meter_lost", "f4", "device", "meter1", "power_lost",
    cleared_at="2027-01-31T11:00:00.000Z",
)  # fmt: skip
TREE = """\
FAULT bus_down (line line1) since 2027-01-31 10:00:00 UTC
  Title of bus_down: 5 A > 1 A
  next: see to it
    FAULT device_lost (device evse1) since 2027-01-31 10:00:00 UTC
      Title of device_lost: 5 A > 1 A
      caused by bus_down
      next: see to it
FAULT emergency_stop (station) since 2027-01-31 10:00:00 UTC
  Title of emergency_stop
  next: see to it
"""
OVER_TEXT = """\
FAULT meter_lost (device meter1) since 2027-01-31 10:00:00 UTC, cleared 2027-01-31 11:00:00 UTC
  Title of meter_lost: 5 A > 1 A
  caused by power_lost
"""


class FakeAgent(socketserver.UnixStreamServer):
    """Answers every request with the same code and JSON."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), _Handler)
        self.path = path
        self.status = 200
        self.answer: JsonObject = {}
        self.first: list[JsonObject] = []  # given before `answer`, in this order

    def run(self, *args: str) -> Result:
        return CliRunner().invoke(laddvakt, [*args, "--socket", str(self.path)])


class _Handler(BaseHTTPRequestHandler):
    server: FakeAgent

    def do_GET(self) -> None:
        first = self.server.first
        body = json.dumps(first.pop(0) if first else self.server.answer).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[FakeAgent]:
    with FakeAgent(tmp_path / "api.sock") as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_well_charger_in_numbers_a_person_reads(agent: FakeAgent) -> None:
    agent.answer = WELL
    done = agent.run("status")
    assert (done.exit_code, done.output) == (0, WELL_TEXT)


@pytest.mark.parametrize(
    ("power_w", "energy_wh", "expected"),
    [
        (999.9, 999.9, "power 999.9 W, session 999.9 Wh"),
        (999.96, 999.96, "power 1.0 kW, session 1.00 kWh"),
        (-1500.0, 12345.0, "power -1.5 kW, session 12.35 kWh"),
    ],
)
def test_units_grow_with_the_number(
    agent: FakeAgent, power_w: float, energy_wh: float, expected: str
) -> None:
    part: JsonObject = {"id": "1", "power_w": power_w, "session_energy_wh": energy_wh}
    agent.answer = {"connectors": [part]}
    assert expected in agent.run("status").output
    assert "current –," in agent.run("status").output


@pytest.mark.parametrize(
    ("more", "code", "expected"),
    [
        ({"ledger": {"durable": False}}, 1,
         "ledger: cannot be written; no session begins, because none could be billed\n"
         "  free or remount the disk, then: systemctl restart laddvakt\n"),
        ({"uplink": {"reachable": True, "refused": True, "pending": 1}}, 0,
         "backend: refuses the token or an object, 1 object waits\n"
         "  check the token and the [uplink] URLs; the answer is in: journalctl -u laddvakt\n"),
        ({"uplink": {"reachable": False, "refused": False, "pending": 3}}, 0,
         "backend: not reachable, 3 objects wait; it is tried again by itself\n"),
        ({"uplink": {"reachable": True, "refused": False, "pending": 2}}, 0,
         "backend: 2 objects wait\n"),
        ({"uplink": None}, 0, ""),
        ({"uplink": {"platforms": [{"name": "hub", "registered": False}]}}, 0,
         "platform hub: nothing is agreed on with it, so it is told nothing\n"
         "  see: laddvakt uplink status; or: laddvakt uplink register --name hub\n"),
        ({"lines": [{"name": "line1", "up": False, "reason": "port missing"}]}, 0,
         "line line1: DOWN - port missing\n"),
        ({"lines": [{"name": "line1", "up": True, "hint": "looks like another baud rate"}]}, 0,
         "line line1: looks like another baud rate\n"),
        ({"devices": [{"name": "m1", "unit": 2, "line": "line1", "profile": "eastron-sdm630",
                       "as_configured": False, "identity_changed": None}]}, 0,
         "device m1 (unit 2): another model than eastron-sdm630 answers\n"
         "  laddvakt bus identify 2 --line line1 says what it is\n"),
        ({"devices": [{"name": "m1", "unit": 2, "as_configured": True, "identity_changed":
                       {"quantity": "serial", "before": "7", "now": "8"}}]}, 0,
         "device m1 (unit 2): was exchanged, serial was 7, is 8\n"),
        ({"faults": [STOP, SILENT, DOWN]}, 1,
         "".join(TREE.splitlines(keepends=True)[7:] + TREE.splitlines(keepends=True)[:7])),
    ],
    ids=["ledger", "refused", "unreachable", "waiting", "no uplink", "nobody told", "line", "hint",
         "stranger",
         "exchanged", "faults"],
)  # fmt: skip
def test_what_stands_against_it_follows(
    agent: FakeAgent, more: JsonObject, code: int, expected: str
) -> None:
    agent.answer = {**WELL, **more}
    done = agent.run("status")
    assert (done.exit_code, done.output) == (code, WELL_TEXT + expected)


def test_a_start_and_a_deciding_fault_are_said(agent: FakeAgent) -> None:
    part: JsonObject = {
        "id": "2", "status": "OUTOFORDER", "state": "faulted", "reason": "faulted: fault",
        "deciding_fault": "contactor_welded",
    }  # fmt: skip
    agent.answer = {"ready": False, "connectors": [part]}
    shown = agent.run("status").output.splitlines()
    assert shown[0] == "starting: not every device has been heard yet"
    assert shown[1] == "connector 2: OUTOFORDER - faulted (contactor_welded)"


@pytest.mark.parametrize(
    ("faults", "options", "code", "expected"),
    [
        ([], (), 0, "No fault stands.\n"),
        ([OVER], (), 0, "No fault stands.\n"),
        ([SEEN_NO_MORE], (), 1, SEEN_NO_MORE_TEXT),
        ([OVER], ("--all",), 0, OVER_TEXT),
        ([DOWN, STOP, SILENT, OVER], (), 1, TREE),
        ([OVER, DOWN, STOP, SILENT], ("--all",), 1, TREE + OVER_TEXT),
    ],
    ids=["none", "cleared", "no longer seen", "cleared with all", "tree", "tree with all"],
)
def test_causes_first_with_their_symptoms_below(
    agent: FakeAgent, faults: list[JsonObject], options: tuple[str, ...], code: int, expected: str
) -> None:
    agent.answer = {"faults": [*faults]}
    done = agent.run("faults", *options)
    assert (done.exit_code, done.output) == (code, expected)


def test_json_is_the_answer_itself(agent: FakeAgent) -> None:
    agent.answer = {"schema_version": 1, "faults": [DOWN]}
    done = agent.run("faults", "--json")
    assert json.loads(done.output) == agent.answer
    assert done.exit_code == 1


@pytest.mark.parametrize(("status", "code"), [(403, 4), (409, 5)])
def test_a_refusal_prints_its_remedy(agent: FakeAgent, status: int, code: int) -> None:
    agent.status, agent.answer = status, {"error": "not now", "remedy": "later"}
    done = agent.run("connector", "1", "reset")
    assert (done.exit_code, done.stderr, done.stdout) == (code, "not now\nlater\n", "")


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("reset", "--local", "--service"), "give --local or --service"),
        (("stop", "--local"), "--local and --service go with reset"),
        (("stop", "--token", "T"), "--token goes with start"),
        (("open",), "is not one of 'start', 'stop', 'reset', 'out', 'in'"),
    ],
)
def test_options_that_do_not_go_together(
    agent: FakeAgent, args: tuple[str, ...], expected: str
) -> None:
    done = agent.run("connector", "1", *args)
    assert done.exit_code == 2
    assert expected in done.output


def test_done_is_one_sentence(agent: FakeAgent) -> None:
    agent.answer = {"message": "connector 1: stopping"}
    assert agent.run("connector", "1", "stop").output == "connector 1: stopping\n"


def test_details_bring_the_catalogues_page_of_each_cause(agent: FakeAgent) -> None:
    """What a technician works by: causes, checks with tool and value; symptoms need none."""
    symptom = {**fault("device_lost", "b", "device", "evse1", "bus_down"), "cause_id": "a"}
    agent.answer = {"faults": [fault("bus_down", "a", "line", "line1", "bus_down"), symptom]}
    output = agent.run("faults", "--details", "--lang", "sv").output
    assert output.startswith("FAULT bus_down")
    title = text_for("bus_down", "sv").title
    assert output.count(f"bus_down: {title}") == 1
    symptom_title = text_for("device_lost", "sv").title
    assert f"      {symptom_title}: 5 A > 1 A" in output  # the list speaks the language too
    assert f"device_lost: {symptom_title}" not in output


def test_explanations_are_chains(agent: FakeAgent) -> None:
    """Each reason with since-when and what would change it; faults by their title."""
    agent.answer = {"connectors": [{
        "id": "1", "charging": False,
        "why": [
            {"what": "a fault holds the contactor open", "since": "2027-01-31T10:00:00Z",
             "for_s": 300.0, "change": None, "fault": None},
            {"what": "over_voltage: 262 V", "since": "2027-01-31T10:00:00Z", "for_s": 9000.0,
             "change": "its end: it clears by itself",
             "fault": {"code": "over_voltage", "title": "Mains voltage too high"}},
            {"what": "and more", "since": "2027-01-31T10:00:00Z", "for_s": 7.2, "change": None},
        ],
        "current": [{"what": "nothing is offered", "since": None, "for_s": None, "change": None}],
    }]}  # fmt: skip
    done = agent.run("explain", "1")
    assert (done.exit_code, done.output) == (0, EXPLAINED)
    assert json.loads(agent.run("explain", "--json").output) == agent.answer
    missing = agent.run("explain", "7")
    assert missing.exit_code == 5
    assert "Connectors here: 1." in missing.output


EXPLAINED = """\
connector 1: why is it not charging?
  - a fault holds the contactor open (since 10:00:00 UTC, 5 min)
  - Mains voltage too high [over_voltage]: 262 V (since 10:00:00 UTC, 2.5 h)
    changes with: its end: it clears by itself
  - and more (since 10:00:00 UTC, 7 s)
  why this current?
  - nothing is offered
"""


def test_the_gravest_comes_first(agent: FakeAgent) -> None:
    """By the gravest of a cause and its symptoms; of equal ones as diagnosis ranks them."""
    told: list[Json] = [
        {**fault("clock_unset", "a", "station", "station", "clock_unset"), "severity": "warning"},
        {**fault("bus_down", "b", "line", "line1", "bus_down"), "cause_rank": 2},
        {**fault("meter_lost", "c", "device", "meter1", "meter_lost"), "cause_rank": 1},
        {**fault("bus_noisy", "d", "line", "line2", "bus_noisy"), "severity": "warning"},
        {**fault("contactor_welded", "e", "connector", "1", "bus_noisy"), "severity": "safety",
         "cause_id": "d"},
    ]  # fmt: skip
    agent.answer = {"faults": told}
    lines = [line.split()[1] for line in agent.run("faults").output.splitlines() if "since" in line]
    assert lines == ["bus_noisy", "contactor_welded", "meter_lost", "bus_down", "clock_unset"]
    pages = agent.run("faults", "--details").output
    headings = [
        line.split(":")[0] for line in pages.splitlines() if line.split(":")[0] in CATALOGUE
    ]
    assert headings == ["bus_noisy", "meter_lost", "bus_down", "clock_unset"]


UPKEEP: dict[str, tuple[JsonObject, str]] = {
    "well": ({"maintenance": False, "tests": [], "contactor": {"wear_share": 0.79}}, ""),
    "maintenance": (
        {"maintenance": True},
        "  maintenance: an open door is no fault; end it with: laddvakt connector 1 normal\n",
    ),
    "unbilled": (
        {"unbilled": {"s1": "the meter signed no end value"}},
        "  session s1 is not billed: the meter signed no end value\n",
    ),
    "tests": (
        {"tests": [
            {"test": "open", "passed": True, "detail": "every witness says open"},
            {"test": "lock", "passed": False, "detail": "it did not lock"},
        ]},
        "  self-test lock FAILED: it did not lock\n",
    ),
    "slower": (
        {"contactor": {"slower": True, "wear_share": 0.1}},
        "  contactor: moves clearly slower than at first; have it looked at\n",
    ),
    "worn": (
        {"contactor": {"slower": False, "wear_share": 0.8}},
        "  contactor: 80% of its rated life is used; plan its exchange\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("more", "expected"), UPKEEP.values(), ids=UPKEEP)
def test_what_somebody_should_look_after_is_said(
    agent: FakeAgent, more: JsonObject, expected: str
) -> None:
    """Forgotten maintenance, a session without bill, failed tests, wear; else nothing."""
    connector = {"id": "1", "status": "AVAILABLE", "state": "available", "reason": "x", **more}
    agent.answer = {"connectors": [connector]}
    lines = agent.run("status").output.splitlines(keepends=True)
    assert "".join(lines[2:]) == expected


def _tested(*tests: JsonObject, testing: tuple[str, ...] = (), **more: str) -> JsonObject:
    told: JsonObject = {
        "id": "1", "state": "available", "tests": list(tests), "testing": list(testing), **more
    }  # fmt: skip
    return {"connectors": [told]}


OLD: JsonObject = {
    "test": "open",
    "passed": False,
    "at": "2027-01-31T09:00:00Z",
    "detail": "closed",
}
OPEN: JsonObject = {"test": "open", "passed": True, "at": "2027-01-31T10:00:00Z", "detail": "open"}
FAILED: JsonObject = {
    "test": "lock",
    "passed": False,
    "at": "2027-01-31T10:00:04Z",
    "detail": "stuck",
}
ASKED: JsonObject = {"message": "connector 1: testing open, lock"}
TESTS = {
    "passed": (
        [_tested(OLD), ASKED, _tested(OLD, testing=("open",)), _tested(OPEN)], 0,
        "  self-test open passed: open\n",
    ),
    "failed": (
        [_tested(OLD), ASKED, _tested(OPEN, FAILED)], 1,
        "  self-test open passed: open\n  self-test lock FAILED: stuck\n",
    ),
    "vehicle there": (
        [_tested(OLD), ASKED, _tested(OLD, testing=("open", "lock"), state="charging")], 0, "",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("answers", "code", "expected"), TESTS.values(), ids=TESTS)
def test_self_tests_say_how_they_ended(
    agent: FakeAgent, answers: list[JsonObject], code: int, expected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Those asked for now, once they have; where a vehicle is in the way nobody waits."""
    monkeypatch.setattr(connector_module, "LOOK_S", 0.0)
    agent.first = list(answers)
    done = agent.run("test")
    assert (done.exit_code, done.output) == (code, f"{ASKED['message']}\n{expected}")
    agent.first = list(answers)
    told = json.loads(agent.run("test", "1", "--only", "open", "--json").output)
    assert told["message"] == ASKED["message"]
    assert len(told["tests"]) == expected.count("\n")
