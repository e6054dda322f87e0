"""A register that has counted to its end begins anew at zero."""

from __future__ import annotations

_NEAR_END = 0.9  # of the register's range: from here it may begin anew


def rolled_over(from_wh: float, to_wh: float, end_wh: float | None) -> bool:
    """Whether that is what happened between two values; `end_wh` None: it is not known to."""
    if end_wh is None:
        return False
    return from_wh > _NEAR_END * end_wh and to_wh < (1.0 - _NEAR_END) * end_wh
