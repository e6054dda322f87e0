"""The configuration: everything wrong is said at once, with its line and its remedy."""

from __future__ import annotations

import zoneinfo
from importlib import resources
from pathlib import Path
from string import Template

import pytest

from laddvakt_agent.cli.run import profile
from laddvakt_agent.config import Config, ConfigError, faults_page, load, parse
from laddvakt_agent.hardware import line_settings
from laddvakt_hal.bus import SerialSettings, TcpSettings
from laddvakt_hal.profile import Profile

PLACES = {
    "dir": "/tmp/x", "line1": "/dev/ttyUSB0", "line2": "/dev/ttyUSB1",
    "tcp1_host": "127.0.0.1", "tcp1_port": "1502", "locations": "http://127.0.0.1/l",
    "sessions": "http://127.0.0.1/s", "cdrs": "http://127.0.0.1/c", "faults": "http://127.0.0.1/f",
}  # fmt: skip
TEXT = Template(
    (resources.files("laddvakt_agent.demo") / "station.toml").read_text("utf-8")
).substitute(PLACES)


RELAY = 'contactor = { device = "relay1", coil = 0, mirror_input = 0 }'
STOP = 'emergency_stop = { device = "relay1", input = 1 }'


def good(text: str = TEXT) -> Config:
    return parse(text, "station.toml", profile)


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        good(text)
    return caught.value.problems


def line_of(text: str, part: str) -> int:
    return next(n for n, line in enumerate(text.splitlines(), 1) if part in line)


def test_the_demo_station_is_read_whole() -> None:
    config = good()
    assert [part.id for part in config.connector] == ["1", "2"]
    assert config.connector[0].device_names() == ("evse1", "meter1", "rcm1", "relay1")
    assert [uplink.retry_max_s for uplink in config.uplink] == [2.0]
    assert config.line[2].tcp_port == 1502


