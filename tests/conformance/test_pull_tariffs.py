"""Tariffs as platforms pull them, and a history that cannot be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conformance.kit import Platform, running
from conformance.past_kit import EVER, crawled
from laddvakt_agent.ledger.errors import StorageError, StorageKind
from laddvakt_agent.uplink import structs
from laddvakt_agent.uplink.version import Version

pytestmark = pytest.mark.integration


def tariff(tariff_id: str, last_updated: str) -> dict[str, object]:
    component = {"type": "ENERGY", "price": 3.5, "vat": 25.0, "step_size": 1}
    return {
        "country_code": "SE",
        "party_id": "LAD",
        "id": tariff_id,
        "currency": "SEK",
        "elements": [{"price_components": [component]}],
        "last_updated": last_updated,
    }


@pytest.mark.parametrize("version", list(Version), ids=lambda version: version.value)
async def test_tariffs(tmp_path: Path, version: Version) -> None:
    """In the form of the version, in pages, by interval; offered only where there are any."""
    text = ""
    for number in (1, 2):
        path = tmp_path / f"t{number}.json"
        path.write_text(json.dumps(tariff(f"T{number}", f"2026-11-0{number}T00:00:00Z")))
        text += f'\n[[tariff]]\nfile = "{path}"\n'
    async with running(tmp_path, change=lambda before: before + text) as platform:
        assert "tariffs" in str((await platform.get(version.value)).data)
        found = await crawled(platform, f"{version.value}/tariffs", limit="1")
        assert [(one["id"], one["last_updated"]) for one in found] == [
            ("T1", "2026-11-01T00:00:00.000Z"),
            ("T2", "2026-11-02T00:00:00.000Z"),
        ]
        for one in found:
            structs.checked(version, "Tariff", one)  # type: ignore[arg-type]  # it is JSON
        assert "tax_included" in found[0] or version is Version.V2_2_1
        late = await platform.get(f"{version.value}/tariffs", date_from="2026-11-02T00:00:00Z")
        assert [one["id"] for one in late.items] == ["T2"]


async def test_no_tariffs(platform: Platform) -> None:
    """Without a configured tariff there is no such module."""
    assert "tariffs" not in str((await platform.get("2.2.1")).data)
    assert (await platform.get("2.2.1/tariffs")).status == 404


@pytest.mark.parametrize("path", ["sessions", "cdrs", "locations"])
async def test_history_not_readable(
    platform: Platform, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that gives nothing is 3000 under HTTP 200; the server goes on."""

    def broken(*_: object, **__: object) -> object:
        raise StorageError(StorageKind.IO, Path("ledger.db"), "input/output error")

    ledger = platform.context.ledger
    with monkeypatch.context() as patch:
        patch.setattr(ledger.shown, "find", broken)
        patch.setattr(ledger.history, "cdrs", broken)
        heard = await platform.get(f"2.2.1/{path}", date_from=EVER)
        assert (heard.status, heard.code) == (200, 3000)
    assert (await platform.get(f"2.2.1/{path}", date_from=EVER)).code == 1000


async def test_shown_not_written(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes nothing is no reason to show nothing."""

    def full(*_: object) -> None:
        raise StorageError(StorageKind.FULL, Path("ledger.db"), "no space left")

    monkeypatch.setattr(platform.context.ledger.shown, "save", full)
    assert (await platform.get("2.2.1/locations")).code == 1000
