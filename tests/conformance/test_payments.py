"""The payments module of 2.3.0, CPO side: a provider's terminal at this charger, its captures.

Source: the Payments document, mod_payments: Receiver interface, Terminal Assignment, Activation.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import pytest

from agent.uplink.ocpi_data import NEW, OLD, sample, without
from conformance.emsp import FakeOutward, Told
from conformance.kit import HUB, Heard, Platform, running
from laddvakt_agent.payments_part import Payments, payments
from laddvakt_agent.uplink import structs
from laddvakt_agent.uplink.errors import UplinkError
from laddvakt_agent.uplink.receivers.payments import TerminalPlace
from laddvakt_agent.uplink.structs.payments import Terminal

pytestmark = pytest.mark.integration

CONFIG = """
[[uplink]]
name = "emsp"
mode = "platform"

[server]
url = "https://charger.example.com"

[[terminal]]
uplink = "emsp"
id = "term-1"

[[terminal]]
uplink = "emsp"
reference = "SN-77"
connectors = ["1"]
"""
BASE = "2.3.0/payments"
TERMINALS, ADVICES = f"{BASE}/terminals", f"{BASE}/financial-advice-confirmations"


@dataclass
class Provider:
    """The platform of the payment provider, and our side of it."""

    platform: Platform
    ours: Payments

    async def post(self, body: object, where: str = TERMINALS) -> Heard:
        return await self.platform.ask("POST", where, body)

    def told(self, method: str) -> list[tuple[str, dict[str, object]]]:
        """What we told it: the path and the body."""
        return [
            (request.path, request.body)
            for request in self.platform.emsp.of(method, "/payments")
            if isinstance(request.body, dict)
        ]


@asynccontextmanager
async def provider(directory: Path) -> AsyncIterator[Provider]:
    def change(text: str) -> str:
        return re.sub(r"\[uplink\].*?(?=\n\[fault)", CONFIG, text, flags=re.DOTALL)

    async with running(directory, change=change) as platform:
        ours = payments(platform.context)
        assert ours is not None
        others = [module for module in platform.modules if module.identifier != "payments"]
        platform.modules[:] = [*others, ours.module]
        platform.outwards["emsp"].version = NEW
        yield Provider(platform, ours)


@pytest.fixture
async def pay(tmp_path: Path) -> AsyncIterator[Provider]:
    async with provider(tmp_path) as made:
        yield made


def station_ids(pay: Provider) -> tuple[str, str]:
    config = pay.platform.context.config
    return config.station.location_id, config.connector[0].evse_uid


async def test_it_is_there_for_the_provider_alone(pay: Provider) -> None:
    """In 2.3.0, for the platform whose terminals stand here; without any there is no such part."""
    listed = (await pay.platform.get("2.3.0")).item["endpoints"]
    assert isinstance(listed, list)
    offered = {(item["identifier"], item["role"]) for item in listed}
    assert ("payments", "RECEIVER") in offered
    older = await pay.platform.get("2.2.1")
    other = await pay.platform.ask("GET", "2.3.0", token=HUB)
    assert "payments" not in f"{older.data} {other.data}"
    config = pay.platform.context.config
    plain = replace(pay.platform.context, config=msgspec.structs.replace(config, terminal=()))
    assert payments(plain) is None


async def test_a_new_terminal_is_kept_and_told_what_it_serves(pay: Provider) -> None:
    """Its id alone is enough, as the document says; our assignment follows as a PATCH."""
    place, _ = station_ids(pay)
    heard = await pay.post({"terminal_id": "TERM-1"})
    assert (heard.status, heard.code) == (201, 1000)
    await pay.ours.tell()
    ((path, body),) = pay.told("PATCH")
    assert path == "/payments/terminals/TERM-1"
    assert (body["location_ids"], body["evse_uids"]) == ([place], [])
    shown = (await pay.platform.get(f"{TERMINALS}/term-1")).item
    assert shown["terminal_id"] == "TERM-1"
    assert {name: shown.get(name, []) for name in body} == body
    structs.checked(NEW, Terminal, shown)  # type: ignore[arg-type] # JSON, whatever it is
    await pay.ours.tell()
    assert len(pay.told("PATCH")) == 1, "once is enough"


async def test_a_terminal_known_by_its_reference_serves_its_connector(pay: Provider) -> None:
    """It is asked to be activated first; then the provider tells of it under an id of its own."""
    _, evse_uid = station_ids(pay)
    await pay.ours.tell()
    ((path, body),) = pay.told("POST")
    assert path == "/payments/terminals/activate"
    assert (body["reference"], body["evse_uids"]) == ("SN-77", [evse_uid])
    structs.checked(NEW, Terminal, body, patch=True)  # type: ignore[arg-type]
    await pay.ours.tell()
    assert len(pay.told("POST")) == 1, "it was activated"
    whole = sample("Terminal", "everything") | {"terminal_id": "t-9", "reference": "sn-77"}
    assert (await pay.post(whole)).status == 201
    assert (await pay.post(whole)).status == 200, "told again"
    await pay.ours.tell()
    ((path, body),) = pay.told("PATCH")
    assert path == "/payments/terminals/t-9"
    assert (body["location_ids"], body["evse_uids"]) == ([], [evse_uid])


async def test_it_is_told_as_soon_as_it_is_known_and_until_it_arrived(
    pay: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A provider that fails is asked again, without being posted to a second time."""
    monkeypatch.setattr("laddvakt_agent.payments_part.RETRY_MIN_S", 0.01)
    pay.ours.backoff._min_s = 0.01
    failing = Told(http_status=500, status_code=3000)
    pay.platform.emsp.answer("PATCH", "/payments", failing)
    task = asyncio.create_task(pay.ours.keep())
    try:
        await asyncio.sleep(0)
        assert (await pay.post({"terminal_id": "term-1"})).status == 201
        async with asyncio.timeout(10):
            while len(pay.told("PATCH")) < 2:  # noqa: ASYNC110 - the provider counts
                await asyncio.sleep(0.01)
            pay.platform.emsp.rules.clear()
            while pay.ours.backoff.failing:  # noqa: ASYNC110 - as its reader does
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    (row,) = pay.platform.context.ledger.payments.all("terminals")
    assert row.told


