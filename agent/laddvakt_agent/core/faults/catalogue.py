"""The fault catalogue as data: what each fault means, how long it is confirmed, what follows.

Defaults are starting points from public implementations, manuals and engineering judgement; each
time may be changed in the configuration within its range.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from laddvakt_agent.core.faults.overrides import OverrideError, Overrides, overridden
from laddvakt_agent.core.faults.rows_board import BOARD_ROWS
from laddvakt_agent.core.faults.rows_contactor import CONTACTOR_ROWS
from laddvakt_agent.core.faults.rows_current import CURRENT_ROWS
from laddvakt_agent.core.faults.rows_earth import EARTH_ROWS
from laddvakt_agent.core.faults.rows_grid import GRID_ROWS
from laddvakt_agent.core.faults.rows_heat import HEAT_ROWS
from laddvakt_agent.core.faults.rows_lines import LINES_ROWS
from laddvakt_agent.core.faults.rows_meter import METER_ROWS
from laddvakt_agent.core.faults.rows_service import SERVICE_ROWS
from laddvakt_agent.core.faults.rows_site import SITE_ROWS
from laddvakt_agent.core.faults.rows_vehicle import VEHICLE_ROWS
from laddvakt_agent.core.faults.rules import (
    Act,
    CauseClass,
    FaultRule,
    How,
    Recovery,
    SessionRule,
    Severity,
    SubjectKind,
)

__all__ = [
    "CATALOGUE",
    "Act",
    "CauseClass",
    "FaultRule",
    "How",
    "OverrideError",
    "Recovery",
    "SessionRule",
    "Severity",
    "SubjectKind",
    "rule_for",
    "with_overrides",
]

CATALOGUE: Mapping[str, FaultRule] = MappingProxyType(
    {
        row.code: row
        for rows in (
            EARTH_ROWS,
            GRID_ROWS,
            CURRENT_ROWS,
            CONTACTOR_ROWS,
            VEHICLE_ROWS,
            HEAT_ROWS,
            BOARD_ROWS,
            METER_ROWS,
            LINES_ROWS,
            SITE_ROWS,
            SERVICE_ROWS,
        )
        for row in rows
    }
)


def with_overrides(overrides: Overrides) -> Mapping[str, FaultRule]:
    """The catalogue with the configuration's changes.

    Raises:
        OverrideError: every unknown code or key and every value outside its range, all at once.
    """
    return overridden(CATALOGUE, overrides)


def rule_for(rules: Mapping[str, FaultRule], code: str) -> FaultRule:
    """The rule for `code`: configured, else the catalogue's, else one that only service can lift.

    A code nobody knows comes from a latch of another version; it must block, not vanish.
    """
    return rules.get(code) or CATALOGUE.get(code) or _unknown(code)


def _unknown(code: str) -> FaultRule:
    return FaultRule(
        code=code,
        subject_kind=SubjectKind.CONNECTOR,
        severity=Severity.SAFETY,
        how=How.REPORTED,
        confirm_s=0.0,
        clear_s=0.0,
        stages=((0.0, Act.TRIP),),
        recovery=Recovery.SERVICE,
        lockout=Recovery.SERVICE,
        ends_session=True,
        ocpp16="OtherError",
    )
