"""Tells a platform at its `response_url` what came of an order: the bare result, once, in time.

A platform may name any URL (the specification asks for none of its own endpoints), and our token
opens its whole platform. So a result goes only where the platform has an endpoint of its own: same
scheme, host and port. An order with another URL is refused before anything is done, because what it
asks for could not be answered safely: neither with the token, nor by letting others send requests
from within the charger's network.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from urllib.parse import SplitResult, urlsplit

import structlog

from laddvakt_agent.uplink.errors import Unreachable, UplinkError
from laddvakt_agent.uplink.outward import Outward
from laddvakt_agent.uplink.serving import Asked, Party, Role

LATE = "its time was over"
RETRY_S = 1.0  # between two tries to connect; what may have arrived is not sent again
_MODULES = (
    *("commands", "chargingprofiles", "credentials", "sessions", "tokens", "locations"),
    *("cdrs", "tariffs", "hubclientinfo", "payments"),
)
_PORTS = {"http": 80, "https": 443}

log = structlog.get_logger()


class Results:
    """The way back to the platforms."""

    def __init__(
        self, outwards: Callable[[], Mapping[str, Outward]], now_s: Callable[[], float]
    ) -> None:
        self._outwards, self._now_s = outwards, now_s

    def reaches(self, platform: str, url: str) -> bool:
        """Whether a URL is at an address where the platform has endpoints."""
        outward = self._outwards().get(platform)
        if outward is None:
            return False
        ends = (outward.endpoint(module, role) for module in _MODULES for role in Role)
        return _origin(url) in {_origin(end) for end in ends if end is not None}

    def sender_endpoint(self, platform: str, module: str) -> str | None:
        """Where a platform's Sender interface of a module listens; `None`: nowhere."""
        outward = self._outwards().get(platform)
        return None if outward is None else outward.endpoint(module, Role.SENDER)

    async def post(
        self, asked: Asked, url: str, body: dict[str, object], due_s: float | None
    ) -> bool:
        """Send the result of what was asked; not after `due_s`. True: it arrived."""
        return await self.send(
            "POST", asked.caller.name, url, body, due_s=due_s, to=asked.from_party,
            correlation_id=asked.correlation_id,
        )  # fmt: skip

    async def send(
        self,
        method: str,
        platform: str,
        url: str,
        body: dict[str, object],
        *,
        due_s: float | None = None,
        to: Party | None = None,
        correlation_id: str | None = None,
    ) -> bool:
        """One message to a platform; a failure is told in the log and does no harm.

        Tried again only where there was no connection, so that nothing can arrive twice.
        """
        left_s = None if due_s is None else due_s - self._now_s()
        if left_s is not None and left_s <= 0.0:
            log.warning("result_not_received", platform=platform, error=LATE)
            return False
        try:
            async with asyncio.timeout(left_s):
                while True:
                    outward = self._outwards().get(platform)
                    if outward is None or not self.reaches(platform, url):
                        log.warning("result_not_sent", platform=platform, reason="unregistered")
                        return False
                    try:
                        await outward.send(method, url, body, correlation_id=correlation_id, to=to)
                    except Unreachable as error:
                        if due_s is None:
                            raise
                        log.info("result_waits", platform=platform, error=str(error))
                        await asyncio.sleep(RETRY_S)
                        continue
                    return True
        except (UplinkError, TimeoutError) as error:
            said = str(error) or LATE
            log.warning("result_not_received", platform=platform, error=said)
            return False


def _origin(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        return parts.scheme.lower(), (parts.hostname or "").lower(), _port(parts)
    except ValueError:
        return "", "", None


def _port(parts: SplitResult) -> int | None:
    return parts.port if parts.port is not None else _PORTS.get(parts.scheme.lower())
