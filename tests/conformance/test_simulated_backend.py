"""The agent's own server and client against the simulated backend, which judges both strictly."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conformance.kit import running
from conformance.peer import TOKEN_A
from conformance.registration_kit import BOTH_VERSIONS, NAME, PLATFORM, now, wire
from laddvakt_agent.uplink.parties.book import PartyBook
from laddvakt_agent.uplink.parties.connection import Connection
from laddvakt_agent.uplink.parties.credentials import CredentialsModule
from laddvakt_agent.uplink.parties.folder import Folder
from laddvakt_agent.uplink.parties.people import Desk
from laddvakt_agent.uplink.parties.registrar import Registrar
from laddvakt_agent.uplink.parties.terms import Self
from sim_backend.fake_cpo import Meeting, meeting

pytestmark = pytest.mark.integration

CARD: dict[str, Any] = {
    "country_code": "SE",
    "party_id": "EMS",
    "uid": "04A1",
    "type": "RFID",
    "contract_id": "SE-EMS-1",
    "issuer": "Simulated eMSP",
    "valid": True,
    "whitelist": "NEVER",
    "last_updated": "2027-01-01T00:00:00Z",
}


@dataclass(slots=True)
class Agent:
    """A virtual station that serves every module it has, and its party book."""

    book: PartyBook
    base: str = ""

    @property
    def desk(self) -> Desk:
        return Desk(self.book, Registrar(self.book, self.ourselves, wire, now))

    def ourselves(self) -> Self:
        return Self(url=f"{self.base}/versions", name="Laddvakt AB")


@asynccontextmanager
async def together(
    tmp_path: Path, versions: tuple[str, ...] = BOTH_VERSIONS
) -> AsyncIterator[tuple[Agent, Meeting]]:
    """Both, each with the other's address; the backend takes the initial token "theirs"."""
    folder = tmp_path / "backend"
    folder.mkdir()
    book = PartyBook((PLATFORM,), Folder(tmp_path / "uplink"), now)
    await book.load()
    agent = Agent(book)
    credentials = CredentialsModule(book, agent.ourselves, wire, now)
    async with (
        meeting(folder, initial_token="theirs", versions=versions) as backend,
        running(
            tmp_path, modules=lambda context: [credentials], authority=lambda context: book
        ) as station,
    ):
        agent.base = station.base
        connection = Connection(PLATFORM, book, wire(PLATFORM))
        station.outwards[NAME] = connection  # type: ignore[assignment]  # the real one
        try:
            yield agent, backend
        finally:
            await connection.close()
            await book.close()


async def registered(backend: Meeting, agent: Agent, version: str) -> dict[str, Any]:
    wish = {"url": f"{agent.base}/versions", "token": TOKEN_A, "version": version}
    agreed: dict[str, Any] = await backend.tell("POST", "/register", wish)
    assert backend.told == 200, agreed
    return agreed


@pytest.mark.parametrize("version", BOTH_VERSIONS)
async def test_the_backend_registers_and_finds_nothing_wrong(tmp_path: Path, version: str) -> None:
    """Handshake, rotation, every list to its end, a token pushed and patched, and the end."""
    async with together(tmp_path) as (agent, backend):
        agreed = await registered(backend, agent, version)
        offered = {item["identifier"] for item in agreed["endpoints"]}
        for module in sorted(offered & {"locations", "sessions", "cdrs", "tariffs"}):
            wish = {"module": module, "limit": 1, "date_from": "2020-01-01T00:00:00Z"}
            found = await backend.tell("POST", "/crawl", wish)
            assert found["errors"] == [], (module, found["errors"])
        pushed = await backend.tell("POST", "/tokens/push", CARD)
        assert (pushed["http_status"], pushed["errors"]) == (201, []), pushed
        patched = {**CARD, "valid": False, "last_updated": "2027-01-02T00:00:00Z"}
        again = await backend.tell("POST", "/tokens/patch", patched)
        assert (again["status_code"], again["errors"]) == (1000, []), again
        renewed = await backend.tell("POST", "/rotate")
        assert renewed["we_show"] != agreed["we_show"]
        left = await backend.tell("POST", "/unregister")
        assert (left["status_code"], left["errors"]) == (1000, []), left
        assert agent.book.agreement(NAME) is None


@pytest.mark.parametrize("version", BOTH_VERSIONS)
async def test_commands_are_answered_in_form(tmp_path: Path, version: str) -> None:
    """A command that cannot be done is refused as it should be, with no result after it."""
    async with together(tmp_path) as (agent, backend):
        await registered(backend, agent, version)
        stop = await backend.tell("POST", "/commands/STOP_SESSION", {"session_id": "nobody"})
        assert stop["answer"]["data"]["result"] == "UNKNOWN_SESSION"
        assert stop["answer"]["errors"] == []
        start = {"token": CARD, "location_id": "elsewhere"}
        away = await backend.tell("POST", "/commands/START_SESSION", start)
        assert (away["answer"]["status_code"], away["answer"]["errors"]) == (2003, [])
        assert await backend.tell("GET", "/results") == []


@pytest.mark.parametrize("version", BOTH_VERSIONS)
async def test_the_agent_registers(tmp_path: Path, version: str) -> None:
    """The other way round, with rotation and end."""
    async with together(tmp_path, (version,)) as (agent, backend):
        await agent.desk.register(NAME, f"{backend.backend}/ocpi/versions", "theirs")
        first = await backend.tell("GET", "/agreement")
        assert (first["version"], first["started_by"]) == (version, "agent")
        await agent.desk.rotate(NAME)
        second = await backend.tell("GET", "/agreement")
        assert second["they_show"] != first["they_show"]
        found = await backend.tell("POST", "/crawl", {"module": "locations"})
        assert found["errors"] == []
        await agent.desk.unregister(NAME)
        assert (await backend.tell("GET", "/agreement"))["registered"] is False
