"""Puts guards, book, journal and supervisor together from configuration and ledger."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from laddvakt_agent.clock import Clock
from laddvakt_agent.clock_keeper import ClockKeeper
from laddvakt_agent.config import Config
from laddvakt_agent.guard import Guard
from laddvakt_agent.hardware import Hardware, build
from laddvakt_agent.journal import Journal
from laddvakt_agent.ledger.ledger import Ledger
from laddvakt_agent.ledger.thread import LedgerThread
from laddvakt_agent.ledger_watch import LedgerWatch
from laddvakt_agent.readers import desks, permits
from laddvakt_agent.retime import Retimer
from laddvakt_agent.security_notes import SecurityNotes
from laddvakt_agent.snapshot import Publisher
from laddvakt_agent.station_facts import FactsKeeper
from laddvakt_agent.statusbook import StatusBook
from laddvakt_agent.supervisor import Supervisor
from laddvakt_agent.telemetry.build import telemetry
from laddvakt_agent.telemetry.recorder import Telemetry
from laddvakt_agent.telemetry.shown import storage
from laddvakt_agent.workshop import Workshop, workshop
from laddvakt_hal.device import Device


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The agent's organs."""

    supervisor: Supervisor
    publisher: Publisher
    journal: Journal
    watch: LedgerWatch
    telemetry: Telemetry


def put_together(
    config: Config,
    clock: Clock,
    ledger: Ledger,
    thread: LedgerThread,
    *,
    on_change: Callable[[], None],
    on_progress: Callable[[str], None],
) -> Parts:
    """Build everything; nothing moves and no port is open yet.

    Raises:
        ProfileError: a device cannot play its role.
        StorageError: the ledger cannot be read.
    """
    cdrs = list(ledger.cdrs(unacknowledged_only=True))
    shop = workshop(config, clock, ledger, thread, cdrs)
    late: list[Supervisor] = []  # the hardware reports to a supervisor that needs the hardware
    hardware = build(config, clock.now_s, lambda device: _report(late, device))
    shop.furnish(hardware)
    guards = shop.guards(hardware, ledger)
    facts = _facts(config, clock, ledger, thread, guards)
    notes = _notes(shop, guards, facts)
    supervisor = _supervisor(shop, hardware, guards, facts, notes, on_change, on_progress)
    late.append(supervisor)
    statuses = _statuses(shop, guards)
    publisher = shop.publisher(hardware, guards, cdrs, statuses)
    times = _times(shop, publisher, notes)
    watch = _watch(shop, guards, publisher, facts)
    state = Path(config.agent.state_directory)
    recorder = telemetry(state, clock, ledger, thread, hardware, guards, shop.book)
    publisher.storage = lambda now_s: storage(recorder, now_s)
    supervisor.keepers = (statuses.look, notes.look, times.look, watch.look, recorder.look)
    _serve_cards(shop, supervisor, publisher)
    return Parts(
        supervisor=supervisor,
        publisher=publisher,
        journal=shop.journal,
        watch=watch,
        telemetry=recorder,
    )


def _supervisor(
    shop: Workshop,
    hardware: Hardware,
    guards: dict[str, Guard],
    facts: FactsKeeper,
    notes: SecurityNotes,
    on_change: Callable[[], None],
    on_progress: Callable[[str], None],
) -> Supervisor:
    return Supervisor(
        config=shop.config,
        hardware=hardware,
        guards=guards,
        book=shop.book,
        journal=shop.journal,
        wall=shop.wall,
        clock=shop.clock.now_s,
        alive=shop.alive,
        facts=facts,
        notes=notes,
        permits=permits(
            shop.config, shop.journal.ledger, shop.journal.thread, guards, shop.clock.now_s
        ),
        on_change=on_change,
        on_progress=on_progress,
        started_s=shop.clock.now_s(),
    )


def _serve_cards(shop: Workshop, supervisor: Supervisor, publisher: Publisher) -> None:
    """Whoever shows a card is served beside the guarding, and told of in the status."""

    def step(guard: Guard) -> None:
        supervisor.step(guard)
        publisher.statuses.follow(guard, supervisor.clock())

    made = desks(shop.config, supervisor.permits, shop.journal, supervisor.clock, step)
    supervisor.keepers += tuple(desk.look for desk in made)
    supervisor.beside = tuple(desk.run for desk in made)
    publisher.permit = supervisor.permits.shown
    publisher.readers = lambda now_s: [desk.shown(now_s) for desk in made]


def _times(shop: Workshop, publisher: Publisher, notes: SecurityNotes) -> ClockKeeper:
    """The clock's steps written down, and what is published corrected by them."""
    retimer = Retimer(
        wall=shop.wall, known=lambda: shop.clock.seen().known, priced=shop.pricer.again
    )
    publisher.retime = retimer.station
    times = ClockKeeper(
        clock=shop.clock,
        times=shop.journal.ledger.times,
        retimer=retimer,
        post=shop.journal.thread.post,
        book=shop.book,
    )
    times.on_step = notes.clock
    return times


def _watch(
    shop: Workshop, guards: dict[str, Guard], publisher: Publisher, facts: FactsKeeper
) -> LedgerWatch:
    """Over the ledger's file, and over what waits for it."""
    return LedgerWatch(
        ledger=shop.journal.ledger,
        thread=shop.journal.thread,
        journal=shop.journal,
        guards=guards,
        publisher=publisher,
        facts=facts,
        now_s=shop.clock.now_s,
    )


def _notes(shop: Workshop, guards: Mapping[str, Guard], facts: FactsKeeper) -> SecurityNotes:
    """The security log's, with the start and what is different since the last one written down."""
    notes = SecurityNotes(
        ledger=shop.journal.ledger,
        thread=shop.journal.thread,
        wall=shop.wall,
        boot_id=shop.clock.boot_id,
        now_s=shop.clock.now_s,
        clock_state=lambda: shop.clock.state().value,
        book=shop.book,
        guards=guards,
        damage=lambda: facts.now.store.damaged if facts.now.store else "",
    )
    notes.begin(shop.config, os.environ)
    return notes


def _statuses(shop: Workshop, guards: Mapping[str, Guard]) -> StatusBook:
    """The status intervals', with one running for each EVSE."""
    statuses = StatusBook(
        ledger=shop.journal.ledger,
        thread=shop.journal.thread,
        wall=shop.wall,
        boot_id=shop.clock.boot_id,
        book=shop.book,
        guards=guards,
    )
    statuses.begin()
    return statuses


def _facts(
    config: Config,
    clock: Clock,
    ledger: Ledger,
    thread: LedgerThread,
    guards: Mapping[str, Guard],
) -> FactsKeeper:
    return FactsKeeper(
        directory=Path(config.agent.state_directory),
        clock_state=lambda: clock.state().value,
        durable=lambda: all(guard.durable for guard in guards.values()),
        damage=ledger.damage,
        aside=thread.aside,
    )


def _report(late: list[Supervisor], device: Device) -> None:
    for supervisor in late:
        supervisor.device_updated(device)
