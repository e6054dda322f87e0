"""What people may ask of the running agent, and what it answers when it cannot be done."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from laddvakt_agent.care import care
from laddvakt_agent.config import Config
from laddvakt_agent.core import machine
from laddvakt_agent.core.inputs import Pilot, Reset
from laddvakt_agent.core.recover.tracks import Phase, Track
from laddvakt_agent.diagnostics.answers import Forbidden, JsonObject, NotPossible
from laddvakt_agent.explained import explained
from laddvakt_agent.guard import Guard
from laddvakt_agent.journal import Journal
from laddvakt_agent.permits import obstacle, refusal_remedy, said
from laddvakt_agent.remedy import RESET_FOR, remedy, reset_command
from laddvakt_agent.snapshot import Publisher
from laddvakt_agent.supervisor import Supervisor
from laddvakt_agent.texts import text_for
from laddvakt_agent.uplink.tokens.authorising import Outcome
from laddvakt_agent.uplink.tokens.deciding import Why

RESETS = {"manual": Reset.MANUAL, "local": Reset.LOCAL, "service": Reset.SERVICE}

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class Commands:
    """Answers the local API."""

    config: Config
    supervisor: Supervisor
    publisher: Publisher
    journal: Journal
    uplink_health: Callable[[], JsonObject | None]

    def status(self) -> JsonObject:
        """Everything about the station now."""
        return self.publisher.status(
            ready=self.supervisor.ready.is_set(), uplink=self.uplink_health()
        )

    def faults(self) -> list[JsonObject]:
        """Standing faults and the latest cleared ones."""
        return self.publisher.faults()

    def explain(self) -> list[JsonObject]:
        """Why each connector does or does not charge, and why with this current."""
        wall, now_s = self.supervisor.wall, self.supervisor.clock()
        return [explained(guard, wall, now_s) for guard in self.supervisor.guards.values()]

    async def written(self) -> None:
        """Wait until what a command changed is on the disk, but not for a disk that hangs."""
        await self.journal.flushed()

    async def order(
        self, connector: str, verb: str, body: dict[str, str], *, uid: int, privileged: bool
    ) -> str:
        """As `command`, after the platforms were asked for a token where that is needed.

        Raises:
            NotPossible: it does not apply now.
            Forbidden: the caller may not ask it.
        """
        guard, token = self.supervisor.guards.get(connector), body.get("token")
        permit = None
        if verb == "start" and guard is not None and token is not None:
            with contextlib.suppress(NotPossible):  # said below; nobody is asked in vain
                _refuse_start(guard)
                visits = guard.visits
                permit = await self.supervisor.permits.asked(token, [guard])
                if guard.visits != visits:  # for the one that is there now nobody was asked
                    permit = permit.refused(Why.GONE)
        return self.command(connector, verb, body, uid=uid, privileged=privileged, permit=permit)

    def command(
        self,
        connector: str,
        verb: str,
        body: dict[str, str],
        *,
        uid: int,
        privileged: bool,
        permit: Outcome | None = None,
    ) -> str:
        """Do something with a connector; a sentence about what was done.

        Raises:
            NotPossible: it does not apply now.
            Forbidden: the caller may not ask it.
        """
        guard = self.supervisor.guards.get(connector)
        if guard is None:
            known = ", ".join(self.supervisor.guards)
            raise NotPossible(f"there is no connector {connector}", f"connectors here: {known}")
        outcome = told = "refused"
        try:
            if verb == "start":
                message = self._start(guard, body.get("token"), permit)
            else:
                message = self._carry_out(guard, verb, body, privileged=privileged)
            outcome = told = "done"
        except Forbidden:
            told = "forbidden"
            raise
        finally:
            self.supervisor.notes.command(
                uid=uid, verb=verb, connector=connector, by=body.get("by", ""), outcome=told
            )
            self.journal.command(
                who=f"uid {uid}",
                verb=verb,
                connector=connector,
                detail=body.get("by", ""),
                outcome=outcome,
            )
        log.info("command_done", connector=connector, verb=verb, uid=uid)
        self.supervisor.step(guard)
        self.publisher.statuses.follow(guard, self.supervisor.clock())
        return message

    def _carry_out(self, guard: Guard, verb: str, body: dict[str, str], *, privileged: bool) -> str:
        name = guard.settings.connector
        match verb:
            case "stop":
                if not guard.charging_wanted:
                    raise NotPossible(
                        f"connector {name} has no session to stop", "see: laddvakt status"
                    )
                guard.stop()
                return f"connector {name}: stopping; the contactor opens within 6 s"
            case "reset":
                return self._reset(guard, body.get("by", "manual"), privileged=privileged)
            case _:
                return care(guard, verb, body)

    def _start(self, guard: Guard, token_uid: str | None, permit: Outcome | None) -> str:
        _refuse_start(guard)
        name = guard.settings.connector
        if token_uid is None:
            if guard.free_token is None:
                raise NotPossible("this charger wants a token", "add --token UID")
            if guard.kept_from(guard.free_token):
                raise _kept(name)
            guard.start(guard.free_token, "WHITELIST")
            return f"connector {name}: authorised; it closes when the vehicle asks"
        permits = self.supervisor.permits
        told = permits.note(guard, token_uid, permit or permits.authoriser.here(token_uid))
        if not told.allowed:
            what = f"that token may not charge here: {said(told)}"
            raise NotPossible(f"{what}{_quoted(told)}", refusal_remedy(told))
        if not permits.let_in(guard, told):
            raise _kept(name)
        return f"connector {name}: authorised, {said(told)}; it closes when the vehicle asks"

    def _reset(self, guard: Guard, by: str, *, privileged: bool) -> str:
        if by not in RESETS:
            raise NotPossible(f"nobody knows a reset by '{by}'", f"by: {', '.join(RESETS)}")
        reset = RESETS[by]
        if reset is Reset.SERVICE and not privileged:
            raise Forbidden("a service reset needs root", "use sudo, after repair and test")
        _refuse_idle_reset(guard, reset, self.supervisor.clock())
        guard.resets = guard.resets | {reset}
        return (
            f"connector {guard.settings.connector}: {by} reset given; "
            "a fault leaves once its condition has been gone for its clear time"
        )


def _quoted(told: Outcome) -> str:
    """What its platform tells the driver."""
    return f' ("{told.info}")' if told.info else ""


def _refuse_start(guard: Guard) -> None:
    """Say why no session could begin, whoever wants one.

    Raises:
        NotPossible: it could not.
    """
    name = guard.settings.connector
    if guard.charging_wanted and guard.keeper.running is not None:
        raise NotPossible(
            f"connector {name} has a session already",
            f"stop it first: laddvakt connector {name} stop",
        )
    if (hindered := obstacle(guard)) is not None:
        raise NotPossible(*hindered)
    pilot = guard.inputs.pilot
    if pilot is None or pilot.value is Pilot.A:
        raise NotPossible(f"no vehicle at connector {name}", "plug it in, then start")


def _kept(name: str) -> NotPossible:
    return NotPossible(
        f"connector {name} is reserved for somebody else",
        "use the customer's own token, or another connector",
    )


def _refuse_idle_reset(guard: Guard, reset: Reset, now_s: float) -> None:
    """Say why this reset would change nothing: a reset the next step forgets must not seem given.

    Raises:
        NotPossible: no fault stands that it lifts, or the condition of each still holds.
    """
    name = guard.settings.connector
    standing = [track for track in guard.connector.tracks if track.standing]
    if not standing:
        raise NotPossible(f"connector {name} has no fault to reset", "see: laddvakt status")
    needing = [track for track in standing if track.needs in RESET_FOR]
    lifted = [track for track in needing if RESET_FOR[track.needs].value <= reset.value]
    if any(track.phase is Phase.CLEARING for track in lifted) or _moves(guard, reset, now_s):
        return
    if not needing:
        codes = ", ".join(track.rule.code for track in standing)
        raise NotPossible(
            f"no reset lifts {codes}: it ends by itself once its condition is gone",
            "see: laddvakt faults",
        )
    if not lifted:
        least = min(needing, key=lambda track: RESET_FOR[track.needs].value)
        raise NotPossible(
            f"a {reset.name.lower()} reset does not lift {least.rule.code}",
            remedy(least.needs, (name,)),
        )
    first = lifted[0]
    seen = first.evidence or text_for(first.rule.code, "en").title
    raise NotPossible(
        f"{first.rule.code} is not gone yet: {seen}",
        f"mend that first; then: {reset_command(name, reset)}",
    )


def _moves(guard: Guard, reset: Reset, now_s: float) -> bool:
    """Whether the core would do anything with it: asked by a step that is thrown away."""

    def tracks(resets: frozenset[Reset]) -> tuple[Track, ...]:
        inputs = replace(guard.inputs, resets=resets)
        return machine.step(guard.settings, guard.connector, inputs, now_s)[0].tracks

    return tracks(frozenset({reset})) != tracks(frozenset())
