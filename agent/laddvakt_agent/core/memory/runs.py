"""Conditions that go on: counted in samples, or held since a sample was taken."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How many samples in a row said the same, since when; `last_s` is the newest one."""

    count: int = 0
    first_s: float = 0.0
    last_s: float | None = None


def counted(run: Run, taken_s: float, hit: bool, enough: int) -> Run:
    """The run after one more sample; with the same again, as it was.

    The count ends at `enough`, so that a run that goes on for hours stays the same.
    """
    if not hit:
        return Run(last_s=taken_s)
    if taken_s == run.last_s:
        return run
    first_s = run.first_s if run.count else taken_s
    return Run(count=min(run.count + 1, enough), first_s=first_s, last_s=taken_s)


def held(since_s: float | None, hit: bool, taken_s: float) -> float | None:
    """Since when a condition has held; `None` when it does not, or cannot be seen."""
    if not hit:
        return None
    return taken_s if since_s is None else since_s


def lasted(since_s: float | None, for_s: float, now_s: float) -> bool:
    """Whether what has held since then has done so for this long."""
    return since_s is not None and now_s >= since_s + for_s
