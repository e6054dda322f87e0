"""The pages for people: what was agreed, what stands now, what came last, and a few forms.

Without JavaScript, readable on a phone; everything that came from outside is escaped.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

from laddvakt_sim.backend.validate import objects

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from laddvakt_sim.backend.validate import Json

_STYLE: Final = """
:root{color-scheme:light dark}
body{font:16px/1.45 system-ui,sans-serif;margin:0 auto;padding:1rem;max-width:72rem}
h1{font-size:1.3rem}h2{font-size:1.05rem;margin:1.6rem 0 .4rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%}
td,th{text-align:left;padding:.25rem .6rem .25rem 0;border-bottom:1px solid #8884;
vertical-align:top}
.bad{color:#c22;font-weight:600}
pre{margin:0;white-space:pre-wrap;overflow-wrap:anywhere;max-width:40rem;font-size:.85rem}
form{border:1px solid #8884;border-radius:.4rem;padding:.8rem;margin:.6rem 0}
label{display:block;margin:.3rem 0}
input,select,button{font:inherit;width:100%;max-width:28rem;box-sizing:border-box;padding:.35rem}
button{margin-top:.5rem}
"""
_TABLES: Final = (
    ("Faults", "faults", "code severity evse_uid started_at cleared_at locked_out cause"),
    ("Sessions", "sessions", "id evse_uid status kwh start_date_time end_date_time"),
    ("CDRs", "cdrs", "id session_id total_energy total_time end_date_time remark"),
    ("Tariffs received", "tariffs", "id currency type last_updated"),
    ("Tokens to be pulled", "tokens", "uid type contract_id valid whitelist"),
    ("Tariffs to be pulled", "own_tariffs", "id currency type last_updated"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Everything the first page shows."""

    objects: Mapping[str, list[dict[str, Json]]]
    latest: list[dict[str, Json]]  # requests received, newest first
    calls: list[dict[str, Json]]  # requests sent, newest first
    orders: list[dict[str, Json]]  # commands and profiles, newest first
    active: list[dict[str, Json]]
    agreement: dict[str, Json]
    own: str  # country, party and versions of this backend


def render(view: View) -> str:
    """The first page as HTML; it renews itself."""
    parts = [
        f"<p>{escape(view.own)} · <a href='/steer'>send commands, misbehave, register</a></p>",
        _section("Agreement", _agreement(view.agreement)),
        _section("EVSEs", _evses(view.objects["locations"])),
        _section("Commands and profiles", _orders(view.orders)),
    ]
    for title, module, columns in _TABLES:
        items = view.objects.get(module, [])
        if items or module in ("faults", "sessions", "cdrs"):
            parts.append(_section(f"{title} ({len(items)})", _rows(items, columns.split())))
    if view.active:
        told = _rows(view.active, ["at", "session_id", "body", "errors"])
        parts.append(_section("Profiles in force", told))
    parts += [
        _section("Last requests received", _requests(view.latest, "path")),
        _section("Last requests sent", _requests(view.calls, "url")),
    ]
    return document("Simulated OCPI backend", "".join(parts), refresh_s=2)


def document(title: str, body: str, *, refresh_s: int | None = None) -> str:
    """A whole page; `body` is HTML, `title` is text."""
    refresh = f'<meta http-equiv="refresh" content="{refresh_s}">' if refresh_s else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"{refresh}<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1>{body}</body></html>"
    )


def _section(title: str, html: str) -> str:
    return f"<h2>{escape(title)}</h2><div class='wide'>{html}</div>"


def _agreement(agreement: dict[str, Json]) -> str:
    if not agreement["registered"]:
        return "<p>nobody is registered; the pre-agreed token opens every module</p>"
    parties = ", ".join(
        f"{role.get('country_code')}-{role.get('party_id')} ({role.get('role')})"
        for role in objects(agreement["roles"])
    )
    rows: list[dict[str, Json]] = [
        {"what": "parties", "value": parties},
        {"what": "version", "value": agreement["version"]},
        {"what": "their versions", "value": agreement["versions_url"]},
        {"what": "begun by", "value": agreement["started_by"]},
        *(
            {"what": f"{item.get('identifier')} {item.get('role')}", "value": item.get("url")}
            for item in objects(agreement["endpoints"])
        ),
    ]
    return _rows(rows, ["what", "value"])


def _evses(locations: list[dict[str, Json]]) -> str:
    rows = [
        {**evse, "location": location["id"]}
        for location in locations
        for evse in objects(location.get("evses"))
    ]
    return _rows(rows, ["location", "uid", "evse_id", "status", "last_updated"])


def _orders(orders: list[dict[str, Json]]) -> str:
    rows = []
    for order in orders:
        answer = order["answer"]
        data = answer.get("data") if isinstance(answer, dict) else None
        results = objects(order["results"])
        errors = [*_errors(answer), *(problem for item in results for problem in _errors(item))]
        rows.append(
            {
                "command": order["command"],
                "answer": data.get("result") if isinstance(data, dict) else None,
                "result": ", ".join(str(item["result"]) for item in results) or None,
                "errors": "; ".join(errors) or None,
            }
        )
    return _rows(rows[:50], ["command", "answer", "result", "errors"])


def _errors(item: Json) -> list[str]:
    errors = item.get("errors") if isinstance(item, dict) else None
    return [str(error) for error in errors] if isinstance(errors, list) else []


def _rows(items: Iterable[Mapping[str, Json]], columns: list[str]) -> str:
    body = [
        "<tr>" + "".join(f"<td>{_cell(name, item.get(name))}</td>" for name in columns) + "</tr>"
        for item in items
    ][-50:]
    if not body:
        return "<p>none yet</p>"
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    return f"<table><tr>{head}</tr>{''.join(body)}</table>"


def _cell(name: str, value: Json) -> str:
    bad = name == "errors" and value
    return f"<span class='bad'>{_text(value)}</span>" if bad else _text(value)


def _requests(items: list[dict[str, Json]], where: str) -> str:
    rows = []
    for item in items[:50]:
        errors = item["errors"]
        fine = not errors and item["http_status"] in (200, 201)
        verdict = f"{_text(item['http_status'])} / {_text(item['status_code'])}"
        rows.append(
            f"<tr><td>{_text(item['at'])}</td>"
            f"<td>{_text(item['method'])} {_text(item[where])}</td>"
            f"<td{'' if fine else ' class=bad'}>{verdict} {_text(errors or None)}</td>"
            f"<td><details><summary>body</summary><pre>{_body(item, where)}</pre></details>"
            "</td></tr>"
        )
    return f"<table>{''.join(rows)}</table>" if rows else "<p>none yet</p>"


def _body(item: dict[str, Json], where: str) -> str:
    if "/credentials" in str(item[where]):
        return "not shown: it holds a token, see /agreement"
    value = item["body"]
    return escape(value if isinstance(value, str) else json.dumps(value, indent=1))


def _text(value: Json) -> str:
    if value is None:
        return "–"
    return escape(value if isinstance(value, str) else json.dumps(value))
