"""What the demo promises, computed from what was seen on the wire, at the backend and in the plant.

Names are stable; `agent/README.md` says what each of them means.
"""

from __future__ import annotations

from collections.abc import Iterator

from laddvakt_agent.demo import wire
from laddvakt_agent.demo.stage import JsonObject
from laddvakt_agent.demo.view import Check
from laddvakt_agent.demo.watch import Seen, statuses

REACTION_SLACK_S = 0.015  # budget over the longest planned transaction
DETECTION_SLACK_S = 0.020
PATCH_S = 1.0
KILLED_S = 2.5  # dead-man 2.0 s + 0.5 s
RAMP_S = 6.0
ROUND_S = 1.0  # three good replies, one round of every value


def all_checks(seen: Seen) -> list[Check]:
    """Every check, in the order of the story."""
    return [
        *_start(seen),
        *_noise(seen),
        *_residual(seen),
        *_weld(seen),
        *_backend(seen),
        *_meter(seen),
        *_billing(seen),
        *_truth(seen),
        *_killed(seen),
    ]


def _start(seen: Seen) -> Iterator[Check]:
    yield _at_most("agent_start", seen.times["agent_start_s"], 3.0, "s")
    yield _at_most("authorised_to_closed", seen.times["authorised_to_closed_s"], 5.0, "s")


def _noise(seen: Seen) -> Iterator[Check]:
    rejected = seen.times["rejected_frames"]
    yield Check(
        name="bad_frames_rejected",
        ok=rejected >= 2,
        measured=rejected,
        expected="≥ 2",
        unit="frames",
    )
    yield _equal("noise_state_changes", seen.noise_changes, 0, "changes")
    outside = sum(1 for volts in _voltages(seen) if not 200.0 < volts < 260.0)
    yield _equal("impossible_voltages_shown", outside, 0, "values")


def _residual(seen: Seen) -> Iterator[Check]:
    plan = _lines(seen)
    injected_s = seen.times["residual_injected_s"]
    shown = wire.first_showing(seen.trace, "residual_current_dc", after_s=injected_s)
    opened = wire.first_open_command(seen.trace, after_s=injected_s)
    slow, fast = plan["line1"], plan["line2"]
    reaction_bound_s = slow.longest_s + REACTION_SLACK_S
    detection_bound_s = (
        fast.period_s + fast.longest_s + shown.wire_s + slow.longest_s + DETECTION_SLACK_S
    )
    yield _at_most(
        "residual_reaction", 1e3 * (opened.first_s - shown.last_s), 1e3 * reaction_bound_s, "ms"
    )
    yield _at_most(
        "residual_detection", 1e3 * (opened.first_s - injected_s), 1e3 * detection_bound_s, "ms"
    )
    yield _at_most(
        "residual_contactor_open",
        1e3 * (seen.times["residual_opened_s"] - injected_s),
        1e3 * (detection_bound_s + opened.wire_s + 0.05),
        "ms",
    )
    reported = _first_fault(seen, "residual_current_dc")
    yield _at_most(
        "residual_fault_at_backend", 1e3 * (reported - shown.last_s), 1e3 * PATCH_S, "ms"
    )
    yield _within(
        "residual_recovered",
        seen.times["residual_reclosed_s"] - seen.times["residual_cleared_s"],
        10.0,
        15.0,
        "s",
    )


def _weld(seen: Seen) -> Iterator[Check]:
    """A weld ends in OUTOFORDER; from the agent's word of it to the backend within a second."""
    raised = [
        float(str(connector["status_since_s"]))
        for status in seen.statuses
        for connector in _connectors(status)
        if connector.get("evse_uid") == "DEMO1-2" and connector.get("status") == "OUTOFORDER"
    ]
    received = [
        at_s for at_s, status in statuses(seen.received, "DEMO1-2") if status == "OUTOFORDER"
    ]
    yield _equal("weld_status_sent", len(received), 1, "times OUTOFORDER")
    if raised and received:
        yield _at_most(
            "weld_status_at_backend", 1e3 * (received[0] - raised[0]), 1e3 * PATCH_S, "ms"
        )
    locked = seen.statuses[-1] if seen.statuses else {}
    held = [c.get("closed_commanded") for c in _connectors(locked) if c.get("id") == "2"]
    yield Check(
        name="weld_locked_out",
        ok=held == [False] and bool(raised),
        measured="open" if held == [False] else "closed",
        expected="open and locked out to the end",
        unit="",
    )


