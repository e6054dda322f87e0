"""A reservation whose customer comes at the last moment."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from agent.driven_kit import WALL, supervisor_patch
from conformance.orders_kit import orders
from laddvakt_agent.uplink.text import date_time

pytestmark = pytest.mark.integration


async def test_who_was_let_in_in_time_may_still_plug_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Started before the end, plugged in after it: the same session, and nothing has expired."""
    async with orders(tmp_path, supervisor_patch(monkeypatch.setattr)) as emsp:
        book, clock = emsp.remote.reservations, emsp.platform.context.clock
        ends = WALL + timedelta(seconds=clock.now_s() - 1000.0 + 30.0)
        await emsp.reserve(expiry_date=date_time(ends))
        assert (await emsp.result())["result"] == "ACCEPTED"
        held = emsp.guard.reservation
        assert held is not None
        await emsp.start()
        await emsp.drive.until(lambda: emsp.guard.token is not None and book.wall() > ends)
        book.look()
        assert emsp.guard.reservation is held
        emsp.drive.plug()
        assert (await emsp.result())["result"] == "ACCEPTED"
        assert emsp.session_id() == held.session_id
