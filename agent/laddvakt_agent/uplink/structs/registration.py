"""Versions and credentials. Source: version_information_endpoint, credentials."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from laddvakt_agent.uplink.structs.enums import InterfaceRole, Open
from laddvakt_agent.uplink.structs.kinds import NEW, CountryCode, PartyId, WebUrl
from laddvakt_agent.uplink.structs.places import BusinessDetails
from laddvakt_agent.uplink.structs.plan import Object
from laddvakt_agent.uplink.structs.rules import Ci, OneOf, Secret

# HUB went with 2.3.0; PTP is used by the Payments document, though the enumeration lacks it.
_Role = Annotated[
    str,
    OneOf(("CPO", "EMSP", "NAP", "NSP", "OTHER", "SCSP"), later=("PTP",), earlier=("HUB",)),
]


class OfferedVersion(Object, frozen=True, kw_only=True):
    """version_information_endpoint, Version, of whatever number."""

    version: Open
    url: WebUrl


class Endpoint(Object, frozen=True, kw_only=True):
    """version_information_endpoint, Endpoint."""

    identifier: Open
    role: InterfaceRole
    url: WebUrl


class VersionDetails(Object, frozen=True, kw_only=True):
    """version_information_endpoint, the answer to GET."""

    version: Open
    endpoints: tuple[Endpoint, ...]


class CredentialsRole(Object, frozen=True, kw_only=True):
    """credentials, CredentialsRole."""

    role: _Role
    business_details: BusinessDetails
    party_id: PartyId
    country_code: CountryCode


class Credentials(Object, frozen=True, kw_only=True):
    """credentials, Credentials."""

    token: Annotated[str, Secret(64)]
    url: WebUrl
    hub_party_id: Annotated[Annotated[str, Ci(5)] | None, NEW] = None
    roles: tuple[CredentialsRole, ...]

    def __repr__(self) -> str:
        """Without the token."""
        return f"Credentials(url={self.url!r}, roles={self.roles!r})"

    def conflicts(self, *, strict: bool) -> Iterator[tuple[str, str, str]]:
        """Every role has its own combination of role, party and country."""
        keys = [
            (item.role, item.country_code.upper(), item.party_id.upper()) for item in self.roles
        ]
        if strict and len(set(keys)) < len(keys):
            yield "roles", "have the same role and party twice", "tell each once"
