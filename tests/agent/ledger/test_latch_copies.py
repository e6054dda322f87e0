"""Every way the copies of the latches can disagree, be torn, or be of another version."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agent.core.core_world import ONE
from agent.ledger.latch_kit import NEW, OLD, copy_in, ledger_row, put, put_body, saved
from agent.ledger.older import DATA
from agent.ledger.samples import open_ledger
from laddvakt_agent.clock import Clock, FakeTime
from laddvakt_agent.core import machine
from laddvakt_agent.core.faults.rules import Act
from laddvakt_agent.ledger import Ledger, read_latches
from laddvakt_agent.ledger.latches import LatchFiles, encode, look_at

NOBODY = 65534


def _tear(*names: str) -> Callable[[Path], None]:
    def tear(directory: Path) -> None:
        for name in names:
            if name == "ledger.db":
                ledger_row(directory, "laddvakt-latches 1 00000000 99\n{")
            else:
                path = directory / name
                path.write_bytes(path.read_bytes()[:-9])

    return tear


def _remove(*names: str) -> Callable[[Path], None]:
    def remove(directory: Path) -> None:
        for name in names:
            if name == "ledger.db":
                ledger_row(directory, None)
            else:
                (directory / name).unlink()

    return remove


def _then(*steps: Callable[[Path], None]) -> Callable[[Path], None]:
    def carry_out(directory: Path) -> None:
        for step in steps:
            step(directory)

    return carry_out


def _older_version(sequence: int) -> Callable[[Path], None]:
    """`latches.b` as an older version wrote it."""
    body = json.loads((DATA / "latches_of_format_1").read_bytes().partition(b"\n")[2])

    def put(directory: Path) -> None:
        put_body(directory / "latches.b", body | {"sequence": sequence}, readable_from=1)

    return put


def _files_newer(directory: Path) -> None:
    a = directory / "latches.a"
    put(directory / "latches.b", a, OLD, NEW, sequence=3)


def _ledger_newer(directory: Path) -> None:
    a = directory / "latches.a"
    copy = replace(copy_in(a), sequence=8)
    ledger_row(directory, encode(copy).decode())
    put(a, a, OLD, sequence=2)


def _equal(directory: Path) -> None:
    """Brought together by hand: the same sequence, one forgot a lock-out."""
    a = directory / "latches.a"
    put(directory / "latches.b", a, replace(NEW, locked_out=False, active=False), sequence=2)
    put(a, a, NEW, sequence=2)
    ledger_row(directory, (directory / "latches.b").read_bytes().decode())


def _leftover(directory: Path) -> None:
    """Cut off before the rename: nobody was promised it."""
    put(directory / "latches.b.new", directory / "latches.a", OLD, NEW, sequence=3)


def _folder(*names: str) -> Callable[[Path], None]:
    def make(directory: Path) -> None:
        for name in names:
            (directory / name).unlink()
            (directory / name).mkdir()

    return make


NOTHING: tuple[str, ...] = ()
WELDED, BROKEN, BOTH = (NEW.code,), (OLD.code,), (OLD.code, NEW.code)
OLDER = ("contactor_welded", "meter_lost")
CASES = {
    "nothing wrong": (lambda _: None, WELDED, False, NOTHING),
    "A torn": (_tear("latches.a"), WELDED, False, ("latches.a",)),
    "A and the ledger's torn": (_tear("latches.a", "ledger.db"), BROKEN, False, ("latches.a",)),
    "both torn, the ledger's whole": (
        _tear("latches.a", "latches.b"), WELDED, False, ("latches.a", "latches.b"),
    ),
    "all torn": (
        _tear("latches.a", "latches.b", "ledger.db"), NOTHING, True, ("latches.a", "latches.b"),
    ),
    "all gone but the marker": (
        _remove("latches.a", "latches.b", "ledger.db"), NOTHING, True, NOTHING,
    ),
    "marker missing": (_remove("latches.written"), WELDED, False, NOTHING),
    "marker missing, all torn": (
        _then(_remove("latches.written"), _tear("latches.a", "latches.b", "ledger.db")),
        NOTHING, True, ("latches.a", "latches.b"),
    ),
    "everything gone": (
        _remove("latches.a", "latches.b", "latches.written", "ledger.db"), NOTHING, False, NOTHING,
    ),
    "B of an older version": (_older_version(1), WELDED, False, NOTHING),
    "B of an older version, and the newest": (_older_version(3), OLDER, False, NOTHING),
    "only one, of an older version": (
        _then(_older_version(1), _remove("latches.a", "ledger.db")), OLDER, False, NOTHING,
    ),
    "files newer than the ledger": (_files_newer, BOTH, False, NOTHING),
    "ledger newer than the files": (_ledger_newer, WELDED, False, NOTHING),
    "the same sequence twice": (_equal, WELDED, False, NOTHING),
    "cut off before the rename": (_leftover, WELDED, False, NOTHING),
    "a folder in the place of A": (
        _then(_folder("latches.a"), _remove("ledger.db")), BROKEN, False, ("latches.a",),
    ),
    "a folder in the place of both": (
        _then(_folder("latches.a", "latches.b"), _remove("ledger.db")),
        NOTHING, True, ("latches.a", "latches.b"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("prepare", "codes", "lost", "aside"), CASES.values(), ids=CASES)
def test_what_is_loaded_and_which_fault_stands(
    tmp_path: Path,
    prepare: Callable[[Path], None],
    codes: tuple[str, ...],
    lost: bool,
    aside: tuple[str, ...],
) -> None:
    """And again the next time: what the first start found and mended changes no answer."""
    saved(tmp_path)
    prepare(tmp_path)
    for _ in range(2):
        assert _loaded(tmp_path) == (codes, lost)
    found = {path.name.partition(".damaged-")[0] for path in tmp_path.glob("*.damaged-*")}
    assert found == set(aside)


def _loaded(directory: Path) -> tuple[tuple[str, ...], bool]:
    """The codes that stand after this start, and "lost"; a loss stands as a fault of its own."""
    ledger = open_ledger(directory, FakeTime())
    latches, lost = ledger.load_latches()
    ledger.close()
    connector = machine.initial(ONE, latches.get("1", ()), 100.0, latches_lost=lost)
    codes = tuple(fault.code for fault in machine.active_faults(connector))
    assert ("latches_lost" in codes) is lost
    return tuple(code for code in codes if code != "latches_lost"), lost


def test_lost_latches_trip_until_somebody_looked(tmp_path: Path) -> None:
    saved(tmp_path)
    _tear("latches.a", "latches.b", "ledger.db")(tmp_path)
    ledger = open_ledger(tmp_path, FakeTime())
    latches, lost = ledger.load_latches()
    ledger.close()
    connector = machine.initial(ONE, latches.get("1", ()), 100.0, latches_lost=lost)
    (fault,) = machine.active_faults(connector)
    assert (fault.code, fault.act) == ("latches_lost", Act.TRIP)


@contextmanager
def _as_nobody() -> Iterator[None]:
    """Permissions do not bind root, so step down for a moment."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_file_without_permission_leaves_the_other_its_worth(tmp_path: Path) -> None:
    saved(tmp_path)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o005 != 0o005:  # pytest's own folders, few or many
            folder.chmod(0o755)
    (tmp_path / "latches.b").chmod(0o644)
    (tmp_path / "latches.a").chmod(0o000)
    with _as_nobody():
        found, lost = read_latches(tmp_path, Clock(FakeTime()).boot())
        assert look_at(tmp_path / "latches.a").detail == "Permission denied"
    assert (found, lost) == ({"1": (OLD,)}, False)


def test_after_a_loss_no_older_copy_comes_back(tmp_path: Path) -> None:
    """The disk with a much later copy was away; what was saved meanwhile is the newest."""
    saved(tmp_path)
    put(tmp_path / "latches.a", tmp_path / "latches.a", OLD, sequence=200)
    (tmp_path / "latches.a").rename(tmp_path / "kept")
    _remove("latches.b", "ledger.db")(tmp_path)
    clock = Clock(FakeTime())
    ledger = Ledger.without_disk(tmp_path, boot=clock.boot(), clock=clock)
    assert ledger.load_latches() == ({}, True)
    ledger.save_latches("1", (NEW,), 100.0)
    ledger.close()
    written = {copy.sequence for copy in LatchFiles(tmp_path).examined()[0] if copy is not None}
    assert min(written) > 200
    name = "latches.b" if (tmp_path / "latches.a").exists() else "latches.a"
    (tmp_path / "kept").rename(tmp_path / name)
    assert _loaded(tmp_path) == (WELDED, False)
