"""The fault catalogue as data: what each fault means, how long it is confirmed, what follows.

Defaults are starting points from public implementations, manuals and engineering judgement; each
time may be changed in the configuration within its range.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from laddvakt_agent.core.overrides import OverrideError, Overrides, overridden
from laddvakt_agent.core.rows_equipment import EQUIPMENT_ROWS
from laddvakt_agent.core.rows_power import POWER_ROWS
from laddvakt_agent.core.rules import Act, FaultRule, Recovery, Severity, SubjectKind

__all__ = [
    "CATALOGUE",
    "Act",
    "FaultRule",
    "OverrideError",
    "Recovery",
    "Severity",
    "SubjectKind",
    "rule_for",
    "with_overrides",
]

CATALOGUE: Mapping[str, FaultRule] = MappingProxyType(
    {row.code: row for row in (*POWER_ROWS, *EQUIPMENT_ROWS)}
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
        reported=False,
        confirm_s=0.0,
        clear_s=0.0,
        stages=((0.0, Act.TRIP),),
        recovery=Recovery.SERVICE,
        lockout=Recovery.SERVICE,
        ends_session=True,
        ocpp16="OtherError",
        title=f"Latched fault {code} that this version does not know",
    )
