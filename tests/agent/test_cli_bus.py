"""What `laddvakt bus …` says and how it leaves, against an agent and lines that are only played."""

from __future__ import annotations

import json
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from importlib import resources
from pathlib import Path
from string import Template

import pytest
from click.testing import CliRunner, Result

from agent.station_kit import PLACES
from laddvakt_agent.cli import laddvakt
from laddvakt_agent.cli.client import JsonObject

NOUGHT: JsonObject = {
    "requests": 0, "ok": 0, "no_reply": 0, "crc": 0, "short": 0, "wrong_unit": 0, "wrong_reply": 0,
    "echo": 0, "exceptions": {}, "port_gone": 0, "p50_ms": None, "p95_ms": None, "p99_ms": None,
    "turnaround_ms": None, "bytes_sent": 0, "bytes_received": 0,
}  # fmt: skip


def device(name: str, unit: int, profile: str, **counted: object) -> JsonObject:
    return {**NOUGHT, "name": name, "unit": unit, "profile": profile, "roles": [], **counted}  # type: ignore[dict-item]


def line(name: str = "line1", **more: object) -> JsonObject:
    shown: JsonObject = {
        "name": name, "port": "/dev/none1", "baud": 9600, "format": "8N1", "up": True,
        "reason": "", "notes": [], "longest_ms": 100.0, "silent_ms": 250.0, "share": 0.2,
        "utilisation": 0.41, "late": 0, "uart": None, "errors_seen": 0, "errors_after_switch": 0,
        "others": [],
        "devices": [
            device("evse1", 1, "simpleevse-wb-din", requests=40, ok=40, p50_ms=27.5),
            device("meter1", 2, "eastron-sdm72d-m-v2", requests=20, ok=20, p50_ms=56.5),
        ],
    }  # fmt: skip
    return {**shown, **more}  # type: ignore[dict-item]


ROW = ["meter1", "2", "20", "20", *"0000000", "56.5", *"–––", "0"]
Answer = Callable[[JsonObject], tuple[int, JsonObject]]


