"""Reads a scenario file; every mistake is named with its line and the remedy, all at once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path as FilePath
from typing import cast

from laddvakt_sim.plant.words import ClimateSpec
from laddvakt_sim.scenario.checks import At, Checks, Problem, ScenarioError, is_number, shown
from laddvakt_sim.scenario.lines import key_lines, oversized
from laddvakt_sim.scenario.model import Charger, Kind, Plain, Scenario, Truth
from laddvakt_sim.scenario.read_do import CLIMATE_SPANS, ActionReader
from laddvakt_sim.scenario.read_expect import ExpectReader

SCHEMA = 1
LONGEST_S = 400 * 86_400.0  # a year and a bit
SUPPLIES = ("tn-tt-230-400", "it-tt-3x230", "1ph")
FITTED = (
    "feedback",
    "emergency_stop",
    "residual_monitor",
    "enclosure_temp",
    "plug_temp",
    "lock",
    "door",
    "tilt",
    "water",
    "earth_monitor",
    "insulation_monitor",
    "site_meter",
    "brown_out",
    "phase_switch",
    "frequency",
    "neutral_current",
    "latch_loop",
    "proximity",
    "diode",
    "boot_counter",
    "ac_residual",
    "earth_voltage",
)
_TOP = ("schema", "name", "about", "kind", "seed", "duration_s", "charger", "do", "expect", "truth")
_CHARGER = (
    "supply",
    "phases",
    "max_current_a",
    "connectors",
    "voltage_side",
    "authorisation",
    "fitted",
    "state_d_allowed",
    "unattended_current_a",
    "climate",
    "fault",
)
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
_TOML_LINE = re.compile(r"\(at line (\d+), column \d+\)")


def load(path: FilePath, codes: Collection[str] | None = None) -> Scenario:
    """Read and check a scenario file.

    Args:
        path: the TOML file; its stem must be the scenario's name.
        codes: the agent's fault codes, where they are known; else a code is only checked for
            its form.

    Raises:
        ScenarioError: the file cannot be read, is no TOML, or says something impossible.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise _no_text(path, error) from error
    except (OSError, ValueError) as error:  # ValueError: no name a file can have
        why = error.strerror if isinstance(error, OSError) else str(error)
        problem = Problem(line=1, what=f"{why}", remedy="name a file that can be read")
        raise ScenarioError(str(path), [problem]) from error
    return loads(text, source=str(path), stem=path.stem, codes=codes)


def loads(
    text: str,
    *,
    source: str = "the scenario",
    stem: str | None = None,
    codes: Collection[str] | None = None,
) -> Scenario:
    """Read and check a scenario's text; `stem` None: any name will do.

    Raises:
        ScenarioError: it is no TOML, or says something impossible.
    """
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ScenarioError(source, [_no_toml(text, error)]) from error
    checks = Checks(key_lines(text))
    for path in oversized(content):
        checks.wrong(path, f"{path[-1]} is too large a number", "TOML's whole numbers have 64 bits")
    if checks.problems:
        raise ScenarioError(source, checks.problems)
    reader = _Reader(checks, codes)
    scenario = reader.scenario(At(content), source, stem)
    if reader.checks.problems:
        raise ScenarioError(source, reader.checks.problems)
    return scenario


