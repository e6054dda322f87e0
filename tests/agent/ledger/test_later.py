"""What follows a CDR: taken back once, billed anew, told to those that had the first one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agent.ledger.samples import WALL, cdr_of, ended, open_ledger, session_row
from agent.ledger.test_audience import ack
from laddvakt_agent.clock import FakeTime
from laddvakt_agent.ledger import Conflict, Ledger
from laddvakt_agent.ledger.audience import BACKEND
from laddvakt_agent.ledger.check import check
from laddvakt_agent.ledger.history import Wanted
from laddvakt_agent.ledger.listing import listed
from laddvakt_agent.ledger.points import Verdict
from laddvakt_agent.ledger.pseudonyms import Pseudonyms
from laddvakt_agent.ledger.reading import read
from laddvakt_agent.ledger.retention import KEPT
from laddvakt_agent.published import CdrRecord
from laddvakt_agent.uplink.objects import credit_of

DAY_S = 86_400.0
LATER = WALL + timedelta(days=1)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path, FakeTime())
    yield opened
    opened.close()


def bill(ledger: Ledger, number: int = 1) -> CdrRecord:
    row = ended(session_row(f"s{number}"))
    cdr = cdr_of(row, f"c{number}")
    ledger.close_session_with_cdr(row, cdr)
    return cdr


def chain(first: CdrRecord, new_id: str = "n1") -> tuple[CdrRecord, CdrRecord]:
    """What takes it back, and what is billed instead."""
    credit = credit_of(first, LATER)
    period = replace(first.session.periods[0], energy_wh=500.0)
    session = replace(first.session, energy_wh=500.0, periods=(period,))
    corrected = replace(
        first, id=new_id, session=session, follows=credit.id, created_at=LATER, remark="by hand"
    )
    return credit, corrected


def ids(ledger: Ledger) -> list[str]:
    return [cdr.id for cdr in ledger.cdrs()]


def waiting(ledger: Ledger) -> list[str]:
    return [cdr.id for cdr in ledger.cdrs(unacknowledged_only=True)]


def test_a_chain_stands_in_its_order_and_the_first_one_as_it_was(ledger: Ledger) -> None:
    first = bill(ledger)
    credit, corrected = chain(first)
    ledger.later.add(credit, corrected)
    bill(ledger, 2)
    ledger.later.add(*chain(corrected, "n2"))
    assert ids(ledger) == ["c1", "c1-C", "n1", "c2", "n1-C", "n2"]
    assert ledger.cdrs()[:3] == (first, credit, corrected)
    assert ledger.later.successor("c1") == credit
    assert ledger.session("s1") is not None
    assert ledger.open_sessions() == ()


def test_the_same_again_changes_nothing_and_what_was_taken_back_may_be_billed_later(
    ledger: Ledger,
) -> None:
    credit, corrected = chain(bill(ledger))
    ledger.later.add(credit)
    ledger.later.add(credit, corrected)
    ledger.later.add(credit, corrected)
    assert ids(ledger) == ["c1", "c1-C", "n1"]


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda credit, new: (replace(credit, id="other"),), id="taken back twice"),
        pytest.param(
            lambda credit, new: (replace(credit, id="x", credits="c1-C", follows="c1-C"),),
            id="a credit taken back",
        ),
        pytest.param(lambda credit, new: (replace(new, follows="c2"),), id="not taken back"),
        pytest.param(
            lambda credit, new: (replace(credit, id="x", credits="?", follows="?"),), id="unknown"
        ),
        pytest.param(lambda credit, new: (replace(new, id="c2"),), id="an id that is taken"),
        pytest.param(lambda credit, new: (replace(new, id="n" * 40),), id="too long an id"),
        pytest.param(
            lambda credit, new: (replace(new, session=replace(new.session, id="s2")),),
            id="of another session",
        ),
        pytest.param(lambda credit, new: (replace(new, follows=None),), id="it follows nothing"),
    ],
)
def test_what_does_not_belong_is_refused_whole(
    ledger: Ledger, wrong: Callable[[CdrRecord, CdrRecord], tuple[CdrRecord, ...]]
) -> None:
    credit, corrected = chain(bill(ledger))
    bill(ledger, 2)
    ledger.later.add(credit)
    fresh = credit_of(ledger.cdrs()[1], LATER)  # c2's: not to be written with what is refused
    with pytest.raises(Conflict):
        ledger.later.add(fresh, *wrong(credit, corrected))
    assert ids(ledger) == ["c1", "c2", "c1-C"]


def test_each_waits_until_every_platform_has_it(ledger: Ledger) -> None:
    for party in (BACKEND, "hub"):
        ledger.audience.join(party, cdrs=True)
    ledger.later.add(*chain(bill(ledger)))
    for cdr_id in ("c1", "c1-C"):
        ledger.save_ack(ack(BACKEND, cdr_id))
    ledger.save_ack(ack("hub", "c1"))
    assert waiting(ledger) == ["c1-C", "n1"]
    ledger.save_ack(ack("hub", "c1-C"))
    assert waiting(ledger) == ["n1"]


@pytest.mark.parametrize("late", [False, True], ids=["joined before", "joined after"])
@pytest.mark.parametrize("party", [BACKEND, "hub"])
def test_whoever_had_not_the_first_one_is_told_nothing_of_its_chain(
    ledger: Ledger, party: str, *, late: bool
) -> None:
    """It counts as told: others have it. A credit of a bill it never saw would be no credit."""
    first = bill(ledger)
    ledger.audience.join("other", cdrs=True)
    ledger.save_ack(ack("other", "c1"))
    if not late:
        ledger.audience.join(party, cdrs=True)
    ledger.later.add(*chain(first))
    if late:
        ledger.audience.join(party, cdrs=True)
    assert ledger.later.told_to_others_alone("c1-C")
    assert waiting(ledger) == ["c1-C", "n1"]
    for cdr_id in ("c1-C", "n1"):
        ledger.save_ack(ack("other", cdr_id))
    assert waiting(ledger) == []


def test_a_platform_that_comes_back_gets_what_takes_back_its_bill(ledger: Ledger) -> None:
    first = bill(ledger)
    ledger.audience.join("other", cdrs=True)
    ledger.save_ack(ack("other", "c1"))
    ledger.audience.join("hub", cdrs=True)  # counts as told
    ledger.audience.keep(("hub",))
    ledger.later.add(*chain(first))
    assert waiting(ledger) == []
    ledger.audience.join("other", cdrs=True)
    assert waiting(ledger) == ["c1-C", "n1"]


def test_pages_show_each_in_the_order_in_which_it_was_made(ledger: Ledger) -> None:
    first = bill(ledger)
    bill(ledger, 2)
    ledger.later.add(*chain(first))
    bill(ledger, 3)
    while ledger.history.note_some():
        pass
    pages = [ledger.history.cdrs(Wanted(party="x", offset=n, limit=2)) for n in (0, 2, 4)]
    shown = [place.object_id for page in pages for place in page.places]
    assert shown == ["c1", "c2", "c1-C", "n1", "c3"]
    assert {page.total for page in pages} == {5}
    found = ledger.history.cdr("n1")
    assert found is not None
    assert found.follows == "c1-C"
    assert ledger.history.cdr_of("s1") == first


def confirmed(ledger: Ledger, *cdr_ids: str) -> None:
    ledger.save_ack(ack(BACKEND, "s1", kind="session"))
    for cdr_id in cdr_ids:
        ledger.save_ack(ack(BACKEND, cdr_id))


@pytest.mark.parametrize(
    ("days", "told", "kept"),
    [
        pytest.param(KEPT.days + 1, ("c1", "c1-C", "n1"), 0, id="old and told: all of it goes"),
        pytest.param(KEPT.days + 1, ("c1", "c1-C"), 3, id="one is not told: all of it stays"),
        pytest.param(KEPT.days - 50, ("c1", "c1-C", "n1"), 3, id="as old as the youngest"),
    ],
)
def test_a_chain_leaves_whole(tmp_path: Path, days: int, told: tuple[str, ...], kept: int) -> None:
    time = FakeTime()
    ledger = open_ledger(tmp_path, time)
    first = bill(ledger)
    time.advance(100 * DAY_S)
    ledger.later.add(*chain(first))
    confirmed(ledger, *told)
    time.advance(days * DAY_S)
    ledger.heartbeat(time.boot_s(), time.wall())
    while ledger.retention.step(need=False):
        pass
    assert len(ids(ledger)) == kept
    assert (ledger.session("s1") is None) is (kept == 0)
    ledger.close()


@pytest.mark.parametrize("how", ["renewed", "damaged", "memory"])
def test_a_chain_comes_along_into_a_new_file(tmp_path: Path, how: str) -> None:
    time = FakeTime()
    ledger = open_ledger(tmp_path, time)
    ledger.audience.join(BACKEND, cdrs=True)
    first = bill(ledger)
    credit, corrected = chain(first)
    ledger.later.add(credit, corrected)
    if how == "memory":  # the process knows them still, the file is another one
        ledger.close()
        (tmp_path / "ledger.db").unlink()
        ledger = open_ledger(tmp_path, time)
        ledger.renewal.restore((), (first, credit, corrected))
        ledger.renewal.restore((), (first, credit, corrected))
    else:
        (tmp_path / "ledger.db").rename(tmp_path / "gone.db")
        if how == "damaged":
            (tmp_path / "gone.db").rename(tmp_path / "ledger.db")
        ledger.renewal.renew("it was", damaged=how == "damaged")
    assert ledger.cdrs(unacknowledged_only=True) == (first, credit, corrected)
    bill(ledger, 2)
    assert ids(ledger) == ["c1", "c1-C", "n1", "c2"]
    ledger.close()


def test_a_later_one_outlives_its_session_and_the_first(tmp_path: Path) -> None:
    """Salvage may find it alone: it is still owed to whoever has the first one."""
    ledger = open_ledger(tmp_path, FakeTime())
    credit, corrected = chain(bill(ledger))
    ledger.later.add(credit, corrected)
    ledger._store._connection.execute("DELETE FROM cdrs")
    ledger._store._connection.execute("DELETE FROM sessions")
    ledger.renewal.renew("broken", damaged=True)
    assert ids(ledger) == ["c1-C", "n1"]
    assert ledger.session("s1") is not None
    assert ledger.open_sessions() == (), "it would be billed once more"
    ledger.audience.join("hub", cdrs=True)
    assert waiting(ledger) == ["c1-C", "n1"]
    ledger.close()


def test_people_see_all_of_it_and_no_driver(ledger: Ledger) -> None:
    ledger.later.add(*chain(bill(ledger)))
    rows = read(ledger.path, lambda reading: list(listed(reading, "cdrs", connector="1")))
    assert [(row["id"], row["follows"], row["credits"]) for row in rows] == [
        ("c1", None, None),
        ("c1-C", "c1", "c1"),
        ("n1", "c1-C", None),
    ]
    assert "place" not in rows[0]
    names = read(ledger.path, lambda reading: Pseudonyms(reading.rows, b"k").row(rows[2]))
    assert "04A1B2C3" not in str(names)
    sessions = read(ledger.path, lambda reading: list(listed(reading, "sessions")))
    assert [row["cdr_id"] for row in sessions] == ["c1"]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param(None, "taken back: 1, billed anew: 1", id="sound"),
        pytest.param(
            "UPDATE later_cdrs SET body = replace(body, '1111.0', '1112.0') WHERE id = 'c1-C'",
            "something else back",
            id="a credit of something else",
        ),
        pytest.param("DELETE FROM later_cdrs WHERE id = 'c1-C'", "is not there", id="one is lost"),
        pytest.param(
            "UPDATE later_cdrs SET body = '{}' WHERE id = 'n1'", "cannot be read", id="rubbish"
        ),
    ],
)
def test_check_looks_at_chains(ledger: Ledger, damage: str | None, said: str) -> None:
    ledger.later.add(*chain(bill(ledger)))
    if damage:
        ledger._store._connection.execute(damage)
    points = {point.name: point for point in check(ledger.path)}
    assert said in points["credits"].detail
    sound = {"taken": Verdict.OK, "is": Verdict.NOTE}
    assert points["credits"].verdict is sound.get(said.split(maxsplit=1)[0], Verdict.WRONG)
