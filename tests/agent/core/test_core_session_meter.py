"""Which register values count: of the same meter, forwards, and no more than can have flowed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.core.core_session_kit import CHARGING, LEGAL, PARKED, TERMS, Case, begun
from laddvakt_agent.core import session as sessions
from laddvakt_agent.core.inputs import Sample, Signed
from laddvakt_agent.core.rollover import rolled_over
from laddvakt_agent.core.session import Quality


@pytest.mark.parametrize(
    ("wh", "taken_s", "start_wh"),
    [
        (None, 0.0, None),
        (5000.0, 96.9, None),
        (5000.0, 97.0, 5000.0),
        (5000.0, 100.4, 5000.0),
        (5000.0, 100.6, None),
        (float("inf"), 100.0, None),
        (float("nan"), 100.0, None),
    ],
    ids=["none", "of before", "fresh", "a moment ahead", "of the future", "infinite", "no number"],
)
def test_the_start_value(wh: float | None, taken_s: float, start_wh: float | None) -> None:
    session = begun(wh, taken_s=taken_s).session
    assert session.start_wh == start_wh
    assert sessions.totals(session).energy_wh == 0.0


def test_a_start_value_read_while_nothing_flows_is_as_good_as_one_of_the_start() -> None:
    case = begun(None).see(140.0, 7000.0, CHARGING).see(150.0, 7005.0, CHARGING)
    start = case.session.start
    assert start is not None
    assert (start.wh, start.quality, start.reason) == (7000.0, Quality.GOOD, "")


def test_a_start_value_that_came_late_says_so() -> None:
    """And fills the first periods: what flowed before it was read is not billed."""
    case = begun(None).see(103.0, None, CHARGING).see(108.0, 7000.0, CHARGING)
    start = case.session.start
    assert start is not None
    assert (start.wh, start.quality) == (7000.0, Quality.LATE)
    assert start.reason == "read 5 s after charging had begun: nothing before it is billed"
    totals = sessions.totals(case.see(115.0, 7005.0, CHARGING).session, 120.0)
    assert [p.energy_wh for p in totals.periods] == [0.0, 5.0]


def test_the_same_sample_twice_adds_nothing() -> None:
    case = begun().see(110.0, 5001.0)
    assert case.session == case.see(111.0, 5009.0, late_s=1.0).session


def lost() -> Case:
    """Charging since 110 s, 5030 Wh at 120 s, then nothing until 300 s."""
    case = begun(serial="A").see(110.0, 5000.0, CHARGING, serial="A")
    case.see(120.0, 5030.0, CHARGING, serial="A")
    for at_s in range(125, 300, 5):
        case.see(at_s, None, CHARGING)
    return case


def test_what_flowed_while_the_meter_was_lost_is_in_its_register() -> None:
    """The same serial number, a monotonic value: the delta stays billable, once it has said so."""
    case = lost().see(300.0, 5500.0, CHARGING)
    assert case.session.last_wh == 5030.0, "who answers is not known yet"
    case.see(301.0, 5503.0, CHARGING, serial="A")
    assert case.session.last_wh == 5503.0


def test_another_meter_in_its_place_counts_for_nobody() -> None:
    case = lost().see(300.0, 5500.0, CHARGING, serial="B")
    assert (case.session.last_wh, case.session.other) == (5030.0, "B")
    case.see(301.0, 5501.0, CHARGING, serial="B").see(302.0, 5510.0, CHARGING, serial="A")
    assert (case.session.last_wh, case.session.other) == (5510.0, None), "the old one is back"


def test_a_serial_number_read_late_is_taken_over_once() -> None:
    case = begun().see(105.0, 5000.0, serial="A").see(106.0, 5000.0, serial="B")
    assert (case.session.serial, case.session.other) == ("A", "B")


@pytest.mark.parametrize(
    ("wh", "believed"),
    [
        (5029.0, False),
        (5030.0, True),
        (5070.0, True),
        (5080.0, False),
        (float("nan"), False),
        (2e9, False),
    ],
    ids=["backwards", "unchanged", "full load", "more than the fuse lets through", "no number",
         "beyond any register"],
)  # fmt: skip
def test_what_can_have_flowed(wh: float, believed: bool) -> None:
    """10 s at 11 kW, a meter that may lag by 4 s, and two steps of its register: 44.8 Wh."""
    case = (
        begun().see(110.0, 5000.0, CHARGING).see(120.0, 5030.0, CHARGING).see(130.0, wh, CHARGING)
    )
    assert case.session.last_wh == (wh if believed else 5030.0)


def test_nothing_flows_through_an_open_contactor() -> None:
    """A register that runs on is another's current, or a defect: however long it waits."""
    case = begun().see(110.0, 5000.0, CHARGING).see(120.0, 5030.0)
    assert case.see(4000.0, 5100.0).session.last_wh == 5030.0
    assert case.see(4001.0, 5031.0).session.last_wh == 5031.0, "what lagged counts"


