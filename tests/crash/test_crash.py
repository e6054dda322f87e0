"""The crash campaign in small, the models beneath it, and defects that it must find."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from crash.disk import Disk, Named, Written
from crash.vfs import Unavailable, library

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent


def _unavailable() -> str:
    try:
        library()
    except Unavailable as error:
        return str(error)
    return ""


NO_VFS = _unavailable()
needs_vfs = pytest.mark.skipif(bool(NO_VFS), reason=NO_VFS or "never")


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    """One file that is on the disk: 2 KiB of `a`."""
    (tmp_path / "file").write_bytes(b"a" * 2048)
    return Disk.adopt(tmp_path)


def _cuts(disk: Disk) -> Iterator[dict[str, bytes]]:
    for seed in range(200):
        yield disk.after_cut(random.Random(seed))


def test_what_was_synced_is_kept(disk: Disk) -> None:
    """Whatever is drawn, a synced write and a synced name are there."""
    file = disk.file("new")
    file.unsynced.append(Written(0, b"kept"))
    file.synced()
    disk.folder_synced()
    assert {left["new"] for left in _cuts(disk)} == {b"kept"}


def test_unsynced_writes_are_kept_lost_and_torn_at_sectors(disk: Disk) -> None:
    """One write over two sectors of 512 bytes: four outcomes, and no byte is ever cut within."""
    disk.file("file").unsynced.append(Written(512, b"b" * 1024))
    ends = {(left["file"][512:1024], left["file"][1024:1536]) for left in _cuts(disk)}
    assert ends == {(x * 512, y * 512) for x in (b"a", b"b") for y in (b"a", b"b")}


def test_later_writes_arrive_before_earlier_ones(disk: Disk) -> None:
    """Of two writes to one place either may be the last, or the only one."""
    disk.file("file").unsynced += [Written(0, b"1" * 512), Written(0, b"2" * 512)]
    assert {left["file"][:1] for left in _cuts(disk)} == {b"a", b"1", b"2"}


def test_names_come_and_go_apart_from_contents(disk: Disk) -> None:
    """An unsynced renaming is kept or lost; half of the cuts keep a later move without it."""
    disk.renamed("file", "other")
    disk.moves.append(Named("third", disk.names["other"]))
    assert {tuple(sorted(left)) for left in _cuts(disk)} == {
        ("file",), ("other",), ("file", "third"), ("other", "third"),
    }  # fmt: skip


def _campaign(*options: str, seed: int = 1) -> dict[str, object]:
    """What the campaign prints, run in a process of its own as `make crash` does."""
    done = subprocess.run(
        [sys.executable, "-m", "crash", "--seed", str(seed), *options],
        cwd=ROOT,
        env=os.environ
        | {
            "PYTHONHASHSEED": "0",
            "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in _PARTS),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    told: dict[str, object] = json.loads(done.stdout)
    assert done.returncode == (1 if told["violations"] else 0), done.stderr
    return told


_PARTS = ("agent", "hal", "firmware-sim", "tests")
_SMALL = ("--story", "brief", "--story", "trip", "--story", "two", "--story", "clock")


@needs_vfs
@pytest.mark.integration
@pytest.mark.timeout(300)
def test_nothing_is_lost_at_fifty_points() -> None:
    """Power cuts and kills at 50 points of four days: nothing is wrong after any of them."""
    told = _campaign("--points", "50", *_SMALL)
    rows = {row["name"]: row["value"] for row in told["results"]}  # type: ignore[attr-defined]
    assert told["violations"] == []
    assert rows["crash.points"] >= 50
    assert rows["crash.power_cuts"] > 0 < rows["crash.kills"]


@needs_vfs
@pytest.mark.integration
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("mutant", "story", "says"),
    [
        ("synchronous_off", "brief", "promise"),
        ("cdr_told_before_it_is_kept", "brief", "before it was kept"),
    ],
    ids=lambda value: value if "_" in value else "",
)
def test_a_broken_promise_is_found(mutant: str, story: str, says: str) -> None:
    """The campaign can fail: a defect put in on purpose is found within a few points."""
    told = _campaign("--points", "6", "--story", story, "--mutant", mutant)
    wrong = [text for verdict in told["violations"] for text in verdict["wrong"]]  # type: ignore[attr-defined]
    assert any(says in text for text in wrong), wrong
