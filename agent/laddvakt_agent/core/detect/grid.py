"""What a supply that is not as it should be looks like: voltage, phases, neutral, frequency.

Only wired and active pairs are judged. Behind an open or only just closed contactor nothing of the
supply can be seen; that counts as not applicable. Where a fault has several thresholds with times
of their own, the memory keeps since when each is passed, and the row's confirm time is zero.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from laddvakt_agent.core.detect.words import values
from laddvakt_agent.core.faults.catalogue import rule_for
from laddvakt_agent.core.faults.rules import Act
from laddvakt_agent.core.freshness import fresh, number, numbers
from laddvakt_agent.core.memory.grid import COLD_SHOWN_S
from laddvakt_agent.core.memory.runs import lasted
from laddvakt_agent.core.recover.tracks import Finding
from laddvakt_agent.core.scene import AWAY, UNKNOWN, Detector, Scene, of_connector
from laddvakt_agent.core.settings import Settings, Supply

_TENFOLD_HZ = 400.0  # some meters give tenths of a hertz
_NO_SUPPLY_HZ = 1.0  # … and none where there is nothing to measure
_BETWEEN = Finding(present=None, act=Act.DERATE)  # neither low nor well: what stands goes on


def neutral_lost(s: Scene) -> Finding:
    """One pair far up while another is far down; on one phase, where asked for, far off."""
    now = s.memory.power.now
    if now.blind:
        return AWAY
    if not now.volts_v:
        return UNKNOWN
    if s.settings.phases == 1:
        return _pen_open(s, now.volts_v[0])
    if _pulled_apart(s, now.volts_v):
        lowest_v, highest_v = min(now.volts_v), max(now.volts_v)
        return Finding(
            present=True, evidence=f"lowest {lowest_v:.0f} V, highest {highest_v:.0f} V at once"
        )
    return AWAY if now.whole_v else UNKNOWN


def _pulled_apart(s: Scene, volts_v: tuple[float, ...]) -> bool:
    """One pair far up, another far down: where three phases share a neutral, it is off."""
    if s.settings.supply is not Supply.TN_TT_230_400 or s.settings.phases == 1:
        return False
    rule = values(s, "neutral_lost")
    return max(volts_v) > rule["high_v"] and min(volts_v) < rule["low_v"]


def over_voltage(s: Scene) -> Finding:
    """A pair is too high for long, or far too high."""
    now, grid = s.memory.power.now, s.memory.power.grid
    if now.blind:
        return AWAY
    if grid.high_since_s is None and grid.gross_since_s is None:
        return AWAY if now.whole_v else UNKNOWN
    if _pulled_apart(s, now.volts_v):
        return UNKNOWN  # the lost neutral's to say: an offer withdrawn would hide what shows it
    rule = values(s, "over_voltage")
    shares = (
        (grid.gross_since_s, rule["gross_s"], rule["gross_share"]),
        (grid.high_since_s, rule["high_s"], rule["high_share"]),
    )
    for since_s, for_s, share in shares:
        if lasted(since_s, for_s, s.now_s):
            most_v = share * s.settings.nominal_voltage_v
            shown = f"{max(now.volts_v):.0f} V, above {most_v:.0f} V for {for_s:g} s"
            return Finding(present=True, since_s=since_s, evidence=shown)
    return UNKNOWN


def under_voltage(s: Scene) -> Finding:
    """A pair is low: first less is drawn, which may lift it; deep or for long, nothing is."""
    now, grid = s.memory.power.now, s.memory.power.grid
    if now.blind:
        return AWAY
    if not now.volts_v or _gone(s):
        return UNKNOWN  # what is missing altogether is not low
    rule, nominal_v = values(s, "under_voltage"), s.settings.nominal_voltage_v
    if min(now.volts_v) >= rule["clear_share"] * nominal_v:
        return AWAY if now.whole_v else UNKNOWN
    deep = lasted(grid.deep_since_s, rule["deep_s"], s.now_s)
    if not deep and not lasted(grid.low_since_s, rule["low_s"], s.now_s):
        return _BETWEEN
    long = lasted(grid.low_since_s, rule["low_s"] + _ramp_after_s(s), s.now_s)
    share = rule["deep_share"] if deep else rule["low_share"]
    return Finding(
        present=True,
        since_s=grid.low_since_s,
        act=Act.RAMP if deep or long else Act.DERATE,
        limit_a=rule["floor_a"],
        evidence=f"{min(now.volts_v):.0f} V, allowed {share * nominal_v:.0f} V",
    )


def phase_lost(s: Scene) -> Finding:
    """One wired pair is gone while another is well; on 3×230 also: they lie far apart."""
    now = s.memory.power.now
    if now.blind:
        return AWAY
    if not now.volts_v:
        return UNKNOWN
    if _lost(s):
        lowest_v, highest_v = min(now.volts_v), max(now.volts_v)
        return Finding(present=True, evidence=f"lowest {lowest_v:.0f} V, highest {highest_v:.0f} V")
    return AWAY if now.whole_v else UNKNOWN


def power_lost(s: Scene) -> Finding:
    """Every pair is dead, the supply says it is going, or it had gone before the start."""
    now, cold_s = s.memory.power.now, s.memory.power.grid.cold_s
    if cold_s is not None and s.now_s < cold_s + COLD_SHOWN_S:
        return Finding(present=True, evidence="every device had just started, as after an outage")
    if fresh(s.inputs.brown_out, s.settings.sample_max_age_s, s.now_s):
        return Finding(present=True, evidence="the supply says that it is about to go")
    highest_v = max(now.volts_v, default=0.0)
    if now.blind or highest_v >= values(s, "power_lost")["dead_v"]:
        return AWAY
    if not now.volts_v or not now.whole_v:
        return UNKNOWN
    return Finding(present=True, evidence=f"highest voltage {highest_v:.0f} V")


def upstream_protection_tripped(s: Scene) -> Finding:
    """The line died right after what trips a breaker, and the site goes on."""
    now, grid = s.memory.power.now, s.memory.power.grid
    if not grid.tripped:
        return AWAY if now.volts_v else UNKNOWN
    alive = _site_alive(s)
    if alive is None or not now.volts_v:
        return UNKNOWN
    if not alive:
        return AWAY  # the whole site is dark: no breaker of this line
    return Finding(
        present=True,
        since_s=grid.dead_since_s,
        evidence=f"line at {max(now.volts_v):.0f} V right after a trip, the site is alive",
    )


def frequency_out_of_range(s: Scene) -> Finding:
    """The grid runs too slow or too fast."""
    hertz = number(fresh(s.inputs.frequency_hz, s.settings.meter_max_age_s, s.now_s))
    if hertz is None or hertz < _NO_SUPPLY_HZ:
        return UNKNOWN
    if hertz > _TENFOLD_HZ:
        hertz /= 10.0
    rule = values(s, "frequency_out_of_range")
    if rule["low_hz"] <= hertz <= rule["high_hz"]:
        return AWAY
    shown = f"{hertz:.2f} Hz, allowed {rule['low_hz']:g}–{rule['high_hz']:g} Hz"
    return Finding(present=True, evidence=shown)


def _pen_open(s: Scene, volts: float) -> Finding:
    rule, since_s = values(s, "neutral_lost"), s.memory.power.grid.outside_since_s
    if since_s is None:
        return AWAY
    if not lasted(since_s, rule["pen_s"], s.now_s):
        return UNKNOWN
    shown = f"{volts:.0f} V, with a sound neutral {rule['pen_low_v']:g}–{rule['pen_high_v']:g} V"
    return Finding(present=True, since_s=since_s, evidence=shown)


def _gone(s: Scene) -> bool:
    """A pair is missing, or all of them: other faults say so."""
    dead_v = values(s, "power_lost")["dead_v"]
    return max(s.memory.power.now.volts_v) < dead_v or (s.settings.phases > 1 and _lost(s))


def _lost(s: Scene) -> bool:
    volts_v, rule = s.memory.power.now.volts_v, values(s, "phase_lost")
    lowest, highest = (v / s.settings.nominal_voltage_v for v in (min(volts_v), max(volts_v)))
    if lowest < rule["lost_share"] and highest >= rule["alive_share"]:
        return True
    apart = s.settings.supply is Supply.IT_3X230 and highest - lowest > rule["difference_share"]
    return apart and highest >= rule["alive_share"]


def _ramp_after_s(s: Scene) -> float:
    stages = rule_for(s.settings.rules, "under_voltage").stages
    return next((after_s for after_s, act in stages if act is Act.RAMP), math.inf)


def _site_alive(s: Scene) -> bool | None:
    """The site's own meter has seen voltage, or at least answered, since the line died."""
    age_s, died_s = s.settings.site_max_age_s, s.memory.power.grid.dead_since_s or 0.0
    samples = (s.inputs.site_voltage_v, s.inputs.site_current_a)
    volts, amps = (fresh(x, age_s, s.now_s) if x and x.taken_s >= died_s else None for x in samples)
    volts_v = numbers(volts)
    if volts_v:
        return max(volts_v) > 0.5 * s.settings.nominal_voltage_v
    return None if amps is None else True


