"""What the agent publishes of its faults: whose symptom, what next, and whether it can bill."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.station_kit import T0, Bench, bench
from laddvakt_agent.core.faults.catalogue import CATALOGUE, Act
from laddvakt_agent.core.model import ActiveFault
from laddvakt_agent.core.recover.tracks import Phase
from laddvakt_agent.faultbook import Entry
from laddvakt_agent.remedy import next_step


@pytest.fixture
async def station(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as built:
        yield built


async def test_the_ledger_is_durable_while_every_guard_says_so(station: Bench) -> None:
    assert station.commands.status()["ledger"] == {"durable": True}
    station.guard("2").durable = False
    assert station.commands.status()["ledger"] == {"durable": False}


async def test_what_a_device_turned_out_to_be_is_told(station: Bench) -> None:
    devices = station.commands.status()["devices"]
    assert isinstance(devices, list)
    assert {(part["as_configured"], part["identity_changed"]) for part in devices} == {(None, None)}


async def test_the_deciding_fault_is_named(station: Bench) -> None:
    def deciding() -> object:
        parts = station.commands.status()["connectors"]
        assert isinstance(parts, list)
        return parts[0]["deciding_fault"]

    assert deciding() is None
    station.stand("1", "contactor_welded", locked=True)
    assert deciding() == "contactor_welded"


async def test_a_symptom_points_to_its_own_cause_among_causes_of_one_name(station: Bench) -> None:
    station.stand("1", "bus_down", subject="line2")
    station.stand("1", "bus_down", subject="line1", after_s=1)
    station.stand("1", "device_lost", subject="evse1", after_s=2)
    found = {(f["code"], f["subject"]): f for f in station.commands.faults()}
    line1, line2 = found["bus_down", "line1"], found["bus_down", "line2"]
    assert line1["cause_id"] == line1["id"]
    assert line2["cause_id"] == line2["id"]
    assert found["device_lost", "evse1"]["cause_id"] == line1["id"]
    assert found["device_lost", "evse1"]["subject_kind"] == "device"


async def test_a_fault_nobody_sees_any_more_is_told_so(station: Bench) -> None:
    """It waits for a time, a test or a person; one that a connector still sees is not gone."""
    station.stand("1", "emergency_stop", subject="station")
    station.stand("2", "emergency_stop", subject="station", phase=Phase.ACTIVE)
    station.stand("1", "tilted")
    found = {f["code"]: f["gone"] for f in station.commands.faults()}
    assert found == {"emergency_stop": False, "tilted": True}


async def test_a_cleared_fault_has_no_cause_any_more(station: Bench) -> None:
    station.stand("1", "board_error")
    station.parts.publisher.book.cleared("1", "board_error", "1", T0)
    (fault,) = station.commands.faults()
    assert (fault["cause_id"], fault["next"]) == (None, "over")


def entry(code: str, *connectors: str, locked: bool = False, retry_at_s: float | None) -> Entry:
    fault = ActiveFault(
        code=code, subject="1", since_s=0.0, act=Act.TRIP, locked_out=locked, evidence="",
        retries_used=1, retries_allowed=3, retry_at_s=retry_at_s,
    )  # fmt: skip
    return Entry(
        id="f", fault=fault, connectors=frozenset(connectors), started_at=T0, changed_at=T0,
        cause=code,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (entry("contactor_welded", "2", locked=True, retry_at_s=None),
         "locked out: repair and test it, then reset it as root: "
         "laddvakt connector 2 reset --service"),
        (entry("emergency_stop", "2", "1", retry_at_s=None),
         "look at the charger; once the condition is gone, reset it there: "
         "laddvakt connector 1 reset --local; laddvakt connector 2 reset --local"),
        (entry("over_current_gross", "1", retry_at_s=None),
         "unplug the vehicle (or, at the charger: laddvakt connector 1 reset --local)"),
        (entry("pilot_fault", "1", retry_at_s=None),
         "unplug the vehicle (or, at the charger: laddvakt connector 1 reset --local)"),
        (entry("over_current", "1", retry_at_s=300.0),
         "ends by itself once its condition has been gone for 30 s, not before 200 s from now; "
         "1 of 3 retries used"),
        (entry("over_current", "1", retry_at_s=99.0),
         "ends by itself once its condition has been gone for 30 s; 1 of 3 retries used"),
        (entry("phase_lost", "1", locked=True, retry_at_s=None),
         "locked out: look at the charger; once the condition is gone, reset it there: "
         "laddvakt connector 1 reset --local"),
        (entry("bus_down", "1", retry_at_s=100.0),
         "ends by itself once its condition has been gone for 3 s"),
        (entry("bus_down", retry_at_s=None),
         "stood before the restart; over in 30 s unless it is seen again"),
        (replace(entry("bus_down", retry_at_s=None), cleared_at=datetime.now(UTC)), "over"),
    ],
)  # fmt: skip
def test_what_comes_next_is_a_sentence_with_the_command(known: Entry, expected: str) -> None:
    assert next_step(CATALOGUE[known.fault.code], known, 100.0) == expected
