"""What the keys of a `[[reader]]` must be beside each other, and whether anybody could charge."""

from __future__ import annotations

import os
from collections.abc import Iterator

from laddvakt_agent.config.raw import Row, rows, sub, text
from laddvakt_agent.config.schema import Problem


def permit_checks(data: Row) -> Iterator[Problem]:
    """Every problem of readers, and of a station where nobody could charge."""
    yield from _reader_checks(data)
    station = sub(data, "station")
    wanted = bool(station) and station.get("authorisation", "token") == "token"
    if wanted and not rows(data, "token") and not _platform_gives_tokens(data):
        yield Problem(
            path=("station",),
            message="no [[token]] is listed and no [[uplink]] gives tokens, nobody could charge: "
            'add one, or set "free" here',
        )


def _platform_gives_tokens(data: Row) -> bool:
    """Whether one of the platforms can be asked for tokens, or may send commands."""
    alone = sub(data, "uplink")
    uplinks = [alone] if alone else [uplink for _, uplink in rows(data, "uplink")]
    return any(_gives_tokens(uplink) for uplink in uplinks)


def _gives_tokens(uplink: Row) -> bool:
    if text(uplink, "mode") != "platform" and "versions_url" not in uplink:
        return False  # only addresses to tell things to
    modules = uplink.get("modules")
    return not isinstance(modules, list) or bool({"tokens", "commands"} & set(modules))


def _reader_checks(data: Row) -> Iterator[Problem]:
    connectors = [text(part, "id") for _, part in rows(data, "connector")]
    lines = {
        os.path.realpath(port): f"line {text(line, 'name')}"
        for _, line in rows(data, "line")
        if (port := text(line, "port"))
    }
    names: set[str] = set()
    for index, reader in rows(data, "reader"):
        path = ("reader", index)
        name = text(reader, "name") or f"number {index + 1}"
        if name in names:
            yield Problem(path=(*path, "name"), message=f"reader name '{name}' is used twice")
        names.add(name)
        port = text(reader, "port")
        other = lines.setdefault(os.path.realpath(port), f"reader {name}") if port else None
        if other not in (None, f"reader {name}"):
            yield Problem(
                path=(*path, "port"),
                message=f"reader {name}: port {port} is that of {other}; a reader needs its own",
            )
        served = reader.get("connectors")
        for wanted in served if isinstance(served, list) else ():
            if wanted not in connectors and None not in connectors:
                known = ", ".join(one for one in connectors if one)
                yield Problem(
                    path=(*path, "connectors"),
                    message=f"reader {name}: no connector is called '{wanted}'; there are: {known}",
                )
