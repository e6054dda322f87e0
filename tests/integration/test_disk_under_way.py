"""The disk fills, refuses, dawdles, breaks and loses its file while the agent charges.

One life of the real agent on a disk that fails on demand (`bad_disk.c`): protection goes on, the
fault says what is wrong, and afterwards every session is billed once, with the meter's energy.
"""

from __future__ import annotations

import sqlite3
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest

from integration.acting import charge, closed, connectors, faults, truth
from laddvakt_agent.demo.play import TOKEN_UID, template
from laddvakt_agent.demo.stage import JsonObject, RefusedError, Stage, now_s, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

HERE = Path(__file__).parent
PAGE = 4096
METER_STEP_WH = 1.0  # of the float registers, and the CDR's four decimals
LOOP_S = 1.0  # an answer that takes longer came from a loop that waited for a disk


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = tmp_path_factory.mktemp("shim") / "bad_disk.so"
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror",
         "-o", str(library), str(HERE / "bad_disk.c"), "-ldl"],
        check=True,
    )  # fmt: skip
    return library


@dataclass(slots=True, kw_only=True)
class Play:
    """A stage on such a disk, and what the meter showed before each session."""

    scene: Stage
    mode: Path
    before_wh: list[float] = field(default_factory=list)

    @property
    def ledger(self) -> Path:
        return self.scene.directory / "state" / "ledger.db"

    @contextmanager
    def disk(self, mode: str) -> Iterator[None]:
        """The disk is so for a while."""
        self.turn(mode)
        try:
            yield
        finally:
            self.turn("-")

    def turn(self, mode: str) -> None:
        """In place: the agent has the file mapped, and it must never be empty."""
        with self.mode.open("r+b") as file:
            file.write(mode.encode())

    @contextmanager
    def session(self) -> Iterator[None]:
        """A vehicle charges, and at the end is stopped and leaves."""
        before_wh = self.register_wh()
        self.before_wh.append(before_wh)
        charge(self.scene)
        wait_for("energy", 10, lambda: self.register_wh() > before_wh + 3.0)
        yield
        with suppress(RefusedError):  # so early a trip has ended it
            self.scene.agent.ask("POST", "/connectors/1/stop", {})
        wait_for("open", 8, lambda: not closed(self.scene))
        self.scene.board.ask("POST", "/connectors/1/unplug", {})

    def register_wh(self) -> float:
        return float(str(truth(self.scene)["meter_register_wh"]))

    def stop_button(self) -> None:
        """It opens at once whatever the disk does; then somebody there lets it go on."""
        assert closed(self.scene)
        self.scene.board.ask("POST", "/faults", {"name": "emergency_stop"})
        wait_for("open", 2, lambda: not closed(self.scene), every_s=0.02)
        self.scene.board.ask("DELETE", "/faults/emergency_stop")

    def acknowledged(self) -> bool:
        """Whether nothing is left of the stop button; what is left is acknowledged."""
        for connector in ("1", "2"):
            with suppress(RefusedError):
                self.scene.agent.ask("POST", f"/connectors/{connector}/reset", {"by": "local"})
        return "emergency_stop" not in faults(self.scene)

    def pull(self) -> None:
        """The plug is pulled under load: that opens at once too."""
        assert closed(self.scene)
        self.scene.board.ask("POST", "/connectors/1/unplug", {})
        wait_for("open", 2, lambda: not closed(self.scene), every_s=0.02)

    def told(self, code: str, within_s: float = 15.0) -> JsonObject:
        wait_for(code, within_s, lambda: code in faults(self.scene))
        return faults(self.scene)[code]

    def well(self, code: str) -> None:
        wait_for(f"{code} is over", 20, lambda: code not in faults(self.scene))

    def billed(self) -> None:
        """Every session so far: once in the ledger, once at the backend, with its energy."""
        count = len(self.before_wh)
        wait_for("the bills are in the ledger", 25, lambda: len(self._bills()) >= count)
        wait_for("and at the backend", 15, lambda: len(self._received()) >= count)
        assert len(self._bills()) == count
        assert Counter(self._received().keys()) == Counter(self._bills())
        for (bill, received_wh), flowed_wh in zip(
            self._received().items(), self._flowed_wh(), strict=True
        ):
            assert received_wh == pytest.approx(flowed_wh, abs=METER_STEP_WH), bill

    def _flowed_wh(self) -> list[float]:
        """What really flowed in each session; the meter may show the last of it a second later."""
        marks = [*self.before_wh, self.register_wh()]
        return [after - before for before, after in pairwise(marks)]

    def serviced(self) -> None:
        """A technician has looked at the damage."""

        def confirmed() -> bool:
            for connector in ("1", "2"):
                with suppress(RefusedError):
                    self.scene.agent.ask(
                        "POST", f"/connectors/{connector}/reset", {"by": "service"}
                    )
            return "ledger_damaged" not in faults(self.scene)

        wait_for("confirmed", 20, confirmed, every_s=0.5)

    def rows(self, query: str) -> list[tuple[str, ...]]:
        with closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True)) as ledger:
            return ledger.execute(query).fetchall()

    def fault_codes(self) -> set[str]:
        """Every storage fault in the ledger."""
        found = self.rows("SELECT code FROM faults WHERE subject = 'store'")
        return {row[0] for row in found}

    def _bills(self) -> list[str]:
        return [row[0] for row in self.rows("SELECT id FROM cdrs ORDER BY rowid")]

    def _received(self) -> dict[str, float]:
        found = self.scene.backend.ask("GET", "/received?since=0")["requests"]
        assert isinstance(found, list)
        bills: dict[str, float] = {}
        for request in found:
            assert isinstance(request, dict)
            body = request.get("body")
            if request.get("module") == "cdrs" and request.get("status_code") == 1000:
                assert isinstance(body, dict)
                assert body["id"] not in bills, "received twice"
                bills[str(body["id"])] = 1e3 * float(str(body["total_energy"]))
        return bills


