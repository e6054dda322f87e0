"""What too much current of the whole site looks like, and a site nobody measures any longer."""

from __future__ import annotations

from collections.abc import Iterator

from laddvakt_agent.core.detect.words import since, values
from laddvakt_agent.core.memory.service import site_current_a
from laddvakt_agent.core.recover.tracks import Finding
from laddvakt_agent.core.scene import AWAY, UNKNOWN, Detector, Scene, of_station
from laddvakt_agent.core.settings import Settings


def site_overload(s: Scene) -> Finding:
    """A site phase is over its limit, and this connector has nothing left to give but to stop.

    Each connector judges for itself by its own offer. They stop one after the other: who comes
    later in `shed_order` waits to see whether the first was enough. Over again only once there is
    room for the least a connector may offer.
    """
    settings, own_a = s.settings, s.life.limit_a
    limit_a, current_a = settings.site_limit_a, site_current_a(settings, s.inputs, s.now_s)
    if limit_a is None or current_a is None:
        return UNKNOWN
    limits, over_since_s = values(s, "site_overload"), s.memory.gear.service.over_since_s
    if over_since_s is None:
        room = own_a > 0.0 or current_a + limits["min_a"] <= limit_a
        return AWAY if room else UNKNOWN
    turn_s = over_since_s + settings.shed_order * limits["stagger_s"]
    if not 0.0 < own_a <= limits["min_a"] or s.now_s < turn_s:
        return UNKNOWN
    shown = f"site phase {current_a:.1f} A, limit {limit_a:g} A, own offer {own_a:g} A"
    return Finding(present=True, since_s=since(turn_s, s.now_s), evidence=shown)


def load_limit_unknown(s: Scene) -> Finding:
    """Load management is blind: the site's current is stale or was never read."""
    if site_current_a(s.settings, s.inputs, s.now_s) is not None:
        return AWAY
    sample, safe_a = s.inputs.site_current_a, s.settings.safe_current_a
    # A meter that answers without numbers is counted from when that was first seen.
    silent = sample is not None and s.now_s >= sample.taken_s + s.settings.site_max_age_s
    return Finding(
        present=True,
        since_s=since(sample.taken_s, s.now_s) if sample is not None and silent else None,
        limit_a=values(s, "load_limit_unknown")["safe_a"] if safe_a is None else safe_a,
        evidence="the site meter gives no current",
    )


def _stale_due_s(s: Scene) -> Iterator[float]:
    if s.inputs.site_current_a is not None:
        yield s.inputs.site_current_a.taken_s + s.settings.site_max_age_s


def _turn_due_s(s: Scene) -> Iterator[float]:
    over_since_s = s.memory.gear.service.over_since_s
    if over_since_s is not None:
        stagger_s = values(s, "site_overload")["stagger_s"]
        yield over_since_s + s.settings.shed_order * stagger_s


def _managed(settings: Settings) -> bool:
    return settings.site_limit_a is not None


DETECTORS: tuple[Detector, ...] = (
    Detector(
        code="site_overload",
        subject=of_station,
        needs=("site_current_a",),
        look=site_overload,
        fitted=_managed,
        due_s=_turn_due_s,
    ),
    Detector(
        code="load_limit_unknown",
        subject=of_station,
        needs=("site_current_a",),
        look=load_limit_unknown,
        fitted=_managed,
        due_s=_stale_due_s,
    ),
)
