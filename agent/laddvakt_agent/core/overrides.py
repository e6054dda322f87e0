"""The configuration's changes to the catalogue: checked against each row's ranges, all at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TypeAlias

from laddvakt_agent.core.rules import FaultRule, Recovery

Overrides: TypeAlias = Mapping[str, Mapping[str, object]]

_STAGE_SUFFIX = "_after_s"  # `ramp_after_s`: when the stage with this act begins
_RESIDUAL_RECLOSE = "us"  # UL 2231: automatic reclosing after a residual trip is allowed


class OverrideError(ValueError):
    """The configuration changes the catalogue in ways it does not allow."""

    def __init__(self, messages: tuple[str, ...]) -> None:
        super().__init__("; ".join(messages))
        self.messages = messages


def overridden(catalogue: Mapping[str, FaultRule], overrides: Overrides) -> Mapping[str, FaultRule]:
    """A copy of the catalogue with the changes.

    Raises:
        OverrideError: with one message for every mistake.
    """
    rules = dict(catalogue)
    mistakes: list[str] = []
    for code, changes in overrides.items():
        rule = catalogue.get(code)
        if rule is None:
            mistakes.append(f"{code}: no such fault; all of them: laddvakt faults catalog")
            continue
        base = reclosing(rule) if changes.get("reclose") == _RESIDUAL_RECLOSE else rule
        found = tuple(_mistakes(base, changes))
        mistakes += found
        if not found:
            rules[code] = _changed(base, changes)
            mistakes += _disorder(rules[code])
    if mistakes:
        raise OverrideError(tuple(mistakes))
    return MappingProxyType(rules)


def reclosing(rule: FaultRule) -> FaultRule:
    """The residual-current row of the profile `reclose = "us"`: 3 reclosures in 24 h, 15 min apart.

    The session is kept open, else there would be nothing to reclose for.
    """
    return replace(
        rule,
        recovery=Recovery.AUTO,
        retries=3,
        window_s=86400.0,
        backoff_s=900.0,
        ends_session=False,
        ranges=MappingProxyType({**rule.ranges, "backoff_s": (5.0, 3600.0), "retries": (0.0, 3.0)}),
    )


def _mistakes(rule: FaultRule, changes: Mapping[str, object]) -> Iterator[str]:
    for key, value in changes.items():
        if key == "reclose":
            if "reclose" not in rule.ranges or value not in ("no", _RESIDUAL_RECLOSE):
                yield f'{rule.code}.{key}: only residual faults take it, as "no" or "us"'
        elif key not in rule.ranges:
            allowed = ", ".join(sorted(rule.ranges)) or "nothing"
            yield f"{rule.code}.{key}: cannot be changed; allowed here: {allowed}"
        elif not _within(value, rule.ranges[key]):
            low, high = rule.ranges[key]
            yield f"{rule.code}.{key}: {value!r} is outside {low:g}…{high:g}"
        elif key == "retries" and not float(str(value)).is_integer():
            yield f"{rule.code}.{key}: {value!r} is not a whole number"


        per_vehicle=True,
def _within(value: object, limits: tuple[float, float]) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    return limits[0] <= value <= limits[1]


def _changed(rule: FaultRule, changes: Mapping[str, object]) -> FaultRule:
    for key, value in changes.items():
        if isinstance(value, int | float):
            rule = _with(rule, key, value)
    return rule


def _with(rule: FaultRule, key: str, value: float) -> FaultRule:
    setter = _SETTERS.get(key)
    if setter is not None:
        return setter(rule, float(value))
    if key in rule.values:
        return replace(rule, values=MappingProxyType({**rule.values, key: float(value)}))
    act = key.removesuffix(_STAGE_SUFFIX).upper()
    stages = ((float(value) if stage.name == act else at_s, stage) for at_s, stage in rule.stages)
    return replace(rule, stages=tuple(stages))


_SETTERS: Mapping[str, Callable[[FaultRule, float], FaultRule]] = {
    "confirm_s": lambda rule, value: replace(rule, confirm_s=value),
    "clear_s": lambda rule, value: replace(rule, clear_s=value),
    "backoff_s": lambda rule, value: replace(rule, backoff_s=value),
    "backoff_max_s": lambda rule, value: replace(rule, backoff_max_s=value),
    "window_s": lambda rule, value: replace(rule, window_s=value),
    "early_trip_s": lambda rule, value: replace(rule, early_trip_s=value),
    "spread_s": lambda rule, value: replace(rule, spread_s=value),
    "retries": lambda rule, value: replace(rule, retries=int(value)),
}


def _disorder(rule: FaultRule) -> Iterator[str]:
    starts = [after_s for after_s, _ in rule.stages]
    if starts != sorted(starts):
        yield f"{rule.code}: the stages must follow each other in time, got {starts}"
    if rule.backoff_max_s is not None and rule.backoff_max_s < rule.backoff_s:
        yield f"{rule.code}: backoff_max_s must not be below backoff_s"
