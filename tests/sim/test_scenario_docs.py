"""SCENARIOS.md: every example parses, and every key there is stands in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from laddvakt_sim.cli_scenario import scenario_group
from laddvakt_sim.scenario import loads, read, read_do, read_expect, vehicle_words
from laddvakt_sim.scenario.checks import Checks

PAGE = (Path(__file__).resolve().parents[2] / "firmware-sim" / "SCENARIOS.md").read_text("utf-8")
HEAD = 'schema = 1\nname = "x"\nabout = "From the page."\nduration_s = 600.0\n'
TRUTH = '[truth]\ncause = "none"\n'
ACTIONS = read_do.ActionReader(Checks({}), ("1",), 1.0)


def _example(at: int, block: str) -> str:
    """A part of a file, with what else a file needs."""
    head = "" if "schema = 1" in block else HEAD
    truth = "" if "[[expect]]" in block or "[truth]" in block else TRUTH
    return "\n" * at + head + block + truth  # the line numbers are about those of the page


EXAMPLES = [
    (PAGE.count("\n", 0, found.start()), found[1])
    for found in re.finditer(r"```toml\n(.*?)```", PAGE, re.DOTALL)
]


@pytest.mark.parametrize(("at", "block"), EXAMPLES, ids=[f"line {at}" for at, _ in EXAMPLES])
def test_each_example_parses(at: int, block: str) -> None:
    loads(_example(at, block))


KEYS = {
    "head": (*read._TOP, *read._CHARGER),
    "fitted": read.FITTED,
    "supplies": read.SUPPLIES,
    "actions": tuple(ACTIONS._readers),
    "grid": read_do._GRID,
    "when": read_expect._WHEN,
    "wishes": (*read_expect._WISHES, *read_expect._OCPI),
    "states": read_expect.STATES,
    "vehicle": vehicle_words.names(),
    "options": tuple(
        option
        for command in scenario_group.commands.values()
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("--") and option != "--dir"
    ),
}


@pytest.mark.parametrize("group", KEYS)
def test_every_key_is_described(group: str) -> None:
    written = set(re.findall(r"`[^`\n]+`", PAGE)) | set(re.findall(r"`\[+(\w+)\]+`", PAGE))
    words = {word for span in written for word in re.findall(r"[\w.-]+", span)}
    words |= set(re.findall(r"--[\w-]+", PAGE)) | set(re.findall(r"\[\[?(\w+)\]?\]", PAGE))
    assert [key for key in KEYS[group] if key not in words] == []


def test_the_keys_in_examples_cover_every_action_and_wish() -> None:
    used = set(re.findall(r"\b(\w+) = ", "".join(block for _, block in EXAMPLES)))
    wanted = {*KEYS["actions"], *KEYS["grid"], *KEYS["wishes"], *KEYS["when"]}
    assert wanted - used == set()
