"""What the status says of the disk: what was written, what lies there, what had to go."""

from __future__ import annotations

from laddvakt_agent.ledger.quota import RELIEF_BYTES
from laddvakt_agent.telemetry.figures import written_bytes
from laddvakt_agent.telemetry.recorder import Telemetry

JsonObject = dict[str, object]
BUDGET_PER_DAY_BYTES = 20_000_000


def storage(telemetry: Telemetry, now_s: float) -> JsonObject:
    """For `laddvakt status --json`; `None` where it is not known yet."""
    use, per_day = telemetry.use, telemetry.own.written_per_day(now_s)
    told: JsonObject = {
        "written_bytes": written_bytes(),
        "written_since_s": round(now_s - telemetry.started_s, 1),
        "written_per_day_bytes": per_day,
        "budget_per_day_bytes": BUDGET_PER_DAY_BYTES,
        "over_budget": per_day is not None and per_day > BUDGET_PER_DAY_BYTES,
        "telemetry_refused": telemetry.failing,
        "dropped": dict(telemetry.keeping.dropped),
    }
    if use is None:
        return told
    return told | {
        "ledger_bytes": use.ledger,
        "ledger_free_bytes": use.ledger_free,
        "telemetry_bytes": use.telemetry,
        "set_aside_bytes": use.aside,
        "used_bytes": use.total,
        "quota_bytes": use.quota,
        "free_bytes": use.disk_free,
        "headroom_bytes": use.headroom,
        "over_quota": use.over > RELIEF_BYTES,  # by more than the next sweep makes good
        "short_of_headroom": use.short > 0,
    }
