"""Explanations as JSON: times on the wall, faults by their code and title."""

from __future__ import annotations

from dataclasses import replace

from laddvakt_agent.core.explain.chains import Link, explain
from laddvakt_agent.core.life.limits import PROFILE
from laddvakt_agent.core.model import State
from laddvakt_agent.guard import Guard
from laddvakt_agent.shown import iso
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
        "why": [_link(link, wall, now_s) for link in (*told.why, *_kept(guard, told.why))],
        "current": [_link(_owned(link, guard), wall, now_s) for link in told.current],
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
    if not guard.in_service or guard.keeper.running is not None:
        return None
    if guard.kept_from(guard.token, guard.group_id):
        return _reserved(guard)
    return _awaited(guard) if guard.charging_wanted else None


def _reserved(guard: Guard) -> Link | None:
    held = guard.reservation
    if held is None:
        return None
    return Link(
        what=f"reserved for a customer of {held.customer} until {iso(held.expires_at)}",
        change="that customer's card or app, a cancellation, or its end",
    )


def _kept(guard: Guard, why: tuple[Link, ...]) -> tuple[Link, ...]:
    """For whom it is reserved, where nobody has plugged in yet."""
    link = _reserved(guard) if guard.connector.life.state is State.RESERVED else None
    return () if link is None or link in why else (link,)


def _owned(link: Link, guard: Guard) -> Link:
    """Whose charging profile it is: the core knows its current alone."""
    who = "" if guard.ceiling is None else guard.ceiling.who()
    if not who or not link.what.startswith(f"{PROFILE}: "):
        return link
    return replace(link, what=link.what.replace("charging profile", f"charging profile of {who}"))


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
