"""Whatever platforms order: the core's safety holds, and each order gets one result.

Two platforms give random orders to a socket and a fixed cable, while vehicles come and go, things
break, people close connectors and the disk refuses. Looked at after every step of either core.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from agent import driven_kit
from agent.core.core_product import broken, freed
from agent.driven_kit import WALL, supervisor_patch
from conformance.kit import caller
from conformance.orders_kit import TOKEN, Orders, orders
from laddvakt_agent import remote
from laddvakt_agent.core import machine
from laddvakt_agent.core.inputs import Inputs, Pilot, Reset
from laddvakt_agent.guard import Guard
from laddvakt_agent.ledger.errors import StorageError, StorageKind
from laddvakt_agent.ledger.thread import LedgerThread
from laddvakt_agent.reserved import Held
from laddvakt_agent.uplink.receivers import commands, profiles
from laddvakt_agent.uplink.receivers.judging import Limits
from laddvakt_agent.uplink.receivers.results import Results
from laddvakt_agent.uplink.serving import Asked, Caller, Party, Refused
from laddvakt_agent.uplink.text import date_time

pytestmark = pytest.mark.integration

STEP_S, SPEED = 0.001, 250.0  # a quarter of a second each
TURNS = 110
CALLERS = (caller("emsp"), caller("other", parties=frozenset({Party("DE", "ABC")})))


@dataclass
class Watch:
    """What was wrong, what was ordered and what came of it."""

    wrong: Counter[str] = field(default_factory=Counter)
    accepted: dict[str, str] = field(default_factory=dict)  # response_url → what was ordered
    refused: set[str] = field(default_factory=set)
    results: list[tuple[str, str]] = field(default_factory=list)
    sessions: set[str] = field(default_factory=set)
    stopped: dict[str, str] = field(default_factory=dict)  # response_url → session
    over: set[str] = field(default_factory=set)  # sessions whose end was confirmed
    repairs: bool = False  # a person is there

    def looked(self, guard: Guard, before: machine.Connector, held: Held | None) -> None:
        """After one step of a core; `held`: its reservation before."""
        after, inputs, now_s = guard.connector, guard.inputs, guard.stepped_s
        self.wrong.update(broken(guard.settings, inputs, after, now_s, slack_s=1.0))
        self.wrong.update(freed(before, after, inputs))
        if inputs.resets and not self.repairs:
            self.wrong["an order resets a fault"] += 1
        self.repairs = False
        closed = machine.outputs(after).closed
        if closed and not machine.outputs(before).closed:
            self.wrong.update(_closed_wrongly(guard))
        if after.life.session and not before.life.session:
            self.wrong.update(_begun_wrongly(guard, held))
        if guard.keeper.running is not None:
            self.sessions.add(guard.keeper.running.session.id)
            if guard.keeper.running.session.id in self.over and closed:
                self.wrong["a session lives on after its stop was confirmed"] += 1


def _begun_wrongly(guard: Guard, held: Held | None) -> list[str]:
    """A session that runs may go on to its end where none may begin."""
    kept = guard.keeper.running
    unable = {
        "for somebody else": held and kept and not held.redeems(kept.token),
        "out of service": not guard.in_service,
        "not prepared": not guard.prepared,
        "without a disk": not guard.durable,
    }
    return [f"begun although: {why}" for why, so in unable.items() if so]


def _closed_wrongly(guard: Guard) -> list[str]:
    unable = {
        "not proved": guard.found is not None,
        "without a session": guard.keeper.running is None,
        "the lock is open": guard.settings.socket and not guard.connector.life.locked,
    }
    return [f"closed although: {why}" for why, so in unable.items() if so]


@dataclass
class Chaos:
    """Gives the orders and turns the knobs."""

    emsp: Orders
    watch: Watch
    dice: Random
    patch: pytest.MonkeyPatch
    sent: int = 0

    async def turn(self) -> None:
        knobs = (self.order, self.order, self.order, self.profile, self.vehicle, self.trouble)
        knob = self.dice.choice((*knobs, self.repair))
        await knob()
        for _ in range(self.dice.choice((0, 1, 2, 8))):
            await asyncio.sleep(STEP_S)

    async def order(self) -> None:
        who = self.dice.choice(CALLERS)
        soon = date_time(self._now() + timedelta(seconds=self.dice.choice((1, 40))))
        bodies: dict[str, dict[str, object]] = {
            "START_SESSION": {"token": self._token(who), **self._where()},
            "STOP_SESSION": {"session_id": self._session()},
            "RESERVE_NOW": {
                "token": self._token(who), "reservation_id": self.dice.choice("abc"),
                "expiry_date": soon,
                **self._where(),
            },
            "CANCEL_RESERVATION": {"reservation_id": self.dice.choice("abc")},
            "UNLOCK_CONNECTOR": {
                "location_id": "DEMO1", "evse_uid": "DEMO1-1", "connector_id": "1",
            },
        }  # fmt: skip
        verb = self.dice.choice((*bodies, "START_SESSION", "START_SESSION"))
        url = await self._ask(self.emsp.receiver, who, "POST", verb, bodies[verb])
        if verb == "STOP_SESSION":
            self.watch.stopped[url] = str(bodies[verb]["session_id"])

    async def profile(self) -> None:
        steps = [
            {"start_period": at_s, "limit": self.dice.choice((0, 5.9, 6, 10, 99, 7000))}
            for at_s in (0, 5, 30)
        ]
        body = {"charging_profile_period": steps, "charging_rate_unit": self.dice.choice("WA")}
        if self.dice.random() < 0.5:
            body["start_date_time"] = date_time(self._now() - timedelta(seconds=4))
        method = self.dice.choice(("PUT", "PUT", "DELETE"))
        given = {"charging_profile": body} if method == "PUT" else {}
        await self._ask(
            self.emsp.profiles, self.dice.choice(CALLERS), method, self._session(), given
        )

    async def vehicle(self) -> None:
        world = self.emsp.drive.worlds[self.dice.choice("12")]
        world.pilot = self.dice.choice((Pilot.A, Pilot.B, Pilot.C, Pilot.C))

    async def trouble(self) -> None:
        """Something breaks or is mended; mostly it is mended."""
        name = self.dice.choice("12")
        world, guard = self.emsp.drive.worlds[name], self.emsp.drive.guard(name)
        bad = self.dice.random() < 0.4
        match self.dice.choice(("stop", "volt", "mirror", "service", "work", "disk")):
            case "stop":
                world.stop_pressed = bad
            case "volt":
                world.voltage_v = (290.0, 290.0, 290.0) if bad else (230.0, 230.5, 231.0)
            case "mirror":
                world.mirror = True if bad else None
            case "service":
                guard.in_service = not bad
            case "work":
                guard.maintenance = bad
            case _:
                self._disk(refuses=bad)
        self.emsp.remote.reservations.look()
        self.emsp.ceilings.look()

    async def repair(self) -> None:
        """Somebody comes and sees to everything."""
        self._disk(refuses=False)
        for name, world in self.emsp.drive.worlds.items():
            guard = self.emsp.drive.guard(name)
            world.stop_pressed = False
            world.voltage_v, world.mirror = (230.0, 230.5, 231.0), None
            guard.in_service, guard.maintenance = True, False
            guard.resets, self.watch.repairs = frozenset({Reset.SERVICE}), True
            self.emsp.drive.station.parts.supervisor.step(guard)
            world.pilot = self.dice.choice((Pilot.A, Pilot.A, Pilot.B, Pilot.C))

    def _disk(self, *, refuses: bool) -> None:
        self.patch.undo()
        if refuses:

            async def persist(self: LedgerThread, *args: object, **kwargs: object) -> None:
                await asyncio.sleep(STEP_S)
                raise StorageError(StorageKind.FULL, Path("ledger.db"), "full")

            self.patch.setattr(LedgerThread, "persist", persist)

    async def _ask(
        self,
        module: commands.CommandsReceiver | profiles.ProfilesReceiver,
        who: Caller,
        method: str,
        name: str,
        body: Mapping[str, object],
    ) -> str:
        self.sent += 1
        url = self.emsp.platform.emsp.url(f"cb/{self.sent}")
        asked = _asked(who, method, name, {**body, "response_url": url})
        for _ in range(self.dice.choice((1, 1, 2)) if method == "POST" else 1):  # again
            try:
                data = (await module.answer(asked)).data
            except Refused as refused:
                data = refused.data
            assert isinstance(data, dict)
            if data["result"] == "ACCEPTED":
                self.watch.accepted[url] = name
            else:
                self.watch.refused.add(url)
        return url

    def _token(self, who: Caller) -> dict[str, object]:
        """Mostly one of the caller's own."""
        other = self.dice.random() < 0.1
        (party,) = self.dice.choice(CALLERS).parties if other else who.parties
        whose = {"country_code": party.country_code, "party_id": party.party_id}
        return {**TOKEN, **whose, "uid": self.dice.choice(("A", "B"))}

    def _where(self) -> dict[str, str]:
        uid = self.dice.choice(("DEMO1-1", "DEMO1-2", None))
        return {"location_id": "DEMO1"} | ({} if uid is None else {"evse_uid": uid})

    def _session(self) -> str:
        running = [g.keeper.running for g in map(self.emsp.drive.guard, "12")]
        live = [kept.session.id for kept in running if kept is not None]
        return self.dice.choice((*live, *live, *sorted(self.watch.sessions), "nobody"))

    def _now(self) -> datetime:
        return WALL + timedelta(seconds=self.emsp.platform.context.clock.now_s() - 1000.0)


