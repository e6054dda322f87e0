"""What the demo promises of the bills: one for each ended session, with the meter's own delta."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from laddvakt_agent.demo import wire
from laddvakt_agent.demo.check import Check, equal
from laddvakt_agent.demo.stage import JsonObject
from laddvakt_agent.demo.watch import Seen

SESSIONS = ("first", "second", "third")  # of connector 1; a fourth still runs at the end
CDR_STEP_WH = 0.1  # four decimals of a kWh
CHARX_STEP_WH = 1.0
CHARX_UPDATE_S = 1.0  # how often the meter behind connector 2's board renews its registers


def billing(seen: Seen) -> Iterator[Check]:
    """One CDR for each ended session; a missing one fails its energy too."""
    cdrs = _cdrs(seen)
    most = Counter(str(cdr.get("session_id")) for cdr in cdrs).most_common(1)
    yield equal("cdrs_received", len(cdrs), len(SESSIONS) + 1, "CDRs")
    yield equal("cdrs_per_session", most[0][1] if most else 0, 1, "CDRs at most")
    billed = [_billed_wh(cdr) for cdr in cdrs if _evse_of(cdr) == "DEMO1-1"]
    for number, which in enumerate(SESSIONS):
        start_wh, end_wh = seen.times[f"{which}_start_wh"], seen.times[f"{which}_end_wh"]
        yield _energy(
            f"cdr_energy_{which}",
            billed[number] if number < len(billed) else None,
            end_wh - start_wh,
            1e3 * wire.float32_step(end_wh / 1e3) + CDR_STEP_WH,
        )
    yield _welded(seen, cdrs)


def _welded(seen: Seen, cdrs: list[JsonObject]) -> Check:
    """Billing stops at the open command, although the weld lets current flow on."""
    opened = wire.charx_open_command(seen.trace, after_s=seen.times["weld_injected_s"])
    end_wh = wire.charx_register_wh(seen.trace, before_s=opened.first_s) if opened else None
    billed = [_billed_wh(cdr) for cdr in cdrs if _evse_of(cdr) == "DEMO1-2"]
    return _energy(
        "cdr_energy_welded",
        billed[0] if billed else None,
        None if end_wh is None else end_wh - seen.times["welded_start_wh"],
        CHARX_STEP_WH + seen.times["welded_power_w"] * CHARX_UPDATE_S / 3600,
    )


def _energy(
    name: str, billed_wh: float | None, delta_wh: float | None, tolerance_wh: float
) -> Check:
    near = (
        billed_wh is not None
        and delta_wh is not None
        and billed_wh > 1
        and abs(billed_wh - delta_wh) <= tolerance_wh
    )
    return Check(
        name=name,
        ok=near,
        measured=billed_wh,
        expected="a register value" if delta_wh is None else f"{delta_wh:.2f} ± {tolerance_wh:.2f}",
        unit="Wh",
    )


def _cdrs(seen: Seen) -> list[JsonObject]:
    found = [
        r.get("body")
        for r in seen.received
        if r.get("module") == "cdrs" and r.get("status_code") == 1000
    ]
    return [body for body in found if isinstance(body, dict)]


def _billed_wh(cdr: JsonObject) -> float:
    return 1e3 * float(str(cdr["total_energy"]))


def _evse_of(cdr: JsonObject) -> str:
    location = cdr.get("cdr_location")
    return str(location.get("evse_uid")) if isinstance(location, dict) else ""
