"""Root cause first: many symptoms, one fault to name. Changes what is shown, never what is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from laddvakt_agent.core.inputs import DeviceHealth, Role
from laddvakt_agent.core.model import ActiveFault

# What each cause explains about the same subject.
_EXPLAINS: Mapping[str, frozenset[str]] = {
    "power_lost": frozenset({"phase_lost", "contactor_did_not_close", "contactor_opened_alone"}),
    "phase_lost": frozenset({"contactor_did_not_close", "contactor_opened_alone"}),
    "over_current_gross": frozenset({"over_current"}),
    "board_error": frozenset({"limit_not_obeyed"}),
}
# What a cause about the whole station explains on every connector.
_EXPLAINS_ALL: Mapping[str, frozenset[str]] = {
    # The loop often cuts the coil as well: the mirror contact then opens by itself.
    "emergency_stop": frozenset({"contactor_did_not_close", "contactor_opened_alone"}),
}
_SILENT = frozenset({"device_lost", "meter_lost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One fault to name, with the faults it explains."""

    fault: ActiveFault
    symptoms: tuple[ActiveFault, ...] = ()


def causes(faults: Sequence[ActiveFault], devices: Sequence[DeviceHealth]) -> tuple[Cause, ...]:
    """Every fault once: as a cause, or as a symptom of the first cause that explains it.

    `devices` says which device sits on which line. Order of raising is kept.
    """
    explained_by = {
        id(symptom): cause
        for symptom in faults
        for cause in reversed(faults)
        if cause is not symptom and _explains(cause, symptom, devices)
    }
    return tuple(
        Cause(
            fault=cause,
            symptoms=tuple(s for s in faults if _root(s, explained_by) is cause and s is not cause),
        )
        for cause in faults
        if id(cause) not in explained_by
    )


def _root(fault: ActiveFault, explained_by: Mapping[int, ActiveFault]) -> ActiveFault:
    while id(fault) in explained_by:  # causes rank strictly above symptoms, so this ends
        fault = explained_by[id(fault)]
    return fault


def _explains(cause: ActiveFault, symptom: ActiveFault, devices: Sequence[DeviceHealth]) -> bool:
    same = cause.subject == symptom.subject
    if symptom.code in _EXPLAINS_ALL.get(cause.code, frozenset()):
        return True
    if same and symptom.code in _EXPLAINS.get(cause.code, frozenset()):
        return True
    return symptom.code in _SILENT and _silences(cause, symptom, devices)


def _silences(cause: ActiveFault, symptom: ActiveFault, devices: Sequence[DeviceHealth]) -> bool:
    if cause.code == "bus_down":
        return any(d.name == symptom.subject and d.line == cause.subject for d in devices)
    if symptom.code != "meter_lost":
        return False
    if cause.code == "power_lost":
        # Nothing here says whose meter it is: only a station's single meter is beyond doubt.
        return {d.name for d in devices if d.role is Role.METER} == {symptom.subject}
    return cause.code == "device_lost" and cause.subject == symptom.subject
