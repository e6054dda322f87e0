"""What the demo promises of the backend: statuses, faults and bills as they were received."""

from __future__ import annotations

from collections.abc import Iterator

from laddvakt_agent.demo import wire
from laddvakt_agent.demo.check import Check, at_most, equal
from laddvakt_agent.demo.stage import JsonObject
from laddvakt_agent.demo.watch import Seen, connectors_in, statuses

PATCH_S = 1.0


def weld(seen: Seen) -> Iterator[Check]:
    """A weld ends in OUTOFORDER; from the agent's word of it to the backend within a second."""
    raised = [
        float(str(connector["status_since_s"]))
        for status in seen.statuses
        for connector in connectors_in(status)
        if connector.get("evse_uid") == "DEMO1-2" and connector.get("status") == "OUTOFORDER"
    ]
    received = [
        at_s for at_s, status in statuses(seen.received, "DEMO1-2") if status == "OUTOFORDER"
    ]
    yield equal("weld_status_sent", len(received), 1, "times OUTOFORDER")
    if raised and received:
        yield at_most(
            "weld_status_at_backend", 1e3 * (received[0] - raised[0]), 1e3 * PATCH_S, "ms"
        )
    locked = seen.statuses[-1] if seen.statuses else {}
    held = [c.get("closed_commanded") for c in connectors_in(locked) if c.get("id") == "2"]
    yield Check(
        name="weld_locked_out",
        ok=held == [False] and bool(raised),
        measured="open" if held == [False] else "closed",
        expected="open and locked out to the end",
        unit="",
    )


def backend(seen: Seen) -> Iterator[Check]:
    """After an outage only what has changed is told, once; nothing else ever reaches it."""
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
    yield equal("pushes_of_the_unchanged", len(others), 0, "statuses")
    rejected = [r for r in seen.received if r.get("status_code") not in (1000, None)]
    yield equal("rejected_by_backend", len(rejected), 0, "requests")
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


def billing(seen: Seen) -> Iterator[Check]:
    """One CDR for each ended session, with the meter's own delta."""
    cdrs = _bodies(seen, "cdrs")
    sessions = {str(body.get("session_id")) for body in cdrs}
    yield equal("cdrs_received", len(cdrs), 3, "CDRs")
    yield equal("cdrs_per_session", len(cdrs) / max(len(sessions), 1), 1, "CDRs")
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


def _said(seen: Seen, evse_uid: str) -> list[str]:
    """The statuses the agent itself showed for an EVSE, repeats folded."""
    folded: list[str] = []
    for status in seen.statuses:
        for connector in connectors_in(status):
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


def first_fault(seen: Seen, code: str) -> float:
    """When the backend first heard of a fault; infinite if never."""
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
