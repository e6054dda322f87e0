"""The configuration's changes to the catalogue: checked against each row's ranges, all at once.

What is safe about the ranges is said beside them; here nothing may leave them. Times and thresholds
are numbers; words are chosen among the row's `choices`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TypeAlias

from laddvakt_agent.core.faults.relations import disorder
from laddvakt_agent.core.faults.row_words import DAY_S
from laddvakt_agent.core.faults.rules import Act, FaultRule, Recovery

Overrides: TypeAlias = Mapping[str, Mapping[str, object]]

_STAGE_SUFFIX = "_after_s"  # `ramp_after_s`: when the stage with this act begins
_RESIDUAL_RECLOSE = "us"  # UL 2231: automatic reclosing after a residual trip is allowed
_SWITCHES = frozenset({"open_pen"})  # 0 or 1


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
    rules, accepted = dict(catalogue), dict[str, Mapping[str, object]]()
    mistakes: list[str] = []
    for code, changes in overrides.items():
        rule = catalogue.get(code)
        if rule is None:
            mistakes.append(f"{code}: no such fault; all of them: laddvakt faults catalog")
            continue
        base = as_chosen(rule, changes)
        found = tuple(_mistakes(base, changes))
        mistakes += found
        if not found:
            rules[code] = _changed(base, changes)
            accepted[code] = changes
            mistakes += _disorder(rules[code])
    mistakes += disorder(rules, accepted)
    if mistakes:
        raise OverrideError(tuple(mistakes))
    return MappingProxyType(rules)


def as_chosen(rule: FaultRule, changes: Mapping[str, object]) -> FaultRule:
    """The row that the words among the changes ask for; its ranges are those that then hold."""
    if "reclose" in rule.choices and changes.get("reclose") == _RESIDUAL_RECLOSE:
        return reclosing(rule)
    act = changes.get("act")
    if isinstance(act, str) and act in rule.choices.get("act", ()):
        return replace(rule, stages=((0.0, Act[act.upper()]),))
    return rule


def reclosing(rule: FaultRule) -> FaultRule:
    """The residual-current row of the profile `reclose = "us"`: 3 reclosures in 24 h, 15 min apart.

    The session is kept open, else there would be nothing to reclose for.
    """
    return replace(
        rule,
        recovery=Recovery.AUTO,
        retries=3,
        window_s=DAY_S,
        backoff_s=900.0,
        ends_session=False,
        per_vehicle=True,
        ranges=MappingProxyType({**rule.ranges, "backoff_s": (5.0, 3600.0), "retries": (0.0, 3.0)}),
    )


def default_of(rule: FaultRule, key: str) -> float:
    """What the row says for a key of its `ranges`."""
    if key in rule.values:
        return rule.values[key]
    if key.endswith(_STAGE_SUFFIX):
        name = key.removesuffix(_STAGE_SUFFIX).upper()
        return next(after_s for after_s, act in rule.stages if act.name == name)
    return _READERS[key](rule)


def _mistakes(rule: FaultRule, changes: Mapping[str, object]) -> Iterator[str]:
    for key, value in changes.items():
        complaint = _complaint(rule, key, value)
        if complaint:
            yield f"{rule.code}.{key}: {complaint}"


def _complaint(rule: FaultRule, key: str, value: object) -> str:
    if key in rule.choices:
        known = " or ".join(f'"{word}"' for word in rule.choices[key])
        return "" if value in rule.choices[key] else f"{value!r} is not known; say it as {known}"
    if key not in rule.ranges:
        allowed = ", ".join(sorted((*rule.ranges, *rule.choices))) or "nothing"
        return f"cannot be changed; allowed here: {allowed}"
    low, high = rule.ranges[key]
    if not _within(value, low, high):
        return f"{value!r} is outside {low:.10g}…{high:.10g}"
    if is_whole(key) and not float(str(value)).is_integer():
        return f"{value!r} is not a whole number"
    return ""


def is_whole(key: str) -> bool:
    """Whether this parameter counts something, or is 0 for off and 1 for on."""
    return key == "retries" or key.endswith("_count") or key in _SWITCHES


def _within(value: object, low: float, high: float) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    return low <= value <= high


def _changed(rule: FaultRule, changes: Mapping[str, object]) -> FaultRule:
    for key, value in changes.items():
        if isinstance(value, int | float):
            rule = _with(rule, key, float(value))
    return rule


def _with(rule: FaultRule, key: str, value: float) -> FaultRule:
    setter = _SETTERS.get(key)
    if setter is not None:
        return setter(rule, value)
    if key in rule.values:
        return replace(rule, values=MappingProxyType({**rule.values, key: value}))
    act = key.removesuffix(_STAGE_SUFFIX).upper()
    stages = ((value if stage.name == act else at_s, stage) for at_s, stage in rule.stages)
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
_READERS: Mapping[str, Callable[[FaultRule], float]] = {
    "confirm_s": lambda rule: rule.confirm_s,
    "clear_s": lambda rule: rule.clear_s,
    "backoff_s": lambda rule: rule.backoff_s,
    "backoff_max_s": lambda rule: rule.backoff_max_s or 0.0,
    "window_s": lambda rule: rule.window_s or 0.0,
    "early_trip_s": lambda rule: rule.early_trip_s,
    "spread_s": lambda rule: rule.spread_s,
    "retries": lambda rule: float(rule.retries or 0),
}


def _disorder(rule: FaultRule) -> Iterator[str]:
    starts = [after_s for after_s, _ in rule.stages]
    if starts != sorted(starts):
        yield f"{rule.code}: the stages must follow each other in time, got {starts}"
    if rule.backoff_max_s is not None and rule.backoff_max_s < rule.backoff_s:
        yield f"{rule.code}: backoff_max_s must not be below backoff_s"
