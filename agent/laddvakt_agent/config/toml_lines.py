"""Where in a TOML file a key stands, so that an error can name its line."""

from __future__ import annotations

import re
from collections.abc import Iterator

Path = tuple[str | int, ...]

_TABLE = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"""^\s*([A-Za-z0-9_.\-"']+)\s*=""")


def key_lines(text: str) -> dict[Path, int]:
    """Map each table and key path to its line, counted from 1; entries of `[[x]]` carry an index.

    Keys of inline tables share the line they stand on; callers fall back to the nearest parent.
    """
    lines: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    here: Path = ()
    for number, line in _outside_strings(text):
        if table := _TABLE.match(line):
            here = _indexed(_split(table[2]), counts, new=table[1] == "[[")
            lines.setdefault(here, number)
        elif key := _KEY.match(line):
            lines.setdefault(here + _split(key[1]), number)
    return lines


def line_of(lines: dict[Path, int], path: Path) -> int | None:
    """The line of `path` or of its nearest parent that has one."""
    for end in range(len(path), 0, -1):
        if path[:end] in lines:
            return lines[path[:end]]
    return None


def _split(dotted: str) -> Path:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def _indexed(names: Path, counts: dict[Path, int], *, new: bool) -> Path:
    """Put the running index of each array of tables into the path."""
    path: Path = ()
    for position, name in enumerate(names):
        path = (*path, name)
        last = position == len(names) - 1
        if new and last:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def _outside_strings(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that do not lie inside a multi-line string."""
    inside: str | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if inside is None:
            yield number, line
        for quote in ('"""', "'''"):
            if inside in (None, quote) and line.count(quote) % 2:
                inside = None if inside == quote else quote
