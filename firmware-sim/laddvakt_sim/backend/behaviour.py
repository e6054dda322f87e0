"""How the receiver misbehaves on purpose, for all modules or for one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from laddvakt_sim.backend.modes import Mode
from laddvakt_sim.backend.storage import MODULES

if TYPE_CHECKING:
    from laddvakt_sim.backend.validate import Json


__all__ = ["Behaviour", "BehaviourError", "Mode", "Rule"]

# Nothing can be told any more when these fail, so they do so only when they are named.
FIRST = ("versions", "credentials")
FAULTY_MODULES = (*MODULES, "tariffs", "tokens", "commands", "chargingprofiles", *FIRST)


class BehaviourError(Exception):
    """The wish is not understood; the message names what is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A mode in force; `count` None: until changed, otherwise for that many requests."""

    mode: Mode
    count: int | None = None
    retry_after_s: int | None = None


class Behaviour:
    """The rules in force, the one of a module before the one of all."""

    def __init__(self) -> None:
        self._rules: dict[str | None, Rule] = {}

    def set(self, request: Json) -> None:
        """Take `{"mode", "module"?, "count"?, "retry_after_s"?}`.

        Raises:
            BehaviourError: not such an object.
        """
        if not isinstance(request, dict):
            raise BehaviourError('an object such as {"mode": "ok"} is required')
        modes = [mode.value for mode in Mode]
        if request.get("mode") not in modes:
            raise BehaviourError(f"mode: one of {', '.join(modes)} is required")
        module = request.get("module")
        if module is not None and module not in FAULTY_MODULES:
            raise BehaviourError(f"module: one of {', '.join(FAULTY_MODULES)} is allowed")
        rule = Rule(
            mode=Mode(request["mode"]),
            count=_positive(request, "count"),
            retry_after_s=_positive(request, "retry_after_s"),
        )
        if module is None:
            self._rules.clear()
        self._rules[None if module is None else str(module)] = rule

    def next(self, module: str, *, moved: bool = False) -> Rule:
        """The rule for this request; a counted rule is used up by it.

        One that followed a redirect (`moved`) has had its trouble and is carried out.
        """
        if moved:
            return Rule(mode=Mode.OK)
        key = module if module in self._rules else None
        if module not in FAULTY_MODULES or (key is None and module in FIRST):
            return Rule(mode=Mode.OK)
        rule = self._rules.get(key)
        if rule is None:
            return Rule(mode=Mode.OK)
        if rule.count is not None:
            if rule.count == 1:
                del self._rules[key]
            else:
                self._rules[key] = replace(rule, count=rule.count - 1)
        return rule


def _positive(request: dict[str, Json], name: str) -> int | None:
    value = request.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise BehaviourError(f"{name}: a whole number of 1 or more is required")
    return value
