"""How many examples are searched: few in every run, more by hand."""

from __future__ import annotations

import os

_TIMES = int(os.environ.get("LADDVAKT_CORE_EXAMPLES", "1"))  # 10 for the long form


def examples(short: int) -> int:
    """So many in the short form, the multiple that is asked for in the long one."""
    return short * _TIMES
