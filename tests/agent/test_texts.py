"""The faults' texts: complete, the same in every language, within the catalogue's numbers, safe."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import pytest

from laddvakt_agent import texts as module
from laddvakt_agent.cli import laddvakt
from laddvakt_agent.core.faults.catalogue import CATALOGUE, FaultRule
from laddvakt_agent.texts import LANGUAGES, Check, FaultText, TextsError, text_for, texts

OTHERS = [language for language in LANGUAGES if language != "en"]
CODES = sorted(CATALOGUE)
NUMBER = re.compile(r"\d+(?:[.,]\d+)?")

ELECTRICIAN = {"en": "Electrician", "sv": "Elektriker", "de": "Elektrofachkraft"}
BEHIND_COVER = {  # how a check begins that needs an open cover
    "en": "Electrician, isolate before opening: ",
    "sv": "Elektriker, gör spänningslöst innan du öppnar: ",
    "de": "Elektrofachkraft, vor dem Öffnen freischalten: ",
}
ELECTRICIANS_TOOLS = {
    "EVSE tester",
    "clamp meter",
    "installation tester",
    "insulation tester",
    "multimeter",
    "power quality analyser",
    "thermal camera",
    "torque screwdriver",
}
COVER_CLOSED = {  # an electrician's tool on what can be touched without opening anything
    ("proximity_fault", "multimeter"),  # the plug of a cable unplugged at both ends
}
FOREIGN = {  # words that give away a sentence left in another language
    "en": r"och|inte|für|nicht",
    "sv": r"the|and|with|nicht|für|Sie",
    "de": r"the|and|with|och|inte|du",
}
NOT_OF_THE_ROW: Mapping[str, set[float]] = {  # numbers that norm, profile or protocol say
    "residual_current_dc": {6.0},  # mA at which the monitor itself trips
    "under_voltage": {230.0},
    "pilot_fault": {61851.0},
    "vehicle_keeps_drawing": {6.0},  # s of a ramp
    "limit_not_obeyed": {10.0},  # s, `apply_s` of the profile
    "device_lost": {10.0},  # s after which a meter counts as lost
    "uplink_refused": {401.0, 403.0},
}


def numbers(sentence: str) -> list[float]:
    """Every number of a sentence, sorted; a decimal comma is a point."""
    return sorted(float(found.replace(",", ".")) for found in NUMBER.findall(sentence))


def sentences(text: FaultText) -> Iterator[str]:
    """Whatever must be said anew in each language: all but the tools."""
    yield from (text.title, text.meaning, *text.causes, text.next, text.who)
    for check in text.checks:
        yield from (check.do, check.expect)


def every(language: str) -> Iterator[tuple[str, FaultText]]:
    """The texts of the catalogue's faults, and the one for codes nobody knows."""
    yield from texts(language).items()
    yield "generic", text_for("no_such_code", language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_fault_has_a_text(language: str) -> None:
    """Nobody stands before a charger with a bare code."""
    assert set(texts(language)) >= set(CATALOGUE)


@pytest.mark.parametrize("language", OTHERS)
def test_languages_have_the_same_codes(language: str) -> None:
    assert set(texts(language)) == set(texts("en"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_form(language: str) -> None:
    """Titles fit a phone's line; lists are short enough to be read standing."""
    for code, text in every(language):
        assert len(text.title) <= 60, code
        assert not text.title.endswith("."), code
        assert 2 <= len(text.causes) <= 4, code
        assert 1 <= len(text.checks) <= 4, code
        assert len(set(text.causes)) == len(text.causes), code


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_is_empty_or_ragged(language: str) -> None:
    for code, text in every(language):
        for sentence in (*sentences(text), *(check.tool for check in text.checks)):
            assert sentence, code
            assert sentence == " ".join(sentence.split()), code
        for whole in (text.meaning, text.next):
            assert whole.endswith("."), code


@pytest.mark.parametrize("language", OTHERS)
def test_no_sentence_is_left_in_english(language: str) -> None:
    english = dict(every("en"))
    for code, text in every(language):
        same = set(sentences(text)) & set(sentences(english[code]))
        assert not same, code


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_word_of_another_language(language: str) -> None:
    foreign = re.compile(rf"\b(?:{FOREIGN[language]})\b", re.IGNORECASE)
    found = [(code, s) for code, text in every(language) for s in sentences(text)]
    assert [(code, s) for code, s in found if foreign.search(s)] == []


@pytest.mark.parametrize("language", OTHERS)
def test_languages_have_the_same_shape_and_numbers(language: str) -> None:
    """A reader of any language measures the same and expects the same."""
    english = dict(every("en"))
    for code, text in every(language):
        theirs = english[code]
        assert len(text.causes) == len(theirs.causes), code
        assert len(text.checks) == len(theirs.checks), code
        for ours, other in zip(sentences(text), sentences(theirs), strict=True):
            assert numbers(ours) == numbers(other), (code, ours)


@pytest.mark.parametrize("language", OTHERS)
def test_a_tool_has_one_name_in_a_language(language: str) -> None:
    """One English tool, one translated: nobody looks for two things that are one."""
    pairs = {
        (ours.tool, theirs.tool)
        for code, text in every(language)
        for ours, theirs in zip(text.checks, dict(every("en"))[code].checks, strict=True)
    }
    assert len({ours for ours, _ in pairs}) == len(pairs) == len({theirs for _, theirs in pairs})
    for ours, theirs in pairs:
        assert ours == theirs or " -" not in theirs  # commands are typed as they stand
        assert ours == theirs or not theirs.startswith("laddvakt")


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_needs_an_open_cover_is_for_an_electrician(language: str) -> None:
    """No driver is sent behind a cover, and no electrician without isolating first."""
    english = dict(every("en"))
    for code, text in every(language):
        for check, theirs in zip(text.checks, english[code].checks, strict=True):
            behind = theirs.do.startswith(BEHIND_COVER["en"])
            assert check.do.startswith(BEHIND_COVER[language]) == behind, (code, check.do)
            if theirs.tool in ELECTRICIANS_TOOLS:
                assert check.do.startswith(ELECTRICIAN[language]), (code, check.do)
            if theirs.tool in ELECTRICIANS_TOOLS - {"EVSE tester"}:
                assert behind or (code, theirs.tool) in COVER_CLOSED, (code, check.do)


@pytest.mark.parametrize("code", CODES)
def test_numbers_of_the_meaning_are_the_catalogue_s(code: str) -> None:
    """A threshold that moves in the catalogue moves in the text."""
    explained = _of_the_row(CATALOGUE[code]) | NOT_OF_THE_ROW.get(code, set())
    assert set(numbers(texts("en")[code].meaning)) <= explained


@pytest.mark.parametrize("code", CODES)
def test_retries_named_are_the_catalogue_s(code: str) -> None:
    rule, text = CATALOGUE[code], texts("en")[code]
    windows = {"an hour": 3600.0, "24 hours": 86400.0}
    for count, window in re.findall(r"at most (\d+) times in (an hour|24 hours)", text.meaning):
        assert (rule.retries, rule.window_s) == (int(count), windows[window])
    for number, unit in re.findall(r"(\d+) (s|minutes?) apart or more", text.meaning):
        assert rule.backoff_s == float(number) * (1.0 if unit == "s" else 60.0)


COMMANDS = sorted(
    {c.tool for _, t in every("en") for c in t.checks if c.tool.startswith("laddvakt")}
)


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_exist(line: str) -> None:
    """Whoever types what the text says is not told `no such command`."""
    words = line.split()[1:]
    command: click.Command = laddvakt
    context = click.Context(laddvakt)
    while words and not words[0].startswith("-"):
        assert isinstance(command, click.Group)
        inner = command.get_command(context, words.pop(0))
        assert inner is not None
        command = inner
    options = {option for parameter in command.params for option in parameter.opts}
    assert set(words) <= options


def test_an_unknown_code_is_named() -> None:
    """A latch of another version is shown with its code, not hidden."""
    for language in LANGUAGES:
        text = text_for("code_of_tomorrow", language)
        assert "code_of_tomorrow" in text.meaning
        assert not [sentence for sentence in sentences(text) if "{" in sentence]


def test_a_known_code_gets_its_own_text() -> None:
    assert text_for("over_voltage", "sv") is texts("sv")["over_voltage"]


def test_one_language_is_read_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small controller does not hold three languages to print one."""
    read: list[str] = []
    real = module._read

    def noting(path: Path) -> tuple[Mapping[str, FaultText], FaultText]:
        read.append(path.name)
        return real(path)

    monkeypatch.setattr(module, "_read", noting)
    module._loaded.cache_clear()
    texts("sv")
    text_for("over_voltage", "sv")
    assert read == ["sv.toml"]


def test_an_unknown_language_is_refused_with_those_there_are() -> None:
    with pytest.raises(TextsError, match="no texts in 'fr'; there are: en, sv, de"):
        texts("fr")


GENERIC = (
    '[generic]\ntitle = "a"\nmeaning = "b"\ncauses = ["c"]\nnext = "d"\nwho = "e"\n'
    'checks = [{ do = "f", tool = "g", expect = "h" }]\n'
)
DAMAGED: dict[str, tuple[bytes, str]] = {
    "not TOML": (b"[generic\n", "is not valid TOML"),
    "not UTF-8": (b"\xff\xfe", "is not valid TOML"),
    "a key missing": (GENERIC.replace("who", "whom").encode(), r"\[generic\]: .*`who`"),
    "a wrong type": (GENERIC.replace('["c"]', "3").encode(), r"\[generic\]: .*causes"),
    "a check cut short": (GENERIC.replace(', expect = "h"', "").encode(), r"\[generic\]: .*expect"),
    "no table": (b'over_voltage = "x"\n', r"\[over_voltage\]: "),
    "no generic text": (GENERIC.replace("[generic]", "[x]").encode(), r"has no table \[generic\]"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_file_is_named_with_the_remedy(case: str, tmp_path: Path) -> None:
    content, said = DAMAGED[case]
    path = tmp_path / "en.toml"
    path.write_bytes(content)
    with pytest.raises(TextsError, match=said) as caught:
        module._read(path)
    assert str(caught.value).startswith(f"{path} ")
    assert str(caught.value).endswith("install the laddvakt package again")


def test_a_missing_file_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(TextsError, match=r"en\.toml cannot be read: .*again"):
        module._read(tmp_path / "en.toml")


def test_a_good_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "en.toml"
    path.write_text(GENERIC + GENERIC.replace("[generic]", "[over_voltage]"), encoding="utf-8")
    known, generic = module._read(path)
    assert dict(known) == {"over_voltage": generic}
    assert generic.checks == (Check(do="f", tool="g", expect="h"),)


def _of_the_row(rule: FaultRule) -> set[float]:
    """The row's numbers in every form a text may say them: %, mA, minutes, hours, V at 230 V."""
    given = [rule.confirm_s, rule.clear_s, rule.backoff_s, rule.spread_s, *rule.values.values()]
    given += [after_s for after_s, _ in rule.stages]
    given += [float(number) for number in (rule.retries, rule.window_s) if number is not None]
    said = {abs(form) for n in given for form in (n, 100 * n, 100 * (n - 1), 1000 * n)}
    said |= {form for n in given for form in (n / 60, n / 3600, 230 * n)}
    return {round(form, 3) for form in said}
