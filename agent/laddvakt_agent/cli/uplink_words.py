"""Platforms and requests in words as a person reads them; pure."""

from __future__ import annotations

from collections.abc import Iterator

from laddvakt_agent.cli.bus_words import table
from laddvakt_agent.cli.client import Json, JsonObject
from laddvakt_agent.cli.words import NONE, objects

_MOST_SHOWN = 10  # of what waits; --json has all of it
_LOG = ("when", "platform", "request", "HTTP", "OCPI", "ms", "correlation id")
_DONE = {
    "register": "Registered with",
    "rotate": "New tokens are in force with",
    "unregister": "The agreement has ended with",
}


def well(platform: JsonObject) -> bool:
    """Whether nothing stands against it: agreed on, reached, and nothing held up."""
    if not platform.get("registered") or not platform.get("told"):
        return False
    if any(one.get("reason") for one in objects(platform, "waiting")):
        return False
    return not platform.get("refused") and bool(
        platform.get("reachable") or not platform.get("pending")
    )


def platform_lines(platform: JsonObject) -> Iterator[str]:
    """One platform: what was agreed on, how it is, what waits."""
    yield f"{platform.get('name')}: {_agreed(platform)}"
    for key, said in (("told_of", "told of"), ("modules", "its modules")):
        named = _texts(platform.get(key))
        if named:
            yield f"  {said}: {', '.join(named)}"
    if platform.get("trouble"):
        yield f"  {platform.get('trouble')}"
        yield f"    {platform.get('remedy') or 'see: journalctl -u laddvakt'}"
    if platform.get("told"):
        yield f"  {_reached(platform)}"
    yield from _waiting(objects(platform, "waiting"))


def agreement_lines(verb: str, platform: JsonObject) -> Iterator[str]:
    """What came of changing an agreement."""
    yield f"{_DONE.get(verb, 'Done with')} {platform.get('name')}."
    yield from platform_lines({**platform, "told": False, "waiting": []})


def log_lines(requests: list[JsonObject]) -> Iterator[str]:
    """The requests as a table, the newest last."""
    if not requests:
        yield "No request has been made yet."
        return
    yield from table(_LOG, [_request(one) for one in requests])


def _agreed(platform: JsonObject) -> str:
    version = platform.get("version")
    parts = [f"OCPI {version}" if version else "no version agreed on", f"{platform.get('mode')}"]
    if not platform.get("registered"):
        device = platform.get("mode") == "device"  # there is nothing to register
        parts.append("addresses NOT found" if device else "NOT registered")
    elif platform.get("since"):
        parts.append(f"since {platform.get('since')}")
    parties, roles = _texts(platform.get("parties")), _texts(platform.get("roles"))
    named = [" ".join(pair) for pair in zip(parties, roles, strict=False)]
    if named:
        parts.append(f"speaks for {', '.join(named)}")
    if platform.get("confirmed") is False:
        parts.append("it has not used our newest token yet")
    return ", ".join(parts)


def _reached(platform: JsonObject) -> str:
    ago = platform.get("last_success_ago_s")
    last = "nothing confirmed yet" if ago is None else f"last confirmed {_span(ago)} ago"
    held_up = any(one.get("reason") for one in objects(platform, "waiting"))
    if platform.get("waits_for_clock") and not held_up:
        return "waits until it is known what time it is; let NTP set this controller's clock"
    pending = platform.get("pending")
    waits = "everything is told" if not pending else f"{pending} waiting"
    if platform.get("refused"):
        return f"REFUSES something; {waits}, {last}"
    if pending and not platform.get("reachable"):
        return f"NOT reached; {waits}, {last}"
    return f"{waits}, {last}"


def _waiting(waiting: list[JsonObject]) -> Iterator[str]:
    """Each object, and a reason once however many it holds up."""
    said: str | None = None
    for one in waiting[:_MOST_SHOWN]:
        again = one.get("again_in_s")
        when = "now" if again is None else f"in {_span(again)}"
        yield f"  waits: {one.get('kind')} {one.get('id')} since {one.get('since')}, tried {when}"
        reason = one.get("reason")
        if reason and reason != said:
            said = str(reason)
            yield f"    {said}"
            yield f"    {one.get('remedy')}"
    if len(waiting) > _MOST_SHOWN:
        yield f"  … and {len(waiting) - _MOST_SHOWN} more"


def _request(one: JsonObject) -> list[str]:
    trouble = one.get("trouble")
    status = one.get("http_status")
    return [
        str(one.get("at")),
        str(one.get("platform")),
        f"{one.get('method')} {one.get('path')}",
        str(trouble or NONE) if status is None else str(status),
        _cell(one.get("status_code")),
        _cell(one.get("duration_ms")),
        str(one.get("correlation_id")),
    ]


def _cell(value: Json) -> str:
    return NONE if value is None else str(value)


def _texts(value: Json) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _span(seconds: Json) -> str:
    if not isinstance(seconds, int | float):
        return NONE
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
