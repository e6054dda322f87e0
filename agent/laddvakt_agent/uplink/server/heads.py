"""The headers of a request and of its response. Source: transport_and_format. Pure."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from laddvakt_agent.uplink.serving import Caller, Party, Refused

REQUEST_ID, CORRELATION_ID = "X-Request-ID", "X-Correlation-ID"
_ID = re.compile(r"[ -~]{1,255}")
_COUNTRY = re.compile(r"[A-Za-z]{2}")
_PARTY = re.compile(r"[A-Za-z0-9]{3}")
_SCHEME = "token "


@dataclass(frozen=True, slots=True)
class Ids:
    """The two ids by which a request is found again in logs."""

    request: str
    correlation: str

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Ids:
        """Those of the request; new ones where it has none that may be echoed."""
        return cls(_id(headers.get(REQUEST_ID)), _id(headers.get(CORRELATION_ID)))

    def headers(self) -> dict[str, str]:
        """As the response carries them."""
        return {REQUEST_ID: self.request, CORRELATION_ID: self.correlation}


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """From which party to which, as a request to a functional module says; both may be absent."""

    sender: Party | None = None
    receiver: Party | None = None

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Routing:
        """Read the four headers.

        Raises:
            Refused: half of a party, or none that could be one.
        """
        return cls(sender=_party(headers, "from"), receiver=_party(headers, "to"))

    def back(self, caller: Caller) -> dict[str, str]:
        """The response's headers: the same two, the other way round."""
        to = self.sender
        if to is None and len(caller.parties) == 1:
            to = next(iter(caller.parties))
        return _headers("from", self.receiver or caller.own) | _headers("to", to)


def shown_token(headers: Mapping[str, str]) -> str | None:
    """What stands after `Token ` in the Authorization header; `None`: nothing of that kind."""
    written = headers.get("Authorization", "")
    if not written.lower().startswith(_SCHEME):
        return None
    return written[len(_SCHEME) :].strip() or None


def _id(written: str | None) -> str:
    """Control characters and what is not ASCII have no business in a header."""
    if written is not None and _ID.fullmatch(written):
        return written
    return str(uuid.uuid4())


def _party(headers: Mapping[str, str], way: str) -> Party | None:
    country = headers.get(f"OCPI-{way}-country-code")
    party = headers.get(f"OCPI-{way}-party-id")
    if country is None and party is None:
        return None
    if country is None or party is None:
        raise Refused(f"OCPI-{way}-country-code and OCPI-{way}-party-id belong together: send both")
    if not _COUNTRY.fullmatch(country) or not _PARTY.fullmatch(party):
        raise Refused(
            f"OCPI-{way}-country-code takes two letters, OCPI-{way}-party-id three characters"
        )
    return Party.of(country, party)


def _headers(way: str, party: Party | None) -> dict[str, str]:
    if party is None:
        return {}
    return {
        f"OCPI-{way}-country-code": party.country_code,
        f"OCPI-{way}-party-id": party.party_id,
    }
