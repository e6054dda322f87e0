"""What the keys of one `[[uplink]]` must be together, and beside each other."""

from __future__ import annotations

import os
from collections.abc import Iterator

from laddvakt_agent.config.raw import Row, number, rows, sub, text
from laddvakt_agent.config.schema import Path, Problem
from laddvakt_agent.config.settings import RETRY_MAX_S, RETRY_MIN_S

_NEEDED_URLS = ("locations", "sessions", "cdrs")
_URLS = (*_NEEDED_URLS, "faults", "tariffs")


def uplink_checks(data: Row) -> Iterator[Problem]:
    """Every problem of the platforms, as far as `data` lets it be seen."""
    names: set[str] = set()
    files: dict[str, str] = {}
    for path, uplink in _uplinks(data):
        name = text(uplink, "name") or "backend"
        if name in names:
            yield Problem(
                path=(*path, "name" if "name" in uplink else "mode"),
                message=f"two platforms are called '{name}': give each [[uplink]] a name of its "
                "own",
            )
        names.add(name)
        yield from _place_checks(path, uplink, has_server=bool(sub(data, "server")))
        yield from _retry_checks(path, uplink)
        yield from _party_checks(path, uplink)
        yield from _module_checks(path, uplink)
        file = text(uplink, "token_file")
        if file is None:
            continue
        other = files.setdefault(os.path.realpath(file), name)
        if other != name:
            yield Problem(
                path=(*path, "token_file"),
                message=f"the platforms {other} and {name} share the token in {file}: a token "
                "tells who calls, so each needs its own",
            )


def _uplinks(data: Row) -> list[tuple[Path, Row]]:
    """The platforms and where they stand; a lone `[uplink]` has no number."""
    alone = sub(data, "uplink")
    if alone:
        return [(("uplink",), alone)]
    return [(("uplink", index), uplink) for index, uplink in rows(data, "uplink")]


def _place_checks(path: Path, uplink: Row, *, has_server: bool) -> Iterator[Problem]:
    """How the platform is found."""
    where = _name(path)
    match text(uplink, "mode"):
        case "device" if "versions_url" in uplink:
            yield from _meaningless(
                path, uplink, _URLS, "beside versions_url, whose answer names every address"
            )
        case "device":
            for key in _NEEDED_URLS:
                if key not in uplink:
                    yield Problem(
                        path=(*path, key),
                        message=f"{where}.{key} is missing (a http:// or https:// URL); or give "
                        "versions_url alone",
                    )
            yield from _meaningless(
                path, uplink, ("faults_module",), "beside addresses: give the address in faults"
            )
        case "platform":
            yield from _meaningless(
                path, uplink, _URLS, 'in mode "platform": the platform says where it listens'
            )
            if not has_server:
                yield Problem(
                    path=(*path, "mode"),
                    message=f'{where}.mode = "platform" needs a [server] where the platform can '
                    'reach us; behind a network that lets nobody in, use mode = "device"',
                )
        case _:
            return


def _meaningless(path: Path, uplink: Row, keys: tuple[str, ...], where: str) -> Iterator[Problem]:
    for key in keys:
        if key in uplink:
            yield Problem(
                path=(*path, key),
                message=f"{_name(path)}.{key} means nothing {where}; remove it",
            )


def _retry_checks(path: Path, uplink: Row) -> Iterator[Problem]:
    defaults = {"retry_min_s": RETRY_MIN_S, "retry_max_s": RETRY_MAX_S}
    low_s, high_s = (number({**defaults, **uplink}, key) for key in defaults)
    if low_s is not None and high_s is not None and high_s < low_s:
        yield Problem(
            path=(*path, "retry_max_s"),
            message=f"{_name(path)}.retry_max_s = {high_s:g} is below retry_min_s = {low_s:g}",
        )


def _party_checks(path: Path, uplink: Row) -> Iterator[Problem]:
    """Whom a request is for takes both parts of the name."""
    keys = ("to_country_code", "to_party_id")
    for given, missing in (keys, keys[::-1]):
        if given in uplink and missing not in uplink:
            yield Problem(
                path=(*path, given),
                message=f"{_name(path)}.{given} alone names no party: give {missing}, too",
            )


def _module_checks(path: Path, uplink: Row) -> Iterator[Problem]:
    modules, needs = uplink.get("modules"), uplink.get("needs")
    if not isinstance(modules, list) or not isinstance(needs, list):
        return
    for name in needs:
        if name not in modules:
            yield Problem(
                path=(*path, "needs"),
                message=f"{_name(path)}.needs has '{name}', which is not among its modules",
            )


def _name(path: Path) -> str:
    return "uplink" if len(path) == 1 else f"uplink[{int(path[1]) + 1}]"
