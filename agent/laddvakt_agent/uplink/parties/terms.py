"""The Credentials object: ours as we tell it, theirs as we read it. Source: credentials. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from laddvakt_agent.uplink.parties.agreement import Agreement, Member
from laddvakt_agent.uplink.parties.discovery import Offer
from laddvakt_agent.uplink.parties.platforms import Platform
from laddvakt_agent.uplink.structs import checked, decode
from laddvakt_agent.uplink.structs.registration import Credentials
from laddvakt_agent.uplink.text import Json, string
from laddvakt_agent.uplink.version import Version

_NAME = 100  # BusinessDetails.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Self:
    """Who we are in registrations."""

    url: str  # of our versions, as others reach it
    name: str  # of the business

    def credentials(self, version: Version, platform: Platform, token: str) -> dict[str, Json]:
        """Our Credentials object; `token` is what they shall show us.

        Raises:
            Invalid: the configuration cannot be told like that.
        """
        content: Mapping[str, Json] = {
            "token": token,
            "url": self.url,
            "roles": [
                {
                    "role": "CPO",
                    "business_details": {"name": string(self.name, _NAME)},
                    "party_id": platform.own.party_id,
                    "country_code": platform.own.country_code,
                }
            ],
        }
        return checked(version, Credentials, content)


def read(version: Version, data: object) -> Credentials:
    """Their Credentials object.

    Raises:
        Invalid: it is none.
    """
    return decode(version, Credentials, data)


def members_of(credentials: Credentials) -> tuple[Member, ...]:
    """The parties they speak for."""
    return tuple(
        Member(
            role=item.role,
            country_code=item.country_code,
            party_id=item.party_id,
            name=item.business_details.name,
        )
        for item in credentials.roles
    )


def agreed(
    offer: Offer,
    theirs: Credentials,
    *,
    before: Agreement | None,
    now: datetime,
    accepted: str | None,
    accepted_next: str | None,
) -> Agreement:
    """The agreement that follows from their credentials and what they offer.

    `accepted`, `accepted_next`: our tokens, as they stand now.
    """
    shown_before = None if before is None or before.shown == theirs.token else before.shown
    return Agreement(
        version=offer.version,
        versions_url=theirs.url,
        endpoints=offer.endpoints,
        members=members_of(theirs),
        hub_party_id=theirs.hub_party_id,
        shown=theirs.token,
        shown_before=shown_before,
        accepted=accepted,
        accepted_next=accepted_next,
        since=now if before is None else before.since,
        renewed=now,
    )
