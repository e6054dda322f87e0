"""The whitelist matrix: what was told of a token × what is answered now."""

from __future__ import annotations

import pytest

from laddvakt_agent.uplink.tokens.deciding import (
    Known,
    Method,
    Verdict,
    Whitelist,
    Why,
    Word,
    decide,
    must_ask,
)

YES, NO = True, False
# Source: mod_tokens, WhitelistType. None: it must not be asked. Columns: valid, then invalid.
MATRIX = {
    #                  not asked  ALLOWED  refused  unknown  silent
    (Whitelist.ALWAYS, YES): (YES, None, None, None, None),
    (Whitelist.ALWAYS, NO): (NO, None, None, None, None),
    (Whitelist.ALLOWED, YES): (YES, None, None, None, None),
    (Whitelist.ALLOWED, NO): (None, YES, NO, NO, NO),
    (Whitelist.ALLOWED_OFFLINE, YES): (None, YES, NO, NO, YES),
    (Whitelist.ALLOWED_OFFLINE, NO): (None, YES, NO, NO, NO),
    (Whitelist.NEVER, YES): (None, YES, NO, NO, NO),
    (Whitelist.NEVER, NO): (None, YES, NO, NO, NO),
}
WORDS = (None, Word.ALLOWED, Word.BLOCKED, Word.UNKNOWN, Word.SILENT)
CASES = [
    (Known(valid=valid, whitelist=whitelist), word, allowed)
    for (whitelist, valid), row in MATRIX.items()
    for word, allowed in zip(WORDS, row, strict=True)
    if allowed is not None
]


@pytest.mark.parametrize(
    ("known", "word", "allowed"),
    CASES,
    ids=[f"{k.whitelist.value} valid={k.valid} {w and w.value}" for k, w, _ in CASES],
)
@pytest.mark.parametrize("unknown_offline", [False, True])
def test_the_matrix(known: Known, word: Word | None, allowed: bool, unknown_offline: bool) -> None:
    """A known token is judged by its own list; the policy for unknown ones is not its business."""
    assert must_ask(known) is (word is not None)
    verdict = decide(known, word, unknown_offline=unknown_offline)
    assert verdict.allowed is allowed
    asked = word is not None and word is not Word.SILENT
    assert verdict.method is (Method.AUTH_REQUEST if asked else Method.WHITELIST)


@pytest.mark.parametrize("word", [Word.BLOCKED, Word.EXPIRED, Word.NO_CREDIT, Word.NOT_ALLOWED])
def test_every_other_answer_is_a_no(word: Word) -> None:
    verdict = decide(None, word, unknown_offline=True)
    assert verdict == Verdict(allowed=False, method=Method.AUTH_REQUEST, why=Why.REFUSED)


@pytest.mark.parametrize(
    ("word", "policy", "allowed", "why"),
    [
        (Word.ALLOWED, False, True, Why.ANSWERED),
        (Word.UNKNOWN, True, False, Why.UNKNOWN),
        (Word.SILENT, False, False, Why.SILENT_UNKNOWN),
        (Word.SILENT, True, True, Why.OFFLINE_UNKNOWN),
    ],
    ids=["allowed", "unknown there, too", "offline, deny", "offline, allow"],
)
def test_a_token_nobody_told_of(word: Word, policy: bool, allowed: bool, why: Why) -> None:
    assert must_ask(None)
    verdict = decide(None, word, unknown_offline=policy)
    assert (verdict.allowed, verdict.why) == (allowed, why)
