"""The device profiles of the package, for commands that try them all."""

from __future__ import annotations

from laddvakt_agent.cli.codes import Exit, fail
from laddvakt_hal.errors import ProfileError
from laddvakt_hal.profile import Profile, known_profiles, load_profile
from laddvakt_hal.survey_io import meant


def all_profiles() -> tuple[Profile, ...]:
    """Every profile of the package."""
    try:
        return tuple(load_profile(name) for name in known_profiles())
    except ProfileError as error:
        fail(Exit.CONFIG, str(error), "The installation is damaged: install laddvakt again.")


def profile_named(name: str) -> Profile:
    """One profile; leaves the program when there is none of that name."""
    known = dict.fromkeys(known_profiles())
    if name not in known:
        fail(Exit.CONFIG, f"There is no profile {name!r}{meant(name, known)}")
    try:
        return load_profile(name)
    except ProfileError as error:
        fail(Exit.CONFIG, str(error), "The installation is damaged: install laddvakt again.")
