"""What the demo promises, computed from what was seen on the wire, at the backend and in the plant.

Names are stable; `agent/README.md` says what each of them means.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from laddvakt_agent.demo import checks_backend, checks_billing, wire
from laddvakt_agent.demo.check import Check, at_most, between_ms, equal, within
from laddvakt_agent.demo.watch import Seen, connectors_in, guarding_while_closed, shown_as_good

REACTION_SLACK_S = 0.015  # budget over the longest planned transaction
DETECTION_SLACK_S = 0.020
TRAVEL_S = 0.05  # of the contactor, with the pilot relay it waits for
KILLED_S = 2.5  # dead-man 2.0 s + 0.5 s
RAMP_S = 6.0
DEVICE_LOST_S = 3.0  # a guarding device silent for longer than this has opened the contactor
DURATION_S = 100.0
AGENT_START_S = 2.0  # the budget of 1.5 s, and what other work on the machine may take
PROCESSES = ("agent", "backend", "board")


def all_checks(seen: Seen) -> list[Check]:
    """Every check, in the order of the story."""
    return [
        *_start(seen),
        *_noise(seen),
        *_residual(seen),
        *checks_backend.weld(seen),
        *checks_backend.backend(seen),
        *_meter(seen),
        *checks_backend.emergency_stop(seen),
        *checks_billing.billing(seen),
        *_truth(seen),
        *_killed(seen),
    ]


def _start(seen: Seen) -> Iterator[Check]:
    yield at_most("agent_start", seen.times["agent_start_s"], AGENT_START_S, "s")
    yield at_most("authorised_to_closed", seen.times["authorised_to_closed_s"], 5.0, "s")


def _noise(seen: Seen) -> Iterator[Check]:
    rejected = seen.times["rejected_frames"]
    yield Check(
        name="bad_frames_rejected",
        ok=rejected >= 2,
        measured=rejected,
        expected="≥ 2",
        unit="frames",
    )
    yield equal("noise_state_changes", seen.noise_changes, 0, "changes")
    outside = sum(1 for volts in _voltages(seen) if not 200.0 < volts < 260.0)
    yield equal("impossible_voltages_shown", outside, 0, "values")


def _residual(seen: Seen) -> Iterator[Check]:
    plan = _lines(seen)
    injected_s = seen.times["residual_injected_s"]
    shown = wire.first_showing(seen.trace, "residual_current_dc", after_s=injected_s)
    opened = wire.first_open_command(seen.trace, after_s=injected_s)
    shown_s = shown.last_s if shown else None
    opened_s = opened.first_s if opened else None
    slow, fast = plan["line1"], plan["line2"]
    reaction_s = slow.longest_s + REACTION_SLACK_S
    told_s = shown.wire_s if shown else 0.0
    detection_s = fast.period_s + fast.longest_s + told_s + slow.longest_s + DETECTION_SLACK_S
    open_s = detection_s + (opened.wire_s if opened else 0.0) + TRAVEL_S
    really_s = seen.times["residual_opened_s"]
    reported_s = checks_backend.first_fault(seen, "residual_current_dc")
    for name, measured, bound_s in (
        ("residual_reaction", between_ms(shown_s, opened_s), reaction_s),
        ("residual_detection", between_ms(injected_s, opened_s), detection_s),
        ("residual_contactor_open", between_ms(injected_s, really_s), open_s),
        ("residual_fault_at_backend", between_ms(shown_s, reported_s), checks_backend.PATCH_S),
    ):
        yield at_most(name, measured, 1e3 * bound_s, "ms")
    yield within(
        "residual_recovered",
        seen.times["residual_reclosed_s"] - seen.times["residual_opened_s"],
        5.0,
        12.0,
        "s",
    )


def _meter(seen: Seen) -> Iterator[Check]:
    yield within(
        "meter_lost_to_open",
        seen.times["meter_opened_s"] - seen.times["meter_lost_s"],
        4.0,
        5.0 + RAMP_S + 1.0,
        "s",
    )
    yield within(
        "meter_recovered",
        seen.times["meter_reclosed_s"] - seen.times["meter_back_s"],
        0.5,
        15.0,
        "s",
    )


def _truth(seen: Seen) -> Iterator[Check]:
    readings = list(shown_as_good(seen))
    foreign = wire.without_reply(readings, seen.trace, seen.stalls)
    yield Check(
        name="readings_without_a_reply",
        ok=not foreign and len(readings) > 100,
        measured=len(foreign),
        expected=f"0 of {len(readings)}",
        unit="readings",
    )
    aged = [reading for reading in readings if reading.age_s > reading.good_for_s]
    trusted = [r for r in guarding_while_closed(seen) if r.age_s > r.good_for_s + DEVICE_LOST_S]
    yield equal("readings_past_their_time", len(aged) + len(trusted), 0, "readings")
    stalled_ms = 1e3 * sum(to_s - from_s for from_s, to_s in seen.stalls)
    yield Check(
        name="machine_stalls", ok=True, measured=stalled_ms, expected="only told", unit="ms in all"
    )


def _killed(seen: Seen) -> Iterator[Check]:
    yield at_most(
        "killed_to_open", seen.times["killed_opened_s"] - seen.times["killed_s"], KILLED_S, "s"
    )


def house(logs: Mapping[str, str], duration_s: float) -> Iterator[Check]:
    """No traceback in what any process printed, and the whole in its time."""
    found = {name: log.count("Traceback") for name, log in logs.items()}
    complete = set(logs) == set(PROCESSES)
    yield Check(
        name="tracebacks",
        ok=complete and not any(found.values()),
        measured=sum(found.values()),
        expected="0 in three logs",
        unit="tracebacks",
    )
    yield at_most("duration", duration_s, DURATION_S, "s")


# Small words of the checks


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


def _voltages(seen: Seen) -> Iterator[float]:
    for status in seen.statuses:
        for connector in connectors_in(status):
            parts = connector.get("readings")
            reading = parts.get("voltage_v") if isinstance(parts, dict) else None
            values = reading.get("value") if isinstance(reading, dict) else None
            yield from (float(str(v)) for v in values or [] if isinstance(v, int | float))  # type: ignore[union-attr] # a list by the API's contract
