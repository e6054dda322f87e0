"""What was agreed on with one platform, as it is kept in the state folder."""

from __future__ import annotations

import hashlib
from datetime import datetime

import msgspec

from laddvakt_agent.uplink.serving import Party, Role
from laddvakt_agent.uplink.version import Version

FORMAT = 1  # of the file
_MOST_SPENT = 16


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One module of theirs."""

    identifier: str
    role: Role
    url: str


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One party that the platform speaks for."""

    role: str  # OCPI Role; more of them come with each version
    country_code: str
    party_id: str
    name: str | None = None

    @property
    def party(self) -> Party:
        """Without its role."""
        return Party.of(self.country_code, self.party_id)


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """Both sides know each other's endpoints and token. Never shown with its tokens."""

    version: Version
    versions_url: str  # theirs
    endpoints: tuple[Endpoint, ...]
    members: tuple[Member, ...] = ()
    hub_party_id: str | None = None  # country code and party id in one
    shown: str | None = None  # what we show them; `None`: the configured token, in device mode
    shown_before: str | None = None  # until they have taken the new one
    accepted: str | None = None  # what they show us; `None`: no token of ours was used yet
    accepted_next: str | None = None  # until its first use, beside the one before
    since: datetime
    renewed: datetime

    def __repr__(self) -> str:
        return f"Agreement(version={self.version.value!r}, versions_url={self.versions_url!r})"

    def endpoint(self, identifier: str, role: Role) -> str | None:
        """The URL of one of their modules; of credentials the role does not matter."""
        for endpoint in self.endpoints:
            if endpoint.identifier.lower() != identifier.lower():
                continue
            if endpoint.role is role or identifier == "credentials":
                return endpoint.url
        return None

    @property
    def parties(self) -> frozenset[Party]:
        """Everybody it speaks for; a hub itself, too."""
        hubs = () if self.hub is None else (self.hub,)
        return frozenset((*(member.party for member in self.members), *hubs))

    @property
    def hub(self) -> Party | None:
        """The hub that the platform is: from 2.3.0 on it says so, before it was a role."""
        if self.hub_party_id is not None and len(self.hub_party_id) == 5:
            return Party.of(self.hub_party_id[:2], self.hub_party_id[2:])
        return next((one.party for one in self.members if one.role.upper() == "HUB"), None)

    @property
    def unproven(self) -> bool:
        """They have shown no token of ours yet: they may not have got it."""
        return self.accepted is None and self.accepted_next is not None


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Everything kept of one platform."""

    platform: str  # its name in the configuration: a file belongs to one
    format: int = FORMAT
    spent: tuple[str, ...] = ()  # hashes of initial tokens that are worth nothing any more
    agreement: Agreement | None = None

    def spend(self, token: str | None) -> Record:
        """The same with an initial token that must not be used again."""
        if token is None or self.has_spent(token):
            return self
        spent = (*self.spent, _hash(token))[-_MOST_SPENT:]
        return msgspec.structs.replace(self, spent=spent)

    def has_spent(self, token: str) -> bool:
        """Whether an initial token was used up."""
        return _hash(token) in self.spent

    def agreed(self, agreement: Agreement | None) -> Record:
        """The same with another agreement, or none."""
        return msgspec.structs.replace(self, agreement=agreement)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
