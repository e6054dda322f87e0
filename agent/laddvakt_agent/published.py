"""What the supervisor publishes: one frozen snapshot for uplink, local API and ledger.

Wall times are aware UTC datetimes, added at the edge; energy is in Wh as the meter said it.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


class EvseStatus(enum.Enum):
    """OCPI 2.2.1 mod_locations, Status enum: the values a charger itself can know."""

    AVAILABLE = "AVAILABLE"
    CHARGING = "CHARGING"
    INOPERATIVE = "INOPERATIVE"
    OUTOFORDER = "OUTOFORDER"
    RESERVED = "RESERVED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRef:
    """Who charges: OCPI CdrToken."""

    uid: str
    type: str  # OCPI TokenType
    contract_id: str
    country_code: str
    party_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeBasis:
    """What wall times of a record were made with, so that they can be corrected later.

    Those up to `until`; in the last of several: all others.
    """

    boot_id: str
    zero: datetime  # the wall time of this boot's second 0, as it was believed
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvseState:
    """The status of one EVSE, and since when."""

    uid: str
    connector_id: str
    status: EvseStatus
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodRecord:
    """A stretch of a session: it charged, the vehicle paused, or the station held it back.

    Neither `charging`, `held` nor `reserved`: the vehicle paused. Older records lack what has a
    default.
    """

    started_at: datetime
    duration_s: float
    energy_wh: float
    charging: bool
    held: bool = False  # by a fault or by the station; never while charging
    fault: bool = False  # … by a fault
    reserved: bool = False  # kept for this customer, who was not there yet
    limit_a: float | None = None  # offered on each phase when it began; while charging
    max_a: float | None = None  # the highest currents of the phases, added up; while charging


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedText:
    """What the meter itself signed, to be checked by whoever is billed."""

    text: str
    encoding: str
    public_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueRecord:
    """A start or stop value, and what it is worth."""

    wh: float
    taken_at: datetime
    quality: str  # core.session.Quality
    reason: str = ""  # why it is no better
    signed: SignedText | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxRecord:
    """One tax on an amount; OCPI 2.3.0 TaxAmount."""

    name: str
    amount: Decimal
    percentage: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyRecord:
    """An amount in the session's currency, exact; `after_taxes` None: no tax was stated."""

    before_taxes: Decimal
    after_taxes: Decimal | None = None
    taxes: tuple[TaxRecord, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CostRecord:
    """What a session costs by its tariff, in the parts that a CDR names; `None`: no such part."""

    currency: str  # ISO 4217
    total: MoneyRecord
    fixed: MoneyRecord | None = None
    energy: MoneyRecord | None = None
    time: MoneyRecord | None = None
    parking: MoneyRecord | None = None
    reservation: MoneyRecord | None = None
    tariff: str | None = None  # JSON: the OCPI Tariff that was in force when it began
    tariff_version: str = "2.2.1"  # … in the form of this OCPI version
    period_tariff_ids: tuple[str | None, ...] = ()  # by which tariff each period is priced


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """One charging session as it stands now; `ended_at` set means final."""

    id: str
    evse_uid: str
    connector_id: str
    token: TokenRef
    auth_method: str  # OCPI AuthMethod
    started_at: datetime
    ended_at: datetime | None
    meter_id: str | None
    start_wh: float | None  # meter register at start, None while not read yet
    energy_wh: float
    periods: tuple[PeriodRecord, ...]
    changed_at: datetime
    bases: tuple[TimeBasis, ...] = ()  # older records lack it: their times stand
    start: ValueRecord | None = None  # older records lack this and what follows
    end: ValueRecord | None = None
    reservation: str | None = None  # the one it redeemed
    unbilled: str | None = None  # why there is never a bill for it
    authorization_reference: str | None = None  # the backend's own word for this permission
    cost: CostRecord | None = None  # so far; `None`: no tariff applies
    unpriced: str | None = None  # why there is no cost although a tariff applies
    waiting: bool = False  # a reservation: nobody has come, or nobody came …
    expired: bool = False  # … in its time


@dataclass(frozen=True, slots=True, kw_only=True)
class CdrRecord:
    """A finished session, immutable: what is billed."""

    id: str
    session: SessionRecord
    end_wh: float | None
    charging_s: float
    parking_s: float  # the vehicle did not want to
    remark: str | None  # why it ended, if not by the driver; "estimated" evidence
    created_at: datetime
    held_s: float = 0.0  # the station did not let it; older records lack it
    reserved_s: float = 0.0  # the customer was not there yet; older records lack it
    cost: CostRecord | None = None  # final; `None`: no tariff applied, or an older record
    credits: str | None = None  # the CDR that this one takes back; its costs are told negative
    # The CDR that is told before this one: what it takes back, or the credit CDR it comes after.
    follows: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultReport:
    """One fault, from raised to cleared; identity is `id`."""

    id: str
    code: str
    severity: str
    evse_uid: str | None
    connector_id: str | None
    started_at: datetime
    cleared_at: datetime | None
    cause: str  # code of the root cause; its own code when it is the cause
    symptoms: tuple[str, ...]
    mrec: str | None
    ocpp16: str | None
    locked_out: bool
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """Everything the backend should know now. CDRs stay until they are acknowledged."""

    evses: tuple[EvseState, ...]
    sessions: tuple[SessionRecord, ...]
    faults: tuple[FaultReport, ...]
    cdrs: tuple[CdrRecord, ...]
    zero: datetime | None = None  # second 0 of this boot, as its times were made
