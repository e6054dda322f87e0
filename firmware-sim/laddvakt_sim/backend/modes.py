"""Every way to misbehave, by name: what is kept, what is answered, how it is spoilt."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final


class Mode(enum.Enum):
    """What happens to a request; `DEEDS` says it."""

    OK = "ok"
    STATUS_2000 = "status_2000"
    STATUS_2001 = "status_2001"
    STATUS_2002 = "status_2002"
    STATUS_2003 = "status_2003"
    STATUS_2004 = "status_2004"
    STATUS_3000 = "status_3000"
    STATUS_3001 = "status_3001"
    STATUS_3002 = "status_3002"
    STATUS_3003 = "status_3003"
    STATUS_4000 = "status_4000"
    STATUS_4001 = "status_4001"
    STATUS_4002 = "status_4002"
    STATUS_4003 = "status_4003"
    HTTP_400 = "http_400"
    HTTP_401 = "http_401"
    HTTP_403 = "http_403"
    HTTP_404 = "http_404"
    HTTP_405 = "http_405"
    HTTP_429 = "http_429"
    HTTP_500 = "http_500"
    HTTP_502 = "http_502"
    HTTP_503 = "http_503"
    HTTP_500_KEPT = "http_500_kept"
    DROP = "drop"
    SILENT = "silent"
    LOST_REPLY = "lost_reply"
    HTML = "html"
    EMPTY = "empty"
    GARBAGE = "garbage"
    NO_ENVELOPE = "no_envelope"
    HUGE = "huge"
    REDIRECT_307 = "redirect_307"
    REDIRECT_308 = "redirect_308"
    REDIRECT_AWAY = "redirect_away"
    REDIRECT_LOOP = "redirect_loop"
    SLOW = "slow"
    TRUNCATED = "truncated"
    WRONG_LENGTH = "wrong_length"
    GZIP = "gzip"
    DATA_LIST = "data_list"
    NULL_DATA = "null_data"
    OFFSET_TIME = "offset_time"
    NO_Z = "no_z"
    TEXT_CODE = "text_code"
    BROKEN_LINK = "broken_link"
    LOOP_LINK = "loop_link"
    FOREIGN_LINK = "foreign_link"
    BROKEN_LOCATION = "broken_location"
    NO_COUNT = "no_count"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One row: `kept` means that the request is carried out before the answer is spoilt."""

    kept: bool
    text: str
    http_status: int | None = None  # of a plain error answer
    status_code: int = 3000


def _status(code: int) -> Deed:
    return Deed(
        kept=False, http_status=200, status_code=code, text=f"HTTP 200 with OCPI status {code}"
    )


def _http(status: int, code: int, *, kept: bool = False, more: str = "") -> Deed:
    text = f"HTTP {status} with an envelope{more}"
    return Deed(kept=kept, http_status=status, status_code=code, text=text)


DEEDS: Final[dict[Mode, Deed]] = {
    Mode.OK: Deed(kept=True, text="as it should be"),
    **{
        mode: _status(int(mode.value.removeprefix("status_")))
        for mode in Mode
        if mode.value.startswith("status_")
    },
    Mode.HTTP_400: _http(400, 2001),
    Mode.HTTP_401: _http(401, 2000),
    Mode.HTTP_403: _http(403, 2000),
    Mode.HTTP_404: _http(404, 2000),
    Mode.HTTP_405: _http(405, 2000),
    Mode.HTTP_429: _http(429, 2000, more=" and Retry-After, 1 s unless told otherwise"),
    Mode.HTTP_500: _http(500, 3000),
    Mode.HTTP_502: _http(502, 3000),
    Mode.HTTP_503: _http(503, 3000),
    Mode.HTTP_500_KEPT: _http(500, 3000, kept=True),
    Mode.DROP: Deed(kept=False, text="the connection breaks before the body is read"),
    Mode.SILENT: Deed(kept=False, text="never answered"),
    Mode.LOST_REPLY: Deed(kept=True, text="the connection breaks before the answer"),
    Mode.HTML: Deed(kept=False, text="HTTP 200 with a page, as from a captive portal"),
    Mode.EMPTY: Deed(kept=False, text="HTTP 200 without a body"),
    Mode.GARBAGE: Deed(kept=False, text="HTTP 200, called JSON, with bytes that are not"),
    Mode.NO_ENVELOPE: Deed(kept=False, text="HTTP 200 with JSON that is no envelope"),
    Mode.HUGE: Deed(kept=False, text="HTTP 200 with 32 MB of JSON"),
    Mode.REDIRECT_307: Deed(kept=False, text="307 to the same server, where it is carried out"),
    Mode.REDIRECT_308: Deed(kept=False, text="308 to the same server, where it is carried out"),
    Mode.REDIRECT_AWAY: Deed(kept=False, text="307 to another origin, where a token is a leak"),
    Mode.REDIRECT_LOOP: Deed(kept=False, text="307 to the same URL"),
    Mode.SLOW: Deed(kept=True, text="the answer comes in bytes, over about a second"),
    Mode.TRUNCATED: Deed(kept=True, text="half of the answer, as if it were the whole"),
    Mode.WRONG_LENGTH: Deed(kept=True, text="Content-Length says more than comes"),
    Mode.GZIP: Deed(kept=True, text="the answer is compressed, asked for or not"),
    Mode.DATA_LIST: Deed(kept=True, text="data is a list where an object belongs"),
    Mode.NULL_DATA: Deed(kept=True, text="data and status_message are null where they are absent"),
    Mode.OFFSET_TIME: Deed(kept=True, text="timestamps end in +00:00"),
    Mode.NO_Z: Deed(kept=True, text="timestamps end without a Z"),
    Mode.TEXT_CODE: Deed(kept=False, text="status_code is the text 1000"),
    Mode.BROKEN_LINK: Deed(kept=True, text="a list's Link header cannot be read"),
    Mode.LOOP_LINK: Deed(kept=True, text="a list's Link header leads back to the same page"),
    Mode.FOREIGN_LINK: Deed(kept=True, text="a list's Link header leads to another origin"),
    Mode.BROKEN_LOCATION: Deed(kept=True, text="a CDR's Location header is no URL"),
    Mode.NO_COUNT: Deed(kept=True, text="a list comes without X-Total-Count and X-Limit"),
}

# These say that the request itself is at fault: whoever believes it will not send the same again.
BLAMING: Final = frozenset(
    mode
    for mode in Mode
    if mode.value.startswith("status_2") or mode in (Mode.HTTP_400, Mode.HTTP_404, Mode.HTTP_405)
)
PASSING: Final = tuple(mode for mode in Mode if mode not in BLAMING)


def described() -> str:
    """Every mode with its meaning, a line each."""
    width = max(len(mode.value) for mode in Mode)
    return "\n".join(
        f"{mode.value:<{width}}  {'kept' if deed.kept else 'lost'}  {deed.text}"
        for mode, deed in DEEDS.items()
    )
