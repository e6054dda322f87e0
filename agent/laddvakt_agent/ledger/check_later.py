"""Do the CDRs that take others back, or come in their place, belong to what they follow?"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace

import msgspec

from laddvakt_agent.ledger.points import Point, note, ok, wrong
from laddvakt_agent.published import CdrRecord

_LEAST_WH = 0.01  # registers and their differences are kept in whole mWh
_REPORT = "keep an export (laddvakt ledger export) and report it: no start of the agent mends this"


def chains(rows: sqlite3.Connection, where: str) -> Iterator[Point]:
    """A finding for each that does not; nothing at all where no CDR was ever taken back."""
    found = rows.execute(
        "SELECT id, body, credits, (SELECT b.body FROM every_cdr AS b WHERE b.id = c.follows)"
        " AS before FROM later_cdrs AS c ORDER BY c.rowid"
    ).fetchall()
    for record in found:
        if record["before"] is None:
            yield note(
                "credits", f"CDR {record['id']}: what it follows is not there any more", where
            )
    found = [record for record in found if record["before"] is not None]
    said = [(record["id"], _broken(record["body"], record["before"])) for record in found]
    for cdr_id, what in said:
        if what:
            yield wrong("credits", f"CDR {cdr_id}: {what}", where=where, remedy=_REPORT)
    if found and not any(what for _, what in said):
        credited = sum(record["credits"] is not None for record in found)
        told = f"taken back: {credited}, billed anew: {len(found) - credited}"
        yield ok("credits", told, where)


def _broken(body: str, before: str) -> str:
    """What is wrong with one; nothing where it belongs to the one before it."""
    try:
        cdr = msgspec.json.decode(body, type=CdrRecord)
        first = msgspec.json.decode(before, type=CdrRecord)
    except msgspec.DecodeError as error:
        return f"it cannot be read ({error})"
    if cdr.credits is not None:
        same = replace(
            cdr, id=first.id, credits=None, follows=first.follows, created_at=first.created_at
        )
        return "" if same == first else f"it takes something else back than CDR {first.id}"
    if first.credits is None:
        return f"CDR {first.id} was not taken back"
    in_periods = sum(period.energy_wh for period in cdr.session.periods)
    if abs(cdr.session.energy_wh - in_periods) > _LEAST_WH:
        return f"{cdr.session.energy_wh:.3f} Wh, but its periods add up to {in_periods:.3f} Wh"
    return ""
