"""Makes guards, book and journal, each from its part of the configuration and of the ledger."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from laddvakt_agent import unfinished
from laddvakt_agent.actuator import Actuator
from laddvakt_agent.alive import AliveFile
from laddvakt_agent.clock import Clock
from laddvakt_agent.clock_keeper import wall_of
from laddvakt_agent.config import Config, ConnectorConfig
from laddvakt_agent.core import machine
from laddvakt_agent.core import session as core_session
from laddvakt_agent.core.diagnose.picture import Beside
from laddvakt_agent.core.faults.catalogue import FaultRule, with_overrides
from laddvakt_agent.core.health import Motion
from laddvakt_agent.core.memory.wear import Wear
from laddvakt_agent.core.model import Latch
from laddvakt_agent.core.resume import Answer
from laddvakt_agent.core.settings import Settings
from laddvakt_agent.evidence import Evidence
from laddvakt_agent.faultbook import FaultBook
from laddvakt_agent.fixed import settings_of
from laddvakt_agent.found import Finder, Found, last_read_s
from laddvakt_agent.guard import Guard
from laddvakt_agent.hardware import Hardware
from laddvakt_agent.inputs import Roles
from laddvakt_agent.journal import Journal
from laddvakt_agent.ledger.ledger import Ledger
from laddvakt_agent.ledger.thread import LedgerThread
from laddvakt_agent.moved import bases
from laddvakt_agent.pricing.costs import Pricer
from laddvakt_agent.pricing.turns import Turns
from laddvakt_agent.published import CdrRecord
from laddvakt_agent.sessions import Kept, SessionKeeper
from laddvakt_agent.snapshot import Publisher
from laddvakt_agent.statusbook import StatusBook
from laddvakt_agent.tariffs import TariffBook, opened
from laddvakt_agent.wall import Wall
from laddvakt_agent.wiring import Wiring


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
    finder: Finder
    tariffs: TariffBook
    pricer: Pricer

    def furnish(self, hardware: Hardware) -> None:
        """Tell the book where everything is, and what stood when the agent last stopped."""
        self.book.owners = hardware.owners()
        self.book.beside = {
            name: Beside(devices=hardware.device_health(name), lines=hardware.line_health(name))
            for name in hardware.roles
        }
        self.book.inherit(self.journal.inherited_faults())

    def publisher(
        self,
        hardware: Hardware,
        guards: dict[str, Guard],
        cdrs: list[CdrRecord],
        statuses: StatusBook,
    ) -> Publisher:
        """What tells everybody else; `cdrs` is the list that the journal adds to."""
        return Publisher(
            guards=guards,
            book=self.book,
            hardware=hardware,
            wall=self.wall,
            clock=self.clock.now_s,
            statuses=statuses,
            cdrs=cdrs,
            tariffs=self.tariffs,
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
        for name in self.journal.in_maintenance() & guards.keys():
            guards[name].maintenance = True
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
        found = self.finder.find(part, settings, inherited)
        connector = machine.initial(
            settings,
            latches,
            self.clock.now_s(),
            latches_lost=lost,
            session_open=found is not None and found.verdict.answer is Answer.OPEN,
            session_found=found is not None,
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
            free_token=self.finder.free_token(),
            save_latches=self.journal.latches,
            recorded=partial(self.journal.ledger.keeps_latches, part.id),
            guarded=roles.contactor.hold_s is not None,
            # Where nobody must show a token, a stop before the restart must not be forgotten.
            stopped=found is None or bool(found.claim.withdrawn),
        )
        _take_over(guard, inherited, found, self.clock.now_s())
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
        def standing() -> frozenset[str]:
            return frozenset(fault.code for fault in machine.active_faults(connector()))

        return SessionKeeper(
            connector=part.id,
            evse_uid=part.evse_uid,
            meter_id=part.meter,
            wall_at=self.wall.at,
            bases=lambda moved: bases(moved, self.wall),
            save=self.journal.session,
            save_closed=self.journal.session_closed,
            terms=core_session.terms_of(settings),
            standing=standing,
            report_s=self.config.agent.session_report_s,
            tariff_at=partial(self.tariffs.chosen, part.id),
            priced=self.pricer.priced,
            turned=Turns(time_zone=self.pricer.time_zone, wall_at=self.wall.at).since,
        )


def _take_over(
    guard: Guard, inherited: tuple[Kept, ...], found: Found | None, now_s: float
) -> None:
    """The newest session may go on once it is proved the same; the others are settled.

    The newest's last value is awaited from now on: the meter was not read while the agent was away.
    """
    for kept, after in zip(inherited, (*inherited[1:], None), strict=False):
        if found is not None and kept.session.id == found.kept.session.id:
            _settle_or_prove(guard, found, now_s)
        elif after is not None:
            guard.keeper.overtaken(kept, after.session, last_read_s(kept), now_s)
        else:
            guard.keeper.ending.append(kept)


def _settle_or_prove(guard: Guard, found: Found, now_s: float) -> None:
    if found.verdict.answer is Answer.OPEN:
        guard.found = found
        guard.token, guard.auth_method = found.kept.token, found.kept.auth_method
        guard.authorization_reference = found.kept.authorization_reference
        return
    guard.found_words = f"closed: {found.verdict.why}"
    guard.keeper.refuse(found.kept, found.verdict.why, found.last_s, now_s)


def workshop(
    config: Config, clock: Clock, ledger: Ledger, thread: LedgerThread, cdrs: list[CdrRecord]
) -> Workshop:
    """The workshop of this configuration and this ledger; `cdrs`: what the journal adds to."""
    wall = wall_of(clock, ledger.times)
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
    alive = AliveFile(path=beside, boot_id=clock.boot_id, run=lambda: ledger.found.run)
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
        tariffs=opened(config, ledger),
        pricer=Pricer(time_zone=config.station.time_zone),
        finder=Finder(
            config=config, clock=clock, alive=alive, ledger=ledger.found, tokens=ledger.tokens
        ),
    )
