"""Numbers that look random and are none: the same words always give the same number.

A delay drawn here needs no random source in the core, and can be drawn again to the same result.
"""

from __future__ import annotations

_MASK = (1 << 64) - 1
_FNV_START, _FNV_PRIME = 0xCBF29CE484222325, 0x100000001B3  # FNV-1a, 64 bits
_SHARES = 1 << 53  # every one of these a float holds exactly


def drawn(seed: float, *words: str, at_s: float) -> float:
    """A number 0 ≤ x < 1, spread evenly over seeds, words and times.

    Args:
        seed: the station's own number; neighbours have another.
        words: what is drawn for.
        at_s: when (monotonic seconds): each draw gives another number.
    """
    mixed = _FNV_START
    for byte in "\0".join((repr(seed), *words, repr(at_s))).encode():
        mixed = (mixed ^ byte) * _FNV_PRIME & _MASK
    # The last bytes alone would move only the low bits: the finaliser of MurmurHash3 spreads them.
    mixed = (mixed ^ (mixed >> 33)) * 0xFF51AFD7ED558CCD & _MASK
    mixed = (mixed ^ (mixed >> 33)) * 0xC4CEB9FE1A85EC53 & _MASK
    mixed ^= mixed >> 33
    return (mixed >> 11) / _SHARES
