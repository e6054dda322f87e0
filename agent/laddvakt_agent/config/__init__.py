"""The configuration file: TOML in, typed settings or every problem at once out."""

from laddvakt_agent.config.load import ConfigError, load, parse
from laddvakt_agent.config.settings import (
    AgentConfig,
    Config,
    ConnectorConfig,
    ContactorConfig,
    DeviceConfig,
    InputConfig,
    LineConfig,
    ReaderConfig,
    ServerConfig,
    StationConfig,
    TariffConfig,
    TokenConfig,
    UplinkConfig,
)

__all__ = [
    "AgentConfig",
    "Config",
    "ConfigError",
    "ConnectorConfig",
    "ContactorConfig",
    "DeviceConfig",
    "InputConfig",
    "LineConfig",
    "ReaderConfig",
    "ServerConfig",
    "StationConfig",
    "TariffConfig",
    "TokenConfig",
    "UplinkConfig",
    "load",
    "parse",
]
