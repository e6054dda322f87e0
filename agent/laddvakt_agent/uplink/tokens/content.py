"""A Token object as it came, as a row to keep, and as what a decision needs of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from laddvakt_agent.ledger.tokens import TokenRow
from laddvakt_agent.published import TokenRef
from laddvakt_agent.uplink.serving import Party
from laddvakt_agent.uplink.text import date_time, from_date_time
from laddvakt_agent.uplink.tokens.deciding import Known, Whitelist

DEFAULT_TYPE = "RFID"  # mod_tokens: where a URL names no type
_MOST_CHARS = 8192  # with fields of its platform's own; a hundred thousand must fit on a small disk


class NoToken(ValueError):
    """It is no Token object; the message says what is wrong, fit for whoever sent it."""


@dataclass(frozen=True, slots=True)
class Group:
    """Tokens of one group may act for each other; group ids mean something to one party only."""

    country_code: str
    party_id: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownToken:
    """A token with what its platform said of it."""

    ref: TokenRef
    known: Known
    platform: str  # its name in our configuration
    group: Group | None = None

    @property
    def party(self) -> Party:
        """Whose it is."""
        return Party.of(self.ref.country_code, self.ref.party_id)


def row_of(data: object, platform: str) -> TokenRow:
    """A Token object to be kept.

    Raises:
        NoToken: it is none.
    """
    content = _content(data)
    body = msgspec.json.encode(_checked(content)).decode()
    if len(body) > _MOST_CHARS:
        raise NoToken(f"no token has more than {_MOST_CHARS} characters")
    return TokenRow(
        country_code=_text(content, "country_code", 2),
        party_id=_text(content, "party_id", 3),
        uid=_text(content, "uid", 36),
        type=_text(content, "type", 36),
        platform=platform,
        last_updated=_stamp(content),
        body=body,
    )


def token_of(row: TokenRow) -> KnownToken:
    """What a decision needs of a kept token.

    Raises:
        NoToken: it was kept by a version that meant something else.
    """
    content = _content(msgspec.json.decode(row.body))
    group = content.get("group_id")
    return KnownToken(
        ref=TokenRef(
            uid=row.uid,
            type=row.type,
            contract_id=_text(content, "contract_id", 36),
            country_code=row.country_code,
            party_id=row.party_id,
        ),
        known=Known(valid=_valid(content), whitelist=_whitelist(content)),
        platform=row.platform,
        group=group_of(row.country_code, row.party_id, group) if isinstance(group, str) else None,
    )


def group_of(country_code: str, party_id: str, group_id: str) -> Group:
    """A group, however its ids were written."""
    return Group(country_code.upper(), party_id.upper(), group_id.upper())


def _checked(content: Mapping[str, object]) -> Mapping[str, object]:
    """With every required field there and of its type; mod_tokens, Token object."""
    _text(content, "contract_id", 36)
    _text(content, "issuer", 64)
    _valid(content)
    _whitelist(content)
    if content.get("group_id") is not None:
        _text(content, "group_id", 36)
    return {name: value for name, value in content.items() if value is not None}


def _content(data: object) -> Mapping[str, object]:
    if not isinstance(data, dict):
        raise NoToken("a Token object belongs here")
    return data


def _text(content: Mapping[str, object], name: str, most: int) -> str:
    value = content.get(name)
    fits = isinstance(value, str) and 0 < len(value) <= most and value.isprintable()
    if not isinstance(value, str) or not fits or not (value.isascii() or name == "issuer"):
        raise NoToken(f"{name}: a text of 1 to {most} printable characters belongs here")
    return value


def _valid(content: Mapping[str, object]) -> bool:
    value = content.get("valid")
    if not isinstance(value, bool):
        raise NoToken("valid: true or false belongs here")
    return value


def _whitelist(content: Mapping[str, object]) -> Whitelist:
    value = content.get("whitelist")
    try:
        return Whitelist(value)
    except ValueError:
        allowed = ", ".join(one.value for one in Whitelist)
        raise NoToken(f"whitelist: one of {allowed} belongs here") from None


def _stamp(content: Mapping[str, object]) -> str:
    value = content.get("last_updated")
    try:
        return date_time(from_date_time(value if isinstance(value, str) else ""))
    except ValueError:
        raise NoToken("last_updated: a DateTime like 2027-01-31T10:00:00Z belongs here") from None