class _Reader:
    def __init__(self, checks: Checks, codes: Collection[str] | None) -> None:
        self.checks = checks
        self._codes = codes

    def scenario(self, top: At, source: str, stem: str | None) -> Scenario:
        checks = self.checks
        checks.known(top, _TOP)
        checks.whole(top, "schema", (SCHEMA, SCHEMA))
        duration_s = checks.number(top, "duration_s", (0.1, LONGEST_S))
        charger = self._charger(checks.table(top, "charger"))
        do = ActionReader(checks, charger.names, duration_s).all(top)
        at_s = tuple(sorted({done.at_s for done in do}))
        expect = ExpectReader(checks, charger, duration_s, at_s, self._codes).all(top)
        if not expect and "expect" not in top.table and "truth" not in top.table:
            checks.wrong((), "nothing is expected", "add [[expect]], or [truth]")
        return Scenario(
            source=source,
            name=self._name(top, stem),
            about=checks.text(top, "about"),
            kind=Kind(checks.one(top, "kind", [kind.value for kind in Kind], "single")),
            seed=checks.whole(top, "seed", (0, 2**31), 1),
            duration_s=duration_s,
            charger=charger,
            do=do,
            expect=expect,
            truth=self._truth(top),
        )

    def _name(self, top: At, stem: str | None) -> str:
        name = self.checks.text(top, "name")
        if "name" in top.table and not _NAME.fullmatch(name):
            rule = "small letters, digits and . _ -, at most 80"
            self.checks.wrong(top.under("name"), f"name = {shown(name)}", f"allowed are {rule}")
        elif "name" in top.table and stem not in (None, name):
            self.checks.wrong(
                top.under("name"),
                f'name = "{name}", but the file is called "{stem}"',
                "give both the same name",
            )
        return name

    def _charger(self, at: At) -> Charger:
        checks, usual = self.checks, Charger()
        checks.known(at, _CHARGER)
        supply = checks.one(at, "supply", SUPPLIES, usual.supply)
        phases = checks.whole(at, "phases", (1, 3), 1 if supply == "1ph" else usual.phases)
        if phases == 2 or (supply == "1ph" and phases != 1):
            rule = "a supply 1ph has one" if supply == "1ph" else "a charger has 1 or 3"
            checks.wrong(at.under("phases"), f"phases = {phases}", rule)
        return Charger(
            supply=supply,
            phases=phases,
            max_current_a=checks.number(at, "max_current_a", (6, 80), usual.max_current_a),
            connectors=checks.whole(at, "connectors", (1, 2), usual.connectors),
            voltage_side=checks.one(at, "voltage_side", ("line", "load"), usual.voltage_side),
            authorisation=checks.one(at, "authorisation", ("token", "free"), usual.authorisation),
            fitted=checks.some(at, "fitted", FITTED, usual.fitted),
            state_d_allowed=checks.flag(at, "state_d_allowed", default=False),
            unattended_current_a=checks.number(at, "unattended_current_a", (6, 80))
            if "unattended_current_a" in at.table
            else None,
            climate=self._climate(checks.table(at, "climate")),
            fault_settings=self._fault_settings(checks.table(at, "fault")),
        )

    def _climate(self, at: At) -> ClimateSpec:
        checks, usual = self.checks, ClimateSpec()
        checks.known(at, tuple(CLIMATE_SPANS))
        return ClimateSpec(
            ambient_c=checks.number(at, "ambient_c", CLIMATE_SPANS["ambient_c"], usual.ambient_c),
            sun_w=checks.number(at, "sun_w", CLIMATE_SPANS["sun_w"], usual.sun_w),
        )

    def _fault_settings(self, at: At) -> Mapping[str, Mapping[str, Plain]]:
        found: dict[str, Mapping[str, Plain]] = {}
        for code in at.table:
            self.checks.code(at.under(code), code, self._codes)
            inner = self.checks.table(at, code)
            for key, value in inner.table.items():
                if not (isinstance(value, str | bool) or is_number(value)):
                    self.checks.wrong(
                        inner.under(key),
                        f"{key} = {shown(value)}",
                        "allowed are a number, true, false or text",
                    )
            found[code] = cast("Mapping[str, Plain]", dict(inner.table))
        return found

    def _truth(self, top: At) -> Truth | None:
        if "truth" not in top.table:
            return None
        at = self.checks.table(top, "truth")
        self.checks.known(at, ("cause", "subject"))
        cause = self.checks.text(at, "cause")
        if "cause" in at.table and cause != "none":
            self.checks.code(at.under("cause"), cause, self._codes)
        subject = self.checks.text(at, "subject") if "subject" in at.table else None
        return Truth(cause=cause, subject=subject)


def _no_toml(text: str, error: Exception) -> Problem:
    said = "nested too deeply" if isinstance(error, RecursionError) else str(error)
    found = _TOML_LINE.search(said)
    line = int(found[1]) if found else text.count("\n") + 1 if "end of document" in said else 1
    told = _TOML_LINE.sub("", said).strip()
    return Problem(line=line, what=f"this is not TOML: {told}", remedy="correct it there")


def _no_text(path: FilePath, error: UnicodeDecodeError) -> ScenarioError:
    line = error.object[: error.start].count(b"\n") + 1
    problem = Problem(line=line, what="this is not UTF-8 text", remedy="save it as UTF-8")
    return ScenarioError(str(path), [problem])
