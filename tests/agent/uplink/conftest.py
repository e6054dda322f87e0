"""A backend per test: nothing is remembered from one to the next."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.uplink.backend_process import BackendProcess


@pytest.fixture
async def backend(tmp_path: Path) -> AsyncIterator[BackendProcess]:
    process = BackendProcess(tmp_path)
    await process.start()
    yield process
    await process.stop()
