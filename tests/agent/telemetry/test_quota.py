"""Years on a small disk: what goes, in which order, and what never does."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from agent.ledger.samples import WALL, cdr_of, ended, session_row
from laddvakt_agent.clock import Clock, ClockState, FakeTime, Moment
from laddvakt_agent.ledger import AckRow, Ledger
from laddvakt_agent.ledger.quota import MB, Use, ledger_gives, telemetry_gives
from laddvakt_agent.ledger.store import Store
from laddvakt_agent.telemetry.dropping import FINE_KEPT, SNAPSHOTS_KEPT, drop_some
from laddvakt_agent.telemetry.frozen import encoded
from laddvakt_agent.telemetry.means import FIGURES, Record, Value
from laddvakt_agent.telemetry.ring import Ring
from laddvakt_agent.telemetry.space import ASIDE_KEPT, Space
from laddvakt_agent.telemetry.store import Row, TelemetryStore

BOOT = "00000000-0000-4000-8000-000000000001"
ROOM = Use(
    ledger=10 * MB, ledger_free=0, telemetry=10 * MB, aside=0, disk_free=500 * MB, disk=1000 * MB
)


@pytest.mark.parametrize(
    ("use", "over", "short"),
    [
        pytest.param(ROOM, -44, -468, id="room"),
        pytest.param(replace(ROOM, telemetry=60 * MB), 6, -468, id="over 64 MB"),
        pytest.param(replace(ROOM, disk=100 * MB, disk_free=80 * MB), 10, -48, id="over 10 %"),
        pytest.param(replace(ROOM, disk_free=30 * MB), -44, 2, id="no headroom"),
        pytest.param(replace(ROOM, aside=50 * MB), 6, -468, id="damaged files count"),
    ],
)
def test_what_must_be_given_back(use: Use, over: int, short: int) -> None:
    assert (use.over, use.short) == (over * MB, short * MB)


@pytest.mark.parametrize(
    ("ledger", "telemetry", "disk_free", "giving", "gives"),
    [
        pytest.param(10, 55, 500, False, True, id="over the quota"),
        pytest.param(10, 54, 500, False, False, id="just full"),
        pytest.param(10, 54, 500, True, True, id="no relief yet"),
        pytest.param(10, 51, 500, True, False, id="relief"),
        pytest.param(60, 16, 500, False, False, id="its share is its own"),
        pytest.param(60, 17, 500, False, True, id="more than its share"),
        pytest.param(10, 1, 31, False, True, id="no headroom: all it has"),
    ],
)
def test_telemetry_gives_first_and_in_one_sweep(
    ledger: int, telemetry: int, disk_free: int, giving: bool, gives: bool
) -> None:
    use = replace(ROOM, ledger=ledger * MB, telemetry=telemetry * MB, disk_free=disk_free * MB)
    assert telemetry_gives(use, giving=giving) is gives


@pytest.mark.parametrize(
    ("telemetry", "disk_free", "empty", "free", "gives"),
    [
        pytest.param(16, 500, False, 0, True, id="beyond its own share"),
        pytest.param(17, 500, False, 0, False, id="telemetry gives first"),
        pytest.param(16, 500, False, 1, False, id="it has free pages"),
        pytest.param(1, 31, True, 0, True, id="no headroom, telemetry empty"),
        pytest.param(1, 31, False, 0, False, id="no headroom, telemetry gives"),
    ],
)
def test_the_ledger_gives_last_and_only_for_itself(
    telemetry: int, disk_free: int, empty: bool, free: int, gives: bool
) -> None:
    ledger = 49 if disk_free > 100 else 10
    use = replace(
        ROOM, ledger=ledger * MB, telemetry=telemetry * MB, disk_free=disk_free * MB,
        ledger_free=free * MB,
    )  # fmt: skip
    assert ledger_gives(use, telemetry_empty=empty) is gives


def moment(number: float) -> Moment:
    wall = WALL + timedelta(seconds=number)
    return Moment(at_s=number, at_wall=wall, clock_state=ClockState.SYNCED)


def minute(number: int, connector: str = "1") -> Row:
    figures = {name: 230_000 + number % 997 for name in FIGURES}
    record: Record = {"connector": connector, "state": "charging", "seconds": 60, **figures}
    return Row(table="minutes", moment=moment(60.0 * (number + 1)), record=record)


def snapshot(number: int) -> Row:
    ring, rng = Ring(["1/power_w", "1/voltage_l1_v"]), random.Random(number)
    for second in range(240):
        ring.add(float(second), (rng.uniform(0, 11_000), rng.uniform(225, 235)))
    body = encoded(ring.window())
    record: dict[str, Value | bytes] = {"reason": f"f{number}", "every_s": 1, "body": body}
    return Row(table="snapshots", moment=moment(number), record=record)


def event(number: int) -> Row:
    record = {"connector": "1", "what": "charging: vehicle asks"}
    return Row(table="events", moment=moment(number), record=record)


def figures(number: int) -> Row:
    own = {"cpu_ms": 1, "rss_kb": 2, "late_max_ms": 3, "written_bytes": 4}
    return Row(table="agent", moment=moment(number), record=own)


def count(store: TelemetryStore, table: str, where: str = "1") -> int:
    return int(store.read(f"SELECT count(*) FROM {table} WHERE {where}")[0][0])


def test_telemetry_goes_in_its_order(tmp_path: Path) -> None:
    """Seconds of old snapshots, events, minutes, old snapshots, at last everything."""
    store = TelemetryStore(tmp_path, boot_id=BOOT)
    some = snapshot(0)
    shots = [replace(some, moment=moment(n)) for n in range(SNAPSHOTS_KEPT + 3)]
    store.write([*shots, *(event(n) for n in range(5)), figures(1)])
    store.write([minute(n, connector) for n in range(600) for connector in "12"])
    order: list[str] = []
    rows: Counter[str] = Counter()
    while (step := drop_some(store))[1]:
        order += [step[0]] if not order or order[-1] != step[0] else []
        rows[step[0]] += step[1]
    assert order == [
        "one_second_samples", "info_events", "minute_means", "fault_snapshots", "quarter_means",
    ]  # fmt: skip
    assert rows["one_second_samples"] == len(shots) - FINE_KEPT
    assert rows["fault_snapshots"] == 3
    assert count(store, "snapshots") == SNAPSHOTS_KEPT
    assert count(store, "snapshots", "every_s = 1") == FINE_KEPT
    assert count(store, "minutes") <= 30  # the newest quarter of each connector goes on
    assert rows["minute_means"] + count(store, "minutes") == 1200
    store.close()


def test_minutes_become_quarters_without_loss_of_their_sums(tmp_path: Path) -> None:
    store = TelemetryStore(tmp_path, boot_id=BOOT)
    store.write([minute(n, connector) for n in range(61) for connector in "12"])
    while drop_some(store)[0] == "minute_means" and not count(store, "quarters"):
        pass
    found = store.read("SELECT connector, seconds, at_s, power_w FROM quarters ORDER BY seq")
    assert {(row["connector"], row["seconds"]) for row in found} == {("1", 900), ("2", 900)}
    assert [row["at_s"] for row in found if row["connector"] == "1"] == [
        900.0,
        1800.0,
        2700.0,
        3600.0,
    ]
    assert found[0]["power_w"] == 230_007
    store.close()


def test_of_damaged_files_the_newest_stay(tmp_path: Path) -> None:
    """With their logs; never one whose content the ledger has still to take over."""
    names = [f"ledger.db.damaged-2027010{n}T000000Z" for n in range(5)]
    for age, name in enumerate(names):
        for suffix in ("", "-wal"):
            path = tmp_path / (name + suffix)
            path.write_bytes(b"x")
            os.utime(path, (1000 + age, 1000 + age))
    (tmp_path / "ledger.db.salvage").write_text(names[1] + "\n")
    space = Space(directory=tmp_path, store=TelemetryStore(tmp_path, boot_id=BOOT))
    looked = space.look(0)
    stays = {names[1], *names[-ASIDE_KEPT:]}
    left = {path.name.removesuffix("-wal") for path in tmp_path.glob("*.damaged-*")}
    assert left == stays
    assert looked.dropped == {"damaged_files": 2}


@dataclass(slots=True)
class Disk:
    """A partition on which we and others write."""

    directory: Path
    size: int
    others: int = 0
    seen: list[int] = field(default_factory=list)

    def __call__(self, _path: Path) -> object:
        ours = sum(path.stat().st_blocks * 512 for path in self.directory.iterdir())
        self.seen.append(ours)
        free = max(self.size - self.others - ours, 0)
        return SimpleNamespace(f_frsize=1, f_blocks=self.size, f_bavail=free)


def settle(space: Space, ledger: Ledger) -> Counter[str]:
    """What the agent does second by second until there is nothing to do."""
    dropped: Counter[str] = Counter()
    for _ in range(5000):
        looked = space.look(ledger.retention.room()[1])
        dropped += looked.dropped
        if looked.giving:
            continue
        use = replace(looked.use, ledger_free=ledger.retention.room()[1])
        if not ledger_gives(use, telemetry_empty=looked.empty) or not ledger.retention.step(
            need=True
        ):
            break
    return dropped


def test_years_stay_within_the_quota(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scaled down: many times a quota of 1.2 MB, sessions and measurements together.

    Telemetry shrinks to its share as the ledger grows; then the ledger's pages are used again.
    """
    time = FakeTime()
    ledger = Ledger.open(tmp_path, boot=Clock(time).boot(), clock=Clock(time))
    fast(ledger)
    store = TelemetryStore(tmp_path, boot_id=BOOT)
    disk = Disk(tmp_path, size=12 * MB)
    space = Space(directory=tmp_path, store=store, statvfs=cast("Callable[..., object]", disk))  # type: ignore[arg-type]
    monkeypatch.setattr("laddvakt_agent.ledger.quota.LEDGER_RESERVE_BYTES", 128 * 1024)
    quota, sizes, dropped = int(0.1 * disk.size), [], Counter[str]()
    for round_ in range(40):
        for number in range(12 * round_, 12 * round_ + 12):
            row = ended(session_row(f"s{number}"))
            row = replace(row, core="x" * 1500)
            ledger.close_session_with_cdr(row, cdr_of(row, f"c{number}"))
            ledger.save_ack(ack("cdr", f"c{number}"))
        store.write([minute(n, c) for n in range(240 * round_, 240 * round_ + 240) for c in "12"])
        store.write([snapshot(round_), figures(round_)])
        dropped += settle(space, ledger)
        sizes.append(sum(path.stat().st_blocks * 512 for path in tmp_path.iterdir()))
    assert max(sizes) <= 1.1 * quota
    assert sum(sizes[-10:]) <= 1.05 * sum(sizes[-20:-10])  # it has stopped growing
    assert dropped["minute_means"] > 10_000
    assert ledger.retention.dropped()["sessions"] > 100
    assert len(ledger.cdrs()) >= 100
    assert (tmp_path / "telemetry.db").stat().st_size > quota // 5
    store.close()
    ledger.close()


