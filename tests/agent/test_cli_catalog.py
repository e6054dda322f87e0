"""`laddvakt faults catalog`: all as JSON, as a table, one as a page; and the generated files."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from laddvakt_agent import faultwords
from laddvakt_agent.cli import laddvakt
from laddvakt_agent.config import faults_page
from laddvakt_agent.core.faults.catalogue import (
    CATALOGUE,
    Act,
    FaultRule,
    How,
    Recovery,
    SessionRule,
    Severity,
    SubjectKind,
)
from laddvakt_agent.core.inputs import SelfTest
from laddvakt_agent.faultphrases import PHRASES
from laddvakt_agent.texts import LANGUAGES, texts

AGENT = Path(__file__).parents[2] / "agent"


def run(*args: str) -> Result:
    return CliRunner().invoke(laddvakt, ["faults", "catalog", *args])


def test_json_holds_every_fault_with_its_texts_in_every_language() -> None:
    result = run("--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer["schema_version"] == 1
    assert [fault["code"] for fault in answer["faults"]] == list(CATALOGUE)
    for fault in answer["faults"]:
        assert fault["texts"].keys() == {"sv", "en", "de"}
        for text in fault["texts"].values():
            assert text.keys() == {"title", "meaning", "causes", "next", "who", "checks"}
            assert text["checks"][0].keys() == {"do", "tool", "expect"}


def test_json_of_one_fault() -> None:
    """Everything a script needs to judge it, with the names of the contract."""
    (fault,) = json.loads(run("--json", "over_voltage").stdout)["faults"]
    assert fault.pop("texts")["en"]["title"] == texts("en")["over_voltage"].title
    assert fault.pop("ranges")["high_share"] == [1.05, 1.15]
    wanted = {
        "code": "over_voltage", "subject_kind": "connector", "severity": "fault", "how": "both",
        "confirm_s": 0.0, "clear_s": 60.0, "stages": [{"after_s": 0.0, "act": "ramp"}],
        "session": "hold_grid",
        "recovery": {
            "kind": "auto", "n": 6, "window_s": 3600.0, "backoff_s": 60.0, "backoff_max_s": 1800.0,
            "spread_s": 120.0, "lockout": "local", "early_trip_s": None,
            "per_vehicle": False, "tests": [],
        },
        "values": {"high_share": 1.1, "high_s": 60.0, "gross_share": 1.15, "gross_s": 1.0},
        "mrec": "CX005", "mrec_also": None, "ocpp16": "OverVoltage", "who": "G",
        "cause_class": "grid",
    }  # fmt: skip
    assert {key: fault[key] for key in wanted} == wanted


@pytest.mark.parametrize(
    ("code", "recovery"),
    [
        ("emergency_stop", ("local", None, None, None, None)),
        ("bus_down", ("auto", None, None, 0.0, None)),
        ("vehicle_keeps_drawing", ("auto", 3, None, 30.0, "unplug")),
        ("pilot_fault", ("auto", 6, 3600.0, 30.0, "unplug")),
        ("lock_failed", ("unplug", 3, 86400.0, None, "manual")),
        ("residual_current_ac", ("unplug", 1, 86400.0, None, "service")),
    ],
)
def test_recovery_says_what_holds_and_null_for_what_does_not(
    code: str, recovery: tuple[object, ...]
) -> None:
    (fault,) = json.loads(run("--json", code).stdout)["faults"]
    keys = ("kind", "n", "window_s", "backoff_s", "lockout")
    assert tuple(fault["recovery"][key] for key in keys) == recovery


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_table_has_one_line_per_fault(language: str) -> None:
    result = run("--lang", language)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(CATALOGUE)
    assert lines[1].endswith(texts(language)[next(iter(CATALOGUE))].title)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_says_what_to_do_and_what_may_be_changed(language: str) -> None:
    text = texts(language)["meter_lost"]
    shown = run("meter_lost", "--lang", language).stdout
    assert shown.startswith(f"meter_lost: {text.title}\n")
    flat = " ".join(shown.split())
    expected = faultwords.heading("expect", language)
    for part in (text.meaning, text.next, *text.causes, text.who):
        assert " ".join(part.split()) in flat
    for check in text.checks:
        assert f"{check.do} ({check.tool}) – {expected}: {check.expect}" in flat
    assert "ramp_after_s 60 (0–300)" in flat
    assert max(map(len, shown.splitlines())) <= 88


@pytest.mark.parametrize(
    ("code", "near"),
    [
        ("over_voltge", "over_voltage"),
        ("Over-Current", "over_current"),
        ("temperature", "cable_temperature_stop"),
        ("zzz", "laddvakt faults catalog"),
        ("", "laddvakt faults catalog"),
    ],
)
def test_an_unknown_code_names_its_neighbours(code: str, near: str) -> None:
    result = run(code)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert repr(code) in result.stderr
    assert near in result.stderr


@pytest.mark.parametrize(
    ("code", "act", "recovery"),
    [
        ("under_voltage", "derate, ramp after 60 s, or ramp as seen",
         "auto(6/1 h, 60 s→30 min), then local"),
        ("device_lost", "trip; ramp for residual_monitor; ramp for emergency_stop", "auto"),
        ("vehicle_keeps_drawing", "trip", "auto(3/session, 30 s), then unplug"),
        ("lock_failed", "ramp, or none or finish as seen", "unplug(3/24 h), then manual"),
        ("uplink_refused", "none", "auto(5 min)"),
        ("contactor_welded", "trip", "service"),
    ],
)  # fmt: skip
def test_short_words(code: str, act: str, recovery: str) -> None:
    rule = CATALOGUE[code]
    assert (faultwords.short_act(rule), faultwords.short_recovery(rule)) == (act, recovery)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.5, "0.5 s"), (60, "60 s"), (90, "90 s"), (120, "2 min"), (3600, "1 h"), (93600, "26 h")],
)
def test_spans(seconds: float, shown: str) -> None:
    assert faultwords.span(seconds) == shown


def test_what_ends_a_residual_trip_is_said_in_full() -> None:
    """Test, budget and the trip just after closing: a technician must know all three."""
    assert tuple(faultwords.endings(CATALOGUE["residual_current_dc"], "en")) == (
        "when the vehicle leaves",
        "only after a passed test of the residual current monitor",
        "at most 1× in 24 h; then: repair and test, then a reset by service (reset --service)",
        "if seen within 10 s of closing, at once: repair and test, then a reset by service "
        "(reset --service)",
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_of_the_rules_can_be_said(language: str) -> None:
    """A phrase for each member of each enumeration, also of those no row uses today."""
    for prefix, words in {
        "act": Act, "end": Recovery, "subject": SubjectKind, "severity": Severity, "how": How,
        "session": SessionRule, "test": SelfTest,
    }.items():  # fmt: skip
        said = {key for key in PHRASES[language] if key.startswith(f"{prefix}.")}
        assert said == {f"{prefix}.{word.value}" for word in words}


def test_every_language_has_every_phrase() -> None:
    assert PHRASES.keys() == set(LANGUAGES)
    assert PHRASES["sv"].keys() == PHRASES["de"].keys() == PHRASES["en"].keys()


@pytest.mark.parametrize("rule", CATALOGUE.values(), ids=lambda rule: rule.code)
def test_words_name_every_parameter(rule: FaultRule) -> None:
    named = [line.split()[0] for line in faultwords.settings(rule)]
    assert set(named) == {*rule.ranges, *rule.choices} | (
        {"backoff_s"} if "reclose" in rule.choices else set()
    )
    for language in LANGUAGES:
        assert all(faultwords.acts(rule, language))
        assert all(faultwords.endings(rule, language))
        assert all(label and value for label, value in faultwords.facts(rule, language))


def test_the_readmes_table_is_current() -> None:
    readme = (AGENT / "README.md").read_text("utf-8")
    assert readme == faults_page.with_table(readme), "run laddvakt_agent.config.faults_page agent"
    rows = re.findall(r"^\| ([a-z_]+) \|", faults_page.table(), re.MULTILINE)
    assert rows == ["code", *CATALOGUE]


def test_a_readme_without_its_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks its markers"):
        faults_page.with_table("nothing here\n")


def test_both_files_are_written(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(f"a\n{faults_page.BEGIN}old\n{faults_page.END}b\n", "utf-8")
    faults_page.main(tmp_path)
    written = (tmp_path / "README.md").read_text("utf-8")
    assert written == f"a\n{faults_page.table()}b\n"
    assert (tmp_path / "FAULTS.md").read_text("utf-8") == faults_page.page()
