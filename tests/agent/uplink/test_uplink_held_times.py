"""What was made with an unset clock waits until its times are corrected: a bill is told once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from agent.uplink.uplink_kit import T0, MemoryStore, cdr, evse, settings, station
from laddvakt_agent.clock import Clock, FakeTime
from laddvakt_agent.published import CdrRecord, EvseStatus, Station
from laddvakt_agent.retime import Retimer
from laddvakt_agent.uplink import sync as sync_module
from laddvakt_agent.uplink.backoff import Backoff
from laddvakt_agent.uplink.client import Answer
from laddvakt_agent.uplink.objects import Content
from laddvakt_agent.uplink.peer import PeerTime
from laddvakt_agent.uplink.settings import Endpoints
from laddvakt_agent.uplink.sync import Synchroniser
from laddvakt_agent.wall import Wall

URLS = Endpoints(locations="http://b/l", sessions="http://b/s", cdrs="http://b/c")
UP_S = 1300.0  # the session of the bill began at second 0 of this boot
UNSET = datetime(1970, 1, 1, tzinfo=UTC)
LATE = T0 - UNSET
HOUR = timedelta(hours=1)
Changes = Callable[[FakeTime, Clock], None]


def synced(time: FakeTime, _clock: Clock) -> None:
    time.step_wall(time.wall() + LATE)
    time.is_synced = True


def told(_time: FakeTime, clock: Clock) -> None:
    assert clock.told_by_peer(T0, T0)


def set_by_hand_after_that(time: FakeTime, clock: Clock) -> None:
    synced(time, clock)
    clock.seen()
    time.step_wall(time.wall() + HOUR)
    time.is_synced = False


def unset_clock() -> tuple[FakeTime, Clock]:
    time = FakeTime(boot_s=UP_S, wall=UNSET + timedelta(seconds=UP_S), synced=False)
    return time, Clock(time)


@dataclass
class Receiver:
    """In place of the client: takes everything at once."""

    requests: list[str] = field(default_factory=list)
    bodies: list[Content] = field(default_factory=list)

    async def __aenter__(self) -> Receiver:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    def new_id(self) -> str:
        return "chain"

    async def ask(self) -> None:
        return None

    async def send(
        self, method: str, url: str, body: Content | None = None, *, correlation_id: str
    ) -> Answer:
        assert correlation_id == "chain"
        self.requests.append(f"{method} {url.removeprefix('http://b/')[0]}")
        self.bodies.append(body or {})
        return Answer(data=None, location_url=None)


@dataclass
class Told:
    """The clock as others are told it."""

    clock: Clock

    def now_s(self) -> float:
        return self.clock.now_s()

    def wall(self) -> datetime:
        return self.clock.wall_at(self.now_s())


def bill_of_1970(wall: Wall) -> CdrRecord:
    """Made before the clock was set, as its session was."""
    made = cdr()
    assert made.session.ended_at is not None
    session = replace(
        made.session,
        started_at=made.session.started_at - LATE,
        ended_at=made.session.ended_at - LATE,
        changed_at=made.session.changed_at - LATE,
        periods=tuple(replace(p, started_at=p.started_at - LATE) for p in made.session.periods),
        bases=(wall.basis,),
    )
    return replace(made, session=session, created_at=made.created_at - LATE)


async def turns() -> None:
    """Enough of the loop for everything that is not held."""
    for _ in range(100):
        await asyncio.sleep(0)


@pytest.mark.parametrize("change", [synced, told])
async def test_nothing_made_in_1970_goes_out_between_the_time_and_the_correction(
    monkeypatch: pytest.MonkeyPatch, change: Changes
) -> None:
    """The times are corrected up to a second after the clock: what is told until then waits."""
    time, clock = unset_clock()
    wall = Wall(wall_at=clock.wall_at, boot_id=clock.boot_id)
    bill, retimer, receiver = bill_of_1970(wall), Retimer(wall=wall), Receiver()

    def published(status: EvseStatus) -> Station:
        states = (evse(status, uid=uid, at=wall.at(0.0)) for uid in ("evse-1", "evse-2"))
        return retimer.station(station(*states, sessions=(bill.session,), cdrs=(bill,)))

    monkeypatch.setattr(sync_module, "Client", lambda *_, **__: receiver)
    sync = Synchroniser(
        settings(URLS), MemoryStore(), Told(clock), random.Random(3), peer_clock=clock
    )
    sync.offer(published(EvseStatus.CHARGING))
    task = asyncio.create_task(sync.run())
    await turns()
    change(time, clock)
    sync.offer(published(EvseStatus.AVAILABLE))  # news in that second: everybody looks again
    await turns()
    assert (receiver.requests, sync.health().waits_for_clock) == ([], True)
    assert wall.follow()
    sync.offer(published(EvseStatus.AVAILABLE))
    await turns()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert receiver.requests == ["PUT l", "PUT s", "POST c"]
    assert "1970" not in str(receiver.bodies)
    assert [body["start_date_time"] for body in receiver.bodies[1:]] == [
        "2027-03-01T12:00:00.000Z"
    ] * 2
    assert not sync.health().waits_for_clock


@pytest.mark.parametrize(
    ("change", "zero", "outdated"),
    [
        pytest.param(None, UNSET, False, id="nothing better is known"),
        pytest.param(synced, UNSET, True, id="synchronised since"),
        pytest.param(told, UNSET, True, id="told by the backend since"),
        pytest.param(synced, T0, False, id="corrected"),
        pytest.param(synced, T0 + timedelta(seconds=0.2), False, id="drift"),
        pytest.param(set_by_hand_after_that, T0, False, id="what is set by hand is no better"),
        pytest.param(synced, None, False, id="nobody says with what it was made"),
    ],
)
def test_when_published_times_are_outdated(
    change: Changes | None, zero: datetime | None, outdated: bool
) -> None:
    time, clock = unset_clock()
    if change is not None:
        change(time, clock)
    peer = PeerTime(clock, Backoff(random.Random(1), min_s=1.0, max_s=60.0))
    assert peer.outdated(zero) is outdated
