"""Whether every device can play the role a connector gives it, by its profile."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from laddvakt_agent.config.raw import Row, rows, sub, text, whole
from laddvakt_agent.config.schema import Path, Problem
from laddvakt_agent.config.settings import row_of
from laddvakt_hal.profile import Profile

Lookup: TypeAlias = Callable[[str], Profile | str]  # a profile by its name, or what is wrong
Profiles: TypeAlias = Mapping[str, Profile | None]  # by device; None: not known, judge nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class _Role:
    key: str
    what: str
    plays: Callable[[Profile], bool]


_ROLES = (
    _Role(key="board", what="a pilot board", plays=lambda profile: profile.board is not None),
    _Role(key="meter", what="a meter", plays=lambda profile: profile.meter is not None),
    _Role(
        key="residual_monitor",
        what="a residual-current monitor",
        plays=lambda profile: profile.residual is not None,
    ),
)


def profiles_of(data: Row, look_up: Lookup) -> Profiles:
    """The profile of each device by the device's name."""
    found: dict[str, Profile | None] = {}
    for _, device in rows(data, "device"):
        name, profile = text(device, "name"), text(device, "profile")
        known = None if profile is None else look_up(profile)
        if name is not None:
            found[name] = known if isinstance(known, Profile) else None
    return found


