"""What the next start makes of what the last one left: sessions, faults, who is out of service."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from agent.station_kit import Bench, bench
from laddvakt_agent.alive import AliveFile
from laddvakt_agent.clock import Clock
from laddvakt_agent.core import session as core
from laddvakt_agent.core.inputs import Inputs, Pilot, Sample
from laddvakt_agent.core.resume import PROOF_S
from laddvakt_agent.diagnostics.answers import NotPossible
from laddvakt_agent.ledger.rows import AckRow
from laddvakt_agent.ledger.tokens import TokenFile, TokenRow
from laddvakt_agent.published import TokenRef
from laddvakt_agent.sessions import SETTLE_GRACE_S

UID = "04A1B2C3D4E5F6"
TOKEN = TokenRef(
    uid=UID, type="RFID", contract_id="SE-LAD-C00000001-X", country_code="SE", party_id="LAD"
)
FREE = TokenRef(
    uid="free", type="AD_HOC_USER", contract_id="free", country_code="SE", party_id="LAD"
)


def free(text: str) -> str:
    return text.replace('authorisation = "token"', 'authorisation = "free"')


def never(text: str) -> str:
    return text.replace("[agent]", "[agent]\nresume_within_s = 0")


def without_token(text: str) -> str:
    return text.replace(UID, "ANOTHER")


def metered(wh: float, taken_s: float, pilot: Pilot = Pilot.C) -> Inputs:
    return Inputs(
        energy_wh=Sample(value=wh, taken_s=taken_s), pilot=Sample(value=pilot, taken_s=taken_s)
    )


async def leave_open(
    directory: Path, away_s: float | None, token: TokenRef = TOKEN, *, stop: bool = False
) -> str:
    """A session at 1000 Wh, last seen at 1010 Wh, left by an agent that died `away_s` ago."""
    async with bench(directory, free if token is FREE else lambda text: text) as b:
        now_s = b.clock.now_s()
        at_s, guard = now_s - (away_s or 0.0) - 5.0, b.guard("1")
        guard.start(token, "WHITELIST")
        guard.keeper.begin(token, "WHITELIST", metered(1000.0, at_s - 0.1), at_s)
        guard.keeper.observe(metered(1000.0, at_s), at_s, closed=True)
        guard.keeper.observe(metered(1010.0, at_s + 4.0), at_s + 4.2, closed=True)
        await b.parts.journal.thread.call(lambda: None)
        running = guard.keeper.running
        assert running is not None
        b.parts.journal.session(running)
        if stop:
            b.ask("1", "stop")
        await b.parts.journal.thread.call(lambda: None)
        run = b.parts.journal.ledger.found.run
    if away_s is not None:
        last_word(directory, run, now_s - away_s)
    return running.session.id


def last_word(directory: Path, run: int, at_s: float) -> None:
    """Let the last sign of life of this run be of then, in memory and on the disk."""
    AliveFile(path=directory / "api.alive", boot_id=Clock().boot_id, run=lambda: run).sign(at_s)
    with closing(sqlite3.connect(directory / "state" / "ledger.db")) as ledger, ledger:
        ledger.execute("UPDATE runs SET last_s = ? WHERE run = ?", (at_s, run))


def going_on(b: Bench) -> bool:
    """Whether connector 1 has a running session."""
    return b.guard("1").keeper.running is not None


def ended(b: Bench) -> list[str | None]:
    """Why the sessions of connector 1 that await their last value have ended."""
    return [kept.session.end_reason for kept in b.guard("1").keeper.ending]


async def test_after_a_short_absence_the_session_goes_on_once_it_is_proved(tmp_path: Path) -> None:
    left = await leave_open(tmp_path, away_s=1.0)
    async with bench(tmp_path) as b:
        guard, now_s = b.guard("1"), b.clock.now_s()
        guard.step(replace(guard.inputs, authorised=True, session_unproved=True), now_s)
        assert not going_on(b)
        wishes = guard.wishes()
        assert (wishes.session_unproved, wishes.authorised) == (True, True)
        guard.step(replace(metered(1010.0, now_s + 1.0), authorised=True), now_s + 1.0)
        running = guard.keeper.running
        assert running is not None
        assert (running.session.id, running.session.start_wh) == (left, 1000.0)
        assert guard.token == TOKEN
        assert "resumed" in guard.wishes().session_found
        assert not guard.wishes().session_unproved
        assert [p.charging for p in core.totals(running.session).periods][-2:] == [True, False]


async def test_the_contactor_opens_before_anything_is_proved(tmp_path: Path) -> None:
    """Whatever was left closed: the actuator's first word is open, and stays so."""
    await leave_open(tmp_path, away_s=1.0)
    async with bench(tmp_path) as b:
        guard = b.guard("1")
        assert not guard.actuator.wanted.closed
        for step in range(8):
            now_s = b.clock.now_s() + step
            wishes = guard.wishes()
            inputs = replace(
                metered(1010.0, now_s - 60.0),
                authorised=wishes.authorised,
                session_unproved=wishes.session_unproved,
            )
            guard.step(inputs, now_s)
            assert not guard.actuator.wanted.closed
            assert guard.actuator.wanted.limit_a == 0.0
            assert guard.found is not None


