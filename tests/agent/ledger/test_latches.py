"""Lock-outs and used-up retries outlive everything but the loss of all three copies."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import pytest

from agent.ledger.samples import latch, open_ledger
from laddvakt_agent.clock import Clock, ClockState, FakeTime
from laddvakt_agent.core.faults.rules import Act
from laddvakt_agent.core.model import Latch
from laddvakt_agent.ledger import NewerSchema, read_latches
from laddvakt_agent.ledger.latches import Copy, LatchSet, decode, encode

Loaded: TypeAlias = tuple[dict[str, tuple[Latch, ...]], bool]

SECOND_BOOT = "00000000-0000-4000-8000-000000000002"
NEW, OLD = (latch("new"),), (latch("old"),)


def _saved(directory: Path) -> None:
    """The ledger and `latches.a` hold NEW (sequence 2), `latches.b` holds OLD (sequence 1)."""
    ledger = open_ledger(directory, FakeTime())
    ledger.save_latches("1", OLD, 100.0)
    ledger.save_latches("1", NEW, 101.0)
    ledger.close()


def _load(directory: Path, time: FakeTime | None = None) -> Loaded:
    ledger = open_ledger(directory, time if time is not None else FakeTime())
    found = ledger.load_latches()
    ledger.close()
    return found


BREAK: dict[str, Callable[[bytes], bytes | None]] = {
    "one bit": lambda raw: raw[:-3] + bytes([raw[-3] ^ 0x01]) + raw[-2:],
    "truncated": lambda raw: raw[:-20],
    "empty": lambda _raw: b"",
    "header only": lambda raw: raw.split(b"\n")[0],
    "longer": lambda raw: raw + b" ",
    "rubbish": lambda _raw: b"\x01\x7f" * 100,
    "gone": lambda _raw: None,
}


def _break(directory: Path, name: str, how: str) -> None:
    """Spoil one copy: a file, or the row in the ledger."""
    if name == "ledger.db":
        _break_row(directory / name, how)
        return
    raw = BREAK[how]((directory / name).read_bytes())
    if raw is None:
        (directory / name).unlink()
    else:
        (directory / name).write_bytes(raw)


def _break_row(path: Path, how: str) -> None:
    connection = sqlite3.connect(path)
    ((copy,),) = connection.execute("SELECT copy FROM latches").fetchall()
    raw = BREAK[how](copy.encode())
    if raw is None:
        connection.execute("DELETE FROM latches")
    else:
        connection.execute("UPDATE latches SET copy = ?", (raw.decode(),))
    connection.commit()
    connection.close()


@pytest.mark.parametrize("how", BREAK)
@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        pytest.param({"latches.a"}, NEW, id="a"),
        pytest.param({"latches.b"}, NEW, id="b"),
        pytest.param({"ledger.db"}, NEW, id="ledger"),
        pytest.param({"latches.a", "latches.b"}, NEW, id="both files"),
        pytest.param({"latches.b", "ledger.db"}, NEW, id="b and ledger"),
        pytest.param({"latches.a", "ledger.db"}, OLD, id="a and ledger"),
    ],
)
def test_the_newest_whole_copy_counts(
    tmp_path: Path, how: str, broken: set[str], expected: tuple[Latch, ...]
) -> None:
    _saved(tmp_path)
    for name in broken:
        _break(tmp_path, name, how)
    assert _load(tmp_path) == ({"1": expected}, False)
    assert _load(tmp_path) == ({"1": expected}, False)


@pytest.mark.parametrize("how", BREAK)
def test_without_a_whole_copy_they_are_lost_until_saved_again(tmp_path: Path, how: str) -> None:
    _saved(tmp_path)
    for name in ("latches.a", "latches.b", "ledger.db"):
        _break(tmp_path, name, how)
    for _ in range(2):
        assert _load(tmp_path) == ({}, True)
    assert read_latches(tmp_path, Clock(FakeTime()).boot()) == ({}, True)

    ledger = open_ledger(tmp_path, FakeTime())
    ledger.save_latches("1", (), 100.0)
    assert ledger.load_latches() == ({"1": ()}, False)
    ledger.close()
    assert _load(tmp_path) == ({"1": ()}, False)


def test_a_fresh_installation_has_lost_nothing(tmp_path: Path) -> None:
    assert _load(tmp_path) == ({}, False)
    assert _load(tmp_path) == ({}, False)


def test_broken_copies_are_kept_for_examination(tmp_path: Path) -> None:
    _saved(tmp_path)
    (tmp_path / "latches.a").write_text("rubbish")
    open_ledger(tmp_path, FakeTime()).close()
    (aside,) = tmp_path.glob("latches.a.damaged-*")
    assert aside.read_text() == "rubbish"
    assert not (tmp_path / "latches.a").exists()


def test_a_write_cut_short_leaves_the_old_copy(tmp_path: Path) -> None:
    _saved(tmp_path)
    (tmp_path / "latches.b.new").write_text("laddvakt-latches 1 00000000 99\n{")
    assert _load(tmp_path) == ({"1": NEW}, False)


def test_connectors_do_not_disturb_each_other(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path, FakeTime())
    ledger.save_latches("1", OLD, 100.0)
    ledger.save_latches("2", NEW, 101.0)
    ledger.close()
    ledger = open_ledger(tmp_path, FakeTime())
    ledger.save_latches("1", (), 102.0)
    ledger.close()
    assert _load(tmp_path) == ({"1": (), "2": NEW}, False)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    _saved(tmp_path)
    path = tmp_path / "latches.a"
    path.write_bytes(path.read_bytes().replace(b"laddvakt-latches 1 ", b"laddvakt-latches 3 "))
    before = path.read_bytes()
    with pytest.raises(NewerSchema, match="format 3, known up to 2"):
        open_ledger(tmp_path, FakeTime())
    assert path.read_bytes() == before


# Reclosure times over boots. Saved at 1000 s of the first boot, spent at 400 s and 900 s:
# 600 s and 100 s old.


def _over_a_boot(
    directory: Path, *, synced: tuple[bool, bool], off_s: float, uptime_s: float
) -> tuple[float, ...]:
    time = FakeTime(boot_s=1000.0, synced=synced[0])
    ledger = open_ledger(directory, time)
    ledger.save_latches("1", (latch(spent_s=(400.0, 900.0)),), 1000.0)
    ledger.close()
    time.reboot(SECOND_BOOT, off_s=off_s, uptime_s=uptime_s)
    time.is_synced = synced[1]
    found, lost = _load(directory, time)
    assert not lost
    return found["1"][0].spent_s


@pytest.mark.parametrize(
    ("synced", "expected"),
    [
        # now is 20 s of the second boot; the outage lasted 3600 s
        pytest.param((True, True), (20.0 - 600.0 - 3620.0, 20.0 - 100.0 - 3620.0), id="both"),
        pytest.param((True, False), (-600.0, -100.0), id="not now"),
        pytest.param((False, True), (-600.0, -100.0), id="not then"),
        pytest.param((False, False), (-600.0, -100.0), id="neither"),
    ],
)
def test_only_time_known_to_have_passed_counts(
    tmp_path: Path, synced: tuple[bool, bool], expected: tuple[float, ...]
) -> None:
    assert _over_a_boot(tmp_path, synced=synced, off_s=3600.0, uptime_s=20.0) == expected


def test_a_wall_clock_set_back_takes_nothing_away(tmp_path: Path) -> None:
    spent = _over_a_boot(tmp_path, synced=(True, True), off_s=-7200.0, uptime_s=20.0)
    assert spent == (-600.0, -100.0)


def test_in_the_same_boot_times_stay(tmp_path: Path) -> None:
    time = FakeTime(boot_s=1000.0)
    ledger = open_ledger(tmp_path, time)
    ledger.save_latches("1", (latch(spent_s=(400.0, 900.0)),), 1000.0)
    ledger.close()
    time.advance(500.0)
    assert _load(tmp_path, time)[0]["1"][0].spent_s == (400.0, 900.0)


def test_several_unsynced_boots_never_give_a_retry_back_early(tmp_path: Path) -> None:
    """Each boot's own uptime is all that is known; what went before is not summed up."""
    time = FakeTime(boot_s=1000.0, synced=False)
    ledger = open_ledger(tmp_path, time)
    ledger.save_latches("1", (latch(spent_s=(900.0,)),), 1000.0)
    ledger.close()
    for number in range(3, 6):
        time.reboot(f"00000000-0000-4000-8000-00000000000{number}", off_s=60.0, uptime_s=30.0)
        (found,) = _load(tmp_path, time)[0]["1"]
        assert found.spent_s == (-100.0,)


