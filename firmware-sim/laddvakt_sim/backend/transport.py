"""The HTTP side of OCPI: request headers, routing, envelope."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aiohttp import web

from laddvakt_sim.backend.answer import INVALID, Answer, refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from laddvakt_sim.backend.validate import Json

_ECHOED = ("X-Request-ID", "X-Correlation-ID")
_SWAPPED = {
    "OCPI-to-party-id": "OCPI-from-party-id",
    "OCPI-to-country-code": "OCPI-from-country-code",
    "OCPI-from-party-id": "OCPI-to-party-id",
    "OCPI-from-country-code": "OCPI-to-country-code",
}
_UNROUTED = ("versions", "credentials")
_NOT_BROADCAST = ("sessions", "cdrs")
_UNKNOWN_RECEIVER = 4001


def utc_now() -> str:
    """Now as an OCPI DateTime."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def header_errors(headers: Mapping[str, str], *, has_body: bool) -> list[str]:
    """What transport_and_format demands of every request and is not there."""
    errors = [f"{name}: header is missing" for name in _ECHOED if not headers.get(name)]
    content_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if has_body and content_type != "application/json":
        errors.append(f"Content-Type: application/json is required, got {content_type!r}")
    return errors


def misrouted(
    headers: Mapping[str, str],
    method: str,
    module: str,
    parties: tuple[str, ...] | None,
    hub: str | None,
    senders: frozenset[str] | None = None,
) -> Answer | None:
    """Why the routing headers do not do, `None` when they do: Message Routing.

    Parties are country and party in one; `None`: any may be meant, or any may ask. A hub wants to
    know from whom a request comes; it passes none on to parties it does not know, and broadcasts
    what is meant for everybody alone.
    """
    sender, receiver = _party(headers, "from"), _party(headers, "to")
    if module in _UNROUTED:
        given = sender is not None or receiver is not None
        return refused(f"OCPI-…: no routing headers with {module}") if given else None
    for which, party in (("from", sender), ("to", receiver)):
        if party is not None and len(party) != 5:
            names = f"OCPI-{which}-country-code and OCPI-{which}-party-id"
            return refused(f"{names}: both are required, of 2 and 3 characters, or none")
    if senders is not None and sender is not None and sender not in senders:
        return refused(f"OCPI-from-…: {sender} is none of your parties")
    if parties is not None and receiver is not None and receiver not in parties:
        code = INVALID if hub is None else _UNKNOWN_RECEIVER
        return refused(f"OCPI-to-…: {receiver} is not known here", status_code=code)
    return None if hub is None else _misrouted_at_hub(method, module, sender, receiver == hub)


def _misrouted_at_hub(
    method: str, module: str, sender: str | None, is_broadcast: bool
) -> Answer | None:
    if sender is None:
        return refused("OCPI-from-party-id: header is missing, a hub has to know who asks")
    if is_broadcast and method != "GET" and module in _NOT_BROADCAST:
        return refused(f"OCPI-to-…: {module} are not for everybody: no broadcast")
    return None


def _party(headers: Mapping[str, str], which: str) -> str | None:
    country = headers.get(f"OCPI-{which}-country-code")
    party = headers.get(f"OCPI-{which}-party-id")
    if country is None and party is None:
        return None
    return f"{country or '':.9}{party or '':.9}".upper() if country and party else "?"


def reply_headers(request: web.Request) -> dict[str, str]:
    """Message ids as they came, routing headers swapped."""
    headers = {name: request.headers[name] for name in _ECHOED if name in request.headers}
    for theirs, ours in _SWAPPED.items():
        if theirs in request.headers:
            headers[ours] = request.headers[theirs]
    return headers


def content_of(answer: Answer) -> dict[str, Json]:
    """The envelope."""
    content: dict[str, Json] = {"status_code": answer.status_code, "timestamp": utc_now()}
    if answer.data is not None:
        content["data"] = answer.data
    if answer.errors:
        content["status_message"] = "; ".join(answer.errors)
    return content


def envelope(request: web.Request, answer: Answer) -> web.Response:
    """The answer as OCPI wants it: envelope, ids echoed, routing headers swapped."""
    return web.Response(
        status=answer.http_status,
        text=json.dumps(content_of(answer)),
        content_type="application/json",
        headers={**reply_headers(request), **answer.headers},
    )
