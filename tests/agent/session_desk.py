"""A session keeper, what it wrote down, and a meter that is set by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from laddvakt_agent.core import session as core
from laddvakt_agent.core.inputs import DeviceHealth, Inputs, Role, Sample, Signed
from laddvakt_agent.published import CdrRecord, TokenRef
from laddvakt_agent.sessions import Kept, SessionKeeper

T0 = datetime(2027, 1, 1, tzinfo=UTC)
TOKEN = TokenRef(uid="A", type="RFID", contract_id="C", country_code="SE", party_id="LAD")
SETTLE_S = 3.0
TERMS = core.Terms(meter="meter1", settle_s=SETTLE_S)
LEGAL = core.Terms(meter="meter1", settle_s=SETTLE_S, signed_only=True)


@dataclass(slots=True)
class Desk:
    """A keeper, what it wrote down, and a meter."""

    saved: list[Kept] = field(default_factory=list)
    closed: list[tuple[Kept, CdrRecord]] = field(default_factory=list)
    standing: set[str] = field(default_factory=set)
    terms: core.Terms = TERMS

    def keeper(self) -> SessionKeeper:
        return SessionKeeper(
            connector="1",
            evse_uid="E1",
            meter_id="meter1",
            terms=self.terms,
            wall_at=lambda s: T0 + timedelta(seconds=s),
            save=self.saved.append,
            save_closed=lambda kept, cdr: self.closed.append((kept, cdr)),
            standing=lambda: self.standing,
            report_s=60.0,
        )


def metered(
    wh: float, taken_s: float, *, serial: str | None = None, signed: bool = False
) -> Inputs:
    seal = Signed(wh=wh, text=f"OCMF|{wh}|x") if signed else None
    return Inputs(
        energy_wh=Sample(value=wh, taken_s=taken_s),
        signed=None if seal is None else Sample(value=seal, taken_s=taken_s),
        devices=(
            DeviceHealth(name="meter1", role=Role.METER, line="l", heard_s=taken_s, serial=serial),
        ),
    )
