"""What the controller itself lacks: backend, clock, disk, ledger, time; and what it should tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from laddvakt_agent.core.detect.words import since, values
from laddvakt_agent.core.faults.rules import Act
from laddvakt_agent.core.freshness import fresh, number
from laddvakt_agent.core.inputs import ClockState, Sample, StoreHealth, UplinkHealth
from laddvakt_agent.core.recover.tracks import Finding
from laddvakt_agent.core.scene import (
    AWAY,
    UNKNOWN,
    Detector,
    Scene,
    found,
    of_connector,
    of_station,
)
from laddvakt_agent.core.settings import Settings

_FIRST_SYNC_S = 60.0  # a clock may take so long after the start
_FIRST_SET_S = 10.0  # the shell may note the step so long after it heard of the synchronisation


def of_uplink(_: Settings) -> str:
    """The fault is about the way to the backend."""
    return "uplink"


def of_store(_: Settings) -> str:
    """The fault is about the disk or the ledger on it."""
    return "store"


def uplink_down(s: Scene) -> Finding:
    """Nothing can be reached."""
    return _uplink(s, lambda uplink: uplink.unreachable_since_s, "the backend cannot be reached")


def uplink_refused(s: Scene) -> Finding:
    """Reached, and told no."""
    return _uplink(s, lambda uplink: uplink.refused_since_s, "the backend refuses")


def uplink_certificate(s: Scene) -> Finding:
    """The backend's certificate is not accepted, and the clock cannot be the reason."""
    said = _uplink(s, lambda uplink: uplink.certificate_since_s, "its certificate is not accepted")
    return UNKNOWN if said.present and s.inputs.clock is not ClockState.SYNCED else said


def clock_unset(s: Scene) -> Finding:
    """Wall time was never synchronised since the controller started, or was set since."""
    clock = s.inputs.clock
    if clock is None:
        return UNKNOWN
    if clock is ClockState.SYNCED:
        return AWAY
    started_s = s.memory.power.grid.started_s
    until_s = None if started_s is None else started_s + _FIRST_SYNC_S
    if s.memory.gear.service.synced_s is None and until_s is not None and s.now_s < until_s:
        return UNKNOWN  # a controller that has just started asks its time sources first
    if s.memory.gear.service.synced_s is not None:
        return found(True, "somebody set it after it was synchronised")
    restored = clock is ClockState.RESTORED
    source = "restored from what was written" if restored else "and nothing to restore from"
    return found(True, f"never synchronised since the start, {source}")


def clock_jumped(s: Scene) -> Finding:
    """An event: it is away as soon as it is not news any longer.

    That a clock is set before or by its first synchronisation since the start is no jump:
    `clock_unset` speaks of it.
    """
    clock, synced_s, sample = s.inputs.clock, s.memory.gear.service.synced_s, s.inputs.clock_step_s
    if sample is None or (clock not in (None, ClockState.SYNCED) and synced_s is None):
        return AWAY
    if synced_s is not None and sample.taken_s <= synced_s + _FIRST_SET_S:
        return AWAY
    step_s = number(fresh(s.inputs.clock_step_s, s.settings.sample_max_age_s, s.now_s))
    if step_s is None or abs(step_s) <= values(s, "clock_jumped")["step_s"]:
        return AWAY
    return found(True, f"wall time moved by {step_s:+.1f} s")


def authorization_timeout(s: Scene) -> Finding:
    """Plugged in for long, and nobody has authorised it; not after a session."""
    waits = s.life.plugged and not (s.life.session or s.life.over or s.inputs.authorised)
    return found(True, "plugged in, not authorised") if waits else AWAY


def storage_full(s: Scene) -> Finding:
    """No room for the ledger; where nobody pays, charging goes on all the same."""
    said = _store(s, lambda store: "no room left for the ledger" if store.full else "")
    return replace(said, act=Act.NONE) if said.present and not s.settings.billed else said


def storage_read_only(s: Scene) -> Finding:
    """The ledger cannot be written."""
    return _store(s, lambda store: "the ledger's disk is read-only" if store.read_only else "")


def storage_worn(s: Scene) -> Finding:
    """The flash is near its end."""
    worn_share = None if s.inputs.store is None else number(s.inputs.store.worn_share)
    if worn_share is None:
        return UNKNOWN
    if worn_share < values(s, "storage_worn")["worn_share"]:
        return AWAY
    return found(True, f"{worn_share:.0%} of the flash memory's life is used")


def ledger_damaged(s: Scene) -> Finding:
    """The ledger did not pass its check and was set aside."""
    return _store(s, lambda store: store.damaged)


def latches_lost(_: Scene) -> Finding:
    """Raised at the start alone; then a person's word counts."""
    return AWAY


def configuration_invalid(s: Scene) -> Finding:
    """The newest configuration is not in force."""
    text = s.inputs.configuration_error
    return found(True, text) if text else AWAY


