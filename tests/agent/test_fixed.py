"""What the configuration and the profiles fix for a connector; what the upkeep looks after."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from agent.station_kit import bench
from agent.test_config import TEXT, good
from laddvakt_agent import supervisor as module
from laddvakt_agent.core.faults.catalogue import CATALOGUE
from laddvakt_agent.core.recover.tracks import Track
from laddvakt_agent.core.settings import Settings
from laddvakt_agent.fixed import settings_of
from laddvakt_agent.hardware import build
from laddvakt_agent.ledger.errors import StorageError, StorageKind
from laddvakt_agent.wall import Wall

CHOSEN = """residual_test = "board"
state_d_allowed = true
unattended_current_a = 8
safe_current_a = 7
unlock_on_supply_loss = true
nominal_voltage_v = 240
neutral_rating_a = 40
max_current_a = 20
"""


def settings(text: str = TEXT, connector: int = 0, *, unclean: bool = False) -> Settings:
    config = good(text)
    hardware = build(config, lambda: 5.0, lambda _: None)
    part = config.connector[connector]
    return settings_of(config, part, hardware.roles[part.id], CATALOGUE, unclean_stop=unclean)


def test_what_somebody_chose_reaches_the_core() -> None:
    """Each key of a connector and of its station, none of them at its default."""
    text = TEXT.replace("max_current_a = 16\n", CHOSEN, 1)
    text = text.replace("[station]", "[station]\nsite_limit_a = 50\nunbalance_limit_a = 16", 1)
    text = text.replace("energy_period_s = 1.0", "energy_period_s = 2.0")
    told = settings(text)
    assert told.has_residual_test
    assert told.state_d_allowed
    assert told.unlock_on_supply_loss
    assert (told.unattended_current_a, told.safe_current_a) == (8.0, 7.0)
    assert (told.nominal_voltage_v, told.neutral_rating_a, told.max_current_a) == (240, 40, 20)
    assert (told.site_limit_a, told.unbalance_limit_a) == (50.0, 16.0)
    assert told.meter_max_age_s == 6.0
    assert not told.unclean_stop


def test_what_nobody_chose_is_safe() -> None:
    """No residual test, no ventilation, no unlocking of its own accord."""
    told = settings(unclean=True)
    assert not told.has_residual_test
    assert not told.state_d_allowed
    assert not told.unlock_on_supply_loss
    assert told.meter_max_age_s == 3.0
    assert told.unclean_stop


def test_an_overloaded_site_stops_the_last_connector_last() -> None:
    assert [settings(connector=number).shed_order for number in (0, 1)] == [0, 1]


def test_random_delays_differ_from_station_to_station_and_stay() -> None:
    """A street must not come back as one; a restart must draw the same delay."""
    here, again = settings().spread, settings().spread
    next_door = settings(TEXT.replace('"DEMO1"', '"DEMO2"')).spread
    assert here == again
    assert here != next_door
    assert 0.0 < here < 1.0


async def test_budgets_of_the_station_are_told_to_the_other_connectors(tmp_path: Path) -> None:
    """One connector's reclosures count for the other, not twice for itself."""
    async with bench(tmp_path) as station:
        supervisor, first = station.parts.supervisor, station.guard("1")
        spent = Track(rule=CATALOGUE["site_overload"], subject="station", spent_s=(3.0,))
        first.connector = replace(first.connector, tracks=(spent,))
        (told,) = supervisor._shared(station.guard("2"))
        assert (told.code, told.spent_s) == ("site_overload", (3.0,))
        assert supervisor._shared(first) == ()


async def test_the_upkeep_sees_late_rounds_noise_and_steps_and_beats_seldom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signs of life keep their pace also while the disk refuses: what waits is tried again."""
    monkeypatch.setattr(module, "UPKEEP_S", 0.001)
    beats: list[float] = []
    async with bench(tmp_path) as station:
        supervisor = station.parts.supervisor
        now = [1000.0]

        def clock() -> float:
            now[0] += 2.0
            return now[0]

        supervisor.clock = clock
        monkeypatch.setattr(type(supervisor), "_beat", lambda _: beats.append(now[0]))
        refused = StorageError(StorageKind.IO, tmp_path, "input/output error")
        supervisor.facts.write_failed(refused, now[0])
        monkeypatch.setattr(type(supervisor.facts), "write_worked", lambda _: None)

        def follow(wall: Wall) -> bool:
            wall.stepped_s = -7.0 if now[0] < 1010.0 else 0.0
            return wall.stepped_s != 0.0

        monkeypatch.setattr(Wall, "follow", follow)
        task = asyncio.create_task(supervisor._upkeep())
        async with asyncio.timeout(10.0):
            while now[0] < 2000.0:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        task.cancel()
        assert set(supervisor.hardware.noise) == {"line1", "line2", "tcp1"}
        late = supervisor.facts.now.round_late_s
        assert late is not None
        assert late.value == pytest.approx(2.0, abs=0.1)
        step = supervisor.facts.now.clock_step_s
        assert step is not None
        assert (step.value, step.taken_s < 1012.0) == (-7.0, True)
        gaps = [later - earlier for earlier, later in pairwise([1000.0, *beats])]
        assert len(gaps) >= 2
        assert all(module.HEARTBEAT_S <= gap < module.HEARTBEAT_S + 20.0 for gap in gaps)