def _asked(who: Caller, method: str, name: str, body: Mapping[str, object]) -> Asked:
    return Asked(
        caller=who, method=method, segments=(name,), body=body, url="http://127.0.0.1/x",
        query={key: str(value) for key, value in body.items()}, request_id="r", correlation_id="c",
    )  # fmt: skip


def watched(watch: Watch, emsp: Orders, patch: Callable[[object, str, object], None]) -> None:
    """See every step of a core, and every result before it goes out."""
    real_step = Guard.step

    def step(self: Guard, inputs: Inputs, now_s: float) -> bool:
        before, held = self.connector, self.reservation
        changed = real_step(self, inputs, now_s)
        watch.looked(self, before, held)
        # The vehicle draws what it is offered.
        offered_a = min(machine.outputs(self.connector).limit_a, 15.5)
        emsp.drive.worlds[self.settings.connector].draw_a = (offered_a,) * 3
        return changed

    async def post(
        self: Results, asked: Asked, url: str, body: dict[str, object], due_s: float | None
    ) -> bool:
        watch.results.append((url, str(body["result"])))
        if body["result"] == "ACCEPTED" and url in watch.stopped:
            watch.over.add(watch.stopped[url])
        return True

    patch(Guard, "step", step)
    patch(Results, "post", post)
    patch(Results, "reaches", lambda self, platform, url: True)


