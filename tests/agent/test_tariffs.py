"""[[tariff]]: what the configuration may say, which one holds, who is told, what is pulled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from agent.station_kit import bench
from agent.test_config import TEXT, good, problems
from agent.test_restart import TOKEN, leave_open, metered
from agent.test_session_costs import body
from laddvakt_agent.cli.client import JsonObject
from laddvakt_agent.cli.words import status_lines
from laddvakt_agent.config import TariffConfig
from laddvakt_agent.pricing.costs import read
from laddvakt_agent.pricing.tariffs import Known, known
from laddvakt_agent.tariffs import MOST_PARTS, TariffBook, ids_at
from laddvakt_agent.tariffs_part import TariffPuller
from laddvakt_agent.uplink.answers import Answer
from laddvakt_agent.uplink.errors import ServerFailed
from laddvakt_agent.uplink.serving import Caller, Party, Role
from laddvakt_agent.uplink.settings import UplinkSettings
from laddvakt_agent.uplink.version import Version
from laddvakt_agent.uplink_parts import Context

NOW = datetime(2026, 6, 15, 10, tzinfo=UTC)
JUNE, JULY = "2026-06-01T00:00:00Z", "2026-07-01T00:00:00Z"


def written(directory: Path, **more: object) -> str:
    path = directory / f"{more.get('id', 'T1')}.json"
    path.write_text(json.dumps(body(**more)), encoding="utf-8")
    return str(path)


def with_tariffs(*tables: str) -> str:
    return TEXT + "".join(f"\n[[tariff]]\n{table}\n" for table in tables)


def test_a_station_with_a_tariff(tmp_path: Path) -> None:
    """In a file, or a platform's; for all connectors, or for some."""
    file = written(tmp_path)
    theirs = 'uplink = "backend"\nid = "DAY"\nconnectors = ["2"]'
    config = good(with_tariffs(f'file = "{file}"', theirs))
    assert config.tariff == (
        TariffConfig(file=file),
        TariffConfig(uplink="backend", id="DAY", connectors=("2",)),
    )
    assert (ids_at(config, "1"), ids_at(config, "2")) == (("T1",), ("T1", "DAY"))
    assert good().tariff == ()


WRONG = [
    ("", "either file, or uplink and id"),
    ('file = "{ok}"\nid = "A"', "either file, or uplink and id"),
    ('id = "A"', "uplink and id belong together"),
    ('uplink = "backend"', "uplink and id belong together"),
    ('uplink = "another"\nid = "A"', "no [[uplink]] is called 'another'; there are: backend"),
    ('file = "{ok}"\nconnectors = ["1", "7"]', "no connector is called '7'; there are: 1, 2"),
    ('file = "{ok}x"', "cannot be read: No such file"),
    ('file = "{json}"', "is not JSON"),
    ('file = "{list}"', "holds no object"),
    ('file = "{bad}"', "elements[0].price_components[1].type is 'ENERGI'"),
    ('file = "{long}"', "it has 251 price components; give at most 250"),
    ('file = "{ok}"\nprice = 3', "unknown key 'price'"),
]


@pytest.mark.parametrize(("table", "said"), WRONG, ids=[said for _, said in WRONG])
def test_a_wrong_tariff_is_told(tmp_path: Path, table: str, said: str) -> None:
    """Before the charger starts: nobody may charge at prices that cannot be worked out."""
    files = {"ok": Path(written(tmp_path))}
    for name, text in (
        ("json", "{"),
        ("list", "[]"),
        ("bad", json.dumps(body()).replace("ENERGY", "ENERGI")),
        ("long", json.dumps(long_one())),
    ):
        files[name] = tmp_path / f"{name}.json"
        files[name].write_text(text, encoding="utf-8")
    (told,) = problems(with_tariffs(table.format(**files)))
    assert said in told


def long_one() -> dict[str, object]:
    """More than can be summed up between two looks at a session's safety."""
    part = {"type": "ENERGY", "price": 1, "step_size": 1}
    return body(elements=[{"price_components": [part]}] * (MOST_PARTS + 1))


def of(name: str, **more: object) -> Known:
    return known(body(id=name, **more), Version.V2_2_1)


def book(*tariffs: Known, connectors: Mapping[str, tuple[str, ...]] | None = None) -> TariffBook:
    named = connectors or {}
    return TariffBook(
        places=tuple(
            TariffConfig(file=each.core.id, connectors=named.get(each.core.id, ()))
            for each in tariffs
        ),
        files={each.core.id: each for each in tariffs},
    )


