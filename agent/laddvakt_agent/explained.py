"""Explanations as JSON: times on the wall, faults by their code and title."""

from __future__ import annotations

from laddvakt_agent.core.explain.chains import Link, explain
from laddvakt_agent.guard import Guard
from laddvakt_agent.texts import text_for
from laddvakt_agent.wall import Wall

JsonObject = dict[str, object]


def explained(guard: Guard, wall: Wall, now_s: float) -> JsonObject:
    """Both answers about one connector, for `laddvakt explain`."""
    told = explain(guard.settings, guard.connector, guard.inputs, now_s, shell=_held(guard))
    return {
        "id": told.connector,
        "state": guard.connector.life.state.value,
        "charging": told.charging,
        "why": [_link(link, wall, now_s) for link in told.why],
        "current": [_link(link, wall, now_s) for link in told.current],
    }


def _held(guard: Guard) -> Link | None:
    """What the agent itself waits for, although somebody wants to charge; the core cannot know."""
    if guard.shutting_down:
        return Link(what="the agent is being stopped", change="its next start")
    if not guard.durable and guard.in_service:
        return Link(
            what="the ledger cannot be written, so that no session could be billed",
            change="free or remount the disk, then: systemctl restart laddvakt",
        )
    wanted = guard.in_service and guard.charging_wanted and guard.keeper.running is None
    return _awaited(guard) if wanted else None


def _awaited(guard: Guard) -> Link | None:
    """What an authorised session still waits for before it begins."""
    if not guard.prepared:
        return Link(
            what="authorised; the board has not confirmed yet what it does if the agent dies",
            change="by itself, once the board answers",
        )
    if guard.keeper.ending:
        return Link(
            what="authorised; the last session still waits for its final meter value",
            change="by itself, within seconds",
        )
    return None


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
