"""What the keys of a `[[tariff]]` must be beside each other, and whether its file can be used."""

from __future__ import annotations

from collections.abc import Iterator

from laddvakt_agent.config.raw import Row, rows, sub, text
from laddvakt_agent.config.schema import Problem


def tariff_checks(data: Row) -> Iterator[Problem]:
    """Every problem of tariffs: a charger must not begin with prices that nobody can work out."""
    if "tariff" not in data:
        return
    alone = sub(data, "uplink")
    uplinks = [alone] if alone else [uplink for _, uplink in rows(data, "uplink")]
    platforms = [text(uplink, "name") or "backend" for uplink in uplinks]
    connectors = [name for _, part in rows(data, "connector") if (name := text(part, "id"))]
    for index, tariff in rows(data, "tariff"):
        path = ("tariff", index)
        yield from _source(tariff, path, platforms)
        named = tariff.get("connectors")
        for wanted in named if isinstance(named, list) else ():
            if wanted not in connectors:
                yield Problem(
                    path=(*path, "connectors"),
                    message=f"no connector is called '{wanted}'; there are: "
                    f"{', '.join(connectors)}",
                )


def _source(tariff: Row, path: tuple[str | int, ...], platforms: list[str]) -> Iterator[Problem]:
    from laddvakt_agent.pricing.errors import NotPriceable  # noqa: PLC0415 - only with tariffs
    from laddvakt_agent.tariffs import read_file  # noqa: PLC0415

    file, uplink, id_ = (text(tariff, name) for name in ("file", "uplink", "id"))
    if (file is None) is (uplink is None and id_ is None):
        message = "a [[tariff]] needs either file, or uplink and id of a platform's tariff"
        yield Problem(path=path, message=message)
    elif file is None and (uplink is None or id_ is None):
        message = "uplink and id belong together: whose tariff, and which"
        yield Problem(path=path, message=message)
    if uplink is not None and uplink not in platforms:
        known = ", ".join(platforms) or "none"
        message = f"no [[uplink]] is called '{uplink}'; there are: {known}"
        yield Problem(path=(*path, "uplink"), message=message)
    if file is not None:
        try:
            read_file(file)
        except NotPriceable as wrong:
            yield Problem(path=(*path, "file"), message=str(wrong))
