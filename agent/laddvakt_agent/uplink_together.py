"""How several platforms are doing, said as of one. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def together(each: Sequence[dict[str, object]]) -> dict[str, object]:
    """The worst of each, and sums; of a single one what it says. At least one is needed."""
    if len(each) == 1:
        return each[0]
    successes = [said for one in each if isinstance(said := one["last_success_s"], float)]
    return {
        **each[0],
        "reachable": all(one["reachable"] for one in each),
        "last_success_s": max(successes, default=None),
        **{
            name: any(one[name] for one in each)
            for name in ("refused", "untrusted", "waits_for_clock")
        },
        **{name: sum(_count(one[name]) for one in each) for name in ("pending", "pushed")},
    }


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0
