"""A running board per test: it starts in well under a second and nothing leaks between tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sim.running import RunningBoard, running_board


@pytest.fixture
async def board(tmp_path: Path) -> AsyncIterator[RunningBoard]:
    async with running_board(tmp_path / "board", "--seed", "5") as running:
        yield running
