"""A row of the catalogue in words: short for tables, sentences for people, in three languages.

What a fault means, its causes and its checks are in `texts`; here is what the charger does then.
"""

from __future__ import annotations

from collections.abc import Iterator

from laddvakt_agent.core.faults.catalogue import Act, FaultRule, Recovery
from laddvakt_agent.core.faults.overrides import default_of, reclosing
from laddvakt_agent.faultphrases import PHRASES

_MINUTE_S, _HOUR_S = 60.0, 3600.0


def span(seconds: float) -> str:
    """90 → "90 s", 300 → "5 min", 86400 → "24 h"; the same in every language."""
    for unit_s, unit, above in ((_HOUR_S, "h", 1), (_MINUTE_S, "min", 2)):
        if seconds >= unit_s * above and (seconds / unit_s).is_integer():
            return f"{seconds / unit_s:.10g} {unit}"
    return f"{seconds:.10g} s"


def number(value: float) -> str:
    """A threshold or a time as the configuration would write it."""
    return f"{value:.10g}"


def short_act(rule: FaultRule) -> str:
    """`derate, ramp after 60 s, or ramp as seen`; `trip; ramp for emergency_stop`."""
    stages = [
        f"{act.name.lower()} after {span(after_s)}" if after_s else act.name.lower()
        for after_s, act in rule.stages
    ]
    roles = [f"{act.name.lower()} for {role}" for role, act in rule.act_by_role]
    if rule.found_acts:
        stages.append(f"or {' or '.join(act.name.lower() for act in rule.found_acts)} as seen")
    return "; ".join((", ".join(stages), *roles))


def short_recovery(rule: FaultRule) -> str:
    """`auto(6/1 h, 1 min→30 min), then local`."""
    inside = []
    if rule.retries is not None:
        inside.append(f"{rule.retries}/{span(rule.window_s) if rule.window_s else 'session'}")
    if rule.backoff_s:
        longest = f"→{span(rule.backoff_max_s)}" if rule.backoff_max_s else ""
        inside.append(f"{span(rule.backoff_s)}{longest}")
    words = rule.recovery.value + (f"({', '.join(inside)})" if inside else "")
    return words if rule.retries is None else f"{words}, then {rule.lockout.value}"


def codes(rule: FaultRule) -> str:
    """Its ChargeX codes, a dash where none fits."""
    return " + ".join(code for code in (rule.mrec, rule.mrec_also) if code) or "–"


def settings(rule: FaultRule) -> Iterator[str]:
    """Every parameter the configuration may change: key, default, (lowest–highest)."""
    for key, (low, high) in rule.ranges.items():
        yield f"{key} {number(default_of(rule, key))} ({number(low)}–{number(high)})"
    for key, words in rule.choices.items():
        known = ", ".join(f'"{word}"' for word in words)
        yield f'{key} "{words[0]}" ({known})'
    if "reclose" in rule.choices:
        us = reclosing(rule)
        for key in ("backoff_s", "retries"):
            low, high = us.ranges[key]
            limits = f"({number(low)}–{number(high)})"
            yield f'{key} {number(default_of(us, key))} {limits} with reclose "us"'


def acts_word(act: Act) -> str:
    """What an act means, in English."""
    return PHRASES["en"][f"act.{act.value}"]


def acts(rule: FaultRule, language: str) -> Iterator[str]:
    """What the charger does, one sentence per stage."""
    say = PHRASES[language]
    for after_s, act in rule.stages:
        yield say[f"act.{act.value}"] + (f" ({say['after']} {span(after_s)})" if after_s else "")
    for role, act in rule.act_by_role:
        yield f"{role}: {say[f'act.{act.value}']}"
    for act in rule.found_acts:
        yield f"{say['or']} {say[f'act.{act.value}']}"


def endings(rule: FaultRule, language: str) -> Iterator[str]:
    """What ends it once its condition is gone, one sentence per step."""
    say = PHRASES[language]
    yield say[f"end.{rule.recovery.value}"]
    if rule.recovery is Recovery.AUTO and rule.backoff_s:
        longest = f", {say['doubling']} {span(rule.backoff_max_s)}" if rule.backoff_max_s else ""
        yield f"{say['not before']} {span(rule.backoff_s)}{longest}"
    for test in rule.tests:
        yield say[f"test.{test.value}"]
    if rule.spread_s:
        yield f"{say['spread']} {span(rule.spread_s)}"
    lockout = say[f"end.{rule.lockout.value}"]
    if rule.retries is not None:
        period = f"{say['in']} {span(rule.window_s)}" if rule.window_s else say["in a session"]
        yield f"{say['at most']} {rule.retries}× {period}; {say['then']}: {lockout}"
    if rule.early_trip_s:
        yield f"{say['early'].format(span(rule.early_trip_s))}: {lockout}"


def facts(rule: FaultRule, language: str) -> Iterator[tuple[str, str]]:
    """Label and value of what can be said in a word."""
    say = PHRASES[language]
    yield say["severity"], say[f"severity.{rule.severity.value}"]
    yield say["about"], say[f"subject.{rule.subject_kind.value}"]
    yield say["seen"], say[f"how.{rule.how.value}"]
    yield say["confirmed"], span(rule.confirm_s) if rule.confirm_s else say["one reading"]
    yield say["cleared"], span(rule.clear_s) if rule.clear_s else say["one reading"]
    yield say["session"], say[f"session.{rule.session.value}"]
    yield say["side"], ", ".join(say[f"who.{letter}"] for letter in rule.who.split())
    yield "ChargeX MREC", codes(rule)
    yield "OCPP 1.6", rule.ocpp16 or "–"


def heading(key: str, language: str) -> str:
    """A heading or label of the page about one fault."""
    return PHRASES[language][f"head.{key}"]