@pytest.mark.parametrize(
    ("away_s", "change", "why"),
    [
        (40.0, lambda text: text, "no lock held its plug for certain"),
        (901.0, lambda text: text, "allowed are 900 s"),
        (1.0, never, "resume_within_s = 0"),
        (1.0, without_token, "its token may not charge here"),
    ],
    ids=["40 s", "15 minutes", "never", "token gone"],
)
async def test_what_needs_no_reading_is_refused_at_once_and_billed_on_the_meters_word(
    tmp_path: Path, away_s: float, change: Callable[[str], str], why: str
) -> None:
    """Whoever is plugged in now did not show a token; what flowed until then is billed once."""
    left = await leave_open(tmp_path, away_s)
    async with bench(tmp_path, change) as b:
        guard = b.guard("1")
        assert (guard.keeper.running, guard.found, guard.token) == (None, None, None)
        assert [why in str(reason) for reason in ended(b)] == [True]
        assert why in guard.wishes().session_found
        now_s = b.clock.now_s() + 1.0
        guard.keeper.observe(metered(1013.0, now_s), now_s, closed=False)
        late_s = now_s + guard.keeper.settle_s + SETTLE_GRACE_S - 0.5
        guard.keeper.observe(metered(1014.0, late_s), late_s, closed=False)
        await b.parts.journal.thread.call(lambda: None)
        (cdr,) = b.parts.journal.ledger.cdrs()
        assert (cdr.session.id, cdr.session.energy_wh) == (left, 14.0)
        assert why in str(cdr.remark)
        assert not b.parts.journal.unsaved


@pytest.mark.parametrize(("valid", "goes_on"), [(True, True), (False, False)], ids=str)
async def test_a_platforms_token_counts_as_listed(
    tmp_path: Path, valid: bool, goes_on: bool
) -> None:
    """Whoever a platform still lets in goes on; whom it has taken it back from does not."""
    await leave_open(tmp_path, away_s=1.0)
    told = {"contract_id": "C", "issuer": "I", "valid": valid, "whitelist": "ALLOWED"}
    body = msgspec.json.encode({**msgspec.to_builtins(TOKEN), **told}).decode()
    file = TokenFile(tmp_path / "state")
    file.put(
        TokenRow(
            uid=TOKEN.uid, type=TOKEN.type, country_code=TOKEN.country_code,
            party_id=TOKEN.party_id, platform="backend", last_updated="", body=body,
        )
    )  # fmt: skip
    file.close()
    async with bench(tmp_path, without_token) as b:
        assert (b.guard("1").found is not None) is goes_on


