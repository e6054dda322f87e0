"""A small CPO to register with the backend: it does what a test tells it, right or wrong."""

from __future__ import annotations

import base64
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from laddvakt_sim.backend.server import Server, ServerSettings
from laddvakt_sim.backend.storage import Storage
from sim_backend.backend_kit import TOKEN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

A, B, C = "initial-A", "token-B", "token-C"
NOW = "2027-01-01T00:00:00Z"
ROLE = {
    "role": "CPO",
    "business_details": {"name": "Charger"},
    "country_code": "SE",
    "party_id": "LAD",
}
MODULES = (
    ("credentials", "SENDER"),
    ("locations", "SENDER"),
    ("commands", "RECEIVER"),
    ("chargingprofiles", "RECEIVER"),
    ("tokens", "RECEIVER"),
)


@dataclass(slots=True)
class FakeCpo:
    """Its side of everything; `asked` is what the backend asked it."""

    url: str = ""
    versions: tuple[str, ...] = ("2.2.1", "2.3.0")
    modules: tuple[tuple[str, str], ...] = MODULES
    accepts: set[str] = field(default_factory=lambda: {A, B})
    issues: str = C
    answers: dict[str, Any] = field(default_factory=dict)  # by module: data, or (HTTP, content)
    headers: dict[str, str] = field(default_factory=dict)
    pages: list[tuple[list[Any], dict[str, str]]] = field(default_factory=list)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)

    def credentials(self, token: str) -> dict[str, Any]:
        return {"token": token, "url": f"{self.url}/versions", "roles": [ROLE]}

    async def serve(self, request: web.Request) -> web.Response:
        text = await request.text()
        body = json.loads(text) if text else None
        self.asked.append((request.method, request.path_qs, body))
        shown = base64.b64decode(request.headers["Authorization"].partition(" ")[2]).decode()
        if shown not in self.accepts:
            return self._reply(request, None, 401, 2000)
        parts = [part for part in request.path.split("/") if part]
        module = parts[1] if len(parts) > 1 else "versions"
        said = self.answers.get(module)
        if isinstance(said, tuple):
            return self._reply(request, None, *said)
        if said is not None:
            return self._reply(request, said)
        return self._plain(request, parts, module)

    def _plain(self, request: web.Request, parts: list[str], module: str) -> web.Response:
        if parts == ["versions"]:
            return self._reply(
                request, [{"version": v, "url": f"{self.url}/{v}"} for v in self.versions]
            )
        if len(parts) == 1:
            endpoints = [
                {"identifier": m, "role": role, "url": f"{self.url}/{parts[0]}/{m}"}
                for m, role in self.modules
            ]
            return self._reply(request, {"version": parts[0], "endpoints": endpoints})
        if module == "credentials":
            self.accepts.add(self.issues)
            return self._reply(request, self.credentials(self.issues))
        if module == "locations":
            items, more = self.pages.pop(0)
            return self._reply(request, items, more=more)
        return self._reply(request, {"result": "ACCEPTED", "timeout": 30})

    def _reply(
        self,
        request: web.Request,
        data: Any,  # noqa: ANN401 - any JSON
        http: int = 200,
        code: int = 1000,
        more: dict[str, str] | None = None,
    ) -> web.Response:
        content = {"status_code": code, "timestamp": NOW}
        if data is not None:
            content["data"] = data
        headers = {n: request.headers[n] for n in ("X-Request-ID", "X-Correlation-ID")}
        for one, other in (("from", "to"), ("to", "from")):
            for what in ("country-code", "party-id"):
                if f"OCPI-{one}-{what}" in request.headers:
                    headers[f"OCPI-{other}-{what}"] = request.headers[f"OCPI-{one}-{what}"]
        headers |= self.headers | (more or {})
        return web.json_response(content, status=http, headers=headers)


@dataclass(slots=True)
class Meeting:
    """A backend and a CPO that can reach each other; `told` is the backend's last status."""

    backend: str
    cpo: FakeCpo
    http: aiohttp.ClientSession
    told: int = 0
    sends: dict[str, str] = field(default_factory=dict)  # more headers of the CPO

    async def tell(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401
        """The backend's control API."""
        async with self.http.request(method, self.backend + path, json=body) as reply:
            self.told = reply.status
            return await reply.json()

    async def ocpi(
        self, method: str, path: str, token: str, body: object = None, version: str = "2.3.0"
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        """A request of the CPO; `path` without its version is below it."""
        url = path if path.startswith("http") else f"{self.backend}/ocpi/{version}/{path}"
        headers = {
            "Authorization": f"Token {base64.b64encode(token.encode()).decode()}",
            "X-Request-ID": "r",
            "X-Correlation-ID": "c",
            **self.sends,
        }
        async with self.http.request(method, url, json=body, headers=headers) as reply:
            return reply.status, await reply.json(), dict(reply.headers)

    async def codes(self, *args: Any, **more: Any) -> tuple[int, int]:  # noqa: ANN401
        """HTTP and OCPI status of such a request."""
        http, content, _ = await self.ocpi(*args, **more)
        return http, content["status_code"]

    async def register(self, version: str | None = None) -> Any:  # noqa: ANN401
        """The backend registers with the CPO."""
        wish = {"url": f"{self.cpo.url}/versions", "token": A}
        return await self.tell(
            "POST", "/register", wish if version is None else {**wish, "version": version}
        )


@asynccontextmanager
async def meeting(directory: Path, **settings: Any) -> AsyncIterator[Meeting]:  # noqa: ANN401
    cpo = FakeCpo()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", cpo.serve)
    storage = Storage(directory / "backend.sqlite")
    port = unused_port()
    made = {"token": TOKEN, "faults_module": "selad-faults", **settings}
    backend = Server(storage, ServerSettings(base_url=f"http://127.0.0.1:{port}", **made))
    try:
        async with (
            TestServer(app) as there,
            TestServer(backend.application(), port=port),
            aiohttp.ClientSession() as http,
        ):
            cpo.url = str(there.make_url("")).rstrip("/")
            yield Meeting(backend=f"http://127.0.0.1:{port}", cpo=cpo, http=http)
    finally:
        storage.close()
