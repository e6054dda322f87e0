"""Conformance cases 1 to 3, 5 to 18: transport, envelope, versions."""

from __future__ import annotations

import pytest

from conformance.kit import Platform

pytestmark = pytest.mark.integration


async def test_c01_no_authorization(platform: Platform) -> None:
    """Without a token: 401, and an envelope all the same."""
    heard = await platform.ask("GET", "versions", token=None)
    assert heard.status == 401
    assert isinstance(heard.code, int)
