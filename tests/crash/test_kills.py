"""The kill campaign's own eyes, and five real kills."""

from __future__ import annotations

from pathlib import Path

import pytest

from crash import kills_judge as judge
from crash.kills import Campaign
from crash.kills_round import Kill
from crash.kills_truth import Plant, Row, Snapshot
from laddvakt_agent.demo.stage import JsonObject, Stage

EMPTY = Snapshot(rows={}, latches={})
KILL = Kill(at_s=50.0, anchor="charging", before=EMPTY, spawned_s=56.0)


def interval(number: int, begun_s: float, ended_s: float | None, status: str) -> Row:
    ended = "b" if ended_s is not None else None
    return {
        "number": number, "status": status, "begun_boot_id": "b", "begun_s": begun_s,
        "ended_boot_id": ended, "ended_s": ended_s, "ended_wall": ended,
    }  # fmt: skip


WHOLE = [
    interval(1, 10.0, 48.0, "CHARGING"),
    interval(2, 48.0, 56.5, "UNKNOWN"),
    interval(3, 56.5, None, "AVAILABLE"),
]


@pytest.mark.parametrize(
    ("rows", "seen"),
    [
        (WHOLE, []),
        ([WHOLE[0], WHOLE[2]], ["ends at", "no agent ran"]),
        ([WHOLE[0], interval(2, 48.0, 58.0, "UNKNOWN"), WHOLE[2]], ["ends at"]),
        ([*WHOLE[:2], interval(3, 56.5, 60.0, "AVAILABLE")], ["0 status intervals run"]),
        ([WHOLE[0], interval(2, 48.0, None, "UNKNOWN"), WHOLE[2]], ["2 status", "ends at"]),
        ([WHOLE[0], interval(2, 48.0, 47.0, "UNKNOWN"), WHOLE[2]], ["ends at", "negative", "ran"]),
        ([interval(1, 10.0, None, "CHARGING")], ["no agent ran"]),
    ],
    ids=["whole", "lost", "overlaps", "none runs", "two run", "negative", "absence not noted"],
)
def test_every_gap_between_statuses_is_seen(rows: list[Row], seen: list[str]) -> None:
    found = list(judge._intervals(rows, [KILL], "1"))
    assert len(found) == len(seen), found
    assert all(part in text for part, text in zip(seen, found, strict=True)), found


BILL: Row = {"id": "c", "session_id": "s", "body": '{"session": {"energy_wh": 12.5}}'}
RECEIVED: JsonObject = {"session_id": "s", "total_energy": 0.0125}


@pytest.mark.parametrize(
    ("here", "there", "seen"),
    [
        ([BILL], [RECEIVED], []),
        ([], [RECEIVED], ["(0, 1)"]),
        ([BILL], [], ["(1, 0)"]),
        ([BILL], [RECEIVED, RECEIVED], ["(1, 2)"]),
        ([BILL], [{**RECEIVED, "total_energy": 0.0127}], ["12.7 Wh there"]),
        ([BILL], [RECEIVED, {**RECEIVED, "session_id": "x"}], ["the backend alone"]),
    ],
    ids=["one each", "none here", "none there", "twice", "another energy", "of nobody"],
)
def test_every_wrong_bill_is_seen(
    here: list[Row], there: list[JsonObject], seen: list[str]
) -> None:
    ledger = Snapshot(rows={"sessions": [{"id": "s"}], "cdrs": here}, latches={})
    found = list(judge._billing(ledger, there))
    assert len(found) == len(seen), found
    assert all(part in text for part, text in zip(seen, found, strict=True)), found


@pytest.mark.parametrize(
    ("closed_s", "opened_s", "after_s"),
    [
        ([40.0], [51.9], [1.9]),
        ([40.0], [45.0], []),
        ([51.0], [52.0], [2.0]),
        ([40.0], [], [None]),
        ([40.0, 58.0], [57.0, 60.0], [7.0]),
        ([58.0], [], []),
    ],
    ids=["held", "open before", "just being closed", "never", "beyond its window", "afterwards"],
)
def test_how_long_a_contactor_outlives_its_agent(
    closed_s: list[float], opened_s: list[float], after_s: list[float | None], tmp_path: Path
) -> None:
    plant = Plant(stage=Stage(directory=tmp_path))
    plant.closed_at_s, plant.opened_at_s = {"1": closed_s}, {"1": opened_s}
    told = [after for _, after in judge.dead_man_s(plant, KILL)]
    assert told == [None if after is None else pytest.approx(after) for after in after_s]
    wrong = [after for after in after_s if after is None or after > judge.WINDOW_S["1"]]
    assert len(list(judge._dead_man(plant, KILL))) == len(wrong)


@pytest.mark.integration
@pytest.mark.timeout(240)
def test_three_kills(tmp_path: Path) -> None:
    """`make crash KILLS=200` for more."""
    campaign = Campaign(seed=1, directory=tmp_path, anchor="charging", eager=True)
    campaign.run(3)
    assert campaign.violations == []
    assert campaign.kills >= 3
    assert [row for row in campaign.results() if not row.ok] == []
