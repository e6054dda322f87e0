"""The bench layout: a TOML file that says which lines there are and which devices hang on them.

Every mistake is named with its place and what to do; all of them at once.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from laddvakt_sim.layout_checks import Checks, Table, is_finite

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

FORMATS = ("8N1", "8N2", "8E1", "8E2", "8O1", "8O2")
LEAST_BAUD, MOST_BAUD = 300, 115_200
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_NAME_RULE = "letters, digits, - and _, at most 32, beginning with a letter or digit"
_LINE_KEYS = ("name", "baud", "format", "echo", "strict_baud", "device")
_NET_KEYS = ("name", "port", "framing", "baud", "format", "timeout_ms", "device")
_DEVICE_KEYS = ("model", "unit", "name", "firmware", "turnaround_ms", "values")

Value = float | int | bool | str


class LayoutError(Exception):
    """The layout cannot be used; the message names every mistake, its place and the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicePlan:
    """One device; `turnaround_s` None leaves the model's own."""

    model: str
    unit: int
    name: str
    firmware: str | None = None
    turnaround_s: float | None = None
    values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinePlan:
    """One paced serial line."""

    name: str
    baud: int
    format: str
    echo: bool
    strict_baud: bool  # a master at another rate is not understood
    devices: tuple[DevicePlan, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetPlan:
    """One line over TCP; `baud` 0: characters take no time (RTU framing only)."""

    name: str
    port: int
    framing: str  # "tcp": Modbus TCP; "rtu": RTU frames as they are
    baud: int
    format: str
    timeout_s: float
    devices: tuple[DevicePlan, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Everything on the bench."""

    lines: tuple[LinePlan, ...]
    nets: tuple[NetPlan, ...]
    source: str = "the layout"  # the file

    def everything(self) -> dict[str, tuple[DevicePlan, ...]]:
        """Devices by line, serial lines first."""
        serial = {line.name: line.devices for line in self.lines}
        return serial | {net.name: net.devices for net in self.nets}

    def devices(self) -> dict[str, DevicePlan]:
        """Devices by name."""
        return {plan.name: plan for plans in self.everything().values() for plan in plans}


def load(path: Path, models: Sequence[str]) -> Layout:
    """Read and check a layout file.

    Args:
        path: the TOML file.
        models: the models there are.

    Raises:
        LayoutError: the file cannot be read, is no TOML, or says something impossible.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LayoutError(
            f"--layout {path}: {error.strerror}; name a file that can be read"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LayoutError(f"{path} is not TOML: {error}; correct it there") from error
    reader = _Reader(models)
    layout = reader.layout(content)
    if reader.mistakes:
        raise LayoutError("\n".join(f"{path}: {mistake}" for mistake in reader.mistakes))
    return replace(layout, source=str(path))


class _Reader(Checks):
    def __init__(self, models: Sequence[str]) -> None:
        super().__init__()
        self._models = models
        self._lines: set[str] = set()
        self._devices: set[str] = set()
        self._ports: set[int] = set()

    def layout(self, content: Table) -> Layout:
        self.known(content, ("line", "tcp"), "the file")
        lines = self.tables(content, "line", "the file", "[[line]]")
        nets = self.tables(content, "tcp", "the file", "[[tcp]]")
        if not lines and not nets and not self.mistakes:
            self.wrong("the file", "there is no line; add [[line]] or [[tcp]]")
        return Layout(
            lines=tuple(self._line(table, f"[[line]] {n}") for n, table in enumerate(lines, 1)),
            nets=tuple(self._net(table, f"[[tcp]] {n}") for n, table in enumerate(nets, 1)),
        )

    def _line(self, table: Table, place: str) -> LinePlan:
        name = self._line_name(table, place)
        where, place = place, f"{place} ({name})"
        self.known(table, _LINE_KEYS, place)
        return LinePlan(
            name=name,
            baud=self.whole(table, "baud", place, (LEAST_BAUD, MOST_BAUD), 9600),
            format=self.one(table, "format", place, FORMATS, "8N1"),
            echo=self.flag(table, "echo", place),
            strict_baud=self.flag(table, "strict_baud", place),
            devices=self._device_list(table, name, where, "[[line.device]]", (1, 247)),
        )

    def _net(self, table: Table, place: str) -> NetPlan:
        name = self._line_name(table, place)
        where, place = place, f"{place} ({name})"
        self.known(table, _NET_KEYS, place)
        framing = self.one(table, "framing", place, ("tcp", "rtu"), "tcp")
        for key in ("baud", "format") if framing == "tcp" else ("timeout_ms",):
            if key in table:
                other = "rtu" if framing == "tcp" else "tcp"
                self.wrong(place, f"{key} belongs to framing {other!r}; leave it out")
        port = self.whole(table, "port", place, (0, 65_535), 0)
        if port and port in self._ports:
            self.wrong(place, f"port {port} is taken twice; use another, or 0 for any free one")
        self._ports.add(port)
        units = (0, 255) if framing == "tcp" else (1, 247)
        paced = framing == "rtu" and "baud" in table
        return NetPlan(
            name=name,
            port=port,
            framing=framing,
            baud=self.whole(table, "baud", place, (LEAST_BAUD, MOST_BAUD), 9600) if paced else 0,
            format=self.one(table, "format", place, FORMATS, "8N1"),
            timeout_s=self.whole(table, "timeout_ms", place, (10, 60_000), 1000) / 1000,
            devices=self._device_list(table, name, where, "[[tcp.device]]", units),
        )

    def _device_list(
        self, table: Table, line: str, place: str, header: str, units: tuple[int, int]
    ) -> tuple[DevicePlan, ...]:
        place = f"{place} ({line})"
        found = self.tables(table, "device", place, header)
        if not found:
            self.wrong(place, f"there is no device; add {header}")
        plans = [
            self._device(entry, line, f"{place}, {header} {n}", units)
            for n, entry in enumerate(found, 1)
        ]
        seen: set[int] = set()
        for plan in plans:
            if plan.unit in seen:
                self.wrong(
                    f"{place}, {plan.name}", f"unit {plan.unit} is taken; use another on this line"
                )
            seen.add(plan.unit)
        return tuple(plans)

    def _device(self, table: Table, line: str, place: str, units: tuple[int, int]) -> DevicePlan:
        self.known(table, _DEVICE_KEYS, place)
        model = self.one(table, "model", place, self._models, None)
        unit = self.whole(table, "unit", place, units, None)
        name = self.text(table, "name", place) or f"{line}-{unit}"
        if not _NAME.fullmatch(name) and "name" in table:
            self.wrong(place, f"name = {name!r}: allowed are {_NAME_RULE}")
        if name in self._devices and "name" in table:
            self.wrong(place, f"name {name!r} is taken; give every device its own")
        self._devices.add(name)
        turnaround_ms = table.get("turnaround_ms")
        if turnaround_ms is not None:
            turnaround_ms = self.number(table, "turnaround_ms", place, (0.0, 10_000.0))
        return DevicePlan(
            model=model,
            unit=unit,
            name=name,
            firmware=self.text(table, "firmware", place),
            turnaround_s=None if turnaround_ms is None else turnaround_ms / 1000,
            values=self._values(table, place),
        )

    def _values(self, table: Table, place: str) -> dict[str, Value]:
        values = table.get("values", {})
        if not isinstance(values, dict):
            self.wrong(place, "values must be a table; write values = { current_l1 = 16.0 }")
            return {}
        fine = [
            key
            for key, value in values.items()
            if isinstance(value, int | float | str) and is_finite(value)
        ]
        wrong = sorted(set(values) - set(fine))
        for key in wrong:
            self.wrong(place, f"values.{key}: allowed are a number, true, false or text")
        return {key: values[key] for key in fine}

    def _line_name(self, table: Table, place: str) -> str:
        name = self.text(table, "name", place)
        if name is None or not _NAME.fullmatch(name):
            if name is not None or "name" not in table:
                given = "is missing" if name is None else f"= {name!r}"
                self.wrong(place, f"name {given}: allowed are {_NAME_RULE}")
            return "?"
        if name in self._lines:
            self.wrong(place, f"name {name!r} is taken; give every line its own")
        self._lines.add(name)
        return name
