"""Fault rows about the site: its limit, its meter, its phases."""

from __future__ import annotations

from laddvakt_agent.core.faults.row_words import HOUR_S, budget, limits, values
from laddvakt_agent.core.faults.rules import Act, FaultRule, How, Recovery, Severity, SubjectKind

SITE_ROWS: tuple[FaultRule, ...] = (
    FaultRule(
        code="site_overload",
        subject_kind=SubjectKind.STATION,
        severity=Severity.FAULT,
        how=How.INFERRED,
        confirm_s=10.0,
        clear_s=300.0,
        stages=((0.0, Act.RAMP),),
        recovery=Recovery.AUTO,
        retries=6,
        window_s=HOUR_S,
        backoff_s=300.0,
        spread_s=120.0,
        # A connector offering no more than min_a has nothing left to give but to stop; each waits
        # stagger_s longer than the one before it in `shed_order`.
        values=values(min_a=6.0, stagger_s=15.0),
        ranges=limits(
            min_a=(6.0, 10.0),
            stagger_s=(10.0, 60.0),
            confirm_s=(1.0, 30.0),
            clear_s=(30.0, 1800.0),
            backoff_s=(60.0, 3600.0),
            **budget(6, HOUR_S),
            spread_s=(0.0, 600.0),
        ),
        ocpp16="OtherError",
        who="G O",
    ),
    FaultRule(
        code="load_limit_unknown",
        subject_kind=SubjectKind.STATION,
        severity=Severity.WARNING,
        how=How.INFERRED,
        confirm_s=10.0,
        clear_s=0.0,
        stages=((0.0, Act.DERATE),),
        recovery=Recovery.AUTO,
        values=values(safe_a=6.0),
        ranges=limits(confirm_s=(2.0, 60.0), clear_s=(0.0, 600.0), safe_a=(6.0, 32.0)),
        who="S",
    ),
    FaultRule(
        code="phase_map_wrong",
        subject_kind=SubjectKind.CONNECTOR,
        severity=Severity.WARNING,
        how=How.INFERRED,
        confirm_s=0.0,
        clear_s=0.0,
        stages=((0.0, Act.DERATE),),
        recovery=Recovery.MANUAL,
        values=values(step_a=8.0, steps_count=3.0),
        ranges=limits(step_a=(4.0, 16.0), steps_count=(2.0, 10.0)),
        ocpp16="OtherError",
        who="O",
    ),
)
