"""`tokens.db`: what is kept, whose it is, what a restart and a broken file leave of it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from agent.tokens.token_kit import token
from laddvakt_agent.ledger.thread import LedgerThread
from laddvakt_agent.ledger.tokens import NAME, Kept, TokenFile, TokenKey, TokensUnavailable
from laddvakt_agent.uplink.receivers.tokens import TokensReceiver
from laddvakt_agent.uplink.serving import Asked, Caller, Party
from laddvakt_agent.uplink.tokens.book import TokenBook
from laddvakt_agent.uplink.tokens.content import row_of
from laddvakt_agent.uplink.tokens.owners import gives_way
from laddvakt_agent.uplink.version import Version

KEY = TokenKey(country_code="se", party_id="tnm", uid="04a1b2c3", type="RFID")


def test_ids_are_compared_without_case_and_the_newest_wins(tmp_path: Path) -> None:
    file = TokenFile(tmp_path)
    assert file.put(row_of(token(), "a")) is Kept.NEW
    assert file.put(row_of(token(), "a")) is Kept.SAME
    assert file.put(row_of(token("04a1b2c3", valid=False), "a")) is Kept.CHANGED
    assert file.put(row_of(token(type="APP_USER"), "a")) is Kept.NEW
    assert file.put(row_of(token(party_id="ABC"), "a")) is Kept.NEW
    assert [row.type for row in file.find("04A1b2c3")].count("RFID") == 2
    found = file.get(KEY)
    assert found is not None
    assert '"valid":false' in found.body
    assert file.count() == 3
    file.close()


def test_a_restart_keeps_them_and_nobody_else_may_read(tmp_path: Path) -> None:
    file = TokenFile(tmp_path)
    file.put(row_of(token(), "a"))
    file.close()
    again = TokenFile(tmp_path)
    assert (again.count(), again.lost) == (1, 0)
    again.close()
    assert (tmp_path / NAME).stat().st_mode & 0o007 == 0


def test_another_platform_does_not_speak_for_it(tmp_path: Path) -> None:
    file = TokenFile(tmp_path)
    file.put(row_of(token(), "a"))
    assert file.put(row_of(token(valid=False), "b")) is Kept.FOREIGN
    outcomes, numbers = file.take([row_of(token(valid=False), "b"), row_of(token("77889900"), "b")])
    assert (outcomes, len(numbers)) == ([Kept.FOREIGN, Kept.NEW], 1)
    assert file.keep_only(frozenset({"b"})) == 1
    assert (file.count(), file.get(KEY)) == (1, None)
    file.close()


def test_no_more_than_there_is_room_for(tmp_path: Path) -> None:
    file = TokenFile(tmp_path, most=2)
    rows = [row_of(token(f"0000000{n}"), "a") for n in range(3)]
    assert file.take(rows)[0] == [Kept.NEW, Kept.NEW, Kept.FULL]
    assert file.put(rows[2]) is Kept.FULL
    assert file.drop(file.numbers("a")[:1]) == 1
    assert file.put(rows[2]) is Kept.NEW
    file.close()


def test_a_pulled_one_does_not_undo_a_newer_push(tmp_path: Path) -> None:
    file = TokenFile(tmp_path)
    pushed = row_of(token(valid=False, last_updated="2027-01-31T11:00:00Z"), "a")
    file.put(pushed)
    outcomes, numbers = file.take([row_of(token(), "a")])
    assert (outcomes, len(numbers)) == ([Kept.OLDER], 1)
    assert file.get(KEY) == pushed
    file.close()


@pytest.mark.parametrize("damage", ["rubbish", "torn", "another version's"])
def test_what_breaks_is_begun_anew(tmp_path: Path, damage: str) -> None:
    """Nothing in it is the only copy: its platforms have them all."""
    file = TokenFile(tmp_path)
    file.take([row_of(token(f"{n:08d}"), "a") for n in range(200)])
    file.close()
    path = tmp_path / NAME
    if damage == "rubbish":
        path.write_text("rubbish" * 1000)
    elif damage == "torn":
        path.write_bytes(path.read_bytes()[:4096] + b"\x5a" * 60_000)
    else:
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA user_version = 99")
    file = TokenFile(tmp_path)
    if damage != "another version's":
        with pytest.raises(TokensUnavailable):
            file.find("00000001")
    assert file.find("00000001") == ()
    assert file.put(row_of(token(), "a")) is Kept.NEW
    assert file.count() == 1
    assert file.lost > 0
    file.close()


def test_a_file_that_somebody_deletes_is_begun_anew(tmp_path: Path) -> None:
    file = TokenFile(tmp_path)
    file.put(row_of(token(), "a"))
    lost = file.lost
    for name in (NAME, f"{NAME}-wal"):
        (tmp_path / name).unlink(missing_ok=True)
    assert (file.find("04A1B2C3"), file.lost) == ((), lost + 1)
    assert file.put(row_of(token(), "a")) is Kept.NEW
    file.close()
    again = TokenFile(tmp_path)
    assert again.count() == 1
    again.close()


def test_no_disk(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(TokensUnavailable, match="state"):
        TokenFile(tmp_path / "state").find("04A1B2C3")


@pytest.mark.parametrize("pulled", [True, False], ids=["pulled", "pushed"])
def test_a_party_that_moved_takes_its_tokens_along(tmp_path: Path, pulled: bool) -> None:
    """Whatever its platform of before told, and however new that was."""
    claims = {"a": frozenset[Party](), "b": frozenset({Party.of("SE", "TNM")})}
    file = TokenFile(tmp_path)
    file.gives_way = lambda holder, row: gives_way(
        claims, holder, row.platform, Party.of(row.country_code, row.party_id)
    )
    file.put(row_of(token(last_updated="2027-03-01T00:00:00Z"), "a"))
    told = row_of(token(valid=False), "b")
    assert (file.take([told])[0][0] if pulled else file.put(told)) is Kept.CHANGED
    found = file.get(KEY)
    assert found is not None
    assert (found.platform, '"valid":false' in found.body) == ("b", True)
    assert file.put(row_of(token(), "a")) is Kept.FOREIGN
    file.close()


async def test_two_patches_at_once_undo_nothing(tmp_path: Path) -> None:
    """A card that is blocked stays blocked, whatever else is told of it in that moment."""
    file, thread = TokenFile(tmp_path), LedgerThread(lambda error: None)
    receiver = TokensReceiver(book=TokenBook(file=file, thread=thread))
    caller = Caller(
        name="a", version=Version.V2_2_1, registered=True,
        parties=frozenset({Party.of("SE", "TNM")}), own=Party.of("SE", "LAD"),
    )  # fmt: skip

    def asked(method: str, body: dict[str, object]) -> Asked:
        place = ("SE", "TNM", "04A1B2C3")
        return Asked(
            caller=caller, method=method, segments=place, body=body,
            url="http://a", request_id="r", correlation_id="c",
        )  # fmt: skip

    await receiver.answer(asked("PUT", token()))
    at = {"last_updated": "2027-01-31T11:00:00Z"}
    changes = ({"valid": False}, {"language": "sv"}, {"group_id": "G1"})
    await asyncio.gather(*(receiver.answer(asked("PATCH", {**at, **one})) for one in changes))
    found = file.get(KEY)
    assert found is not None
    kept = json.loads(found.body)
    assert (kept["valid"], kept["language"], kept["group_id"]) == (False, "sv", "G1")
    await thread.close()
    file.close()
