"""Whose tokens are whose: no platform speaks for the customers of another one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from laddvakt_agent.uplink.serving import Party

Claims: TypeAlias = Mapping[str, frozenset[Party]]  # platform → the parties it registered


def speaks_for(claims: Claims, platform: str, party: Party) -> bool:
    """Whether what this platform tells of a party's tokens counts.

    Of its own parties, and of those that no other platform registered: a hub need not name all
    whom it brings, and one whose addresses stand in the configuration never named any.
    """
    if party in claims.get(platform, frozenset()):
        return True
    return not any(party in claimed for name, claimed in claims.items() if name != platform)


def gives_way(claims: Claims, holder: str, told_by: str, party: Party) -> bool:
    """Whether a token that one platform gave is another one's to tell: the party has moved there.

    Also where its first holder was never entitled to it.
    """
    theirs = party in claims.get(told_by, frozenset())
    return theirs and party not in claims.get(holder, frozenset())
