"""Thresholds that must lie one above the other, within a fault and between faults.

The ranges of two parameters may overlap: each alone is allowed, but not every pair of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from laddvakt_agent.core.faults.rules import FaultRule

Parameter: TypeAlias = tuple[str, str]  # fault, key of its values

_HOT, _HOT_STOP = "temperature_derate", "temperature_stop"
_PLUG, _PLUG_STOP = "cable_temperature_derate", "cable_temperature_stop"

BELOW: tuple[tuple[Parameter, Parameter], ...] = (  # the first must be below the second
    # The limit falls, reaches its floor, and only then the contactor opens; each ends below that.
    ((_HOT, "clear_c"), (_HOT, "derate_c")),
    ((_HOT, "derate_c"), (_HOT, "floor_c")),
    ((_HOT, "floor_c"), (_HOT_STOP, "stop_c")),
    ((_HOT_STOP, "clear_c"), (_HOT_STOP, "stop_c")),
    ((_PLUG, "clear_c"), (_PLUG, "derate_c")),
    ((_PLUG, "derate_c"), (_PLUG, "floor_c")),
    ((_PLUG, "floor_c"), (_PLUG_STOP, "stop_c")),
    ((_PLUG_STOP, "clear_c"), (_PLUG_STOP, "stop_c")),
    (("over_voltage", "high_share"), ("over_voltage", "gross_share")),
    (("under_voltage", "deep_share"), ("under_voltage", "low_share")),
    (("under_voltage", "low_share"), ("under_voltage", "clear_share")),
    (("phase_lost", "lost_share"), ("phase_lost", "alive_share")),
    (("contactor_worn", "load_openings_count"), ("contactor_worn", "operations_count")),
    (("residual_monitor_failed", "interval_s"), ("self_test_overdue", "overdue_s")),
    (("lock_failed", "retry_s"), ("lock_failed", "slow_retry_s")),
)


def disorder(
    rules: Mapping[str, FaultRule], changes: Mapping[str, Mapping[str, object]]
) -> Iterator[str]:
    """One message for each changed pair that is out of order, named by the key that was changed."""
    for low, high in BELOW:
        if low[0] not in changes and high[0] not in changes:
            continue
        low_value, high_value = (rules[code].values[key] for code, key in (low, high))
        if low_value < high_value:
            continue
        first, word, other, limit = high, "above", low, low_value
        if not _changed(high, changes):
            first, word, other, limit = low, "below", high, high_value
        value = rules[first[0]].values[first[1]]
        yield f"{'.'.join(first)}: {value:g} must be {word} {'.'.join(other)} = {limit:g}"


def _changed(parameter: Parameter, changes: Mapping[str, Mapping[str, object]]) -> bool:
    code, key = parameter
    return key in changes.get(code, {})