def _pen_due_s(s: Scene) -> Iterator[float]:
    since_s = s.memory.power.grid.outside_since_s
    if since_s is not None:
        yield since_s + values(s, "neutral_lost")["pen_s"]


def _high_due_s(s: Scene) -> Iterator[float]:
    grid, rule = s.memory.power.grid, values(s, "over_voltage")
    if grid.high_since_s is not None:
        yield grid.high_since_s + rule["high_s"]
    if grid.gross_since_s is not None:
        yield grid.gross_since_s + rule["gross_s"]


def _low_due_s(s: Scene) -> Iterator[float]:
    grid, rule = s.memory.power.grid, values(s, "under_voltage")
    if grid.low_since_s is not None:
        yield grid.low_since_s + rule["low_s"]
        yield grid.low_since_s + rule["low_s"] + _ramp_after_s(s)
    if grid.deep_since_s is not None:
        yield grid.deep_since_s + rule["deep_s"]


def _cold_due_s(s: Scene) -> Iterator[float]:
    cold_s = s.memory.power.grid.cold_s
    if cold_s is not None:
        yield cold_s + COLD_SHOWN_S


def _has_neutral(settings: Settings) -> bool:
    if settings.supply is Supply.IT_3X230:
        return False
    rule = rule_for(settings.rules, "neutral_lost").values
    return settings.phases > 1 or rule["open_pen"] > 0.0


