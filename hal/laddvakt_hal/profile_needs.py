"""What must be read besides what is wanted, so that it has a value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_hal.plan import ReadClass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from laddvakt_hal.profile_model import Profile


def with_needs(profile: Profile, wanted: Mapping[str, ReadClass]) -> dict[str, ReadClass]:
    """The wanted rows, their scale factors as often as they, and their conditions once.

    Raises:
        KeyError: a wanted row is none of the profile's.
    """
    found = dict(wanted)
    conditions = {variant.when.quantity for variant in profile.alternatives}
    for quantity, kind in wanted.items():
        for needed in profile.needs(quantity):
            its_kind = ReadClass.ONCE if needed in conditions else kind
            found[needed] = min(its_kind, found.get(needed, its_kind))
    return found
