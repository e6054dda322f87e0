"""What the backend asks the agent, and how strictly it looks at the answers."""

from __future__ import annotations

import base64
import json
import uuid
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import aiohttp

from laddvakt_sim.backend.transport import utc_now
from laddvakt_sim.backend.validate import Json, moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from laddvakt_sim.backend.settings import ServerSettings

_TIMEOUT_S: Final = 15.0
_CONFIGURATION: Final = ("versions", "credentials")
_ROUTED: Final = (
    "OCPI-to-party-id",
    "OCPI-to-country-code",
    "OCPI-from-party-id",
    "OCPI-from-country-code",
)


class CallError(Exception):
    """No answer came, or none that can be used; the message says which request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """An answer of the agent and what is wrong with its form."""

    http_status: int
    status_code: int | None  # None: there was no envelope
    data: Json = None
    message: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    errors: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """HTTP and OCPI both say that it went well."""
        return self.http_status in (200, 201) and self.status_code in range(1000, 2000)

    def told(self) -> str:
        """Status and message, for a sentence."""
        return f"HTTP {self.http_status}, status {self.status_code} {self.message or ''}".strip()

    def shown(self) -> dict[str, Json]:
        """As the control API gives it."""
        return {
            "http_status": self.http_status,
            "status_code": self.status_code,
            "data": self.data,
            "message": self.message,
            "headers": dict(self.headers),
            "errors": list(self.errors),
        }


class Caller:
    """The backend as a client; the last calls can be read back."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._http: aiohttp.ClientSession | None = None
        self.last: deque[dict[str, Json]] = deque(maxlen=100)

    async def close(self) -> None:
        """End every connection."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def ask(
        self,
        method: str,
        url: str,
        token: str,
        *,
        module: str,
        to: str | None = None,
        body: Json = None,
        query: Mapping[str, str] | None = None,
        raw: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Heard:
        """One request; `to` is country and party in one, `raw` goes out as the body as it is.

        Raises:
            CallError: no answer within 15 s, or the connection broke.
        """
        sent = {**self._headers(token, module, to), **(headers or {})}
        text = raw if raw is not None else None if body is None else json.dumps(body)
        if text is not None:
            sent.setdefault("Content-Type", "application/json")
        if self._http is None:
            self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S))
        try:
            async with self._http.request(
                method, url, data=text, params=query, headers=sent, allow_redirects=False
            ) as reply:
                heard = _heard(
                    reply.status, reply.headers, await reply.text(errors="replace"), sent
                )
        except (TimeoutError, aiohttp.ClientError, ValueError) as error:
            problem = f"{method} {url}: {error or type(error).__name__}"
            self._note(method, url, text, None, (problem,))
            raise CallError(problem) from error
        self._note(method, url, text, heard, heard.errors)
        return heard

    def _headers(self, token: str, module: str, to: str | None) -> dict[str, str]:
        sent = {
            "Authorization": f"Token {base64.b64encode(token.encode()).decode()}",
            "X-Request-ID": str(uuid.uuid4()),
            "X-Correlation-ID": str(uuid.uuid4()),
        }
        if module in _CONFIGURATION:
            return sent
        sent["OCPI-from-country-code"] = self._settings.country_code
        sent["OCPI-from-party-id"] = self._settings.party_id
        if to is not None:
            sent["OCPI-to-country-code"], sent["OCPI-to-party-id"] = to[:2], to[2:]
        return sent

    def _note(
        self, method: str, url: str, text: str | None, heard: Heard | None, errors: tuple[str, ...]
    ) -> None:
        self.last.append(
            {
                "at": utc_now(),
                "method": method,
                "url": url,
                "body": text,
                "http_status": None if heard is None else heard.http_status,
                "status_code": None if heard is None else heard.status_code,
                "errors": list(errors),
            }
        )


def _heard(status: int, headers: Mapping[str, str], text: str, sent: Mapping[str, str]) -> Heard:
    try:
        content: Json = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        problem = f"the answer is no envelope: {text[:80]!r}"
        return Heard(http_status=status, status_code=None, headers=headers, errors=(problem,))
    code, message = content.get("status_code"), content.get("status_message")
    return Heard(
        http_status=status,
        status_code=code if isinstance(code, int) and not isinstance(code, bool) else None,
        data=content.get("data"),
        message=None if message is None else str(message),
        headers=headers,
        errors=(*_envelope_errors(content), *_header_errors(headers, sent)),
    )


def _envelope_errors(content: dict[str, Json]) -> list[str]:
    """transport_and_format, Response format."""
    errors = []
    code = content.get("status_code")
    if isinstance(code, bool) or not isinstance(code, int) or not 1000 <= code <= 4999:
        errors.append(f"status_code: a whole number of four digits is required, got {code!r}")
    stamp = content.get("timestamp")
    if moment(stamp) is None or not str(stamp).endswith("Z"):
        errors.append(f"timestamp: a DateTime with Z is required, got {stamp!r}")
    if not isinstance(content.get("status_message"), str | None):
        errors.append("status_message: a string is required")
    return errors


def _header_errors(headers: Mapping[str, str], sent: Mapping[str, str]) -> list[str]:
    """Message ids come back as they went; routing headers swap, or there are none."""
    errors = []
    for name in ("X-Request-ID", "X-Correlation-ID"):
        if headers.get(name) != sent.get(name):
            errors.append(f"{name}: sent {sent.get(name)!r}, got {headers.get(name)!r} back")
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        errors.append(f"Content-Type: application/json is required, got {kind!r}")
    for name in _ROUTED:
        opposite = name.replace("-to-", "-*-").replace("-from-", "-to-").replace("-*-", "-from-")
        got, wanted = headers.get(name), sent.get(opposite)
        # Answers to an open request may say who answered.
        if got is None and wanted is None:
            continue
        if (got or "").upper() != (wanted or "").upper() and not (
            wanted is None and "from" in name
        ):
            errors.append(f"{name}: {wanted!r} was expected, got {got!r}")
    if "OCPI-from-party-id" not in sent and any(name in headers for name in _ROUTED):
        errors.append("OCPI-…: no routing headers with versions and credentials")
    return errors
