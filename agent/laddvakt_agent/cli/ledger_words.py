"""The ledger's rows as short plain tables; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from laddvakt_agent.ledger.listing import Row, Value

NONE = "–"
_MARKS = {"synced": "", "peer": "~"}  # anything else is uncertain
_LEGEND = {
    "~": "~ the backend told the time: right to within seconds",
    "?": "? no time source since that boot: only the order is certain",
}
Cell: TypeAlias = Callable[[Row], str]


def table(kind: str, rows: Sequence[Row]) -> Iterator[str]:
    """Headings and rows in columns, and what the marks in them mean."""
    if not rows:
        yield f"No {_CALLED.get(kind, kind)}."
        return
    spec = TABLES[kind]
    cells = [[heading for heading, _ in spec]]
    cells += [[cell(row) for _, cell in spec] for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(len(spec))]
    for line in cells:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        yield "  ".join(padded).rstrip()
    shown = {_mark(row) for row in rows} if any(h in _TIMES for h, _ in spec) else set()
    yield from (text for mark, text in _LEGEND.items() if mark in shown)


def _time(name: str) -> Cell:
    """2027-01-31T10:00:00.123Z → 2027-01-31 10:00:00, with a mark where that is not certain."""

    def cell(row: Row) -> str:
        text = row.get(name)
        if not isinstance(text, str):
            return NONE
        return f"{text[:10]} {text[11:19]}{_mark(row)}"

    return cell


def _mark(row: Row) -> str:
    return _MARKS.get(str(row.get("exactness")), "?")


def _text(name: str) -> Cell:
    return lambda row: _shown(row.get(name))


def _shown(value: Value) -> str:
    if value is None or value == "":
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return " ".join(str(value).split())


def _energy(start: Value, end: Value) -> str:
    if not isinstance(start, int | float) or not isinstance(end, int | float):
        return NONE
    return f"{max(0.0, end - start) / 1000:.3f} kWh"


def _session_energy(row: Row) -> str:
    end = row.get("end_wh")
    return _energy(row.get("start_wh"), row.get("last_wh") if end is None else end)


def _session_state(row: Row) -> str:
    if row.get("cdr_id"):
        return "billed"
    if row.get("unbilled"):
        return f"not billed: {row['unbilled']}"
    if row.get("ended_at") is None:
        return "open"
    return "settled" if row.get("settled") else "ended"


def _of_bill(name: str) -> Callable[[Row], Value]:
    def value(row: Row) -> Value:
        body = row.get("body")
        session = body.get("session") if isinstance(body, dict) else None
        holder = session if name in ("energy_wh", "start_wh") else body
        return holder.get(name) if isinstance(holder, dict) else None

    return value


def _bill_energy(row: Row) -> str:
    return _energy(0.0, _of_bill("energy_wh")(row))


def _retries(row: Row) -> str:
    spent = row.get("spent_s")
    return str(len(spent)) if isinstance(spent, list) else NONE


def _end_of_run(row: Row) -> str:
    return "in good order" if row.get("ended") else "still runs, or cut off"


_CALLED = {
    "cdrs": "bills",
    "status": "status intervals",
    "clock": "steps of the clock",
    "security": "entries in the security log",
    "dropped": "rows were ever dropped",
}
TABLES: dict[str, tuple[tuple[str, Cell], ...]] = {
    "sessions": (
        ("BEGUN (UTC)", _time("begun_at")),
        ("ENDED", _time("ended_at")),
        ("CONNECTOR", _text("connector")),
        ("ENERGY", _session_energy),
        ("STATE", _session_state),
        ("WHY IT ENDED", _text("end_reason")),
        ("ID", _text("id")),
    ),
    "cdrs": (
        ("MADE (UTC)", _time("made_at")),
        ("CONNECTOR", _text("connector")),
        ("ENERGY", _bill_energy),
        ("TAKES BACK", _text("credits")),
        ("CONFIRMED", _text("acknowledged")),
        ("REMARK", lambda row: _shown(_of_bill("remark")(row))),
        ("SESSION", _text("session_id")),
        ("ID", _text("id")),
    ),
    "faults": (
        ("SINCE (UTC)", _time("since_at")),
        ("CLEARED", _time("cleared_at")),
        ("CODE", _text("code")),
        ("SUBJECT", _text("subject")),
        ("LOCKED", _text("locked_out")),
        ("EVIDENCE", _text("evidence")),
    ),
    "status": (
        ("BEGUN (UTC)", _time("begun_at")),
        ("ENDED", _time("ended_at")),
        ("EVSE", _text("evse_uid")),
        ("STATUS", _text("status")),
        ("CLASS", _text("cause_class")),
        ("CAUSE", _text("cause")),
    ),
    "commands": (
        ("AT (UTC)", _time("at")),
        ("WHO", _text("who")),
        ("VERB", _text("verb")),
        ("CONNECTOR", _text("connector")),
        ("DETAIL", _text("detail")),
        ("OUTCOME", _text("outcome")),
    ),
    "security": (
        ("AT (UTC)", _time("at")),
        ("NUMBER", _text("number")),
        ("EVENT", _text("event")),
        ("WHO", _text("who")),
        ("RESULT", _text("result")),
        ("DETAIL", _text("detail")),
    ),
    "tests": (
        ("AT (UTC)", _time("at")),
        ("CONNECTOR", _text("connector")),
        ("TEST", _text("test")),
        ("PASSED", _text("passed")),
        ("DETAIL", _text("detail")),
    ),
    "contactors": (
        ("CONNECTOR", _text("connector")),
        ("OPERATIONS", _text("operations")),
        ("UNDER LOAD", _text("load_openings")),
        ("AS OF (UTC)", _time("changed_at")),
    ),
    "latches": (
        ("CONNECTOR", _text("connector")),
        ("FAULT", _text("code")),
        ("SUBJECT", _text("subject")),
        ("LOCKED OUT", _text("locked_out")),
        ("STANDS", _text("active")),
        ("RETRIES USED", _retries),
    ),
    "clock": (
        ("AT (UTC)", _time("at")),
        ("FROM", _text("from_wall")),
        ("TO", _text("to_wall")),
        ("CLOCK", _text("clock_state")),
        ("WHY", _text("reason")),
    ),
    "dropped": (
        ("CLASS", _text("class")),
        ("ROWS", _text("rows")),
        ("LAST (UTC)", _time("last_at")),
    ),
    "runs": (
        ("RUN", _text("run")),
        ("STARTED (UTC)", _time("started_at")),
        ("LAST ALIVE", _time("last_at")),
        ("ENDED", _end_of_run),
        ("VERSION", _text("version")),
    ),
}
_TIMES = frozenset(heading for spec in TABLES.values() for heading, _ in spec if "(UTC)" in heading)
