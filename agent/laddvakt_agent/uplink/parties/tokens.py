"""Credentials tokens: made, read from a header, compared. Source: transport_and_format."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import secrets

_LENGTH = 64  # the most that Credentials.token may have
_CHARACTERS = re.compile(r"[!-~]{1,64}")
_BYTES = _LENGTH // 4 * 3  # so that base64 fills the length


def new_token() -> str:
    """64 characters that nobody can guess, of an alphabet that no header trips over."""
    return secrets.token_urlsafe(_BYTES)


def usable(token: object) -> bool:
    """Whether this may be a credentials token: 1 to 64 printable characters without blanks."""
    return isinstance(token, str) and _CHARACTERS.fullmatch(token) is not None


def readings(written: str, *, raw: bool) -> tuple[str, ...]:
    """What a header may mean: the decoded token, and as it stands where that was agreed.

    The specification's own examples have encoded a line feed with the token: it is left out.
    """
    decoded = _decoded(written)
    meant = () if decoded is None else (decoded,)
    return (*meant, written) if raw else meant


def same(one: str, other: str | None) -> bool:
    """Compare in constant time; nothing equals `None`."""
    if other is None:
        return False
    # A header may hold bytes that are no text: they equal nothing, and are no reason to fail.
    return hmac.compare_digest(one.encode(errors="surrogateescape"), other.encode())


def _decoded(written: str) -> str | None:
    try:
        text = base64.b64decode(written.encode("ascii"), validate=True).decode()
    except (binascii.Error, UnicodeError):
        return None
    return text.removesuffix("\n").removesuffix("\r")
