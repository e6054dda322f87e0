"""What `laddvakt status` says of the disk: nothing while all is well."""

from __future__ import annotations

import pytest

from laddvakt_agent.cli.client import JsonObject
from laddvakt_agent.cli.words import status_lines

WELL: JsonObject = {
    "over_budget": False, "over_quota": False, "short_of_headroom": False,
    "written_per_day_bytes": 31_400_000, "budget_per_day_bytes": 20_000_000,
    "used_bytes": 70_000_000, "quota_bytes": 67_108_864, "free_bytes": 12_000_000,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "first"),
    [
        pytest.param({}, None, id="well"),
        pytest.param(
            {"over_budget": True},
            "storage: 31.4 MB a day are written, 20.0 MB are planned: the disk wears faster",
            id="wear",
        ),
        pytest.param(
            {"over_quota": True},
            "storage: 70.0 MB are used of 67.1 MB; unsent bills and status intervals never go",
            id="quota",
        ),
        pytest.param(
            {"short_of_headroom": True},
            "storage: only 12.0 MB are free on the disk; telemetry is dropped to make room",
            id="headroom",
        ),
    ],
)
def test_the_status_says_what_is_wrong_and_what_to_do(
    changes: JsonObject, first: str | None
) -> None:
    lines = list(status_lines({"storage": {**WELL, **changes}}))
    if first is None:
        assert lines == []
    else:
        assert lines[0] == first
        assert lines[1].startswith("  ")
