"""One run of an agent with real ledger, wall, sessions, faults and book; only time is pretended."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

from agent.clock_receiver import Receiver, done
from agent.uplink.uplink_kit import settings
from laddvakt_agent.clock import Clock, FakeTime
from laddvakt_agent.clock_keeper import ClockKeeper, wall_of
from laddvakt_agent.core import session as core
from laddvakt_agent.core.faults.catalogue import Act, with_overrides
from laddvakt_agent.core.inputs import Inputs, Sample
from laddvakt_agent.core.model import ActiveFault
from laddvakt_agent.core.resume import Claim
from laddvakt_agent.faultbook import FaultBook
from laddvakt_agent.found import Found, last_read_s
from laddvakt_agent.journal import Journal
from laddvakt_agent.ledger import AckRow, Ledger
from laddvakt_agent.ledger.thread import LedgerThread
from laddvakt_agent.moved import bases
from laddvakt_agent.published import CdrRecord, EvseState, EvseStatus, Station
from laddvakt_agent.retime import Retimer
from laddvakt_agent.sessions import Kept, SessionKeeper
from laddvakt_agent.uplink.book import Kind
from laddvakt_agent.uplink.errors import UplinkError
from laddvakt_agent.uplink.pushes import Pushes
from laddvakt_agent.uplink.settings import Endpoints
from laddvakt_agent.uplink.store import Acked
from laddvakt_agent.uplink.sync import Synchroniser

BEGAN = datetime(2027, 1, 1, tzinfo=UTC)
UNSET = datetime(1970, 1, 1, tzinfo=UTC)
EVSE, SETTLE_S, RATE_W = "evse-1", 3.0, 11_000.0
URLS = Endpoints(
    locations="http://127.0.0.1/l", sessions="http://127.0.0.1/s",
    cdrs="http://127.0.0.1/c", faults="http://127.0.0.1/f",
)  # fmt: skip


class AtOnce:
    """The ledger's thread, without one."""

    def post(self, call: Callable[..., object], *arguments: object) -> None:
        call(*arguments)

    once = post


@dataclass(slots=True)
class Acks:
    """The uplink's memory in the ledger, without waiting."""

    ledger: Ledger

    def load(self) -> dict[tuple[str, str], Acked]:
        return {
            (row.kind, row.object_id): Acked(
                last_updated=row.last_updated,
                body=row.body,
                acknowledged=row.acknowledged,
                location_url=row.location_url,
            )
            for row in self.ledger.acks()
        }

    async def save(self, kind: str, object_id: str, acked: Acked) -> None:
        self.ledger.save_ack(
            AckRow(
                kind=kind,
                object_id=object_id,
                last_updated=acked.last_updated,
                body=acked.body,
                acknowledged=acked.acknowledged,
                location_url=acked.location_url,
            )
        )