A, B = of("A"), of("B")
CHOICES = [
    pytest.param(book(), "RFID", None, id="none"),
    pytest.param(book(A, B), "RFID", "A", id="the first"),
    pytest.param(book(A, B, connectors={"A": ("2",)}), "RFID", "B", id="of this connector"),
    pytest.param(book(of("A", start_date_time=JULY), B), "RFID", "B", id="not yet"),
    pytest.param(book(of("A", end_date_time=JUNE), B), "RFID", "B", id="not any more"),
    pytest.param(book(of("A", start_date_time=JUNE, end_date_time=JULY)), "RFID", "A", id="now"),
    pytest.param(book(of("A", type="REGULAR")), "RFID", "A", id="regular"),
    pytest.param(book(of("A", type="PROFILE_CHEAP"), B), "RFID", "B", id="not by preference"),
    pytest.param(book(of("A", type="AD_HOC_PAYMENT")), "RFID", None, id="not ad hoc"),
    pytest.param(book(B, of("A", type="AD_HOC_PAYMENT")), "AD_HOC_USER", "A", id="ad hoc first"),
    pytest.param(book(of("A", type="REGULAR")), "AD_HOC_USER", "A", id="ad hoc as others"),
]


@pytest.mark.parametrize(("there", "token_type", "expected"), CHOICES)
def test_which_tariff_holds(there: TariffBook, token_type: str, expected: str | None) -> None:
    """The first in the configuration that fits place, time and token."""
    text = there.chosen("1", NOW, token_type)
    assert (None if text is None else read(text).core.id) == expected


OURS = Party("SE", "LAD")


def caller(version: Version, name: str = "emsp") -> Caller:
    return Caller(name=name, version=version, registered=True, own=OURS)


def test_tariffs_are_told_in_the_callers_version() -> None:
    """Ours, as our party for it; what 2.2.1 cannot say is not told in it."""
    new = known(body(id="N", tax_included="YES", party_id="XXX"))
    there = book(A, new)
    old = there.tariffs_for(caller(Version.V2_2_1))
    assert [(each["id"], each["party_id"]) for each in old] == [("A", "LAD")]
    both = there.tariffs_for(caller(Version.V2_3_0))
    assert [(each["id"], each["tax_included"]) for each in both] == [("A", "NO"), ("N", "YES")]
    assert all("last_updated" in each for each in both)


def _theirs() -> TariffBook:
    return TariffBook(places=(TariffConfig(uplink="cpo", id="Day"),))


def test_a_platform_is_not_told_its_own_tariffs() -> None:
    """Others are; ids are compared as CiStrings."""
    there = _theirs()
    assert there.platforms() == {"cpo"}
    there.take("cpo", [body(id="DAY"), body(id="NIGHT"), {"id": "DAY"}, 3], Version.V2_2_1)
    there.take("other", [body(id="DAY", currency="NOK")], Version.V2_2_1)
    assert there.tariffs_for(caller(Version.V2_2_1, "cpo")) == ()
    (told,) = there.tariffs_for(caller(Version.V2_2_1))
    assert (told["id"], told["currency"]) == ("DAY", "SEK")
    assert there.chosen("1", NOW, "RFID") is not None
    there.take("cpo", [{**long_one(), "id": "DAY", "currency": "NOK"}], Version.V2_2_1)
    assert there.tariffs_for(caller(Version.V2_2_1)) == (told,)


def test_what_is_pushed_changes_with_what_was_pulled() -> None:
    """By id, without `last_updated`, made once for each state."""
    there = _theirs()
    settings = cast(
        "UplinkSettings",
        SimpleNamespace(name="b", country_code="se", party_id="lad", version=Version.V2_2_1),
    )
    assert there.offered(settings) == {}
    there.take("cpo", [body(id="DAY")], Version.V2_2_1)
    offered = there.offered(settings)
    assert offered.keys() == {"DAY"}
    assert "last_updated" not in offered["DAY"]
    assert there.offered(settings) is offered


@dataclass
class Platform:
    """An `Outward` that has some tariffs, or none."""

    bodies: list[object] | None
    name: str = "backend"
    version: Version = Version.V2_2_1
    own: Party = OURS
    asked: list[str] = field(default_factory=list)

    def endpoint(self, identifier: str, role: Role) -> str | None:
        assert (identifier, role) == ("tariffs", Role.SENDER)
        return None if self.bodies is None else "https://b.example/tariffs"

    async def send(
        self,
        method: str,
        url: str,
        body: object = None,
        *,
        correlation_id: str | None = None,
        to: Party | None = None,
    ) -> Answer:
        del body, correlation_id, to
        self.asked.append(f"{method} {url}")
        if not self.bodies:
            raise ServerFailed("GET: 500")
        return Answer(data=self.bodies, location_url=None, headers={})


