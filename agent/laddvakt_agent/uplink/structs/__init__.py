"""OCPI objects as typed structs, per version, with every constraint of the specification.

`decode` reads what others send, tolerant where OCPI or its users are; `checked` refuses what we
must not send; `encode` writes a struct. One class serves both versions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar, overload

from laddvakt_agent.uplink.structs import (
    commands,
    faults,
    locations,
    payments,
    places,
    prices,
    registration,
    sessions,
    tariffs,
    tokens,
)
from laddvakt_agent.uplink.structs.plan import Object, read, write
from laddvakt_agent.uplink.structs.problems import Invalid, Problem, Report
from laddvakt_agent.uplink.text import Json
from laddvakt_agent.uplink.version import Version

__all__ = ["Invalid", "Object", "Problem", "checked", "decode", "encode"]

T = TypeVar("T", bound=Object)

_MODULES = (
    commands,
    faults,
    locations,
    payments,
    places,
    prices,
    registration,
    sessions,
    tariffs,
    tokens,
)
CLASSES: dict[str, type[Object]] = {  # by their names in OCPI
    name: found
    for module in _MODULES
    for name, found in vars(module).items()
    if isinstance(found, type) and issubclass(found, Object)
} | {"Version": registration.OfferedVersion}


@overload
def decode(version: Version, what: type[T], data: object) -> T: ...
@overload
def decode(version: Version, what: str, data: object) -> Object: ...
def decode(version: Version, what: type[Object] | str, data: object) -> Object:
    """An object that somebody sent, parsed from JSON; `what` is its class or OCPI's name of it.

    Unknown fields are ignored, null is the same as missing, a list of one is what it holds.

    Raises:
        Invalid: it breaks the tables.
        KeyError: OCPI has no such object here.
    """
    report = Report(version=version, strict=False)
    alone = data[0] if isinstance(data, list) and len(data) == 1 else data
    made = read(_class(what), alone, report)
    return _sound(what, made, report)


def encode(version: Version, made: Object, *, explicit_nulls: bool = False) -> dict[str, Json]:
    """A struct as JSON has it in this version; nothing is checked.

    `explicit_nulls`: absent optional fields are written as null, absent lists as empty ones.
    """
    return write(made, version, explicit_nulls=explicit_nulls)


def checked(
    version: Version,
    what: type[Object] | str,
    content: Object | Mapping[str, Json],
    *,
    patch: bool = False,
    stamped: bool = True,
    explicit_nulls: bool = False,
) -> dict[str, Json]:
    """What we are about to send, if it may be sent; equal to `content` but for explicit nulls.

    `patch`: it is the body of a PATCH, whose own required fields may be absent, but for
    `last_updated`. `stamped=False`: `last_updated` is added later, wherever it belongs.

    Raises:
        Invalid: it breaks the tables.
        KeyError: OCPI has no such object here.
    """
    body = write(content, version) if isinstance(content, Object) else dict(content)
    report = Report(version=version, strict=True, patch=patch, stamped=stamped)
    made = read(_class(what), body, report)
    if patch and not report.problems:
        return body
    sound = _sound(what, made, report)
    return write(sound, version, explicit_nulls=True) if explicit_nulls and stamped else body


def _class(what: type[Object] | str) -> type[Object]:
    return CLASSES[what] if isinstance(what, str) else what


def _sound(what: type[Object] | str, made: Object | None, report: Report) -> Object:
    if made is None or report.problems:
        name = what if isinstance(what, str) else what.__name__
        raise Invalid(name, tuple(report.problems))
    return made
