"""HTTP to the backend: the only place that knows aiohttp.

HTTP 200 alone never means success, and nothing a receiver answers may stop the uplink: every
answer becomes an `Answer` or one of the errors in `errors.py`.
"""

from __future__ import annotations

import base64
import ssl
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urljoin, urlsplit

import aiohttp
import msgspec
from yarl import URL

from laddvakt_agent.uplink.dated import dated_context
from laddvakt_agent.uplink.errors import (
    CHECK_TLS,
    CHECK_URL,
    FINAL_URL,
    Missing,
    Rejected,
    ServerFailed,
    Unanswered,
    Unauthorised,
    Unreachable,
    UplinkError,
)
from laddvakt_agent.uplink.peer import Heard, on_this_machine

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping
    from types import TracebackType

    from laddvakt_agent.uplink.objects import Content
    from laddvakt_agent.uplink.peer import PeerTime
    from laddvakt_agent.uplink.settings import UplinkSettings

MAX_ANSWER_BYTES = 262_144  # no answer to a push needs more; a runaway one must not fill the memory
_CHUNK_BYTES = 16_384
_MAX_MESSAGE = 200
_MAX_RETRY_AFTER_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A success: the envelope's data, and the `Location` header where it is of our receiver."""

    data: object
    location_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reply:
    status: int
    headers: Mapping[str, str]
    content: bytes


def join_url(endpoint: str, *segments: str) -> str:
    """An object's URL; every segment is quoted, a slash at the endpoint's end does not matter."""
    return "/".join((endpoint.rstrip("/"), *(quote(segment, safe="") for segment in segments)))


