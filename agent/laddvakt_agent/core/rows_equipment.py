"""Fault rows about the equipment: meter, devices, lines, board, emergency stop.

`ranges` says what the configuration may change.
"""

from __future__ import annotations

from types import MappingProxyType

from laddvakt_agent.core.rules import Act, FaultRule, Recovery, Severity, SubjectKind

HOUR_S = 3600.0
DAY_S = 86400.0

EQUIPMENT_ROWS: tuple[FaultRule, ...] = (
    FaultRule(
        code="meter_lost",
        subject_kind=SubjectKind.DEVICE,
        severity=Severity.FAULT,
        reported=False,
        confirm_s=10.0,
        clear_s=0.0,
        stages=(
            (0.0, Act.FINISH),
            (60.0, Act.RAMP),
        ),
        recovery=Recovery.AUTO,
        retries=6,
        window_s=HOUR_S,
        backoff_s=10.0,
        ranges=MappingProxyType(
            {
                "confirm_s": (2.0, 60.0),
                "backoff_s": (1.0, 600.0),
                "retries": (0.0, 6.0),
                "window_s": (3600.0, 86400.0),
                "ramp_after_s": (0.0, 300.0),
            }
        ),
        mrec=None,
        ocpp16="PowerMeterFailure",
        who="S",
        title="Energy meter does not answer",
    ),
    FaultRule(
        code="meter_frozen",
        subject_kind=SubjectKind.DEVICE,
        severity=Severity.FAULT,
        reported=False,
        confirm_s=60.0,
        clear_s=10.0,
        stages=((0.0, Act.RAMP),),
        recovery=Recovery.AUTO,
        retries=3,
        window_s=DAY_S,
        backoff_s=300.0,
        ranges=MappingProxyType(
            {
                "confirm_s": (10.0, 600.0),
                "clear_s": (5.0, 600.0),
                "backoff_s": (10.0, 3600.0),
                "retries": (0.0, 3.0),
                "window_s": (3600.0, 86400.0),
            }
        ),
        mrec=None,
        ocpp16="PowerMeterFailure",
        who="S",
        title="Energy meter repeats itself under load",
    ),
    FaultRule(
        code="device_lost",
        subject_kind=SubjectKind.DEVICE,
        severity=Severity.FAULT,
        reported=False,
        confirm_s=3.0,
        clear_s=3.0,
        stages=((0.0, Act.TRIP),),
        recovery=Recovery.AUTO,
        act_by_role=(("residual_monitor", Act.RAMP), ("emergency_stop", Act.RAMP)),
        ranges=MappingProxyType({"confirm_s": (1.0, 5.0), "clear_s": (1.0, 60.0)}),
        mrec=None,
        ocpp16="InternalError",
        who="S",
        title="A device that guards the charger does not answer",
    ),
    FaultRule(
        code="bus_down",
        subject_kind=SubjectKind.LINE,
        severity=Severity.FAULT,
        reported=False,
        confirm_s=3.0,
        clear_s=3.0,
        stages=((0.0, Act.RAMP),),
        recovery=Recovery.AUTO,
        ranges=MappingProxyType({"confirm_s": (1.0, 5.0), "clear_s": (1.0, 60.0)}),
        mrec=None,
        ocpp16="InternalError",
        who="S",
        title="A line to the devices is down",
    ),
    FaultRule(
        code="emergency_stop",
        subject_kind=SubjectKind.STATION,
        severity=Severity.SAFETY,
        reported=True,
        confirm_s=0.0,
        clear_s=5.0,
        stages=((0.0, Act.TRIP),),
        recovery=Recovery.LOCAL,
        ends_session=True,
        ranges=MappingProxyType({"clear_s": (1.0, 60.0)}),
        mrec="CX008",
        ocpp16="OtherError",
        who="U",
        title="Emergency stop pressed",
    ),
    FaultRule(
        code="board_error",
        subject_kind=SubjectKind.CONNECTOR,
        severity=Severity.FAULT,
        reported=True,
        confirm_s=0.0,
        clear_s=30.0,
        stages=((0.0, Act.TRIP),),
        recovery=Recovery.AUTO,
        retries=3,
        window_s=HOUR_S,
        backoff_s=300.0,
        ranges=MappingProxyType(
            {
                "clear_s": (5.0, 600.0),
                "backoff_s": (10.0, 3600.0),
                "retries": (0.0, 3.0),
                "window_s": (3600.0, 86400.0),
            }
        ),
        mrec=None,
        ocpp16="InternalError",
        who="S",
        title="The pilot board reports an error",
    ),
    FaultRule(
        code="limit_not_obeyed",
        subject_kind=SubjectKind.CONNECTOR,
        severity=Severity.FAULT,
        reported=False,
        confirm_s=3.0,
        clear_s=3.0,
        stages=((0.0, Act.RAMP),),
        recovery=Recovery.AUTO,
        retries=3,
        window_s=HOUR_S,
        backoff_s=60.0,
        ranges=MappingProxyType(
            {
                "confirm_s": (1.0, 30.0),
                "clear_s": (1.0, 60.0),
                "backoff_s": (10.0, 600.0),
                "retries": (0.0, 3.0),
                "window_s": (3600.0, 86400.0),
            }
        ),
        mrec=None,
        ocpp16="InternalError",
        who="S",
        title="The board offers more current than it was told",
    ),
    FaultRule(
        code="unguarded_board",
        subject_kind=SubjectKind.CONNECTOR,
        severity=Severity.WARNING,
        reported=False,
        confirm_s=5.0,
        clear_s=0.0,
        stages=((0.0, Act.FINISH),),
        recovery=Recovery.SERVICE,
        lockout=Recovery.SERVICE,
        ranges=MappingProxyType({"confirm_s": (2.0, 60.0)}),
        mrec=None,
        ocpp16=None,
        who="S",
        title="Nothing opens the contactor if the agent dies",
    ),
)
