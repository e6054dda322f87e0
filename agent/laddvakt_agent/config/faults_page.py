"""Writes agent/FAULTS.md from the catalogue: `python -m laddvakt_agent.config.faults_page`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from laddvakt_agent.core.catalogue import CATALOGUE, FaultRule, Recovery
from laddvakt_agent.core.overrides import reclosing
from laddvakt_agent.texts import text_for

_HEAD = """\
# Faults

Written from the catalogue by `.venv/bin/python -m laddvakt_agent.config.faults_page`; a test keeps
it current.

- **does**: `trip` opens at once, under load if need be; `ramp` withdraws the offer, then opens at
  pilot B, below 1 A or after 6 s; `finish` lets a running session go on and begins no new one.
- **is left by**: what ends it once its condition is gone, and what it needs when its budget of
  reclosures is spent (`local`: a person at the charger; `service`: after repair and test, as root).
- **may be changed**: keys of `[fault.CODE]` with their default and their range. `confirm_s`: how
  long it must be seen before it counts; `clear_s`: how long it must be gone; `backoff_s`: no
  reclosure sooner than this after it was raised; `backoff_max_s`: the back-off doubles with each
  retry up to here; `retries` within `window_s`; `spread_s`: widest random delay of a reclosure,
  so that a street does not come back as one; `ramp_after_s`: seconds from raised to ramp;
  `reclose = "us"`: reclose by itself after a residual trip, as UL 2231 allows (which adds
  `backoff_s` and `retries`); the default `"no"` waits for the unplug.

| code | meaning | does | is left by | may be changed |
| --- | --- | --- | --- | --- |
"""
_PERIODS = {3600.0: "an hour", 86400.0: "a day", None: "a session"}
_WORDS = {
    Recovery.AUTO: "itself",
    Recovery.UNPLUG: "unplug",
    Recovery.MANUAL: "reset",
    Recovery.LOCAL: "reset --local",
    Recovery.SERVICE: "reset --service",
}


def page() -> str:
    """The whole page."""
    return _HEAD + "".join(_row(rule) for rule in CATALOGUE.values())


def _row(rule: FaultRule) -> str:
    keys = ", ".join(_keys(rule)) or "nothing"
    cells = (rule.code, text_for(rule.code, "en").title, _does(rule), _left_by(rule), keys)
    return f"| {' | '.join(cells)} |\n"


def _does(rule: FaultRule) -> str:
    stages = [
        f"{act.name.lower()} after {after_s:g} s" if after_s else act.name.lower()
        for after_s, act in rule.stages
    ]
    roles = [f"{act.name.lower()} for {role}" for role, act in rule.act_by_role]
    return "; ".join((", ".join(stages), *roles))


def _left_by(rule: FaultRule) -> str:
    words = _WORDS[rule.recovery]
    if rule.retries is None:
        return words
    return f"{words}, {rule.retries}× in {_PERIODS[rule.window_s]}, then {_WORDS[rule.lockout]}"


def _keys(rule: FaultRule) -> Iterator[str]:
    us = reclosing(rule) if "reclose" in rule.ranges else rule
    for key, (low, high) in us.ranges.items():
        if key == "reclose":
            yield 'reclose "no" ("no", "us")'
        else:
            only = "" if key in rule.ranges else ' with "us"'
            yield f"{key} {_default(us, key):g} ({low:g}–{high:g}){only}"


def _default(rule: FaultRule, key: str) -> float:
    for after_s, act in rule.stages:
        if key == f"{act.name.lower()}_after_s":
            return after_s
    return rule.values[key] if key in rule.values else float(getattr(rule, key))


if __name__ == "__main__":
    sys.stdout.write(page())