def _backend(seen: Seen) -> Iterator[Check]:
    back_s, settled_s = seen.times["backend_back_s"], seen.times["backend_settled_s"]

    def pushed(evse: str) -> list[str]:
        return [s for at_s, s in statuses(seen.received, evse) if back_s < at_s < settled_s]

    pushes, others = pushed("DEMO1-1"), pushed("DEMO1-2")
    yield Check(
        name="pushes_after_outage",
        ok=pushes == ["AVAILABLE"],
        measured=", ".join(pushes) or "none",
        expected="AVAILABLE, once",
        unit="statuses",
    )
    yield _equal("pushes_of_the_unchanged", len(others), 0, "statuses")
    rejected = [r for r in seen.received if r.get("status_code") not in (1000, None)]
    yield _equal("rejected_by_backend", len(rejected), 0, "requests")
    for evse in ("DEMO1-1", "DEMO1-2"):
        got = [status for _, status in statuses(seen.received, evse)]
        invented = _not_in_order(got, _said(seen, evse))
        yield Check(
            name=f"statuses_in_order_{evse[-1]}",
            ok=not invented,
            measured=" ".join(got),
            expected="as the agent had them, none invented",
            unit="statuses",
        )


def _meter(seen: Seen) -> Iterator[Check]:
    yield _within(
        "meter_lost_to_open",
        seen.times["meter_opened_s"] - seen.times["meter_lost_s"],
        4.0,
        5.0 + RAMP_S + 1.0,
        "s",
    )
    yield _within(
        "meter_recovered",
        seen.times["meter_reclosed_s"] - seen.times["meter_back_s"],
        5.0,
        20.0,
        "s",
    )


def _billing(seen: Seen) -> Iterator[Check]:
    cdrs = _bodies(seen, "cdrs")
    sessions = {str(body.get("session_id")) for body in cdrs}
    yield _equal("cdrs_received", len(cdrs), 3, "CDRs")
    yield _equal("cdrs_per_session", len(cdrs) / max(len(sessions), 1), 1, "CDRs")
    own = [body for body in cdrs if _evse_of(body) == "DEMO1-1"]
    for which, body in zip(("first", "second"), own, strict=False):
        billed_wh = 1e3 * float(str(body["total_energy"]))
        end_wh = seen.times[f"{which}_end_wh"]
        delta_wh = end_wh - seen.times[f"{which}_start_wh"]
        yield Check(
            name=f"cdr_energy_{which}",
            ok=billed_wh > 1 and abs(billed_wh - delta_wh) <= _resolution_wh(end_wh),
            measured=billed_wh,
            expected=f"{delta_wh:.2f} ± {_resolution_wh(end_wh):.2f}",
            unit="Wh",
        )


def _truth(seen: Seen) -> Iterator[Check]:
    readings = list(_readings(seen))
    foreign = wire.without_reply(readings, seen.trace)
    yield Check(
        name="readings_without_a_reply",
        ok=not foreign and len(readings) > 100,
        measured=len(foreign),
        expected=f"0 of {len(readings)}",
        unit="readings",
    )
    aged = [age_s for _, _, age_s, limit_s in readings if age_s > limit_s]
    yield _equal("readings_past_their_time", len(aged), 0, "readings")


def _killed(seen: Seen) -> Iterator[Check]:
    yield _at_most(
        "killed_to_open", seen.times["killed_opened_s"] - seen.times["killed_s"], KILLED_S, "s"
    )


# Small words of the checks


