"""A credit CDR and the corrected one after it, with the supply cut at every write of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.ledger.samples import open_ledger
from agent.ledger.test_later import bill, chain
from crash.disk import Disk
from crash.record import Record
from crash.test_crash import NO_VFS
from crash.vfs import Shim
from laddvakt_agent.clock import FakeTime
from laddvakt_agent.ledger.check import check
from laddvakt_agent.ledger.points import Verdict

DRAWN = 4  # of the states that one cut may leave
NEITHER, BOTH = ["c1"], ["c1", "c1-C", "n1"]

Left = dict[str, bytes]


def _watched(folder: Path, work: Callable[[Callable[[], None]], None]) -> list[tuple[bool, Left]]:
    """What cuts would leave of the folder, from when `work` calls what it is given.

    With each whether the work had ended.
    """
    cuts: list[tuple[bool, Left]] = []
    begun: list[int] = []
    ended: list[int] = []

    def tick(_at: str) -> None:
        if begun:
            dice = (random.Random(f"{len(cuts)} {seed}") for seed in range(DRAWN))
            cuts.extend((bool(ended), record.disk.after_cut(one)) for one in dice)

    record = Record(Disk.adopt(folder), tick)
    shim = Shim(record)
    record.install()
    try:
        work(lambda: begun.append(1))
        ended.append(1)
        tick("")
    finally:
        record.uninstall()
        shim.remove()
    return cuts


@pytest.mark.skipif(bool(NO_VFS), reason=NO_VFS or "never")
def test_a_cut_leaves_both_or_neither_and_the_same_request_completes_it(tmp_path: Path) -> None:
    """Nothing is lost once it is said to be written, and asking again doubles nothing."""
    folder, time = tmp_path / "state", FakeTime()
    folder.mkdir()
    kept = []

    def work(begin: Callable[[], None]) -> None:
        ledger = open_ledger(folder, time)
        kept.append(ledger)
        first = bill(ledger)
        begin()
        ledger.later.add(*chain(first))

    cuts = _watched(folder, work)
    kept[0].close()
    found: set[tuple[str, ...]] = set()
    for number, (ended, left) in enumerate(cuts):
        after = tmp_path / str(number)
        after.mkdir()
        for name, data in left.items():
            (after / name).write_bytes(data)
        time.reboot(f"00000000-0000-4000-8000-{number:012}", off_s=10.0)
        ledger = open_ledger(after, time)
        first, *later = ledger.cdrs()
        there = [first.id, *(cdr.id for cdr in later)]
        assert there in ([BOTH] if ended else [NEITHER, BOTH])
        found.add(tuple(there))
        ledger.later.add(*chain(first))
        assert [cdr.id for cdr in ledger.cdrs()] == BOTH
        assert ledger.cdrs(unacknowledged_only=True) == ledger.cdrs()
        ledger.close()
    assert found == {tuple(NEITHER), tuple(BOTH)}
    assert all(point.verdict is not Verdict.WRONG for point in check(after))
