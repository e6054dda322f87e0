"""What is remembered of the equipment beside contactor and meter, in one record."""

from __future__ import annotations

from dataclasses import dataclass, field

from laddvakt_agent.core.inputs import Inputs
from laddvakt_agent.core.life.state import Life
from laddvakt_agent.core.memory.board import BoardMemory, remember_board
from laddvakt_agent.core.memory.heat import HeatMemory, remember_heat
from laddvakt_agent.core.memory.service import ServiceMemory, remember_service
from laddvakt_agent.core.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class GearMemory:
    """One connector's equipment memory."""

    heat: HeatMemory = field(default_factory=HeatMemory)
    board: BoardMemory = field(default_factory=BoardMemory)
    service: ServiceMemory = field(default_factory=ServiceMemory)


def gear_at_start(now_s: float, *, session_found: bool) -> GearMemory:
    """Nothing yet, but whether the start found a session open."""
    return GearMemory(service=ServiceMemory(recovered_s=now_s if session_found else None))


def remember_gear(
    settings: Settings, life: Life, before: GearMemory, inputs: Inputs, now_s: float
) -> GearMemory:
    """The memory after this moment's readings; the same object when nothing is new."""
    heat = remember_heat(settings, before.heat, inputs, now_s)
    board = remember_board(settings, life, before.board, inputs, now_s)
    service = remember_service(settings, before.service, inputs, now_s)
    if heat is before.heat and board is before.board and service is before.service:
        return before
    return GearMemory(heat=heat, board=board, service=service)
