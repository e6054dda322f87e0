"""From what was counted on a line to the evidence a verdict needs; pure."""

from __future__ import annotations

from laddvakt_agent.cli.client import Json, JsonObject
from laddvakt_agent.cli.words import objects
from laddvakt_hal.verdict import LineEvidence, UnitEvidence


def evidence(line: JsonObject, before: JsonObject | None, setup: str, *, tcp: bool) -> LineEvidence:
    """What happened on a line since `before` (`None`: since its beginning)."""
    earlier = before or {}
    then = {str(unit.get("unit")): unit for unit in _units(earlier)}
    units = tuple(_unit(unit, then.get(str(unit.get("unit")), {})) for unit in _units(line))
    return LineEvidence(
        name=str(line.get("name")),
        setup=setup,
        tcp=tcp,
        units=units,
        late=_since(line, earlier, "late"),
        copies=_since(line, earlier, "copies"),
        errors_seen=_since(line, earlier, "errors_seen"),
        errors_after_switch=_since(line, earlier, "errors_after_switch"),
    )


def _units(line: JsonObject) -> list[JsonObject]:
    return [*objects(line, "devices"), *objects(line, "others")]


def _unit(now: JsonObject, before: JsonObject) -> UnitEvidence:
    def since(key: str) -> int:
        return _since(now, before, key)

    return UnitEvidence(
        unit=_whole(now.get("unit")),
        name=str(now.get("name") or ""),
        requests=since("requests") - since("port_gone"),
        ok=since("ok"),
        no_reply=since("no_reply"),
        crc=since("crc"),
        short=since("short"),
        wrong_unit=since("wrong_unit"),
        wrong_reply=since("wrong_reply"),
        echo=since("echo"),
        exceptions=_exceptions(now.get("exceptions"), before.get("exceptions")),
    )


def _exceptions(now: Json, before: Json) -> dict[int, int]:
    if not isinstance(now, dict):
        return {}
    earlier = before if isinstance(before, dict) else {}
    counted = {int(code): _since(now, earlier, code) for code in now}
    return {code: count for code, count in counted.items() if count}


def _since(now: JsonObject, before: JsonObject, key: str) -> int:
    """How much a counter grew; all of it when it was set back in between."""
    grown = _whole(now.get(key)) - _whole(before.get(key))
    return grown if grown >= 0 else _whole(now.get(key))


def _whole(value: Json) -> int:
    return value if isinstance(value, int) else 0
