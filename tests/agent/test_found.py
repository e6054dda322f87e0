"""How long the agent was away, as an upper bound, from what the run left that watched a session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from importlib import resources
from pathlib import Path
from string import Template

import pytest

from agent.ledger.samples import open_ledger, session_row
from agent.station_kit import PLACES, bench
from laddvakt_agent.alive import AliveFile
from laddvakt_agent.cli.run import profile
from laddvakt_agent.clock import Clock, FakeTime
from laddvakt_agent.config import Config, ConfigError, parse
from laddvakt_agent.core import session as core
from laddvakt_agent.core.inputs import Inputs, Pilot, Sample
from laddvakt_agent.core.life.state import Life
from laddvakt_agent.core.resume import Answer
from laddvakt_agent.core.settings import Settings
from laddvakt_agent.found import Finder, Found
from laddvakt_agent.ledger.ledger import Ledger
from laddvakt_agent.ledger.rows import CommandRow
from laddvakt_agent.published import TokenRef
from laddvakt_agent.sessions import Kept

BOOT = "00000000-0000-4000-8000-000000000001"
NEXT = "00000000-0000-4000-8000-000000000002"
SETTINGS = Settings(connector="1", max_current_a=16.0, socket=True, fitted=frozenset({"locked"}))
TOKEN = TokenRef(
    uid="04a1b2c3d4e5f6", type="RFID", contract_id="C", country_code="SE", party_id="LAD"
)
Changes = Callable[[FakeTime], None]


def locked(text: str) -> str:
    lock = 'lock = { device = "relay1", coil = 3, mirror_input = 3 }\nlock_keeps_place = true\n'
    return text.replace("evse_uid", f"{lock}evse_uid", 1)


def configured(directory: Path) -> Config:
    text = locked((resources.files("laddvakt_agent.demo") / "station.toml").read_text("utf-8"))
    return parse(Template(text).substitute(PLACES, dir=str(directory)), "station.toml", profile)


def watched(directory: Path, time: FakeTime) -> None:
    """A run that begins a session and lives on for 60 s."""
    ledger = open_ledger(directory, time)
    ledger.save_session(session_row())
    time.advance(60.0)
    ledger.close()


SESSION = core.Session(id="s1", connector="1", begun_s=100.0, periods=())


def find(
    directory: Path, time: FakeTime, ledger: Ledger, *, alive_run: int = 0,
    session: core.Session = SESSION, settings: Settings = SETTINGS,
) -> Found:  # fmt: skip
    clock = Clock(time)
    kept = Kept(
        session=session,
        evse_uid="E",
        token=TOKEN,
        auth_method="WHITELIST",
    )
    alive = AliveFile(path=directory / "api.alive", boot_id=clock.boot_id, run=lambda: alive_run)
    config = configured(directory)
    finder = Finder(
        config=config, clock=clock, alive=alive, ledger=ledger.found, tokens=ledger.tokens
    )
    found = finder.find(config.connector[0], settings, (kept,))
    assert found is not None
    return found


def restart(time: FakeTime) -> None:
    time.advance(20.0)


def reboot(time: FakeTime) -> None:
    time.reboot(NEXT, off_s=120.0)


def reboot_unsynced(time: FakeTime) -> None:
    reboot(time)
    time.is_synced = False


@pytest.mark.parametrize(
    ("synced", "pause", "away_s", "same_boot", "answer"),
    [
        (True, restart, 20.0, True, Answer.OPEN),
        (False, restart, 20.0, True, Answer.OPEN),
        (True, reboot, 130.0, False, Answer.OPEN),
        (True, reboot_unsynced, None, False, Answer.OPEN),
        (False, reboot, None, False, Answer.REFUSED),
    ],
    ids=["restart", "restart, never synced", "reboot", "reboot, not synced yet", "never synced"],
)
def test_how_long_the_agent_was_away(
    tmp_path: Path,
    synced: bool,
    pause: Changes,
    away_s: float | None,
    same_boot: bool,
    answer: Answer,
) -> None:
    """Wall clocks count over a reboot alone, and only synchronised ones."""
    time = FakeTime(synced=synced)
    watched(tmp_path, time)
    pause(time)
    time.is_synced = time.is_synced or (synced is False and pause is reboot)
    ledger = open_ledger(tmp_path, time)
    found = find(tmp_path, time, ledger)
    known_s = None if found.claim.alive_s is None else time.boot_s() - found.claim.alive_s
    assert known_s == (None if away_s is None else pytest.approx(away_s))
    assert (found.claim.same_boot, found.verdict.answer) == (same_boot, answer)
    ledger.close()


def test_over_a_reboot_the_absence_is_known_once_the_clock_is_synchronised(tmp_path: Path) -> None:
    time = FakeTime()
    watched(tmp_path, time)
    reboot_unsynced(time)
    time.step_wall(time.wall() - timedelta(seconds=100.0))  # no battery: it lost the outage
    ledger = open_ledger(tmp_path, time)
    found = find(tmp_path, time, ledger)
    time.advance(5.0)
    found.judge(SETTINGS, Life(), Inputs(), time.boot_s())
    assert (found.claim.alive_s, found.verdict.answer) == (None, Answer.OPEN)
    time.step_wall(time.wall() + timedelta(seconds=100.0))
    time.is_synced = True
    found.judge(SETTINGS, Life(), Inputs(), time.boot_s())
    assert found.claim.alive_s == pytest.approx(time.boot_s() - 135.0)
    ledger.close()


async def test_with_the_clock_right_at_once_a_session_goes_on_after_a_power_cut(
    tmp_path: Path,
) -> None:
    """Its absence is learnt before anything is read: it is placed anew and is the same still."""
    time = FakeTime()
    async with bench(tmp_path, locked, time) as b:
        keeper, at_s = b.guard("1").keeper, time.boot_s()
        keeper.begin(replace(TOKEN, uid="04A1B2C3D4E5F6"), "WHITELIST", read(1000.0, at_s), at_s)
        keeper.observe(read(1000.0, at_s), at_s, closed=True)
        assert keeper.running is not None
        left = keeper.running.session.id
        time.advance(60.0)
    time.reboot(NEXT, off_s=120.0)
    async with bench(tmp_path, locked, time) as b:
        guard, now_s = b.guard("1"), time.boot_s()
        assert guard.found is not None
        assert (guard.found.kept.session.id, guard.keeper.ending) == (left, [])
        assert guard.found.claim.alive_s == pytest.approx(now_s - 130.0)
        guard.step(replace(read(1000.0, now_s), authorised=True), now_s)
        running = guard.keeper.running
        assert running is not None, guard.wishes().session_found
        assert (running.session.id, running.session.start_wh) == (left, 1000.0)


def read(wh: float, now_s: float) -> Inputs:
    """A plug that is held, and a meter."""
    return Inputs(
        energy_wh=Sample(value=wh, taken_s=now_s),
        pilot=Sample(value=Pilot.C, taken_s=now_s),
        locked=Sample(value=True, taken_s=now_s),
    )


def test_a_wall_clock_set_by_hand_does_not_shorten_the_absence(tmp_path: Path) -> None:
    """Set an hour ahead after the synchronisation, the outage of 20 min would look like none."""
    time = FakeTime()
    ledger = open_ledger(tmp_path, time)
    ledger.save_session(session_row())
    time.advance(60.0)
    right = time.wall()
    time.step_wall(right + timedelta(seconds=1200.0))
    ledger.close()
    time.step_wall(right)
    time.reboot(NEXT, off_s=1200.0)
    ledger = open_ledger(tmp_path, time)
    found = find(tmp_path, time, ledger)
    assert found.verdict.answer is Answer.REFUSED
    assert "up to 1210 s, allowed are 900 s" in found.verdict.why
    ledger.close()


@pytest.mark.parametrize(
    ("run", "away_s"), [(1, 5.0), (2, 20.0)], ids=["of who watched", "of another run"]
)
def test_the_sign_in_memory_is_newer_if_it_is_of_the_run_that_watched(
    tmp_path: Path, run: int, away_s: float
) -> None:
    time = FakeTime()
    watched(tmp_path, time)
    restart(time)
    alive = AliveFile(path=tmp_path / "api.alive", boot_id=BOOT, run=lambda: run)
    alive.sign(time.boot_s() - 5.0)
    ledger = open_ledger(tmp_path, time)
    found = find(tmp_path, time, ledger)
    assert found.claim.alive_s == pytest.approx(time.boot_s() - away_s)
    ledger.close()


def test_a_session_nobody_is_known_to_have_watched_is_refused(tmp_path: Path) -> None:
    """Saved from a damaged ledger, it was written down by this very run."""
    time = FakeTime()
    ledger = open_ledger(tmp_path, time)
    ledger.save_session(session_row())
    assert ledger.found.last_sign("s1") is None
    found = find(tmp_path, time, ledger)
    assert (found.verdict.answer, found.claim.alive_s) == (Answer.REFUSED, None)
    ledger.close()


@pytest.mark.parametrize(
    ("verb", "connector", "outcome", "at_s", "stopped"),
    [
        ("stop", "1", "done", 130.0, True),
        ("stop", "1", "done", 90.0, False),
        ("stop", "2", "done", 130.0, False),
        ("stop", "1", "refused", 130.0, False),
        ("start", "1", "done", 130.0, False),
    ],
    ids=["stopped", "of the session before", "next door", "refused", "started"],
)
def test_a_stop_by_hand(
    tmp_path: Path, verb: str, connector: str, outcome: str, at_s: float, stopped: bool
) -> None:
    time = FakeTime()
    ledger = open_ledger(tmp_path, time)
    ledger.save_session(session_row())
    ledger.add_command(
        CommandRow(
            source="local", who="uid 0", verb=verb, connector=connector, outcome=outcome,
            at_s=at_s, at_wall=time.wall(),
        )
    )  # fmt: skip
    assert ledger.found.stopped("s1") is stopped
    ledger.close()


def test_a_register_that_began_anew_is_compared_with_what_it_showed(tmp_path: Path) -> None:
    """Not with what was counted in all: by that the same meter would always be behind."""
    time = FakeTime()
    watched(tmp_path, time)
    restart(time)
    ledger = open_ledger(tmp_path, time)
    last = core.MeterValue(wh=1_200_000.0, taken_s=110.0)
    settings = replace(SETTINGS, meter_rollover_wh=1e6, meter_name="meter1")
    turned = replace(SESSION, turns=1, last=last)
    found = find(tmp_path, time, ledger, session=turned, settings=settings)
    assert found.claim.last_wh == 200_000.0
    now_s = time.boot_s()
    read = Inputs(
        pilot=Sample(value=Pilot.C, taken_s=now_s), energy_wh=Sample(value=2e5 + 1, taken_s=now_s)
    )
    assert found.judge(settings, Life(), read, now_s).answer is Answer.PROVED
    less = replace(read, energy_wh=Sample(value=2e5 - 1, taken_s=now_s))
    assert "is behind" in found.judge(settings, Life(), less, now_s).why
    ledger.close()


@pytest.mark.parametrize(
    ("lock", "fine"),
    [
        ("", False),
        ('lock = { device = "relay1", coil = 3 }', False),
        ('lock = { device = "relay1", coil = 3, mirror_input = 3 }', True),
        (
            'lock = { device = "relay1", coil = 3 }\nreadings = { locked = "relay1.input_3" }',
            True,
        ),
    ],
    ids=["no lock", "without a contact", "with its contact", "with a reading"],
)
def test_only_a_lock_that_tells_can_be_proof(lock: str, fine: bool) -> None:
    text = (resources.files("laddvakt_agent.demo") / "station.toml").read_text("utf-8")
    text = text.replace("evse_uid", f"lock_keeps_place = true\n{lock}\nevse_uid", 1)
    filled = Template(text).substitute(PLACES, dir="/d")
    if fine:
        assert parse(filled, "station.toml", profile).connector[0].lock_keeps_place
        return
    with pytest.raises(ConfigError, match="needs a lock that says where it stands"):
        parse(filled, "station.toml", profile)
