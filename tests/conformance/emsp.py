"""An eMSP that records what it is sent, and answers as it is told to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import aiohttp
from aiohttp import web

from laddvakt_agent.uplink.answers import Answer, Raw, judge
from laddvakt_agent.uplink.serving import Party, Role
from laddvakt_agent.uplink.version import Version

EMSP = Party("NL", "TNM")
OWN = Party("SE", "LAD")


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request as it came."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: object  # parsed, or None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What to answer."""

    http_status: int = 200
    status_code: int = 1000
    data: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


Rule = Callable[[Received], Told | None]


@dataclass(slots=True)
class FakeEmsp:
    """`received`: everything, in order; `rules`: the first that gives something answers."""

    base: str = ""
    received: list[Received] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)

    def answer(self, method: str, path: str, told: Told) -> None:
        """Answer this method at paths beginning so; the newest rule goes first."""

        def rule(request: Received) -> Told | None:
            fits = request.method == method and request.path.startswith(path)
            return told if fits else None

        self.rules.insert(0, rule)

    def of(self, method: str, path: str = "/") -> list[Received]:
        """What came with this method at paths beginning so."""
        return [r for r in self.received if r.method == method and r.path.startswith(path)]

    def url(self, path: str) -> str:
        """An absolute URL of it."""
        return f"{self.base}/{path.lstrip('/')}"

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Record and answer."""
        raw = await request.read()
        got = Received(
            method=request.method,
            path=request.path,
            query=dict(request.query),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=json.loads(raw) if raw else None,
        )
        self.received.append(got)
        told = next((t for rule in self.rules if (t := rule(got)) is not None), Told())
        envelope = {
            "status_code": told.status_code,
            "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            **({} if told.data is None else {"data": told.data}),
        }
        return web.json_response(envelope, status=told.http_status, headers=told.headers)


@asynccontextmanager
async def fake_emsp() -> AsyncIterator[FakeEmsp]:
    """One on a loopback port."""
    emsp = FakeEmsp()
    runner = web.ServerRunner(web.Server(emsp.handle, access_log=None), shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    emsp.base = site_url(runner)
    try:
        yield emsp
    finally:
        await runner.cleanup()


def site_url(runner: web.ServerRunner) -> str:
    host, port = runner.addresses[0][:2]
    return f"http://{host}:{port}"


@dataclass(slots=True)
class FakeOutward:
    """The agent's way to a `FakeEmsp`: every module at `/{identifier}`."""

    emsp: FakeEmsp
    session: aiohttp.ClientSession
    name: str = "emsp"
    version: Version = Version.V2_2_1
    own: Party = OWN
    lacks: frozenset[str] = frozenset()

    def endpoint(self, identifier: str, role: Role) -> str | None:
        del role
        return None if identifier in self.lacks else self.emsp.url(identifier)

    async def send(
        self,
        method: str,
        url: str,
        body: object = None,
        *,
        correlation_id: str | None = None,
        to: Party | None = None,
    ) -> Answer:
        receiver = to or EMSP
        headers = {
            "Authorization": "Token dG9rZW4tYg==",
            "X-Request-ID": "r-1",
            "X-Correlation-ID": correlation_id or "c-1",
            "OCPI-to-country-code": receiver.country_code,
            "OCPI-to-party-id": receiver.party_id,
            "OCPI-from-country-code": self.own.country_code,
            "OCPI-from-party-id": self.own.party_id,
        }
        async with self.session.request(method, url, json=body, headers=headers) as response:
            raw = Raw(
                status=response.status, headers=response.headers, content=await response.read()
            )
        return judge(f"{method} {url}", url, raw)
