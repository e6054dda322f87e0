"""What is remembered of the contactor: whether it followed, and what still flows through it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from laddvakt_agent.core.detect.measured import Measured, shown_s
from laddvakt_agent.core.faults.catalogue import rule_for
from laddvakt_agent.core.freshness import feedback
from laddvakt_agent.core.inputs import Inputs
from laddvakt_agent.core.life.state import Life
from laddvakt_agent.core.memory.runs import Run, counted
from laddvakt_agent.core.settings import Settings

FLOAT32_STEP = 2.0**-23  # of the value: registers may be no finer than this
_MOVED_STEPS = 2.0
_STOOD_STEPS = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactorMemory:
    """One contactor since its last command."""

    closed: bool = False  # what it was last told …
    commanded_s: float | None = None  # … and when
    left: bool = False  # it was closed before that
    seen_closed: bool = False  # the mirror contact followed the present close command
    opened_s: float | None = None  # … and was first seen open again then
    seen_live: bool = False  # the load side was live since the present close command
    flow: Run = field(default_factory=Run)  # samples with a current, once all that has settled
    carried: bool | None = None  # the current has not paused since it was told to open
    base_wh: float | None = None  # the energy register when that current was first seen …
    base_s: float = 0.0  # … and when that was read


def remember_contactor(
    settings: Settings,
    life: Life,
    before: ContactorMemory,
    inputs: Inputs,
    measured: Measured,
    now_s: float,
) -> ContactorMemory:
    """The memory after this moment's readings."""
    if (before.closed, before.commanded_s) != (life.closed, life.commanded_since_s):
        before = ContactorMemory(
            closed=life.closed,
            commanded_s=life.commanded_since_s,
            left=before.closed and not life.closed,
        )
    seen_closed, opened_s = _mirror(settings, life, before, inputs, now_s)
    if before.opened_s is None and opened_s is not None:
        before = replace(before, flow=Run())  # what flowed until then says nothing of it
    flow, carried = _flow(settings, life, before, measured, opened_s)
    base_wh, base_s = before.base_wh, before.base_s
    if flow.count == 0:
        base_wh = None
    elif base_wh is None and measured.energy_wh is not None:
        base_wh, base_s = measured.energy_wh, energy_s(inputs, now_s)
    return ContactorMemory(
        closed=before.closed,
        commanded_s=before.commanded_s,
        left=before.left,
        seen_closed=seen_closed,
        opened_s=opened_s,
        seen_live=before.seen_live or _live(settings, life, inputs, measured),
        flow=flow,
        carried=carried,
        base_wh=base_wh,
        base_s=base_s,
    )


def weld_wait_s(settings: Settings) -> float:
    """How long after opening a current starts to witness a weld."""
    wait_s = rule_for(settings.rules, "contactor_disputed").values["wait_s"]
    return max(wait_s, settings.meter_settle_s + 2.0 * settings.meter_update_s)


def register_step_wh(settings: Settings, energy_wh: float) -> float:
    """The smallest change the energy register can show at this value."""
    return max(settings.meter_resolution_wh, abs(energy_wh) * FLOAT32_STEP)


def energy_s(inputs: Inputs, now_s: float) -> float:
    """When the energy register was read; now where it was not."""
    return now_s if inputs.energy_wh is None else min(inputs.energy_wh.taken_s, now_s)


def register_moved(
    settings: Settings, memory: ContactorMemory, inputs: Inputs, measured: Measured, now_s: float
) -> bool | None:
    """Whether the energy register agrees with the current; `None` while it cannot tell yet."""
    energy_wh, base_wh = measured.energy_wh, memory.base_wh
    if energy_wh is None or base_wh is None:
        return None
    step_wh, more_wh = register_step_wh(settings, base_wh), energy_wh - base_wh
    if more_wh >= _MOVED_STEPS * step_wh:
        return True
    hours = (energy_s(inputs, now_s) - memory.base_s) / 3600.0
    due_wh = max(measured.amps_a, default=0.0) * settings.nominal_voltage_v * hours
    return False if due_wh >= _STOOD_STEPS * step_wh and more_wh < step_wh else None


def _mirror(
    settings: Settings, life: Life, before: ContactorMemory, inputs: Inputs, now_s: float
) -> tuple[bool, float | None]:
    if not life.closed:
        return False, None
    closed, sample = feedback(settings, inputs, now_s), inputs.feedback_closed
    if closed is None or sample is None or sample.taken_s < life.commanded_since_s:
        return before.seen_closed, before.opened_s
    if closed:
        return True, None
    opened_s = sample.taken_s if before.opened_s is None else before.opened_s
    return before.seen_closed, opened_s


def _live(settings: Settings, life: Life, inputs: Inputs, measured: Measured) -> bool:
    sample = inputs.voltage_v
    if not (life.closed and settings.voltage_load_side and measured.volts_v and sample):
        return False
    share = rule_for(settings.rules, "contactor_did_not_close").values["live_share"]
    settled = sample.taken_s >= life.commanded_since_s + shown_s(settings)
    return settled and max(measured.volts_v) > share * settings.nominal_voltage_v


def _flow(
    settings: Settings,
    life: Life,
    before: ContactorMemory,
    measured: Measured,
    opened_s: float | None,
) -> tuple[Run, bool | None]:
    """A meter that measures others too is no witness."""
    if not measured.amps_a or not settings.meter_exclusive:
        return before.flow, before.carried
    taken_s = measured.amps_s
    values = rule_for(settings.rules, "contactor_disputed").values
    flows = max(measured.amps_a) > values["current_a"]
    carried = before.carried
    if before.left and taken_s >= life.commanded_since_s + settings.meter_settle_s:
        carried = flows and carried is not False
    wait_s = settings.meter_settle_s if life.closed else weld_wait_s(settings)
    since_s = life.commanded_since_s + wait_s
    if opened_s is not None:
        since_s = max(since_s, opened_s + shown_s(settings))
    if taken_s < since_s:
        return before.flow, carried
    return counted(before.flow, taken_s, flows, int(values["samples_count"])), carried
