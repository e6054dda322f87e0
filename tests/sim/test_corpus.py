"""The scenario corpus: every file is sound, in its place, and no fault is forgotten."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from laddvakt_agent.core.faults.catalogue import CATALOGUE
from laddvakt_sim.scenario import Scenario, load

CORPUS = Path(__file__).parents[1] / "scenarios"
HELD_OUT = "held_out"
FOLDERS = ("single", "compound", "cascading", "misleading", "benign")
LEAST_HELD_OUT, LEAST = 30, 150

# Codes no scenario can bring about, each with its reason.
BEYOND_THE_PLANT: Mapping[str, str] = {
    "clock_jumped": "the controller's clock is no part of the plant",
    "clock_unset": "the controller's clock is no part of the plant",
    "configuration_invalid": "a scenario has one configuration, and it is sound",
    "control_loop_late": "the controller's own load is no part of the plant",
    "latches_lost": "the controller's files are no part of the plant",
    "ledger_damaged": "the controller's disk is no part of the plant",
    "load_limit_unknown": "the site's meter has no faults of its own in the plant",
    "storage_full": "the controller's disk is no part of the plant",
    "storage_read_only": "the controller's disk is no part of the plant",
    "storage_worn": "the controller's disk is no part of the plant",
    "two_devices_one_address": "a simulated line has one device per address",
    "uplink_certificate": "the backend is no part of the plant",
    "uplink_down": "the backend is no part of the plant",
    "uplink_refused": "the backend is no part of the plant",
}


@pytest.fixture(scope="module")
def corpus() -> Mapping[Path, Scenario]:
    """Every file; one that is not sound fails here, with its lines."""
    return {path: load(path, codes=frozenset(CATALOGUE)) for path in sorted(CORPUS.rglob("*.toml"))}


def test_each_file_lies_in_the_folder_of_its_kind(corpus: Mapping[Path, Scenario]) -> None:
    """Whoever looks for an example of a kind finds it; held-out ones are of every kind."""
    for path, scenario in corpus.items():
        folder = path.parent.name
        assert path.parent.parent == CORPUS, path
        assert folder in (HELD_OUT, scenario.kind.value), path
    kinds = {s.kind.value for path, s in corpus.items() if path.parent.name == HELD_OUT}
    assert kinds == set(FOLDERS)


def test_names_are_unique(corpus: Mapping[Path, Scenario]) -> None:
    """A result that names a scenario means one file."""
    several = [name for name, count in Counter(path.stem for path in corpus).items() if count > 1]
    assert several == []


def test_there_are_enough(corpus: Mapping[Path, Scenario]) -> None:
    """As many as a claim about accuracy needs."""
    folders = Counter(path.parent.name for path in corpus)
    assert folders[HELD_OUT] >= LEAST_HELD_OUT
    assert len(corpus) >= LEAST
    assert all(folders[folder] for folder in FOLDERS)


def test_each_file_has_a_label_that_fits_its_kind(corpus: Mapping[Path, Scenario]) -> None:
    """Benign means no cause; every other kind names one, and expects it at some time."""
    for path, scenario in corpus.items():
        assert scenario.truth is not None, path
        cause = scenario.truth.cause
        assert (cause == "none") == (scenario.kind.value == "benign"), path
        if cause == "none":
            assert any(expect.wish.no_faults for expect in scenario.expect), path
        else:
            assert any(expect.wish.cause == cause for expect in scenario.expect), path


def test_subjects_are_connectors_devices_or_lines(corpus: Mapping[Path, Scenario]) -> None:
    """A label's subject is something that stands there."""
    known = {"evse1", "meter1", "relay1", "rcm1", "charx1", "line1", "line2", "tcp1"}
    for path, scenario in corpus.items():
        assert scenario.truth is not None, path
        assert scenario.truth.subject in (None, *known, *scenario.charger.names), path


def test_no_fault_the_plant_can_cause_is_forgotten(corpus: Mapping[Path, Scenario]) -> None:
    """Each code of the catalogue is a label or an expectation somewhere, or has its reason."""
    seen: set[str] = set()
    for scenario in corpus.values():
        for expect in scenario.expect:
            seen.update(expect.wish.faults)
    assert set(CATALOGUE) - seen == set(BEYOND_THE_PLANT)


def test_the_readme_names_every_change_of_a_held_out_file() -> None:
    """The table of changes is there, and names held-out files only."""
    text = (CORPUS / "README.md").read_text(encoding="utf-8")
    rows = text.split("| file | changed | reason |", 1)[1].splitlines()[2:]
    names = [row.split("|")[1].strip(" `") for row in rows if row.startswith("|")]
    held_out = {path.stem for path in (CORPUS / HELD_OUT).glob("*.toml")}
    assert names
    assert set(names) <= held_out | {"–"}