class Client:
    """One receiver. Use as an async context manager."""

    def __init__(
        self, settings: UplinkSettings, rng: random.Random, peer: PeerTime | None = None
    ) -> None:
        self._settings = settings
        self._rng = rng
        self._peer = peer
        self._dated: ssl.SSLContext | None = None
        timeout_s = settings.request_timeout_s
        self._session = aiohttp.ClientSession(
            headers=_headers(settings),
            # Connecting gets half, so that "no connection" is known before "no answer".
            timeout=aiohttp.ClientTimeout(total=timeout_s, connect=timeout_s / 2),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._session.close()

    def new_id(self) -> str:
        """A UUID for one chain of requests that belong together (X-Correlation-ID)."""
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    async def send(
        self, method: str, url: str, body: Content | None = None, *, correlation_id: str
    ) -> Answer:
        """One request, one answer, within `request_timeout_s`.

        Raises:
            UplinkError: any other outcome than success; the subclass says what to do.
        """
        what = f"{method} {url}"
        headers = {"X-Request-ID": self.new_id(), "X-Correlation-ID": correlation_id}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            reply = await self._exchange(method, url, body, headers)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            remedy = CHECK_TLS if isinstance(error, aiohttp.ClientSSLError) else None
            problem = f"{what}: no connection: {_shown(str(error))}"
            raise Unreachable(problem, remedy=remedy) from error
        except ValueError as error:
            problem = f"{what}: not a usable URL: {_shown(str(error))}"
            raise Unreachable(problem, remedy=CHECK_URL) from error
        except TimeoutError as error:
            limit_s = self._settings.request_timeout_s
            raise Unanswered(f"{what}: no answer within {limit_s} s") from error
        except (aiohttp.ClientError, OSError) as error:
            detail = _shown(f"{type(error).__name__} {error}")
            raise Unanswered(f"{what}: the connection broke: {detail}") from error
        return _judge(what, url, reply)

    async def ask(self) -> None:
        """One harmless request, for the time its answer tells.

        While nothing is known of the time a certificate cannot be checked for its dates: then the
        token stays here, and a refusal is answer enough.

        Raises:
            UplinkError: no answer, or no success.
        """
        settings = self._settings
        url = join_url(
            settings.endpoints.locations,
            settings.country_code,
            settings.party_id,
            settings.location.id,
        )
        await self.send("GET", url, correlation_id=self.new_id())

    async def _exchange(
        self, method: str, url: str, body: Content | None, headers: dict[str, str]
    ) -> _Reply:
        data = None if body is None else msgspec.json.encode(body)
        sent_s = 0.0 if self._peer is None else self._peer.now_s()
        async with self._session.request(
            method,
            URL(url, encoded=True),
            data=data,
            headers={**headers, **self._credentials(url)},
            ssl=self._checks(),
            allow_redirects=False,  # the token is for the configured receiver only
        ) as response:
            got_s = 0.0 if self._peer is None else self._peer.now_s()
            content = bytearray()
            async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                content += chunk
                if len(content) > MAX_ANSWER_BYTES:
                    raise Unanswered(
                        f"{method} {url}: the answer is longer than {MAX_ANSWER_BYTES} bytes",
                        remedy=CHECK_URL,
                    )
            reply = _Reply(
                status=response.status, headers=dict(response.headers), content=bytes(content)
            )
        if self._peer is not None:
            self._peer.heard(
                Heard(
                    url=url,
                    headers=reply.headers,
                    content=reply.content,
                    sent_s=sent_s,
                    got_s=got_s,
                )
            )
        return reply

    def _checks(self) -> ssl.SSLContext | bool:
        """How certificates are checked: as always, but while the clock is unset."""
        if self._peer is None or not self._peer.unset:
            return True
        if self._dated is None:
            self._dated = dated_context(self._peer.believed)
        return self._dated

    def _credentials(self, url: str) -> dict[str, str]:
        """Who we are, for a backend whose certificate could be checked whole."""
        here = on_this_machine(urlsplit(url).hostname or "")
        if self._peer is not None and self._peer.unset and self._peer.held and not here:
            return {}
        return _authorization(self._settings)


def _headers(settings: UplinkSettings) -> dict[str, str]:
    headers = {
        "Accept": "application/json",
        "OCPI-from-country-code": settings.country_code,
        "OCPI-from-party-id": settings.party_id,
    }
    if settings.to_country_code is not None and settings.to_party_id is not None:
        headers["OCPI-to-country-code"] = settings.to_country_code
        headers["OCPI-to-party-id"] = settings.to_party_id
    return headers


def _authorization(settings: UplinkSettings) -> dict[str, str]:
    # transport_and_format, Authorization header: base64 of the token, RFC 4648 section 4.
    token = base64.b64encode(settings.token.encode()).decode()
    return {"Authorization": f"Token {token}"}


def _judge(what: str, url: str, reply: _Reply) -> Answer:
    """Success or the error the reply stands for."""
    status_code, message, data = _envelope(reply.content)
    told = f"{what}: HTTP {reply.status}, OCPI {status_code}: {message}"
    location_url = _own_location(url, reply.headers)
    if not 200 <= reply.status < 300:
        raise _http_error(told, reply, location_url, status_code)
    if status_code is None:
        problem = f"{what}: HTTP {reply.status} without an OCPI answer: {message}"
        raise Unanswered(problem, location_url=location_url, remedy=CHECK_URL)
    if 1000 <= status_code < 2000:
        return Answer(data=data, location_url=location_url)
    if 2000 <= status_code < 3000:
        raise Rejected(told, location_url=location_url, status_code=status_code)
    raise ServerFailed(told, location_url=location_url, status_code=status_code)


def _http_error(
    told: str, reply: _Reply, location_url: str | None, status_code: int | None
) -> UplinkError:
    if reply.status in (401, 403):
        return Unauthorised(told)
    if reply.status == 404:
        return Missing(told, status_code=status_code)
    if reply.status >= 500 or reply.status in (408, 425, 429):
        retry_after_s = _retry_after_s(reply.headers)
        return ServerFailed(told, retry_after_s=retry_after_s, location_url=location_url)
    if 300 <= reply.status < 400:
        return ServerFailed(f"{told} (redirects are not followed)", remedy=FINAL_URL)
    return Rejected(told, location_url=location_url, status_code=status_code)


def _envelope(content: bytes) -> tuple[int | None, str, object]:
    """Status code, message and data; the code is `None` when this is no OCPI envelope."""
    try:
        envelope: object = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None, _shown(content.decode(errors="replace")) or "empty answer", None
    if not isinstance(envelope, dict):
        return None, "JSON, but no envelope", None
    code = envelope.get("status_code")
    if isinstance(code, bool) or not isinstance(code, int):
        return None, "an envelope without a status_code", None
    return code, _shown(str(envelope.get("status_message") or "")), envelope.get("data")


def _shown(text: str) -> str:
    """One short line of foreign text, fit for a log."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= _MAX_MESSAGE else f"{line[: _MAX_MESSAGE - 1]}…"


def _own_location(url: str, headers: Mapping[str, str]) -> str | None:
    """The `Location` header, if it stays with our receiver: our token goes nowhere else."""
    named = next((value for name, value in headers.items() if name.lower() == "location"), None)
    if named is None:
        return None
    try:
        target = urljoin(url, named)
        here, there = urlsplit(url), urlsplit(target)
        is_own = (here.scheme, here.hostname, here.port) == (
            there.scheme,
            there.hostname,
            there.port,
        )
    except ValueError:
        return None
    return target if is_own else None


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """The `Retry-After` header in its form with seconds, within a day."""
    named = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    return min(float(named), _MAX_RETRY_AFTER_S) if named.isdecimal() and named.isascii() else None
