"""The diagnosis against its corpus, and against days on which nothing is wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import diagnosis
from bench.benign import quiet_life

DAYS = int(os.environ.get("LADDVAKT_BENIGN_DAYS", "1"))
SEED = int(os.environ.get("LADDVAKT_BENIGN_SEED", "1"))

BENIGN = """
schema = 1
name = "quiet"
about = "Nothing happens."
kind = "benign"
duration_s = 5.0

[truth]
cause = "none"
"""
STOPPED = """
schema = 1
name = "stopped"
about = "The button."
kind = "single"
duration_s = 10.0

[[do]]
at_s = 2.0
inject = { name = "emergency_stop" }

[truth]
cause = "CAUSE"
"""


@pytest.mark.timeout(600)
def test_the_root_cause_is_named_first(record_property: Callable[[str, object], None]) -> None:
    """99 % of the corpus; nothing raised where nothing is wrong; every expectation met.

    Of the held-out scenarios only the count is told: no rule shall be made for them.
    """
    results = diagnosis.measure_all(diagnosis.CORPUS)
    held = [result for result in results if result.folder == diagnosis.HELD_OUT]
    known = [result for result in results if result.folder != diagnosis.HELD_OUT]
    shown = f"{diagnosis.accuracy(results):.1%} of {len(results)} scenarios"
    blind = f"{diagnosis.accuracy(held):.1%} of the {len(held)} held out"
    record_property("figure", f"root cause named first: {shown}, {blind}")
    assert [result for result in known if not result.right or result.unmet] == []
    assert not any(result.alarms for result in held)
    assert diagnosis.good_enough(results)


@pytest.mark.timeout(120 + 120 * DAYS)
def test_nothing_is_raised_where_nothing_is_wrong() -> None:
    """A day of four sessions; a month by LADDVAKT_BENIGN_DAYS=30."""
    assert list(quiet_life(DAYS, SEED)) == []


def _folder(path: Path, **files: str) -> Path:
    for name, text in files.items():
        (path / f"{name}.toml").write_text(text)
    return path


@pytest.mark.parametrize(
    ("files", "code", "right"),
    [
        ({"quiet": BENIGN, "stopped": STOPPED.replace("CAUSE", "emergency_stop")}, 0, 1.0),
        ({"quiet": BENIGN, "stopped": STOPPED.replace("CAUSE", "pilot_fault")}, 1, 0.5),
        ({"stopped": STOPPED.replace("CAUSE", "none")}, 1, 0.0),
    ],
    ids=["right", "a miss", "a false alarm"],
)
def test_a_folder_of_ones_own_is_measured(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    files: dict[str, str],
    code: int,
    right: float,
) -> None:
    assert diagnosis.main([str(_folder(tmp_path, **files))]) == code
    told = json.loads(capsys.readouterr().out)
    assert (told["scenarios"], told["accuracy"]) == (len(files), right)
    assert len(told["misses"]) == round(len(files) * (1.0 - right))
    for miss in told["misses"]:
        assert (miss["name"], miss["named"]) == ("stopped", "emergency_stop")
        assert "emergency_stop@station" in miss["why"]
    alarmed = 'cause = "none"' in files["stopped"]
    assert [alarm["faults"] for alarm in told["false_alarms"]] == [["emergency_stop"]] * alarmed


def test_blind_tells_no_name_of_what_is_held_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = tmp_path / "held_out"
    held.mkdir()
    _folder(held, stopped=STOPPED.replace("CAUSE", "pilot_fault"))
    assert diagnosis.main([str(tmp_path), "--blind"]) == 1
    told = capsys.readouterr().out
    assert "stopped" not in told
    assert json.loads(told)["held_out"] == {"scenarios": 1, "accuracy": 0.0}


@pytest.mark.parametrize("text", [None, "schema = 1\nname = 7\n"], ids=["empty", "wrong"])
def test_a_folder_that_cannot_be_measured_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None
) -> None:
    folder = tmp_path if text is None else _folder(tmp_path, bad=text)
    assert diagnosis.main([str(folder)]) == 2
    assert str(folder) in capsys.readouterr().err
