"""What the uplink is told once: who we are, whom we tell, and what never changes about us."""

from __future__ import annotations

from dataclasses import dataclass, field

from laddvakt_agent.uplink.version import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorSettings:
    """The fixed facts of one connector; enums are those both versions have."""

    id: str  # ≤ 36 characters
    standard: str  # ConnectorType, e.g. IEC_62196_T2
    format: str  # SOCKET or CABLE
    power_type: str  # PowerType, e.g. AC_3_PHASE
    max_voltage: int  # V, line to neutral for AC
    max_amperage: int  # A
    max_electric_power: int | None = None  # W
    tariff_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EvseSettings:
    """The fixed facts of one EVSE; `uid` is never used again for another one."""

    uid: str  # ≤ 36 characters
    connectors: tuple[ConnectorSettings, ...]
    evse_id: str | None = None  # eMI3, ≤ 48 characters; without it a CDR can only say "#NA"
    physical_reference: str | None = None  # ≤ 16 characters, as printed on the charger
    capabilities: tuple[str, ...] = ()  # OCPI Capability: what this charger really can do


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationSettings:
    """Where the charger stands."""

    id: str  # ≤ 36 characters
    address: str  # ≤ 45 characters, the shorter of the limits of Location and CDR
    city: str  # ≤ 45 characters
    country: str  # ISO 3166-1 alpha-3
    latitude: str  # decimal degrees, 5 to 7 decimals
    longitude: str
    time_zone: str  # IANA
    evses: tuple[EvseSettings, ...]
    name: str | None = None
    postal_code: str | None = None
    publish: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Where the platform listens; `None`: it has no such module, so nothing of it is told."""

    locations: str | None = None
    sessions: str | None = None
    cdrs: str | None = None
    faults: str | None = None
    tariffs: str | None = None  # where it receives ours


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkSettings:
    """One receiver and everything that is fixed in what it is told."""

    country_code: str  # ISO 3166-1 alpha-2
    party_id: str
    token: str = field(repr=False)  # credentials token, as it is, not yet base64
    endpoints: Endpoints
    location: LocationSettings
    currency: str  # ISO 4217
    name: str = "backend"  # of this platform in the configuration
    version: Version = Version.V2_2_1
    raw_token: bool = False  # sent as it is instead of base64, for platforms that want it so
    explicit_nulls: bool = False  # absent optional fields are written as null
    long_strings: bool = False  # up to the longer limits of 2.3.0 edition 2, instead of 45/20/512
    to_country_code: str | None = None
    to_party_id: str | None = None
    retry_min_s: float = 2.0  # first pause after a failure, at most; it doubles each time
    retry_max_s: float = 900.0  # longest pause
    request_timeout_s: float = 15.0

    @property
    def faults_inside(self) -> bool:
        """Whether an EVSE carries its standing faults: an additional field, from 2.3.0 on."""
        return self.version is not Version.V2_2_1 and self.endpoints.faults is not None
