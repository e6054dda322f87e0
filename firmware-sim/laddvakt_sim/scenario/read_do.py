"""Reads `[[do]]`: the timeline of actions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

from laddvakt_sim.fault_kinds import Target
from laddvakt_sim.faults import BOARD_KINDS, FaultError, parse
from laddvakt_sim.plant.words import VehicleSpec
from laddvakt_sim.scenario import vehicle_words
from laddvakt_sim.scenario.checks import At, Checks, near, shown
from laddvakt_sim.scenario.model import (
    Action,
    Change,
    Clear,
    Climate,
    Dip,
    Do,
    Grid,
    Inject,
    Plug,
    Reset,
    RestartAgent,
    Service,
    Site,
    Start,
    Stop,
    Unplug,
)
from laddvakt_sim.scenario.read_wishes import WishReader, check_vehicles

_LEAST_VOLT, _MOST_VOLT = 0.0, 460.0  # twice the nominal voltage: the widest swell
CLIMATE_SPANS = {"ambient_c": (-60.0, 90.0), "sun_w": (0.0, 1500.0)}
_GRID = (
    "voltage_v",
    "sag",
    "swell",
    "lost_phases",
    "neutral_lost",
    "outage",
    "frequency_hz",
    "supply_ohm",
)


class ActionReader:
    """One file's actions."""

    def __init__(self, checks: Checks, connectors: tuple[str, ...], duration_s: float) -> None:
        self._checks = checks
        self._connectors = connectors
        self._duration_s = duration_s
        self._readers: Mapping[str, Callable[[At], Action]] = {
            "plug": self._plug,
            "vehicle": self._change,
            "unplug": lambda at: Unplug(connector=self._only_connector(at)),
            "start": self._start,
            "stop": lambda at: Stop(connector=self._only_connector(at)),
            "reset": self._reset,
            "inject": self._inject,
            "clear": self._clear,
            "grid": self._grid,
            "climate": self._climate,
            "restart_agent": self._restart,
            "out_of_service": lambda at: self._service(at, available=False),
            "in_service": lambda at: self._service(at, available=True),
            "site": self._site,
            **WishReader(checks, self._connector).readers,
        }

    def all(self, top: At) -> tuple[Do, ...]:
        """Every action, in order."""
        found = [self._do(at) for at in self._checks.tables(top, "do")]
        done = [entry for entry in found if entry is not None]
        for before, after in pairwise(done):
            if after.at_s < before.at_s:
                self._checks.wrong(
                    ("do", found.index(after), "at_s"),
                    f"at_s = {after.at_s:g} comes after at_s = {before.at_s:g}",
                    "put the actions in order of time",
                )
        check_vehicles(self._checks, done)
        return tuple(done)

    def _do(self, at: At) -> Do | None:
        self._checks.known(at, ("at_s", "refused", *self._readers))
        at_s = self._checks.number(at, "at_s", (0.0, self._duration_s))
        refused = self._checks.flag(at, "refused", default=False)
        named = [key for key in at.table if key in self._readers]
        if len(named) != 1:
            given = f"{len(named)} actions: {', '.join(named)}" if named else "no action"
            names = ", ".join(self._readers)
            self._checks.wrong(at.path, given, f"write exactly one of {names} in each [[do]]")
            return None
        inner = self._checks.table(at, named[0])
        return Do(
            line=self._checks.line(at.path),
            at_s=at_s,
            action=self._readers[named[0]](inner),
            what=f"{named[0]} {shown(dict(inner.table))}",
            refused=refused,
        )

    def _connector(self, at: At) -> str:
        only = self._connectors[0] if len(self._connectors) == 1 else None
        return self._checks.one(at, "connector", self._connectors, only)

    def _only_connector(self, at: At) -> str:
        self._checks.known(at, ("connector",))
        return self._connector(at)

    def _vehicle(self, at: At) -> dict[str, object]:
        names = vehicle_words.names()
        self._checks.known(at, ("connector", *names))
        sound: dict[str, object] = {}
        for key, value in at.table.items():
            if key not in names:
                continue
            if (allowed := vehicle_words.refusal(key, value)) is not None:
                self._checks.wrong(at.under(key), f"{key} = {shown(value)}", allowed)
            else:
                sound[key] = value
        return sound

    def _plug(self, at: At) -> Plug:
        words = self._vehicle(at)
        try:
            vehicle = vehicle_words.changed(VehicleSpec(), words)
        except ValueError as error:
            self._checks.wrong(at.path, str(error), "change one of these words")
            vehicle = VehicleSpec()
        return Plug(connector=self._connector(at), vehicle=vehicle, words=words)

    def _change(self, at: At) -> Change:
        words = self._vehicle(at)
        if not set(at.table) - {"connector"}:
            self._checks.wrong(at.path, "nothing changes", "name at least one word of the vehicle")
        return Change(connector=self._connector(at), words=words)

    def _start(self, at: At) -> Start:
        self._checks.known(at, ("connector", "token"))
        token = self._checks.text(at, "token") if "token" in at.table else None
        return Start(connector=self._connector(at), token=token)

    def _reset(self, at: At) -> Reset:
        self._checks.known(at, ("connector", "by"))
        by = self._checks.one(at, "by", ("manual", "local", "service"))
        return Reset(connector=self._connector(at), by=by)

    def _inject(self, at: At) -> Inject:
        name = self._checks.one(at, "name", tuple(BOARD_KINDS))
        if at.table.get("name") != name:
            return Inject(name=name)
        kind = BOARD_KINDS[name]
        before = len(self._checks.problems)
        self._checks.known(at, ("name", "connector", *kind.parameters))
        given = {key: value for key, value in at.table.items() if key in kind.parameters}
        for key, parameter in kind.parameters.items():
            try:
                if key in given:
                    parameter.check(given[key])
                elif parameter.required:
                    self._checks.wrong(
                        at.path, f"{name}: {key} is missing", f"allowed is {parameter.allowed()}"
                    )
            except ValueError as error:
                remedy = f"allowed is {error}"
                self._checks.wrong(at.under(key), f"{key} = {shown(given[key])}", remedy)
        wanted = kind.target is Target.CONNECTOR or "connector" in at.table
        connector = self._connector(at) if wanted else None
        fault = Inject(name=name, connector=connector, parameters=given)
        if len(self._checks.problems) == before:
            self._check_together(at, fault)
        return fault

    def _check_together(self, at: At, fault: Inject) -> None:
        try:
            parse(fault.body, 0.0)
        except FaultError as error:
            what, _, allowed = str(error).partition(": allowed ")
            self._checks.wrong(at.path, what, f"allowed {allowed}" if allowed else "change it")

    def _clear(self, at: At) -> Clear:
        self._checks.known(at, ("name", "connector", "line"))
        given = "name" in at.table
        lines = BOARD_KINDS["bus_down"].parameters["line"]
        line = self._checks.text(at, "line") if "line" in at.table else None
        if line is not None:
            try:
                lines.check(line)
            except ValueError as error:
                self._checks.wrong(at.under("line"), f"line = {shown(line)}", f"allowed is {error}")
        return Clear(
            name=self._checks.one(at, "name", tuple(BOARD_KINDS)) if given else None,
            connector=self._connector(at) if "connector" in at.table else None,
            line=line,
        )

    def _grid(self, at: At) -> Grid:
        checks = self._checks
        checks.known(at, _GRID)
        if not at.table:
            checks.wrong(at.path, "nothing changes", near("", _GRID))
        volts = (_LEAST_VOLT, _MOST_VOLT)
        voltage_v = checks.numbers(at, "voltage_v", volts, 3) if "voltage_v" in at.table else None
        return Grid(
            voltage_v=None if voltage_v is None else (voltage_v[0], voltage_v[1], voltage_v[2]),
            sag=self._dip(at, "sag", (0.0, 1.0)),
            swell=self._dip(at, "swell", (1.0, 2.0)),
            lost_phases=self._phases(at, "lost_phases") if "lost_phases" in at.table else None,
            neutral_lost=self._maybe_flag(at, "neutral_lost"),
            outage=self._maybe_flag(at, "outage"),
            frequency_hz=self._maybe(at, "frequency_hz", (40.0, 70.0)),
            supply_ohm=self._maybe(at, "supply_ohm", (0.0, 10.0)),
        )

    def _dip(self, at: At, key: str, shares: tuple[float, float]) -> Dip | None:
        if key not in at.table:
            return None
        inner = self._checks.table(at, key)
        self._checks.known(inner, ("share", "phases", "seconds"))
        return Dip(
            share=self._checks.number(inner, "share", shares),
            phases=self._phases(inner, "phases", least=1) if "phases" in inner.table else (1, 2, 3),
            seconds=self._checks.number(inner, "seconds", (0.001, 1e6)),
        )

    def _phases(self, at: At, key: str, *, least: int = 0) -> tuple[int, ...]:
        value = at.table.get(key)
        if isinstance(value, list) and all(type(n) is int and 1 <= n <= 3 for n in value):
            found = tuple(sorted(set(value)))
            if len(found) >= least:
                return found
        self._checks.wrong(
            at.under(key), f"{key} = {shown(value)}", "allowed is a list of 1, 2 and 3"
        )
        return ()

    def _maybe(self, at: At, key: str, span: tuple[float, float]) -> float | None:
        return self._checks.number(at, key, span) if key in at.table else None

    def _maybe_flag(self, at: At, key: str) -> bool | None:
        return self._checks.flag(at, key, default=False) if key in at.table else None

    def _climate(self, at: At) -> Climate:
        self._checks.known(at, tuple(CLIMATE_SPANS))
        if not at.table:
            self._checks.wrong(at.path, "nothing changes", "name ambient_c or sun_w")
        return Climate(
            ambient_c=self._maybe(at, "ambient_c", CLIMATE_SPANS["ambient_c"]),
            sun_w=self._maybe(at, "sun_w", CLIMATE_SPANS["sun_w"]),
        )

    def _restart(self, at: At) -> RestartAgent:
        self._checks.known(at, ("away_s", "kill"))
        return RestartAgent(
            away_s=self._checks.number(at, "away_s", (0.0, self._duration_s), 0.0),
            kill=self._checks.flag(at, "kill", default=False),
        )

    def _service(self, at: At, *, available: bool) -> Service:
        return Service(connector=self._only_connector(at), available=available)

    def _site(self, at: At) -> Site:
        self._checks.known(at, ("current_a",))
        first, second, third = self._checks.numbers(at, "current_a", (0.0, 500.0), 3)
        return Site(current_a=(first, second, third))
