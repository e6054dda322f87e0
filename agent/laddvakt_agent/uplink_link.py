"""Connects the published station with the OCPI synchroniser, and keeps that one running."""

from __future__ import annotations

import asyncio
import os
import random
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import structlog

from laddvakt_agent.clock import Clock
from laddvakt_agent.config import Config, ConnectorConfig, UplinkConfig
from laddvakt_agent.ledger.acks import LedgerAcks
from laddvakt_agent.ledger.ledger import Ledger
from laddvakt_agent.ledger.rows import AckRow
from laddvakt_agent.ledger.thread import LedgerThread
from laddvakt_agent.published import Station
from laddvakt_agent.service import ServiceError, ocpi_token
from laddvakt_agent.uplink.book import Kind
from laddvakt_agent.uplink.settings import (
    ConnectorSettings,
    Endpoints,
    EvseSettings,
    LocationSettings,
    UplinkSettings,
)
from laddvakt_agent.uplink.sync import Synchroniser
from laddvakt_agent.uplink.text import identifier

RESTART_S = 30.0  # after a defect of the synchroniser: guarding goes on meanwhile

log = structlog.get_logger()


class UplinkLink:
    """The uplink as the rest of the agent sees it: offer states, ask how it is."""

    def __init__(self, settings: UplinkSettings, acks: LedgerAcks, clock: Clock) -> None:
        self._settings, self._acks, self._clock = settings, acks, clock
        self._offered: Station | None = None
        self._sync = self._new()
        self._task = asyncio.create_task(self._keep_running(), name="uplink")

    @classmethod
    async def start(
        cls,
        config: Config,
        uplink: UplinkConfig,
        ledger: Ledger,
        thread: LedgerThread,
        clock: Clock,
    ) -> UplinkLink:
        """Read the token and what the backend has, then begin.

        Raises:
            ServiceError: there is no usable token.
            StorageError: the acknowledgements cannot be read.
        """
        token_file = Path(uplink.token_file) if uplink.token_file else None
        token, warning = ocpi_token(os.environ, token_file)
        if warning:
            log.warning("token_exposed", warning=warning)
        if token is None:
            raise ServiceError(
                "there is an [uplink] but no token: set uplink.token_file, "
                "or give the service the credential ocpi-token"
            )
        return cls(
            settings_from(config, uplink, token), await LedgerAcks.open(ledger, thread), clock
        )

    def offer(self, station: Station) -> None:
        """The station as it is now; returns at once."""
        self._offered = station
        self._sync.offer(station)

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
        return Synchroniser(self._settings, self._acks, told, rng, peer_clock=self._clock)

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


def settings_from(config: Config, uplink: UplinkConfig, token: str) -> UplinkSettings:
    """What the synchroniser needs to know, from the configuration."""
    station = config.station
    return UplinkSettings(
        country_code=station.country_code,
        party_id=station.party_id,
        token=token,
        endpoints=Endpoints(
            locations=uplink.locations or "",
            sessions=uplink.sessions or "",
            cdrs=uplink.cdrs or "",
            faults=uplink.faults,
        ),
        location=LocationSettings(
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
            evses=tuple(_evse(part) for part in config.connector),
        ),
        currency=station.currency,
        to_country_code=uplink.to_country_code,
        to_party_id=uplink.to_party_id,
        retry_min_s=uplink.retry_min_s,
        retry_max_s=uplink.retry_max_s,
        request_timeout_s=uplink.request_timeout_s,
    )


def _evse(part: ConnectorConfig) -> EvseSettings:
    return EvseSettings(
        uid=part.evse_uid,
        evse_id=part.evse_id,
        physical_reference=part.physical_reference,
        connectors=(
            ConnectorSettings(
                id=part.id,
                standard=part.standard,
                format=part.format,
                power_type="AC_3_PHASE" if part.phases == 3 else "AC_1_PHASE",
                max_voltage=round(part.nominal_voltage_v),
                max_amperage=round(part.max_current_a),
                max_electric_power=round(part.max_current_a * part.nominal_voltage_v * part.phases),
            ),
        ),
    )
