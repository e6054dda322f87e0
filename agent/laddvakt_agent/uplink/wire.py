"""HTTP to a platform: the only place of the uplink that calls with aiohttp.

Every answer becomes an `Answer` or one of the errors in `errors.py`.
"""

from __future__ import annotations

import asyncio
import base64
import os
import ssl
import uuid
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp
import msgspec
from yarl import URL

from laddvakt_agent.uplink.answers import Answer, Raw, judge, same_origin, shown
from laddvakt_agent.uplink.dated import dated_context
from laddvakt_agent.uplink.errors import CHECK_TLS, CHECK_URL, Unanswered, Unreachable
from laddvakt_agent.uplink.peer import Heard, on_this_machine
from laddvakt_agent.uplink.reach import REFUSED, outward_socket

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

    from laddvakt_agent.uplink.peer import PeerTime
    from laddvakt_agent.uplink.requestlog import RequestLog

MAX_ANSWER_BYTES = 262_144  # no answer to a push needs more; a runaway one must not fill the memory
MAX_PAGE_BYTES = 4_194_304  # … but a page of somebody's list may
MAX_REDIRECTS = 3
_FOLLOWED = (307, 308)  # those that keep the method and the body, RFC 9110 section 15.4
_CHUNK_BYTES = 16_384
_encoder = msgspec.json.Encoder(decimal_format="number")


def authorization(token: str, *, raw: bool) -> str:
    """The Authorization header: base64 of the token, RFC 4648 section 4, or as it is."""
    written = token if raw else base64.b64encode(token.encode()).decode()
    return f"Token {written}"


