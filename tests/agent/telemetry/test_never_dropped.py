"""What must never go never goes, whatever its age and however short the disk."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.ledger.samples import WALL, cdr_of, ended, fault_row, session_row
from agent.telemetry.test_quota import BOOT, ack
from laddvakt_agent.clock import Clock, FakeTime
from laddvakt_agent.core.inputs import Signed
from laddvakt_agent.core.session.model import MeterValue
from laddvakt_agent.ledger import IntervalRow, Ledger

SIGNED = '{"start":{"wh":1.0,"signed":{"data":"OCMF|…"}}}'
FATES = ("running", "unbilled", "unsent", "in_doubt", "signed", "never_billed", "confirmed")
PROTECTED = ("running", "unbilled", "unsent", "in_doubt", "signed")


def _session(ledger: Ledger, name: str, fate: str) -> None:
    row = session_row(name)
    if fate == "running":
        ledger.save_session(row)
        return
    if fate == "unbilled":
        ledger.save_session(ended(row))
        return
    if fate == "never_billed":
        ledger.save_session(replace(ended(row), settled=True, unbilled="meter not signed"))
        return
    row = ended(replace(row, core=SIGNED if fate == "signed" else '{"start":{"signed":null}}'))
    ledger.close_session_with_cdr(row, cdr_of(row, f"c-{name}"))
    ledger.save_ack(ack("cdr", f"c-{name}", acknowledged=fate not in ("unsent",)))
    ledger.save_ack(ack("session", name, acknowledged=fate != "in_doubt"))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    fates=st.lists(st.sampled_from(FATES), min_size=1, max_size=25),
    cleared=st.lists(st.booleans(), max_size=10),
    days=st.sampled_from([0.0, 91.0, 401.0, 4000.0]),
    need=st.lists(st.booleans(), min_size=1, max_size=3),
)
def test_what_must_never_go_never_goes(
    tmp_path_factory: pytest.TempPathFactory,
    fates: list[str],
    cleared: list[bool],
    days: float,
    need: list[bool],
) -> None:
    """Whatever its age and however short the disk: with no row kept for being among the newest."""
    time = FakeTime()
    folder = tmp_path_factory.mktemp("ledger")
    ledger = Ledger.without_disk(folder, boot=Clock(time).boot(), clock=Clock(time))
    for number, fate in enumerate(fates):
        _session(ledger, f"s{number}-{fate}", fate)
    for number, over in enumerate(cleared):
        ledger.raise_fault(fault_row(f"f{number}"))
        if over:
            ledger.clear_fault(f"f{number}", at_s=130.0, at_wall=WALL)
        interval = IntervalRow(
            evse_uid="E1", status=("AVAILABLE", "CHARGING")[number % 2], cause_class="own",
            begun_boot_id=BOOT, begun_s=100.0 + number, begun_wall=WALL,
        )  # fmt: skip
        ledger.change_status([interval])
    time.advance(days * 86_400.0)
    ledger.heartbeat(time.boot_s(), time.wall())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("laddvakt_agent.ledger.retention.NEWEST_KEPT", 1)
        for needed in need:
            while ledger.retention.step(need=needed):
                pass
    protected = {f"s{n}-{fate}" for n, fate in enumerate(fates) if fate in PROTECTED}
    assert {name for name in protected if ledger.session(name) is None} == set()
    unsent = {f"c-s{n}-unsent" for n, fate in enumerate(fates) if fate == "unsent"}
    assert {cdr.id for cdr in ledger.cdrs(unacknowledged_only=True)} == unsent
    assert {row.id for row in ledger.open_faults()} == {
        f"f{n}" for n, over in enumerate(cleared) if not over
    }
    assert len(ledger.intervals("E1")) == len(cleared)
    ledger.close()


def test_a_signed_value_is_recognised_as_the_core_writes_it() -> None:
    """The rule looks for these letters in the core's JSON."""
    value = MeterValue(wh=1.0, taken_s=1.0)
    assert b'"signed":null' in msgspec.json.encode(value)
    names = Signed.__dataclass_fields__
    signed = Signed(**dict.fromkeys(names, "x"))  # type: ignore[arg-type]
    assert b'"signed":{' in msgspec.json.encode(replace(value, signed=signed))
