"""A random charger, a random backend, restarts, a clock that jumps: what must still hold."""

from __future__ import annotations

import asyncio
import itertools
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp.test_utils import TestServer, unused_port

from agent.uplink.uplink_kit import (
    T0,
    TOKEN,
    MemoryStore,
    TestClock,
    evse,
    fault,
    period,
    session,
    settings,
)
from laddvakt_agent.published import CdrRecord, EvseStatus, FaultReport, SessionRecord, Station
from laddvakt_agent.uplink import objects
from laddvakt_agent.uplink.settings import Endpoints
from laddvakt_agent.uplink.sync import Synchroniser
from laddvakt_sim.backend.modes import PASSING, Mode
from laddvakt_sim.backend.server import Server, ServerSettings
from laddvakt_sim.backend.storage import MODULES, Storage

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration

ROUNDS = 25
ROUNDS_LONG = 400  # by hand


@dataclass
class Charger:
    """Lives a random life; remembers every status it ever offered."""

    rng: random.Random
    wall: datetime = T0
    status: EvseStatus = EvseStatus.AVAILABLE
    sessions: list[SessionRecord] = field(default_factory=list)
    cdrs: list[CdrRecord] = field(default_factory=list)
    faults: list[FaultReport] = field(default_factory=list)
    offered: list[str] = field(default_factory=list)

    def live(self) -> Station:
        """One change or none, and the clock moves: forwards, mostly."""
        self.wall += timedelta(seconds=self.rng.choice((1, 1, 60, 600, -1800)))
        self.rng.choice((self._status, self._begin, self._charge, self._end, self._fault))()
        state = evse(self.status, at=self.wall)
        self.offered.append(state.status.value)
        return Station(
            evses=(state, evse(EvseStatus.AVAILABLE, uid="evse-2")),
            sessions=tuple(self.sessions),
            faults=tuple(self.faults),
            cdrs=tuple(self.cdrs),
        )

    def _status(self) -> None:
        self.status = self.rng.choice(list(EvseStatus))

    def _begin(self) -> None:
        name = f"s-{len(self.sessions)}"
        self.sessions.append(session(name, started_at=self.wall, changed_at=self.wall))

    def _charge(self) -> None:
        for number, record in enumerate(self.sessions):
            if record.ended_at is None:
                more = period(0, self.rng.randrange(0, 4000) / 2)
                periods = (*record.periods, more)
                self.sessions[number] = session(
                    record.id,
                    started_at=record.started_at,
                    periods=periods,
                    energy_wh=sum(p.energy_wh for p in periods),
                    changed_at=self.wall,
                )

    def _end(self) -> None:
        for number, record in enumerate(self.sessions):
            if record.ended_at is None:
                ended = session(
                    record.id,
                    started_at=record.started_at,
                    ended_at=self.wall,
                    periods=record.periods,
                    energy_wh=record.energy_wh,
                    changed_at=self.wall,
                )
                self.sessions[number] = ended
                self.cdrs.append(
                    CdrRecord(
                        id=f"c-{number}",
                        session=ended,
                        end_wh=None,
                        charging_s=600.0 * len(record.periods),
                        parking_s=0.0,
                        remark=None,
                        created_at=self.wall,
                    )
                )

    def _fault(self) -> None:
        if self.faults and self.faults[-1].cleared_at is None and self.rng.random() < 0.5:
            self.faults[-1] = fault(
                self.faults[-1].id, cleared_at=self.wall, changed_at=self.wall, started_at=T0
            )
        else:
            self.faults.append(fault(f"f-{len(self.faults)}", changed_at=self.wall))


async def settle(sync: Synchroniser) -> None:
    async with asyncio.timeout(10):
        while sync.health().pending:  # noqa: ASYNC110 - as its readers do
            await asyncio.sleep(0.005)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happens_the_backend_ends_up_right(tmp_path: Path, seed: int) -> None:
    """Every object is there as it is, each CDR once, no status invented, no time going back."""
    rng = random.Random(seed)
    storage = Storage(tmp_path / "backend.sqlite")
    port = unused_port()
    at = ServerSettings(
        base_url=f"http://127.0.0.1:{port}", token=TOKEN, faults_module="selad-faults"
    )
    server = Server(storage, at)
    async with TestServer(server.application(), port=port):
        endpoints = Endpoints(**{module: at.endpoint(module) for module in MODULES})
        charger = await a_life(rng, server, endpoints)
        made = settings(endpoints)
    check_end(storage, made_of(charger, made))
    check_way(storage.received(0, 1_000_000), charger)
    storage.close()


async def a_life(rng: random.Random, server: Server, endpoints: Endpoints) -> Charger:
    """Rounds of change under random misbehaviour, with restarts; then peace until all is told."""
    store = MemoryStore()
    charger = Charger(rng)
    made = settings(endpoints, retry_min_s=0.005, retry_max_s=0.05, request_timeout_s=0.1)
    for turn in range(ROUNDS):
        clock = TestClock(charger.wall)
        sync = Synchroniser(made, store, clock, rng)
        sync.offer(charger.live())
        task = asyncio.create_task(sync.run())
        for _ in range(rng.randrange(1, 6)):
            mode = rng.choice([*PASSING, Mode.OK, Mode.OK, Mode.OK])
            server.behave({"mode": mode.value, "count": rng.randrange(1, 4)})
            sync.offer(charger.live())
            clock.at = charger.wall
            await asyncio.sleep(rng.choice((0, 0.001, 0.01, 0.03)))
        if turn == ROUNDS - 1:
            server.behave({"mode": "ok"})
            await settle(sync)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return charger


def made_of(charger: Charger, made: Any) -> dict[str, dict[str, Any]]:  # noqa: ANN401 - settings of the kit
    """What the backend must have, by module and id."""
    return {
        "sessions": {s.id: objects.session(made, s) for s in charger.sessions},
        "cdrs": {c.id: objects.cdr(made, c) for c in charger.cdrs},
        "faults": {f.id: objects.fault(made, f) for f in charger.faults},
        "locations": {"evse-1": {"status": charger.status.value}},
    }


def check_end(storage: Storage, wanted: dict[str, dict[str, Any]]) -> None:
    """The backend's picture is the charger's."""
    location = storage.objects("locations")[0]
    assert location["evses"][0]["status"] == wanted["locations"]["evse-1"]["status"]  # type: ignore[index,call-overload]  # a checked Location
    for module in ("sessions", "cdrs", "faults"):
        kept = {str(item["id"]): item for item in storage.objects(module)}
        assert len(kept) == len(storage.objects(module))
        assert kept.keys() == wanted[module].keys()
        for object_id, content in wanted[module].items():
            found = {name: kept[object_id].get(name) for name in content}
            assert found == content


def check_way(requests: list[dict[str, Any]], charger: Charger) -> None:
    """Nothing was refused for its content but a CDR already there; statuses came in order."""
    for request in requests:
        known = request["method"] == "POST" and "already here" in str(request["errors"])
        told_so = "as told by /behaviour" in str(request["errors"])
        again = request["method"] in {"PUT", "PATCH"} and "COMPLETED" in str(request["errors"])
        assert (
            request["status_code"] != 2001
            or request["http_status"] == 404
            or known
            or again
            or told_so
        ), request
    told = [
        request["body"]["status"]
        for request in requests
        if request["method"] == "PATCH" and request["module"] == "locations"
    ]
    remaining = iter(charger.offered)
    once = [status for status, _ in itertools.groupby(told)]
    assert all(status in remaining for status in once), "invented, or out of order"
