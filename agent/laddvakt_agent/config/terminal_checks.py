"""What the keys of a `[[terminal]]` must be beside each other."""

from __future__ import annotations

from collections.abc import Iterator

from laddvakt_agent.config.raw import Row, rows, sub, text
from laddvakt_agent.config.schema import Problem


def terminal_checks(data: Row) -> Iterator[Problem]:
    """Every problem of payment terminals."""
    alone = sub(data, "uplink")
    uplinks = [alone] if alone else [uplink for _, uplink in rows(data, "uplink")]
    modes = {text(uplink, "name") or "backend": text(uplink, "mode") for uplink in uplinks}
    connectors = [name for _, part in rows(data, "connector") if (name := text(part, "id"))]
    for index, terminal in rows(data, "terminal"):
        path = ("terminal", index)
        uplink, named = text(terminal, "uplink"), terminal.get("connectors")
        if text(terminal, "id") is None and text(terminal, "reference") is None:
            message = "a [[terminal]] needs its id, or the reference printed on it"
            yield Problem(path=path, message=message)
        if uplink is not None and modes.get(uplink) != "platform":
            known = ", ".join(name for name, mode in modes.items() if mode == "platform")
            message = (
                f"no [[uplink]] with mode = \"platform\" is called '{uplink}'; "
                f"there are: {known or 'none'}"
            )
            yield Problem(path=(*path, "uplink"), message=message)
        for wanted in named if isinstance(named, list) else ():
            if wanted not in connectors:
                message = f"no connector is called '{wanted}'; there are: {', '.join(connectors)}"
                yield Problem(path=(*path, "connectors"), message=message)
