"""Makes guards, book and journal, each from its part of the configuration and of the ledger."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from laddvakt_agent import unfinished
from laddvakt_agent.actuator import Actuator
from laddvakt_agent.alive import AliveFile
from laddvakt_agent.clock import Clock
from laddvakt_agent.config import Config, ConnectorConfig
from laddvakt_agent.core import machine
from laddvakt_agent.core import session as core_session
from laddvakt_agent.core.diagnose.picture import Beside
from laddvakt_agent.core.faults.catalogue import FaultRule, with_overrides
from laddvakt_agent.core.health import Motion
from laddvakt_agent.core.memory.wear import Wear
from laddvakt_agent.core.model import Latch
from laddvakt_agent.core.session import settle_after_s
from laddvakt_agent.core.settings import Settings
from laddvakt_agent.evidence import Evidence
from laddvakt_agent.faultbook import FaultBook
from laddvakt_agent.fixed import settings_of
from laddvakt_agent.guard import FREE_TOKEN_UID, Guard
from laddvakt_agent.hardware import Hardware
from laddvakt_agent.inputs import Roles
from laddvakt_agent.journal import Journal
from laddvakt_agent.ledger.ledger import Ledger
from laddvakt_agent.ledger.thread import LedgerThread
from laddvakt_agent.published import CdrRecord, TokenRef
from laddvakt_agent.sessions import Kept, SessionKeeper
from laddvakt_agent.snapshot import Publisher
from laddvakt_agent.wall import Wall
from laddvakt_agent.wiring import Wiring

RESUME_WITHIN_S = 30.0  # away for longer, another vehicle may have come: the session is settled


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """Makes the guards, each from its part of the configuration and of the ledger."""

    config: Config
    clock: Clock
    journal: Journal
    book: FaultBook
    wall: Wall
    rules: Mapping[str, FaultRule]
    alive: AliveFile
    evidence: Evidence
    contactors: Mapping[str, tuple[Wear, Motion]]
    unclean: bool  # the run before this one did not end in good order
    resumes: bool  # the agent was away for so short a time that it is the same vehicle

    def furnish(self, hardware: Hardware) -> None:
        """Tell the book where everything is, and what stood when the agent last stopped."""
        self.book.owners = hardware.owners()
        self.book.beside = {
            name: Beside(devices=hardware.device_health(name), lines=hardware.line_health(name))
            for name in hardware.roles
        }
        self.book.inherit(self.journal.inherited_faults())

    def publisher(
        self, hardware: Hardware, guards: dict[str, Guard], cdrs: list[CdrRecord]
    ) -> Publisher:
        """What tells everybody else; `cdrs` is the list that the journal adds to."""
        return Publisher(
            guards=guards,
            book=self.book,
            hardware=hardware,
            wall=self.wall,
            clock=self.clock.now_s,
            note_status=self.journal.status,
            cdrs=cdrs,
        )

    def guards(self, hardware: Hardware, ledger: Ledger) -> dict[str, Guard]:
        """One for each connector; what the latches brought back stands in the book already."""
        latches, lost = ledger.load_latches()
        guards = {
            part.id: self._guard(part, hardware.roles[part.id], latches.get(part.id, ()), lost=lost)
            for part in self.config.connector
        }
        for name in self.journal.out_of_service() & guards.keys():
            guards[name].in_service = False
        unfinished.restore(self.journal, self.book, [guard.keeper for guard in guards.values()])
        for name, guard in guards.items():
            for fault in machine.active_faults(guard.connector):
                self.book.raised(name, fault, self.wall.at(self.clock.now_s()))
        return guards

    def _guard(
        self, part: ConnectorConfig, roles: Roles, latches: tuple[Latch, ...], *, lost: bool
    ) -> Guard:
        settings = settings_of(self.config, part, roles, self.rules, unclean_stop=self.unclean)
        inherited = self.journal.inherited_sessions(part.id)
        wear, motion = self.contactors.get(part.id, (None, None))
        left_open = [kept for kept in inherited if kept.session.ended_s is None]
        running = left_open[-1] if left_open and self.resumes else None
        connector = machine.initial(
            settings,
            latches,
            self.clock.now_s(),
            latches_lost=lost,
            session_open=running is not None,
            wear=wear,
            motion=motion,
        )
        guard = Guard(
            settings=settings,
            evse_uid=part.evse_uid,
            roles=roles,
            actuator=self._actuator(part.id, roles, lambda: guard.stepped_s),
            wiring=Wiring(connector=part.id, roles=roles, clock=self.clock.now_s),
            evidence=self.evidence,
            keeper=self._keeper(part, settings, lambda: guard.connector),
            book=self.book,
            connector=connector,
            device_names=frozenset(part.device_names()),
            free_token=_free_token(self.config),
            save_latches=self.journal.latches,
            guarded=roles.contactor.hold_s is not None,
            # Where nobody must show a token, a stop before the restart must not be forgotten.
            stopped=not left_open,
        )
        _resume(guard, inherited, running, self.clock.now_s())
        return guard

    def _actuator(self, name: str, roles: Roles, stepped_s: Callable[[], float]) -> Actuator:
        return Actuator(
            connector=name,
            board=roles.board,
            contactor=roles.contactor,
            clock=self.clock.now_s,
            may_close=self.journal.flushed,
            core_stepped_s=stepped_s,
        )

    def _keeper(
        self, part: ConnectorConfig, settings: Settings, connector: Callable[[], machine.Connector]
    ) -> SessionKeeper:
        def welded() -> bool:
            faults = machine.active_faults(connector())
            return any(fault.code == "contactor_welded" for fault in faults)

        return SessionKeeper(
            connector=part.id,
            evse_uid=part.evse_uid,
            meter_id=part.meter,
            wall_at=self.wall.at,
            save=self.journal.session,
            save_closed=self.journal.session_closed,
            settle_s=settle_after_s(settings),
            welded=welded,
            report_s=self.config.agent.session_report_s,
        )


def _resume(guard: Guard, inherited: tuple[Kept, ...], running: Kept | None, now_s: float) -> None:
    """The session of a vehicle that is surely the same goes on; the others are settled.

    Their last value is awaited from now on: the meter was not read while the agent was away.
    """
    if running is not None:
        guard.keeper.running = running
        guard.token, guard.auth_method = running.token, running.auth_method
    for kept in inherited:
        if kept is not running:
            ended_s = kept.session.last_taken_s or kept.session.begun_s
            session = core_session.end(kept.session, "the agent was away", min(ended_s, now_s))
            guard.keeper.ending.append(replace(kept, session=session, opened_s=None))


def _free_token(config: Config) -> TokenRef | None:
    if config.station.authorisation != "free":
        return None
    return TokenRef(
        uid=FREE_TOKEN_UID,
        type="AD_HOC_USER",
        contract_id=FREE_TOKEN_UID,
        country_code=config.station.country_code,
        party_id=config.station.party_id,
    )


def workshop(
    config: Config, clock: Clock, ledger: Ledger, thread: LedgerThread, cdrs: list[CdrRecord]
) -> Workshop:
    """The workshop of this configuration and this ledger; `cdrs`: what the journal adds to."""
    wall = Wall(wall_at=clock.wall_at)
    rules = with_overrides(config.fault)
    journal = Journal(
        publish_cdr=cdrs.append,
        ledger=ledger,
        thread=thread,
        wall=wall,
        boot_id=clock.boot_id,
        now_s=clock.now_s,
        rules=rules,
    )
    evidence = Evidence(ledger=ledger, thread=thread, wall=wall)
    book = FaultBook(
        rules=rules,
        evse_uids={part.id: part.evse_uid for part in config.connector},
        save=journal.fault,
    )
    beside = Path(config.agent.api_socket).with_suffix(".alive")
    alive = AliveFile(path=beside, boot_id=clock.boot_id)
    away_s = alive.away_s(clock.now_s())
    return Workshop(
        config=config,
        clock=clock,
        journal=journal,
        book=book,
        wall=wall,
        rules=rules,
        alive=alive,
        evidence=evidence,
        contactors=evidence.contactors(),
        unclean=ledger.unclean,
        resumes=away_s is not None and away_s <= RESUME_WITHIN_S,
    )
