"""What is answered to a request, before it becomes HTTP."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from laddvakt_sim.backend.validate import Json

OK: Final = 1000
INVALID: Final = 2001
UNKNOWN_TOKEN: Final = 2004


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """HTTP status, OCPI status and what else goes into the envelope."""

    http_status: int = 200
    status_code: int = OK
    errors: tuple[str, ...] = ()
    data: Json = None
    cdr_key: str | None = None  # where the CDR is, for the Location header
    headers: Mapping[str, str] = field(default_factory=dict)


def refused(*errors: str, status_code: int = INVALID, http_status: int = 200) -> Answer:
    """Valid JSON, but not acceptable: HTTP 200 and a message naming the field."""
    return Answer(http_status=http_status, status_code=status_code, errors=errors)
