"""Published records as OCPI objects of the platform's version. Pure.

Every function returns the content alone, without `last_updated` (`stamped_*` adds it), so that two
contents can be compared: what has not changed keeps its `last_updated`. A CDR is whole at once.
What is sent passes `leaving`, which knows the tables.
"""

from __future__ import annotations

from laddvakt_agent.uplink.charged import (
    as_told,
    cdr,
    cdr_id,
    cdr_token,
    credit_of,
    follows,
    session,
)
from laddvakt_agent.uplink.placed import (
    cdr_location,
    connector,
    evse,
    evse_faults,
    fault,
    location,
)
from laddvakt_agent.uplink.text import Content, Json
from laddvakt_agent.uplink.told import leaving

__all__ = [
    "Content",
    "Json",
    "as_told",
    "cdr",
    "cdr_id",
    "cdr_location",
    "cdr_token",
    "connector",
    "credit_of",
    "evse",
    "evse_faults",
    "fault",
    "follows",
    "leaving",
    "location",
    "session",
    "session_patch",
]


def session_patch(before: Content, after: Content) -> Content | None:
    """What a PATCH must say so that `before` becomes `after`; `None` where only a PUT can.

    mod_sessions, PATCH: periods are added, never replaced; a field cannot be removed.
    """
    told, wanted = before.get("charging_periods"), after.get("charging_periods")
    if not isinstance(told, list) or not isinstance(wanted, list):
        return None
    if before.keys() - after.keys() or wanted[: len(told)] != told:
        return None
    patch = {
        name: value
        for name, value in after.items()
        if name != "charging_periods" and before.get(name) != value
    }
    if len(wanted) > len(told):
        patch["charging_periods"] = wanted[len(told) :]
    return patch
