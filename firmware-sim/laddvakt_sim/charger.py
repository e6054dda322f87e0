"""A charger as a plant with injected faults: what a station is without its registers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from laddvakt_sim.fault_kinds import KINDS, Target
from laddvakt_sim.faults import Fault, conditions, parse, site_conditions
from laddvakt_sim.plant.connector import Connector
from laddvakt_sim.plant.meter import Meter
from laddvakt_sim.plant.plain import PlainBoard
from laddvakt_sim.plant.plant import Plant
from laddvakt_sim.plant.words import ClimateSpec, Conditions, GridSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from laddvakt_sim.plant.account import Account
    from laddvakt_sim.plant.connector import PilotBoard, Timed
    from laddvakt_sim.plant.words import VehicleSpec

SITE_SERIAL = 31_000_001


class LockedError(ValueError):
    """The plug is locked: it cannot be pulled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterSpec:
    """A meter as it is built in."""

    update_s: float = 0.5
    start_wh: float = 1_000_000.0
    resolution_wh: float = 1.0
    serial: int = 23_000_001


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlet:
    """What a connector is made of: `coil` tells whether its contactor's coil is fed."""

    board: PilotBoard
    coil: Callable[[], bool]
    meter: MeterSpec = field(default_factory=MeterSpec)


class Charger:
    """Connectors on a site, faults by name. Pure: the caller brings the time."""

    def __init__(
        self,
        *,
        now_s: float,
        seed: int,
        outlets: Mapping[str, Outlet],
        grid: GridSpec | None = None,
        climate: ClimateSpec | None = None,
        also: Sequence[Timed] = (),
    ) -> None:
        self._faults: tuple[Fault, ...] = ()
        self.connectors = {
            name: _connector(name, outlet, now_s, seed + number)
            for number, (name, outlet) in enumerate(outlets.items())
        }
        self.plant = Plant(
            now_s=now_s,
            connectors=self.connectors,
            site_meter=_meter(MeterSpec(update_s=1.0, serial=SITE_SERIAL), now_s, seed + 1000),
            grid=GridSpec() if grid is None else grid,
            climate=ClimateSpec() if climate is None else climate,
            also=(*also, _Ends(self)),
        )

    @classmethod
    def plain(
        cls,
        *,
        now_s: float = 0.0,
        seed: int = 1,
        connectors: int = 1,
        grid: GridSpec | None = None,
        climate: ClimateSpec | None = None,
        meter: MeterSpec | None = None,
    ) -> Charger:
        """A charger of plain boards, settled; `board("1")` gives the first one's."""
        outlets = {}
        for number in range(connectors):
            board = PlainBoard()
            outlets[str(number + 1)] = Outlet(
                board=board, coil=_coil(board), meter=meter or MeterSpec()
            )
        charger = cls(now_s=now_s, seed=seed, outlets=outlets, grid=grid, climate=climate)
        charger.settle()
        return charger

    def board(self, connector: str) -> PlainBoard:
        """The plain board of a connector.

        Raises:
            TypeError: its board is another one.
        """
        board = self.connectors[connector].board
        if not isinstance(board, PlainBoard):
            raise TypeError(f"connector {connector} has a {type(board).__name__}")
        return board

    @property
    def now_s(self) -> float:
        """Until when everything has happened."""
        return self.plant.now_s

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What is injected and has not ended by itself."""
        return self._faults

    @property
    def emergency_stop(self) -> bool:
        """True while the loop is open."""
        return any(fault.name == "emergency_stop" for fault in self._faults)

    @property
    def site_meter(self) -> Meter:
        """The meter at the site's connection: house and connectors."""
        return self.plant.site_meter

    @property
    def account(self) -> Account:
        """Where the energy went."""
        return self.plant.account

    @property
    def grid(self) -> GridSpec:
        """What the site is fed from."""
        return self.plant.grid

    @property
    def climate(self) -> ClimateSpec:
        """What surrounds the enclosure."""
        return self.plant.climate

    def next_due_s(self) -> float | None:
        """When something happens by itself next; None: nothing will."""
        return self.plant.next_due_s()

    def advance(self, now_s: float) -> None:
        """Let everything happen that is due until `now_s`; going back in time is ignored."""
        self.plant.advance(now_s)

    def settle(self) -> None:
        """Let everybody see what has been set on boards, locks or switches just now."""
        self.plant.settle()

    def plug(self, connector: str, spec: VehicleSpec, now_s: float) -> None:
        """Put a vehicle on a connector."""
        self.advance(now_s)
        self.connectors[connector].plug(spec)
        self.settle()

    def change(self, connector: str, spec: VehicleSpec, now_s: float) -> None:
        """Change the plugged vehicle; nothing happens without one."""
        self.advance(now_s)
        if (vehicle := self.connectors[connector].vehicle) is not None:
            vehicle.spec = spec
        self.settle()

    def unplug(self, connector: str, now_s: float, *, force: bool = False) -> None:
        """Take the vehicle away.

        Raises:
            LockedError: the plug is locked, and no force is used.
        """
        self.advance(now_s)
        if self.connectors[connector].lock.locked and not force:
            raise LockedError(f"connector {connector}: the plug is locked: unlock it, or use force")
        self.connectors[connector].unplug()
        self.settle()

    def set_grid(self, grid: GridSpec, now_s: float) -> None:
        """Feed the site from another grid."""
        self.advance(now_s)
        self.plant.grid = grid
        self.settle()

    def set_climate(self, climate: ClimateSpec, now_s: float) -> None:
        """Change the weather."""
        self.advance(now_s)
        self.plant.climate = climate
        self.settle()

    def inject(self, body: Mapping[str, object], now_s: float) -> Fault:
        """Inject a fault, given as in the control API.

        Raises:
            FaultError: it does not exist or cannot be like that.
        """
        fault = parse(body, now_s, KINDS, tuple(self.connectors))
        kept = tuple(one for one in self._faults if one.key != fault.key)
        self.afflict((*kept, fault), now_s)
        return fault

    def clear(self, name: str | None, connector: str | None, now_s: float) -> int:
        """Clear faults by name and connector, None: any; return how many there were."""
        self.advance(now_s)
        kept = tuple(
            fault
            for fault in self._faults
            if name not in (None, fault.name) or connector not in (None, fault.connector)
        )
        cleared = len(self._faults) - len(kept)
        self.afflict(kept, now_s)
        return cleared

    def afflict(self, faults: tuple[Fault, ...], now_s: float) -> None:
        """Make these the faults from `now_s` on."""
        self.advance(now_s)
        self._faults = faults
        self.end(self.now_s)
        self.settle()

    def end(self, now_s: float) -> None:
        """Let the faults go that have ended by `now_s`, and the others act."""
        self._faults = tuple(f for f in self._faults if f.ends_s is None or f.ends_s > now_s)
        site_wide: list[Fault] = []
        of_feeds: list[Fault] = []
        for fault in self._faults:
            kind = KINDS.get(fault.name)
            whole = kind is not None and kind.target is Target.GRID and fault.connector is None
            (site_wide if whole else of_feeds).append(fault)
        self.plant.wrong = site_conditions(site_wide)
        silent = any(fault.name == "site_meter_lost" for fault in self._faults)
        self.site_meter.afflict(Conditions(meter_silent=silent))
        for name, connector in self.connectors.items():
            connector.afflict(conditions(of_feeds, name))
        self.plant.disturb()


class _Ends:
    """Ends the faults that end by themselves."""

    def __init__(self, charger: Charger) -> None:
        self._charger = charger

    def due_s(self) -> float | None:
        """When the next one ends."""
        ends = [fault.ends_s for fault in self._charger.faults if fault.ends_s is not None]
        return min(ends, default=None)

    def fire(self, now_s: float) -> None:
        """End what has ended."""
        self._charger.end(now_s)


def _coil(board: PlainBoard) -> Callable[[], bool]:
    return lambda: board.coil


def _connector(name: str, outlet: Outlet, now_s: float, seed: int) -> Connector:
    meter = _meter(outlet.meter, now_s, seed)
    return Connector(name=name, now_s=now_s, meter=meter, board=outlet.board, coil=outlet.coil)


def _meter(spec: MeterSpec, now_s: float, seed: int) -> Meter:
    return Meter(
        now_s=now_s,
        update_s=spec.update_s,
        start_wh=spec.start_wh,
        resolution_wh=spec.resolution_wh,
        seed=seed,
        serial=spec.serial,
    )
