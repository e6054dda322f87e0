"""What every detector may look at, and the words it answers with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from laddvakt_agent.core.life import Life
from laddvakt_agent.core.memory import Memory
from laddvakt_agent.core.model import Inputs, Settings
from laddvakt_agent.core.tracks import Finding

AWAY = Finding(present=False)
UNKNOWN = Finding(present=None)
UNWATCHED = Finding(present=None, watched=False)

Found: TypeAlias = tuple[str, str, Finding]  # code, subject, finding


@dataclass(frozen=True, slots=True)
class Scene:
    """All a detector may look at."""

    settings: Settings
    life: Life
    memory: Memory
    inputs: Inputs
    now_s: float


def found(present: bool | None, evidence: str) -> Finding:
    """What was seen, with one line of evidence."""
    return Finding(present=present, evidence=evidence)


def settling(s: Scene, settle_s: float) -> bool:
    """The last contactor command has not had this long to act."""
    return s.now_s < s.life.commanded_since_s + settle_s
