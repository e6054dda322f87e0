"""Explanations as JSON: times on the wall, faults by their code and title."""

from __future__ import annotations

from laddvakt_agent.core.explain import Link, explain
from laddvakt_agent.guard import Guard
from laddvakt_agent.texts import text_for
from laddvakt_agent.wall import Wall

JsonObject = dict[str, object]


def explained(guard: Guard, wall: Wall, now_s: float) -> JsonObject:
    """Both answers about one connector, for `laddvakt explain`."""
    told = explain(guard.settings, guard.connector, guard.inputs, now_s)
    return {
        "id": told.connector,
        "state": guard.connector.life.state.value,
        "charging": told.charging,
        "why": [_link(link, wall, now_s) for link in told.why],
        "current": [_link(link, wall, now_s) for link in told.current],
    }


def _link(link: Link, wall: Wall, now_s: float) -> JsonObject:
    fault, since_s = link.fault, link.since_s
    moment = None if since_s is None else wall.at(since_s).isoformat(timespec="seconds")
    return {
        "what": link.what,
        "since": None if moment is None else moment.replace("+00:00", "Z"),
        "for_s": None if since_s is None else round(max(now_s - since_s, 0.0), 1),
        "change": link.change or None,
        "fault": None
        if fault is None
        else {
            "code": fault.code,
            "subject": fault.subject,
            "title": text_for(fault.code, "en").title,
            "evidence": fault.evidence,
        },
    }
