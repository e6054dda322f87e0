"""What a pilot board that errs, restarts, disobeys or acts by itself looks like."""

from __future__ import annotations

from collections.abc import Iterator

from laddvakt_agent.core.detect.reported import REPORTS
from laddvakt_agent.core.detect.words import values
from laddvakt_agent.core.faults.rules import Act
from laddvakt_agent.core.freshness import fresh, number
from laddvakt_agent.core.memory.board import contacts
from laddvakt_agent.core.recover.tracks import Finding
from laddvakt_agent.core.scene import AWAY, UNKNOWN, Detector, Scene, found, of_connector

_RECLOSES = Finding(
    present=True, evidence="its profile: the board may close by itself, and that cannot be stopped"
)


def board_error(s: Scene) -> Finding:
    """Any error the board reports, with the raw names; or the contacts it left closed at C → B."""
    if _left_closed(s):
        wait_s = values(s, "board_error")["open_check_s"]
        return found(True, f"contactor still closed {wait_s:g} s after the vehicle let go")
    if s.inputs.board_errors is None:
        return UNKNOWN if s.memory.tells_errors else AWAY  # a board that reports none
    errors = fresh(s.inputs.board_errors, s.settings.sample_max_age_s, s.now_s)
    if errors is None:
        return UNKNOWN
    unnamed = [word for word in errors if word not in REPORTS]  # the others are faults of their own
    return found(True, f"board reports {', '.join(unnamed)}") if unnamed else AWAY


def board_recloses(s: Scene) -> Finding:
    """The contacts were open as told, and closed again untold; or the profile says they may."""
    if s.settings.board_recloses:
        return _RECLOSES
    if s.memory.gear.board.reclosed:
        return found(True, "the contactor was open and closed again without a command")
    if s.life.closed:
        return AWAY
    return UNKNOWN if contacts(s.settings, s.life, s.inputs, s.now_s) is None else AWAY


def board_restarted(s: Scene) -> Finding:
    """A counter went back, and the board is not led again yet."""
    board = s.memory.gear.board
    if board.restarted_s is not None:
        return found(True, _counters(s))
    age_s = s.settings.slow_max_age_s
    boots = fresh(s.inputs.board_boots, age_s, s.now_s)
    uptime_s = number(fresh(s.inputs.board_uptime_s, age_s, s.now_s))
    return UNKNOWN if boots is None and uptime_s is None else AWAY


def board_mismatch(s: Scene) -> Finding:
    """A device is not the one that was configured: its registers may mean something else."""
    wrong = [f"{device.name}: {device.mismatch}" for device in s.inputs.devices if device.mismatch]
    if wrong:
        return found(True, ", ".join(dict.fromkeys(wrong)))
    heard = s.inputs.devices and all(device.heard_s is not None for device in s.inputs.devices)
    return AWAY if heard else UNKNOWN


def unguarded_board(s: Scene) -> Finding:
    """No watchdog and no dead-man opens the contactor if the agent dies."""
    if s.inputs.pilot is None:
        return UNKNOWN  # the board was never heard, so nothing could be armed yet
    if s.inputs.guarded:
        return AWAY
    act = Act.FINISH if s.settings.unattended_current_a is None else Act.DERATE
    return Finding(present=True, act=act, evidence="no watchdog armed, no dead-man output")


def limit_not_obeyed(s: Scene) -> Finding:
    """The board still offers more than it was told, after the time it needs to apply it."""
    sample, due_s = s.inputs.limit_readback_a, s.life.limit_changed_s + s.settings.board_apply_s
    if s.now_s < due_s or not s.memory.tells_limit:
        return AWAY  # not due yet, or a write-only board
    limit_a = number(fresh(sample, s.settings.sample_max_age_s, s.now_s))
    if sample is None or limit_a is None or sample.taken_s < due_s:
        return UNKNOWN
    if limit_a <= s.life.limit_a + s.settings.limit_resolution_a:
        return AWAY
    return found(True, f"board offers {limit_a:g} A, told {s.life.limit_a:g} A")


def _left_closed(s: Scene) -> bool:
    """IEC 61851-1 Table A.6: at C → B the board opens within 100 ms, whoever drives the coil."""
    let_go_s, sample = s.memory.gear.board.let_go_s, s.inputs.feedback_closed
    if let_go_s is None or s.life.closed or sample is None or not s.settings.has_feedback:
        return False
    since_s = max(let_go_s, s.life.commanded_since_s)
    if sample.taken_s < since_s + values(s, "board_error")["open_check_s"]:
        return False
    return fresh(sample, s.settings.sample_max_age_s, s.now_s) is True


def _counters(s: Scene) -> str:
    board, said = s.memory.gear.board, []
    if board.uptime_s is not None:
        said.append(f"uptime {board.uptime_s:g} s")
    if board.boots is not None:
        said.append(f"{board.boots} starts")
    return f"the board has started anew: {', '.join(said)}"


def _limit_due_s(s: Scene) -> Iterator[float]:
    yield s.life.limit_changed_s + s.settings.board_apply_s


def _rearm_due_s(s: Scene) -> Iterator[float]:
    restarted_s = s.memory.gear.board.restarted_s
    if restarted_s is not None:
        yield restarted_s + values(s, "board_restarted")["rearm_s"]


DETECTORS: tuple[Detector, ...] = (
    Detector(
        code="board_error",
        subject=of_connector,
        needs=("board_errors", "pilot", "feedback_closed"),
        look=board_error,
    ),
    Detector(
        code="board_recloses",
        subject=of_connector,
        needs=("feedback_closed", "voltage_v"),
        look=board_recloses,
        fitted=lambda settings: (
            settings.has_feedback or settings.voltage_load_side or settings.board_recloses
        ),
    ),
    Detector(
        code="board_restarted",
        subject=of_connector,
        needs=("board_boots", "board_uptime_s", "guarded"),
        look=board_restarted,
        due_s=_rearm_due_s,
        any_needed=True,
    ),
    Detector(code="board_mismatch", subject=of_connector, needs=("devices",), look=board_mismatch),
    Detector(
        code="unguarded_board",
        subject=of_connector,
        needs=("pilot", "guarded"),
        look=unguarded_board,
    ),
    Detector(
        code="limit_not_obeyed",
        subject=of_connector,
        needs=("limit_readback_a",),
        look=limit_not_obeyed,
        due_s=_limit_due_s,
    ),
)