def control_loop_late(s: Scene) -> Finding:
    """Rounds with old safety data: several in a while, or one with very old data."""
    limits = values(s, "control_loop_late")
    late_s = number(fresh(s.inputs.round_late_s, s.settings.sample_max_age_s, s.now_s))
    if late_s is not None and late_s > limits["stop_s"]:
        shown = f"safety data {late_s:.1f} s old, allowed {limits['stop_s']:g} s"
        return Finding(present=True, act=Act.RAMP, evidence=shown)
    recent = sum(s.now_s < at_s + limits["within_s"] for at_s in s.memory.gear.service.late_s)
    if recent < limits["times_count"]:
        return AWAY
    shown = f"safety data older than {limits['late_s']:g} s, {recent} times"
    return Finding(present=True, limit_a=limits["floor_a"], evidence=shown)


def session_recovered(s: Scene) -> Finding:
    """Evidence for a while after the start: a session was found open."""
    recovered_s = s.memory.gear.service.recovered_s
    if recovered_s is None or s.now_s >= recovered_s + values(s, "session_recovered")["shown_s"]:
        return AWAY
    return found(True, s.inputs.session_found or "a session of before the restart was found open")


def contactor_worn(s: Scene) -> Finding:
    """More operations than the contactor is rated for, or more openings under load."""
    wear, rated = s.memory.wear, values(s, "contactor_worn")
    operations, openings = rated["operations_count"], rated["load_openings_count"]
    if wear.operations <= operations and wear.load_openings <= openings:
        return AWAY
    return found(
        True,
        f"{wear.operations} operations, rated {operations:g}; "
        f"{wear.load_openings} openings under load, rated {openings:g}",
    )


def _uplink(s: Scene, when: Callable[[UplinkHealth], float | None], what: str) -> Finding:
    uplink = s.inputs.uplink
    if uplink is None:
        return UNKNOWN
    at_s = when(uplink)
    if at_s is None:
        return AWAY
    evidence = f"{what}: {uplink.detail}" if uplink.detail else what
    return Finding(present=True, since_s=since(at_s, s.now_s), evidence=evidence)


def _store(s: Scene, wrong: Callable[[StoreHealth], str]) -> Finding:
    if s.inputs.store is None:
        return UNKNOWN
    text = wrong(s.inputs.store)
    return found(True, text) if text else AWAY


def _old_news_s(s: Scene, event: Sample[float] | None) -> Iterator[float]:
    """When an event ceases to be news."""
    if event is not None:
        yield event.taken_s + s.settings.sample_max_age_s


def _sync_due_s(s: Scene) -> Iterator[float]:
    yield (s.memory.power.grid.started_s or 0.0) + _FIRST_SYNC_S


def _jump_due_s(s: Scene) -> Iterator[float]:
    yield from _old_news_s(s, s.inputs.clock_step_s)


def _late_due_s(s: Scene) -> Iterator[float]:
    yield from _old_news_s(s, s.inputs.round_late_s)
    within_s = values(s, "control_loop_late")["within_s"]
    yield from (at_s + within_s for at_s in s.memory.gear.service.late_s)


def _recovered_due_s(s: Scene) -> Iterator[float]:
    recovered_s = s.memory.gear.service.recovered_s
    if recovered_s is not None:
        yield recovered_s + values(s, "session_recovered")["shown_s"]


DETECTORS: tuple[Detector, ...] = (
    Detector(code="uplink_down", subject=of_uplink, needs=("uplink",), look=uplink_down),
    Detector(code="uplink_refused", subject=of_uplink, needs=("uplink",), look=uplink_refused),
    Detector(
        code="uplink_certificate",
        subject=of_uplink,
        needs=("uplink", "clock"),
        look=uplink_certificate,
    ),
    Detector(
        code="clock_unset",
        subject=of_station,
        needs=("clock",),
        look=clock_unset,
        due_s=_sync_due_s,
    ),
    Detector(
        code="clock_jumped",
        subject=of_station,
        needs=("clock_step_s", "clock"),
        look=clock_jumped,
        due_s=_jump_due_s,
    ),
    Detector(
        code="authorization_timeout",
        subject=of_connector,
        needs=("pilot", "authorised"),
        look=authorization_timeout,
    ),
    Detector(code="storage_full", subject=of_store, needs=("store",), look=storage_full),
    Detector(code="storage_read_only", subject=of_store, needs=("store",), look=storage_read_only),
    Detector(code="storage_worn", subject=of_store, needs=("store",), look=storage_worn),
    Detector(code="ledger_damaged", subject=of_store, needs=("store",), look=ledger_damaged),
    Detector(code="latches_lost", subject=of_connector, needs=(), look=latches_lost),
    Detector(
        code="configuration_invalid",
        subject=of_station,
        needs=("configuration_error",),
        look=configuration_invalid,
    ),
    Detector(
        code="control_loop_late",
        subject=of_connector,
        needs=("round_late_s",),
        look=control_loop_late,
        due_s=_late_due_s,
    ),
    Detector(
        code="session_recovered",
        subject=of_connector,
        needs=(),
        look=session_recovered,
        due_s=_recovered_due_s,
    ),
    Detector(
        code="contactor_worn", subject=of_connector, needs=("current_a",), look=contactor_worn
    ),
)
