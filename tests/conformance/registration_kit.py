"""Our server with a real party book, and a platform that registers or is registered with."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from conformance.kit import Heard, authorization
from conformance.peer import TOKEN_A, Peer, peer
from laddvakt_agent.uplink.answers import Answer
from laddvakt_agent.uplink.parties.agreement import Agreement
from laddvakt_agent.uplink.parties.book import PartyBook
from laddvakt_agent.uplink.parties.connection import Connection
from laddvakt_agent.uplink.parties.credentials import CredentialsModule
from laddvakt_agent.uplink.parties.folder import Folder
from laddvakt_agent.uplink.parties.people import Desk
from laddvakt_agent.uplink.parties.platforms import Platform
from laddvakt_agent.uplink.parties.registrar import Registrar
from laddvakt_agent.uplink.parties.terms import Self
from laddvakt_agent.uplink.server.listening import Place, listen
from laddvakt_agent.uplink.serving import Asked, Caller, Module, Party, Reply, Role
from laddvakt_agent.uplink.version import Version
from laddvakt_agent.uplink.wire import Wire

NAME = "peer"
BOTH_VERSIONS = tuple(version.value for version in Version)
PLATFORM = Platform(
    name=NAME,
    registers=True,
    own=Party("SE", "LAD"),
    token=TOKEN_A,
    needs=("locations", "sessions", "cdrs"),
    request_timeout_s=2.0,
)


class Locations:
    """Something to ask for with a token."""

    identifier = "locations"
    role = Role.SENDER
    versions = frozenset(Version)

    def offered_to(self, caller: Caller) -> bool:
        return caller.exchanges(self.identifier)

    async def answer(self, asked: Asked) -> Reply:
        return Reply(data=[asked.caller.name])


@dataclass(slots=True)
class Both:
    """Our side, and the platform."""

    peer: Peer
    folder: Path
    platforms: tuple[Platform, ...]
    session: aiohttp.ClientSession
    book: PartyBook = field(init=False)
    connection: Connection = field(init=False)
    modules: tuple[Module, ...] = ()
    base: str = ""  # of our server, with /ocpi

    @property
    def agreement(self) -> Agreement | None:
        return self.book.agreement(NAME)

    @property
    def standing(self) -> Agreement:
        """The agreement that there must be."""
        assert self.agreement is not None
        return self.agreement

    @property
    def desk(self) -> Desk:
        return Desk(self.book, Registrar(self.book, self.ourselves, wire, now))

    def ourselves(self) -> Self:
        return Self(url=f"{self.base}/versions", name="Laddvakt AB")

    def caller(self, shown: str, version: Version) -> Caller | None:
        """As an `Authority`: by the book of now."""
        return self.book.caller(shown, version)

    async def begin(self) -> None:
        """What a start finds on the disk."""
        self.book = PartyBook(self.platforms, Folder(self.folder), now)
        await self.book.load()
        platform = self.platforms[0]
        self.connection = Connection(platform, self.book, wire(platform))
        credentials = CredentialsModule(self.book, self.ourselves, wire, now)
        self.modules = (credentials, Locations())

    async def end(self) -> None:
        await self.connection.close()
        await self.book.close()

    async def die(self) -> None:
        """A crash: what is on the disk now is what the next start finds."""
        await self.connection.close()
        await self.begin()

    async def ask(
        self, method: str, path: str, body: object = None, *, token: str | None = TOKEN_A
    ) -> Heard:
        """One request of theirs to us; `path` below /ocpi/."""
        headers = {} if token is None else {"Authorization": authorization(token)}
        async with self.session.request(
            method, f"{self.base}/{path}", headers=headers, json=body
        ) as response:
            envelope = await response.json()
            return Heard(status=response.status, headers=response.headers, envelope=envelope)

    async def works(self, token: str | None, version: str = "2.2.1") -> bool:
        """Whether a token opens a functional module of ours."""
        heard = await self.ask("GET", f"{version}/locations", token=token)
        assert heard.status in (200, 401), heard.envelope
        return heard.status == 200

    async def joins(self, version: str = "2.2.1", token: str = "b-1") -> str:
        """They register with us; the token that they shall show from now on."""
        return await self.agrees("POST", version, token, TOKEN_A)

    async def agrees(self, method: str, version: str, token: str, shown: str) -> str:
        """They tell us `token` with a POST or PUT; the one that they get."""
        body = self.peer.credentials(token, version)
        heard = await self.ask(method, f"{version}/credentials", body, token=shown)
        assert (heard.status, heard.code) == (200, 1000), heard.envelope
        return str(heard.item["token"])

    async def tell(self) -> Answer:
        """A push of ours."""
        url = self.connection.endpoint("locations", Role.RECEIVER)
        assert url is not None
        return await self.connection.send("PUT", f"{url}/SE/LAD/L1", {"id": "L1"})


def now() -> datetime:
    return datetime(2027, 3, 1, 12, tzinfo=UTC)


def wire(platform: Platform) -> Wire:
    return Wire(random.Random(7), request_timeout_s=platform.request_timeout_s)


@asynccontextmanager
async def both(directory: Path, *others: Platform, **changes: object) -> AsyncIterator[Both]:
    """Our server and a platform; `changes` of our terms for it, `others` beside it."""
    platform = replace(PLATFORM, **changes)  # type: ignore[arg-type]  # a test names real fields
    async with (
        peer() as other,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
    ):
        made = Both(other, directory / "uplink", (platform, *others), session)
        await made.begin()
        listening = await listen(
            Place(url="http://127.0.0.1:0"),
            authority=made,
            modules=lambda: made.modules,
            wall=now,
        )
        made.base = f"http://127.0.0.1:{listening.port}/ocpi"
        try:
            yield made
        finally:
            await listening.close()
            await made.end()
