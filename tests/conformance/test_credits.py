"""Case 58 from end to end: bill, credit, corrected; pushed and pulled, in both versions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agent.test_session_costs import PRICER, TEXT
from agent.uplink.uplink_kit import T0, cdr, finished
from conformance import past_kit
from conformance.kit import Synced, running
from conformance.told_kit import BOTH, Receiver, asked, told
from laddvakt_agent.published import CdrRecord
from laddvakt_agent.rebilling import energy_of
from laddvakt_agent.uplink.objects import credit_of
from laddvakt_agent.uplink.text import Content
from laddvakt_agent.uplink.version import Version
from laddvakt_sim.backend.validate import check

pytestmark = pytest.mark.integration

versions = pytest.mark.parametrize("version", BOTH, ids=[version.value for version in BOTH])
LATER = T0 + timedelta(days=1)


def chain(first: CdrRecord, new_id: str = "c-2") -> tuple[CdrRecord, CdrRecord, CdrRecord]:
    """A bill with its price, what takes it back, and what is billed instead."""
    session = PRICER.priced(first.session, TEXT)
    first = replace(first, session=session, cost=session.cost)
    credit = credit_of(first, LATER)
    session = PRICER.again(energy_of(first.session, 917.0))
    corrected = replace(
        first,
        id=new_id,
        session=session,
        cost=session.cost,
        remark="energy corrected by hand",
        created_at=LATER,
        follows=credit.id,
    )
    return first, credit, corrected


def kept(one: Receiver) -> dict[str, Content]:
    return {str(item["id"]): item for item in one.storage.objects("cdrs")}


def amounts(price: object) -> Iterator[float]:
    assert isinstance(price, dict)
    for name in ("excl_vat", "incl_vat", "before_taxes", "amount"):
        if name in price:
            yield price[name]
    for tax in price.get("taxes", ()):
        yield from amounts(tax)


@versions
def test_c58_a_bill_its_credit_and_what_is_billed_instead(tmp_path: Path, version: Version) -> None:
    """The receiver's own strict rules take all three; after a restart nothing is told again."""

    async def case(one: Receiver) -> None:
        bills = chain(cdr())
        requests = await one.tell(sessions=(finished(),), cdrs=tuple(reversed(bills)))
        posts = [str(r["body"]["id"]) for r in requests if r["module"] == "cdrs"]
        assert posts == ["c-1", "c-1-C", "c-2"], "in their order, whatever order they come in"
        found = kept(one)
        total = list(amounts(found["c-1"]["total_cost"]))
        assert total
        assert total == [-amount for amount in amounts(found["c-1-C"]["total_cost"])]
        assert found["c-1-C"]["credit_reference_id"] == "c-1"
        assert found["c-2"]["total_energy"] == 0.917
        assert found["c-2"].keys().isdisjoint({"credit", "credit_reference_id"})
        assert next(amounts(found["c-2"]["total_cost"])) < total[0]
        for item in found.values():
            assert check("CDR", item, version=version.value) == []
        await one.start()
        await one.tell()
        assert await one.tell(sessions=(finished(),), cdrs=bills) == []

    told(tmp_path, case, version)


@versions
@pytest.mark.parametrize("mode", ["status_2001", "http_500", "silent"])
def test_c58_no_credit_before_its_bill(tmp_path: Path, version: Version, mode: str) -> None:
    """What the receiver does not have it cannot take back; each arrives once."""

    async def case(one: Receiver) -> None:
        bills = chain(cdr())
        one.server.behave({"mode": mode, "count": 2, "module": "cdrs"})
        requests = await one.tell(sessions=(finished(),), cdrs=bills)
        lines = [str(r["body"]["id"]) for r in requests if asked([r]) == ["POST cdrs"]]
        at = {cdr_id: lines.index(cdr_id) for cdr_id in ("c-1", "c-1-C", "c-2")}
        assert at["c-1"] < at["c-1-C"] < at["c-2"] == len(lines) - 1
        assert lines[at["c-1-C"] :] == ["c-1-C", "c-2"]
        assert list(kept(one)) == ["c-1", "c-1-C", "c-2"]

    told(tmp_path, case, version)


@versions
def test_c58_a_credit_takes_back_what_was_told(tmp_path: Path, version: Version) -> None:
    """The clock became known after the bill was told: its credit still has the bill's times."""

    async def case(one: Receiver) -> None:
        first, credit, corrected = chain(cdr())
        await one.tell(sessions=(finished(),), cdrs=(first,))

        def moved(bill: CdrRecord) -> CdrRecord:
            at = bill.session.started_at + timedelta(seconds=7)
            return replace(bill, session=replace(bill.session, started_at=at))

        bills = tuple(moved(bill) for bill in (first, credit, corrected))
        await one.tell(sessions=(finished(),), cdrs=bills)
        found = kept(one)
        began = [str(item["start_date_time"]) for item in found.values()]
        assert began == ["2027-03-01T12:00:00.000Z"] * 2 + ["2027-03-01T12:00:07.000Z"]

    told(tmp_path, case, version)


@versions
async def test_c58_whoever_pulls_finds_each_in_its_order(tmp_path: Path, version: Version) -> None:
    """Also page by page, and from the last one that was received."""
    async with running(tmp_path, source=Synced()) as platform:
        thread, ledger = platform.bench.thread, platform.bench.ledger
        first, credit, corrected = chain(past_kit.bill(1), "c-1b")
        when = past_kit.T0 + timedelta(days=2)
        credit, corrected = (replace(part, created_at=when) for part in (credit, corrected))
        row = past_kit.row(first.session)
        await thread.call(ledger.close_session_with_cdr, row, first)
        second = past_kit.bill(2)
        await thread.call(ledger.close_session_with_cdr, past_kit.row(second.session), second)
        await thread.call(ledger.later.add, credit, corrected)
        at = f"{version.value}/cdrs"
        found = (await platform.get(at, date_from=past_kit.EVER)).items
        assert [item["id"] for item in found] == ["c-1", "c-2", "c-1-C", "c-1b"]
        for item in found:
            assert check("CDR", item, version=version.value) == []  # type: ignore[arg-type]  # JSON
        paged = [
            (await platform.get(at, date_from=past_kit.EVER, limit="1", offset=str(n))).items
            for n in range(4)
        ]
        assert [item for page in paged for item in page] == found
        news = (await platform.get(at, date_from=str(found[2]["last_updated"]))).items
        assert [item["id"] for item in news] == ["c-1-C", "c-1b"]
