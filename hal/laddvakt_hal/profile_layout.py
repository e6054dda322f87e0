"""A profile as one device has it: rows moved to where they were found, pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from laddvakt_hal.errors import NotFound
from laddvakt_hal.profile_variants import decided

if TYPE_CHECKING:
    from collections.abc import Mapping

    from laddvakt_hal.codec import Value
    from laddvakt_hal.discovery import Found
    from laddvakt_hal.profile_model import Profile, Row


def placed(profile: Profile, found: Found) -> Profile:
    """The profile with every address counted from where the device's models were found.

    Raises:
        NotFound: the model is shorter than its rows, or they would lie beyond 65535.
    """
    own = [row for row in profile.rows.values() if row.block is None]
    most = max((row.end for row in own), default=0)
    if most > found.length + 2 or found.address + most > 0x10000:
        raise NotFound(
            f"model {found.model} at {found.address} has {found.length} registers, "
            f"{profile.id} reads {most - 2}: choose another profile"
        )
    limits = profile.limits
    return replace(
        profile,
        rows=_moved(profile.rows, found),
        alternatives=tuple(
            replace(variant, rows=_moved(variant.rows, found)) for variant in profile.alternatives
        ),
        limits=replace(
            limits,
            spans=tuple(
                replace(span, first=span.first + found.address, last=span.last + found.address)
                for span in limits.spans
            ),
            barriers=frozenset(barrier + found.address for barrier in limits.barriers),
        ),
    )


def meant(profile: Profile, known: Mapping[str, Value]) -> Profile:
    """The profile with its rows as the known conditions make them."""
    if not profile.alternatives:
        return profile
    return replace(profile, rows=decided(profile.alternatives, profile.rows, known))


def same_place(first: Row, second: Row) -> bool:
    """True when one request brings the one as well as the other."""
    return (
        first.function is second.function
        and first.addr == second.addr
        and first.count == second.count
        and first.absent == second.absent
    )


def _moved(rows: Mapping[str, Row], found: Found) -> Mapping[str, Row]:
    moved = {}
    for name, row in rows.items():
        start = found.address if row.block is None else found.models.get(row.block)
        there = start is not None and start + row.end <= 0x10000
        moved[name] = (
            replace(row, addr=(start or 0) + row.addr) if there else replace(row, absent=True)
        )
    return moved