class FakeAgent(socketserver.UnixStreamServer):
    """Plays an agent: `lines` one after the other, `answers` to what is asked on them."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), _Handler)
        self.path = path
        self.lines: list[list[JsonObject]] = [[line()]]
        self.asked: list[JsonObject] = []
        self.answer: Answer = lambda _: (200, {"words": [0x4366, 0x8000], "bits": []})

    def run(self, *args: str) -> Result:
        return CliRunner().invoke(laddvakt, ["bus", *args, "--socket", str(self.path)])


class _Handler(BaseHTTPRequestHandler):
    server: FakeAgent

    def do_GET(self) -> None:
        lines = self.server.lines
        now = lines.pop(0) if len(lines) > 1 else lines[0]
        self._say(200, {"schema_version": 1, "lines": [*now]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append({"path": self.path, **body})
        times: JsonObject = {"sent_at_s": 1.0, "taken_at_s": 1.05}
        status, answer = self.server.answer(body)
        self._say(status, {**times, **answer})

    def _say(self, status: int, answer: JsonObject) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

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


def failing(kind: str, **more: str) -> Answer:
    return lambda _: (200, {"failed": {"kind": kind, "detail": f"{kind} it is", **more}})


def test_stats_are_a_table_with_dashes_for_what_nobody_has(agent: FakeAgent) -> None:
    done = agent.run("stats")
    assert done.exit_code == 0
    said = done.stdout.splitlines()
    assert said[0] == "line1 (9600 8N1): up, 41 % busy"
    assert said[1] == "  late 0; UART errors: frame –, parity –, overrun –"
    assert said[2].split()[:4] == ["device", "unit", "requests", "good"]
    assert said[4].split() == ROW


def test_stats_of_a_line_that_is_down_say_why(agent: FakeAgent) -> None:
    agent.lines = [[line(up=False, reason="port missing", uart={"frame": 3}, hint="try 19200")]]
    said = agent.run("stats", "--line", "line1").stdout
    assert "  try 19200\n" in said
    assert "DOWN - port missing" in said
    assert "frame 3, parity –" in said


def test_json_is_the_agents_own(agent: FakeAgent) -> None:
    told = json.loads(agent.run("stats", "--json").stdout)
    assert told == {"schema_version": 1, "lines": [line()]}


def test_a_value_comes_with_its_unit(agent: FakeAgent) -> None:
    done = agent.run("read", "meter1", "voltage_l1")
    assert (done.exit_code, done.stdout) == (0, "voltage_l1 = 230.5 V\n")
    asked = agent.asked[0]
    assert (asked["path"], asked["unit"], asked["function"]) == ("/bus/line1/ask", 2, 4)


def test_a_value_as_json(agent: FakeAgent) -> None:
    told = json.loads(agent.run("read", "2", "voltage_l1", "--json").stdout)
    assert (told["schema_version"], told["value"], told["unit_of_value"]) == (1, 230.5, "V")
    assert told["profile"] == "eastron-sdm72d-m-v2"


def test_registers_come_raw_and_as_what_they_could_be(agent: FakeAgent) -> None:
    said = agent.run("read", "2", "0..1", "--fc", "4").stdout
    assert "    0  4366  17254" in said
    assert "  f32 big: 230.5" in said
    typed = agent.run("read", "2", "0..1", "--fc", "4", "--type", "f32").stdout
    assert typed == "    0  230.5\n"


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("read", "meter2", "voltage_l1"), 78, "did you mean meter1?"),
        (("read", "meter1", "voltage_11"), 78, "did you mean voltage_l1"),
        (("read", "meter1", "voltage_l1", "--profile", "sdm72"), 78, "no profile 'sdm72'"),
        (("read", "99", "voltage_l1"), 78, "Add --profile ID"),
        (("read", "300", "0"), 78, "units are 1 to 247"),
        (("read", "1", "5..4"), 78, "the lower one first"),
        (("read", "1", "0..2", "--type", "f32"), 78, "f32 takes 2 registers"),
        (("read", "1", "0", "--type", "float"), 78, "'float' is unknown"),
        (("read", "1", "0", "--line", "line2"), 78, "did you mean line1?"),
        (("stats", "--line", "lin1"), 78, "did you mean line1?"),
        (("read", "1", "0", "--port", "/dev/x", "--tcp", "h"), 2, "not both"),
        (("read", "1", "0", "--port", "/dev/x", "--line", "line1"), 2, "a known line"),
        (("read", "1", "0", "--baud", "9600"), 2, "go with --port"),
        (("read", "1", "0", "--port", "/dev/x", "--format", "7N1"), 2, "8N1, 8E1"),
        (("read", "1", "0", "--tcp", "host:port"), 2, "HOST:PORT"),
        (("read", "1", "0", "--port", "/dev/none9"), 78, "/dev/none9: port missing"),
        (("read", "1", "0", "--port", "/dev/null"), 78, "/dev/null: not a serial port"),
        (("scan", "--bauds", "9600"), 2, "used directly"),
        (("scan", "--units", "0-300"), 2, "numbers up to 247, as in 1-32,100"),
        (("scan", "--port", "/dev/x", "--formats", "8X1"), 2, "8N1, 8E1"),
        (("record", "--port", "/dev/x", "--out", "x.lvrec"), 2, "its devices are not known"),
        (("write", "0", "1", "1", "--tcp", "h", "--yes"), 2, "Unit 0 is everybody"),
        (("write", "meter1", "voltage_l1", "1", "--yes"), 78, "cannot be written"),
        (("write", "evse1", "current_limit", "9000", "--yes"), 78, "9000"),
        (("write", "meter1", "4", "3", "--scale", "0", "--yes"), 2, "0 is no factor"),
        (("read", "1", "0", "--type", "u16", "--scale", "nan"), 2, "nan is no factor"),
        (("write", "meter1", "0..5", "3", "--yes"), 78, "one value is written at one address"),
        (("write", "meter1", "4", "0x", "--yes"), 78, "takes a number such as 16"),
        (("write", "meter1", "4", "9" * 400, "--yes"), 78, "takes a number such as 16"),
        (("write", "meter1", "4", "-5", "--type", "s16"), 2, "unit 2 register 4: fffb"),
        (("write", "meter1", "4", "1", "--yess"), 2, "unexpected extra argument"),
        (("scan", "--units", "1-300", "--tcp", "h"), 2, "numbers up to 255"),
        (("read", "100", "8016", "--port", "/dev/x", "--profile", "bender-rcmb300"), 2, "--clears"),
    ],
)  # fmt: skip
def test_bad_input_is_said_plainly_with_its_code(
    agent: FakeAgent, args: tuple[str, ...], code: int, said: str
) -> None:
    done = agent.run(*args)
    assert said in done.stderr
    assert (done.exit_code, done.stdout) == (code, "")
    assert not agent.asked


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (failing("no_reply"), 1, "unit 2 does not answer"),
        (failing("refused", exception="2"), 1, "exception 2"),
        (failing("garbled", garble="crc"), 1, "laddvakt bus doctor"),
        (failing("down"), 75, "down it is"),
        (lambda _: (409, {"error": "too long", "remedy": "fewer"}), 5, "too long\nfewer"),
        (lambda _: (403, {"error": "root only", "remedy": "sudo"}), 4, "root only\nsudo"),
    ],
    ids=["silent", "refused", "garbled", "down", "not now", "forbidden"],
)
def test_a_failed_read_says_what_may_help(
    agent: FakeAgent, answer: Answer, code: int, said: str
) -> None:
    agent.answer = answer
    done = agent.run("read", "meter1", "0")
    assert (done.exit_code, done.stdout) == (code, "")
    assert said in done.stderr


def test_without_yes_nothing_is_written(agent: FakeAgent) -> None:
    done = agent.run("write", "evse1", "current_limit", "6")
    assert done.exit_code == 2
    assert "Would write /dev/none1 9600 8N1: unit 1 register 1000: 0006" in done.stderr
    assert not agent.asked


def test_with_yes_the_agent_writes_and_logs(agent: FakeAgent) -> None:
    agent.answer = lambda _: (200, {"words": [], "bits": []})
    done = agent.run("write", "evse1", "current_limit", "6", "--yes")
    assert done.exit_code == 0
    assert "Written and confirmed" in done.stdout
    assert "bus_written" not in done.stderr  # that stands in the agent's own log
    (asked,) = agent.asked
    assert (asked["function"], asked["address"], asked["values"]) == (16, 1000, [6])


def test_a_row_that_clears_is_read_only_on_purpose(agent: FakeAgent) -> None:
    agent.lines = [[line(devices=[device("rcm1", 100, "bender-rcmb300")])]]
    refused = agent.run("read", "rcm1", "residual_current_dc_max")
    assert refused.exit_code == 2
    assert "--clears" in refused.stderr
    assert not agent.asked
    assert agent.run("read", "rcm1", "residual_current_dc_max", "--clears").exit_code == 0
    assert agent.asked[0]["clears"] is True


def test_a_scan_says_how_long_it_may_take_and_who_is_there(agent: FakeAgent) -> None:
    def some(body: JsonObject) -> tuple[int, JsonObject]:
        if body["unit"] == 2:
            return 200, {"failed": {"kind": "refused", "exception": "3", "detail": "x"}}
        return 200, {"failed": {"kind": "no_reply", "detail": "x"}}

    agent.answer = some
    done = agent.run("scan", "--units", "1-4")
    assert done.exit_code == 0
    assert done.stderr == "/dev/none1 9600 8N1: 4 questions, at most 5 s.\n"
    assert done.stdout.splitlines()[1].split() == ["2", "9600", "8N1", "exception", "3", "–"]
    told = json.loads(agent.run("scan", "--units", "1-4", "--json").stdout)
    assert [(f["unit"], f["exception"], f["baud"]) for f in told["found"]] == [(2, 3, 9600)]
    assert told["complete"] is True


def test_a_scan_that_finds_nobody_leaves_with_1(agent: FakeAgent) -> None:
    agent.answer = failing("no_reply")
    done = agent.run("scan", "--units", "1-3")
    assert done.exit_code == 1
    assert "Nobody answered; 3 questions were asked." in done.stdout


def test_identify_ranks_with_evidence(agent: FakeAgent) -> None:
    def meter(body: JsonObject) -> tuple[int, JsonObject]:
        if (body["function"], body["address"]) == (3, 64514):
            return 200, {"words": [0x89], "bits": []}
        return 200, {"failed": {"kind": "refused", "exception": "2", "detail": "x"}}

    agent.answer = meter
    done = agent.run("identify", "meter1")
    assert done.exit_code == 0
    assert done.stdout.startswith("unit 2: Eastron SDM72D-M-v2 (eastron-sdm72d-m-v2), certain\n")
    assert "  meter_code = 137\n" in done.stdout
    told = json.loads(agent.run("identify", "2", "--json").stdout)
    assert told["matches"][0]["confidence"] == "certain"
    assert all(asked["function"] in (1, 2, 3, 4) for asked in agent.asked)


def test_identify_says_when_nothing_fits_or_nobody_answers(agent: FakeAgent) -> None:
    agent.answer = failing("refused", exception="1")
    nothing = agent.run("identify", "2")
    assert (nothing.exit_code, "no known profile fits" in nothing.stdout) == (1, True)
    agent.answer = failing("no_reply")
    nobody = agent.run("identify", "2")
    assert (nobody.exit_code, "does not answer" in nobody.stderr) == (1, True)


def test_doctor_judges_what_happened_while_it_watched(agent: FakeAgent) -> None:
    before = [device("evse1", 1, "x", requests=1000, ok=900, crc=100),
              device("meter1", 2, "x", requests=50, ok=50)]  # fmt: skip
    well = [device("evse1", 1, "x", requests=1040, ok=940, crc=100),
            device("meter1", 2, "x", requests=70, ok=70)]  # fmt: skip
    agent.lines = [[line(devices=before)], [line(devices=well)]]
    done = agent.run("doctor", "--seconds", "1")
    assert done.exit_code == 0
    assert done.stdout == (
        "line1 (/dev/none1 9600 8N1)\n  ok: The line is well.\n    seen: 60 of 60 answered\n"
    )
    old = agent.run("doctor", "--since-start")
    assert old.exit_code == 1
    assert "TROUBLE: evse1 (unit 1): One device's replies are damaged" in old.stdout
    assert "seen: garbled: evse1 (unit 1) 100 of 1040" in old.stdout


def test_doctor_as_json_has_code_reason_and_remedies(agent: FakeAgent) -> None:
    silent = [device("evse1", 1, "x", requests=40, ok=40),
              device("meter1", 2, "x", requests=9, no_reply=9)]  # fmt: skip
    agent.lines = [[line(devices=silent)]]
    done = agent.run("doctor", "--since-start", "--json")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["schema_version"], told["ok"]) == (1, 1, False)
    (verdict,) = told["lines"][0]["verdicts"]
    assert (verdict["code"], verdict["subject"]) == ("one_silent", "meter1 (unit 2)")
    assert verdict["because"] == "9 of 9 requests not answered"
    assert verdict["remedies"]


def test_doctor_tells_a_line_the_agent_cannot_use(agent: FakeAgent) -> None:
    agent.lines = [[line(up=False, reason="/dev/none1: port missing; check the adapter")]]
    done = agent.run("doctor", "--since-start")
    assert done.exit_code == 1
    assert "seen: /dev/none1: port missing" in done.stdout


def test_several_lines_must_be_told_apart(agent: FakeAgent) -> None:
    agent.lines = [[line(), line("line2")]]
    done = agent.run("read", "1", "0")
    assert (done.exit_code, done.stderr) == (2, "Which line? Add --line; there is line1, line2.\n")


def test_without_an_agent_the_way_without_is_named(tmp_path: Path) -> None:
    none = str(tmp_path / "none.sock")
    done = CliRunner().invoke(laddvakt, ["bus", "stats", "--socket", none])
    assert done.exit_code == 3
    assert "The agent is not running" in done.stderr


def test_a_stopped_agents_line_is_used_directly_with_its_configuration(tmp_path: Path) -> None:
    """Also shows the port's own trouble: it does not exist here."""
    text = (resources.files("laddvakt_agent.demo") / "station.toml").read_text("utf-8")
    config = tmp_path / "laddvakt.toml"
    config.write_text(Template(text).substitute(PLACES, dir=str(tmp_path)))
    args = ["bus", "read", "meter1", "voltage_l1", "--config", str(config), "--line", "line1"]
    done = CliRunner().invoke(laddvakt, args)
    assert done.exit_code == 78
    assert done.stderr.startswith("/dev/none1: port missing")


def test_a_broken_configuration_says_all_that_is_wrong(tmp_path: Path) -> None:
    config = tmp_path / "laddvakt.toml"
    config.write_text("[station]\n")
    args = ["bus", "doctor", "--config", str(config), "--line", "line1"]
    done = CliRunner().invoke(laddvakt, args)
    assert done.exit_code == 78
    assert "country_code" in done.stderr


@pytest.mark.parametrize(
    ("content", "said"), [(None, "cannot be read"), (b"hello", "does not begin with LVREC")]
)
def test_a_replay_of_what_is_no_recording_leaves_with_78(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "x.lvrec"
    if content is not None:
        path.write_bytes(content)
    done = CliRunner().invoke(laddvakt, ["bus", "replay", str(path), "--tcp", "0"])
    assert done.exit_code == 78
    assert said in done.stderr


def test_status_loads_nothing_of_the_survey() -> None:
    """The commands of every day start in a blink."""
    code = (
        "import sys; from laddvakt_agent.cli import laddvakt; laddvakt.get_command(None, 'status');"
        "print([m for m in sys.modules if m.startswith('laddvakt_hal')"
        " or m.startswith('laddvakt_agent.cli.bus')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.strip() == "[]"
