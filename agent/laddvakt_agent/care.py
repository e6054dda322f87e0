"""Commands for those who look after a connector: in and out of service, plug, door, self-tests."""

from __future__ import annotations

from laddvakt_agent.core.inputs import SelfTest
from laddvakt_agent.core.model import State
from laddvakt_agent.core.selftest import fitted
from laddvakt_agent.diagnostics.answers import NotPossible
from laddvakt_agent.guard import Guard

VERBS = ("start", "stop", "reset", "out", "in", "unlock", "test", "maintenance", "normal")


def care(guard: Guard, verb: str, body: dict[str, str]) -> str:
    """Carry out one of them; a sentence about what was done.

    Raises:
        NotPossible: it does not apply now, or nobody knows the verb.
    """
    name = guard.settings.connector
    match verb:
        case "out" | "in":
            guard.in_service = verb == "in"
            return _come_in(guard) if guard.in_service else _gone_out(guard)
        case "maintenance" | "normal":
            guard.maintenance = verb == "maintenance"
            return f"connector {name}: an open door {_DOOR[guard.maintenance]}"
        case "unlock":
            return _unlock(guard)
        case "test":
            return _test(guard, body.get("only"))
        case _:
            raise NotPossible(f"nobody knows the verb '{verb}'", f"verbs: {', '.join(VERBS)}")


_DOOR = {True: "is no fault until: normal", False: "is a fault again"}


def _unlock(guard: Guard) -> str:
    """Ask for the plug; the lock lets go once nothing is live."""
    name = guard.settings.connector
    if not guard.settings.socket:
        raise NotPossible(
            f"connector {name} has no lock here",
            "a fixed cable needs none; that of a socket is configured as: lock = { device, coil }",
        )
    guard.unlock = True
    return f"connector {name}: the plug is let go once nothing is live; a session ends"


def _test(guard: Guard, only: str | None) -> str:
    """Ask for self-tests; none of them energises anything. `status` tells how they ended."""
    name = guard.settings.connector
    able = {test.value: test for test in fitted(guard.settings)}
    if only is not None and only not in able:
        raise NotPossible(
            f"connector {name} cannot make the test '{only}'", f"it can: {', '.join(able)}"
        )
    wanted = frozenset(able.values()) if only is None else frozenset({able[only]})
    guard.tests_wanted = guard.tests_wanted | wanted
    waits = "" if guard.connector.life.state is State.AVAILABLE else "; they wait until it is idle"
    listed = ", ".join(sorted(test.value for test in wanted))
    takes = ", about a minute" if SelfTest.RESIDUAL in wanted else ""
    return f"connector {name}: testing {listed}{takes}{waits}"


def _come_in(guard: Guard) -> str:
    name = guard.settings.connector
    if guard.durable:
        return f"connector {name} is in service"
    return (
        f"connector {name} stays closed: the ledger cannot be written; "
        "free or remount the disk, then: systemctl restart laddvakt"
    )


def _gone_out(guard: Guard) -> str:
    name = guard.settings.connector
    when = "goes out of service after this session" if guard.keeper.running else "is out of service"
    return f"connector {name} {when}; put it back with: laddvakt connector {name} in"