async def test_a_pulled_tariff_outlives_a_restart_without_network(tmp_path: Path) -> None:
    """It is asked for, kept in the ledger, and holds again before anybody was asked."""
    table = '\n[[tariff]]\nuplink = "backend"\nid = "day"\n'

    def change(text: str) -> str:
        return text + table

    async with bench(tmp_path, change) as b:
        context = cast(
            "Context",
            SimpleNamespace(publisher=b.parts.publisher, ledger=b.ledger, thread=b.thread),
        )
        puller = TariffPuller(context=context)
        assert not await puller.pull(Platform(bodies=None))
        assert not await puller.pull(Platform(bodies=[]))
        assert b.parts.publisher.tariffs.chosen("1", NOW, "RFID") is None
        assert await puller.pull(Platform(bodies=[body(id="NIGHT"), body(id="DAY")]))
    async with bench(tmp_path, change) as b:
        text = b.parts.publisher.tariffs.chosen("1", NOW, "RFID")
        assert text is not None
        assert read(text).core.id == "DAY"


async def test_a_session_keeps_its_tariff_over_a_restart(tmp_path: Path) -> None:
    """Also when another one holds by then: its price is the one it began with."""
    written(tmp_path, id="OLD")
    written(tmp_path, id="NEW", currency="NOK")

    def tariff(name: str) -> str:
        return f'\n[[tariff]]\nfile = "{tmp_path / name}.json"\n'

    async with bench(tmp_path, lambda text: text + tariff("OLD")) as b:
        guard, now_s = b.guard("1"), b.clock.now_s()
        guard.start(TOKEN, "WHITELIST")
        guard.keeper.begin(TOKEN, "WHITELIST", metered(1000.0, now_s - 0.1), now_s)
        guard.keeper.observe(metered(1000.0, now_s), now_s, closed=True)
        await b.thread.call(lambda: None)
        assert guard.keeper.running is not None
        left = guard.keeper.running.session.id
    async with bench(tmp_path, lambda text: text + tariff("NEW")) as b:
        (kept,) = b.parts.journal.inherited_sessions("1")
        assert (kept.session.id, kept.tariff is not None) == (left, True)
        record = b.guard("1").keeper.record(kept, NOW)
        assert record.cost is not None
        assert (record.cost.currency, record.cost.period_tariff_ids[0]) == ("SEK", "OLD")


async def test_the_status_says_what_a_session_costs(tmp_path: Path) -> None:
    """As it was last told; nothing where no tariff applies."""
    file = written(tmp_path)
    async with bench(tmp_path, lambda text: f'{text}\n[[tariff]]\nfile = "{file}"\n') as b:
        guard, now_s = b.guard("1"), b.clock.now_s()
        guard.keeper.begin(TOKEN, "WHITELIST", metered(1000.0, now_s - 0.1), now_s)
        guard.keeper.observe(metered(1000.0, now_s), now_s, closed=True)
        status = b.parts.publisher.status(ready=True, uplink=None)
        first, other = cast("list[dict[str, object]]", status["connectors"])
        assert first["session_cost"] == {
            "currency": "SEK",
            "before_taxes": 1.0,
            "after_taxes": 1.25,
            "tariff_id": "T1",
        }
        assert other["session_cost"] is None
        running = guard.keeper.running
        assert running is not None
        assert running.told is not None
        told = replace(running.told, cost=None, unpriced="why")
        guard.keeper.running = replace(running, told=told)
        status = b.parts.publisher.status(ready=True, uplink=None)
        first, _ = cast("list[dict[str, object]]", status["connectors"])
        assert first["session_cost"] == {"unpriced": "why"}


COSTS = [
    pytest.param(None, "", id="no tariff"),
    pytest.param({"unpriced": "why"}, "  cost: not known, the tariff could not be applied: why\n",
                 id="not priced"),
    pytest.param({"currency": "SEK", "before_taxes": 1.0, "after_taxes": 1.25, "tariff_id": "T"},
                 "  cost 1.25 SEK with taxes, tariff T\n", id="with taxes"),
    pytest.param({"currency": "CAD", "before_taxes": 5.0, "after_taxes": None, "tariff_id": "T"},
                 "  cost 5.00 CAD before taxes, tariff T\n", id="taxes unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("cost", "expected"), COSTS)
def test_the_cost_in_words(cost: JsonObject | None, expected: str) -> None:
    """One line below the readings."""
    plain: JsonObject = {"connectors": [{"id": "1"}]}
    told: JsonObject = {"connectors": [{"id": "1", "session_cost": cost}]}
    before = list(status_lines(plain))
    assert list(status_lines(told)) == before + expected.splitlines()


async def test_a_session_of_before_there_were_prices_goes_on_free(tmp_path: Path) -> None:
    """It began without a tariff; one that is configured now does not hold for it."""
    file = written(tmp_path)
    await leave_open(tmp_path, away_s=1.0)
    async with bench(tmp_path, lambda text: f'{text}\n[[tariff]]\nfile = "{file}"\n') as b:
        (kept,) = b.parts.journal.inherited_sessions("1")
        assert kept.tariff is None
        assert b.guard("1").keeper.record(kept, NOW + timedelta(hours=1)).cost is None
