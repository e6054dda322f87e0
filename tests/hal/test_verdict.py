"""Evidence in, verdict out: each trouble of a line has its own, with its reason and its remedy."""

from __future__ import annotations

from dataclasses import replace
from string import Formatter

import pytest

from laddvakt_hal.survey_line import Trouble
from laddvakt_hal.verdict import (
    Elsewhere,
    Level,
    LineEvidence,
    UnitEvidence,
    Verdict,
    judge,
    worst,
)
from laddvakt_hal.verdict_texts import ENGLISH, text_of


def well(unit: int, requests: int = 100, **more: object) -> UnitEvidence:
    """A unit that answered whatever is not said otherwise."""
    bad = sum(n for n in more.values() if isinstance(n, int) and not isinstance(n, bool))
    exceptions = more.get("exceptions")
    bad += sum(exceptions.values()) if isinstance(exceptions, dict) else 0
    return UnitEvidence(unit=unit, requests=requests, ok=requests - bad, **more)  # type: ignore[arg-type]


def silent(unit: int) -> UnitEvidence:
    return UnitEvidence(unit=unit, requests=20, no_reply=20)


def line(*units: UnitEvidence, **more: object) -> LineEvidence:
    return LineEvidence(name="line1", setup="/dev/x 9600 8N1", units=units, **more)  # type: ignore[arg-type]


def codes(evidence: LineEvidence) -> list[str]:
    return [verdict.code for verdict in judge(evidence)]


CASES = {
    "all well": (line(well(1), well(2)), ["all_good"]),
    "one accident is none": (line(well(1, crc=1), well(2, no_reply=1)), ["all_good"]),
    "nothing asked yet": (line(), ["too_little"]),
    "hardly anything asked": (line(well(1, requests=3)), ["too_little"]),
    "silent, not swept": (line(silent(1), silent(2)), ["nothing_answers_here"]),
    "silent at every speed": (line(silent(1), swept=True), ["nothing_answers"]),
    "silent here, found elsewhere": (
        line(silent(1), swept=True, elsewhere=(Elsewhere(setup="19200 8E1", unit=1),)),
        ["other_settings"],
    ),
    "silent behind a gateway": (line(silent(1), tcp=True), ["nobody_behind_gateway"]),
    "only the echo": (line(silent(1), hears_itself=True), ["only_echo"]),
    "only garbage": (
        line(UnitEvidence(unit=1, requests=20, crc=15, no_reply=5)),
        ["only_garbage"],
    ),
    "crc of everybody": (line(well(1, crc=5), well(2, crc=9)), ["crc_everywhere"]),
    "crc of the only one": (line(well(1, crc=5)), ["crc_everywhere"]),
    "crc with the contactor": (
        line(well(1, crc=5), well(2, crc=5), errors_seen=10, errors_after_switch=8),
        ["crc_with_contactor"],
    ),
    "crc now and then with it": (
        line(well(1, crc=5), well(2, crc=5), errors_seen=10, errors_after_switch=2),
        ["crc_everywhere"],
    ),
    "one garbled": (line(well(1), well(2, crc=30), well(3)), ["two_on_one_address"]),
    "one garbled, asked blindly": (
        line(
            UnitEvidence(unit=1, requests=20, exceptions={3: 20}, blind=True),
            UnitEvidence(unit=2, requests=20, exceptions={3: 15}, short=5, blind=True),
        ),
        ["two_on_one_address"],
    ),
    "one silent": (line(well(1), silent(2)), ["one_silent"]),
    "one misses some": (line(well(1), well(2, no_reply=10)), ["sometimes_silent"]),
    "one is late": (line(well(1), well(2, no_reply=10), late=60), ["late_replies"]),
    "one cut short": (line(well(1), well(2, short=10)), ["short_replies"]),
    "all cut short": (line(well(1, short=9), well(2, short=10)), ["short_replies"]),
    "wrong unit": (line(well(1, wrong_unit=1)), ["wrong_unit"]),
    "no way at the gateway": (line(well(1), well(2, exceptions={10: 50})), ["gateway_no_path"]),
    "silent at the gateway": (
        line(UnitEvidence(unit=2, requests=20, exceptions={11: 20}), tcp=True),
        ["gateway_target_silent"],
    ),
    "refuses much": (
        line(UnitEvidence(unit=1, requests=20, exceptions={2: 20})),
        ["refuses"],
    ),
    "refuses some": (line(well(1, exceptions={2: 5})), ["all_good", "refuses"]),
    "asked blindly": (
        line(UnitEvidence(unit=1, requests=20, exceptions={3: 20}, blind=True)),
        ["all_good"],
    ),
    "writes echoed": (line(well(1, echo=2)), ["echo"]),
    "echo heard": (line(well(1), hears_itself=True), ["all_good", "echo_heard"]),
    "latency timer": (line(well(1), latency_timer_ms=16), ["all_good", "latency_timer"]),
    "latency timer set": (line(well(1), latency_timer_ms=1), ["all_good"]),
    "said twice": (line(well(1), late=70, copies=10), ["repeated"]),
    "one copy is none": (line(well(1), late=7, copies=1), ["all_good"]),
    "two troubles": (line(well(1, short=9), well(2), silent(3)), ["one_silent", "short_replies"]),
}


