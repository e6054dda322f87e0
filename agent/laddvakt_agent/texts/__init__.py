"""What each fault means to the person in front of the charger, in three languages.

One TOML file per language, one table per fault code; a file is read when its language is first
asked for. All three say the same: same checks, same numbers (a test compares them).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType

import msgspec

from laddvakt_hal.errors import HalError

LANGUAGES = ("en", "sv", "de")

_FOLDER = Path(__file__).parent
_GENERIC = "generic"  # the table for codes of another version; {code} stands for the code in it


class TextsError(HalError):
    """There are no such texts, or their file is damaged; the message says which, and the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing to measure or look at, what with, and what a healthy charger shows."""

    do: str
    tool: str
    expect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultText:
    """What a person needs to know of one fault; `causes` and `checks` likeliest first."""

    title: str  # at most 60 characters, no full stop
    meaning: str  # what is known, and what the charger does about it
    causes: tuple[str, ...]
    next: str  # the next safe step for whoever stands there
    who: str  # who can fix it
    checks: tuple[Check, ...]


def texts(language: str) -> Mapping[str, FaultText]:
    """The texts of every fault by its code, in one of `LANGUAGES`.

    Raises:
        TextsError: there is no such language, or its file is missing or damaged.
    """
    return _loaded(language)[0]


def text_for(code: str, language: str) -> FaultText:
    """The text of one fault; a generic one, naming the code, for a code nobody knows.

    Raises:
        TextsError: as `texts`.
    """
    known, generic = _loaded(language)
    return known.get(code) or _naming(code, generic)


@cache
def _loaded(language: str) -> tuple[Mapping[str, FaultText], FaultText]:
    if language not in LANGUAGES:
        raise TextsError(f"no texts in {language!r}; there are: {', '.join(LANGUAGES)}")
    return _read(_FOLDER / f"{language}.toml")


def _read(path: Path) -> tuple[Mapping[str, FaultText], FaultText]:
    """Every text of a file by its code, and the generic one."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _damaged(path, f"cannot be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _damaged(path, f"is not valid TOML: {error}") from error
    parsed = {code: _parsed(path, code, table) for code, table in tables.items()}
    generic = parsed.pop(_GENERIC, None)
    if generic is None:
        raise _damaged(path, f"has no table [{_GENERIC}]")
    return MappingProxyType(parsed), generic


def _parsed(path: Path, code: str, table: object) -> FaultText:
    try:
        return msgspec.convert(table, FaultText)
    except msgspec.ValidationError as error:
        raise _damaged(path, f"[{code}]: {error}") from error


def _damaged(path: Path, what: str) -> TextsError:
    return TextsError(f"{path} {what}; install the laddvakt package again")


def _naming(code: str, generic: FaultText) -> FaultText:
    """The generic text with the code in its place."""
    return replace(
        generic,
        meaning=generic.meaning.replace("{code}", code),
        next=generic.next.replace("{code}", code),
        checks=tuple(
            replace(check, expect=check.expect.replace("{code}", code)) for check in generic.checks
        ),
    )
