"""Reading device profiles: TOML → `Profile`, checked; every complaint names file, row, reason."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from laddvakt_hal.errors import ProfileError
from laddvakt_hal.profile_checks import check
from laddvakt_hal.profile_model import Kind, Profile
from laddvakt_hal.profile_roles import board_map, meter_map, relay_map, residual_map
from laddvakt_hal.profile_rows import rows_of, variants_of
from laddvakt_hal.profile_tables import (
    bit_names_of,
    discovery_of,
    enums_of,
    identity_of,
    limits_of,
    not_available_of,
    timing_of,
    watchdog_of,
)
from laddvakt_hal.toml_table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from laddvakt_hal.profile_model import Row
    from laddvakt_hal.toml_table import Raw

__all__ = ["PROFILES", "Profile", "known_profiles", "load_profile", "load_profile_file"]

PROFILES = Path(__file__).with_name("profiles")
SCHEMA = 1


def known_profiles() -> tuple[str, ...]:
    """Names of the profiles that come with the package."""
    return tuple(sorted(path.stem for path in PROFILES.glob("*.toml")))


def load_profile(name: str) -> Profile:
    """The profile of that name from the package.

    Raises:
        ProfileError: there is none, or it is wrong.
    """
    known = known_profiles()
    if name not in known:
        within = [other for other in known if name and name in other]
        similar = within[:3] or difflib.get_close_matches(name, known, n=3)
        meant = f"did you mean {', '.join(similar)}? " if similar else ""
        raise ProfileError(f"profile {name!r} is unknown; {meant}known: {', '.join(known)}")
    return load_profile_file(PROFILES / f"{name}.toml")


def load_profile_file(path: Path) -> Profile:
    """The profile in that file.

    Raises:
        ProfileError: the file cannot be read, or a row is wrong.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProfileError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProfileError(f"{path}: not TOML: {error}") from error
    return _profile(Table(path.name, content), content.get("rows"))


def _profile(top: Table, raw_rows: Raw) -> Profile:
    if top.whole("schema", 0, 99) != SCHEMA:
        raise top.error("schema", f"only {SCHEMA} is understood")
    order, limited = _word_order(top), top.has("limits")
    limits = limits_of(top.table("limits"))
    rows = rows_of(top.table("rows") or Table(f"{top.where}: rows", {}), one_row=limits.one_row)
    if not rows:
        raise top.error("rows", "a profile without rows says nothing")
    profile = Profile(
        id=top.need_text("id"),
        kind=top.choice("kind", Kind),
        vendor=top.need_text("vendor"),
        model=top.need_text("model"),
        source=top.need_text("source"),
        second_source=top.text("second_source"),
        hardware_checked=top.flag("hardware_checked"),
        variants=top.texts("variants"),
        assumptions=top.texts("assumptions"),
        word_order=order,
        timing=timing_of(top.table("timing")),
        limits=limits,
        not_available=not_available_of(top.table("not_available")),
        rows=rows,
        enums=enums_of(top.table("enum")),
        bit_names=bit_names_of(top.table("bits")),
        alternatives=variants_of(top, raw_rows, rows),
        discovery=discovery_of(top.table("discovery")),
        identity=identity_of(top, rows),
        watchdog=watchdog_of(top.table("watchdog"), rows),
    )
    profile = _with_roles(_with_links(profile, top.table("rtu"), top.table("tcp")), top, rows)
    top.done()
    check(top.where, profile, limited=limited)
    return profile


def _word_order(top: Table) -> Literal["big", "little"]:
    order = top.need_text("word_order")
    if order == "big":
        return "big"
    if order == "little":
        return "little"
    raise top.error("word_order", f"'big' or 'little' is expected, not {order!r}")


def _with_roles(profile: Profile, top: Table, rows: Mapping[str, Row]) -> Profile:
    return replace(
        profile,
        meter=meter_map(top.table("meter"), rows),
        board=board_map(top.table("board"), rows),
        relay=relay_map(top.table("relay"), rows),
        residual=residual_map(top.table("residual_monitor"), rows),
    )


def _with_links(profile: Profile, rtu: Table | None, tcp: Table | None) -> Profile:
    if rtu is not None:
        parity = rtu.need_text("parity")
        if parity not in ("N", "E", "O"):
            raise rtu.error("parity", f"N, E or O is expected, not {parity!r}")
        profile = replace(
            profile,
            baud=rtu.whole("baud", 300, 4_000_000),
            parity=parity,
            stop_bits=rtu.whole("stop_bits", 1, 2),
            unit=rtu.whole("unit", 1, 247),
            serial_confirmed=rtu.flag("confirmed", default=True),
        )
        rtu.done()
    if tcp is not None:
        port, unit = tcp.whole("port", 1, 65535), tcp.whole("unit", 0, 255)
        profile = replace(
            profile,
            tcp_port=port,
            tcp_unit=unit,
            unit=unit if rtu is None else profile.unit,
        )
        tcp.done()
    return profile