@pytest.mark.parametrize(
    ("inputs", "after_s", "why"),
    [
        (metered(1010.0, 1.0, Pilot.A), 1.0, "vehicle left"),
        (metered(990.0, 1.0), 1.0, "register is behind"),
        (Inputs(), PROOF_S + 1.0, "not proved within 30 s"),
    ],
    ids=["gone", "register", "nothing read"],
)
async def test_refused_by_a_reading_it_ends_when_it_was_last_seen(
    tmp_path: Path, inputs: Inputs, after_s: float, why: str
) -> None:
    await leave_open(tmp_path, away_s=1.0 if after_s < PROOF_S else 0.0)
    async with bench(tmp_path) as b:
        guard, now_s = b.guard("1"), b.clock.now_s()
        assert guard.found is not None
        last_s = guard.found.last_s
        assert guard.due_s(now_s) is not None
        # The clock of the claim is the real one: an absence of no length stays below the bound.
        guard.found.claim = replace(guard.found.claim, alive_s=now_s + after_s - 2.0)
        moved = {
            name: replace(sample, taken_s=now_s + after_s)
            for name in ("energy_wh", "pilot")
            if (sample := getattr(inputs, name)) is not None
        }
        wishes = guard.wishes()
        guard.step(
            replace(inputs, **moved, authorised=wishes.authorised, session_unproved=True),
            now_s + after_s,
        )
        assert not going_on(b)
        assert (guard.wishes().session_unproved, guard.token) == (False, None)
        assert [why in str(reason) for reason in ended(b)] == [True]
        assert [kept.session.ended_s for kept in guard.keeper.ending] == [last_s]


async def test_a_stop_before_the_crash_is_not_forgotten(tmp_path: Path) -> None:
    """The command was written down, the end of the session no longer."""
    await leave_open(tmp_path, away_s=1.0, stop=True)
    async with bench(tmp_path) as b:
        assert ["stopped by hand" in str(reason) for reason in ended(b)] == [True]
        assert b.guard("1").stopped


@pytest.mark.parametrize(
    ("change", "away_s", "stop", "charges"),
    [
        (free, 60.0, False, True),
        (free, 60.0, True, False),
        (lambda text: text, 1.0, False, False),
    ],
    ids=["away for long", "stopped by hand", "not free any longer"],
)
async def test_free_charging_begins_anew_unless_it_was_stopped(
    tmp_path: Path, change: Callable[[str], str], away_s: float, stop: bool, charges: bool
) -> None:
    await leave_open(tmp_path, away_s, FREE, stop=stop)
    async with bench(tmp_path, change) as b:
        assert b.guard("1").charging_wanted is charges
        assert len(ended(b)) == 1


async def test_a_start_waits_until_the_found_session_is_looked_at(tmp_path: Path) -> None:
    await leave_open(tmp_path, away_s=1.0)
    async with bench(tmp_path) as b:
        with pytest.raises(NotPossible, match="looked at first"):
            b.ask("1", "start", token=UID)
        b.ask("1", "stop")
        assert b.guard("1").found is None
        assert ["stopped, before it was proved" in str(reason) for reason in ended(b)] == [True]


async def test_a_run_that_died_before_the_proof_does_not_count_as_a_witness(
    tmp_path: Path,
) -> None:
    """Two starts in a row do not shorten the absence: only who watched can say until when."""
    await leave_open(tmp_path, away_s=40.0 - 15.0)
    async with bench(tmp_path) as b:
        assert b.guard("1").found is not None
        run, now_s = b.parts.journal.ledger.found.run, b.clock.now_s()
    last_word(tmp_path, run, now_s)
    async with bench(tmp_path) as b:
        found = b.guard("1").found
        assert found is not None
        assert found.claim.alive_s == pytest.approx(b.clock.now_s() - 25.0, abs=2.0)


async def test_an_orderly_stop_leaves_a_found_session_as_it_is(tmp_path: Path) -> None:
    left = await leave_open(tmp_path, away_s=1.0)
    async with bench(tmp_path) as b:
        guard = b.guard("1")
        guard.shutting_down = True
        guard.step(Inputs(session_unproved=True), b.clock.now_s() + PROOF_S)
        assert guard.found is not None
        assert ended(b) == []
    async with bench(tmp_path) as b:
        found = b.guard("1").found
        assert found is not None
        assert found.kept.session.id == left