@dataclass
class Run:
    """One run of the agent: what lives in its memory."""

    time: FakeTime
    ledger: Ledger
    clock: Clock
    cdrs: list[CdrRecord] = field(init=False)
    evse: tuple[EvseStatus, float] = field(init=False)

    def __post_init__(self) -> None:
        self.cdrs = list(self.ledger.cdrs(unacknowledged_only=True))
        self.wall = wall_of(self.clock, self.ledger.times)
        thread = cast("LedgerThread", AtOnce())
        self.journal = Journal(
            ledger=self.ledger, thread=thread, wall=self.wall, boot_id=self.clock.boot_id,
            now_s=self.clock.now_s, rules=with_overrides({}), publish_cdr=self.cdrs.append,
        )  # fmt: skip
        self.book = FaultBook(
            rules=self.journal.rules, evse_uids={"1": EVSE}, save=self.journal.fault
        )
        self.book.inherit(self.journal.inherited_faults())
        self.retimer = Retimer(wall=self.wall, known=lambda: self.clock.seen().known)
        self.times = ClockKeeper(
            clock=self.clock, times=self.ledger.times, retimer=self.retimer,
            post=thread.post, book=self.book,
        )  # fmt: skip
        self.keeper = SessionKeeper(
            connector="1", evse_uid=EVSE, meter_id="m",
            terms=core.Terms(meter="m", settle_s=SETTLE_S), wall_at=self.wall.at,
            bases=lambda moved: bases(moved, self.wall),
            save=self.journal.session, save_closed=self.journal.session_closed,
            standing=frozenset, report_s=60.0,
        )  # fmt: skip
        self.found: Found | None = None
        self.evse = (EvseStatus.AVAILABLE, self.clock.now_s())
        place = settings(URLS)
        told = _ToldTime(self.clock)
        self.sync = Synchroniser(
            place, Acks(self.ledger), told, random.Random(1), peer_clock=self.clock
        )
        self.sync._book.load()
        self.sync._loaded = True

    def tick(self) -> None:
        """What happens once a second."""
        self.wall.follow()
        self.times.look(self.clock.now_s())
        if self.found is not None:
            self._prove(self.found)

    def hold(self, kept: Kept) -> None:
        """A session of an earlier boot: whether it goes on shows when the clock is right."""
        now_s = self.clock.now_s()
        sign = self.ledger.found.last_sign(kept.session.id)
        claim = Claim(started_s=now_s, alive_s=None, same_boot=False, within_s=900.0)
        self.found = Found(kept=kept, claim=claim, sign=sign, clock=self.clock)

    def refuse(self) -> Kept | None:
        """It does not go on: it ended when its meter was last read."""
        found, self.found = self.found, None
        if found is None:
            return None
        now_s = self.clock.now_s()
        self.keeper.refuse(found.kept, "power was away", last_read_s(found.kept), now_s)
        return found.kept

    def _prove(self, found: Found) -> None:
        now_s = self.clock.now_s()
        found._learn(now_s)
        alive_s = found.claim.alive_s
        if alive_s is not None and now_s - alive_s <= found.claim.within_s:
            self.keeper.resume(found.kept, found.away_s)
            self.found = None

    def station(self) -> Station:
        status, since_s = self.evse
        state = EvseState(
            uid=EVSE, connector_id="1", status=status, changed_at=self.wall.at(since_s)
        )
        return self.retimer.station(
            Station(
                evses=(state,),
                sessions=self.keeper.records(),
                faults=self.book.reports(),
                cdrs=tuple(self.cdrs),
            )
        )

    def push(self, receiver: Receiver) -> None:
        """Tell everything that is pending, as the lanes do."""
        assert self.sync._peer is not None
        self.sync.offer(self.station())
        if self.sync._held():
            return
        pushes = Pushes(self.sync._settings, self.sync._book, receiver, _ToldTime(self.clock))
        for kind in Kind:
            for entry in self.sync._book.entries(kind):
                if entry.pending:
                    with suppress(UplinkError):
                        done(pushes.push(entry))
        acks = Acks(self.ledger).load()
        self.cdrs[:] = [
            cdr for cdr in self.cdrs
            if (kept := acks.get(("cdr", cdr.id))) is None or not kept.acknowledged
        ]  # fmt: skip

    def energy(self, now_s: float, register_wh: float) -> Inputs:
        return Inputs(energy_wh=Sample(value=register_wh, taken_s=now_s))

    def raise_fault(self) -> str:
        now_s = self.clock.now_s()
        fault = ActiveFault(
            code="meter_lost", subject="1", since_s=now_s, act=Act.NONE,
            locked_out=False, evidence="",
        )  # fmt: skip
        self.book.raised("1", fault, self.wall.at(now_s))
        (entry,) = self.book.entries.values()
        return entry.id

    def clear_fault(self) -> None:
        self.book.cleared("1", "meter_lost", "1", self.wall.at(self.clock.now_s()))


@dataclass(frozen=True, slots=True)
class _ToldTime:
    clock: Clock

    def now_s(self) -> float:
        return self.clock.now_s()

    def wall(self) -> datetime:
        return self.clock.wall_at(self.clock.now_s())
