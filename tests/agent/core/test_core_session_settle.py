"""The stop value: read when it is right, exactly one, and marked with what it is worth."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.core.core_session_kit import CHARGING, LEGAL, TERMS, Case, begun, charged
from laddvakt_agent.core import session as sessions
from laddvakt_agent.core.session import MeterValue, Quality

WELDED, BEHIND = {"contactor_welded"}, {"meter_behind_contactor"}
GIVEN_UP = "no meter value after the contactor opened"


def value(case: Case, at_s: float, **given: object) -> MeterValue:
    end = case.settle(at_s, **given).end  # type: ignore[arg-type] # the tables name real ones
    assert end is not None
    return end


@pytest.mark.parametrize(
    ("wh", "taken_s", "now_s", "end_wh", "quality"),
    [
        (5061.0, 132.9, 133.0, None, None),
        (5061.0, 133.0, 133.0, 5061.0, Quality.GOOD),
        (None, 0.0, 159.9, None, None),
        (None, 0.0, 160.0, 5060.0, Quality.LAST_KNOWN),
        (float("nan"), 150.0, 160.0, 5060.0, Quality.LAST_KNOWN),
        (4000.0, 150.0, 160.0, 5060.0, Quality.LAST_KNOWN),
    ],
    ids=["too early", "in time", "waiting", "given up", "nonsense", "backwards"],
)
def test_after_the_opening(
    wh: float | None, taken_s: float, now_s: float, end_wh: float | None, quality: Quality | None
) -> None:
    """A meter in front of the contactor: final is what was taken 3 s after it opened at 130 s."""
    case = charged().see(now_s, wh, late_s=now_s - taken_s)
    session = case.settle(now_s, give_up_s=160.0)
    assert session.settled is (end_wh is not None)
    if quality is None:
        assert session.end is None
        return
    assert session.end is not None
    assert (session.end.wh, session.end.quality) == (end_wh, quality)
    assert session.estimated is (quality is Quality.LAST_KNOWN)
    assert session.end.reason == (GIVEN_UP if session.estimated else "")


def test_still_closed() -> None:
    """The end alone says nothing: current flows until the contactor opens."""
    case = begun().see(110.0, 5000.0, CHARGING).end(120.0).see(124.0, 5040.0, CHARGING)
    assert not case.settle(124.0).settled
    case.see(136.0, 5050.0).see(138.0, 5050.0)
    assert not case.settle(138.0).settled
    assert value(case.see(139.0, 5051.0), 139.0).wh == 5051.0


def test_never_opened() -> None:
    case = begun().see(110.0, 5000.0, CHARGING).see(118.0, 5030.0, CHARGING).end(120.0)
    assert value(case, 150.0, give_up_s=150.0).quality is Quality.LAST_KNOWN


def test_never_read() -> None:
    """Without any value there is nothing to bill; it is settled all the same."""
    session = begun(None).end(120.0).settle(150.0, give_up_s=150.0)
    assert (session.settled, session.end, session.end_wh, session.estimated) == (
        True, None, None, False,
    )  # fmt: skip
    assert sessions.totals(session).energy_wh == 0.0


def test_the_caller_may_know_when_it_opened() -> None:
    case = begun().see(110.0, 5000.0, CHARGING).see(129.0, 5060.0, CHARGING).end(130.0, 130.0)
    assert (case.session.opened_s, case.session.opened) == (130.0, case.session.last)
    assert value(case.see(133.0, 5061.0), 133.0).wh == 5061.0


@pytest.mark.parametrize(
    ("at_s", "quality", "reason"),
    [
        (163.0, Quality.GOOD, ""),
        (164.0, Quality.LATE, "read 31 s after it was due"),
    ],
)
def test_a_value_read_long_after_the_end_says_so(
    at_s: float, quality: Quality, reason: str
) -> None:
    """After a restart the register is true, but it was not read at the end."""
    end = value(charged().see(at_s, 5063.0), at_s)
    assert (end.wh, end.quality, end.reason) == (5063.0, quality, reason)
    assert not replace(charged().session, end=end).estimated


class TestBehindTheContactor:
    """The meter dies with the opening: the last value under load counts, and is marked."""

    @pytest.mark.parametrize(
        ("terms", "standing"),
        [(replace(TERMS, behind=True), set[str]()), (TERMS, BEHIND)],
        ids=["as configured", "as the fault says"],
    )
    def test_the_last_one_under_load(self, terms: sessions.Terms, standing: set[str]) -> None:
        case = charged(terms=terms)
        assert not case.settle(132.9, standing=standing).settled, "a later one may be on its way"
        end = value(case, 133.0, standing=standing)
        assert (end.wh, end.quality) == (5060.0, Quality.BEFORE_OPENING)
        assert "under load" in end.reason
        assert not case.session.estimated

    def test_one_that_still_answers_is_read_after_it(self) -> None:
        case = charged().see(133.0, 5061.0)
        assert value(case, 133.0, standing=BEHIND).quality is Quality.GOOD

    def test_one_that_was_lost_before_is_only_the_last_known(self) -> None:
        case = begun().see(110.0, 5000.0, CHARGING).see(130.0, None).end(130.0)
        assert not case.settle(140.0, standing=BEHIND).settled
        end = value(case, 150.0, standing=BEHIND, give_up_s=150.0)
        assert end.quality is Quality.LAST_KNOWN


class TestWelded:
    """The contactor does not open: what flows on is the station's loss."""

    def test_billing_stops_at_the_open_command(self) -> None:
        case = charged().see(140.0, 5063.0)
        assert case.session.last_wh == 5063.0
        end = value(case.see(150.0, 5070.0), 150.0, standing=WELDED)
        assert (end.wh, end.quality) == (5060.0, Quality.ESTIMATED)
        assert end.reason == "contactor welded: billed up to the open command"
        assert case.session.estimated
        assert sessions.totals(case.session).energy_wh == 60.0

    def test_an_end_that_follows_the_opening_later_moves_nothing(self) -> None:
        case = begun().see(110.0, 5000.0, CHARGING).see(130.0, 5060.0).see(132.0, 5063.0)
        assert value(case.end(135.0, 130.0), 136.0, standing=WELDED).wh == 5060.0

    def test_one_that_never_charged(self) -> None:
        assert value(begun().end(110.0), 111.0, standing=WELDED).wh == 5000.0

    def test_one_that_was_never_read(self) -> None:
        session = begun(None).end(110.0).settle(111.0, standing=WELDED)
        assert (session.settled, session.end) == (True, None)


