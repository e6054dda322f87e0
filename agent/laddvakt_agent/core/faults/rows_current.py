"""Fault rows about current: more than offered, on the neutral, uneven, or where none may flow."""

from __future__ import annotations

from laddvakt_agent.core.faults.row_words import HOUR_S, budget, limits, values
from laddvakt_agent.core.faults.rules import Act, FaultRule, How, Recovery, Severity, SubjectKind
from laddvakt_agent.core.inputs import SelfTest

CURRENT_ROWS: tuple[FaultRule, ...] = (
    FaultRule(  # the cable and its fuse bear 10 % for long: seconds decide here, not tenths
        code="over_current",
        subject_kind=SubjectKind.CONNECTOR,
        severity=Severity.FAULT,
        how=How.BOTH,
        confirm_s=7.0,
        clear_s=30.0,
        stages=((0.0, Act.RAMP),),
        recovery=Recovery.AUTO,
        retries=3,
        window_s=HOUR_S,
        backoff_s=300.0,
        # The vehicle's, as far as one vehicle can tell: a lock-out goes with it. Within the window
        # the next one finds the budget spent as well.
        lockout=Recovery.UNPLUG,
        values=values(margin_a=0.5, ratio=1.10, follow_s=5.0),
        ranges=limits(
            confirm_s=(5.0, 30.0),
            clear_s=(5.0, 600.0),
            backoff_s=(30.0, 3600.0),
            **budget(3, HOUR_S),
            margin_a=(0.1, 1.0),
            ratio=(1.02, 1.15),
            follow_s=(5.0, 8.0),  # IEC 61851-1 gives a vehicle 5 s to follow
        ),
        mrec="CX004",
        ocpp16="OverCurrentFailure",
        who="V S",
    ),
    FaultRule(  # no range lets it wait longer or bear more than a breaker of class B would
        code="over_current_gross",
        subject_kind=SubjectKind.CONNECTOR,
        severity=Severity.SAFETY,
        how=How.INFERRED,
        confirm_s=1.0,
        clear_s=60.0,
        stages=((0.0, Act.TRIP),),
        recovery=Recovery.UNPLUG,
        ends_session=True,
        values=values(gross_ratio=1.5, gross_margin_a=6.0, samples_count=2.0),
        ranges=limits(
            confirm_s=(0.2, 3.0),
            clear_s=(10.0, 600.0),
            gross_ratio=(1.25, 1.5),
            gross_margin_a=(2.0, 6.0),
            samples_count=(2.0, 3.0),
        ),
        mrec="CX004",
        ocpp16="OverCurrentFailure",
        who="V S",
    ),
    FaultRule(
        code="neutral_overloaded",
        subject_kind=SubjectKind.CONNECTOR,
        severity=Severity.WARNING,
        how=How.INFERRED,
        confirm_s=10.0,
        clear_s=60.0,
        stages=((0.0, Act.DERATE),),
        recovery=Recovery.AUTO,
        values=values(rated_share=1.0),  # of the connector's highest current
        ranges=limits(confirm_s=(2.0, 30.0), clear_s=(5.0, 1800.0), rated_share=(0.5, 1.0)),
        ocpp16="OtherError",
        who="G S",
    ),
    FaultRule(  # national: 20 A in Germany (VDE-AR-N 4100); 80 A stands for no limit at all
        code="phase_unbalance",
        subject_kind=SubjectKind.CONNECTOR,
        severity=Severity.WARNING,
        how=How.INFERRED,
        confirm_s=60.0,
        clear_s=60.0,
        stages=((0.0, Act.DERATE),),
        recovery=Recovery.AUTO,
        values=values(unbalance_a=80.0),
        ranges=limits(confirm_s=(5.0, 300.0), clear_s=(5.0, 1800.0), unbalance_a=(6.0, 80.0)),
        who="V O",
    ),
    FaultRule(
        code="unexpected_current",
        subject_kind=SubjectKind.CONNECTOR,
        severity=Severity.SAFETY,
        how=How.INFERRED,
        confirm_s=10.0,
        clear_s=0.0,
        stages=((0.0, Act.TRIP),),
        recovery=Recovery.SERVICE,
        lockout=Recovery.SERVICE,
        ends_session=True,
        values=values(current_a=1.0, samples_count=3.0),
        ranges=limits(confirm_s=(3.0, 15.0), current_a=(0.5, 2.0), samples_count=(2.0, 5.0)),
        tests=(SelfTest.OPEN,),
        mrec="CX017",
        ocpp16="PowerSwitchFailure",
        who="S",
    ),
)
