"""Fault rows about the lines: down, a device silent, noisy, two devices at one address."""

from __future__ import annotations

from laddvakt_agent.core.faults.row_words import limits, values
from laddvakt_agent.core.faults.rules import Act, FaultRule, How, Recovery, Severity, SubjectKind

_OWN_WAY = "the reply that ends it also proves that the hardware can be led again"

LINES_ROWS: tuple[FaultRule, ...] = (
    FaultRule(  # longer than 5 s nobody would know what the hardware does
        code="bus_down",
        subject_kind=SubjectKind.LINE,
        severity=Severity.FAULT,
        how=How.INFERRED,
        confirm_s=3.0,
        clear_s=3.0,
        stages=((0.0, Act.RAMP),),
        recovery=Recovery.AUTO,
        why_unlimited=_OWN_WAY,
        ranges=limits(confirm_s=(1.0, 5.0), clear_s=(1.0, 60.0)),
        ocpp16="InternalError",
        who="S",
    ),
    FaultRule(  # a silent meter is `meter_lost`, with the times of that row
        code="device_lost",
        subject_kind=SubjectKind.DEVICE,
        severity=Severity.FAULT,
        how=How.INFERRED,
        confirm_s=3.0,
        clear_s=3.0,
        stages=((0.0, Act.TRIP),),
        recovery=Recovery.AUTO,
        act_by_role=(("residual_monitor", Act.RAMP), ("emergency_stop", Act.RAMP)),
        why_unlimited=_OWN_WAY,
        ranges=limits(confirm_s=(1.0, 5.0), clear_s=(1.0, 60.0)),
        ocpp16="InternalError",
        who="S",
    ),
    FaultRule(  # the share of bad replies over the last confirm_s
        code="bus_noisy",
        subject_kind=SubjectKind.LINE,
        severity=Severity.WARNING,
        how=How.INFERRED,
        confirm_s=300.0,
        clear_s=1800.0,
        stages=((0.0, Act.NONE),),
        recovery=Recovery.AUTO,
        values=values(error_share=0.02),
        ranges=limits(confirm_s=(60.0, 3600.0), clear_s=(60.0, 86400.0), error_share=(0.005, 0.20)),
        who="S",
    ),
    FaultRule(
        code="two_devices_one_address",
        subject_kind=SubjectKind.DEVICE,
        severity=Severity.FAULT,
        how=How.INFERRED,
        confirm_s=10.0,
        clear_s=0.0,
        stages=((0.0, Act.RAMP),),
        recovery=Recovery.MANUAL,
        ranges=limits(confirm_s=(3.0, 60.0)),
        ocpp16="InternalError",
        who="S",
    ),
)
