"""Where the ledger is, and what to say when it cannot be read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from laddvakt_agent.cli.codes import Exit, fail
from laddvakt_agent.ledger.errors import LedgerError, NewerSchema
from laddvakt_agent.ledger.files import Damaged
from laddvakt_agent.ledger.reading import Forbidden, Missing, Restless

STATE = click.option(
    "--state",
    "place",
    metavar="PATH",
    type=click.Path(path_type=Path),
    envvar="LADDVAKT_STATE",
    default=Path("/var/lib/laddvakt"),
    show_default=True,
    help="The agent's state folder, or a ledger file such as a backup.",
)
_UNITS = {"min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGO = re.compile(rf"(\d{{1,6}})({'|'.join(_UNITS)})")
_REMEDIES: tuple[tuple[type[LedgerError], Exit, str], ...] = (
    (Missing, Exit.NOT_APPLICABLE, "Name its folder or file; the agent's: agent.state_directory."),
    (Forbidden, Exit.PERMISSION, "Use sudo, or become a member of the group laddvakt."),
    (Damaged, Exit.FAULT, "What to do about it: laddvakt ledger check"),
    (NewerSchema, Exit.CONFIG, ""),
    (Restless, Exit.TEMPORARY, ""),
)


@contextmanager
def plainly() -> Iterator[None]:
    """Leave the program with a sentence and its remedy when the ledger cannot be read."""
    try:
        yield
    except LedgerError as error:
        for kind, code, remedy in _REMEDIES:
            if isinstance(error, kind):
                fail(code, str(error), *([remedy] if remedy else ()))
        fail(Exit.FAULT, str(error))


def parsed_since(_ctx: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """`24h`, `7d` or a date with or without time (UTC) → ISO 8601."""
    if value is None:
        return None
    ago = _AGO.fullmatch(value)
    try:
        if ago:
            span = timedelta(**{_UNITS[ago[2]]: int(ago[1])})
            moment = datetime.now(UTC) - span
        else:
            moment = datetime.fromisoformat(value)
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"'{value}' is no time; say 24h, 7d, 2027-01-31 or 2027-01-31T10:00"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


SINCE = click.option(
    "--since",
    metavar="TIME",
    callback=parsed_since,
    help="Only what was not over by then: 24h, 7d, 2027-01-31, 2027-01-31T10:00 (UTC).",
)
