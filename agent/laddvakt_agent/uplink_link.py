"""Connects the published station with one platform's synchroniser, and keeps that one running."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

import structlog

from laddvakt_agent.capabilities import ordered, shown_cards
from laddvakt_agent.clock import Clock
from laddvakt_agent.config import Config, ConnectorConfig, UplinkConfig
from laddvakt_agent.ledger.acks import LedgerAcks
from laddvakt_agent.ledger.rows import AckRow
from laddvakt_agent.published import Station
from laddvakt_agent.tariffs import ids_at
from laddvakt_agent.uplink.book import Kind
from laddvakt_agent.uplink.outward import Outward
from laddvakt_agent.uplink.parties.agreement import Agreement, Endpoint
from laddvakt_agent.uplink.parties.platforms import Platform
from laddvakt_agent.uplink.requestlog import RequestLog
from laddvakt_agent.uplink.serving import Role
from laddvakt_agent.uplink.settings import (
    ConnectorSettings,
    Endpoints,
    EvseSettings,
    LocationSettings,
    UplinkSettings,
)
from laddvakt_agent.uplink.sync import Synchroniser
from laddvakt_agent.uplink.text import Content, identifier
from laddvakt_agent.uplink.version import Version

RESTART_S = 30.0  # after a defect of the synchroniser: guarding goes on meanwhile

log = structlog.get_logger()


class UplinkLink:
    """One platform that is told: offer states, ask how it is."""

    def __init__(
        self,
        settings: UplinkSettings,
        acks: LedgerAcks,
        clock: Clock,
        requests: RequestLog | None = None,
        first_after_s: float = 0.0,
        tariffs: Mapping[str, Content] | None = None,
        via: Outward | None = None,
    ) -> None:
        """`requests`: where they are noted; `first_after_s`: none goes out before that.

        `tariffs`: see `offer_tariffs`; `via`: who sends, with the token of then.
        """
        self._settings, self._acks, self._clock = settings, acks, clock
        self._requests, self._via = requests, via
        self._first_at_s = clock.now_s() + first_after_s
        self._offered: Station | None = None
        self._tariffs: Mapping[str, Content] = tariffs or {}
        self._sync = self._new()
        self._task = asyncio.create_task(self._keep_running(), name="uplink")

    @property
    def settings(self) -> UplinkSettings:
        """What it was made of."""
        return self._settings

    @property
    def sync(self) -> Synchroniser:
        """The one that runs now."""
        return self._sync

    def offer(self, station: Station) -> None:
        """The station as it is now; returns at once."""
        self._offered = station
        self._sync.offer(station)

    def offer_tariffs(self, tariffs: Mapping[str, Content]) -> None:
        """All tariffs there are now, by id, without `last_updated`; the same ones are no news."""
        if tariffs != self._tariffs:
            self._tariffs = tariffs
            self._sync.offer_tariffs(tariffs)

    def remember(self, acks: tuple[AckRow, ...]) -> None:
        """The ledger has found its disk and knows more: begin anew with that."""
        self._acks.remember(acks)
        self._task.cancel()
        self._sync = self._new()
        if self._offered is not None:
            self._sync.offer(self._offered)
        self._task = asyncio.create_task(self._keep_running(), name="uplink")

    def delivered(self) -> frozenset[str]:
        """The CDRs the backend has confirmed."""
        known = self._acks.load().items()
        return frozenset(
            object_id
            for (kind, object_id), acked in known
            if kind == Kind.CDR.value and acked.acknowledged
        )

    def heard(self, session_id: str) -> bool:
        """Whether the backend has confirmed the end of a session."""
        return self._acks.over(Kind.SESSION.value, identifier(session_id, 36))

    def health(self) -> dict[str, object]:
        """How the uplink is doing."""
        return asdict(self._sync.health())

    async def settle(self, timeout_s: float) -> bool:
        """Wait until the backend has everything offered; False when it did not in time."""
        return await self._sync.settle(timeout_s)

    async def close(self) -> None:
        """Stop; what is not confirmed stays in the ledger."""
        self._task.cancel()
        await asyncio.wait([self._task])

    def _new(self) -> Synchroniser:
        rng = random.Random(int.from_bytes(os.urandom(8)))
        told = _ToldTime(clock=self._clock)
        made = Synchroniser(
            self._settings,
            self._acks,
            told,
            rng,
            peer_clock=self._clock,
            first_after_s=max(0.0, self._first_at_s - self._clock.now_s()),
            requests=self._requests,
            via=self._via,
        )
        made.offer_tariffs(self._tariffs)
        return made

    async def _keep_running(self) -> None:
        """A defect in the uplink is told and survived: protection does not depend on it."""
        while True:
            try:
                await self._sync.run()
            except Exception:
                log.exception("uplink_failed", again_in_s=RESTART_S)
            await asyncio.sleep(RESTART_S)
            self._sync = self._new()
            if self._offered is not None:
                self._sync.offer(self._offered)


@dataclass(frozen=True, slots=True)
class _ToldTime:
    """The agent's clock as others are told it."""

    clock: Clock

    def now_s(self) -> float:
        return self.clock.now_s()

    def wall(self) -> datetime:
        return self.clock.wall_at(self.clock.now_s())


