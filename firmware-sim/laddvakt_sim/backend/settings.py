"""What the backend is called, where it stands and what it speaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from laddvakt_sim.backend.spec import DEFAULT_VERSION, SPECS

VERSIONS: Final = tuple(SPECS)

# Modules of an eMSP that also takes and gives prices: identifier and our side of it. `credentials`
# has no side; SENDER is what the specification advises to say.
ENDPOINTS: Final = (
    ("credentials", "SENDER"),
    ("locations", "RECEIVER"),
    ("sessions", "RECEIVER"),
    ("cdrs", "RECEIVER"),
    ("tariffs", "RECEIVER"),
    ("tariffs", "SENDER"),
    ("tokens", "SENDER"),
    ("commands", "SENDER"),
    ("chargingprofiles", "SENDER"),
    ("faults", "RECEIVER"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Fixed for the life of a backend."""

    base_url: str
    token: str  # pre-agreed: opens every module without a registration
    faults_module: str  # identifier of the custom module, `<country><party>-faults`
    versions: tuple[str, ...] = VERSIONS
    initial_token: str | None = None  # opens versions and credentials, for a registration
    country_code: str = "SE"
    party_id: str = "EMS"
    hub_party_id: str | None = None  # country and party in one; makes it answer as a hub does
    page_limit: int = 5  # tokens and tariffs per page: few, so that pages are turned

    @property
    def device_version(self) -> str:
        """The version that those speak who have not registered."""
        return DEFAULT_VERSION if DEFAULT_VERSION in self.versions else self.versions[0]

    @property
    def versions_url(self) -> str:
        """Where every conversation begins."""
        return f"{self.base_url}/ocpi/versions"

    def endpoint(self, module: str, version: str | None = None) -> str:
        """The URL of a module's endpoint."""
        name = self.faults_module if module == "faults" else module
        return f"{self.base_url}/ocpi/{version or self.device_version}/{name}"

    def parties(self) -> tuple[str, ...]:
        """Country and party, in one, of everybody who can be reached here."""
        own = self.country_code + self.party_id
        return (own,) if self.hub_party_id is None else (own, self.hub_party_id)
