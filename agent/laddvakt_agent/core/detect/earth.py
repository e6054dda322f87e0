"""What a leak to earth, a missing earth and a monitor that cannot be trusted look like."""

from __future__ import annotations

from collections.abc import Iterator

from laddvakt_agent.core.detect.words import contact, values
from laddvakt_agent.core.freshness import fresh, number, numbers
from laddvakt_agent.core.inputs import SelfTest
from laddvakt_agent.core.recover.tracks import Finding
from laddvakt_agent.core.scene import AWAY, UNKNOWN, Detector, Scene, of_connector
from laddvakt_agent.core.settings import Settings, Supply


def residual_current_dc(s: Scene) -> Finding:
    """The monitor's own alarm: of direct current, or of what it does not say."""
    age_s = s.settings.sample_max_age_s
    tripped = fresh(s.inputs.residual_tripped, age_s, s.now_s)
    if not tripped:
        return UNKNOWN if tripped is None else AWAY
    dc_a = number(fresh(s.inputs.residual_dc_a, age_s, s.now_s))
    return Finding(present=True, evidence=_shown(dc_a, "DC"))


def residual_current_ac(s: Scene) -> Finding:
    """The monitor's own alarm of alternating current."""
    age_s = s.settings.sample_max_age_s
    tripped = fresh(s.inputs.residual_ac_tripped, age_s, s.now_s)
    if not tripped:
        return UNKNOWN if tripped is None else AWAY
    ac_a = number(fresh(s.inputs.residual_ac_a, age_s, s.now_s))
    return Finding(present=True, evidence=_shown(ac_a, "AC"))


def residual_monitor_failed(s: Scene) -> Finding:
    """Its last test went wrong. Before the first one nobody knows."""
    ended = s.tests.outcome(SelfTest.RESIDUAL)
    if ended is None:
        return UNKNOWN
    if ended.passed:
        return AWAY
    return Finding(present=True, evidence=f"self-test failed: {ended.detail or 'no detail given'}")


def self_test_overdue(s: Scene) -> Finding:
    """The last test is too long ago; it can be made only while nobody is plugged in."""
    tested_s, overdue_s = _tested_s(s), values(s, "self_test_overdue")["overdue_s"]
    if tested_s is None or s.now_s < tested_s + overdue_s:
        return AWAY
    if s.life.session or s.life.plugged:
        return UNKNOWN
    hours = (s.now_s - tested_s) / 3600.0
    return Finding(present=True, evidence=f"last test {hours:.1f} h ago, due after 24 h")


def it_earth_fault(s: Scene) -> Finding:
    """The insulation monitor says so, or one phase lies at earth and the others rise."""
    fault = fresh(s.inputs.insulation_fault, s.settings.sample_max_age_s, s.now_s)
    if fault:
        return Finding(present=True, evidence="the insulation monitor reports an earth fault")
    volts_v = numbers(fresh(s.inputs.earth_voltage_v, s.settings.meter_max_age_s, s.now_s))
    rule = values(s, "it_earth_fault")
    if len(volts_v) == 3:
        lowest_v, *others_v = sorted(volts_v)
        if lowest_v < rule["low_v"] and others_v[0] > rule["high_v"]:
            shown = f"{lowest_v:.0f} V from one phase to earth, {others_v[0]:.0f} V from the others"
            return Finding(present=True, evidence=shown)
        return AWAY if fault is False or "insulation_fault" not in s.settings.fitted else UNKNOWN
    return AWAY if fault is False and "earth_voltage_v" not in s.settings.fitted else UNKNOWN


def _shown(amps: float | None, kind: str) -> str:
    return "monitor tripped" if amps is None else f"monitor tripped at {amps * 1000:.1f} mA {kind}"


def _tested_s(s: Scene) -> float | None:
    """When it was last tested; before the first test, when the agent started."""
    ended = s.tests.outcome(SelfTest.RESIDUAL)
    return s.memory.power.grid.started_s if ended is None else ended.at_s


def _overdue_due_s(s: Scene) -> Iterator[float]:
    tested_s = _tested_s(s)
    if tested_s is not None:
        yield tested_s + values(s, "self_test_overdue")["overdue_s"]


def _monitored(settings: Settings) -> bool:
    return settings.has_residual_monitor


def _tested(settings: Settings) -> bool:
    return settings.has_residual_monitor and settings.has_residual_test


def _watches_insulation(settings: Settings) -> bool:
    known = {"insulation_fault", "earth_voltage_v"} & settings.fitted
    return bool(known) and settings.supply is Supply.IT_3X230


DETECTORS: tuple[Detector, ...] = (
    Detector(
        code="residual_current_dc",
        subject=of_connector,
        needs=("residual_tripped",),
        also=("residual_dc_a",),
        look=residual_current_dc,
        fitted=_monitored,
    ),
    Detector(
        code="residual_current_ac",
        subject=of_connector,
        needs=("residual_ac_tripped",),
        also=("residual_ac_a",),
        look=residual_current_ac,
    ),
    Detector(
        code="residual_monitor_failed",
        subject=of_connector,
        needs=(),
        also=("tests",),
        look=residual_monitor_failed,
        fitted=_tested,
    ),
    Detector(
        code="self_test_overdue",
        subject=of_connector,
        needs=(),
        also=("tests",),
        look=self_test_overdue,
        fitted=_tested,
        due_s=_overdue_due_s,
    ),
    # Voltage methods misjudge IT and TT: only what measures the earth itself is believed.
    Detector(
        code="protective_earth_missing",
        subject=of_connector,
        needs=("earth_missing",),
        look=contact(lambda inputs: inputs.earth_missing, "the protective earth is missing"),
    ),
    Detector(
        code="it_earth_fault",
        subject=of_connector,
        needs=(),
        also=("insulation_fault", "earth_voltage_v"),
        look=it_earth_fault,
        fitted=_watches_insulation,
    ),
)