@pytest.mark.parametrize("seed", [4, 8])
async def test_no_orders_break_what_the_core_guards(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch()
    monkeypatch.setattr(driven_kit, "STEP_S", STEP_S)
    for module in (commands, profiles):
        monkeypatch.setattr(module, "ANSWER_S", 0.0)
    monkeypatch.setattr(remote, "LOOK_S", STEP_S)
    patch = supervisor_patch(monkeypatch.setattr)
    async with orders(tmp_path, patch, speed=SPEED) as emsp:
        guard = emsp.guard
        guard.settings = replace(guard.settings, socket=True, fitted=frozenset({"locked"}))
        emsp.drive.worlds["1"].settings = guard.settings
        guard.connector = machine.initial(guard.settings, (), emsp.platform.context.clock.now_s())
        judge = emsp.receiver.judge
        place = replace(judge.place, unlockable=frozenset({"demo1-1"}))
        limits = Limits(start_s=40, other_s=40, post_s=10.0)
        emsp.receiver.judge = replace(judge, place=place, limits=limits)
        watched(watch, emsp, monkeypatch.setattr)
        with pytest.MonkeyPatch.context() as disk:
            chaos = Chaos(emsp, watch, Random(seed), disk)
            for _ in range(TURNS):
                await chaos.turn()
        await emsp.drive.until(lambda: not emsp.receiver._pending and not emsp.profiles._pending)
    assert not watch.wrong
    came = Counter(url for url, _ in watch.results)
    assert came == Counter(dict.fromkeys(watch.accepted, 1))
    assert len(watch.sessions) >= 3