def test_a_replaced_meter_is_not_waited_for() -> None:
    """Another serial number: the session ends on the old meter's last value."""
    case = charged(serial="A").see(131.0, 17.0, serial="B")
    end = value(case, 131.0)
    assert (end.wh, end.quality) == (5060.0, Quality.LAST_KNOWN)
    assert end.reason == "meter A was replaced by B: its last value"


class TestCalibrationLaw:
    """What the meter did not sign is not billed, and says so; without the law it is only proof."""

    def signing(self, terms: sessions.Terms) -> Case:
        """Signed 5000 Wh at the start, then 60 Wh and open at 130 s."""
        case = begun(terms=terms, signed_wh=5000.0).see(110.0, 5000.0, CHARGING)
        return case.see(130.0, 5060.0).end(130.0)

    def test_both_signed(self) -> None:
        case = self.signing(LEGAL).see(133.0, 5061.0)
        assert not case.settle(133.0).settled, "the signature is still to come"
        session = case.see(140.0, 5061.0, signed_wh=5060.5).settle(140.0)
        assert (session.settled, session.unbilled) == (True, None)
        assert session.end is not None
        assert (session.end.wh, session.end.quality) == (5060.5, Quality.SIGNED)
        totals = sessions.totals(session)
        assert (totals.energy_wh, sum(p.energy_wh for p in totals.periods)) == (60.5, 60.5)

    @pytest.mark.parametrize("signed_wh", [None, 4990.0], ids=["not signed", "signed backwards"])
    def test_the_end_is_not(self, signed_wh: float | None) -> None:
        case = self.signing(LEGAL).see(133.0, 5061.0, signed_wh=signed_wh)
        session = case.settle(200.0, give_up_s=200.0)
        assert (session.settled, session.end_wh) == (True, 5061.0)
        assert session.unbilled == (
            "the meter signed no end value"
            if signed_wh is None
            else "the signed end value 4990 Wh is below the start value 5000 Wh"
        )

    def test_the_start_is_not(self) -> None:
        case = charged(terms=LEGAL).see(133.0, 5061.0, signed_wh=5061.0)
        assert not case.settle(133.0).settled
        session = case.settle(200.0, give_up_s=200.0)
        assert session.unbilled == "the meter signed no start value"

    def test_never_read(self) -> None:
        session = begun(None, terms=LEGAL).end(110.0).settle(200.0, give_up_s=200.0)
        assert (session.end, session.unbilled) == (None, "the meter signed no start value")

    def test_a_signed_value_from_before_the_opening_is_no_end(self) -> None:
        case = self.signing(LEGAL).see(132.9, 5061.0, signed_wh=5061.0)
        session = case.settle(200.0, give_up_s=200.0)
        assert session.unbilled == "the meter signed no end value"

    @pytest.mark.parametrize("what", ["welded", "replaced"])
    def test_what_no_signature_can_mend_is_settled_at_once(self, what: str) -> None:
        case = self.signing(LEGAL)
        if what == "replaced":
            case.session = replace(case.session, serial="A", other="B")
        session = case.settle(131.0, standing=WELDED if what == "welded" else frozenset())
        assert (session.settled, session.unbilled) == (True, "the meter signed no end value")
        assert session.end_wh == 5060.0, "kept as evidence"

    def test_without_the_law_the_register_counts_and_the_proof_goes_with_it(self) -> None:
        case = self.signing(TERMS).see(133.0, 5061.0)
        assert not case.settle(133.0).settled, "a meter that signed the start signs the end"
        end = value(case.see(136.0, 5061.0, signed_wh=5060.5), 136.0)
        assert end.signed is not None
        assert (end.wh, end.quality, end.signed.wh) == (5061.0, Quality.GOOD, 5060.5)
        assert case.session.unbilled is None

    def test_without_the_law_a_missing_proof_holds_up_no_bill(self) -> None:
        case = self.signing(TERMS).see(133.0, 5061.0)
        end = value(case, 140.0, give_up_s=140.0)
        assert (end.quality, end.signed, case.session.unbilled) == (Quality.GOOD, None, None)


