"""`faults catalog`: every fault there is, or one of them on a page to work by. Asks nobody."""

from __future__ import annotations

import difflib
import json
import textwrap
from collections.abc import Iterator, Sequence

import click

from laddvakt_agent import faultwords as words
from laddvakt_agent.cli.client import Json, JsonObject
from laddvakt_agent.cli.codes import Exit, fail
from laddvakt_agent.core.faults.catalogue import CATALOGUE, FaultRule, Recovery
from laddvakt_agent.texts import LANGUAGES, FaultText, TextsError, text_for

_WIDTH = 88  # fits a terminal, a ticket and a sheet of paper


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, in every language.")
@click.option("--lang", type=click.Choice(LANGUAGES), default="en", help="Language of the texts.")
@click.argument("code", required=False)
def catalog(as_json: bool, lang: str, code: str | None) -> None:
    """Say what every fault means, or all about one CODE: causes, checks, what ends it.

    Needs neither agent nor configuration. An unknown CODE ends with 2.
    """
    rules = tuple(CATALOGUE.values()) if code is None else (_known(code),)
    try:
        if as_json:
            answer: Json = {"schema_version": 1, "faults": [as_object(rule) for rule in rules]}
            click.echo(json.dumps(answer, ensure_ascii=False))
            return
        for line in table(rules, lang) if code is None else page(rules[0], lang):
            click.echo(line)
    except TextsError as error:
        fail(Exit.FAULT, str(error))


def as_object(rule: FaultRule) -> JsonObject:
    """One row with its texts; times in seconds. `n` null: no limit; `window_s` null: a session."""
    return {
        "code": rule.code,
        "subject_kind": rule.subject_kind.value,
        "severity": rule.severity.value,
        "how": rule.how.value,
        "confirm_s": rule.confirm_s,
        "clear_s": rule.clear_s,
        "stages": [{"after_s": after_s, "act": act.name.lower()} for after_s, act in rule.stages],
        "found_acts": [act.name.lower() for act in rule.found_acts],
        "act_by_role": {role: act.name.lower() for role, act in rule.act_by_role},
        "session": rule.session.value,
        "recovery": _recovery(rule),
        "ranges": {key: [low, high] for key, (low, high) in rule.ranges.items()},
        "choices": {key: list(known) for key, known in rule.choices.items()},
        "values": dict(rule.values),
        "mrec": rule.mrec,
        "mrec_also": rule.mrec_also,
        "ocpp16": rule.ocpp16,
        "who": rule.who,
        "cause_class": rule.cause_class.value,
        "texts": {language: _texts(text_for(rule.code, language)) for language in LANGUAGES},
    }


def table(rules: Sequence[FaultRule], language: str) -> Iterator[str]:
    """One line per fault, in columns."""
    rows = [("CODE", "ACT", "RECOVERY", "MREC", "WHO", "TITLE")]
    rows += [
        (
            rule.code,
            ", ".join(act.name.lower() for _, act in rule.stages),
            words.short_recovery(rule),
            words.codes(rule),
            rule.who,
            text_for(rule.code, language).title,
        )
        for rule in rules
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        yield "  ".join((*cells, row[-1]))


def page(rule: FaultRule, language: str) -> Iterator[str]:
    """All about one fault, in the order a technician needs it."""
    text = text_for(rule.code, language)
    yield f"{rule.code}: {text.title}"
    for key, lines in (
        ("meaning", [text.meaning]),
        ("next", [text.next]),
        ("causes", _numbered(text.causes)),
        ("checks", _numbered(_checks(text, language))),
        ("who", [text.who]),
        ("acts", words.acts(rule, language)),
        ("ends", words.endings(rule, language)),
        ("facts", (f"{label}: {value}" for label, value in words.facts(rule, language))),
    ):
        yield from _section(words.heading(key, language), lines)
    settings = list(words.settings(rule))
    if settings:
        yield from _section(f"{words.heading('settings', language)} [fault.{rule.code}]", settings)


def _known(code: str) -> FaultRule:
    rule = CATALOGUE.get(code)
    if rule is not None:
        return rule
    near = difflib.get_close_matches(code.lower().replace("-", "_"), CATALOGUE, n=3, cutoff=0.5)
    parts = [known for known in CATALOGUE if code and code.lower() in known]
    meant = ", ".join(dict.fromkeys((*near, *parts[:5])))
    hint = f"Did you mean: {meant}?" if meant else "All of them: laddvakt faults catalog"
    fail(Exit.USAGE, f"no fault is called {code!r}.", hint)


def _recovery(rule: FaultRule) -> JsonObject:
    limited = rule.retries is not None
    return {
        "kind": rule.recovery.value,
        "n": rule.retries,
        "window_s": rule.window_s,
        "backoff_s": rule.backoff_s if rule.recovery is Recovery.AUTO else None,
        "backoff_max_s": rule.backoff_max_s,
        "spread_s": rule.spread_s,
        "lockout": rule.lockout.value if limited or rule.early_trip_s else None,
        "early_trip_s": rule.early_trip_s or None,
        "per_vehicle": rule.per_vehicle,
        "tests": [test.value for test in rule.tests],
    }


def _texts(text: FaultText) -> JsonObject:
    return {
        "title": text.title,
        "meaning": text.meaning,
        "causes": list(text.causes),
        "next": text.next,
        "who": text.who,
        "checks": [
            {"do": check.do, "tool": check.tool, "expect": check.expect} for check in text.checks
        ],
    }


def _checks(text: FaultText, language: str) -> Iterator[str]:
    expected = words.heading("expect", language)
    for check in text.checks:
        yield f"{check.do} ({check.tool}) – {expected}: {check.expect}"


def _numbered(lines: Iterator[str] | Sequence[str]) -> Iterator[str]:
    return (f"{index}. {line}" for index, line in enumerate(lines, 1))


def _section(heading: str, lines: Iterator[str] | Sequence[str]) -> Iterator[str]:
    yield ""
    yield heading
    for line in lines:
        hang = "     " if line[:1].isdigit() and line[1:3] == ". " else "  "
        yield from textwrap.wrap(
            line, _WIDTH, initial_indent="  ", subsequent_indent=hang, break_on_hyphens=False
        )
