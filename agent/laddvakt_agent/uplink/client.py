"""One platform as the synchroniser calls it, by settings that do not change."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from laddvakt_agent.uplink.answers import Answer
from laddvakt_agent.uplink.serving import Party, Role
from laddvakt_agent.uplink.wire import MAX_ANSWER_BYTES, Wire, authorization

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping
    from types import TracebackType

    from laddvakt_agent.uplink.outward import Outward
    from laddvakt_agent.uplink.peer import PeerTime
    from laddvakt_agent.uplink.requestlog import RequestLog
    from laddvakt_agent.uplink.settings import UplinkSettings
    from laddvakt_agent.uplink.version import Version

__all__ = ["MAX_ANSWER_BYTES", "Answer", "Client", "join_url", "routing"]


def join_url(endpoint: str, *segments: str) -> str:
    """An object's URL; every segment is quoted, a slash at the endpoint's end does not matter."""
    return "/".join((endpoint.rstrip("/"), *(quote(segment, safe="") for segment in segments)))


def routing(own: Party, to: Party | None) -> dict[str, str]:
    """The headers of a request to a functional module: from whom, and to whom where we know."""
    headers = {"OCPI-from-country-code": own.country_code, "OCPI-from-party-id": own.party_id}
    if to is not None:
        headers |= {"OCPI-to-country-code": to.country_code, "OCPI-to-party-id": to.party_id}
    return headers


class Client:
    """One receiver; an `Outward`. Use as an async context manager."""

    def __init__(
        self,
        settings: UplinkSettings,
        rng: random.Random,
        peer: PeerTime | None = None,
        *,
        log: RequestLog | None = None,
        via: Outward | None = None,
    ) -> None:
        """`peer` hears what time the answers tell, `log` notes every request.

        `via`: who sends them instead, with the token of then, and hears and notes by itself.
        """
        self._via = via
        self._settings = settings
        self._authorization = authorization(settings.token, raw=settings.raw_token)
        self._own = Party(settings.country_code, settings.party_id)
        self._to = None
        if settings.to_country_code is not None and settings.to_party_id is not None:
            self._to = Party(settings.to_country_code, settings.to_party_id)
        self._endpoints: Mapping[tuple[str, Role], str | None] = {
            ("locations", Role.RECEIVER): settings.endpoints.locations,
            ("sessions", Role.RECEIVER): settings.endpoints.sessions,
            ("cdrs", Role.RECEIVER): settings.endpoints.cdrs,
            ("tariffs", Role.RECEIVER): settings.endpoints.tariffs,
        }
        self._wire = Wire(rng, request_timeout_s=settings.request_timeout_s, peer=peer, log=log)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._wire.close()

    @property
    def name(self) -> str:
        """Of the platform in our configuration."""
        return self._settings.name

    @property
    def version(self) -> Version:
        """The one agreed on."""
        return self._settings.version

    @property
    def own(self) -> Party:
        """The party that we are for it."""
        return self._own

    def endpoint(self, identifier: str, role: Role) -> str | None:
        """The URL of one of its modules; `None`: none was configured."""
        return self._endpoints.get((identifier, role))

    def new_id(self) -> str:
        """A UUID for one chain of requests that belong together (X-Correlation-ID)."""
        return self._wire.new_id()

    async def send(
        self,
        method: str,
        url: str,
        body: object = None,
        *,
        correlation_id: str | None = None,
        to: Party | None = None,
    ) -> Answer:
        """One request, one answer, within `request_timeout_s`.

        Raises:
            UplinkError: any other outcome than success; the subclass says what to do.
        """
        if self._via is not None:
            return await self._via.send(method, url, body, correlation_id=correlation_id, to=to)
        return await self._wire.send(
            method,
            url,
            body,
            authorization=self._authorization,
            headers=routing(self._own, to or self._to),
            correlation_id=correlation_id,
        )

    async def ask(self) -> None:
        """One harmless request, for the time its answer tells.

        While nothing is known of the time a certificate cannot be checked for its dates: then the
        token stays here, and a refusal is answer enough.

        Raises:
            UplinkError: no answer, or no success.
        """
        settings = self._settings
        urls = settings.endpoints
        url = join_url(
            urls.locations or urls.sessions or urls.cdrs or "",
            settings.country_code,
            settings.party_id,
            settings.location.id,
        )
        await self.send("GET", url)
