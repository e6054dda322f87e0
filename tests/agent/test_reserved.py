"""A connector kept for one customer: who redeems it, and what the guard makes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.station_kit import Bench, bench
from agent.test_restart import metered
from laddvakt_agent.core.inputs import Pilot, Sample
from laddvakt_agent.core.model import ReservationDropped, SessionBegun
from laddvakt_agent.diagnostics.answers import NotPossible
from laddvakt_agent.published import TokenRef
from laddvakt_agent.reserved import Held

TOKEN = TokenRef(uid="APP1", type="APP_USER", contract_id="C1", country_code="NL", party_id="TNM")
T0 = datetime(2027, 1, 31, 10, tzinfo=UTC)
HELD = Held(
    party="tnm",
    id="R-1",
    connector="1",
    evse_uid="DEMO1-1",
    token=TOKEN,
    group_id="Family",
    since_at=T0,
    expires_at=T0 + timedelta(minutes=15),
    session_id="kept-session",
    response_url="https://emsp.example/r/1",
    authorization_reference="REF-R",
)


@dataclass
class Told:
    """A `Reserver` that remembers."""

    came: list[str] = field(default_factory=list)
    lost: list[tuple[str, str]] = field(default_factory=list)

    def redeemed(self, held: Held) -> None:
        self.came.append(held.name)

    def dropped(self, held: Held, reason: str) -> None:
        self.lost.append((held.name, reason))


@pytest.fixture
async def station(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as built:
        yield built


@pytest.mark.parametrize(
    ("token", "group_id", "redeems"),
    [
        pytest.param(TOKEN, None, True, id="the token itself"),
        pytest.param(replace(TOKEN, uid="app1", party_id="tnm"), None, True, id="in any case"),
        pytest.param(replace(TOKEN, type="RFID"), None, True, id="as another type"),
        pytest.param(replace(TOKEN, uid="OTHER"), None, False, id="another"),
        pytest.param(replace(TOKEN, uid="OTHER"), "FAMILY", True, id="of its group"),
        pytest.param(replace(TOKEN, uid="OTHER"), "OTHERS", False, id="of another group"),
        pytest.param(replace(TOKEN, party_id="EVI"), None, False, id="of another party"),
        pytest.param(
            replace(TOKEN, uid="OTHER", party_id="EVI"), "FAMILY", False,
            id="a group is its party's own",
        ),
    ],
)  # fmt: skip
def test_who_redeems_it(token: TokenRef, group_id: str | None, redeems: bool) -> None:
    assert HELD.redeems(token, group_id) is redeems
    assert not replace(HELD, group_id=None).redeems(replace(token, uid="X"), group_id)


def test_its_session_while_nobody_has_come() -> None:
    """The session is there from the reservation on; it ends where nobody comes, never before."""
    waiting = HELD.record(T0)
    assert (waiting.id, waiting.waiting, waiting.ended_at) == ("kept-session", True, None)
    assert (waiting.authorization_reference, waiting.auth_method) == ("REF-R", "COMMAND")
    assert HELD.record(T0, T0 - timedelta(seconds=5)).ended_at == T0
    assert not HELD.over(T0 + timedelta(minutes=14))
    assert HELD.over(T0 + timedelta(minutes=15))


async def test_a_reserved_connector_lets_in_its_customer_alone(station: Bench) -> None:
    """Also where everybody may charge: the free token is nobody's."""
    guard = station.guard("1")
    guard.prepared, guard.reservation, guard.free_token = True, HELD, replace(TOKEN, uid="free")
    assert (guard.wishes().reserved, guard.wishes().authorised) == (True, False)
    guard.start(replace(TOKEN, uid="OTHER"), "WHITELIST")
    assert not guard.wishes().authorised
    guard.start(replace(TOKEN, uid="OTHER"), "WHITELIST", group_id="family")
    assert guard.wishes().authorised
    guard.start(TOKEN, "COMMAND", "REF-S")
    assert guard.wishes().authorised
    guard.reservation = None
    guard.stop()
    guard.stopped = False
    assert guard.wishes().authorised


@pytest.mark.parametrize(("reference", "told"), [("REF-S", "REF-S"), (None, "REF-R")])
async def test_a_redeemed_reservation_goes_on_as_its_session(
    reference: str | None, told: str, station: Bench
) -> None:
    """Same id, begun with the reservation, and the reference that was given last."""
    guard, now_s = station.guard("1"), station.clock.now_s()
    wall = guard.keeper.wall_at(now_s)
    reserver = Told()
    guard.reserver = reserver
    guard.reservation = replace(HELD, since_at=wall - timedelta(seconds=90))
    guard.start(TOKEN, "COMMAND", reference)
    guard._apply(SessionBegun(), metered(1000.0, now_s), now_s)
    (record,) = guard.keeper.records()
    assert (record.id, record.reservation) == ("kept-session", "tnm:R-1")
    assert record.authorization_reference == told
    assert not record.waiting
    assert record.started_at == pytest.approx(wall - timedelta(seconds=90), abs=timedelta(0.01))
    assert record.periods[0].reserved
    assert reserver.came == ["tnm:R-1"]
    assert not guard.wishes().reserved


async def test_a_reservation_that_cannot_be_kept_is_told(station: Bench) -> None:
    guard, reserver = station.guard("1"), Told()
    guard.reserver, guard.reservation = reserver, HELD
    guard._apply(ReservationDropped(reason="out of order: board_error"), metered(0.0, 1.0), 1.0)
    assert reserver.lost == [("tnm:R-1", "out of order: board_error")]


async def test_whoever_starts_from_afar_may_plug_in_afterwards(station: Bench) -> None:
    """The token waits for the vehicle until its time is over, not a moment longer."""
    guard, now_s = station.guard("1"), station.clock.now_s()

    def absent(at_s: float) -> None:
        inputs = replace(metered(1000.0, at_s), pilot=Sample(value=Pilot.A, taken_s=at_s))
        guard._forget_unused(inputs, at_s)

    guard.stepped_s = now_s
    guard.start(TOKEN, "COMMAND")
    guard.awaited_until_s = now_s + 50.0
    absent(now_s + 49.0)
    assert guard.token is TOKEN
    absent(now_s + 50.0)
    assert guard.token is None


async def test_a_ceiling_is_a_wish_and_a_deadline(station: Bench) -> None:
    """What the profile allows reaches the core; its next step wakes the guard."""

    class Fixed:
        def limit_a(self) -> float | None:
            return 8.0

        def due_s(self) -> float | None:
            return 1.0

        def who(self) -> str:
            return "NL TNM (emsp)"

    guard = station.guard("1")
    assert guard.wishes().profile_limit_a is None
    guard.ceiling = Fixed()
    assert guard.wishes().profile_limit_a == 8.0
    assert guard.due_s(0.5) == 1.0


async def test_nobody_here_starts_what_is_kept_for_another(station: Bench) -> None:
    """Also where charging is free, and the customer may come in person."""
    guard = station.guard("1")
    guard.step(metered(1000.0, station.clock.now_s(), Pilot.B), station.clock.now_s())
    guard.reservation, guard.free_token = HELD, replace(TOKEN, uid="free")
    with pytest.raises(NotPossible, match="reserved for somebody else"):
        station.ask("1", "start")
    assert guard.token is None
