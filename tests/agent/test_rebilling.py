"""A bill taken back by a person: over the local API and by `laddvakt ledger credit`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agent.ledger.test_audience import ack
from agent.station_kit import Bench, bench
from agent.test_session_costs import PRICER, TEXT
from conformance import past_kit
from laddvakt_agent.clock import FakeTime
from laddvakt_agent.diagnostics.answers import Forbidden, NotPossible
from laddvakt_agent.ledger.audience import BACKEND
from laddvakt_agent.ledger.check import check
from laddvakt_agent.ledger.errors import StorageError, StorageKind
from laddvakt_agent.ledger.points import Verdict
from laddvakt_agent.ledger.rows import AckRow
from laddvakt_agent.local_routes import rebilling
from laddvakt_agent.published import CdrRecord, SignedText, ValueRecord
from laddvakt_agent.rebilling import Rebilled, Rebilling, Wish, energy_of

pytestmark = pytest.mark.integration

WHY = "the meter was exchanged"


@dataclass
class Told:
    """What the uplink is made to remember."""

    acks: list[tuple[AckRow, ...]] = field(default_factory=list)

    def recall(self, acks: tuple[AckRow, ...]) -> None:
        self.acks.append(acks)


@dataclass
class Office:
    """A station with one bill, and who takes it back."""

    bench: Bench
    biller: Rebilling
    bill: CdrRecord
    told: Told
    time: FakeTime

    async def credit(
        self, cdr_id: str = "c-1", energy_wh: float | None = None, *, root: bool = True
    ) -> Rebilled:
        wish = Wish(cdr_id=cdr_id, reason=WHY, energy_wh=energy_wh)
        return await self.biller.take_back(wish, uid=0, privileged=root)

    async def cdrs(self) -> list[str]:
        return [cdr.id for cdr in await self.bench.thread.call(self.bench.ledger.cdrs)]

    def published(self) -> list[str]:
        return [cdr.id for cdr in self.bench.parts.publisher.station().cdrs]

    async def noted(self) -> list[tuple[str, str]]:
        rows = await self.bench.thread.call(self.bench.ledger.security.rows)
        return [(r.result, r.detail) for r in rows if r.event == "cdr_credited"]


def signed_bill() -> CdrRecord:
    bill = past_kit.bill(1)
    periods = (bill.session.periods[0],) * 3
    session = PRICER.priced(
        replace(
            bill.session,
            end=ValueRecord(
                wh=6000.0,
                taken_at=bill.created_at,
                quality="measured",
                signed=SignedText(text="s", encoding="OCMF"),
            ),
            periods=tuple(
                replace(p, energy_wh=wh)
                for p, wh in zip(periods, (1000.0, 4000.0, 0.0), strict=True)
            ),
        ),
        TEXT,
    )
    return replace(bill, session=session, cost=session.cost)


@asynccontextmanager
async def office(directory: Path, *, synced: bool = True) -> AsyncIterator[Office]:
    time = FakeTime(synced=synced)
    async with bench(directory, source=time) as station:
        bill = signed_bill()
        row = replace(past_kit.row(bill.session), tariff=TEXT)
        await station.thread.call(station.ledger.close_session_with_cdr, row, bill)
        station.parts.publisher.cdrs.append(bill)
        told = Told()
        config = station.parts.supervisor.config
        biller = rebilling(config, station.clock, station.parts, lambda: told)  # type: ignore[arg-type, return-value]  # all that is asked of it
        yield Office(station, biller, bill, told, time)


async def test_a_bill_is_taken_back_and_billed_anew_by_its_tariff(tmp_path: Path) -> None:
    async with office(tmp_path) as one:
        done = await one.credit(energy_wh=2500.0)
        credit, corrected = done.credit, done.corrected
        assert corrected is not None
        assert (credit.credits, credit.session, credit.cost) == (
            "c-1",
            one.bill.session,
            one.bill.cost,
        )
        assert corrected.session.energy_wh == 2500.0
        assert [p.energy_wh for p in corrected.session.periods] == [500.0, 2000.0, 0.0]
        assert one.bill.cost is not None
        assert corrected.cost is not None
        less = one.bill.cost.total.before_taxes - corrected.cost.total.before_taxes
        assert less == Decimal("2.5") * Decimal("2.5")
        assert corrected.remark == f"energy corrected by hand: {WHY}"
        assert corrected.session.end is not None
        assert corrected.session.end.signed is None, "nobody has signed this energy"
        ids = ["c-1", "c-1-C", corrected.id]
        assert await one.cdrs() == one.published() == ids
        assert await one.noted() == [("done", f"CDR c-1, 2500 Wh instead: {WHY}")]
        points = check(one.bench.ledger.path)
        assert [p.name for p in points if p.verdict is Verdict.WRONG] == []
    async with bench(tmp_path, source=one.time) as again:
        assert [cdr.id for cdr in again.parts.publisher.station().cdrs] == ids
        sessions = again.parts.publisher.station().sessions
        assert [one.energy_wh for one in sessions] == [5000.0], "that one is over as it was"


async def test_the_same_again_changes_nothing_and_a_chain_goes_on(tmp_path: Path) -> None:
    async with office(tmp_path) as one:
        assert (await one.credit()).changed
        assert not (await one.credit()).changed
        first = await one.credit(energy_wh=2500.0)  # billed anew only now
        assert first.changed
        assert first.corrected is not None
        both = await asyncio.gather(*(one.credit(energy_wh=2500.0) for _ in range(3)))
        assert {done.changed for done in both} == {False}
        with pytest.raises(NotPossible, match="was billed instead"):
            await one.credit(energy_wh=2600.0)
        with pytest.raises(NotPossible, match="it cannot be taken back itself"):
            await one.credit("c-1-C")
        again = await one.credit(first.corrected.id, energy_wh=2600.0)
        assert again.corrected is not None
        ids = ["c-1", "c-1-C", first.corrected.id, again.credit.id, again.corrected.id]
        assert await one.cdrs() == one.published() == ids
        assert all(len(cdr_id) <= 39 for cdr_id in ids)
        assert {result for result, _ in await one.noted()} == {"done", "done before", "refused"}


async def test_who_has_not_the_bill_is_not_told_of_it(tmp_path: Path) -> None:
    """Synchronisers that run learn that; what nobody is to be told is not published."""
    async with office(tmp_path) as one:
        audience, call = one.bench.ledger.audience, one.bench.thread.call
        await call(partial(audience.join, BACKEND, cdrs=True))
        await call(one.bench.ledger.save_ack, ack(BACKEND, "c-1"))
        await call(partial(audience.join, "hub", cdrs=True))
        await one.credit()
        (acks,) = one.told.acks
        assert ("hub", "c-1-C") in {(getattr(a, "party", ""), a.object_id) for a in acks}
        assert one.published() == ["c-1", "c-1-C"]
        await call(audience.keep, ("hub",))
        await one.credit(energy_wh=1.0)
        assert one.published() == ["c-1", "c-1-C"]
        assert len(await one.cdrs()) == 3


async def refused(one: Office, cdr_id: str, energy_wh: float | None, **more: bool) -> NotPossible:
    with pytest.raises(NotPossible) as caught:
        await one.credit(cdr_id, energy_wh, **more)
    assert await one.cdrs() == ["c-1"]
    return caught.value


@pytest.mark.parametrize(
    ("cdr_id", "energy_wh", "root", "error", "remedy"),
    [
        pytest.param("c-2", None, True, "there is no CDR c-2", "ledger show cdrs", id="unknown"),
        pytest.param("c-1", -1.0, True, "is no session's energy", "--energy-wh", id="negative"),
        pytest.param("c-1", float("nan"), True, "is no session's", "--energy-wh", id="no number"),
        pytest.param("c-1", None, False, "only root", "sudo", id="not root"),
    ],
)
async def test_a_no_has_its_remedy_and_changes_nothing(
    tmp_path: Path, cdr_id: str, energy_wh: float | None, root: bool, error: str, remedy: str
) -> None:
    async with office(tmp_path) as one:
        said = await refused(one, cdr_id, energy_wh, root=root)
        assert error in said.error
        assert remedy in said.remedy
        assert isinstance(said, Forbidden) is not root
        assert await one.noted() != []


async def test_a_credit_bears_a_date_and_lies_on_a_disk(tmp_path: Path) -> None:
    async with office(tmp_path, synced=False) as one:
        assert "the clock is not set" in (await refused(one, "c-1", None)).error
        one.time.is_synced = True
        one.bench.ledger.renewal.on_disk = False
        assert "stands on no disk" in (await refused(one, "c-1", None)).error
        one.bench.ledger.renewal.on_disk = True
        change = "UPDATE sessions SET tariff = '{}'"
        await one.bench.thread.call(one.bench.ledger._store._connection.execute, change)
        with capture_logs():
            said = await refused(one, "c-1", 2500.0)
        assert "cannot be priced anew" in said.error
        assert "without --energy-wh" in said.remedy


async def test_what_the_disk_does_not_take_is_told_to_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with office(tmp_path) as one:

        def full(*cdrs: CdrRecord) -> None:
            raise StorageError(StorageKind.FULL, one.bench.ledger.path, "no room")

        with monkeypatch.context() as patch:
            patch.setattr(one.bench.ledger.later, "add", full)
            said = await refused(one, "c-1", 2500.0)
        assert "it could not be written" in said.error
        assert "free space" in said.error
        assert one.published() == ["c-1"]
        assert (await one.credit(energy_wh=2500.0)).changed


@pytest.mark.parametrize(
    ("energies", "energy_wh", "expected"),
    [
        pytest.param((1.0, 1.0, 1.0), 1.0, (0.333, 0.334, 0.333), id="in whole mWh"),
        pytest.param((0.0, 0.0, 0.0), 9.0, (3.0, 3.0, 3.0), id="nothing was measured"),
        pytest.param((5.0, 0.0, 5.0), 0.0, (0.0, 0.0, 0.0), id="nothing is billed"),
    ],
)
def test_an_energy_is_shared_out(
    energies: tuple[float, ...], energy_wh: float, expected: tuple[float, ...]
) -> None:
    one = past_kit.record(1).periods[0]
    session = past_kit.record(1, periods=tuple(replace(one, energy_wh=wh) for wh in energies))
    shared = energy_of(session, energy_wh)
    assert tuple(p.energy_wh for p in shared.periods) == expected
    assert shared.energy_wh == energy_wh


async def test_the_backend_gets_a_date_after_the_bill(tmp_path: Path) -> None:
    """Also where the clock has gone back since: whoever pulls from there on must find it."""
    async with office(tmp_path) as one:
        one.time.step_wall(one.bill.created_at - timedelta(days=1))
        done = await one.credit()
        assert done.credit.created_at > one.bill.created_at
