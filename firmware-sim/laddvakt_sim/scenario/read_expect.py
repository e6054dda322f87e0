"""Reads `[[expect]]`: what must be seen, and when."""

from __future__ import annotations

from collections.abc import Collection

from laddvakt_sim.backend.enums import ENUMS
from laddvakt_sim.scenario.checks import At, Checks, shown
from laddvakt_sim.scenario.model import Charger, Expect, OcpiWish, Span, Wish

STATUSES = tuple(sorted(ENUMS["Status"]))
STATES = (  # as `laddvakt status` shows them
    "unavailable",
    "available",
    "reserved",
    "preparing",
    "charging",
    "suspended_vehicle",
    "suspended_station",
    "finishing",
    "faulted",
)
_WHEN = ("by_s", "after_s", "from_s", "until_s")
_ANYWHERE = ("fault", "no_fault", "no_faults", "cause")  # need no connector
_AT_ONE = ("status", "state", "contactor", "limit_a", "energy_wh", "lock")
_WISHES = (*_ANYWHERE, *_AT_ONE, "ocpi")
_OCPI = ("status", "sessions", "cdrs", "cdr_kwh")


class ExpectReader:
    """One file's expectations; `acts_s` are the times at which something is done."""

    def __init__(
        self,
        checks: Checks,
        charger: Charger,
        duration_s: float,
        acts_s: tuple[float, ...],
        codes: Collection[str] | None,
    ) -> None:
        self._checks = checks
        self._charger = charger
        self._connectors = charger.names
        self._duration_s = duration_s
        self._acts_s = acts_s
        self._codes = codes

    def all(self, top: At) -> tuple[Expect, ...]:
        """Every expectation, in the order of the file."""
        return tuple(self._expect(at) for at in self._checks.tables(top, "expect"))

    def _expect(self, at: At) -> Expect:
        self._checks.known(at, (*_WHEN, "connector", *_WISHES))
        from_s, until_s, always = self._when(at)
        wishes = {key: value for key, value in at.table.items() if key in _WISHES}
        if not wishes:
            self._checks.wrong(at.path, "nothing is expected", f"write one of {', '.join(_WISHES)}")
        return Expect(
            line=self._checks.line(at.path),
            from_s=from_s,
            until_s=until_s,
            always=always,
            connector=self._connector(at),
            wish=self._wish(at),
            what=", ".join(f"{key} = {shown(value)}" for key, value in wishes.items()),
        )

    def _when(self, at: At) -> tuple[float, float, bool]:
        given = [key for key in _WHEN if key in at.table]
        number, whole = self._checks.number, (0.0, self._duration_s)
        before = len(self._checks.problems)
        if given in (["by_s"], ["by_s", "after_s"]):
            until_s = number(at, "by_s", whole)
            usual = max((at_s for at_s in self._acts_s if at_s < until_s), default=0.0)
            from_s, always = number(at, "after_s", whole, usual), False
        elif given == ["from_s", "until_s"]:
            from_s, until_s = number(at, "from_s", whole), number(at, "until_s", whole)
            always = True
        else:
            what = f"the time is given by {', '.join(given)}" if given else "the time is missing"
            remedy = "write by_s (and after_s), or from_s and until_s"
            self._checks.wrong(at.path, what, remedy)
            return 0.0, self._duration_s, False
        if until_s <= from_s and len(self._checks.problems) == before:
            first, last = given[-1] if not always else "from_s", "until_s" if always else "by_s"
            self._checks.wrong(
                at.under(last), f"{last} = {until_s:g} is not after {from_s:g}", f"change {first}"
            )
        return from_s, until_s, always

    def _connector(self, at: At) -> str | None:
        alone = self._connectors[0] if len(self._connectors) == 1 else None
        if "connector" in at.table:
            return self._checks.one(at, "connector", self._connectors)
        ocpi = at.table.get("ocpi")
        told = [key for key in _AT_ONE if key in at.table]
        told += ["ocpi.status"] if isinstance(ocpi, dict) and "status" in ocpi else []
        if not told:
            return None
        if alone is None:
            self._checks.wrong(
                at.path,
                f"{told[0]} of which connector?",
                f'write connector = "{self._connectors[0]}"',
            )
        return alone

    def _wish(self, at: At) -> Wish:
        checks, given = self._checks, at.table
        no_faults = checks.flag(at, "no_faults", default=False)
        if given.get("no_faults") is False:
            checks.wrong(at.under("no_faults"), "no_faults = false", "leave it out")
        wish = Wish(
            faults=self._codes_of(at, "fault"),
            no_fault=self._codes_of(at, "no_fault"),
            no_faults=no_faults,
            cause=self._cause(at),
            status=checks.one(at, "status", STATUSES) if "status" in given else None,
            state=checks.one(at, "state", STATES) if "state" in given else None,
            contactor_closed=self._either(at, "contactor", "closed", "open"),
            limit_a=self._span(at, "limit_a"),
            energy_wh=self._span(at, "energy_wh"),
            locked=self._either(at, "lock", "locked", "open"),
            ocpi=self._ocpi(at) if "ocpi" in given else None,
        )
        self._check_together(at, wish)
        return wish

    def _check_together(self, at: At, wish: Wish) -> None:
        both = set(wish.faults) & set(wish.no_fault)
        if both or (wish.no_faults and wish.faults):
            self._checks.wrong(
                at.under("fault"), "a fault must stand and must not", "leave one of the two out"
            )
        if wish.locked is not None and "lock" not in self._charger.fitted:
            remedy = 'add "lock" to fitted in [charger]'
            self._checks.wrong(at.under("lock"), "this charger has no lock", remedy)

    def _codes_of(self, at: At, key: str) -> tuple[str, ...]:
        value = at.table.get(key)
        found = value if isinstance(value, list) else [] if value is None else [value]
        if key in at.table and not found:
            self._checks.wrong(at.under(key), f"{key} is empty", "name a fault code")
        for code in found:
            self._checks.code(at.under(key), code, self._codes)
        return tuple(str(code) for code in found)

    def _cause(self, at: At) -> str | None:
        if "cause" not in at.table:
            return None
        cause = self._checks.text(at, "cause")
        if at.table["cause"] == cause != "none":
            self._checks.code(at.under("cause"), cause, self._codes)
        return cause

    def _either(self, at: At, key: str, true: str, false: str) -> bool | None:
        return self._checks.one(at, key, (true, false)) == true if key in at.table else None

    def _span(self, at: At, key: str) -> Span | None:
        if key not in at.table:
            return None
        inner = self._checks.table(at, key)
        self._checks.known(inner, ("min", "max"))
        if not inner.table:
            self._checks.wrong(inner.path, f"{key} has no bound", f"write {key} = {{ min = 1.0 }}")
        span = (-1e9, 1e9)
        least = self._checks.number(inner, "min", span) if "min" in inner.table else None
        most = self._checks.number(inner, "max", span) if "max" in inner.table else None
        if least is not None and most is not None and least > most:
            self._checks.wrong(inner.path, f"{key}: min is above max", "exchange them")
        return Span(least=least, most=most)

    def _ocpi(self, at: At) -> OcpiWish:
        inner = self._checks.table(at, "ocpi")
        self._checks.known(inner, _OCPI)
        if not inner.table:
            self._checks.wrong(inner.path, "ocpi is empty", f"write one of {', '.join(_OCPI)}")
        given, many = inner.table, (0, 1_000_000)
        return OcpiWish(
            status=self._checks.one(inner, "status", STATUSES) if "status" in given else None,
            sessions=self._checks.whole(inner, "sessions", many) if "sessions" in given else None,
            cdrs=self._checks.whole(inner, "cdrs", many) if "cdrs" in given else None,
            cdr_kwh=self._span(inner, "cdr_kwh"),
        )