def test_a_register_of_32_bits_moves_in_its_own_steps() -> None:
    """At 800 MWh a float of 32 bits knows no less than 95 Wh."""
    case = begun(8e8).see(110.0, 8e8, CHARGING).see(111.0, 8e8 + 96.0)
    assert case.session.last_wh == 8e8 + 96.0


def test_without_a_fuse_of_its_own_every_rise_counts() -> None:
    case = begun(terms=replace(TERMS, most_w=None)).see(110.0, 9e8)
    assert case.session.last_wh == 9e8


def test_in_another_boot_the_first_value_is_held_to_no_time() -> None:
    """Nobody knows how long it stayed closed; an honest register must not be left out."""
    case = begun().see(110.0, 5000.0, CHARGING)
    case.session = sessions.inherited(case.session, None)
    case.see(111.0, 5900.0)
    assert (case.session.last_wh, case.session.flowed_s) == (5900.0, 0.0)
    assert case.see(112.0, 6900.0).session.last_wh == 5900.0, "the next one is again"


def test_a_jump_is_not_believed_when_time_has_passed() -> None:
    """It stays above what can have flowed as long as the contactor is open."""
    case = begun().see(110.0, 5000.0, CHARGING).see(112.0, 6000.0, CHARGING).see(113.0, 6000.0)
    for at_s in range(114, 2000, 100):
        case.see(at_s, 6000.0)
    assert case.session.last_wh == 5000.0


class TestRollover:
    """A register that begins anew at the width its profile states counts on."""

    def test_the_count_goes_on(self) -> None:
        case = begun(999_990.0).see(110.0, 999_995.0, CHARGING).see(120.0, 5.0, CHARGING)
        case.see(130.0, 15.0, CHARGING).end(130.0, opened_s=130.0).see(134.0, 16.0)
        session = case.settle(134.0)
        assert (session.turns, session.end_wh) == (1, 1_000_016.0)
        assert sessions.totals(session).energy_wh == 26.0

    def test_one_that_says_too_much_has_not_turned(self) -> None:
        case = begun(999_990.0).see(110.0, 90_000.0)
        assert (case.session.turns, case.session.last_wh) == (0, 999_990.0)

    @pytest.mark.parametrize("width_wh", [None, 1_000_000.0], ids=["unknown", "known"])
    def test_a_register_that_was_set_back_counts_nothing(self, width_wh: float | None) -> None:
        case = begun(400_000.0, terms=replace(TERMS, rollover_wh=width_wh))
        case.see(110.0, 400_000.0, CHARGING).see(120.0, 10.0, CHARGING).see(130.0, 40.0, CHARGING)
        assert (case.session.last_wh, case.session.turns) == (400_000.0, 0)

    @pytest.mark.parametrize(
        ("from_wh", "to_wh", "turned"), [(95.0, 5.0, True), (85.0, 5.0, False), (95.0, 15.0, False)]
    )
    def test_near_its_end_and_near_zero(self, from_wh: float, to_wh: float, turned: bool) -> None:
        assert rolled_over(from_wh, to_wh, 100.0) is turned
        assert not rolled_over(from_wh, to_wh, None)


