"""One HTTP request, from its head to its response; in the thread of the web alone.

What guards the charger runs in another thread: of a request it sees only what has a valid token
and keeps to the limits.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import structlog
from aiohttp import web

from laddvakt_agent.uplink.server.body import body_of, query_of
from laddvakt_agent.uplink.server.connection import Connection, written
from laddvakt_agent.uplink.server.envelope import outgoing, refusal
from laddvakt_agent.uplink.server.heads import Ids
from laddvakt_agent.uplink.server.limits import Buckets, Busy, Limits, TokenBucket
from laddvakt_agent.uplink.serving import Refused, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from laddvakt_agent.uplink.server.desk import Desk, Visit

T = TypeVar("T")
_RETRY_MAX_S = 60

log = structlog.get_logger()


class Gate:
    """Lets requests through to the desk, and only so many."""

    def __init__(
        self,
        desk: Desk,
        limits: Limits,
        wall: Callable[[], datetime],
        agent: asyncio.AbstractEventLoop,
    ) -> None:
        """`agent`: the loop in which the desk works; `wall`: asked from this thread."""
        self._desk, self._limits, self._wall, self._agent = desk, limits, wall, agent
        self._busy = Busy(limits.requests, limits.requests_per_caller)
        self._all = TokenBucket(limits.total_per_s, limits.total_per_s)
        self._callers = Buckets(limits.rate_per_s, limits.burst)
        self._strangers = Buckets(limits.stranger_per_s, limits.stranger_burst)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, whatever it is."""
        ids = Ids.of(request.headers)
        headers = ids.headers()
        try:
            reply = await self._reply(request, ids, headers)
        except Refused as refused:
            if refused.http_status == 429:
                await asyncio.sleep(self._limits.tarpit_s)
            reply = refusal(refused, refused.headers)
        except Exception:
            log.exception("request_failed", method=request.method)
            failed = Refused(
                "this failed here and was written down; try again later",
                status_code=3000,
                http_status=500,
            )
            reply = refusal(failed)
        return written(outgoing(reply, headers, self._wall()))

    async def _reply(self, request: web.BaseRequest, ids: Ids, headers: dict[str, str]) -> Reply:
        """The reply; routing headers are added to `headers` as soon as they are known.

        Strangers take nothing from what callers may use: neither places nor requests a second.
        """
        visit = await self._admitted(request, ids)
        headers.update(visit.headers)
        spare(self._callers.take(visit.caller.name, _now_s()))
        spare(self._all.take(_now_s()))
        if visit.refused is not None:
            raise visit.refused
        with self._slot(), self._slot_of(visit.caller.name):
            body = await body_of(request, self._limits)
            return await self._in_agent(self._desk.answer(visit, body))

    async def _admitted(self, request: web.BaseRequest, ids: Ids) -> Visit:
        path, raw_query = target(request.raw_path)
        query: Mapping[str, str] = {}
        unreadable: Refused | None = None
        try:
            query = query_of(raw_query)
        except Refused as refused:
            unreadable = refused
        admit = self._desk.admit(request.method, path, query, request.headers, ids)
        try:
            visit = await self._in_agent(admit)
        except Refused:
            spare(self._strangers.take(request.remote or "", _now_s()))
            raise
        if isinstance(request.protocol, Connection):
            request.protocol.caller = visit.caller.name
        return visit if unreadable is None else replace(visit, refused=unreadable)

    @contextmanager
    def _slot(self) -> Iterator[None]:
        if not self._busy.enter():
            raise _busy()
        try:
            yield
        finally:
            self._busy.leave()

    @contextmanager
    def _slot_of(self, name: str) -> Iterator[None]:
        if not self._busy.enter_named(name):
            raise _busy()
        try:
            yield
        finally:
            self._busy.leave_named(name)

    async def _in_agent(self, work: Coroutine[object, object, T]) -> T:
        """Do it in the agent's loop and wait for it here."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._agent))


def spare(wait_s: float) -> None:
    """Refuse whoever asks too often.

    Raises:
        Refused: there is a time to wait.
    """
    if wait_s:
        raise Refused(
            "too many requests; see Retry-After",
            status_code=2000,
            http_status=429,
            headers={"Retry-After": str(min(_RETRY_MAX_S, int(wait_s) + 1))},
        )


def target(raw: str) -> tuple[str, str]:
    """Path and query of a request line's target, not yet unquoted."""
    try:
        parts = urlsplit(raw if not raw.startswith("/") else f"//x{raw}")
    except ValueError:
        return "", ""
    return parts.path, parts.query


def _busy() -> Refused:
    return Refused(
        "too many requests at once; try again in a moment",
        status_code=3000,
        http_status=503,
        headers={"Retry-After": "1"},
    )


def _now_s() -> float:
    return time.monotonic()
