"""What the detectors of the equipment say alike: a contact that reports, thresholds by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from laddvakt_agent.core.faults.catalogue import rule_for
from laddvakt_agent.core.freshness import fresh
from laddvakt_agent.core.inputs import Inputs, Sample
from laddvakt_agent.core.recover.tracks import Finding
from laddvakt_agent.core.scene import AWAY, UNKNOWN, Scene


def contact(
    read: Callable[[Inputs], Sample[bool] | None], evidence: str
) -> Callable[[Scene], Finding]:
    """A detector that believes a fresh contact; `read` picks it, True meaning the fault."""
    seen = Finding(present=True, evidence=evidence)

    def look(s: Scene) -> Finding:
        said = fresh(read(s.inputs), s.settings.sample_max_age_s, s.now_s)
        if said is None:
            return UNKNOWN
        return seen if said else AWAY

    return look


def values(s: Scene, code: str) -> Mapping[str, float]:
    """The thresholds of this fault, as configured."""
    return rule_for(s.settings.rules, code).values


def since(at_s: float, now_s: float) -> float | None:
    """A time somebody else names, when it can be one: finite and not ahead; else `None`."""
    return at_s if math.isfinite(at_s) and at_s <= now_s else None
