"""The small page: what stands now, and what came last."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from laddvakt_sim.backend.validate import Json

_STYLE = """
body{font:15px/1.4 system-ui,sans-serif;margin:1.5rem;max-width:70rem}
table{border-collapse:collapse;width:100%;margin-bottom:1.5rem}
td,th{text-align:left;padding:.2rem .6rem;border-bottom:1px solid #ccc;vertical-align:top}
.bad{color:#a00;font-weight:600}
pre{margin:0;white-space:pre-wrap;max-width:40rem}
"""


def render(objects: dict[str, list[dict[str, Json]]], latest: list[dict[str, Json]]) -> str:
    """The whole page as HTML; everything received is escaped."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="refresh" content="2"><title>Simulated OCPI backend</title>'
        f"<style>{_STYLE}</style></head><body><h1>Simulated OCPI backend</h1>"
        f"<h2>EVSEs</h2>{_evses(objects['locations'])}"
        f"<h2>Faults</h2>{_rows(objects['faults'], _FAULT_COLUMNS)}"
        f"<h2>Sessions</h2>{_rows(objects['sessions'], _SESSION_COLUMNS)}"
        f"<h2>CDRs</h2>{_rows(objects['cdrs'], _CDR_COLUMNS)}"
        f"<h2>Last requests</h2>{_requests(latest)}</body></html>"
    )


_FAULT_COLUMNS = ("code", "severity", "evse_uid", "started_at", "cleared_at", "locked_out", "cause")
_SESSION_COLUMNS = ("id", "evse_uid", "status", "kwh", "start_date_time", "end_date_time")
_CDR_COLUMNS = ("id", "session_id", "total_energy", "total_time", "end_date_time", "remark")


def _evses(locations: list[dict[str, Json]]) -> str:
    rows: list[dict[str, Json]] = []
    for location in locations:
        evses = location.get("evses")
        for evse in evses if isinstance(evses, list) else []:
            if isinstance(evse, dict):
                rows.append({"location": location["id"], **evse})
    return _rows(rows, ("location", "uid", "evse_id", "status", "last_updated"))


def _rows(items: list[dict[str, Json]], columns: tuple[str, ...]) -> str:
    if not items:
        return "<p>none yet</p>"
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{_text(item.get(name))}</td>" for name in columns) + "</tr>"
        for item in items[-50:]
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _requests(latest: list[dict[str, Json]]) -> str:
    rows = []
    for item in latest:
        errors = item["errors"]
        bad = ' class="bad"' if errors or item["http_status"] not in (200, 201) else ""
        rows.append(
            f"<tr><td>{_text(item['seq'])}</td><td>{_text(item['at'])}</td>"
            f"<td>{_text(item['method'])} {_text(item['path'])}</td>"
            f"<td{bad}>{_text(item['http_status'])} / {_text(item['status_code'])} "
            f"{_text(errors or None)}</td><td><details><summary>body</summary>"
            f"<pre>{escape(json.dumps(item['body'], indent=1))}</pre></details></td></tr>"
        )
    return f"<table>{''.join(rows)}</table>" if rows else "<p>none yet</p>"


def _text(value: Json) -> str:
    if value is None:
        return "–"
    return escape(value if isinstance(value, str) else json.dumps(value))