class Wire:
    """Requests to one platform, each with a time limit; close it when it is not needed."""

    def __init__(
        self,
        rng: random.Random,
        *,
        request_timeout_s: float,
        peer: PeerTime | None = None,
        log: RequestLog | None = None,
        inward: bool = True,
    ) -> None:
        """`inward`: it may be on this machine or its link, see `reach`."""
        self._rng = rng
        self._timeout_s = request_timeout_s
        self._peer = peer
        self._log = log
        self._dated: ssl.SSLContext | None = None
        self._session = aiohttp.ClientSession(
            # Connecting gets half, so that "no connection" is known before "no answer".
            timeout=aiohttp.ClientTimeout(total=request_timeout_s, connect=request_timeout_s / 2),
            cookie_jar=aiohttp.DummyCookieJar(),
            connector=None if inward else aiohttp.TCPConnector(socket_factory=outward_socket),
        )

    async def close(self) -> None:
        """End its connections; requests from now on are `Unreachable`."""
        await self._session.close()

    def new_id(self) -> str:
        """A UUID for one request, or one chain of them that belong together."""
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    async def send(
        self,
        method: str,
        url: str,
        body: object = None,
        *,
        authorization: str,
        headers: Mapping[str, str] | None = None,
        correlation_id: str | None = None,
    ) -> Answer:
        """One request, one answer, within the time limit.

        Raises:
            UplinkError: any other outcome than success; the subclass says what to do.
        """
        what = f"{method} {url}"
        sent = {
            "Accept": "application/json",
            "X-Request-ID": self.new_id(),
            "X-Correlation-ID": correlation_id or self.new_id(),
            **(headers or {}),
        }
        if body is not None:
            sent["Content-Type"] = "application/json"
        if self._tells_token(url):
            sent["Authorization"] = authorization
        if self._session.closed:
            raise Unreachable(f"{what}: not sent, the connection has ended")
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._followed(method, url, body, sent)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            remedy = CHECK_TLS if isinstance(error, aiohttp.ClientSSLError) else None
            problem = f"{what}: no connection: {_why_not(error)}"
            raise Unreachable(problem, remedy=remedy) from error
        except ValueError as error:
            problem = f"{what}: not a usable URL: {shown(str(error))}"
            raise Unreachable(problem, remedy=CHECK_URL) from error
        except TimeoutError as error:
            raise Unanswered(f"{what}: no answer within {self._timeout_s} s") from error
        except (aiohttp.ClientError, OSError) as error:
            detail = shown(f"{type(error).__name__} {error}")
            raise Unanswered(f"{what}: the connection broke: {detail}") from error

    async def _followed(
        self, method: str, url: str, body: object, headers: Mapping[str, str]
    ) -> Answer:
        """Go where a redirect points, as long as that is the same server."""
        for _ in range(MAX_REDIRECTS):
            raw = await self._noted(method, url, body, headers)
            target = None
            if raw.status in _FOLLOWED:
                named = {name.lower(): value for name, value in raw.headers.items()}
                target = same_origin(url, named.get("location"))
            if target is None:
                return judge(f"{method} {url}", url, raw)
            url = target
        raw = await self._noted(method, url, body, headers)
        return judge(f"{method} {url}", url, raw)

    async def _noted(self, method: str, url: str, body: object, headers: Mapping[str, str]) -> Raw:
        if self._log is None:
            return await self._exchange(method, url, body, headers)
        with self._log.noting(method, url, headers["X-Correlation-ID"]) as heard:
            raw = await self._exchange(method, url, body, headers)
            heard.http_status, heard.content = raw.status, raw.content
        return raw

    async def _exchange(
        self, method: str, url: str, body: object, headers: Mapping[str, str]
    ) -> Raw:
        sent_s = 0.0 if self._peer is None else self._peer.now_s()
        async with self._session.request(
            method,
            URL(url, encoded=True),
            data=None if body is None else _encoder.encode(body),
            headers=headers,
            ssl=self._checks(),
            allow_redirects=False,  # the token is for the platform we asked only
        ) as response:
            got_s = 0.0 if self._peer is None else self._peer.now_s()
            content = await _bounded(response, f"{method} {url}")
            raw = Raw(status=response.status, headers=dict(response.headers), content=content)
        if self._peer is not None:
            self._peer.heard(
                Heard(url=url, headers=raw.headers, content=content, sent_s=sent_s, got_s=got_s)
            )
        return raw

    def _checks(self) -> ssl.SSLContext | bool:
        """How certificates are checked: as always, but while the clock is unset."""
        if self._peer is None or not self._peer.unset:
            return True
        if self._dated is None:
            self._dated = dated_context(self._peer.believed)
        return self._dated

    def _tells_token(self, url: str) -> bool:
        """Who we are is for a platform whose certificate could be checked whole."""
        if self._peer is None or not (self._peer.unset and self._peer.held):
            return True
        try:
            return on_this_machine(urlsplit(url).hostname or "")
        except ValueError:
            return False


def _why_not(error: aiohttp.ClientError) -> str:
    """Why there is no connection, in the words of the system rather than of the library."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            return f"the name {error.host} is not found: {shown(error.os_error.strerror or '')}"
        case aiohttp.ClientConnectorCertificateError(certificate_error=cause):
            said = getattr(cause, "verify_message", "") or str(cause)
            return f"the certificate of {error.host} is not accepted: {shown(said)}"
        case aiohttp.ClientConnectorSSLError():
            return shown(str(error))
        case aiohttp.ClientConnectorError(os_error=cause) if REFUSED in str(cause):
            return f"{error.host} port {error.port}: {REFUSED}"
        case aiohttp.ClientConnectorError(os_error=cause) if cause.errno:
            return f"{error.host} port {error.port}: {shown(os.strerror(cause.errno))}"
        case _:
            return shown(str(error))


async def _bounded(response: aiohttp.ClientResponse, what: str) -> bytes:
    limit = MAX_PAGE_BYTES if response.method == "GET" else MAX_ANSWER_BYTES
    content = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        content += chunk
        if len(content) > limit:
            raise Unanswered(f"{what}: the answer is longer than {limit} bytes", remedy=CHECK_URL)
    return bytes(content)
