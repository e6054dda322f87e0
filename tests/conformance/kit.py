"""A whole virtual station with its OCPI server on a loopback port, a caller, and an eMSP.

Nothing is connected to the station and its guards do not run by themselves: see
`agent.station_kit`. A test adds its own modules to `Platform.modules`, callers to
`Platform.callers`.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp

from agent.station_kit import Bench, bench
from conformance.emsp import EMSP, OWN, FakeEmsp, FakeOutward, fake_emsp
from laddvakt_agent.clock import TimeSource
from laddvakt_agent.kernel_time import KernelTime
from laddvakt_agent.uplink.server.limits import Limits
from laddvakt_agent.uplink.server.listening import Listening, Place, listen
from laddvakt_agent.uplink.server.view import Told
from laddvakt_agent.uplink.serving import Authority, Caller, Module, Party
from laddvakt_agent.uplink.version import Version
from laddvakt_agent.uplink_parts import Context, parts

TOKEN = "token-c"  # of the registered eMSP
INITIAL = "token-a"  # of one that has yet to register
HUB = "token-hub"  # of a hub with an agreement on faults
SERVED = Limits(rate_per_s=10_000.0, burst=10_000, total_per_s=10_000.0, accepts_per_s=10_000.0)


class Synced(KernelTime):
    """The machine's clocks, believed: a bill whose times may still move is not shown."""

    def synced(self) -> bool:
        return True


def authorization(token: str) -> str:
    """The header's value, as the specification wants it."""
    return f"Token {base64.b64encode(token.encode()).decode()}"


def caller(name: str = "emsp", **changes: object) -> Caller:
    """A registered eMSP with one party."""
    made = Caller(
        name=name,
        version=Version.V2_2_1,  # replaced by that of the URL
        registered=True,
        parties=frozenset({EMSP}),
        own=OWN,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names real fields


@dataclass(slots=True)
class Callers:
    """An `Authority` of a table: token → who shows it."""

    by_token: dict[str, Caller] = field(
        default_factory=lambda: {
            TOKEN: caller(),
            INITIAL: caller("newcomer", registered=False, parties=frozenset()),
            HUB: caller(
                "hub", sees_faults=True, parties=frozenset({Party("DE", "HUB"), Party("DE", "ABC")})
            ),
        }
    )

    def caller(self, shown: str, version: Version) -> Caller | None:
        for token, known in self.by_token.items():
            if shown == authorization(token).removeprefix("Token "):
                return replace(known, version=version)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A response; `envelope` is the parsed body, {} without one."""

    status: int
    headers: Mapping[str, str]  # without regard to case
    envelope: dict[str, object]

    @property
    def data(self) -> object:
        return self.envelope.get("data")

    @property
    def items(self) -> list[dict[str, object]]:
        """The data as the list of objects that it is."""
        assert isinstance(self.data, list), self.envelope
        return self.data

    @property
    def item(self) -> dict[str, object]:
        """The data as the object that it is."""
        assert isinstance(self.data, dict), self.envelope
        return self.data

    @property
    def code(self) -> object:
        return self.envelope.get("status_code")


# Where a fixture gives it, the runner writes its repr: that of a whole station takes seconds.
@dataclass(slots=True, kw_only=True, repr=False)
class Platform:
    """What a conformance case turns and asks."""

    bench: Bench
    context: Context
    callers: Callers
    modules: list[Module]
    emsp: FakeEmsp
    outwards: dict[str, FakeOutward]  # by platform name; empty it for "nobody is registered"
    pushed: dict[str, Told]  # what a platform was told already, by its name
    session: aiohttp.ClientSession
    base: str = ""  # of our server, up to and with /ocpi

    def url(self, version: str, *path: str) -> str:
        """Of one of our endpoints."""
        return "/".join((self.base, version, *path))

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = TOKEN,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Heard:
        """One request with the headers OCPI wants; `path` below `/ocpi/`, or a whole URL.

        A header given as "" is left out.
        """
        sent = {
            "X-Request-ID": "request-1",
            "X-Correlation-ID": "correlation-1",
            "OCPI-from-country-code": EMSP.country_code,
            "OCPI-from-party-id": EMSP.party_id,
            "OCPI-to-country-code": OWN.country_code,
            "OCPI-to-party-id": OWN.party_id,
            **({} if token is None else {"Authorization": authorization(token)}),
            **(headers or {}),
        }
        url = path if path.startswith("http") else f"{self.base}/{path}"
        given: dict[str, object] = {"data": raw} if raw is not None else {}
        if body is not None:
            given["json"] = body
        async with self.session.request(
            method,
            url,
            headers={name: value for name, value in sent.items() if value},
            params=params,
            allow_redirects=False,
            **given,  # type: ignore[arg-type]  # `data` or `json`
        ) as response:
            content = await response.read()
            envelope = await response.json() if content else {}
            return Heard(status=response.status, headers=response.headers, envelope=envelope)

    async def get(self, path: str, **params: str) -> Heard:
        """GET with query parameters."""
        return await self.ask("GET", path, params=params)

    async def settled(self) -> None:
        """Wait until everything asked of the ledger so far is written."""
        await self.context.thread.call(lambda: None)


@asynccontextmanager
async def running(
    directory: Path,
    *,
    change: Callable[[str], str] = lambda text: text,
    source: TimeSource | None = None,
    modules: Callable[[Context], Sequence[Module]] = lambda context: (),
    authority: Callable[[Context], Authority] | None = None,
    limits: Limits = SERVED,
) -> AsyncIterator[Platform]:
    """The demo's station, serving every module of `parts` and those given here.

    `change` turns its configuration's text, `source` gives the time (by
    default the machine's, as if synchronised), `authority` replaces the
    table of callers.
    """
    async with (
        fake_emsp() as emsp,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
        bench(directory, change, source or Synced()) as station,
    ):
        outwards = {"emsp": FakeOutward(emsp, session)}
        pushed: dict[str, Told] = {}
        context = context_of(station, outwards, pushed)
        all_parts = parts(context)
        platform = Platform(
            bench=station,
            context=context,
            callers=Callers(),
            modules=[m for part in all_parts for m in part.modules] + list(modules(context)),
            emsp=emsp,
            outwards=outwards,
            pushed=pushed,
            session=session,
        )
        served = platform.callers if authority is None else authority(context)
        listening = await serving(platform, served, limits)
        try:
            yield platform
        finally:
            await listening.close()
            for part in all_parts:
                if part.close is not None:
                    await part.close()


async def serving(platform: Platform, authority: Authority, limits: Limits) -> Listening:
    """The real server; its URL is known once it has a port."""
    clock = platform.context.clock
    listening = await listen(
        Place(url="http://127.0.0.1:0", limits=limits),
        authority=authority,
        modules=lambda: platform.modules,
        wall=lambda: clock.wall_at(clock.now_s()),
    )
    platform.base = f"http://127.0.0.1:{listening.port}/ocpi"
    return listening


def context_of(
    station: Bench,
    outwards: Mapping[str, FakeOutward],
    pushed: Mapping[str, Told] | None = None,
) -> Context:
    """The station as the parts of the uplink see it."""
    built = station.parts
    return Context(
        config=built.supervisor.config,
        clock=station.clock,
        ledger=station.ledger,
        thread=station.thread,
        supervisor=built.supervisor,
        publisher=built.publisher,
        journal=built.journal,
        outwards=lambda: outwards,
        told=lambda name: None if pushed is None else pushed.get(name),
    )
