"""The crawl of the charger's lists: what it lets pass and what it finds wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sim_backend.backend_kit import LOCATION, T1
from sim_backend.fake_cpo import Meeting, meeting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.integration


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Meeting]:
    async with meeting(tmp_path) as made:
        await made.register()
        yield made


COUNTS = {"X-Total-Count": "2", "X-Limit": "10"}
L2 = {**LOCATION, "id": "L2"}


def link(query: str) -> dict[str, str]:
    return {"Link": f'<{{url}}/2.3.0/locations?{query}>; rel="next"'}


@pytest.mark.parametrize(
    ("pages", "problem"),
    [
        pytest.param([([LOCATION, L2], COUNTS)], None, id="one page"),
        pytest.param(
            [([LOCATION], COUNTS | link(f"offset=1&date_from={T1}")), ([L2], COUNTS)],
            None,
            id="two pages",
        ),
        pytest.param(
            [([LOCATION, L2], {"X-Limit": "10"})], "X-Total-Count: a whole", id="no total"
        ),
        pytest.param([([LOCATION], COUNTS)], "Link is missing", id="no link"),
        pytest.param([([LOCATION, L2], COUNTS | {"X-Limit": "1"})], "at most 1", id="too many"),
        pytest.param([([LOCATION, LOCATION], COUNTS)], "came twice", id="twice"),
        pytest.param([([LOCATION], COUNTS | {"Link": "<x"})], "Link: <URL>", id="broken link"),
        pytest.param(
            [([LOCATION], COUNTS | {"Link": '<http://localhost:9/>; rel="next"'})],
            "Link leads elsewhere",
            id="elsewhere",
        ),
        pytest.param(
            [([LOCATION], COUNTS | link("offset=1")), ([L2], COUNTS)],
            "Link does not keep date_from",
            id="filter lost",
        ),
        pytest.param(
            [
                ([LOCATION], COUNTS | link(f"date_from={T1}")),
                ([], COUNTS | link(f"date_from={T1}")),
            ],
            "leads back",
            id="loop",
        ),
        pytest.param(
            [([LOCATION, {**L2, "city": 5}], COUNTS)], "city: a string", id="a wrong object"
        ),
        pytest.param(
            [
                (
                    [{**L2, "evses": [], "last_updated": "2020-01-01T00:00:00Z"}],
                    {**COUNTS, "X-Total-Count": "1"},
                )
            ],
            "outside what was asked",
            id="too old",
        ),
    ],
)
async def test_the_crawl_finds_what_is_wrong(
    there: Meeting, pages: list[tuple[list[Any], dict[str, str]]], problem: str | None
) -> None:
    there.cpo.pages = [
        (items, {name: text.replace("{url}", there.cpo.url) for name, text in headers.items()})
        for items, headers in pages
    ]
    found = await there.tell("POST", "/crawl", {"module": "locations", "date_from": T1})
    if problem is None:
        assert found["errors"] == []
        assert [item["id"] for item in found["objects"]] == ["L1", "L2"]
        assert (found["count"], found["requests"]) == (2, len(pages))
    else:
        assert problem in " ".join(found["errors"])
