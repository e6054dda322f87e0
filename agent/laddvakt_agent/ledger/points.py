"""What an examination of the ledger found, point by point."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Verdict(enum.Enum):
    """What a point means for the one who asked."""

    OK = "ok"
    NOTE = "note"  # nothing is wrong, but somebody should know
    WRONG = "wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One thing that was looked at: what, where, and what to do about it."""

    name: str
    verdict: Verdict
    detail: str
    where: str = ""
    remedy: str = ""


def ok(name: str, detail: str, where: str = "") -> Point:
    """Nothing to do."""
    return Point(name=name, verdict=Verdict.OK, detail=detail, where=where)


def note(name: str, detail: str, where: str = "", remedy: str = "") -> Point:
    """Nothing is wrong, but somebody should know."""
    return Point(name=name, verdict=Verdict.NOTE, detail=detail, where=where, remedy=remedy)


def wrong(name: str, detail: str, *, where: str, remedy: str) -> Point:
    """Something that must not be so."""
    return Point(name=name, verdict=Verdict.WRONG, detail=detail, where=where, remedy=remedy)
