"""Why is it not charging? Why this current? As chains of reasons, each with since-when.

Pure, and made from what decided: the same life, readings, constraints and faults. A chain goes from
what is seen to what lies behind it, and says what would change it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from laddvakt_agent.core import freshness
from laddvakt_agent.core.explain_why import why
from laddvakt_agent.core.explain_words import Case, Link, behind, drawn
from laddvakt_agent.core.inputs import Inputs
from laddvakt_agent.core.life import Power
from laddvakt_agent.core.limits import lowest
from laddvakt_agent.core.machine import Connector
from laddvakt_agent.core.settings import Settings

__all__ = ["Explanation", "Link", "explain"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Both answers about one connector. `charging` True: the first answer says that it does."""

    connector: str
    charging: bool
    why: tuple[Link, ...]
    current: tuple[Link, ...]


def explain(settings: Settings, connector: Connector, inputs: Inputs, now_s: float) -> Explanation:
    """Both chains, for this moment."""
    view = freshness.see(settings, connector.life, inputs, now_s)
    case = Case(settings, connector, inputs, view, now_s)
    charging = connector.life.power is Power.CLOSED
    return Explanation(
        connector=settings.connector,
        charging=charging,
        why=tuple(why(case)),
        current=tuple(_current(case)),
    )


def _current(case: Case) -> Iterator[Link]:
    """What decides the offer first, then the others in their order, then what the vehicle does."""
    life = case.life
    deciding = lowest(life.limits)
    if life.limit_a > 0.0:
        yield Link(what=f"{life.limit_a:g} A are offered", since_s=life.limit_changed_s)
    else:
        yield Link(what="nothing is offered", since_s=life.limit_changed_s)
    for constraint in life.limits:
        mark = "decides" if constraint is deciding else "would allow more"
        yield Link(
            what=f"{constraint.name}: {constraint.limit_a:g} A ({constraint.detail}), {mark}",
            since_s=constraint.since_s,
            change="a higher value of it" if constraint is deciding else "",
        )
        if constraint is deciding:
            yield from behind(case, constraint.detail)
    yield from drawn(case)
