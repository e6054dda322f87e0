"""The kinds of commits that the product makes while it charges, each with rows of real size."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from laddvakt_agent.clock import Clock, ClockState, Moment
from laddvakt_agent.core.model import Latch
from laddvakt_agent.core.session.model import Kind, MeterValue, Period, Session
from laddvakt_agent.ledger import AckRow, CommandRow, FaultRow, IntervalRow, Ledger, SessionRow
from laddvakt_agent.ledger.rows import ContactorRow
from laddvakt_agent.published import CdrRecord, PeriodRecord, SessionRecord, TokenRef
from laddvakt_agent.telemetry.channels import CHANNELS
from laddvakt_agent.telemetry.means import Minute, Record
from laddvakt_agent.telemetry.store import Row, TelemetryStore

WALL = datetime(2027, 6, 1, 8, 0, tzinfo=UTC)
TOKEN = TokenRef(
    uid="04A1B2C3D4E5F6", type="RFID", contract_id="SE-LVK-C1", country_code="SE", party_id="LVK"
)
PERIODS = 6  # of a session under load management at most; a new one each hour
FRESH = 4  # commits of a kind before a new object takes the place of the last


@dataclass(slots=True, kw_only=True)
class Desk:
    """An agent's two files, written as the agent does."""

    ledger: Ledger
    telemetry: TelemetryStore
    rng: random.Random

    @classmethod
    def at(cls, directory: Path) -> Desk:
        """New files in this folder."""
        clock = Clock()
        return cls(
            ledger=Ledger.open(directory, boot=clock.boot(), clock=clock),
            telemetry=TelemetryStore(directory, boot_id=clock.boot_id),
            rng=random.Random(7),
        )

    def close(self) -> None:
        """As at a stop of the agent."""
        self.telemetry.close()
        self.ledger.close()

    def heartbeat(self, number: int) -> None:
        """The sign of life with both connectors' sessions."""
        rows = [self._session(f"hour{number // 12}-{place}", number) for place in (1, 2)]
        self.ledger.heartbeat(1000.0 + number, WALL + timedelta(seconds=number), rows)

    def telemetry_batch(self, number: int) -> None:
        """Five minutes of two connectors; each third time the lines' and the agent's figures."""
        rows = [self._minute(5 * number + minute, name) for minute in range(5) for name in "12"]
        if number % 3 == 0:
            rows += [self._counts(number, place) for place in range(5)]
            own = {"cpu_ms": 30_000, "rss_kb": 41_000, "late_max_ms": 12, "written_bytes": 90_000}
            rows.append(Row(table="agent", moment=self._moment(300.0 * number), record=own))
        self.telemetry.write(rows)

    def five_minutes(self, number: int) -> None:
        """Telemetry, and right behind it the sign of life."""
        self.telemetry_batch(number)
        self.heartbeat(number)

    def session(self, number: int) -> None:
        """A session begins, or changes its period."""
        self.ledger.save_session(self._session(f"s{number // FRESH}", number))

    def bill(self, number: int) -> None:
        """A session with its CDR."""
        row = self._session(f"b{number}", number)
        ended = replace(
            row,
            ended_s=2000.0,
            ended_wall=WALL,
            end_wh=9000.0,
            end_reason="unplugged",
            settled=True,
        )
        self.ledger.close_session_with_cdr(ended, _cdr(ended))

    def acknowledgement(self, number: int) -> None:
        """What the backend has of a running session."""
        body = '{"id":"' + "x" * 1400 + f'","n":{number}}}'
        self.ledger.save_ack(
            AckRow(
                kind="session",
                object_id=f"a{number // FRESH}",
                last_updated=WALL + timedelta(seconds=number),
                body=body,
                acknowledged=number % 2 == 1,
            )
        )

    def fault(self, number: int) -> None:
        """Raised, then told anew."""
        row = self._fault(f"f{number // FRESH}", number)
        if number % FRESH == 0:
            self.ledger.raise_fault(row)
        else:
            self.ledger.update_fault(row)

    def status(self, number: int) -> None:
        """Another status of an EVSE."""
        row = IntervalRow(
            evse_uid="SE*LVK*E1",
            status=("AVAILABLE", "CHARGING")[number % 2],
            cause_class="own",
            begun_boot_id="b",
            begun_s=1000.0 + number,
            begun_wall=WALL + timedelta(seconds=number),
        )
        self.ledger.change_status([row])

    def latches(self, number: int) -> None:
        """A used-up retry: the file whose turn it is, and the ledger."""
        latch = Latch(
            code="meter_lost", subject="meter1", locked_out=False, active=True,
            spent_s=(float(number),),
        )  # fmt: skip
        self.ledger.save_latches("1", (latch,), 1000.0 + number)

    def command(self, number: int) -> None:
        """Somebody asked for something."""
        row = CommandRow(
            source="local", who="uid 0", verb="start", connector="1", outcome="done",
            at_s=float(number), at_wall=WALL,
        )  # fmt: skip
        self.ledger.add_command(row)

    def contactor(self, number: int) -> None:
        """The contactor has opened."""
        motion = msgspec.json.encode({"close_s": [0.03] * 20, "open_s": [0.02] * 20}).decode()
        row = ContactorRow(connector="1", operations=number, load_openings=0, motion=motion)
        self.ledger.save_contactor(row)

    def _session(self, name: str, number: int) -> SessionRow:
        periods = tuple(
            Period(
                start_s=1000.0 + 300 * place, start_wh=1000.0 + 917.3 * place, kind=Kind.CHARGING,
                limit_a=16.0 - place % 3, max_a=(15.98, 15.91, 15.87),
            )
            for place in range(1 + number // 12 % PERIODS)
        )  # fmt: skip
        value = MeterValue(wh=1000.0 + 91.7 * number, taken_s=1000.0 + number)
        kept = Session(
            id=name, connector="1", begun_s=1000.0, periods=periods, start=value, last=value
        )
        return SessionRow(
            id=f"{name}-7c1e4b5a-9d0f-4c7e-8a55-0123456789ab",
            connector="1",
            evse_uid="SE*LVK*E1",
            token=TOKEN,
            auth_method="WHITELIST",
            boot_id="8a55c1e4-9d0f-4c7e-8a55-0123456789ab",
            begun_s=1000.0,
            begun_wall=WALL,
            meter_id="meter1",
            start_wh=1000.0,
            last_wh=value.wh,
            last_taken_s=value.taken_s,
            last_wall=WALL + timedelta(seconds=number),
            periods=msgspec.json.encode(periods).decode(),
            core=msgspec.json.encode(kept).decode(),
        )

    def _fault(self, name: str, number: int) -> FaultRow:
        return FaultRow(
            id=name,
            code="meter_lost",
            subject="meter1",
            severity="fault",
            connector="1",
            act="RAMP",
            evidence=f"no reply for {3 + number} s, allowed 3 s",
            cause="bus_down",
            symptoms=("device_lost",),
            mrec="CX013",
            boot_id="8a55c1e4-9d0f-4c7e-8a55-0123456789ab",
            since_s=120.0,
            since_wall=WALL,
            changed_wall=WALL + timedelta(seconds=number),
        )

    def _minute(self, number: int, connector: str) -> Row:
        minute, rng = Minute(), self.rng
        for _ in range(3):
            volts = [230 + rng.gauss(0, 0.5) for _ in range(3)]
            amps = [15.9 + rng.gauss(0, 0.05) for _ in range(3)]
            told = (*volts, *amps, 10_900 + rng.gauss(0, 30), 1e6 + 180 * number)
            rest = (0.0004, 0.0, 41.0, 38.0, 16.0, 4.0, 2.0, 1.0, 1.0)
            minute.add((*told, *rest[: len(CHANNELS) - len(told)]))
        record: Record = {"connector": connector, **minute.record(), "seconds": 60}
        return Row(table="minutes", moment=self._moment(60.0 * number), record=record)

    def _counts(self, number: int, place: int) -> Row:
        record: Record = {
            "line": "line1", "device": f"device{place}", "requests": 9000, "no_reply": 1, "crc": 2,
            "short": 0, "wrong": 0, "exception": 0, "port_gone": 0, "p50_us": 21_000,
            "p95_us": 24_000,
        }  # fmt: skip
        return Row(table="line_counts", moment=self._moment(300.0 * number), record=record)

    def _moment(self, at_s: float) -> Moment:
        wall = WALL + timedelta(seconds=at_s)
        return Moment(at_s=at_s, at_wall=wall, clock_state=ClockState.SYNCED)


def _cdr(row: SessionRow) -> CdrRecord:
    period = PeriodRecord(started_at=WALL, duration_s=401.25, energy_wh=1111.0, charging=True)
    session = SessionRecord(
        id=row.id,
        evse_uid=row.evse_uid,
        connector_id=row.connector,
        token=row.token,
        auth_method=row.auth_method,
        started_at=row.begun_wall,
        ended_at=row.ended_wall,
        meter_id=row.meter_id,
        start_wh=row.start_wh,
        energy_wh=8000.0,
        periods=(period,) * PERIODS,
        changed_at=WALL,
    )
    return CdrRecord(
        id=f"c-{row.id[:30]}",
        session=session,
        end_wh=row.end_wh,
        charging_s=4000.0,
        parking_s=0.0,
        remark=None,
        created_at=WALL,
    )


KINDS: dict[str, Callable[[Desk, int], None]] = {
    "five_minutes": Desk.five_minutes,
    "heartbeat": Desk.heartbeat,
    "telemetry": Desk.telemetry_batch,
    "session": Desk.session,
    "bill": Desk.bill,
    "acknowledgement": Desk.acknowledgement,
    "fault": Desk.fault,
    "status": Desk.status,
    "latches": Desk.latches,
    "command": Desk.command,
    "contactor": Desk.contactor,
}
