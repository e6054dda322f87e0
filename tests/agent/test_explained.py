"""What the agent itself holds against charging is told, not a missing card."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest

from agent.station_kit import Bench, bench
from agent.test_reserved import HELD as RESERVED
from laddvakt_agent.cli.words import status_lines
from laddvakt_agent.core.explain.chains import Link
from laddvakt_agent.core.model import State
from laddvakt_agent.explained import _held, explained
from laddvakt_agent.guard import Guard
from laddvakt_agent.published import TokenRef
from laddvakt_agent.sessions import Kept

TOKEN = TokenRef(uid="A1", type="RFID", contract_id="C1", country_code="SE", party_id="LAD")


@pytest.fixture
async def station(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as built:
        yield built


def authorised(guard: Guard) -> None:
    guard.start(TOKEN, "WHITELIST")
    guard.prepared = True


def unprepared(guard: Guard) -> None:
    authorised(guard)
    guard.prepared = False


def settling(guard: Guard) -> None:
    authorised(guard)
    guard.keeper.ending.append(cast("Kept", None))


def charging(guard: Guard) -> None:
    unprepared(guard)
    guard.keeper.running = cast("Kept", object())


def stopping(guard: Guard) -> None:
    guard.shutting_down = True


def diskless(guard: Guard) -> None:
    guard.durable = False


def closed_and_diskless(guard: Guard) -> None:
    guard.durable = guard.in_service = False


def closed(guard: Guard) -> None:
    unprepared(guard)
    guard.in_service = False


HELD = {
    "nobody asks": (lambda guard: None, None),
    "nothing": (authorised, None),
    "board not told": (unprepared, "the board has not confirmed"),
    "meter awaited": (settling, "its final meter value"),
    "it charges": (charging, None),
    "stopping": (stopping, "is being stopped"),
    "no disk": (diskless, "the ledger cannot be written"),
    "closed, no disk": (closed_and_diskless, None),
    "closed": (closed, None),
}


@pytest.mark.parametrize(("live", "expected"), HELD.values(), ids=HELD)
async def test_what_the_agent_waits_for(live: object, expected: str | None, station: Bench) -> None:
    """Each with what would change it; none where readings, people or the operator decide."""
    guard = station.guard("1")
    assert callable(live)
    live(guard)
    held = _held(guard)
    guard.keeper.running = None
    guard.keeper.ending.clear()
    if expected is None:
        assert held is None
        return
    assert isinstance(held, Link)
    assert expected in held.what
    assert held.change


async def test_it_reaches_the_answer(station: Bench) -> None:
    """As JSON, in the chain: a command that opens the connector would not help."""
    guard, supervisor = station.guard("1"), station.parts.supervisor
    life = replace(guard.connector.life, read_once=True)
    guard.connector, guard.durable = replace(guard.connector, life=life), False
    (link,) = cast("list[dict[str, object]]", explained(guard, supervisor.wall, 1.0)["why"])
    assert "the ledger cannot be written" in str(link["what"])
    assert "systemctl restart laddvakt" in str(link["change"])


@dataclass(frozen=True)
class Eight:
    """A charging profile of somebody."""

    def limit_a(self) -> float | None:
        return 8.0

    def due_s(self) -> float | None:
        return None

    def who(self) -> str:
        return "NL TNM (emsp)"


async def test_what_platforms_ordered_is_told_in_words(station: Bench) -> None:
    """For whom it is reserved and until when, whose profile limits it; never a card."""
    guard = station.guard("1")
    assert "reserved" not in told(station, guard)
    guard.reservation, guard.ceiling = RESERVED, Eight()
    now_s = station.clock.now_s()
    for _ in range(2):  # the first step reads, the second decides
        station.parts.supervisor.step(guard)
        inputs = replace(guard.inputs, reserved=True, profile_limit_a=8.0)
        guard.step(inputs, now_s)
    guard.connector = replace(
        guard.connector, life=replace(guard.connector.life, state=State.RESERVED)
    )
    said = told(station, guard)
    assert "reserved for a customer of NL TNM (tnm) until 2027-01-31T10:15:00" in said
    assert "limited by a charging profile of NL TNM (emsp): at most 8.0 A" in said
    assert "profile: 8 A (charging profile of NL TNM (emsp)), would decide" in said
    assert RESERVED.token.uid not in said


def told(station: Bench, guard: Guard) -> str:
    """Everything that `explain` and `status` say of connector 1."""
    parts = station.parts
    why = explained(guard, parts.supervisor.wall, station.clock.now_s())
    status = json.loads(json.dumps(parts.publisher.status(ready=True, uplink=None)))
    return "\n".join((json.dumps(why), *status_lines(status)))
