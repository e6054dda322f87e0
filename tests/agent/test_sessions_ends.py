"""How sessions end that no ordinary stop value ends: by law, and after a restart."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agent.session_desk import LEGAL, SETTLE_S, T0, TOKEN, Desk, metered
from laddvakt_agent.core import session as core
from laddvakt_agent.core.inputs import Inputs
from laddvakt_agent.sessions import PATIENCE_S, Kept, SessionKeeper


class TestCalibrationLaw:
    """Only what the meter signed is billed; the rest ends without a bill, and says so."""

    def charged(self, desk: Desk, *, signed: bool) -> SessionKeeper:
        keeper = desk.keeper()
        keeper.begin(TOKEN, "WHITELIST", metered(1000.0, 0.5, signed=signed), 1.0)
        keeper.observe(metered(1000.0, 1.9), 2.0, closed=True)
        keeper.observe(metered(1010.0, 19.9), 20.0, closed=True)
        keeper.end("stopped", 20.0, opened_s=20.0)
        return keeper

    def test_signed(self) -> None:
        desk = Desk(terms=LEGAL)
        keeper = self.charged(desk, signed=True)
        keeper.observe(metered(1011.0, 23.0, signed=True), 23.0, closed=False)
        ((_, cdr),) = desk.closed
        assert (cdr.session.energy_wh, cdr.session.unbilled) == (11.0, None)
        assert cdr.session.start is not None
        assert cdr.session.end is not None
        assert cdr.session.start.signed is not None
        assert cdr.session.end.signed is not None
        assert cdr.session.end.signed.text == "OCMF|1011.0|x"
        assert cdr.remark == "stopped"

    @pytest.mark.parametrize(
        ("signed", "reason"),
        [
            (False, "the meter signed no start value"),
            (True, "the meter signed no end value"),
        ],
        ids=["no start", "no end"],
    )
    def test_not_signed(self, signed: bool, reason: str) -> None:
        """No CDR; the session is told as invalid and written down with the reason."""
        desk = Desk(terms=LEGAL)
        keeper = self.charged(desk, signed=signed)
        assert not keeper.observe(metered(1011.0, 23.0), 23.0, closed=False)
        assert keeper.observe(metered(1011.0, 30.0), 23.1 + PATIENCE_S, closed=False)
        assert not desk.closed
        assert desk.saved[-1].session.unbilled == reason
        (record,) = keeper.records()
        assert (record.unbilled, record.energy_wh) == (reason, 11.0)
        assert record.ended_at == T0 + timedelta(seconds=20)


class TestAfterARestart:
    """What another run left: it goes on, or its last value is awaited a little longer."""

    def left(self, desk: Desk) -> Kept:
        keeper = desk.keeper()
        keeper.begin(TOKEN, "WHITELIST", metered(1000.0, 0.5), 1.0)
        keeper.observe(metered(1000.0, 1.9), 2.0, closed=True)
        assert keeper.running is not None
        session = core.inherited(keeper.running.session, 100.0)
        return Kept(
            session=session, evse_uid="E1", token=TOKEN, auth_method="WHITELIST",
            awaited_s=100.0, grace_s=PATIENCE_S,
        )  # fmt: skip

    def test_the_absence_is_held_back_by_the_station(self) -> None:
        desk = Desk()
        keeper = desk.keeper()
        keeper.resume(self.left(desk), 60.0)
        keeper.observe(metered(1050.0, 110.0), 110.0, closed=False)
        keeper.observe(metered(1050.0, 120.0), 120.0, closed=True)
        assert keeper.running is not None
        totals = core.totals(keeper.running.session, 130.0)
        kinds = [(p.kind.value, p.duration_s) for p in totals.periods]
        assert kinds == [
            ("vehicle", 1.0), ("charging", 58.0), ("station", 50.0), ("vehicle", 10.0),
            ("charging", 10.0),
        ]  # fmt: skip
        assert totals.energy_wh == 50.0

    def test_it_cannot_have_been_away_before_its_last_period(self) -> None:
        desk = Desk()
        keeper = desk.keeper()
        keeper.resume(self.left(desk), -5.0)
        assert keeper.running is not None
        assert [p.start_s for p in keeper.running.session.periods] == [1.0, 2.0]

    def test_one_that_does_not_go_on_waits_for_its_meter(self) -> None:
        desk = Desk()
        keeper = desk.keeper()
        keeper.refuse(self.left(desk), "the agent was away", 50.0, 100.0)
        keeper.observe(Inputs(), 101.0, closed=False)
        late_s = 101.0 + SETTLE_S + PATIENCE_S - 1.0
        keeper.observe(Inputs(), late_s, closed=False)
        assert not desk.closed
        keeper.observe(metered(1060.0, late_s), late_s, closed=False)
        ((_, cdr),) = desk.closed
        assert (cdr.session.energy_wh, cdr.session.ended_at) == (60.0, T0 + timedelta(seconds=50))
        assert cdr.remark == "the agent was away; end value late: read 110 s after it was due"
