"""The HTTP side of OCPI: token, request headers, envelope."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Mapping

    from laddvakt_sim.backend.receiver import Answer

_ECHOED = ("X-Request-ID", "X-Correlation-ID")
_SWAPPED = {
    "OCPI-to-party-id": "OCPI-from-party-id",
    "OCPI-to-country-code": "OCPI-from-country-code",
    "OCPI-from-party-id": "OCPI-to-party-id",
    "OCPI-from-country-code": "OCPI-to-country-code",
}


def utc_now() -> str:
    """Now as an OCPI DateTime."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def is_authorised(header: str | None, token: str) -> bool:
    """Whether the header is `Token <base64 of the token>`; a bare token is not."""
    scheme, _, encoded = (header or "").partition(" ")
    if scheme != "Token":
        return False
    try:
        given = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return False
    return hmac.compare_digest(given, token.encode())


def header_errors(headers: Mapping[str, str], *, has_body: bool) -> list[str]:
    """What transport_and_format demands of every request and is not there."""
    errors = [f"{name}: header is missing" for name in _ECHOED if not headers.get(name)]
    content_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if has_body and content_type != "application/json":
        errors.append(f"Content-Type: application/json is required, got {content_type!r}")
    return errors


def envelope(request: web.Request, answer: Answer, headers: Mapping[str, str] = {}) -> web.Response:
    """The answer as OCPI wants it: envelope, ids echoed, routing headers swapped."""
    content: dict[str, object] = {"status_code": answer.status_code, "timestamp": utc_now()}
    if answer.data is not None:
        content["data"] = answer.data
    if answer.errors:
        content["status_message"] = "; ".join(answer.errors)
    reply_headers = {name: request.headers[name] for name in _ECHOED if name in request.headers}
    for theirs, ours in _SWAPPED.items():
        if theirs in request.headers:
            reply_headers[ours] = request.headers[theirs]
    return web.Response(
        status=answer.http_status,
        text=json.dumps(content),
        content_type="application/json",
        headers={**reply_headers, **headers},
    )
