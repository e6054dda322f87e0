"""What is fixed for one connector while the agent runs."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from laddvakt_agent.core.faults.rules import FaultRule


class Supply(enum.Enum):
    """How the site is fed; decides which voltages may be judged and how."""

    TN_TT_230_400 = "tn-tt-230-400"  # L-N counts
    IT_3X230 = "it-tt-3x230"  # no neutral, L-PE about 133 V is normal, L-L counts
    SINGLE = "1ph"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What is fixed for one connector while the agent runs."""

    connector: str
    max_current_a: float  # hardware and installation limit per phase
    supply: Supply = Supply.TN_TT_230_400
    phases: int = 3  # wired phases: 1 or 3
    phase_map: tuple[int, ...] = (1, 2, 3)  # the site's phase behind each of the connector's
    nominal_voltage_v: float = 230.0  # per measured pair
    fitted: frozenset[str] = frozenset()  # names of optional `Inputs` this hardware gives
    socket: bool = False  # a socket with a lock; else a fixed cable
    has_phase_switch: bool = False  # 1↔3 phases
    state_f_pulse: bool = True  # False: vehicles here latch on F; not compliant, says so
    unlock_on_supply_loss: bool = False  # the hold-up lasts long enough to move the lock
    phase_switch_apart_s: float = 300.0  # poles are switched no oftener
    wake_after_s: float | None = 30.0  # a vehicle that sleeps on its offer is woken; None: never
    neutral_rating_a: float | None = None
    unbalance_limit_a: float | None = None  # national limit of single-phase draw
    site_limit_a: float | None = None  # per phase of the site's supply
    shed_order: int = 0  # an overloaded site stops 0 first, then 1, …
    safe_current_a: float | None = None  # offered when load management does not know
    self_test_period_s: float = 86_400.0
    voltage_load_side: bool = False  # meter sits behind the contactor
    meter_name: str = "meter"
    meter_update_s: float = 1.0
    meter_latency_s: float = 1.0
    meter_resolution_wh: float = 1.0
    meter_rollover_wh: float | None = None  # the import register begins anew here
    meter_three_wire: bool = False  # two-wattmeter method: its power is not the sum of U·I
    meter_behind_contactor: bool = False  # it is dead while the contactor is open
    meter_exclusive: bool = True  # measures nothing but this connector
    signed_only: bool = False  # calibration law: what the meter has not signed is not billed
    export_allowed: bool = False  # the vehicle may feed back
    board_apply_s: float = 10.0
    board_recloses: bool = False  # its profile: it may close by itself, and that stays so
    limit_resolution_a: float = 1.0
    has_feedback: bool = True
    has_emergency_stop: bool = True
    has_residual_monitor: bool = True
    has_residual_test: bool = False  # the monitor can be told to test itself
    residual_reclose: bool = False  # profile `reclose = "us"`
    state_d_allowed: bool = False  # ventilation provided
    unattended_current_a: float | None = None  # for unguarded boards; None: finish
    feedback_settle_s: float = 0.3
    meter_settle_s: float = 3.0
    sample_max_age_s: float = 1.5  # pilot, feedback, emergency stop, residual monitor
    session_hold_s: float = 1800.0  # a faulted session is kept this long
    session_hold_grid_s: float = 3600.0
    meter_max_age_s: float = 3.0  # older meter values are not judged; `meter_lost` follows
    site_max_age_s: float = 10.0  # older values of the site's own meter are not judged
    billed: bool = True  # somebody pays: what cannot be written down is not begun
    unclean_stop: bool = False  # the last run did not end in good order: the supply may have gone
    slow_max_age_s: float = 30.0  # temperatures and board counters: read seldom, change slowly
    reclose_min_s: float = 2.0  # no closing sooner after an opening
    spread: float = 0.0  # the station's own number: seeds its random delays; 0: none are added
    flap_raises: int = 5  # raised so often within `flap_window_s`, a fault flaps
    flap_window_s: float = 600.0  # … and then stands until it was away for as long
    rules: Mapping[str, FaultRule] = field(default_factory=dict)
