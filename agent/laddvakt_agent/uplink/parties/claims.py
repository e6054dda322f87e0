"""Whose party a party is: nobody speaks for one that is another's. Pure.

A platform says itself for which parties it speaks, and what belongs to a party (its tokens, the
sessions of its drivers, commands) follows from that. So a party is whose the configuration says,
else of the first who registered with it, and ours is nobody's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from laddvakt_agent.uplink.parties.agreement import Agreement, Member
from laddvakt_agent.uplink.serving import Party

if TYPE_CHECKING:
    from laddvakt_agent.uplink.parties.book import PartyBook

REMEDY = (
    "if this is right, name the party in to_country_code and to_party_id of the [[uplink]] whose "
    "party it is; else ask the operator of the platform"
)


def others(book: PartyBook, name: str) -> frozenset[Party]:
    """The parties that this platform cannot speak for, as things stand.

    A party that is reached through two platforms by their `to` may be claimed by both.
    """
    taken: set[Party] = set()
    reserved: set[Party] = set()
    for platform in book.platforms.values():
        taken.add(platform.own)
        if platform.name == name:
            continue
        agreement = book.agreement(platform.name)
        taken |= frozenset() if agreement is None else agreement.parties
        if platform.to is not None:
            reserved.add(platform.to)
    mine = book.platforms[name].to
    return frozenset(taken - {mine} | reserved - {mine})


def clashing(members: Iterable[Member], taken: frozenset[Party]) -> str:
    """Those of the members that are others', in words; "" where there is none."""
    found = dict.fromkeys(one.party for one in members if one.party in taken)
    return ", ".join(f"{party.country_code} {party.party_id}" for party in found)


def without(agreement: Agreement, taken: frozenset[Party]) -> Agreement:
    """The same agreement, speaking for nobody who is another's."""
    kept = tuple(one for one in agreement.members if one.party not in taken)
    hub_id = agreement.hub_party_id
    is_taken = hub_id is not None and Party.of(hub_id[:2], hub_id[2:]) in taken
    return msgspec.structs.replace(
        agreement, members=kept, hub_party_id=None if is_taken else hub_id
    )