def settings_from(
    config: Config,
    uplink: UplinkConfig,
    token: str,
    *,
    endpoints: Endpoints | None = None,
    version: Version | None = None,
) -> UplinkSettings:
    """What the synchroniser needs to know, from the configuration.

    `endpoints`, `version`: what was agreed on, where the addresses are not configured.
    """
    station = config.station
    return UplinkSettings(
        name=uplink.name,
        version=version or version_of(uplink),
        country_code=uplink.country_code or station.country_code,
        party_id=uplink.party_id or station.party_id,
        token=token,
        raw_token=uplink.raw_token,
        explicit_nulls=uplink.explicit_nulls,
        long_strings=uplink.long_strings,
        endpoints=endpoints_of(uplink) if endpoints is None else endpoints,
        location=_location(config, uplink),
        currency=station.currency,
        to_country_code=uplink.to_country_code,
        to_party_id=uplink.to_party_id,
        retry_min_s=uplink.retry_min_s,
        retry_max_s=uplink.retry_max_s,
        request_timeout_s=uplink.request_timeout_s,
    )


def endpoints_of(uplink: UplinkConfig) -> Endpoints:
    """The configured addresses."""
    return Endpoints(
        locations=uplink.locations,
        sessions=uplink.sessions,
        cdrs=uplink.cdrs,
        faults=uplink.faults,
        tariffs=uplink.tariffs,
    )


def fixed_agreement(uplink: UplinkConfig, platform: Platform, wall: datetime) -> Agreement | None:
    """The configured addresses as if they had been agreed on; `None` where there are none."""
    if platform.registers or uplink.versions_url is not None:
        return None
    urls = {
        "locations": uplink.locations,
        "sessions": uplink.sessions,
        "cdrs": uplink.cdrs,
        platform.faults: uplink.faults,
        "tariffs": uplink.tariffs,
    }
    return Agreement(
        version=version_of(uplink),
        versions_url="",
        endpoints=tuple(
            Endpoint(identifier=name, role=Role.RECEIVER, url=url)
            for name, url in urls.items()
            if url is not None
        ),
        since=wall,
        renewed=wall,
    )


def version_of(uplink: UplinkConfig) -> Version:
    """Of configured addresses: the first of ours, if nothing is said."""
    return Version.V2_2_1 if uplink.version is None else Version(uplink.version)


def _location(config: Config, uplink: UplinkConfig) -> LocationSettings:
    """Where the charger stands, and what this platform may do with each EVSE."""
    station = config.station
    return LocationSettings(
        id=station.location_id,
        name=station.name,
        address=station.address,
        city=station.city,
        postal_code=station.postal_code,
        country=station.country,
        latitude=station.latitude,
        longitude=station.longitude,
        time_zone=station.time_zone,
        publish=station.publish,
        evses=tuple(
            _evse(part, ids_at(config, part.id), ordered(part, uplink) + shown_cards(part, config))
            for part in config.connector
        ),
    )


def _evse(
    part: ConnectorConfig, tariff_ids: tuple[str, ...], capabilities: tuple[str, ...]
) -> EvseSettings:
    return EvseSettings(
        uid=part.evse_uid,
        capabilities=capabilities,
        evse_id=part.evse_id,
        physical_reference=part.physical_reference,
        connectors=(
            ConnectorSettings(
                id=part.id,
                standard=part.standard,
                format=part.format,
                power_type="AC_3_PHASE" if part.phases == 3 else "AC_1_PHASE",
                tariff_ids=tariff_ids,
                max_voltage=round(part.nominal_voltage_v),
                max_amperage=round(part.max_current_a),
                max_electric_power=round(part.max_current_a * part.nominal_voltage_v * part.phases),
            ),
        ),
    )
