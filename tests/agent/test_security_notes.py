"""What the running agent writes into its security log, and that it tells no secret."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import structlog
from structlog.testing import capture_logs

from agent.station_kit import Bench, bench
from laddvakt_agent import __version__
from laddvakt_agent.config import Config
from laddvakt_agent.core.inputs import Sample
from laddvakt_agent.diagnostics.answers import Forbidden, NotPossible
from laddvakt_agent.ledger.errors import StorageError, StorageKind
from laddvakt_agent.ledger.rows import ClockStepRow
from laddvakt_agent.ledger.security import SecurityEntry
from laddvakt_agent.security_notes import SecurityNotes, credentials, flat


@pytest.fixture
async def station(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as built:
        yield built


def notes_of(station: Bench) -> SecurityNotes:
    return station.parts.supervisor.notes


async def settled(station: Bench) -> None:
    """Everything posted has been carried out, however slow the disk."""
    await notes_of(station).thread.call(lambda: None)


async def begin_again(station: Bench, config: Config) -> None:
    """As the next start would, with this configuration."""
    await settled(station)
    notes_of(station)._compared = False
    notes_of(station).begin(config, {})
    await settled(station)


async def noted(station: Bench, *, after: int = 0) -> list[SecurityEntry]:
    """Oldest first; the chain holds whatever happened."""
    await settled(station)
    log = station.parts.journal.ledger.security
    assert log.verify().whole
    return list(reversed(log.rows(1000, since=after)))


async def short(station: Bench, *, after: int = 1) -> list[tuple[str, str, str, str]]:
    found = await noted(station, after=after)
    return [(row.event, row.who, row.detail, row.result) for row in found]


async def test_each_event_says_all_that_an_auditor_wants(station: Bench) -> None:
    """IEC 62443-4-2 CR 2.8: time, source, category, type, id, result."""
    (row,) = await noted(station)
    assert (row.number, row.category, row.event, row.source, row.result, row.detail) == (
        1, "system", "agent_started", "agent", "first start", f"version {__version__}",
    )  # fmt: skip
    assert row.boot_id == station.clock.boot_id
    assert row.at_wall.tzinfo is not None
    assert row.clock_state == station.clock.state().value


async def test_starts_say_how_the_run_before_ended(tmp_path: Path) -> None:
    async with bench(tmp_path):
        pass
    async with bench(tmp_path) as again:
        assert [row[3] for row in await short(again, after=0)] == ["first start", "after a stop"]
        store = again.parts.journal.ledger._store
        with store.write():
            store.execute("UPDATE runs SET ended = 0, version = '0.0.1' WHERE run = 1")
    async with bench(tmp_path) as third:
        await settled(third)
        with third.parts.journal.ledger._store.write():
            third.parts.journal.ledger._store.execute("UPDATE runs SET ended = 0 WHERE run < 3")
        await begin_again(third, third.commands.config)
        assert (await short(third))[-1][3] == "after a crash"


async def test_another_version_is_seen(tmp_path: Path) -> None:
    for before, said in ((None, "a version that did not say"), ("'0.0.1'", "0.0.1")):
        async with bench(tmp_path) as station:
            store = station.parts.journal.ledger._store
            await settled(station)
            with store.write():
                store.execute(f"UPDATE runs SET version = {before or 'NULL'}")
        async with bench(tmp_path) as station:
            last = (await short(station))[-1]
            assert last == ("version_changed", "", f"{said} to {__version__}", "done")


async def test_a_changed_configuration_is_named_by_its_keys_alone(tmp_path: Path) -> None:
    async with bench(tmp_path) as station:
        config = station.commands.config
        assert config.token
        secret = "04DEADBEEF0102"
        token = msgspec.structs.replace(config.token[0], uid=secret)
        connector = msgspec.structs.replace(config.connector[0], max_current_a=6.0)
        changed = msgspec.structs.replace(
            config, token=(token, *config.token[1:]), connector=(connector, *config.connector[1:])
        )
        for _ in range(2):
            await begin_again(station, changed)
        rows = await short(station)
        assert [row for row in rows if row[0] == "configuration_changed"] == [
            ("configuration_changed", "", "connector[1].max_current_a, token[1].uid", "done")
        ]
    assert secret.encode() not in (tmp_path / "state" / "ledger.db").read_bytes()


async def test_a_changed_credential_shows_and_is_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "token"
    async with bench(tmp_path) as station:
        (uplink,) = station.commands.config.uplink
        config = msgspec.structs.replace(
            station.commands.config, uplink=(msgspec.structs.replace(uplink, token_file=str(file)),)
        )
        for secret in ("first-secret", "first-secret", "second-secret"):
            file.write_text(secret)
            file.chmod(0o600)
            assert credentials(config, {}) == {"ocpi-token": secret}
            await begin_again(station, config)
        rows = [row for row in await short(station) if row[0] == "credentials_changed"]
        assert [row[2] for row in rows] == ["ocpi-token", "ocpi-token"]  # it came, then it changed
        file.unlink()
        assert credentials(config, {}) == {}
    raw = (tmp_path / "state" / "ledger.db").read_bytes()
    assert b"second-secret" not in raw


async def test_a_disk_that_refuses_half_way_doubles_nothing(station: Bench) -> None:
    notes, security = notes_of(station), station.parts.journal.ledger.security
    await settled(station)
    refused: list[str] = []
    keep = security.fingerprints.keep

    def refuse_once(name: str, values: dict[str, str]) -> None:
        if not refused:
            refused.append(name)
            raise StorageError(StorageKind.FULL, Path("ledger.db"), "no room")
        keep(name, values)

    security.fingerprints.keep = refuse_once  # type: ignore[method-assign, assignment]
    await begin_again(station, station.commands.config)
    notes.thread.retry()
    rows = await short(station)
    assert [row[0] for row in rows] == ["agent_started"]
    assert refused == ["configuration"]


async def test_who_asked_for_what_is_written_down(station: Bench) -> None:
    station.stand("1", "contactor_welded", locked=True)
    station.ask("1", "reset", "service")
    station.ask("1", "maintenance")
    with pytest.raises(Forbidden):
        station.commands.command("1", "reset", {"by": "service"}, uid=1000, privileged=False)
    with pytest.raises(NotPossible):
        station.ask("2", "reset")
    with pytest.raises(NotPossible):
        station.ask("2", "stop")  # a session's matter: in the commands' table alone
    assert await short(station) == [
        ("reset", "uid 0", "connector 1, by service", "done"),
        ("maintenance", "uid 0", "connector 1", "done"),
        ("reset", "uid 1000", "connector 1, by service", "forbidden"),
        ("reset", "uid 0", "connector 2", "refused"),
    ]


async def test_door_and_tilt_are_seen_also_during_a_maintenance(station: Bench) -> None:
    notes, guard, at_s = notes_of(station), station.guard("1"), station.clock.now_s()
    guard.maintenance = True
    for second, door in enumerate((False, True, True, None, False)):
        sample = None if door is None else Sample(value=door, taken_s=at_s)
        guard.inputs = replace(guard.inputs, enclosure_open=sample, tilted=sample)
        notes.look(at_s + second)
    assert await short(station) == [
        ("enclosure_open", "", "connector 1", "begun"),
        ("tilted", "", "connector 1", "begun"),
        ("enclosure_open", "", "connector 1", "ended"),
        ("tilted", "", "connector 1", "ended"),
    ]


async def test_a_device_that_was_changed_is_seen(station: Bench) -> None:
    notes, at_s = notes_of(station), station.clock.now_s()
    station.stand("1", "meter_replaced", subject="meter1")
    entry = station.parts.publisher.book.entries["meter_replaced", "meter1"]
    notes.look(at_s)
    notes.look(at_s + 1.0)
    station.parts.publisher.book.cleared("1", "meter_replaced", "meter1", entry.started_at)
    notes.look(at_s + 2.0)
    said = f"meter1: 5.0 A > 1.0 A (fault {entry.id})"
    assert await short(station) == [
        ("meter_replaced", "", said, "begun"), ("meter_replaced", "", said, "ended"),
    ]  # fmt: skip


async def test_clock_ledger_and_configuration_checks_are_written_down(station: Bench) -> None:
    notes, at_s = notes_of(station), station.clock.now_s()
    wall = station.clock.wall()
    notes.clock(
        ClockStepRow(
            boot_id=station.clock.boot_id,
            at_s=at_s,
            from_wall=wall,
            to_wall=wall,
            clock_state="synced",
            reason="step",
        )
    )
    notes.checked("")
    notes.checked("laddvakt.toml:12: token[1].uid = '04SECRET' is not valid")
    notes.checked("laddvakt.toml: is not valid TOML: '04SECRET'")
    for damage in ("", "page 3", "page 3", ""):
        notes.damage = lambda damage=damage: damage  # type: ignore[misc]
        notes.look(at_s)
    told = [(row[0], row[2], row[3]) for row in await short(station)]
    assert told == [
        ("clock_step", f"{wall.isoformat()} to {wall.isoformat()}", "synced"),
        ("configuration_checked", "", "valid"),
        ("configuration_checked", "laddvakt.toml:12", "invalid"),
        ("configuration_checked", "laddvakt.toml", "invalid"),
        ("ledger_damaged", "page 3", "noticed"),
    ]


async def test_the_head_is_told_once_a_day_and_at_the_end(station: Bench) -> None:
    structlog.reset_defaults()
    notes, at_s = notes_of(station), station.clock.now_s()
    with capture_logs() as said:
        for hours in (0.0, 23.9, 24.1):
            notes.look(at_s + hours * 3600.0)
        notes.ended(failed=True, safe=False)
        last = (await noted(station))[-1]
    heads = [entry for entry in said if entry["event"] == "security_log_head"]
    assert [entry["number"] for entry in heads] == [1, 1, 2]
    assert heads[-1]["digest"] == last.digest
    assert (last.event, last.result, last.detail) == (
        "agent_stopped", "failed", "a contactor was not confirmed open",
    )  # fmt: skip


async def test_a_configuration_is_compared_by_every_value(station: Bench) -> None:
    values = flat(station.commands.config)
    assert values["station.country_code"] == '"SE"'
    assert values["connector[1].max_current_a"] == "16.0"
