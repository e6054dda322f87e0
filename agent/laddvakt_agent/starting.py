"""What makes the start short: lines are read while code is loaded, and nothing is collected."""

from __future__ import annotations

import gc
import importlib

_LOCAL = ("laddvakt_agent.diagnostics.api", "laddvakt_agent.local_routes")
_UPLINK = ("laddvakt_agent.uplink.server.part", "laddvakt_agent.uplinks")


def begin() -> None:
    """Collect no garbage while the agent is put together: there is hardly any."""
    gc.disable()


def load_web(*, uplink: bool) -> None:
    """Load what the local API stands on, and the uplink; in a thread, beside the first rounds.

    It takes longer than everything else at the start, and the lines wait for their replies anyway.
    """
    for name in _LOCAL + (_UPLINK if uplink else ()):
        importlib.import_module(name)


def settled() -> None:
    """What is alive now stays: later collections need not look at it."""
    gc.freeze()
    gc.enable()