def _at_most(name: str, measured: float, bound: float, unit: str) -> Check:
    return Check(
        name=name,
        ok=0 <= measured <= bound,
        measured=measured,
        expected=f"≤ {bound:.4g}",
        unit=unit,
    )


def _within(name: str, measured: float, low: float, high: float, unit: str) -> Check:
    return Check(
        name=name,
        ok=low <= measured <= high,
        measured=measured,
        expected=f"{low:g} to {high:g}",
        unit=unit,
    )


def _equal(name: str, measured: float, expected: float, unit: str) -> Check:
    return Check(
        name=name, ok=measured == expected, measured=measured, expected=f"{expected:g}", unit=unit
    )


def _lines(seen: Seen) -> dict[str, wire.LinePlan]:
    lines = seen.statuses[-1]["lines"] if seen.statuses else []
    return {
        str(line["name"]): wire.LinePlan(
            period_s=float(str(line["safety_period_s"])),
            longest_s=float(str(line["longest_transaction_s"])),
        )
        for line in (lines if isinstance(lines, list) else [])
        if isinstance(line, dict)
    }


def _connectors(status: JsonObject) -> Iterator[JsonObject]:
    parts = status.get("connectors")
    for part in parts if isinstance(parts, list) else []:
        if isinstance(part, dict):
            yield part


def _readings(seen: Seen) -> Iterator[tuple[str, float, float, float]]:
    """Each reading shown as good: where it is read, when taken, its age, and the age allowed."""
    for status in seen.statuses:
        for connector in _connectors(status):
            parts = connector.get("readings")
            for name, reading in parts.items() if isinstance(parts, dict) else ():
                if isinstance(reading, dict) and reading.get("quality") == "good":
                    limit_s = float(str(reading["good_for_s"]))
                    taken_s, age_s = float(str(reading["taken_at_s"])), float(str(reading["age_s"]))
                    yield f"{connector['id']} {name}", taken_s, age_s, limit_s


def _voltages(seen: Seen) -> Iterator[float]:
    for status in seen.statuses:
        for connector in _connectors(status):
            parts = connector.get("readings")
            reading = parts.get("voltage_v") if isinstance(parts, dict) else None
            values = reading.get("value") if isinstance(reading, dict) else None
            yield from (float(str(v)) for v in values or [] if isinstance(v, int | float))  # type: ignore[union-attr] # a list by the API's contract


def _said(seen: Seen, evse_uid: str) -> list[str]:
    """The statuses the agent itself showed for an EVSE, repeats folded."""
    folded: list[str] = []
    for status in seen.statuses:
        for connector in _connectors(status):
            if connector.get("evse_uid") == evse_uid:
                for said in connector.get("status_history") or []:  # type: ignore[union-attr] # a list by the API's contract
                    if said not in folded or folded[-1] != said:
                        folded.append(str(said))
    return folded


def _not_in_order(got: list[str], said: list[str]) -> bool:
    """Whether `got` is anything but a subsequence of what was `said`."""
    left = iter(said)
    return not all(any(status == other for other in left) for status in got)


def _bodies(seen: Seen, module: str) -> list[JsonObject]:
    found = [
        r.get("body")
        for r in seen.received
        if r.get("module") == module and r.get("status_code") == 1000
    ]
    return [body for body in found if isinstance(body, dict)]


def _first_fault(seen: Seen, code: str) -> float:
    times = [
        float(str(r["at_s"]))
        for r in seen.received
        if r.get("module") == "faults"
        and isinstance(body := r.get("body"), dict)
        and body.get("code") == code
    ]
    return min(times, default=float("inf"))


def _evse_of(cdr: JsonObject) -> str:
    location = cdr.get("cdr_location")
    return str(location.get("evse_uid")) if isinstance(location, dict) else ""


def _resolution_wh(register_wh: float) -> float:
    """One step of a float32 kWh register near its value, and one of the CDR's four decimals."""
    return 1e3 * wire.float32_step(register_wh / 1e3) + 0.1
