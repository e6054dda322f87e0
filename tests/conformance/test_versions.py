"""Conformance cases 15 to 18: routes, versions, their details, custom modules."""

from __future__ import annotations

import pytest

from conformance.kit import HUB, INITIAL, TOKEN, Platform

pytestmark = pytest.mark.integration

FUNCTIONAL = "2.2.1/locations"


@pytest.mark.parametrize("path", ["versions", "2.2.1", FUNCTIONAL, "2.2.1/locations/DEMO1"])
async def test_c15_trailing_slash(platform: Platform, path: str) -> None:
    """A slash at the end makes no difference."""
    one, other = await platform.get(path), await platform.get(f"{path}/")
    assert (one.status, other.status) == (200, 200)
    assert one.data == other.data


async def test_c16_versions(platform: Platform) -> None:
    """Both versions, each with an absolute URL that works."""
    heard = await platform.get("versions")
    offered = {str(item["version"]): str(item["url"]) for item in heard.items}
    assert list(offered) == ["2.2.1", "2.3.0"]
    for version, url in offered.items():
        assert url.startswith("http://")
        assert (await platform.get(url)).item["version"] == version


@pytest.mark.parametrize("token", [TOKEN, INITIAL], ids=["registered", "not-yet"])
@pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
async def test_c17_details(platform: Platform, version: str, token: str) -> None:
    """The right pairs of module and role, also for who is about to register; each URL answers."""
    details = (await platform.ask("GET", version, token=token)).item["endpoints"]
    assert isinstance(details, list)
    pairs = {(item["identifier"], item["role"]) for item in details}
    senders = {(name, "SENDER") for name in ("locations", "sessions", "cdrs")}
    receivers = {(name, "RECEIVER") for name in ("tokens", "commands", "chargingprofiles")}
    assert senders | receivers <= pairs
    assert len(pairs) == len(details)
    for item in details:
        assert item["url"] == platform.url(version, item["identifier"])
        assert (await platform.get(item["url"], date_from="2026-01-01T00:00:00Z")).status != 500


async def test_c18_custom_module_hidden(platform: Platform) -> None:
    """The faults are there for the one with whom they were agreed on; for others there are none."""

    async def listed(token: str) -> bool:
        details = await platform.ask("GET", "2.3.0", token=token)
        return "selad-faults" in str(details.data)

    assert [await listed(token) for token in (TOKEN, INITIAL, HUB)] == [False, False, True]
    assert (await platform.ask("GET", "2.3.0/selad-faults")).status == 404
    from_hub = {"OCPI-from-country-code": "DE", "OCPI-from-party-id": "HUB"}
    heard = await platform.ask("GET", "2.3.0/selad-faults", token=HUB, headers=from_hub)
    assert (heard.status, heard.data) == (200, [])
