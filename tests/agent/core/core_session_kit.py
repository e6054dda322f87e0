"""A session looked at by hand, round by round, and the terms most tests count by."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace

from laddvakt_agent.core import session as sessions
from laddvakt_agent.core.inputs import Phases, Sample, Signed
from laddvakt_agent.core.session import Kind, Reservation, Session, Shown, Terms

PARKED, CHARGING, STATION, FAULT = Kind.VEHICLE, Kind.CHARGING, Kind.STATION, Kind.FAULT
TERMS = Terms(meter="meter1", settle_s=3.0, most_w=11_000.0, rollover_wh=1_000_000.0)
LEGAL = replace(TERMS, signed_only=True)


def shown(
    wh: float | None, taken_s: float, kind: Kind = PARKED, *, serial: str | None = None,
    limit_a: float = 16.0, signed_wh: float | None = None, amps: Phases | None = None,
) -> Shown:  # fmt: skip
    """One round: what the meter showed at `taken_s`, and why the contactor is as it is."""
    sealed = None if signed_wh is None else Signed(wh=signed_wh, text=f"OCMF|{signed_wh}|x")
    return Shown(
        closed=kind is CHARGING,
        kind=kind,
        limit_a=limit_a,
        energy=None if wh is None else Sample(value=wh, taken_s=taken_s),
        serial=serial,
        signed=None if sealed is None else Sample(value=sealed, taken_s=taken_s),
        current_a=None if amps is None else Sample(value=amps, taken_s=taken_s),
    )


@dataclass(slots=True)
class Case:
    """One session and its terms."""

    session: Session
    terms: Terms = TERMS

    def see(
        self, at_s: float, wh: float | None, kind: Kind = PARKED, *, late_s: float = 0.0,
        serial: str | None = None, limit_a: float = 16.0, signed_wh: float | None = None,
        amps: Phases | None = None,
    ) -> Case:  # fmt: skip
        """A round at `at_s`; its reading was taken `late_s` before."""
        round_ = shown(
            wh, at_s - late_s, kind,
            serial=serial, limit_a=limit_a, signed_wh=signed_wh, amps=amps,
        )  # fmt: skip
        self.session = sessions.observe(self.session, round_, self.terms, at_s)
        return self

    def end(self, at_s: float, opened_s: float | None = None) -> Case:
        self.session = sessions.end(self.session, "stopped", at_s, opened_s=opened_s)
        return self

    def settle(
        self, at_s: float, *, give_up_s: float = 1e9, standing: Set[str] = frozenset()
    ) -> Session:
        self.session = sessions.settle(
            self.session, self.terms, at_s, give_up_s=give_up_s, standing=standing
        )
        return self.session


def begun(
    wh: float | None = 5000.0, *, taken_s: float = 99.5, terms: Terms = TERMS,
    serial: str | None = None, reservation: Reservation | None = None,
    signed_wh: float | None = None,
) -> Case:  # fmt: skip
    """A session begun at 100 s."""
    first = shown(wh, taken_s, serial=serial, signed_wh=signed_wh)
    return Case(sessions.begin("s1", "1", 100.0, first, terms, reservation), terms)


def charged(*, terms: Terms = TERMS, serial: str | None = None) -> Case:
    """10 s parked, 20 s charging 60 Wh, opened at 130 s, ended then."""
    case = begun(terms=terms, serial=serial).see(110.0, 5000.0, CHARGING, serial=serial)
    return case.see(130.0, 5060.0, serial=serial).end(130.0)
