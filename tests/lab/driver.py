"""Drives a scenario in virtual time: fine steps while something happens, coarse ones in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from lab.acts import afflict
from lab.agent import Keeper, empty_book
from lab.fitting import DEVICES, settings
from lab.readings import Reader
from lab.wires import Wires
from laddvakt_agent.core import machine
from laddvakt_agent.core.inputs import Reset
from laddvakt_agent.core.recover.tracks import Phase
from laddvakt_agent.core.session import totals
from laddvakt_agent.core.status import ocpi_status
from laddvakt_agent.faultbook import FaultBook
from laddvakt_sim.charger import Charger
from laddvakt_sim.plant.words import GridSpec, Supply
from laddvakt_sim.scenario import ActionError, Observed, Scenario, Seen, SeenOcpi
from laddvakt_sim.scenario.model import (
    Action,
    RestartAgent,
    Service,
    Start,
    Stop,
)
from laddvakt_sim.scenario.model import (
    Reset as ResetAction,
)

FINE_S, HALF_S, STEADY_S, QUIET_S, IDLE_S = 0.25, 0.5, 1.0, 5.0, 15.0
FINE_FOR_S, HALF_FOR_S, STEADY_FOR_S = 2.5, 8.0, 60.0  # since anything happened
DEAD_MAN_S = 2.0
RESETS = {"manual": Reset.MANUAL, "local": Reset.LOCAL, "service": Reset.SERVICE}
TOKEN = "04A1B2C3D4E5F6"  # the card that real runs know


@dataclass(slots=True)
class Lab:
    """One charger and its agent; a `Driver` of scenarios."""

    scenario: Scenario
    charger: Charger
    wires: Wires
    book: FaultBook
    keepers: dict[str, Keeper]
    now_s: float = 0.0
    lively_s: float = 0.0
    steps: int = 0
    away_until_s: float | None = None
    opens_s: float | None = None
    away_s: float = 0.0
    unclean: bool = False
    seen: list[object] = field(default_factory=list)

    @classmethod
    def of(cls, scenario: Scenario) -> Lab:
        """The laboratory for this scenario's charger."""
        spec = scenario.charger
        charger = Charger.plain(
            now_s=0.0,
            seed=scenario.seed,
            connectors=spec.connectors,
            grid=GridSpec(supply=Supply(spec.supply)),
        )
        wires, book = Wires(charger, scenario.seed), empty_book()
        keepers: dict[str, Keeper] = {}
        for name in spec.names:
            fixed = settings(spec, name)
            keepers[name] = Keeper(
                settings=fixed,
                reader=Reader(settings=fixed, charger=charger, wires=wires),
                book=book,
                free=spec.authorisation == "free",
                connector=machine.initial(fixed, (), 0.0),
            )
            for device in DEVICES[name].values():
                owners = book.owners.get(device, frozenset()) | {name}
                book.owners = {**book.owners, device: owners}
        book.evse_uids = {name: f"E{name}" for name in spec.names}
        return cls(scenario, charger, wires, book, keepers)

    def advance(self, to_s: float, see: Callable[[Observed], None]) -> None:
        """Let time pass; every change is seen, and the end."""
        while self.now_s < to_s:
            self.now_s = self._next_s(to_s)
            self.charger.advance(self.now_s)
            if self._round() and self.now_s < to_s:
                see(self.observed())
        see(self.observed())

    def act(self, action: Action) -> str | None:
        """Do something now."""
        self.lively_s = self.now_s
        refusal = None if afflict(self.charger, action, self.now_s) else self._ask(action)
        if self.away_until_s is None:
            self._steps()
        return refusal

    def observed(self) -> Observed:
        """Everything there is to see now."""
        return Observed(
            at_s=self.now_s,
            connectors={name: self._seen(name) for name in self.keepers},
            faults=frozenset(code for code, _ in self.book.entries),
            cause=self.book.first_cause(None),
            ocpi=self._ocpi(),
        )

    def _next_s(self, to_s: float) -> float:
        quiet_for_s = self.now_s - self.lively_s
        dues = [self.away_until_s, self.opens_s, to_s]
        if quiet_for_s < FINE_FOR_S or self.wires.rough:
            stride_s = FINE_S
        elif quiet_for_s < HALF_FOR_S or self._waiting():
            stride_s = HALF_S
        else:
            stride_s = STEADY_S
            if quiet_for_s > STEADY_FOR_S:
                stride_s = IDLE_S if self._idle() else QUIET_S
            # The short strides miss no deadline by more than themselves.
            dues += [keeper.due_s(self.now_s) for keeper in self.keepers.values()]
        ahead = (due_s for due_s in dues if due_s is not None and due_s > self.now_s)
        return min(self.now_s + stride_s, *ahead)

    def _idle(self) -> bool:
        """Nobody is there, and nothing is wrong."""
        return all(
            not keeper.connector.life.plugged
            and not any(track.standing for track in keeper.connector.tracks)
            for keeper in self.keepers.values()
        )

    def _waiting(self) -> bool:
        """Something was seen and is not confirmed yet."""
        return any(
            track.phase is Phase.PENDING
            for keeper in self.keepers.values()
            for track in keeper.connector.tracks
        )

    def _round(self) -> bool:
        """Step everybody; True when something visible changed."""
        if self.opens_s is not None and self.now_s >= self.opens_s:
            self.opens_s = None
            for keeper in self.keepers.values():
                keeper.die()
        if self.away_until_s is not None:
            if self.now_s < self.away_until_s:
                return self._moved()
            self.away_until_s = None
            for keeper in self.keepers.values():
                keeper.start_anew(self.now_s, self.away_s, unclean=self.unclean)
        did = self._steps()
        return self._moved() or did

    def _moved(self) -> bool:
        """Whether the plant has moved since it was looked at last."""
        told = [
            (round(volts / 4.0), round(amps / 2.0))
            for connector in self.charger.connectors.values()
            for volts, amps in zip(connector.voltage_v(), connector.current_a(), strict=True)
        ]
        poles = [(c.pilot(), c.contactor.poles) for c in self.charger.connectors.values()]
        told_now = [*told, *poles, len(self.charger.faults)]
        if told_now == self.seen:
            return False
        self.seen, self.lively_s = told_now, self.now_s
        return True

    def _steps(self) -> bool:
        self.wires.look(self.now_s)
        did = False
        for keeper in self.keepers.values():
            did |= keeper.step(self.now_s)
            self.steps += 1
        if did:
            self.lively_s = self.now_s
        return did

    def _ask(self, action: Action) -> str | None:
        """What the agent is asked."""
        match action:
            case Start(connector=name, token=token):
                if token not in (None, TOKEN):
                    return "that token may not charge here"
                return self.keepers[name].start(self.now_s)
            case Stop(connector=name):
                return self.keepers[name].stop()
            case ResetAction(connector=name, by=by):
                return self.keepers[name].reset(RESETS[by], self.now_s)
            case RestartAgent(away_s=away_s, kill=kill):
                self.away_until_s = self.now_s + max(away_s, FINE_S)
                self.away_s, self.unclean = away_s, kill
                self.opens_s = self.now_s + (DEAD_MAN_S if kill else 0.0)
            case Service(connector=name, available=available):
                self.keepers[name].in_service = available
            case _:
                raise ActionError(f"{action} cannot be done here")
        return None

    def _seen(self, name: str) -> Seen:
        keeper, plant = self.keepers[name], self.charger.connectors[name]
        return Seen(
            status=ocpi_status(keeper.connector, self.now_s).value,
            state=keeper.connector.life.state.value,
            faults=frozenset(entry.fault.code for entry in self.book.of(name)),
            cause=self.book.first_cause(name),
            contactor_closed=plant.contactor.closed,
            limit_a=machine.outputs(keeper.connector).limit_a,
            energy_wh=plant.energy_wh,
            locked=plant.lock.locked if keeper.settings.socket else None,
        )

    def _ocpi(self) -> SeenOcpi:
        bills = [ended for keeper in self.keepers.values() for ended in keeper.billed]
        return SeenOcpi(
            statuses={
                name: ocpi_status(keeper.connector, self.now_s).value
                for name, keeper in self.keepers.items()
            },
            sessions=sum(keeper.sessions for keeper in self.keepers.values()),
            cdrs=len(bills),
            cdr_kwh=sum(totals(ended).energy_wh for ended in bills) / 1000.0,
        )