def test_a_disk_that_others_fill_gets_telemetry_back(tmp_path: Path) -> None:
    """The file shrinks; the ledger has pages of its own to go on with."""
    time = FakeTime()
    ledger = Ledger.open(tmp_path, boot=Clock(time).boot(), clock=Clock(time))
    store = TelemetryStore(tmp_path, boot_id=BOOT)
    disk = Disk(tmp_path, size=400 * MB)
    space = Space(directory=tmp_path, store=store, statvfs=cast("Callable[..., object]", disk))  # type: ignore[arg-type]
    store.write([minute(n, c) for n in range(4000) for c in "12"])
    store.fold()
    before = (tmp_path / "telemetry.db").stat().st_size
    assert settle(space, ledger) == {}
    disk.others = disk.size - 33 * MB
    dropped = settle(space, ledger)
    after = (tmp_path / "telemetry.db").stat().st_size
    assert dropped["minute_means"] > 5000
    assert after < 0.3 * before
    store.close()
    ledger.close()


def fast(ledger: Ledger) -> None:
    """Thousands of rows, no power cut; and a log as small as the quota is here."""
    store: Store = ledger._store
    store.read("PRAGMA synchronous = OFF")
    store.read("PRAGMA wal_autocheckpoint = 8")


def ack(kind: str, object_id: str, *, acknowledged: bool = True) -> AckRow:
    return AckRow(
        kind=kind, object_id=object_id, last_updated=WALL, body="{}", acknowledged=acknowledged
    )