def _sees_site(settings: Settings) -> bool:
    known = {"site_voltage_v", "site_current_a"} & settings.fitted
    return bool(known) and not settings.voltage_load_side


DETECTORS: tuple[Detector, ...] = (
    Detector(
        code="power_lost",
        subject=of_connector,
        needs=("voltage_v",),
        also=("brown_out", "board_uptime_s"),
        look=power_lost,
        due_s=_cold_due_s,
    ),
    Detector(
        code="phase_lost",
        subject=of_connector,
        needs=("voltage_v",),
        look=phase_lost,
        fitted=lambda settings: settings.phases > 1,
    ),
    Detector(
        code="neutral_lost",
        subject=of_connector,
        needs=("voltage_v",),
        look=neutral_lost,
        fitted=_has_neutral,
        due_s=_pen_due_s,
    ),
    Detector(
        code="over_voltage",
        subject=of_connector,
        needs=("voltage_v",),
        look=over_voltage,
        due_s=_high_due_s,
    ),
    Detector(
        code="under_voltage",
        subject=of_connector,
        needs=("voltage_v",),
        look=under_voltage,
        due_s=_low_due_s,
    ),
    Detector(
        code="upstream_protection_tripped",
        subject=of_connector,
        needs=("voltage_v",),
        also=(
            "site_voltage_v",
            "site_current_a",
            "current_a",
            "feedback_closed",
            "residual_tripped",
            "residual_ac_tripped",
        ),
        look=upstream_protection_tripped,
        fitted=_sees_site,
    ),
    Detector(
        code="frequency_out_of_range",
        subject=of_connector,
        needs=("frequency_hz",),
        look=frequency_out_of_range,
    ),
)
