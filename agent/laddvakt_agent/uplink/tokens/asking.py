"""Asks a platform whether a token may charge now. Source: mod_tokens, POST authorize."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

import msgspec

from laddvakt_agent.ledger.tokens import TokenRow
from laddvakt_agent.uplink.errors import Missing, Rejected, UplinkError
from laddvakt_agent.uplink.outward import Outward
from laddvakt_agent.uplink.serving import Party, Role
from laddvakt_agent.uplink.tokens.content import NoToken, row_of
from laddvakt_agent.uplink.tokens.deciding import Word

NEEDS_MORE = 2002  # status_codes: not enough information
UNKNOWN_TOKEN = 2004
SHOWN = 4  # characters of a uid that logs and status may show
_ALLOWED = {word.value: word for word in Word if word not in (Word.UNKNOWN, Word.SILENT)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where somebody wants to charge; OCPI LocationReferences."""

    location_id: str
    evse_uids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a platform answered."""

    platform: str
    word: Word
    row: TokenRow | None = None  # the token as it stands there
    reference: str | None = None
    evse_uids: frozenset[str] | None = None  # only here, casefolded; `None`: anywhere
    info: str = ""  # for the driver, in the platform's words
    detail: str = ""  # why there is no usable answer


async def ask(out: Outward, uid: str, kind: str, place: Place, *, to: Party | None = None) -> Said:
    """Ask; a platform that wants to know where is asked again with the place.

    `to`: whose token it is, where that is known. Without a limit of time of its own.
    """
    endpoint = out.endpoint("tokens", Role.SENDER)
    if endpoint is None:
        return Said(platform=out.name, word=Word.SILENT, detail="it serves no tokens")
    url = f"{endpoint.rstrip('/')}/{quote(uid, safe='')}/authorize?type={quote(kind, safe='')}"
    try:
        try:
            answer = await out.send("POST", url, to=to)
        except UplinkError as error:
            if error.status_code != NEEDS_MORE:
                raise
            answer = await out.send("POST", url, msgspec.to_builtins(place), to=to)
    except UplinkError as error:
        return _refused(out.name, uid, error)
    return _said(out.name, uid, place, answer.data)


def masked(uid: str) -> str:
    """A card's uid as logs and people may see it: enough to tell two cards in a hand apart."""
    return f"{uid[:SHOWN].upper()}…" if len(uid) > SHOWN else "…"


def _refused(platform: str, uid: str, error: UplinkError) -> Said:
    """Its message names the URL, and with it the card: people need only see its beginning."""
    unknown = isinstance(error, Missing) or (
        isinstance(error, Rejected) and error.status_code == UNKNOWN_TOKEN
    )
    word = Word.UNKNOWN if unknown else Word.SILENT
    detail = str(error).replace(quote(uid, safe=""), masked(uid))
    return Said(platform=platform, word=word, detail=detail.replace(uid, masked(uid)))


def _said(platform: str, uid: str, place: Place, data: object) -> Said:
    """What an AuthorizationInfo says; some platforms wrap it in a list."""
    info = data[0] if isinstance(data, list) and len(data) == 1 else data
    if not isinstance(info, dict):
        return Said(platform=platform, word=Word.SILENT, detail="its answer is no authorisation")
    word = _ALLOWED.get(str(info.get("allowed")))
    if word is None:
        detail = f"its answer says allowed = {str(info.get('allowed'))[:40]!r}"
        return Said(platform=platform, word=Word.SILENT, detail=detail)
    return Said(
        platform=platform,
        word=word,
        row=_token(info.get("token"), uid, platform),
        reference=_short(info.get("authorization_reference"), 36),
        evse_uids=_only(info.get("location"), place),
        info=_display(info.get("info")),
    )


def _token(data: object, uid: str, platform: str) -> TokenRow | None:
    """The token it speaks of, if it is the one that was asked for."""
    try:
        row = row_of(data, platform)
    except NoToken:
        return None
    return row if row.uid.casefold() == uid.casefold() else None


def _only(data: object, place: Place) -> frozenset[str] | None:
    """The EVSEs that the answer allows: none of ours, if it names another location."""
    if not isinstance(data, dict):
        return None
    if str(data.get("location_id")).casefold() != place.location_id.casefold():
        return frozenset()
    uids = data.get("evse_uids")
    return (
        frozenset(str(one).casefold() for one in uids) if isinstance(uids, list) and uids else None
    )


def _display(data: object) -> str:
    text = data.get("text") if isinstance(data, Mapping) else None
    return _short(text, 512) or ""


def _short(value: object, most: int) -> str | None:
    """A foreign text, fit to be kept and shown."""
    if not isinstance(value, str):
        return None
    line = "".join(char for char in value if char.isprintable())[:most].strip()
    return line or None
