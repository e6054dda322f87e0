"""A platform that registers and is registered with: versions, details and credentials, by hand."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from laddvakt_agent.uplink.version import Version

TOKEN_A, TOKEN_B, TOKEN_C = "initial-token-a", "their-token-b", "their-token-c"
MODULES = ("locations", "sessions", "cdrs", "tariffs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request to the platform."""

    method: str
    path: str
    token: str  # decoded
    headers: dict[str, str]  # names in lower case
    body: object


@dataclass(slots=True)
class Peer:
    """Answers whatever token it is shown, and keeps what it was asked; a test turns the rest."""

    base: str = ""
    versions: tuple[str, ...] = ("2.1.1", "2.2.1", "2.3.0")
    modules: tuple[tuple[str, str], ...] = tuple((name, "RECEIVER") for name in MODULES)
    seen: list[Seen] = field(default_factory=list)
    answers: dict[str, Callable[[Seen], web.StreamResponse]] = field(default_factory=dict)
    during: list[Callable[[Seen], object]] = field(default_factory=list)
    issued: list[str] = field(default_factory=list)  # the tokens it gave us, in order
    silent: frozenset[str] = frozenset()  # the methods that are carried out and not answered

    def shown(self, method: str, path: str = "") -> list[str]:
        """The tokens of the requests of this kind, in order."""
        return [one.token for one in self.seen if one.method == method and path in one.path]

    @property
    def versions_url(self) -> str:
        return f"{self.base}/versions"

    def credentials(self, token: str, version: str = "2.2.1") -> dict[str, object]:
        """Its Credentials object."""
        role = {
            "role": "EMSP",
            "business_details": {"name": "The Peer"},
            "party_id": "TNM",
            "country_code": "NL",
        }
        hub = {"hub_party_id": "NLHUB"} if version == "2.3.0" else {}
        return {"token": token, "url": self.versions_url, **hub, "roles": [role]}

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        content = await request.read()
        written = request.headers.get("Authorization", "").removeprefix("Token ")
        one = Seen(
            method=request.method,
            path=request.path,
            token=base64.b64decode(written).decode(errors="replace"),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=json.loads(content) if content else None,
        )
        self.seen.append(one)
        for told in self.during:
            done = told(one)
            if asyncio.iscoroutine(done):
                await done
        for path, answer in self.answers.items():
            method, _, rest = path.partition(" ")
            if one.method == method and one.path.endswith(rest):
                return answer(one)
        return self._usual(one, request)

    def _usual(self, one: Seen, request: web.BaseRequest) -> web.StreamResponse:
        parts = [part for part in one.path.split("/") if part]
        if parts == ["versions"]:
            return ok([{"version": v, "url": f"{self.base}/{v}"} for v in self.versions])
        if len(parts) == 1 and parts[0] in self.versions:
            return ok(self._details(parts[0]))
        if parts[1:] == ["credentials"]:
            answer = self._registration(one, parts[0])
            if one.method in self.silent:
                assert request.transport is not None
                request.transport.abort()
            return answer
        return ok(None)

    def _details(self, version: str) -> dict[str, object]:
        pairs = (*self.modules, ("credentials", "RECEIVER"))
        return {
            "version": version,
            "endpoints": [
                {"identifier": name, "role": role, "url": f"{self.base}/{version}/{name}"}
                for name, role in pairs
            ],
        }

    def _registration(self, one: Seen, version: str) -> web.StreamResponse:
        match one.method:
            case "POST" | "PUT":
                self.issued.append(f"{TOKEN_C}-{len(self.issued) + 1}")
                return ok(self.credentials(self.issued[-1], version))
            case "GET":
                return ok(self.credentials(self.issued[-1], version))
            case _:
                return ok(None)


def ok(data: object, *, status: int = 200, code: int = 1000) -> web.Response:
    """An envelope."""
    body = {"status_code": code, "timestamp": "2027-01-01T00:00:00Z"}
    return web.json_response(body | ({} if data is None else {"data": data}), status=status)


def without(*names: str) -> tuple[tuple[str, str], ...]:
    """The modules of a platform that lacks some."""
    return tuple((name, "RECEIVER") for name in MODULES if name not in names)


@asynccontextmanager
async def peer(versions: Iterable[Version] | None = None) -> AsyncIterator[Peer]:
    """A platform on a loopback port."""
    made = Peer()
    if versions is not None:
        made.versions = tuple(version.value for version in versions)
    server = web.Server(made.handle)
    runner = web.ServerRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield made
    finally:
        await runner.cleanup()
