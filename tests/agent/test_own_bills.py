"""Our own CDRs, read as a receiver reads them: whoever prices them anew comes to our totals."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from agent.session_desk import Desk, metered
from agent.test_cli_tariff import priced
from agent.test_session_costs import TOKEN, body, keeper
from agent.uplink.uplink_kit import settings
from laddvakt_agent.core import session as core
from laddvakt_agent.core.inputs import Sample
from laddvakt_agent.pricing.costs import text_of
from laddvakt_agent.pricing.tariffs import known
from laddvakt_agent.published import CdrRecord
from laddvakt_agent.uplink import objects, structs
from laddvakt_agent.uplink.settings import Endpoints
from laddvakt_agent.uplink.version import Version

NOWHERE = Endpoints(locations=None, sessions=None, cdrs=None)


def element(rng: random.Random, **restrictions: object) -> dict[str, object]:
    kinds = rng.sample(("FLAT", "ENERGY", "TIME", "PARKING_TIME"), rng.randint(1, 4))
    parts = [
        {
            "type": kind,
            "price": rng.randrange(900) / 100,
            "step_size": rng.choice((1, 60, 300)),
            **rng.choice(({}, {"vat": 25}, {"vat": 5.5})),
        }
        for kind in kinds
    ]
    return {"price_components": parts, "restrictions": restrictions}


def tariff(rng: random.Random) -> dict[str, object]:
    """Restricted in every way that turns a period."""
    minute = f"12:{rng.randrange(60):02}"
    elements = [
        element(rng, start_time=minute, end_time="13:00"),
        element(rng, min_kwh=rng.randrange(1, 5), day_of_week=["MONDAY"]),
        element(rng, max_duration=60 * rng.randint(1, 50)),
        element(rng, min_current=rng.choice((8, 20, 40))),
        element(rng),
    ]
    return body(elements=rng.sample(elements, rng.randint(1, 5)))


def bill(rng: random.Random, text: str) -> CdrRecord:
    """An hour with a pause, at two currents, that begins with a reservation or not."""
    desk = Desk()
    made = keeper(text, desk)
    since = core.Reservation(id="R", since_s=1.0) if rng.random() < 0.3 else None
    made.begin(TOKEN, "WHITELIST", metered(1000.0, 99.0), 100.0, since)
    wh, pause = 1000.0, rng.randint(500, 2500)
    for second in range(101, 3700, 19):
        amps = 0.0 if pause < second < pause + 600 else (30.0 if second < 1500 else 10.0)
        wh += amps * 230.0 * 19 / 3600
        seen = replace(
            metered(round(wh, 1), float(second)),
            current_a=Sample(value=(amps, None, None), taken_s=float(second)),
        )
        kind = core.Kind.VEHICLE if rng.random() < 0.9 else core.Kind.STATION
        made.observe(seen, second + 0.123, closed=amps > 0.0, kind=kind)
    made.end("stopped", 3700.5, opened_s=3700.5)
    made.observe(metered(round(wh, 1), 3710.0), 3710.0, closed=False)
    ((_, cdr),) = desk.closed
    return cdr


@pytest.mark.parametrize("seed", range(5))
def test_a_receiver_comes_to_our_totals(tmp_path: Path, seed: int) -> None:
    """By both versions' CDR, with the tariff that it carries, to the last decimal."""
    rng = random.Random(seed)
    record = bill(rng, text_of(known(tariff(rng), Version.V2_2_1)))
    assert record.cost is not None
    at_home = replace(record, session=replace(record.session, evse_uid="evse-1"))
    for version in Version:
        told = objects.cdr(settings(NOWHERE, version=version), at_home)
        structs.checked(version, "CDR", told)
        again = priced(tmp_path, told["tariffs"], told)
        differences = cast("list[dict[str, object]]", again["differences"])
        # Times told in hours to four decimals do not add up to the last of them.
        assert all("_time" in str(each["field"]) and each["rounding"] for each in differences)
        assert not any("_cost" in str(each["field"]) for each in differences)
