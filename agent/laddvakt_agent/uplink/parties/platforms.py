"""The platforms of the configuration: who may register, and on what terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from laddvakt_agent.config import Config, UplinkConfig
from laddvakt_agent.service import ocpi_token
from laddvakt_agent.uplink.serving import Party, Role
from laddvakt_agent.uplink.version import Version

log = structlog.get_logger()

# Whose side of a module must be there for us to make use of it.
_COUNTERPART = {
    "locations": Role.RECEIVER,
    "sessions": Role.RECEIVER,
    "cdrs": Role.RECEIVER,
    "tariffs": Role.RECEIVER,
    "tokens": Role.SENDER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """One `[[uplink]]`, as far as an agreement depends on it."""

    name: str
    registers: bool  # platform mode; in device mode nobody calls us
    own: Party
    token: str | None = field(default=None, repr=False)  # initial, or in device mode for good
    versions_url: str | None = None
    versions: tuple[Version, ...] = tuple(Version)  # allowed here, newest last
    modules: frozenset[str] | None = None  # what is exchanged; `None`: everything
    needs: tuple[str, ...] = ()
    sees_faults: bool = False
    raw_token: bool = False
    hub: bool = False  # it may pass on what parties ask that it does not list
    to: Party | None = None
    request_timeout_s: float = 10.0

    @property
    def needed(self) -> tuple[tuple[str, Role], ...]:
        """The endpoints of theirs without which nothing is agreed on."""
        return tuple(
            (name, _COUNTERPART[name])
            for name in self.needs
            if self.modules is None or name in self.modules
        )

    @property
    def faults(self) -> str:
        """The custom fault module's identifier; version_information_endpoint, Custom Modules."""
        return f"{self.own.country_code}{self.own.party_id}-faults".lower()

    def uses(self, identifier: str) -> bool:
        """Whether a module is exchanged with it."""
        if identifier == self.faults:
            return self.sees_faults
        return self.modules is None or identifier == "credentials" or identifier in self.modules


def platforms_of(config: Config, environment: Mapping[str, str]) -> tuple[Platform, ...]:
    """Every platform with its token.

    Raises:
        ServiceError: a token is there and cannot be used.
    """
    alone = len(config.uplink) == 1
    made = []
    for uplink in config.uplink:
        file = Path(uplink.token_file) if uplink.token_file else None
        token, warning = ocpi_token(environment, file, name=uplink.name, alone=alone)
        if warning:
            log.warning("token_exposed", platform=uplink.name, warning=warning)
        made.append(platform_of(config, uplink, token))
    return tuple(made)


def platform_of(config: Config, uplink: UplinkConfig, token: str | None) -> Platform:
    """One platform of the configuration."""
    station = config.station
    to = None
    if uplink.to_country_code is not None and uplink.to_party_id is not None:
        to = Party.of(uplink.to_country_code, uplink.to_party_id)
    return Platform(
        name=uplink.name,
        registers=uplink.mode == "platform",
        own=Party.of(
            uplink.country_code or station.country_code, uplink.party_id or station.party_id
        ),
        token=token,
        versions_url=uplink.versions_url,
        versions=tuple(Version) if uplink.version is None else (Version(uplink.version),),
        modules=None if uplink.modules is None else frozenset(uplink.modules),
        needs=uplink.needs,
        sees_faults=uplink.faults_module or uplink.faults is not None,
        raw_token=uplink.raw_token,
        hub=uplink.hub,
        to=to,
        request_timeout_s=uplink.request_timeout_s,
    )