OLD_BODY = (
    b'{"sequence":7,"connectors":{"1":{"boot_id":"b","at_s":50.0,"at_wall":"2026-01-05T10:00:00Z",'
    b'"clock_state":"synced","latches":[{"code":"power_lost","subject":"1","locked_out":false,'
    b'"active":true,"spent_s":[40.0]}]}}}'
)


def test_a_file_of_before_delays_and_stages_is_read() -> None:
    """Its latches say nothing of them; what they say is taken over unchanged."""
    header = f"laddvakt-latches 1 {zlib.crc32(OLD_BODY):08x} {len(OLD_BODY)}\n"
    copy = decode(header.encode() + OLD_BODY, Path("latches.a"))
    assert copy is not None
    (old,) = copy.connectors["1"].latches
    assert (old.spent_s, old.spread_s, old.act) == ((40.0,), 0.0, None)


def test_delay_and_stage_are_kept() -> None:
    told = Latch(
        code="power_lost", subject="1", locked_out=False, active=True, spread_s=77.5, act=Act.RAMP
    )
    moment = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
    latch_set = LatchSet(
        boot_id="b", at_s=50.0, at_wall=moment, clock_state=ClockState.SYNCED, latches=(told,)
    )
    copy = Copy(sequence=1, connectors={"1": latch_set})
    assert decode(encode(copy), Path("latches.a")) == copy
