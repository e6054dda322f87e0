"""What a profile would have the agent write, and what it calls a stop: does it hold?

A value that does not fit its row would only be noticed while a board is armed, a state that no
register can say never.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from laddvakt_hal.errors import ProfileError
from laddvakt_hal.profile_model import FedBy, OnExpiry
from laddvakt_hal.profile_values import words_for

if TYPE_CHECKING:
    from collections.abc import Iterable

    from laddvakt_hal.profile_maps import BoardMap
    from laddvakt_hal.profile_model import Profile

_WHOLE = re.compile(r"-?\d+")


def check_promises(where: str, profile: Profile) -> None:
    """Hold what is written and what states are called against the rows.

    Raises:
        ProfileError: something cannot be so; file, place and reason are named.
    """
    _watchdog(f"{where}: watchdog", profile)
    if profile.board is not None:
        _board(f"{where}: board", profile, profile.board)


def _watchdog(place: str, profile: Profile) -> None:
    watchdog = profile.watchdog
    _fits(place, "timeout_value", profile, watchdog.timeout_quantity, watchdog.timeout_value)
    _fits(place, "fallback_value", profile, watchdog.fallback_quantity, watchdog.fallback_value)
    _fits(place, "heartbeat_value", profile, watchdog.heartbeat_quantity, watchdog.heartbeat_value)
    if watchdog.timeout_value is not None and watchdog.timeout_value <= 0:
        raise ProfileError(
            f"{place}: timeout_value: more than 0 is expected; 0 switches a watchdog off"
        )
    if watchdog.on_expiry is OnExpiry.STOP and watchdog.fallback_value:
        raise ProfileError(
            f"{place}: fallback_value: {watchdog.fallback_value:g} is no stop; use 0, or "
            'on_expiry = "less_current"'
        )
    if watchdog.heartbeat_s is not None and watchdog.fed_by is FedBy.ANY_REQUEST:
        raise ProfileError(f"{place}: heartbeat_s: any request feeds it; leave it out")


def _board(place: str, profile: Profile, board: BoardMap) -> None:
    for quantity, value in (*board.limit_with, *board.set_at_start):
        _fits(place, quantity, profile, quantity, value)
    _says(f"{place}: pilot_states", profile, board.pilot, board.pilot_states)
    if board.pwm is not None:
        _says(f"{place}: pwm_on", profile, board.pwm, sorted(board.pwm_on))


def _fits(
    place: str, what: str, profile: Profile, quantity: str | None, value: float | None
) -> None:
    """The row can carry the value."""
    if quantity is None or value is None:
        return
    try:
        words_for(profile, profile.rows[quantity], value)
    except ValueError as error:
        raise ProfileError(f"{place}: {what}: {error}; correct it, or the row") from None


def _says(place: str, profile: Profile, quantity: str, states: Iterable[str]) -> None:
    """The row can say the states: whole numbers where it is one, texts of its table."""
    row = profile.rows[quantity]
    table = profile.enums.get(row.enum or "")
    for state in states:
        if row.type.is_number and not _WHOLE.fullmatch(state):
            raise ProfileError(f"{place}: {state}: {quantity} is a number and never says so")
        if table is not None and state not in table:
            raise ProfileError(
                f"{place}: {state}: is not in [enum.{row.enum}]; correct one of them"
            )
