"""A platform per test: a station with nothing connected, served on a loopback port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog

from conformance.kit import Platform, running


@pytest.fixture(autouse=True)
def _plain_logs() -> Iterator[None]:
    """A traceback without every local variable: those of a whole station take minutes to print."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(),
        ]
    )
    yield
    structlog.reset_defaults()


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    async with running(tmp_path) as made:
        yield made
