"""The list of supported devices: complete, current, and honest about what nobody tried."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from laddvakt_hal.profile import known_profiles, load_profile
from laddvakt_hal.supported import BEGIN, END, README, main, roles, table, written_into


def line_of(text: str, profile: str) -> str:
    [line] = [line for line in text.splitlines() if line.startswith(f"| `{profile}` |")]
    return line


def test_readme_is_current() -> None:
    """After a change to a profile: `python -m laddvakt_hal.supported --write`."""
    text = README.read_text(encoding="utf-8")
    devices = table(load_profile(name) for name in known_profiles())
    assert written_into(text, devices) == text


def test_every_profile_has_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    printed = capsys.readouterr().out
    for name in known_profiles():
        assert line_of(printed, name)
    assert len(printed.splitlines()) == len(known_profiles()) + 2
    assert len({line.count(" | ") for line in printed.splitlines()}) == 1


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        (
            "simpleevse-wb-din",
            [
                "| board |",
                "9600 8N1, unit 1",
                "needs a dead man",
                "7 from one source",
                "| not verified on hardware |",
            ],
        ),
        ("phoenix-charx-sec", ["board, meter, contactor", "TCP 502, unit 255", "stops after 1 s;"]),
        ("alfen-ng910", ["less current after 60 s, set on the device; only writing the limit"]),
        ("alfen-ng910", ["writing the limit feeds it; needs a dead man |"]),
        ("bauer-bsm-ws36a", ["| 59, 2 inferred |"]),
        ("vestel-evc04", ["one value", "a heartbeat feeds it |"]),
        ("heidelberg-energy-control", ["stops after 2 s; any request feeds it |"]),
        ("keba-p30-p40", ["stops after 10 s; any request feeds it; needs a dead man |"]),
        ("keba-p30-p40", ["one value, 500 ms between reads, 5000 ms between limits"]),
        ("waveshare-modbus-rtu-relay", ["contactor, outputs, inputs", "a timed output falls open"]),
        ("kmtronic-relay", ["| outputs |", "outputs stay as they are"]),
        ("bender-rcmb300", ["residual monitor", "19200 8E1, unit 100 (not confirmed)", "| – |"]),
        ("eastron-sdm72d-m-v2", ["| meter |", "at most 20 registers, 100 ms rest"]),
        (
            "bender-cc612-cc613",
            ["stops after a time set on the device; any request feeds it; needs a dead man"],
        ),
        ("etrel-inch", ["pilot board, rows only"]),
    ],
)
def test_line_says_what_the_profile_says(name: str, parts: list[str]) -> None:
    line = line_of(table([load_profile(name)]), name)
    for part in parts:
        assert part in line


def test_what_was_tried_on_hardware_is_told() -> None:
    profile = replace(load_profile("bender-rcmb300"), hardware_checked=True, model="a|b\nc")
    line = line_of(table([profile]), "bender-rcmb300")
    assert line.endswith("| verified on hardware |")
    assert "a\\|b c" in line


def test_roles_are_those_the_adapters_take() -> None:
    assert roles(load_profile("phoenix-charx-sec")) == ("board", "meter", "contactor")
    assert roles(load_profile("c0135-relay-board")) == ("outputs",)
    assert roles(load_profile("bender-rcms150")) == ()


@pytest.mark.parametrize(
    "text",
    ["", BEGIN, END, f"{END} {BEGIN}", f"{BEGIN} {BEGIN} {END}", f"{BEGIN} {END} {END}"],
    ids=["none", "no-end", "no-begin", "turned", "two-begins", "two-ends"],
)
def test_readme_without_its_markers_is_left_alone(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(text)
    assert main(["--write", "--readme", str(readme)]) == 1
    assert readme.read_text() == text
    assert "is expected once" in capsys.readouterr().err


def test_only_the_part_between_the_markers_is_written(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    assert main(["--write", "--readme", str(readme)]) == 0
    text = readme.read_text()
    assert text.startswith(f"before\n{BEGIN}\n| profile |")
    assert text.endswith(f"|\n{END}\nafter\n")
    assert main(["--write", "--readme", str(readme)]) == 0
    assert readme.read_text() == text


def test_readme_that_is_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--write", "--readme", str(tmp_path / "none.md")]) == 1
    assert "No such file" in capsys.readouterr().err
