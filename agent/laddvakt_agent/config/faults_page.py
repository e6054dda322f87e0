"""Writes what the catalogue says into FAULTS.md and README.md of the folder given.

`.venv/bin/python -m laddvakt_agent.config.faults_page agent`
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from laddvakt_agent import faultwords as words
from laddvakt_agent.core.faults.catalogue import CATALOGUE, Act, FaultRule
from laddvakt_agent.texts import text_for

BEGIN = "<!-- faults: begin, written by laddvakt_agent.config.faults_page -->\n"
END = "<!-- faults: end -->\n"
_HEAD = """\
# Faults

Written from the catalogue by `.venv/bin/python -m laddvakt_agent.config.faults_page agent`; a test
keeps it current. Causes, checks and the next safe step, in English, Swedish and German:
`laddvakt faults catalog CODE [--lang sv]`.

Acts, the strongest of all standing faults wins:

{acts}

Keys of `[fault.CODE]` stand with their default and range. A value outside it is refused, and so are
values that do not lie as they must to each other (a stop above its derating). What is not listed
cannot be changed: what a protective device reports counts at its first reading, and what service
lifts needs no clear time.

- `confirm_s`: how long it must be seen before it counts; none: one fresh reading.
- `clear_s`: how long it must be gone. `backoff_s`: no reclosure sooner than this after it was
  raised; `backoff_max_s`: the back-off doubles with each retry up to here.
- `retries` within `window_s`: the budget of reclosures; both may only be made stricter.
- `early_trip_s`: raised this soon after closing, it locks out at once.
- `spread_s`: widest random delay of a reclosure, so that a street does not come back as one.
- `ramp_after_s`: seconds from raised to the stage that opens.
- `act`: what the fault does. `reclose = "us"`: reclose by itself after a residual trip, as UL 2231
  allows; the default `"no"` waits for the unplug.
- all others are thresholds of the detector; the name ends in the unit (`_share`: of the nominal
  value, `_ratio`: a factor, `_count`: so many).
"""
_README_HEAD = """\
| code | act | recovery | MREC | OCPP 1.6 | who |
| --- | --- | --- | --- | --- | --- |
"""


def page() -> str:
    """The whole of FAULTS.md."""
    acts = "\n".join(f"- `{act.name.lower()}`: {words.acts_word(act)}" for act in reversed(Act))
    return _HEAD.format(acts=acts) + "".join(_section(rule) for rule in CATALOGUE.values())


def table() -> str:
    """The table for README.md: one line per fault, between its markers."""
    rows = "".join(f"| {' | '.join(_cells(rule))} |\n" for rule in CATALOGUE.values())
    return BEGIN + _README_HEAD + rows + END


def with_table(readme: str) -> str:
    """The readme with the table between its markers renewed.

    Raises:
        ValueError: the markers are not there.
    """
    before, found, rest = readme.partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not found or not closed:
        raise ValueError(f"the readme lacks its markers: put {BEGIN}{END}where the table belongs")
    return before + table() + after


def main(folder: Path) -> None:
    """Write both files."""
    readme = folder / "README.md"
    readme.write_text(with_table(readme.read_text("utf-8")), "utf-8")
    (folder / "FAULTS.md").write_text(page(), "utf-8")


def _cells(rule: FaultRule) -> tuple[str, ...]:
    return (
        rule.code,
        words.short_act(rule),
        words.short_recovery(rule),
        words.codes(rule),
        rule.ocpp16 or "–",
        rule.who,
    )


def _section(rule: FaultRule) -> str:
    return "".join(("\n", *(f"{line}\n" for line in _lines(rule))))


def _lines(rule: FaultRule) -> Iterator[str]:
    yield f"## {rule.code}"
    yield ""
    yield f"{text_for(rule.code, 'en').title}."
    yield ""
    yield f"- {'; '.join(f'{label}: {value}' for label, value in words.facts(rule, 'en'))}"
    yield f"- does: {words.short_act(rule)}"
    yield f"- is left by: {'; '.join(words.endings(rule, 'en'))}"
    if rule.why_unlimited:
        yield f"- no budget, because {rule.why_unlimited}"
    if changeable := ", ".join(words.settings(rule)):
        yield f"- may be changed: {changeable}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
