"""A charger to report about, a store in memory, and a clock that is set by hand."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from laddvakt_agent.published import (
    CdrRecord,
    EvseState,
    EvseStatus,
    FaultReport,
    PeriodRecord,
    SessionRecord,
    Station,
    TokenRef,
)
from laddvakt_agent.uplink.settings import (
    ConnectorSettings,
    Endpoints,
    EvseSettings,
    LocationSettings,
    UplinkSettings,
)
from laddvakt_agent.uplink.store import Acked

TOKEN = "a token with ünicode"
T0 = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
DRIVER = TokenRef(
    uid="04A1B2C3", type="RFID", contract_id="SE-LAD-C0001", country_code="SE", party_id="LAD"
)


class MemoryStore:
    """Keeps acknowledgements as the ledger does, and counts the writes."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], Acked] = {}
        self.saves = 0

    def load(self) -> dict[tuple[str, str], Acked]:
        return dict(self.kept)

    async def save(self, kind: str, object_id: str, acked: Acked) -> None:
        self.saves += 1
        await asyncio.sleep(0)
        self.kept[kind, object_id] = acked


class TestClock:
    """The real monotonic clock and a wall clock that is set by hand."""

    __test__ = False

    def __init__(self, wall: datetime = T0) -> None:
        self.at = wall

    def now_s(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def wall(self) -> datetime:
        return self.at


def connector() -> ConnectorSettings:
    return ConnectorSettings(
        id="1",
        standard="IEC_62196_T2",
        format="CABLE",
        power_type="AC_3_PHASE",
        max_voltage=230,
        max_amperage=16,
        max_electric_power=11_000,
    )


def settings(endpoints: Endpoints, **changes: object) -> UplinkSettings:
    place = LocationSettings(
        id="LOC1",
        name="Storgatan",
        address="Storgatan 1",
        city="Uppsala",
        postal_code="753 31",
        country="SWE",
        latitude="59.85856",
        longitude="17.63893",
        time_zone="Europe/Stockholm",
        evses=tuple(
            EvseSettings(
                uid=f"evse-{number}",
                evse_id=f"SE*LAD*E{number}",
                connectors=(connector(),),
                physical_reference=str(number),
            )
            for number in (1, 2)
        ),
    )
    made = UplinkSettings(
        country_code="SE",
        party_id="LAD",
        token=TOKEN,
        endpoints=endpoints,
        location=place,
        currency="SEK",
        to_country_code="SE",
        to_party_id="EMS",
        retry_min_s=0.02,
        retry_max_s=0.2,
        request_timeout_s=0.5,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names real fields


def evse(status: EvseStatus, *, uid: str = "evse-1", at: datetime = T0) -> EvseState:
    return EvseState(uid=uid, connector_id="1", status=status, changed_at=at)


def session(session_id: str = "s-1", **changes: object) -> SessionRecord:
    made = SessionRecord(
        id=session_id,
        evse_uid="evse-1",
        connector_id="1",
        token=DRIVER,
        auth_method="WHITELIST",
        started_at=T0,
        ended_at=None,
        meter_id="21001234",
        start_wh=1000.0,
        energy_wh=0.0,
        periods=(),
        changed_at=T0,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names real fields


def period(
    minute: int, energy_wh: float, *, charging: bool = True, held: bool = False
) -> PeriodRecord:
    return PeriodRecord(
        started_at=T0 + timedelta(minutes=minute),
        duration_s=600.0,
        energy_wh=energy_wh,
        charging=charging,
        held=held,
    )


def finished(session_id: str = "s-1") -> SessionRecord:
    return session(
        session_id,
        ended_at=T0 + timedelta(minutes=20),
        energy_wh=1834.0,
        periods=(period(0, 1834.0), period(10, 0.0, charging=False)),
        changed_at=T0 + timedelta(minutes=20),
    )


def cdr(cdr_id: str = "c-1", session_id: str = "s-1") -> CdrRecord:
    return CdrRecord(
        id=cdr_id,
        session=finished(session_id),
        end_wh=2834.0,
        charging_s=600.0,
        parking_s=600.0,
        remark=None,
        created_at=T0 + timedelta(minutes=20),
    )


def fault(fault_id: str = "f-1", **changes: object) -> FaultReport:
    made = FaultReport(
        id=fault_id,
        code="residual_current_dc",
        severity="safety",
        evse_uid="evse-1",
        connector_id="1",
        started_at=T0,
        cleared_at=None,
        cause="residual_current_dc",
        symptoms=("power_lost",),
        mrec="CX002",
        ocpp16="GroundFailure",
        locked_out=False,
        changed_at=T0,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names real fields


def station(
    *evses: EvseState,
    sessions: tuple[SessionRecord, ...] = (),
    faults: tuple[FaultReport, ...] = (),
    cdrs: tuple[CdrRecord, ...] = (),
) -> Station:
    both = {state.uid: state for state in (*(_idle()), *evses)}
    return Station(evses=tuple(both.values()), sessions=sessions, faults=faults, cdrs=cdrs)


def _idle() -> tuple[EvseState, EvseState]:
    return evse(EvseStatus.AVAILABLE), evse(EvseStatus.AVAILABLE, uid="evse-2")
