"""The fixtures of tests/data/ocpi: objects of our own, in every shape that the tables allow."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from laddvakt_agent.uplink.text import Content, Json
from laddvakt_agent.uplink.version import Version

FOLDER = Path(__file__).parents[2] / "data" / "ocpi"
NEW, OLD = Version.V2_3_0, Version.V2_2_1


@dataclass(frozen=True)
class Sample:
    what: str
    name: str
    version: Version
    object: Content

    def __str__(self) -> str:
        return f"{self.what}: {self.name}, {self.version.value}"


def samples() -> list[Sample]:
    """Every whole object, in each version that has it."""
    files = sorted(path for path in FOLDER.glob("*.json") if path.stem != "patches")
    return [sample for path in files for sample in _of(path, path.stem)]


def patches() -> list[Sample]:
    return list(_of(FOLDER / "patches.json", None))


def sample(what: str, name: str, version: Version = NEW) -> Content:
    """A copy of one of them."""
    for found in _of(FOLDER / f"{what}.json", what):
        if (found.name, found.version) == (name, version):
            return copy.deepcopy(found.object)
    raise KeyError((what, name, version))


def steps(value: Json, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of everything within, the outer before the inner."""
    if path:
        yield path
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from steps(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from steps(inner, (*path, index))


def at(value: object, *path: str | int) -> Any:  # noqa: ANN401 - JSON, of any shape
    """What stands at a path."""
    for step in path:
        value = value[step]  # type: ignore[index] # a wrong path is the test's mistake
    return value


def changed(value: Content, path: tuple[str | int, ...], new: Json) -> Content:
    """A copy with one thing put in place of another."""
    made, inner = _copied(value, path)
    inner[path[-1]] = new
    return made


def without(value: Content, path: tuple[str | int, ...]) -> Content:
    """A copy that lacks one thing."""
    made, inner = _copied(value, path)
    del inner[path[-1]]
    return made


def _copied(value: Content, path: tuple[str | int, ...]) -> tuple[Content, dict[object, Json]]:
    """A copy along the path, and what holds its last step."""
    made = inner = copy.copy(value)
    for step in path[:-1]:
        inner[step] = copy.copy(inner[step])  # type: ignore[index] # the path is one of `steps`
        inner = inner[step]  # type: ignore[index, assignment]
    return made, inner  # type: ignore[return-value]


def _of(path: Path, what: str | None) -> Iterator[Sample]:
    for case in json.loads(path.read_text()):
        for number in case["versions"]:
            yield Sample(what or case["what"], case["id"], Version(number), case["object"])