@pytest.mark.parametrize(("evidence", "expected"), CASES.values(), ids=CASES.keys())
def test_each_trouble_has_its_verdict(evidence: LineEvidence, expected: list[str]) -> None:
    verdicts = judge(evidence)
    assert sorted(verdict.code for verdict in verdicts) == sorted(expected)
    levels = [verdict.level for verdict in verdicts]
    assert levels == sorted(levels, reverse=True) or Level.TROUBLE not in levels
    assert all(verdict.because and verdict.subject for verdict in verdicts)


@pytest.mark.parametrize("trouble", Trouble)
def test_a_line_that_cannot_be_used_is_the_only_verdict(trouble: Trouble) -> None:
    evidence = line(silent(1), well(2, crc=50), trouble=trouble, trouble_text="because so")
    (verdict,) = judge(evidence)
    assert (verdict.code, verdict.because) == (f"port_{trouble.value}", "because so")
    assert text_of(verdict).remedies


def test_a_cause_silences_its_symptoms() -> None:
    """Where nobody answers, no single device is blamed."""
    assert codes(line(silent(1), silent(2), silent(3), swept=True)) == ["nothing_answers"]


def test_the_text_names_device_and_speeds() -> None:
    elsewhere = Elsewhere(setup="19200 8E1", unit=7, name="meter1")
    (verdict,) = judge(line(silent(1), elsewhere=(elsewhere,)))
    text = text_of(verdict)
    assert text.says == "meter1 is at 19200 8E1, the line at /dev/x 9600 8N1."
    assert "19200 8E1" in text.remedies[0]


def test_one_device_is_named_several_are_the_line() -> None:
    named = replace(well(2, short=10), name="meter1")
    assert judge(line(well(1), named))[0].subject == "meter1 (unit 2)"
    assert judge(line(well(1, short=10), named))[0].subject == "line1"


def test_every_verdict_that_can_be_given_has_words_and_none_is_left_over() -> None:
    given = {v.code for evidence, _ in CASES.values() for v in judge(evidence)}
    given |= {f"port_{trouble.value}" for trouble in Trouble}
    assert given == set(ENGLISH)


@pytest.mark.parametrize("code", ENGLISH)
def test_the_words_are_sentences_with_steps(code: str) -> None:
    text = ENGLISH[code]
    assert text.says.endswith((".", ")."))
    assert code in ("all_good",) or text.remedies
    gaps = {
        name for part in (text.says, *text.remedies) for _, name, _, _ in Formatter().parse(part)
    }
    assert gaps <= {None, "device", "setup", "now"}


def test_the_worst_level_decides() -> None:
    def one(level: Level) -> Verdict:
        return Verdict(code="x", level=level, subject="x", because="x")

    assert worst(()) is Level.FINE
    assert worst((one(Level.HINT), one(Level.TROUBLE), one(Level.FINE))) is Level.TROUBLE