@pytest.mark.parametrize(
    ("after", "end_wh", "quality"),
    [
        (begun(5070.0), 5070.0, Quality.LATE),
        (begun(5059.0), 5060.0, Quality.LAST_KNOWN),
        (begun(None), 5060.0, Quality.LAST_KNOWN),
        (begun(None).see(103.0, None, CHARGING).see(108.0, 5075.0), 5060.0, Quality.LAST_KNOWN),
        (begun(5070.0, serial="B"), 5060.0, Quality.LAST_KNOWN),
    ],
    ids=["its start value", "lower", "not read", "read late", "another meter"],
)
def test_a_session_after_which_another_began(after: Case, end_wh: float, quality: Quality) -> None:
    """What the meter shows meanwhile is the other's: neither is billed for it twice."""
    session = sessions.overtaken(charged().session, after.session, TERMS)
    assert session.settled
    assert session.end is not None
    assert (session.end.wh, session.end.quality) == (end_wh, quality)
    assert "another session began after it" in session.end.reason
    assert sessions.overtaken(session, begun(9000.0).session, TERMS) == session


def test_over_the_end_of_the_register_another_began() -> None:
    case = begun(999_990.0).see(110.0, 999_990.0, CHARGING).see(120.0, 999_995.0).end(120.0)
    session = sessions.overtaken(case.session, begun(5.0).session, TERMS)
    assert sessions.totals(session).energy_wh == 15.0


def test_never_read_before_another_began() -> None:
    session = sessions.overtaken(begun(None).end(120.0).session, begun(5070.0).session, TERMS)
    assert (session.settled, session.end) == (True, None)


def test_where_law_wants_a_signed_end_another_session_is_none() -> None:
    case = begun(signed_wh=5000.0, terms=LEGAL).see(110.0, 5000.0, CHARGING).end(120.0)
    session = sessions.overtaken(case.session, begun(5070.0, terms=LEGAL).session, LEGAL)
    assert session.unbilled == "the meter signed no end value"
