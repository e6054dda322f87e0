"""What holds for every session, whatever its meter says and whenever the agent is killed.

A plant with a register that is always right stands behind a meter that may be silent, late, set
back, jump, or be another one. The bill never exceeds what flowed, and is what flowed as soon as the
meter is honest at the beginning and the end.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.core_session_kit import CHARGING, FAULT, LEGAL, PARKED, STATION, TERMS, shown
from laddvakt_agent.core import session as sessions
from laddvakt_agent.core.inputs import Sample, Signed
from laddvakt_agent.core.session import Kind, Session, Shown, Terms
from laddvakt_agent.published import TokenRef
from laddvakt_agent.session_rows import to_row, to_session

TOKEN = TokenRef(uid="A", type="RFID", contract_id="C", country_code="SE", party_id="LAD")
T0 = datetime(2027, 1, 1, tzinfo=UTC)
FLOWS_W = 7_000.0
STEP_WH = 0.1
KINDS = (CHARGING, CHARGING, CHARGING, PARKED, STATION, FAULT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One round: how long after the last, why the contactor is as it is, and what is shown."""

    wait_s: float
    kind: Kind
    meter: str  # "good", "lost", "old", "back", "jump", "nonsense", "other", "nameless", "ahead"
    killed: str  # "", "run": the agent alone, "boot": the power went
    limit_a: float
    signs: bool


ROUNDS = st.lists(
    st.builds(
        Round,
        wait_s=st.floats(0.0, 400.0),
        kind=st.sampled_from(KINDS),
        meter=st.sampled_from(
            ("good",) * 5
            + ("lost", "old", "back", "jump", "nonsense", "other", "nameless", "ahead")
        ),
        killed=st.sampled_from(("", "", "", "run", "boot")),
        limit_a=st.sampled_from((6.0, 10.0, 16.0, 16.3)),
        signs=st.booleans(),
    ),
    max_size=25,
)


def kept(session: Session) -> Session:
    """Through the ledger, as another run of the same boot finds it."""
    row = to_row(
        session, evse_uid="E", token=TOKEN, auth_method="WHITELIST", meter_id="meter1", boot_id="b",
        wall_at=lambda boot_s: T0 + timedelta(seconds=boot_s),
    )  # fmt: skip
    found = to_session(row)
    assert found == session
    return found


