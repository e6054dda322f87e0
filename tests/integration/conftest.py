"""A stage with real processes for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from laddvakt_agent.demo.stage import Stage, stage


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Stage]:
    """An empty stage; whatever runs on it ends with the test."""
    with stage(tmp_path / "stage") as built:
        yield built
