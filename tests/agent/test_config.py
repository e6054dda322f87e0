"""The configuration: everything wrong is said at once, with its line and its remedy."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from string import Template

import pytest

from laddvakt_agent.config import Config, ConfigError, load, parse

PLACES = {
    "dir": "/tmp/x", "line1": "/dev/ttyUSB0", "line2": "/dev/ttyUSB1",
    "tcp1_host": "127.0.0.1", "tcp1_port": "1502", "locations": "http://127.0.0.1/l",
    "sessions": "http://127.0.0.1/s", "cdrs": "http://127.0.0.1/c", "faults": "http://127.0.0.1/f",
}  # fmt: skip
TEXT = Template(
    (resources.files("laddvakt_agent.demo") / "station.toml").read_text("utf-8")
).substitute(PLACES)


def known(name: str) -> bool:
    return name != "no-such-profile"


def good(text: str = TEXT) -> Config:
    return parse(text, "station.toml", known)


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
    assert config.uplink is not None
    assert config.uplink.retry_max_s == 2.0
    assert config.line[2].tcp_port == 1502


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("baud = 9600", "baud = 96", "outside 1200 to 256000"),
        ("baud = 9600", 'baud = "9600"', "must be a whole number"),
        ('format = "8N1"', 'format = "7N1"', "is not one of: 8N1"),
        ("max_current_a = 16", "max_current_ma = 16000", "write max_current_a, in amperes"),
        ("phases = 3", "phasen = 3", "did you mean phases?"),
        ("phases = 3", "phases = true", "must be a whole number"),
        ('line = "line1"', 'line = "line9"', "no line is called 'line9'"),
        ('board = "evse1"', 'board = "evse9"', "no device is called 'evse9'"),
        ('profile = "bender-rcmb300"', 'profile = "no-such-profile"', "no profile is called"),
        ("unit = 2", "unit = 1", "share unit 1 on one line"),
        ('name = "line2"', 'name = "line1"', "is used twice"),
        ('country = "SWE"', 'country = "Sverige"', "alpha-3"),
        ("clear_s = 5 ", "clear_s = 0 ", "outside"),
        ("confirm_s = 3 ", "confirm_ms = 3 ", "cannot be changed"),
        ("[fault.meter_lost]", "[fault.meter_gone]", "no such fault"),
        ('mode = "device"', 'mode = "platform"', "is not one of: device"),
        ("retry_max_s = 2.0", "retry_max_s = 0.5\nretry_min_s = 1.5", "not valid TOML"),
        ('board = "charx1"', 'board = "evse1"', "already serves another connector"),
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
        load(path, known)
    assert any(expected in problem for problem in caught.value.problems), caught.value.problems
