"""May this token charge? What the platform told before, and what it says when asked. Pure.

Source: mod_tokens, WhitelistType: whether a token is valid does not change whether its platform
must be asked, because it may have changed its mind since.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Whitelist(enum.Enum):
    """OCPI WhitelistType."""

    ALWAYS = "ALWAYS"  # never ask
    ALLOWED = "ALLOWED"  # ask or do not
    ALLOWED_OFFLINE = "ALLOWED_OFFLINE"  # ask; where no answer comes what is known decides
    NEVER = "NEVER"  # ask, always


class Word(enum.Enum):
    """What a platform answered; the first five are OCPI AllowedType."""

    ALLOWED = "ALLOWED"
    BLOCKED = "BLOCKED"
    EXPIRED = "EXPIRED"
    NO_CREDIT = "NO_CREDIT"
    NOT_ALLOWED = "NOT_ALLOWED"
    UNKNOWN = "UNKNOWN"  # it does not know this token
    SILENT = "SILENT"  # no usable answer in time


class Method(enum.Enum):
    """OCPI AuthMethod."""

    WHITELIST = "WHITELIST"
    AUTH_REQUEST = "AUTH_REQUEST"
    COMMAND = "COMMAND"


class Why(enum.Enum):
    """What a decision rests on; the texts are for people."""

    LISTED = "listed in the configuration"
    WHITELISTED = "on the platform's white list"
    ANSWERED = "allowed by the platform"
    COMMANDED = "let in by the platform's command less than 15 minutes ago"
    OFFLINE = "the platform does not answer; its white list lets this token in then"
    OFFLINE_UNKNOWN = "no platform answers; unknown tokens are let in then"
    INVALID = "its platform has made it invalid"
    REFUSED = "refused by the platform"
    UNKNOWN = "no platform knows it"
    SILENT = "the platform does not answer, and this token needs its word"
    SILENT_UNKNOWN = "it is not known here and no platform answers"
    ELSEWHERE = "allowed by the platform, but not at this connector"
    GONE = "the vehicle was unplugged meanwhile"
    NO_CACHE = "the list of tokens cannot be read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What was told of a token before."""

    valid: bool
    whitelist: Whitelist


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Yes or no, how it was found, and why."""

    allowed: bool
    method: Method
    why: Why


def must_ask(known: Known | None) -> bool:
    """Whether its platform is asked; `known` None: nobody has told of this token.

    `ALLOWED` leaves the choice: a valid one is let in at once, for the person who waits; an invalid
    one is asked for, because its platform may have changed its mind.
    """
    if known is None:
        return True
    match known.whitelist:
        case Whitelist.ALWAYS:
            return False
        case Whitelist.ALLOWED:
            return not known.valid
        case Whitelist.ALLOWED_OFFLINE | Whitelist.NEVER:
            return True


def decide(known: Known | None, word: Word | None, *, unknown_offline: bool) -> Verdict:
    """The decision; `word` None: nobody was asked, because `must_ask` says so.

    `unknown_offline`: whether a token that nobody told of may charge while nobody answers.
    """
    if word is None:
        valid = known is not None and known.valid
        return _offered(valid, Why.WHITELISTED, Why.INVALID)
    if word is Word.ALLOWED:
        return Verdict(allowed=True, method=Method.AUTH_REQUEST, why=Why.ANSWERED)
    if word is not Word.SILENT:
        why = Why.UNKNOWN if word is Word.UNKNOWN else Why.REFUSED
        return Verdict(allowed=False, method=Method.AUTH_REQUEST, why=why)
    if known is None:
        return _offered(unknown_offline, Why.OFFLINE_UNKNOWN, Why.SILENT_UNKNOWN)
    if not known.valid:
        return _offered(False, Why.OFFLINE, Why.INVALID)
    return _offered(known.whitelist is not Whitelist.NEVER, Why.OFFLINE, Why.SILENT)


def _offered(allowed: bool, yes: Why, no: Why) -> Verdict:
    return Verdict(allowed=allowed, method=Method.WHITELIST, why=yes if allowed else no)