class Plant:
    """A register that counts what flows, in steps as the meter shows them."""

    def __init__(self, terms: Terms, start_wh: float) -> None:
        self.terms = terms
        self.now_s = 100.0
        self.true_wh = start_wh
        self.first_wh = self.shown_wh
        first = shown(self.shown_wh, self.now_s, serial="A", signed_wh=self.shown_wh)
        self.session = sessions.begin("s1", "1", self.now_s, first, terms)
        self.pages = 0

    @property
    def shown_wh(self) -> float:
        return round(self.true_wh // STEP_WH * STEP_WH, 1)

    def pass_(self, round_: Round) -> None:
        self.now_s += round_.wait_s
        if self.session.conducting:
            self.true_wh += FLOWS_W * round_.wait_s / 3600.0
        if round_.killed == "run":
            self.session = sessions.inherited(kept(self.session), self.now_s)
        elif round_.killed == "boot":
            self.reboot()
            round_ = replace(round_, meter="good")  # its first word is held to no time
        self.session = sessions.observe(self.session, self.look(round_), self.terms, self.now_s)

    def reboot(self) -> None:
        """Another boot counts its seconds anew, and knows by wall time how long the last one is."""
        left = sessions.inherited(kept(self.session), None)
        by_s = 10.0 - self.now_s
        self.now_s, self.session = 11.0, sessions.not_after(sessions.shift(left, by_s), 10.0)

    def look(self, round_: Round) -> Shown:
        serial = {"other": "B", "nameless": None}.get(round_.meter, "A")
        taken_s = self.now_s + {"old": -500.0, "ahead": 60.0}.get(round_.meter, 0.0)
        wh: float | None = {
            "lost": None,
            "old": self.first_wh,
            "back": self.shown_wh - 2.0,
            "jump": self.shown_wh + 11_000.0 * 400.0 * 25.0 / 3600.0,
            "nonsense": float("nan"),
            "other": self.shown_wh * 2.0 + 7.0,
            "ahead": self.shown_wh,
        }.get(round_.meter, self.shown_wh)
        round_now = shown(wh, taken_s, round_.kind, serial=serial, limit_a=round_.limit_a)
        if round_.signs and round_.meter == "good":
            self.pages += 1
            seal = Signed(wh=self.shown_wh, text=f"OCMF|{self.pages}|x")
            return replace(round_now, signed=Sample(value=seal, taken_s=taken_s))
        return round_now

    def finish(self, *, honest: bool, signs: bool = True) -> Session:
        """Open, end, and look until it is settled; `honest`: the meter answers at the end."""
        self.session = sessions.end(self.session, "stopped", self.now_s)
        settled, give_up_s = 0, self.now_s + 12.0
        for _ in range(20):
            self.now_s += 1.0
            last = Round(
                wait_s=1.0, kind=PARKED, meter="good" if honest else "lost", killed="",
                limit_a=0.0, signs=signs and honest,
            )  # fmt: skip
            self.session = sessions.observe(self.session, self.look(last), self.terms, self.now_s)
            before = self.session
            self.session = sessions.settle(before, self.terms, self.now_s, give_up_s=give_up_s)
            settled += self.session.settled and not before.settled
        assert settled == 1
        return self.session


@settings(deadline=None, max_examples=150)  # a busy machine is no finding
@given(rounds=ROUNDS, start_wh=st.floats(0.0, 9e5), honest=st.booleans())
def test_the_bill_never_exceeds_what_flowed(
    rounds: list[Round], start_wh: float, honest: bool
) -> None:
    """… equals it to the register's last step when the meter is honest at the end, and adds up."""
    plant = Plant(TERMS, start_wh)
    for round_ in rounds:
        plant.pass_(round_)
        adds_up(plant.session, plant.now_s)
    session = plant.finish(honest=honest)
    adds_up(session, None)
    totals = sessions.totals(session)
    assert session.start_wh == plant.first_wh
    flowed_wh = plant.shown_wh - plant.first_wh
    assert totals.energy_wh <= flowed_wh + 1e-3
    if honest:
        assert abs(totals.energy_wh - flowed_wh) < 1e-3
        assert not session.estimated
    else:
        assert session.end is not None


@settings(deadline=None, max_examples=75)
@given(rounds=ROUNDS, start_wh=st.floats(0.0, 9e5), signs=st.booleans())
def test_under_calibration_law_what_is_not_signed_is_not_billed(
    rounds: list[Round], start_wh: float, signs: bool
) -> None:
    plant = Plant(LEGAL, start_wh)
    for round_ in rounds:
        plant.pass_(round_)
    session = plant.finish(honest=True, signs=signs)
    assert session.settled
    adds_up(session, None)
    if session.unbilled is None:
        assert session.start is not None
        assert session.end is not None
        assert session.start.signed is not None
        assert session.end.signed is not None
        assert sessions.totals(session).energy_wh <= plant.shown_wh - plant.first_wh + 1e-3
    else:
        assert not signs


def adds_up(session: Session, now_s: float | None) -> None:
    """Periods in order, without gaps, none negative; energies to the mWh, times to the whole."""
    totals = sessions.totals(session, now_s)
    end_wh = session.end_wh if session.settled else session.last_wh
    start_wh = session.start_wh
    assert start_wh is not None
    assert end_wh is not None
    assert sum(round(p.energy_wh * 1000) for p in totals.periods) == round(totals.energy_wh * 1000)
    assert round(totals.energy_wh * 1000) == max(round(end_wh * 1000) - round(start_wh * 1000), 0)
    assert all(p.energy_wh >= 0.0 and p.duration_s >= 0.0 for p in totals.periods)
    for one, other in itertools.pairwise(totals.periods):
        assert one.start_s + one.duration_s == other.start_s or (
            abs(one.start_s + one.duration_s - other.start_s) < 1e-6
        )
        assert one.end_wh == other.start_wh
        changed = abs(one.limit_a - other.limit_a) >= TERMS.limit_step_a
        assert one.kind is not other.kind or (one.charging and changed)
    times_s = totals.charging_s + totals.parking_s + totals.held_s + totals.reserved_s
    until_s = totals.periods[-1].start_s + totals.periods[-1].duration_s
    assert abs(times_s - (until_s - session.begun_s)) < 1e-6