@pytest.fixture
def play(scene: Stage, shim: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    scene.start_board()
    scene.start_backend()
    mode = scene.directory / "disk"
    mode.write_text("-")
    with monkeypatch.context() as patch:
        patch.setenv("LD_PRELOAD", str(shim))
        patch.setenv("LADDVAKT_DISK_FOLDER", str(scene.directory / "state"))
        patch.setenv("LADDVAKT_DISK_MODE", str(mode))
        scene.start_agent(template())
    return Play(scene=scene, mode=mode)


def test_one_life_on_a_bad_disk(play: Play) -> None:
    """Each in turn, on the ledger the one before has left."""
    _full(play)
    _read_only_then_slow(play)
    assert {"storage_full", "storage_read_only"} <= play.fault_codes()
    _corrupt_then_deleted(play)
    assert "ledger_damaged" in play.fault_codes()
    running = play.rows("SELECT evse_uid FROM intervals WHERE ended_wall IS NULL")
    assert len(running) == len(connectors(play.scene))
    assert "Traceback" not in play.scene.log_text("agent")


def _full(play: Play) -> None:
    """A running session is finished, no new one begins, and nothing of it is lost."""
    with play.session():
        play.turn("f")
        play.stop_button()
        play.told("storage_full")
    with pytest.raises(RefusedError):
        play.scene.agent.ask("POST", "/connectors/2/start", {"token": TOKEN_UID})
    assert not play.fault_codes()
    play.turn("-")
    wait_for("acknowledged", 15, play.acknowledged, every_s=0.5)
    play.well("storage_full")
    play.billed()


def _read_only_then_slow(play: Play) -> None:
    """A running session goes on; another begins, and no round waits for a sync of two seconds."""
    with play.session(), play.disk("r"):
        play.told("storage_read_only")
        play.pull()
    play.well("storage_read_only")
    play.billed()
    with play.disk("s"):
        with play.session():
            longest_s = _longest_answer_s(play, for_s=2.1)
            play.pull()
        assert longest_s < LOOP_S
        assert "control_loop_late" not in faults(play.scene)
    play.billed()


def _corrupt_then_deleted(play: Play) -> None:
    """Rubbish over pages that the next records go to, then no file: the session goes on."""
    with play.session():
        _break_pages(play.ledger, "faults", "sessions", "intervals")
        play.scene.agent.ask("POST", "/connectors/2/out", {})
        evidence = str(play.told("ledger_damaged")["evidence"])
        assert "malformed" in evidence
        play.ledger.unlink()
        renewed = "ledger.db was deleted under way"
        wait_for("another", 20, lambda: play.scene.log_text("agent").count(renewed) > 0)
        assert closed(play.scene)
        play.pull()
    assert list(play.ledger.parent.glob("ledger.db.damaged-*"))
    play.billed()
    play.serviced()


def _longest_answer_s(play: Play, *, for_s: float) -> float:
    begun_s, longest_s = now_s(), 0.0
    while now_s() < begun_s + for_s:
        asked_s = now_s()
        play.scene.agent.ask("GET", "/status")
        longest_s = max(longest_s, now_s() - asked_s)
    return longest_s


def _break_pages(path: Path, *tables: str) -> list[int]:
    """Rubbish over the first page of each table, on the disk and out of every cache."""
    with closing(sqlite3.connect(path, timeout=5.0)) as ledger:
        marks = ", ".join("?" for _ in tables)
        query = f"SELECT rootpage FROM sqlite_schema WHERE name IN ({marks})"
        pages = [int(row[0]) for row in ledger.execute(query, tables)]
        ledger.execute("UPDATE runs SET ended = ended")  # another writer: caches are read anew
        ledger.commit()
        ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * PAGE)
            file.write(b"\xa5" * PAGE)
    return pages