async def test_without_an_agreement_it_waits(pay: Provider) -> None:
    """No platform, one without the module, one of 2.2.1: nothing goes out, nothing is lost."""
    assert (await pay.post({"terminal_id": "term-1"})).status == 201
    outwards = pay.platform.outwards
    outward = outwards.pop("emsp")
    await pay.ours.tell()
    for lacking in (replace(outward, lacks=frozenset({"payments"})), replace(outward, version=OLD)):
        outwards["emsp"] = lacking
        await pay.ours.tell()
    assert pay.platform.emsp.received == []
    outwards["emsp"] = outward
    await pay.ours.tell()
    assert [path for path, _ in pay.told("PATCH")] == ["/payments/terminals/term-1"]


ADVICE = sample("FinancialAdviceConfirmation", "captured")


WRONG: tuple[tuple[str, object, str], ...] = (
    (TERMINALS, {"terminal_id": "term-2"}, "term-2 is not known at this charger"),
    (TERMINALS, {"reference": "SN-77"}, "terminal_id is missing"),
    (TERMINALS, {"terminal_id": "term-1", "invoice_creator": "ME"}, "one of CPO, PTP"),
    (TERMINALS, [{"terminal_id": "term-1"}], "one object belongs into the body"),
    (ADVICES, ADVICE | {"total_costs": {"excl_vat": 1}}, "total_costs.before_taxes is missing"),
    (ADVICES, without(ADVICE, ("eft_data",)), "eft_data is missing"),
)
ELSEWHERE = (
    ("PUT", TERMINALS, 405),
    ("GET", TERMINALS, 405),
    ("DELETE", f"{TERMINALS}/term-1", 405),
    ("GET", f"{TERMINALS}/term-1", 404),
    ("GET", BASE, 404),
    ("POST", f"{TERMINALS}/activate/now", 404),
    ("GET", f"{BASE}/cards/1", 404),
)


async def test_what_is_wrong_is_refused_and_what_is_not_ours_is_not_there(pay: Provider) -> None:
    """Lists, changes and activation are the provider's own side of the module."""
    for where, body, said in WRONG:
        heard = await pay.post(body, where)
        assert (heard.status, heard.code) == (200, 2001), body
        assert said in str(heard.envelope["status_message"])
    for method, where, status in ELSEWHERE:
        heard = await pay.platform.ask(method, where, {} if method in {"PUT", "POST"} else None)
        assert (heard.status, heard.code) == (status, 2000), (method, where)
    assert pay.platform.context.ledger.payments.all("terminals") == ()


async def test_captures_and_terminals_are_kept(tmp_path: Path) -> None:
    """FinancialAdviceConfirmation: POST, then GET without regard to case; newer ones replace."""
    advice = sample("FinancialAdviceConfirmation", "not captured")
    async with provider(tmp_path) as pay:
        await pay.post({"terminal_id": "term-1"})
        assert (await pay.post(advice, ADVICES)).status == 201
        assert (await pay.platform.get(f"{ADVICES}/FAC-1")).item == advice
        assert (await pay.post(advice | {"capture_status_code": "SUCCESS"}, ADVICES)).status == 200
    async with provider(tmp_path) as pay:
        assert (await pay.platform.get(f"{ADVICES}/fac-1")).item["capture_status_code"] == "SUCCESS"
        assert (await pay.platform.get(f"{ADVICES}/fac-2")).status == 404
        assert (await pay.platform.get(f"{TERMINALS}/term-1")).status == 200
        await pay.ours.tell()
        assert len(pay.told("PATCH")) == 1


async def test_one_providers_trouble_delays_no_other(pay: Provider) -> None:
    """The second provider's terminal is asked for although the first one fails."""
    first = pay.platform.outwards["emsp"]
    second = FakeOutward(first.emsp, first.session, name="second", version=NEW)
    pay.platform.outwards["second"] = second
    pay.ours.places = {**pay.ours.places, "second": (TerminalPlace(reference="SN-9"),)}
    failing = Told(http_status=500, status_code=3000)
    first.emsp.rules.append(lambda got: failing if "SN-77" in str(got.body) else None)
    with pytest.raises(UplinkError):
        await pay.ours.tell()
    told = [body["reference"] for path, body in pay.told("POST") if path.endswith("/activate")]
    assert told == ["SN-77", "SN-9"]