def test_a_lines_wiring_reaches_the_hardware() -> None:
    wired = 'format = "8E1"\ndirection = "rts"\nrts_after_ms = 2\nrts_on_send = false\necho = true'
    text = TEXT.replace('format = "8N1"', wired, 1)
    text = text.replace("tcp_port = 1502", 'framing = "rtu"', 1)
    config = parse(text, "station.toml", profile)
    serial, tcp = line_settings(config.line[0]), line_settings(config.line[2])
    assert isinstance(serial, SerialSettings)
    assert isinstance(tcp, TcpSettings)
    assert (serial.direction, serial.rts_after_s, serial.rts_on_send) == ("rts", 0.002, False)
    assert (serial.format, serial.echo, tcp.framing) == ("8E1", True, "rtu")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("baud = 9600", "baud = 96", "outside 1200 to 256000"),
        ("baud = 9600", 'baud = "9600"', "must be a whole number"),
        ('format = "8N1"', 'format = "7N1"', "is not one of: 8N1"),
        ('format = "8N1"', 'direction = "auto"', "is not one of: none, kernel, rts"),
        ('format = "8N1"', 'framing = "rtu"', "framing means nothing on a serial line"),
        ("tcp_port = 1502", "baud = 9600", "baud means nothing on a TCP line"),
        ("tcp_port = 1502", 'framing = "ascii"', "is not one of: tcp, rtu"),
        ("max_current_a = 16", "max_current_ma = 16000", "write max_current_a, in amperes"),
        ("phases = 3", "phasen = 3", "did you mean phases?"),
        ("phases = 3", "phases = true", "must be a whole number"),
        ('line = "line1"', 'line = "line9"', "no line is called 'line9'"),
        ('board = "evse1"', 'board = "evse9"', "no device is called 'evse9'"),
        ('profile = "bender-rcmb300"', 'profile = "bender"', "is unknown; did you mean bender-"),
        ("unit = 2", "unit = 1", "share unit 1 on one line"),
        ('name = "line2"', 'name = "line1"', "is used twice"),
        ('country = "SWE"', 'country = "Sverige"', "alpha-3"),
        ("clear_s = 5 ", "clear_s = 0 ", "outside"),
        ("confirm_s = 3 ", "confirm_ms = 3 ", "cannot be changed"),
        ("[fault.meter_lost]", "[fault.meter_gone]", "no such fault; did you mean meter_"),
        (
            "[fault.meter_lost]",
            "[fault.temperature_stop]\nstop_c = 65\n[fault.meter_lost]",
            "114: fault.temperature_stop.stop_c: 65 must be above temperature_derate.floor_c = 68",
        ),
        (
            "[fault.meter_lost]",
            '[fault.frequency_out_of_range]\nact = "trip"\n[fault.meter_lost]',
            'act: \'trip\' is not known; say it as "none" or "finish" or "ramp"',
        ),
        ('mode = "device"', 'mode = "hub"', "is not one of: device, platform"),
        ("retry_max_s = 2.0", "retry_max_s = 0.5\nretry_min_s = 1.5", "not valid TOML"),
        ('board = "charx1"', 'board = "evse1"', "already serves another connector"),
        ('port = "/dev/ttyUSB0"', 'port = ""', "port = '' is not valid (serial device"),
        ('host = "127.0.0.1"', 'host = ""', "host = '' is not valid"),
        ("/dev/ttyUSB1", "/dev/ttyUSB0", "lines line1 and line2 share port /dev/ttyUSB0"),
        ("/dev/ttyUSB1", "/dev/../dev/ttyUSB0", "lines line1 and line2 share port"),
        ('"59.32930"', '"95.32930"', 'station.latitude = "95.32930" is outside -90 to 90'),
        ('"18.06860"', '"-181.00000"', "outside -180 to 180"),
        ("Europe/Stockholm", "Europe/Stockhlom", "did you mean Europe/Stockholm?"),
        ("Europe/Stockholm", "Europe", "no time zone is called 'Europe'"),
        ('"DEMO1-2"', '"demo1-1"', "connector evse_uid 'demo1-1' is used twice"),
        ('"SE*LAD*EDEMO2"', '"SELADEDEMO1"', "connector evse_id 'SELADEDEMO1' is used twice"),
        ("input = 1", "input = 0", "cannot be mirror contact and emergency stop"),
        ("clear_s = 5 ", 'clear_s = "5" ', "clear_s must be a number, not '5'"),
        ("backoff_s = 5 ", "backoff_s = true ", "backoff_s must be a number, not True"),
        ('reclose = "us"', "reclose = 5", 'say it as "no" or "us"'),
        ("unit = 3", "unit = 250", "unit 250 is reserved on a serial line; 1 to 247"),
        ('board = "evse1"', 'board = "rcm1"', "bender-rcmb300 is not a pilot board; here that is"),
        ('board = "evse1"', 'board = "meter1"', "eastron-sdm72d-m-v2 is not a pilot board"),
        ('meter = "meter1"', 'meter = "evse1"', "here that is: meter1, charx1"),
        ('monitor = "rcm1"', 'monitor = "meter1"', "is not a residual-current monitor"),
        (RELAY, RELAY.replace("relay1", "meter1"), "has no timed output, nothing would open"),
        (RELAY, RELAY.replace("coil = 0", "coil = 8"), "contactor.coil = 8 does not exist on"),
        (RELAY, RELAY.replace("input = 0", "input = 9"), "does not exist on waveshare-modbus-rtu-"),
        (RELAY, "", "board evse1 (simpleevse-wb-din) cannot open a contactor under load: add"),
        (STOP, STOP.replace("relay1", "meter1"), "no inputs for an emergency stop; here that is"),
        (STOP, STOP.replace("input = 1", "input = 8"), "emergency_stop.input = 8 does not exist"),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else None,
)
def test_a_mistake_is_named_with_what_is_allowed(old: str, new: str, expected: str) -> None:
    text = TEXT.replace(old, new, 1)
    assert text != TEXT
    assert any(expected in problem for problem in problems(text)), problems(text)


def test_every_problem_is_said_at_once_each_with_its_line() -> None:
    text = TEXT.replace("baud = 9600", "baud = 1", 1).replace("phases = 3", "phases = 2", 1)
    text = text.replace('city = "Stockholm"\n', "", 1)
    found = problems(text)
    assert len(found) == 3
    assert f"station.toml:{line_of(text, 'baud = 1')}: line[1].baud" in " ".join(found)
    assert f"station.toml:{line_of(text, 'phases = 2')}: connector[1].phases" in " ".join(found)
    assert any("station.city is missing" in problem for problem in found)


