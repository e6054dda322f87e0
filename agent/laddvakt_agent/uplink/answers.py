"""What an answer means: a success, or the error that says what to do. Pure.

HTTP 200 alone never means success, and nothing a receiver answers may stop the uplink.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import msgspec

from laddvakt_agent.uplink.errors import (
    CHECK_URL,
    FINAL_URL,
    Missing,
    Rejected,
    ServerFailed,
    Unanswered,
    Unauthorised,
    UplinkError,
)
from laddvakt_agent.uplink.peer import told_at

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_MESSAGE = 200
_MAX_RETRY_AFTER_S = 86_400.0
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A success: the envelope's data, and the `Location` header where it is of our receiver."""

    data: object
    location_url: str | None
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """An answer as it came."""

    status: int
    headers: Mapping[str, str]
    content: bytes


def judge(what: str, url: str, raw: Raw) -> Answer:
    """Success, or the error the answer stands for; `what` begins its message.

    Raises:
        UplinkError: any other outcome than success; the subclass says what to do.
    """
    status_code, message, data = _envelope(raw.content)
    headers = {name.lower(): value for name, value in raw.headers.items()}
    ocpi = "no OCPI answer" if status_code is None else f"OCPI {status_code}"
    told = f"{what}: HTTP {raw.status}, {ocpi}: {message}"
    location_url = same_origin(url, headers.get("location"))
    if not 200 <= raw.status < 300:
        raise _http_error(told, raw, location_url, status_code)
    if status_code is None:
        problem = f"{what}: HTTP {raw.status} without an OCPI answer: {message}"
        raise Unanswered(problem, location_url=location_url, remedy=CHECK_URL)
    if 1000 <= status_code < 2000:
        return Answer(data=data, location_url=location_url, headers=headers)
    if 2000 <= status_code < 3000:
        raise Rejected(told, location_url=location_url, status_code=status_code)
    raise ServerFailed(told, location_url=location_url, status_code=status_code)


def same_origin(url: str, named: str | None) -> str | None:
    """Where a header points, if it stays with whom we asked: our token goes nowhere else."""
    if named is None:
        return None
    try:
        target = urljoin(url, named)
        is_own = origin(url) == origin(target)
    except ValueError:
        return None
    return target if is_own else None


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port of a URL.

    Raises:
        ValueError: it is none.
    """
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def shown(text: str) -> str:
    """One short line of foreign text, fit for a log."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= _MAX_MESSAGE else f"{line[: _MAX_MESSAGE - 1]}…"


def _http_error(
    told: str, raw: Raw, location_url: str | None, status_code: int | None
) -> UplinkError:
    if raw.status in (401, 403):
        return Unauthorised(told, status_code=status_code)
    if raw.status == 404:
        return Missing(told, status_code=status_code)
    if raw.status >= 500 or raw.status in (408, 425, 429):
        return ServerFailed(
            told,
            retry_after_s=_retry_after_s(raw),
            location_url=location_url,
            status_code=status_code,
        )
    if 300 <= raw.status < 400:
        return ServerFailed(f"{told} (it points elsewhere, not followed)", remedy=FINAL_URL)
    return Rejected(
        told, location_url=location_url, status_code=status_code, http_status=raw.status
    )


def _envelope(content: bytes) -> tuple[int | None, str, object]:
    """Status code, message and data; the code is `None` when this is no OCPI envelope."""
    try:
        envelope: object = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None, shown(content.decode(errors="replace")) or "empty answer", None
    if not isinstance(envelope, dict):
        return None, "JSON, but no envelope", None
    code = envelope.get("status_code")
    if isinstance(code, bool) or not isinstance(code, int):
        return None, "an envelope without a status_code", None
    return code, shown(str(envelope.get("status_message") or "")), envelope.get("data")


def _retry_after_s(raw: Raw) -> float | None:
    """The `Retry-After` header within a day: seconds, or a date by the receiver's own clock."""
    headers = {name.lower(): value for name, value in raw.headers.items()}
    named = headers.get("retry-after", "")
    if named.isdecimal() and named.isascii():
        return min(float(named), _MAX_RETRY_AFTER_S)
    now = told_at(raw.headers, raw.content)
    try:
        until = parsedate_to_datetime(named)
        waits_s = (until - now).total_seconds() if now is not None else None
    except (ValueError, TypeError, OverflowError):  # TypeError: a date without a zone
        return None
    return None if waits_s is None else min(max(waits_s, 0.0), _MAX_RETRY_AFTER_S)