async def test_a_clock_that_went_back_loses_no_energy(tmp_path: Path) -> None:
    """In another boot a session's last reading never lies ahead: new ones would be disbelieved."""
    left = await leave_open(tmp_path, away_s=None)
    async with bench(tmp_path) as b:
        row = b.parts.journal.ledger.session(left)
        assert row is not None
        other = replace(
            row,
            boot_id="another boot",
            begun_wall=datetime.now(UTC) + timedelta(hours=1),
            last_taken_s=row.begun_s + 7200.0,
        )
        kept = b.parts.journal._kept(other)
        now_s = b.clock.now_s() + 1.0
        assert kept.session.last_taken_s is not None
        assert kept.session.last_taken_s < now_s
        shown = core.Shown(energy=Sample(value=1011.0, taken_s=now_s))
        session = core.observe(kept.session, shown, b.guard("1").keeper.terms, now_s)
        assert session.last_wh == 1011.0


async def test_an_end_the_backend_never_heard_of_is_told_again(tmp_path: Path) -> None:
    left = await leave_open(tmp_path, away_s=1.0)
    async with bench(tmp_path) as b:
        guard, now_s = b.guard("1"), b.clock.now_s() + 1.0
        guard.step(replace(metered(1010.0, now_s), authorised=True), now_s)
        keeper = guard.keeper
        keeper.end("stopped", now_s, opened_s=now_s)
        late_s = now_s + keeper.settle_s + 1.0
        keeper.observe(metered(1010.0, late_s), late_s, closed=False)
        ledger = b.parts.journal.ledger
        ack = AckRow(
            kind="session", object_id=left, last_updated=datetime.now(UTC),
            body=msgspec.json.encode({"status": "ACTIVE"}).decode(), acknowledged=True,
        )  # fmt: skip
        await b.parts.journal.thread.call(ledger.save_ack, ack)
    async with bench(tmp_path) as b:
        records = {record.id: record for record in b.parts.publisher.station().sessions}
        assert records[left].ended_at is not None
        done = replace(ack, body=msgspec.json.encode({"status": "COMPLETED"}).decode())
        await b.parts.journal.thread.call(b.parts.journal.ledger.save_ack, done)
    async with bench(tmp_path) as b:
        assert left not in {record.id for record in b.parts.publisher.station().sessions}


async def test_a_maintenance_stays_so(tmp_path: Path) -> None:
    """An agent that is restarted meanwhile must not call the open door a fault."""
    async with bench(tmp_path) as b:
        b.ask("2", "maintenance")
        b.ask("2", "out")
        await b.parts.journal.thread.call(lambda: None)
    async with bench(tmp_path) as b:
        assert [b.guard(name).wishes().maintenance for name in ("1", "2")] == [False, True]
        b.ask("2", "normal")
        await b.parts.journal.thread.call(lambda: None)
    async with bench(tmp_path) as b:
        assert (b.guard("2").maintenance, b.guard("2").in_service) == (False, False)


async def test_out_of_service_stays_so(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.ask("2", "out")
        await b.parts.journal.thread.call(lambda: None)
    async with bench(tmp_path) as b:
        assert [b.guard(name).in_service for name in ("1", "2")] == [True, False]
        b.ask("2", "in")
        await b.parts.journal.thread.call(lambda: None)
    async with bench(tmp_path) as b:
        assert b.guard("2").in_service


@pytest.mark.parametrize(
    ("content", "signed"),
    [
        ("this-boot 100.0 7", 100.0),
        ("this-boot 100.0 6", None),
        ("another 100.0 7", None),
        ("this-boot 100.0", None),
        ("nonsense", None),
        ("this-boot soon 7", None),
        (None, None),
    ],
)
def test_the_sign_of_life(tmp_path: Path, content: str | None, signed: float | None) -> None:
    alive = AliveFile(path=tmp_path / "api.alive", boot_id="this-boot", run=lambda: 7)
    if content is not None:
        alive.path.write_text(content)
    assert alive.signed_s(7) == signed
    alive.sign(106.0)
    assert (alive.signed_s(7), alive.signed_s(8)) == (106.0, None)
