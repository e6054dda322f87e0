"""What `ledger show`, `check` and `export` print, and how they end."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.ledger import older
from agent.ledger.samples import TOKEN, open_ledger
from laddvakt_agent.cli import laddvakt
from laddvakt_agent.cli.ledger_words import TABLES, table
from laddvakt_agent.clock import FakeTime
from laddvakt_agent.ledger.listing import KINDS, Row
from laddvakt_agent.ledger.schema import SCHEMA_VERSION

NOBODY = 65534


@pytest.fixture
def state(tmp_path: Path) -> Path:
    older.put(tmp_path, 2)
    return tmp_path


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(laddvakt, ["ledger", *map(str, args)])


def show(state: Path, *args: str) -> Result:
    return run("show", "--state", state, *args)


SESSIONS = """\
BEGUN (UTC)          ENDED                CONNECTOR  ENERGY     STATE   WHY IT ENDED  ID
2027-01-01 12:00:00  2027-01-01 12:06:41  1          1.111 kWh  billed  unplugged     s1
2027-01-01 12:00:00  2027-01-01 12:06:41  1          1.111 kWh  billed  unplugged     s2
2027-01-01 12:00:00  –                    1          0.043 kWh  open    –             s3
2027-01-01 12:00:00  –                    2          –          open    –             s4
"""
LATCHES = """\
CONNECTOR  FAULT             SUBJECT  LOCKED OUT  STANDS  RETRIES USED
1          contactor_welded  1        yes         yes     0
1          meter_lost        1        no          yes     2
2          over_current      1        yes         yes     1
"""
STATUS = """\
BEGUN (UTC)          ENDED                EVSE       STATUS     CLASS  CAUSE
2027-01-01 12:00:00  2027-01-01 12:00:02  SE*LVK*E1  AVAILABLE  own    –
2027-01-01 12:00:00  –                    SE*LVK*E2  AVAILABLE  own    –
2027-01-01 12:00:02  –                    SE*LVK*E1  CHARGING   own    –
"""


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        pytest.param((), SESSIONS, id="sessions"),
        pytest.param(("latches",), LATCHES, id="latches"),
        pytest.param(("status",), STATUS, id="status"),
        pytest.param(("security",), "No entries in the security log.\n", id="none"),
        pytest.param(("cdrs", "--connector", "7"), "No bills.\n", id="of another connector"),
        pytest.param(("cdrs", "--since", "2028-01-01"), "No bills.\n", id="nothing since"),
    ],
)
def test_tables(state: Path, args: tuple[str, ...], expected: str) -> None:
    result = show(state, *args)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.output == expected


@pytest.mark.parametrize(
    ("args", "word"),
    [
        pytest.param(("sessions", "--limit", "1"), "s4", id="the newest"),
        pytest.param(("faults", "--since", "2028-01-01"), "meter_lost", id="what goes on"),
        pytest.param(("status", "--since", "2028-01-01", "--limit", "1"), "CHARGING", id="both"),
    ],
)
def test_the_one_row_that_is_asked_for(state: Path, args: tuple[str, ...], word: str) -> None:
    _, row = show(state, *args).output.splitlines()
    assert word in row.split()


def test_every_kind_has_a_table_and_every_table_a_kind(state: Path) -> None:
    assert TABLES.keys() == KINDS.keys()
    for kind in KINDS:
        result = show(state, kind)
        assert result.exit_code == 0, result.output


def test_marks_say_how_certain_a_time_is() -> None:
    row: Row = {"run": 1, "started_at": "2027-01-31T10:00:00.123Z", "ended": True}
    lines = {
        exactness: list(table("runs", [{**row, "exactness": exactness}]))
        for exactness in ("synced", "peer", "bounded", "raw")
    }
    assert "2027-01-31 10:00:00  " in lines["synced"][1]
    assert len(lines["synced"]) == 2
    assert "2027-01-31 10:00:00~" in lines["peer"][1]
    assert lines["peer"][2].startswith("~ the backend told the time")
    for exactness in ("bounded", "raw"):
        assert "2027-01-31 10:00:00?" in lines[exactness][1]
        assert lines[exactness][2].startswith("? no time source since that boot")


def test_times_are_corrected_by_a_later_synchronisation(tmp_path: Path) -> None:
    """Written while the clock said 1970; it was synchronised 100 s later."""
    time = FakeTime(boot_s=50.0, synced=False)
    later = time.wall()
    time.step_wall(later.replace(year=1970))
    ledger = open_ledger(tmp_path, time)
    time.advance(100.0)
    time.step_wall(later)
    time.is_synced = True
    ledger.heartbeat(time.boot_s(), time.wall())
    ledger.close()
    assert "2027-01-01 11:58:20  2027-01-01 12:00:00" in show(tmp_path, "runs").output


def test_json_names_no_driver_unless_asked(state: Path) -> None:
    answer = json.loads(show(state, "sessions", "--json", "--limit", "2").output)
    assert {name: answer[name] for name in ("schema_version", "ledger_schema", "kind")} == {
        "schema_version": 1,
        "ledger_schema": 2,
        "kind": "sessions",
    }
    assert [row["id"] for row in answer["rows"]] == ["s3", "s4"]
    assert answer["rows"][0]["token"]["uid"].startswith("driver-")
    stored = json.loads(show(state, "sessions", "--json", "--with-tokens").output)
    assert stored["rows"][0]["token"]["uid"] == TOKEN.uid


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("show", "runs", "--connector", "1"), "runs belong to no connector"),
        (("show", "--with-tokens"), "--with-tokens goes with --json"),
        (("show", "--since", "soon"), "say 24h, 7d, 2027-01-31 or 2027-01-31T10:00"),
        (("show", "--since", "999999w"), "say 24h, 7d"),
        (("show", "everything"), "'everything' is not one of"),
        (("export", "--since", "24h"), "a backup is always whole"),
        (("export", "--to", "-"), "a backup is a file"),
    ],
)
def test_usage(state: Path, args: tuple[str, ...], said: str) -> None:
    result = run(*args, "--state", state)
    assert (result.exit_code, said in result.stderr) == (2, True)


@pytest.mark.parametrize("since", ["24h", "30min", "7d", "2w", "2027-01-31T10:00+01:00"])
def test_ways_to_say_since_when(state: Path, since: str) -> None:
    assert show(state, "sessions", "--since", since).exit_code == 0


def _newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")


@pytest.mark.parametrize("verb", ["show", "check", "export"])
def test_no_ledger(tmp_path: Path, verb: str) -> None:
    place = (tmp_path,) if verb == "check" else ("--state", tmp_path)
    result = run(verb, *place)
    assert result.exit_code == 5
    assert "there is no ledger here" in result.stderr
    assert "agent.state_directory" in result.stderr


def test_a_newer_versions_ledger(state: Path) -> None:
    _newer(state / "ledger.db")
    result = show(state)
    assert (result.exit_code, "read it with that version" in result.stderr) == (78, True)


def test_a_damaged_ledger(state: Path) -> None:
    (state / "ledger.db").write_text("rubbish")
    result = show(state)
    assert (result.exit_code, result.output) == (1, result.stderr)
    assert "What to do about it: laddvakt ledger check" in result.stderr
    result = run("check", state)
    assert result.exit_code == 1
    assert "WRONG  file: " in result.output
    assert "next: keep a copy of the file, then: systemctl restart laddvakt" in result.output
    assert result.output.endswith("1 thing is wrong.\n")


@pytest.fixture
def private() -> Iterator[Path]:
    """A state folder as the service makes it, in a place that others can reach."""
    above = Path(tempfile.mkdtemp(prefix="laddvakt-"))
    above.chmod(0o755)
    directory = above / "state"
    directory.mkdir(0o750)
    older.put(directory, 2)
    yield directory
    shutil.rmtree(above)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize(("gid", "code"), [(NOBODY, 4), (0, 0)], ids=["nobody", "the group"])
def test_who_may_look(private: Path, gid: int, code: int) -> None:
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(gid)
    os.seteuid(NOBODY)
    try:
        result = show(private)
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)
    assert result.exit_code == code
    if code:
        assert "become a member of the group laddvakt" in result.stderr


def test_check_as_text_and_as_json(state: Path) -> None:
    result = run("check", state, "--full")
    assert result.exit_code == 0
    assert "ok     integrity: every page, index and reference\n" in result.output
    assert "note   confirmed: not yet confirmed by the backend: 1" in result.output
    assert result.output.endswith("The ledger is sound.\n")
    answer = json.loads(run("check", state, "--json").output)
    assert (answer["schema_version"], answer["sound"]) == (1, True)
    (confirmed,) = [point for point in answer["points"] if point["name"] == "confirmed"]
    assert (confirmed["verdict"], "laddvakt uplink status" in confirmed["remedy"]) == ("note", True)


def test_export_makes_a_backup_and_replaces_only_when_told(state: Path) -> None:
    target = state / "backup.db"
    result = run("export", "--state", state, "--to", target)
    assert (result.exit_code, result.output) == (0, f"{target}: 0.1 MB, whole and checked\n")
    assert run("check", target).exit_code == 0
    result = run("export", "--state", state, "--to", target)
    assert (result.exit_code, "replace it with --force" in result.stderr) == (5, True)
    assert run("export", "--state", state, "--to", target, "--force").exit_code == 0
    assert sorted(path.name for path in state.iterdir()) == ["backup.db", "ledger.db"]


def test_export_names_itself_by_the_time(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = state / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert run("export", "--state", state, "--format", "json").exit_code == 0
    (made,) = folder.glob("laddvakt-ledger-*Z.jsonl")
    kinds = {json.loads(line)["kind"] for line in made.read_text("utf-8").splitlines()}
    assert {"header", "sessions", "cdrs", "latches"} <= kinds


def test_export_to_stdout(state: Path) -> None:
    result = run("export", "--state", state, "--format", "json", "--to", "-", "--with-tokens")
    lines = [json.loads(line) for line in result.output.splitlines()]
    assert lines[0]["identifiers"] == "as stored"
    assert {line["token"]["uid"] for line in lines if line["kind"] == "sessions"} == {TOKEN.uid}


@pytest.mark.parametrize("name", ["ledger.db", "latches.a", "telemetry.db", ""])
def test_export_never_replaces_the_agents_own_files(state: Path, name: str) -> None:
    before = (state / "ledger.db").read_bytes()
    result = run("export", "--state", state, "--to", state / name, "--force")
    assert result.exit_code == 2
    assert (state / "ledger.db").read_bytes() == before
