"""What the agent says about itself: the OCPI station for the uplink, the status for people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import datetime

from laddvakt_agent import __version__
from laddvakt_agent.core import machine
from laddvakt_agent.core.catalogue import rule_for
from laddvakt_agent.core.diagnose import causes
from laddvakt_agent.core.settings import Settings
from laddvakt_agent.core.status import ocpi_status
from laddvakt_agent.faultbook import Entry, FaultBook
from laddvakt_agent.guard import Guard
from laddvakt_agent.hardware import Hardware
from laddvakt_agent.inputs import Roles
from laddvakt_agent.published import CdrRecord, EvseState, EvseStatus, Station
from laddvakt_agent.remedy import next_step
from laddvakt_agent.texts import text_for
from laddvakt_agent.wall import Wall
from laddvakt_hal.device import Device
from laddvakt_hal.reading import Quality, Reading
from laddvakt_hal.stats import DeviceStats

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
    note_status: Callable[[str, str, float], None]  # EVSE uid, status, since boot second
    cdrs: list[CdrRecord]  # until a backend has them
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
        return Station(
            evses=tuple(self.evses.values()),
            sessions=tuple(r for g in self.guards.values() for r in g.keeper.records()),
            faults=self.book.reports(),
            cdrs=tuple(self.cdrs),
        )

    def _follow(self, guard: Guard, now_s: float) -> None:
        status = EvseStatus(ocpi_status(guard.connector, now_s).value)
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
        self.note_status(guard.evse_uid, status.value, now_s)

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
            "ledger": {"durable": all(guard.durable for guard in self.guards.values())},
        }

    def faults(self) -> list[JsonObject]:
        """Standing faults and the latest cleared ones, newest last."""
        caused_by = self._cause_ids()
        return [
            self._fault(entry) | {"cause_id": caused_by.get(entry.id)}
            for entry in (*self.book.recent, *self.book.entries.values())
        ]

    def _cause_ids(self) -> dict[str, str]:
        """The id of the fault each standing one comes from: its own where it is the cause."""
        ids = {identity: entry.id for identity, entry in self.book.entries.items()}
        standing = tuple(entry.fault for entry in self.book.entries.values())
        return {
            ids[fault.code, fault.subject]: ids[cause.fault.code, cause.fault.subject]
            for cause in causes(standing, self.book.devices)
            for fault in (cause.fault, *cause.symptoms)
        }

    def _connector(self, guard: Guard, now_s: float) -> JsonObject:
        outputs = machine.outputs(guard.connector)
        readings = _readings(guard.roles, guard.settings)
        session = guard.keeper.running
        energy_wh = guard.keeper.energy_wh()
        return {
            "id": guard.settings.connector,
            "evse_uid": guard.evse_uid,
            "status": self.evses[guard.evse_uid].status.value,
            "status_history": self.history[guard.evse_uid],
            "status_since_s": self.since_s[guard.evse_uid],
            "state": guard.connector.life.state.value,
            "reason": guard.reasons[-1][1] if guard.reasons else "starting",
            "deciding_fault": guard.connector.summary.code or None,
            "closed_commanded": outputs.closed,
            "limit_a": outputs.limit_a,
            "guarded": guard.guarded,
            "session": None if session is None else session.session.id,
            "session_energy_wh": None if energy_wh is None else round(energy_wh, 1),
            "current_a": _glance(readings["current_a"], now_s),
            "power_w": _glance(readings["power_w"], now_s),
            "steps": guard.steps,
            "readings": {name: _reading(part, now_s) for name, part in readings.items()},
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
                    "identity_changed": _changed(device),
                    "stats": None if stats is None else _stats(stats),
                }
            )
        return rows

    def _fault(self, entry: Entry) -> JsonObject:
        rule, fault = rule_for(self.book.rules, entry.fault.code), entry.fault
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
            "symptoms": list(entry.symptoms),
            "locked_out": fault.locked_out,
            "retries": f"{fault.retries_used} of {fault.retries_allowed} used",
            "next": next_step(rule, entry, self.clock()),
            "started_at": _iso(entry.started_at),
            "cleared_at": None if entry.cleared_at is None else _iso(entry.cleared_at),
        }


def _stats(stats: DeviceStats) -> JsonObject:
    """The counters, and the latency's median and 95th percentile in milliseconds."""
    counters = {f.name: getattr(stats, f.name) for f in fields(stats) if f.name != "latencies_s"}
    quantiles = {"p50_ms": stats.p50_s, "p95_ms": stats.p95_s}
    return counters | {k: None if v is None else round(1e3 * v, 1) for k, v in quantiles.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """A reading, the device it comes from, and how old the core lets it get."""

    reading: Reading[object]
    device: Device
    good_for_s: float


def _readings(roles: Roles, settings: Settings) -> dict[str, _Shown]:
    board, meter, monitor, stop = (
        roles.board,
        roles.meter,
        roles.residual_monitor,
        roles.emergency_stop,
    )
    guarding: dict[str, tuple[Reading[object], Device]] = {
        "pilot": (board.pilot(), board.device),
        "limit_a": (board.limit_a(), board.device),
    }
    if roles.contactor.has_feedback:
        contact = roles.contactor.feedback_closed()
        guarding["feedback_closed"] = (contact, roles.contactor.device)
    if stop:
        guarding["emergency_stop_loop_closed"] = (stop.closed(), stop.device)
    if monitor:
        guarding["residual_dc_a"] = (monitor.dc_a(), monitor.device)
    metered: dict[str, Reading[object]] = {
        "voltage_v": meter.voltage_v(),
        "current_a": meter.current_a(),
        "power_w": meter.power_w(),
        "energy_wh": meter.energy_wh(),
    }
    guard_s, meter_s = settings.sample_max_age_s, settings.meter_max_age_s
    return {
        name: _Shown(reading=reading, device=device, good_for_s=guard_s)
        for name, (reading, device) in guarding.items()
    } | {
        name: _Shown(reading=reading, device=meter.device, good_for_s=meter_s)
        for name, reading in metered.items()
    }


def _changed(device: Device) -> JsonObject | None:
    """What says that another unit answers here than before."""
    change = device.changed_identity
    if change is None:
        return None
    return {"quantity": change.quantity, "before": str(change.before), "now": str(change.now)}


def _reading(shown: _Shown, now_s: float) -> JsonObject:
    age_s, quality = shown.reading.age_s(now_s), shown.reading.quality
    if quality is Quality.GOOD and age_s is not None and age_s > shown.good_for_s:
        quality = Quality.STALE  # nobody has failed to read it, but it is past its time
    return {
        "value": _plain(shown.reading.value),
        "quality": quality.value,
        "device": shown.device.name,
        "taken_at_s": shown.reading.taken_at_s,
        "age_s": None if age_s is None else round(age_s, 3),
        "good_for_s": shown.good_for_s,
    }


def _plain(value: object) -> object:
    """Enums by their value, tuples rounded: what JSON and people want."""
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float):
        return round(value, 3)
    return getattr(value, "value", value)


def _glance(shown: _Shown, now_s: float) -> object:
    """The value for a glance, `None` once it is not good any more."""
    reading = _reading(shown, now_s)
    return reading["value"] if reading["quality"] == Quality.GOOD.value else None


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