def test_a_wrong_key_hides_no_wrong_name_nor_fault_nor_role() -> None:
    text = TEXT
    for old, new in (
        ("baud = 9600", "baudd = 9600"),
        ('profile = "bender-rcmb300"', 'profile = "bender"'),
        ('meter = "meter1"', 'meter = "meter7"'),
        ("confirm_s = 3 ", "confirm_s = 3000 "),
        ('board = "charx1"', 'board = "relay1"'),
    ):
        text = text.replace(old, new, 1)
    found = problems(text)
    last = line_of(text, 'id = "2"') + 3  # its board
    places = [line_of(text, part) for part in ("baudd", '"bender"', '"meter7"', "= 3000")]
    assert [int(problem.split(":")[1]) for problem in found] == sorted([*places, last])
    assert "did you mean baud?" in found[0]


@pytest.mark.parametrize(
    "part",
    [
        "[[line]]\nname = 5\nport = 7\n",
        "[[device]]\nline = []\nunit = 1.5\nprofile = 3\n",
        "[[connector]]\nboard = {}\ncontactor = 5\nemergency_stop = {device = 1}\n",
        "[station]\nlatitude = 5\ntime_zone = true\n",
        "[uplink]\nretry_min_s = 'soon'\nretry_max_s = nan\n",
        "[fault]\nmeter_lost = 5\n",
        "[fault.meter_lost]\nconfirm_s = 1979-05-27\n",
    ],
)
def test_nonsense_of_every_type_is_a_sentence(part: str) -> None:
    assert all(problem.startswith("station.toml") for problem in problems(part))


def test_a_mirror_contact_belongs_to_one_connector() -> None:
    text = TEXT.replace('meter = "charx1"', 'meter = "charx1"\n' + RELAY.replace("l = 0", "l = 1"))
    found = problems(text)
    assert len(found) == 2
    assert all("is the mirror contact of another connector too" in problem for problem in found)


def test_a_broken_profile_speaks_for_itself() -> None:
    def broken(name: str) -> Profile | str:
        return "rcm.toml: rows: dc: addr is missing" if name == "bender-rcmb300" else profile(name)

    with pytest.raises(ConfigError) as caught:
        parse(TEXT, "station.toml", broken)
    line = line_of(TEXT, 'profile = "bender-rcmb300"')
    said = f"station.toml:{line}: device rcm1: rcm.toml: rows: dc: addr is missing"
    assert caught.value.problems == (said,)


def test_a_machine_without_zones_believes_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(key: str) -> zoneinfo.ZoneInfo:
        raise zoneinfo.ZoneInfoNotFoundError(key)

    monkeypatch.setattr(zoneinfo, "ZoneInfo", nothing)
    assert good(TEXT.replace("Europe/Stockholm", "Mars/Olympus")).station.time_zone


def test_line_numbers_skip_multi_line_strings() -> None:
    text = TEXT.replace(
        'name = "Laddvakt demo"', 'name = """Laddvakt\n[[line]]\nbaud = 7\n"""', 1
    ).replace("baud = 9600", "baud = 2", 1)
    assert problems(text)[0].startswith(f"station.toml:{line_of(text, 'baud = 2')}:")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "cannot be read: No such file"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[station\n", "not valid TOML"),
        (b"x = 1\n" * 200_000, "is no configuration"),
        (b"", "station is missing"),
        (b"station = 5\n", "must be a table"),
        (b"line = 5\n", "[[line]] tables"),
        (b"fault = 5\n", "must hold tables"),
    ],
    ids=["missing", "not text", "not toml", "too big", "empty", "no table", "no tables", "fault"],
)
def test_an_unusable_file_is_explained(
    tmp_path: Path, content: bytes | None, expected: str
) -> None:
    path = tmp_path / "laddvakt.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(path, profile)
    assert any(expected in problem for problem in caught.value.problems), caught.value.problems


def test_the_page_of_faults_is_current() -> None:
    path = Path(__file__).parents[2] / "agent" / "FAULTS.md"
    assert path.read_text("utf-8") == faults_page.page(), "run laddvakt_agent.config.faults_page"