class TestSigned:
    """Values the meter signed: proof of the start value, or the only one where law wants it."""

    def test_beside_the_register_it_is_proof(self) -> None:
        start = begun(signed_wh=4999.0).session.start
        assert start is not None
        assert start.signed is not None
        assert (start.wh, start.quality, start.signed.wh) == (5000.0, Quality.GOOD, 4999.0)

    def test_where_law_wants_it_it_is_the_value(self) -> None:
        start = begun(signed_wh=4999.0, terms=LEGAL).session.start
        assert start is not None
        assert (start.wh, start.quality) == (4999.0, Quality.SIGNED)

    def test_it_stays_when_the_register_is_read_later(self) -> None:
        case = begun(None, signed_wh=4999.0, terms=LEGAL).see(105.0, 5000.0)
        assert (case.session.start_wh, case.session.last_wh) == (4999.0, 5000.0)

    def test_proof_waits_for_what_it_proves(self) -> None:
        case = begun(None, signed_wh=4999.0)
        assert case.session.start is None

    @pytest.mark.parametrize(
        ("at_s", "late_s", "sealed_wh"),
        [(120.0, 0.0, 5020.0), (101.0, 5.0, None), (120.0, -5.0, None)],
        ids=["newer", "of before the session", "of the future"],
    )
    def test_the_newest_is_kept(self, at_s: float, late_s: float, sealed_wh: float | None) -> None:
        case = begun(signed_wh=5000.0).see(at_s, None, signed_wh=5020.0, late_s=late_s)
        sealed = case.session.sealed
        assert (None if sealed is None else sealed.wh) == sealed_wh

    def test_the_same_text_read_again_is_no_second_value(self) -> None:
        case = begun(signed_wh=5000.0).see(110.0, 5000.0, signed_wh=5000.0)
        assert case.session.sealed is None
        session = case.see(120.0, None, signed_wh=5020.0).see(130.0, None, signed_wh=5020.0).session
        assert session.sealed is not None
        assert session.sealed.taken_s == 120.0

    @pytest.mark.parametrize("text", ["", "x" * 3751], ids=["empty", "longer than a CDR takes"])
    def test_what_nobody_could_check_is_none(self, text: str) -> None:
        signed = Sample(value=Signed(wh=5000.0, text=text), taken_s=99.5)
        session = sessions.begin("s1", "1", 100.0, sessions.Shown(signed=signed), LEGAL)
        assert session.start is None

    def test_after_the_end_it_is_no_start(self) -> None:
        case = begun(terms=LEGAL).end(110.0).see(111.0, 5000.0, signed_wh=5000.0)
        assert case.session.start is not None
        assert case.session.start.signed is None

    def test_of_another_meter_it_counts_for_nobody(self) -> None:
        case = begun(serial="A", signed_wh=5000.0).see(110.0, 1.0, serial="B", signed_wh=5020.0)
        assert case.session.sealed is None
        assert case.see(111.0, 5000.0, PARKED, serial="A").session.last_wh == 5000.0


def test_a_counted_value_can_be_compared_with_the_register_again() -> None:
    """Over its end the register shows less than was counted."""
    case = begun(999_990.0, terms=replace(TERMS, rollover_wh=1e6)).see(110.0, 999_990.0, CHARGING)
    session = case.see(120.0, 5.0, CHARGING).session
    assert session.last_wh == 1_000_005.0
    assert sessions.shown_wh(session, 1e6) == 5.0
    assert sessions.shown_wh(session, None) == 1_000_005.0
    assert sessions.shown_wh(begun(None).session, 1e6) is None
