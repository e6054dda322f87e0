"""What the agent says about itself: the OCPI station for the uplink, the status for people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from laddvakt_agent import __version__
from laddvakt_agent.core import machine
from laddvakt_agent.core.faults.catalogue import rule_for
from laddvakt_agent.core.recover.tracks import Phase
from laddvakt_agent.faultbook import Entry, FaultBook
from laddvakt_agent.guard import Guard
from laddvakt_agent.hardware import Hardware
from laddvakt_agent.published import CdrRecord, EvseState, EvseStatus, Station
from laddvakt_agent.remedy import next_step
from laddvakt_agent.shown import (
    changed,
    contactor,
    cost,
    counters,
    glance,
    iso,
    profiled,
    reading,
    readings,
    reserved,
    testing,
    tests,
)
from laddvakt_agent.statusbook import StatusBook
from laddvakt_agent.tariffs import TariffBook
from laddvakt_agent.texts import text_for
from laddvakt_agent.wall import Wall

JsonObject = dict[str, object]
HISTORY = 100  # statuses and reasons kept for the screen; the ledger has them all


@dataclass(slots=True, kw_only=True)
class Publisher:
    """Builds snapshots and remembers since when each EVSE has its status."""

    guards: dict[str, Guard]
    book: FaultBook
    hardware: Hardware
    wall: Wall
    clock: Callable[[], float]
    statuses: StatusBook
    cdrs: list[CdrRecord]  # until a backend has them
    retime: Callable[[Station], Station] = lambda station: station  # by what is known of the clock
    storage: Callable[[float], JsonObject] = lambda _: {}  # disk use and what was written
    permit: Callable[[str], JsonObject | None] = lambda _: None  # a connector's last authorisation
    readers: Callable[[float], list[JsonObject]] = lambda _: []  # where cards are shown
    tariffs: TariffBook = field(default_factory=TariffBook)
    evses: dict[str, EvseState] = field(default_factory=dict)
    history: dict[str, list[str]] = field(default_factory=dict)  # statuses of each EVSE, in order
    since_s: dict[str, float] = field(default_factory=dict)  # boot second of each status

    def forget_cdrs(self, delivered: frozenset[str]) -> None:
        """The backend has these."""
        self.cdrs[:] = [cdr for cdr in self.cdrs if cdr.id not in delivered]

    def station(self) -> Station:
        """The station as the backend should see it now."""
        now_s = self.clock()
        for guard in self.guards.values():
            self._follow(guard, now_s)
        station = Station(
            evses=tuple(self._since(state) for state in self.evses.values()),
            sessions=tuple(r for g in self.guards.values() for r in g.keeper.records()),
            faults=self.book.reports(),
            cdrs=tuple(self.cdrs),
        )
        return self.retime(station)

    def _since(self, state: EvseState) -> EvseState:
        """A status with the time when it began, by what is known of the clock now."""
        return replace(state, changed_at=self.wall.at(self.since_s[state.uid]))

    def _follow(self, guard: Guard, now_s: float) -> None:
        status = EvseStatus(self.statuses.follow(guard, now_s).status.value)
        known = self.evses.get(guard.evse_uid)
        if known is not None and known.status is status:
            return
        self.evses[guard.evse_uid] = EvseState(
            uid=guard.evse_uid,
            connector_id=guard.settings.connector,
            status=status,
            changed_at=self.wall.at(now_s),
        )
        said = self.history.setdefault(guard.evse_uid, [])
        self.history[guard.evse_uid] = [*said, status.value][-HISTORY:]
        self.since_s[guard.evse_uid] = now_s

    def status(self, *, ready: bool, uplink: JsonObject | None) -> JsonObject:
        """Everything about the station now, for `laddvakt status --json`."""
        now_s = self.clock()
        self.station()
        return {
            "version": __version__,
            "ready": ready,
            "now_s": now_s,
            "connectors": [self._connector(guard, now_s) for guard in self.guards.values()],
            "lines": self._lines(),
            "devices": self._devices(now_s),
            "faults": [fault for fault in self.faults() if fault["cleared_at"] is None],
            "uplink": uplink,
            "readers": self.readers(now_s),
            "ledger": {"durable": all(guard.durable for guard in self.guards.values())},
            "storage": self.storage(now_s),
        }

    def faults(self) -> list[JsonObject]:
        """Standing faults and the latest cleared ones, newest last."""
        return [self._fault(entry) for entry in (*self.book.recent, *self.book.entries.values())]

    def _connector(self, guard: Guard, now_s: float) -> JsonObject:
        outputs = machine.outputs(guard.connector)
        shown = readings(guard.roles, guard.settings)
        session = guard.keeper.running
        energy_wh = guard.keeper.energy_wh()
        return {
            "id": guard.settings.connector,
            "evse_uid": guard.evse_uid,
            "status": self.evses[guard.evse_uid].status.value,
            "status_history": self.history[guard.evse_uid],
            "status_since_s": self.since_s[guard.evse_uid],
            "status_cause": self.statuses.told(guard.evse_uid),
            "state": guard.connector.life.state.value,
            "reason": guard.reasons[-1][1] if guard.reasons else "starting",
            "deciding_fault": guard.connector.summary.code or None,
            "closed_commanded": outputs.closed,
            "limit_a": outputs.limit_a,
            "guarded": guard.guarded,
            "maintenance": guard.maintenance,
            "reserved": reserved(guard),
            "profile": profiled(guard),
            "tests": tests(guard, self.wall),
            "testing": testing(guard),
            "contactor": contactor(guard),
            "session": None if session is None else session.session.id,
            "authorisation": self.permit(guard.settings.connector),
            "unbilled": {r.id: r.unbilled for r in guard.keeper.recent if r.unbilled is not None},
            "session_cost": cost(None if session is None else session.told),
            "session_energy_wh": None if energy_wh is None else round(energy_wh, 1),
            "current_a": glance(shown["current_a"], now_s),
            "power_w": glance(shown["power_w"], now_s),
            "steps": guard.steps,
            "readings": {name: reading(part, now_s) for name, part in shown.items()},
            "faults": [entry.fault.code for entry in self.book.of(guard.settings.connector)],
            "history": [{"at_s": at_s, "what": what} for at_s, what in guard.reasons],
        }

    def _lines(self) -> list[JsonObject]:
        return [
            {
                "name": name,
                "up": bus.up,
                "reason": bus.down_reason,
                "late": bus.late,
                "notes": list(bus.link_notes),
                "hint": bus.hint,
                "missed_periods": sum(self.hardware.pollers[name].missed.values()),
                "safety_period_s": self.hardware.pollers[name].safety_period_s,
                "longest_transaction_s": self.hardware.pollers[name].longest_transaction_s,
            }
            for name, bus in self.hardware.buses.items()
        ]

    def _devices(self, now_s: float) -> list[JsonObject]:
        rows: list[JsonObject] = []
        for name, device in self.hardware.devices.items():
            stats = self.hardware.buses[self.hardware.line_of[name]].stats.get(device.unit)
            heard_s = device.heard_s
            rows.append(
                {
                    "name": name,
                    "line": self.hardware.line_of[name],
                    "unit": device.unit,
                    "profile": device.profile.id,
                    "heard_ago_s": None if heard_s is None else round(now_s - heard_s, 3),
                    "as_configured": device.identity_matches(),
                    "identity_changed": changed(device),
                    "stats": None if stats is None else counters(stats),
                }
            )
        return rows

    def _gone(self, entry: Entry) -> bool:
        """Whether nobody sees it any more: it waits for a time, a test or a person."""
        identity = (entry.fault.code, entry.fault.subject)
        tracks = [
            track
            for guard in self.guards.values()
            for track in guard.connector.tracks
            if track.standing and (track.rule.code, track.subject) == identity
        ]
        return bool(tracks) and all(track.phase is Phase.CLEARING for track in tracks)

    def _fault(self, entry: Entry) -> JsonObject:
        rule, fault = rule_for(self.book.rules, entry.fault.code), entry.fault
        rank, cause_id = self.book.cause_of(entry)
        return {
            "id": entry.id,
            "code": fault.code,
            "subject": fault.subject,
            "subject_kind": rule.subject_kind.value,
            "connectors": sorted(entry.connectors),
            "title": text_for(fault.code, "en").title,
            "severity": rule.severity.value,
            "evidence": fault.evidence,
            "act": fault.act.name.lower(),
            "cause": entry.cause,
            "cause_id": cause_id,
            "cause_rank": rank,  # 0: this cause is named first
            "because": entry.because,
            "suspected": entry.suspected,
            "symptoms": list(entry.symptoms),
            "locked_out": fault.locked_out,
            "gone": entry.cleared_at is None and self._gone(entry),
            "retries": f"{fault.retries_used} of {fault.retries_allowed} used",
            "next": next_step(rule, entry, self.clock()),
            "started_at": iso(entry.started_at),
            "cleared_at": None if entry.cleared_at is None else iso(entry.cleared_at),
        }
