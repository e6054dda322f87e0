"""Why is it not charging? Why this current? As chains of reasons, each with since-when.

Pure, and made from what decided: the same life, readings, constraints and faults. A chain goes from
what is seen to what lies behind it, and says what would change it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from laddvakt_agent.core import freshness
from laddvakt_agent.core.explain.why import why
from laddvakt_agent.core.explain.words import Case, Link, behind, drawn
from laddvakt_agent.core.inputs import Inputs
from laddvakt_agent.core.life import limits
from laddvakt_agent.core.life.limits import ceiling_a, lowest
from laddvakt_agent.core.life.state import Life, Power
from laddvakt_agent.core.machine import Connector
from laddvakt_agent.core.model import State
from laddvakt_agent.core.settings import Settings

__all__ = ["Explanation", "Link", "explain"]


_HIGHER = {  # what raises a limit, by its name
    limits.CABLE: "a cable for more current",
    limits.HARDWARE: "max_current_a in the configuration, as far as wiring and fuses are built for",
    limits.TEMPERATURE: "a cooler charger",
    limits.PROFILE: "a charging profile that allows more",
    limits.LOAD: "less load elsewhere on the site",
    limits.FAULT: "the end of the fault",
    limits.UNATTENDED: "a board that opens by itself when the agent dies",
    limits.SAFE: "load management that says how much is free",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Both answers about one connector. `charging` True: the first answer says that it does."""

    connector: str
    charging: bool
    why: tuple[Link, ...]
    current: tuple[Link, ...]


def explain(
    settings: Settings,
    connector: Connector,
    inputs: Inputs,
    now_s: float,
    *,
    shell: Link | None = None,
) -> Explanation:
    """Both chains, for this moment.

    `shell` is told where a card or a command could be missing: what the agent itself waits for.
    """
    view = freshness.see(settings, connector.life, inputs, now_s)
    case = Case(settings, connector, inputs, view, now_s, shell)
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
    deciding, deciding_a = lowest(life.limits), ceiling_a(life.limits)
    offered = life.limit_a > 0.0
    what = f"{life.limit_a:g} A are offered" if offered else f"nothing is offered{_unwanted(life)}"
    yield Link(what=what, since_s=life.limit_changed_s)
    for constraint in life.limits:
        mark = "decides" if offered else "would decide"
        if constraint is not deciding:
            mark = (
                "would allow more" if constraint.limit_a > deciding_a else "allows no more either"
            )
        yield Link(
            what=f"{constraint.name}: {constraint.limit_a:g} A ({constraint.detail}), {mark}",
            since_s=constraint.since_s,
            change=_HIGHER[constraint.name] if constraint is deciding else "",
        )
        if constraint is deciding:
            yield from behind(case, constraint.detail)
    yield from drawn(case)


def _unwanted(life: Life) -> str:
    """Why not even the least is offered, where it is not for a limit."""
    if life.state is State.FAULTED:
        return ": a fault stands"
    return "" if life.session else ": no session asks for it"
