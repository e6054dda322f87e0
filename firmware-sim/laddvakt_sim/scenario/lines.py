"""Where in a TOML text each key stands, so that a mistake can be named with its line.

Takes text that `tomllib` accepts; keys of inline tables share the line their table begins on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

Path = tuple[str | int, ...]

_PART = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)\s*""")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}'
    r"|'''(?:[^']|'(?!''))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_BLANK = re.compile(r"(?:\s|#[^\n]*)*")
_DULL = re.compile(r"[^\"'#\[\]{}\n]+")
_OPENS, _CLOSES = "[{", "]}"


def key_lines(text: str) -> dict[Path, int]:
    """Map each table and key path to its line from 1; entries of `[[x]]` carry an index from 0."""
    lines: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    here: Path = ()
    at = _skip(_BLANK, text, 0)
    while at < len(text):
        line = text.count("\n", 0, at) + 1
        opening = 2 if text.startswith("[[", at) else 1 if text[at] == "[" else 0
        names, at = _key(text, at + opening)
        if opening:
            here = _indexed(names, counts, new=opening == 2)
            lines.setdefault(here, line)
            at += opening
        else:
            for end in range(1, len(names) + 1):
                lines.setdefault(here + names[:end], line)
            at = _value_end(text, at + 1)
        at = max(_skip(_BLANK, text, at), at)
    return lines


def oversized(content: Mapping[str, object]) -> Iterator[Path]:
    """Where integers stand that TOML does not have: they need more than 64 bits."""
    waiting: list[tuple[Path, object]] = [((), content)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [((*path, key), part) for key, part in value.items()]
        elif isinstance(value, list):
            waiting += [((*path, n), part) for n, part in enumerate(value)]
        elif isinstance(value, int) and not -(2**63) <= value < 2**63:
            yield path


def line_of(lines: dict[Path, int], path: Path) -> int:
    """The line of `path` or of its nearest parent that has one; the first line for the file."""
    return next((lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in lines), 1)


def _skip(what: re.Pattern[str], text: str, at: int) -> int:
    found = what.match(text, at)
    return at if found is None else found.end()


def _key(text: str, at: int) -> tuple[tuple[str, ...], int]:
    names: list[str] = []
    while (found := _PART.match(text, at)) is not None:
        names.append(found[1].strip("\"'"))
        at = found.end()
        if not text.startswith(".", at):
            return tuple(names), at
        at += 1
    return tuple(names), len(text)  # nothing TOML would accept: look no further


def _value_end(text: str, at: int) -> int:
    depth = 0
    while at < len(text):
        found = _STRING.match(text, at) or _DULL.match(text, at)
        if found is not None:
            at = found.end()
            continue
        if text[at] == "\n" and depth == 0:
            return at
        if text[at] == "#":
            at = text.find("\n", at) % (len(text) + 1)
            continue
        depth += (text[at] in _OPENS) - (text[at] in _CLOSES)
        at += 1
    return at


def _indexed(names: tuple[str, ...], counts: dict[Path, int], *, new: bool) -> Path:
    """Put the running index of each array of tables into the path."""
    path: Path = ()
    for position, name in enumerate(names):
        path = (*path, name)
        if new and position == len(names) - 1:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path
