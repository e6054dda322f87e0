"""The core's settings for each connector, from the configuration and the devices' profiles."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace

from laddvakt_agent.config import Config, ConnectorConfig
from laddvakt_agent.core.faults.catalogue import FaultRule
from laddvakt_agent.core.settings import Settings, Supply
from laddvakt_agent.inputs import Roles

METER_MISSES = 3.0  # a meter value older than this many periods is not judged
MIN_METER_AGE_S = 3.0
PHASE_MAPS = {  # the site's phase behind each of the connector's
    "L1": (1,),
    "L2": (2,),
    "L3": (3,),
    "L1L2L3": (1, 2, 3),
    "L2L3L1": (2, 3, 1),
    "L3L1L2": (3, 1, 2),
}


def settings_of(
    config: Config,
    part: ConnectorConfig,
    roles: Roles,
    rules: Mapping[str, FaultRule],
    *,
    unclean_stop: bool = False,
) -> Settings:
    """What is fixed for one connector: the configuration, and what its devices' profiles say."""
    meter, board = roles.meter, roles.board
    return replace(
        _installed(config, part, rules),
        fitted=roles.fitted(),
        voltage_load_side=meter.load_side,
        meter_name=meter.name,
        meter_update_s=meter.update_s,
        meter_latency_s=meter.latency_s,
        meter_resolution_wh=meter.resolution_wh,
        meter_rollover_wh=meter.rollover_wh,
        meter_three_wire=meter.three_wire,
        board_apply_s=board.apply_s,
        limit_resolution_a=board.limit_resolution_a,
        has_feedback=roles.contactor.has_feedback,
        has_emergency_stop=roles.emergency_stop is not None,
        has_residual_monitor=roles.residual_monitor is not None,
        socket=roles.lock is not None,
        has_phase_switch=roles.phase_switch is not None,
        unclean_stop=unclean_stop,
    )


def _installed(config: Config, part: ConnectorConfig, rules: Mapping[str, FaultRule]) -> Settings:
    """What the configuration says of the installation."""
    return Settings(
        connector=part.id,
        max_current_a=part.max_current_a,
        supply=Supply(config.station.supply),
        phases=part.phases,
        phase_map=PHASE_MAPS[part.phase_map],
        state_f_pulse=False,  # no board we have a profile of can be told to show F
        unlock_on_supply_loss=part.unlock_on_supply_loss,
        neutral_rating_a=part.neutral_rating_a,
        unbalance_limit_a=config.station.unbalance_limit_a,
        site_limit_a=config.station.site_limit_a,
        shed_order=config.connector.index(part),
        safe_current_a=part.safe_current_a,
        nominal_voltage_v=part.nominal_voltage_v,
        has_residual_test=part.residual_test is not None,
        state_d_allowed=part.state_d_allowed,
        unattended_current_a=part.unattended_current_a,
        meter_behind_contactor=part.meter_behind_contactor,
        billed=config.station.authorisation != "free",
        signed_only=config.station.calibration_law == "eichrecht",
        meter_max_age_s=max(MIN_METER_AGE_S, METER_MISSES * config.agent.energy_period_s),
        spread=_spread(config),
        rules=rules,
    )


def _spread(config: Config) -> float:
    """This station's share of every random delay: the same after each start, another next door."""
    station = config.station
    return random.Random(
        f"{station.country_code}*{station.party_id}*{station.location_id}"
    ).random()
