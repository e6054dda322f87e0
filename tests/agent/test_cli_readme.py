"""The readme of the agent names every key of the configuration and every check of the demo."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from integration.test_demo import CHECKS
from laddvakt_agent.config.schema import Table, TableOrTables, Tables
from laddvakt_agent.config.tables import ROOT

README = (Path(__file__).parents[2] / "agent" / "README.md").read_text("utf-8")
ROW = re.compile(r"^\| (.+?) \| (.+) \|$", re.MULTILINE)


def test_every_check_of_the_demo_is_explained() -> None:
    part = README[README.index("## The demo's checks") :]
    listed = {name.strip() for row in ROW.findall(part)[2:] for name in row[0].split(",")}
    assert listed == {re.sub(r"_[12]$", "_N", name) for name in CHECKS}


@pytest.mark.parametrize("name", [name for name in ROOT.keys if name != "fault"])
def test_every_key_of_a_table_is_listed(name: str) -> None:
    spec = ROOT.keys[name]
    table = spec.each if isinstance(spec, Tables | TableOrTables) else spec
    assert isinstance(table, Table)
    rows = {row[0].strip("`[]"): row[1] for row in ROW.findall(README)}
    listed = set(re.findall(r"[a-z][a-z0-9_]*", rows[name]))
    assert set(table.keys) <= listed
