"""An EVSE tells only what its platform could really use."""

from __future__ import annotations

import pytest

from laddvakt_agent.capabilities import ordered
from laddvakt_agent.config import ConnectorConfig, UplinkConfig
from laddvakt_agent.config.settings import OutputConfig

LOCK = OutputConfig(device="relay1", coil=2)


@pytest.mark.parametrize(
    ("mode", "modules", "lock", "told"),
    [
        pytest.param("device", None, LOCK, set(), id="nobody can reach us"),
        pytest.param(
            "platform", None, None,
            {"CHARGING_PROFILE_CAPABLE", "REMOTE_START_STOP_CAPABLE", "RESERVABLE"},
            id="a fixed cable",
        ),
        pytest.param(
            "platform", ("commands",), LOCK,
            {"REMOTE_START_STOP_CAPABLE", "RESERVABLE", "UNLOCK_CAPABLE"},
            id="a socket, no profiles agreed",
        ),
        pytest.param(
            "platform", ("chargingprofiles",), LOCK, {"CHARGING_PROFILE_CAPABLE"},
            id="no commands agreed",
        ),
    ],
)  # fmt: skip
def test_what_is_told(
    mode: str, modules: tuple[str, ...] | None, lock: OutputConfig | None, told: set[str]
) -> None:
    part = ConnectorConfig(
        id="1", evse_uid="E1", evse_id="SE*LAD*E1", board="b", meter="m", max_current_a=16.0,
        lock=lock,
    )  # fmt: skip
    assert set(ordered(part, UplinkConfig(mode=mode, modules=modules))) == told