def connector_checks(data: Row, profiles: Profiles) -> Iterator[Problem]:
    """Devices that do not exist or cannot do what is asked of them, and outputs used twice."""
    complete = all(text(device, "name") is not None for _, device in rows(data, "device"))
    for index, part in rows(data, "connector"):
        here = _Connector(
            path=("connector", index),
            name=text(part, "id") or f"number {index + 1}",
            part=part,
            profiles=profiles,
        )
        if complete:
            yield from here.missing_devices()
        yield from here.roles()
        yield from here.contactor()
        yield from here.emergency_stop()
        yield from here.residual_test()
        yield from here.outputs()
        yield from here.lock_as_proof()
        yield from here.readings()
    yield from _site_meter(data, profiles)
    yield from _shared_outputs(data)
    yield from _shared_inputs(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Connector:
    path: Path
    name: str
    part: Row
    profiles: Profiles

    def missing_devices(self) -> Iterator[Problem]:
        for path, name in self._named():
            if name not in self.profiles:
                known = ", ".join(self.profiles)
                yield self._problem(path, f"no device is called '{name}'; there are: {known}")

    def roles(self) -> Iterator[Problem]:
        for role in _ROLES:
            name, profile = self._device(self.part, role.key)
            if profile is not None and not role.plays(profile):
                able = [d for d, p in self.profiles.items() if p is not None and role.plays(p)]
                yield self._problem(
                    (role.key,),
                    f"{name} cannot be its {role.key}: {profile.id} is not {role.what}"
                    f"{_these(able)}",
                )

    def contactor(self) -> Iterator[Problem]:
        """A relay that can hold it, or a board that switches it by itself."""
        if "contactor" not in self.part:
            name, profile = self._device(self.part, "board")
            if profile is not None and profile.board is not None and profile.board.release is None:
                yield self._problem(
                    ("board",),
                    f"board {name} ({profile.id}) cannot open a contactor under load: "
                    "add contactor = { device, coil } on a relay",
                )
            return
        table = sub(self.part, "contactor")
        name, profile = self._device(table, "device")
        if profile is None:
            return
        if profile.relay is None or not profile.relay.falls_open:
            yield self._problem(
                ("contactor", "device"),
                f"{name} ({profile.id}) has no timed output, nothing would open the contactor "
                f"if the agent dies{_these(self._relays())}",
            )
            return
        yield from self._numbered(profile, profile.relay.coil, "contactor", "coil")
        yield from self._numbered(profile, profile.relay.contact, "contactor", "mirror_input")

    def emergency_stop(self) -> Iterator[Problem]:
        name, profile = self._device(sub(self.part, "emergency_stop"), "device")
        if profile is None:
            return
        if profile.relay is None:
            yield self._problem(
                ("emergency_stop", "device"),
                f"{name} ({profile.id}) has no inputs for an emergency stop"
                f"{_these(self._relays())}",
            )
            return
        yield from self._numbered(profile, profile.relay.contact, "emergency_stop", "input")

    def residual_test(self) -> Iterator[Problem]:
        """Only some boards test the monitor that hangs on them."""
        name, profile = self._device(self.part, "board")
        board = None if profile is None else profile.board
        if "residual_test" in self.part and board is not None and board.residual_test is None:
            yield self._problem(
                ("residual_test",), f"board {name} has no test of a residual monitor: remove it"
            )

    def outputs(self) -> Iterator[Problem]:
        """Lock and phase switch hang on relay outputs; each may have a contact that tells."""
        for key in ("lock", "phase_switch"):
            name, profile = self._device(sub(self.part, key), "device")
            if profile is None:
                continue
            if profile.relay is None:
                yield self._problem(
                    (key, "device"), f"{name} ({profile.id}) has no outputs{_these(self._relays())}"
                )
                continue
            yield from self._numbered(profile, profile.relay.coil, key, "coil")
            yield from self._numbered(profile, profile.relay.contact, key, "mirror_input")

    def lock_as_proof(self) -> Iterator[Problem]:
        """Only a lock that says where it stands shows after a restart that it held its plug."""
        lock = sub(self.part, "lock")
        tells = "mirror_input" in lock or "locked" in sub(self.part, "readings")
        if self.part.get("lock_keeps_place") is True and not (lock and tells):
            yield self._problem(
                ("lock_keeps_place",),
                "lock_keeps_place needs a lock that says where it stands: "
                "give lock.mirror_input or readings.locked, or remove it",
            )

    def readings(self) -> Iterator[Problem]:
        """Each names a row that its device has."""
        for name, place in sub(self.part, "readings").items():
            if not isinstance(place, str) or "." not in place:
                continue  # its form is the schema's business
            where = row_of(place)
            profile = self.profiles.get(where.device)
            if where.device not in self.profiles:
                known = ", ".join(self.profiles)
                message = f"no device is called '{where.device}'; there are: {known}"
                yield self._problem(("readings", name), message)
            elif profile is not None and where.row not in profile.rows:
                near = difflib.get_close_matches(where.row, profile.rows, n=1)
                meant = f": did you mean {where.device}.{near[0]}?" if near else ""
                message = f"{profile.id} has no row '{where.row}'{meant}"
                yield self._problem(("readings", name), message)

    def _numbered(
        self, profile: Profile, prefix: str | None, table: str, key: str
    ) -> Iterator[Problem]:
        """Rows of a profile count from 1, the configuration from 0; no prefix: it has none."""
        number = whole(sub(self.part, table), key)
        if number is None or f"{prefix}{number + 1}" in profile.rows:
            return
        rows_there = range(256) if prefix is not None else ()
        there = [n for n in rows_there if f"{prefix}{n + 1}" in profile.rows]
        allowed = f"{there[0]} to {there[-1]}" if there else "it has none at all"
        yield self._problem(
            (table, key), f"{table}.{key} = {number} does not exist on {profile.id}: {allowed}"
        )

    def _device(self, table: Row, key: str) -> tuple[str | None, Profile | None]:
        name = text(table, key)
        return name, None if name is None else self.profiles.get(name)

    def _named(self) -> Iterator[tuple[Path, str]]:
        places: tuple[tuple[Path, str | None], ...] = (
            *(((role.key,), text(self.part, role.key)) for role in _ROLES),
            *(
                ((key, "device"), text(sub(self.part, key), "device"))
                for key in ("contactor", "emergency_stop", "lock", "phase_switch")
            ),
        )
        yield from ((path, name) for path, name in places if name is not None)

    def _relays(self) -> list[str]:
        return [d for d, p in self.profiles.items() if p is not None and p.relay is not None]

    def _problem(self, path: Path, message: str) -> Problem:
        return Problem(path=(*self.path, *path), message=f"connector {self.name}: {message}")


def _site_meter(data: Row, profiles: Profiles) -> Iterator[Problem]:
    name = text(sub(data, "station"), "site_meter")
    if name is None:
        return
    profile = profiles.get(name)
    meters = [d for d, p in profiles.items() if p is not None and p.meter is not None]
    if name not in profiles or (profile is not None and profile.meter is None):
        yield Problem(
            path=("station", "site_meter"),
            message=f"station.site_meter = '{name}' is no meter here{_these(meters)}",
        )


def _these(able: list[str]) -> str:
    return f"; here that is: {', '.join(able)}" if able else ""


def _shared_outputs(data: Row) -> Iterator[Problem]:
    """Two connectors on one board or one coil would switch each other."""
    parts = rows(data, "connector")
    boards = Counter(text(part, "board") for _, part in parts)
    coils = Counter(_place(part, "contactor", "coil") for _, part in parts)
    for index, part in parts:
        name, board = text(part, "id"), text(part, "board")
        if board is not None and boards[board] > 1:
            yield Problem(
                path=("connector", index, "board"),
                message=f"connector {name}: board {board} already serves another connector",
            )
        coil = _place(part, "contactor", "coil")
        if coil is not None and coils[coil] > 1:
            yield Problem(
                path=("connector", index, "contactor"),
                message=f"connector {name}: its coil already serves another connector",
            )


def _shared_inputs(data: Row) -> Iterator[Problem]:
    """A mirror contact says one thing about one contactor; an emergency stop may be everybody's."""
    parts = rows(data, "connector")
    stops = {_place(part, "emergency_stop", "input") for _, part in parts}
    mirrors = Counter(_place(part, "contactor", "mirror_input") for _, part in parts)
    for index, part in parts:
        mirror = _place(part, "contactor", "mirror_input")
        if mirror is None:
            continue
        device, number = mirror
        path = ("connector", index, "contactor", "mirror_input")
        start = f"connector {text(part, 'id')}: input {number} of {device}"
        if mirror in stops:
            yield Problem(
                path=path,
                message=f"{start} cannot be mirror contact and emergency stop: wire them to two",
            )
        if mirrors[mirror] > 1:
            yield Problem(
                path=path, message=f"{start} is the mirror contact of another connector too"
            )


def _place(part: Row, table: str, key: str) -> tuple[str, int] | None:
    device, number = text(sub(part, table), "device"), whole(sub(part, table), key)
    return None if device is None or number is None else (device, number)
