"""What the demo promises of the backend: statuses and faults as they were received."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from laddvakt_agent.demo import wire
from laddvakt_agent.demo.check import Check, at_most, between_ms, equal
from laddvakt_agent.demo.watch import Seen, connectors_in, objects_in, statuses

PATCH_S = 1.0


def weld(seen: Seen) -> Iterator[Check]:
    """A weld ends in OUTOFORDER, told once, and nothing closes that contactor again."""
    raised_s = next(
        (
            float(str(connector["status_since_s"]))
            for status in seen.statuses
            for connector in connectors_in(status, "2")
            if connector.get("status") == "OUTOFORDER"
        ),
        None,
    )
    received = [
        at_s
        for at_s, status in statuses(seen.received, "DEMO1-2")
        if status == "OUTOFORDER" and at_s < seen.times["stop_pressed_s"]
    ]
    yield equal("weld_status_sent", len(received), 1, "times OUTOFORDER")
    told_ms = between_ms(raised_s, received[0] if received else None)
    yield at_most("weld_status_at_backend", told_ms, 1e3 * PATCH_S, "ms")
    yield _weld_locked_out(seen, raised_s)


def emergency_stop(seen: Seen) -> Iterator[Check]:
    """From the wire to the backend: the reply that shows the stop → the status received."""
    pressed_s = seen.times["stop_pressed_s"]
    shown = wire.first_showing(seen.trace, "emergency_stop", after_s=pressed_s, line="line1")
    received_s = next(
        (
            at_s
            for at_s, status in statuses(seen.received, "DEMO1-1")
            if status == "INOPERATIVE" and at_s > pressed_s
        ),
        None,
    )
    told_ms = between_ms(shown.last_s if shown else None, received_s)
    yield at_most("fault_to_status_at_backend", told_ms, 1e3 * PATCH_S, "ms")


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
    rejected = [r for r in seen.received if _rejected(r)]
    yield equal("rejected_by_backend", len(rejected), 0, "requests")
    for evse in ("DEMO1-1", "DEMO1-2"):
        got = [status for _, status in statuses(seen.received, evse)]
        yield Check(
            name=f"statuses_in_order_{evse[-1]}",
            ok=_in_order(got, _said(seen, evse)),
            measured=" ".join(got),
            expected="as the agent had them, none invented, the last one there",
            unit="statuses",
        )


def first_fault(seen: Seen, code: str) -> float | None:
    """When the backend first heard of a fault; `None` if never."""
    times = [
        float(str(r["at_s"]))
        for r in seen.received
        if r.get("module") == "faults"
        and isinstance(body := r.get("body"), dict)
        and body.get("code") == code
    ]
    return min(times, default=None)


def _rejected(request: Mapping[str, object]) -> bool:
    """Whether it was refused; a question about what is not there yet is answered with HTTP 404."""
    if request.get("method") == "GET" and request.get("http_status") == 404:
        return False
    return request.get("status_code") not in (1000, None)


def _said(seen: Seen, evse_uid: str) -> list[str]:
    """Every status the agent itself gave an EVSE, in order, as its last answer tells."""
    last = seen.statuses[-1] if seen.statuses else {}
    for connector in connectors_in(last):
        history = connector.get("status_history")
        if connector.get("evse_uid") == evse_uid and isinstance(history, list):
            return [str(status) for status in history]
    return []


def _in_order(got: list[str], said: list[str]) -> bool:
    """Whether `got` is a subsequence of what was `said`, with its end."""
    left = iter(said)
    return got[-1:] == said[-1:] != [] and all(status in left for status in got)


def _weld_locked_out(seen: Seen, raised_s: float | None) -> Check:
    """Commanded open, locked out, no start let in, nothing on the wire that would close it."""
    after = [s for s in seen.statuses if raised_s is not None and float(str(s["now_s"])) > raised_s]
    commanded = {c.get("closed_commanded") for s in after for c in connectors_in(s, "2")}
    entries = [
        fault.get("locked_out")
        for fault in objects_in(after[-1] if after else {}, "faults")
        if (fault.get("code"), fault.get("subject")) == ("contactor_welded", "2")
    ]
    closing = 0 if raised_s is None else wire.charx_closing_writes(seen.trace, after_s=raised_s)
    wrong = {
        "no weld was raised": raised_s is None,
        "commanded closed": commanded != {False},
        "not locked out": entries != [True],
        f"starts answered {seen.weld_starts}": seen.weld_starts != [409, 409],
        f"{closing} closing writes": closing > 0,
    }
    return Check(
        name="weld_locked_out",
        ok=not any(wrong.values()),
        measured=", ".join(what for what, is_so in wrong.items() if is_so) or "open",
        expected="open, locked out, starts refused, no closing write",
        unit="",
    )
