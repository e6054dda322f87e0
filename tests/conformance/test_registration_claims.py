"""Nobody registers as somebody else: whose party a party is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from conformance.registration_kit import PLATFORM, Both, both
from laddvakt_agent.uplink.parties.platforms import Platform
from laddvakt_agent.uplink.serving import Party

pytestmark = pytest.mark.integration

OTHER_TOKEN = "initial-token-of-the-other"
OTHER = Platform(name="other", registers=True, own=Party("SE", "LAD"), token=OTHER_TOKEN)


async def claimed(pair: Both, *parties: str, hub: bool = False) -> tuple[object, set[Party]]:
    """The other platform registers as these; the status code, and whom it then speaks for."""
    roles = [
        {
            "role": "HUB" if hub and not place else "EMSP",
            "business_details": {"name": "The Other"},
            "country_code": party[:2],
            "party_id": party[2:],
        }
        for place, party in enumerate(parties)
    ]
    body = {**pair.peer.credentials("b-other"), "roles": roles}
    heard = await pair.ask("POST", "2.2.1/credentials", body, token=OTHER_TOKEN)
    agreement = pair.book.agreement("other")
    return heard.code, set() if agreement is None else set(agreement.parties)


@pytest.mark.parametrize(
    "party", ["NLTNM", "nltnm", "SELAD"], ids=["theirs", "in lower case", "ours"]
)
async def test_a_party_of_somebody_else_is_refused(tmp_path: Path, party: str) -> None:
    """What is pushed and ordered in a party's name is its platform's alone."""
    async with both(tmp_path, OTHER) as pair:
        await pair.joins()
        assert await claimed(pair, "DEABC", party) == (2001, set())
        assert await claimed(pair, "DEABC") == (1000, {Party("DE", "ABC")})


async def test_a_hub_is_left_without_what_is_others(tmp_path: Path) -> None:
    async with both(tmp_path, OTHER) as pair:
        await pair.joins()
        code, parties = await claimed(pair, "DEHUB", "NLTNM", "DEABC", hub=True)
        assert (code, parties) == (1000, {Party("DE", "HUB"), Party("DE", "ABC")})


async def test_the_configuration_says_whose_a_party_is(tmp_path: Path) -> None:
    """An operator may be both: its charge points' party, and its drivers'."""
    async with both(
        tmp_path, PLATFORM, to=Party("SE", "LAD"), name="other", token=OTHER_TOKEN
    ) as pair:
        assert await claimed(pair, "NLTNM", "SELAD") == (
            1000,
            {Party("NL", "TNM"), Party("SE", "LAD")},
        )
    async with both(tmp_path / "reserved", OTHER, to=Party("NL", "TNM")) as pair:
        assert await claimed(pair, "NLTNM") == (2001, set())


async def test_whom_we_register_with_speaks_for_nobody_else(tmp_path: Path) -> None:
    """They hold us registered already when we read who they are."""
    first = replace(OTHER, to=Party("NL", "TNM"))
    async with both(tmp_path, first) as pair:
        await pair.desk.register("peer", pair.peer.versions_url)
        assert pair.standing.parties == {Party("NL", "HUB")}
