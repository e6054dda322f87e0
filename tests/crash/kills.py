"""Kills the real agent again and again: `python -m crash.kills --kills 200 --seed 1`.

Simulator and backend run on; the agent dies by SIGKILL at seeded moments of short sessions, also
while it starts, stops, raises a fault or sends a CDR. After each round plant, ledger and backend
are compared. Prints one JSON like `make bench`, with every violation and how to play it again.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from bench.rows import Row
from crash.kills_hands import Hands
from crash.kills_judge import WINDOW_S, Before, before, dead_man_s, violations
from crash.kills_round import Round
from crash.kills_truth import Plant
from laddvakt_agent.demo.stage import Stage, StageError, now_s, stage
from laddvakt_agent.demo.watch import StallWatch

STUCK_MAX = 3  # so many rounds that do not come to their end, and the campaign ends


@dataclass(slots=True, kw_only=True)
class Campaign:
    """What a campaign has found so far."""

    seed: int
    directory: Path
    first: int = 0  # round to begin with
    anchor: str = ""  # where each round's first kill is hung up, if that is not drawn
    eager: bool = False  # as many kills in a round as may be
    rounds: int = 0
    kills: int = 0
    anchors: dict[str, int] = field(default_factory=dict)
    sessions: int = 0
    resumed: int = 0
    stuck: int = 0
    given_up: int = 0
    open_after_s: dict[str, list[float]] = field(default_factory=lambda: {"1": [], "2": []})
    violations: list[dict[str, object]] = field(default_factory=list)
    begun_s: float = field(default_factory=now_s)

    def run(self, kills: int) -> None:
        """Play rounds until the agent has been killed so often."""
        while self.kills < kills and self.stuck < STUCK_MAX:
            number = self.first + self.rounds
            with stage(self.directory / f"from-{number}") as scene:
                scene.start_board()
                scene.start_backend()
                plant = Plant(stage=scene)
                Hands(stage=scene, plant=plant).start()
                stalls = StallWatch(stalls=plant.stalls)
                plant.start()
                stalls.start()
                try:
                    self._rounds(scene, plant, kills)
                finally:
                    stalls.stop()
                    plant.stop()
                self._count(scene)

    def results(self) -> list[Row]:
        """The figures."""
        rows = [
            Row(name="kills", value=self.kills, unit="SIGKILLs"),
            Row(name="kill_rounds", value=self.rounds, unit="rounds"),
            Row(name="kill_rounds_given_up", value=self.given_up, unit="rounds"),
            Row(name="kill_sessions", value=self.sessions, unit="sessions"),
            Row(name="kill_sessions_resumed", value=self.resumed, unit="times"),
            Row(name="kill_violations", value=len(self.violations), unit="violations", bound=0.0),
        ]
        for name, times_s in self.open_after_s.items():
            count = Row(name=f"kills_while_closed_{name}", value=len(times_s), unit="SIGKILLs")
            rows.append(count)
            for word, pick in (("min", min), ("median", statistics.median), ("max", max)):
                if times_s:
                    label = f"dead_man_{word}_{name}"
                    rows.append(Row(name=label, value=pick(times_s), unit="s"))
            rows.append(Row(name=f"dead_man_window_{name}", value=WINDOW_S[name], unit="s"))
        rows.append(Row(name="kill_campaign", value=now_s() - self.begun_s, unit="s"))
        return rows

    def _rounds(self, scene: Stage, plant: Plant, kills: int) -> None:
        """Rounds on one stage, until one is stuck: what it left would blame the next."""
        while self.kills < kills:
            number = self.first + self.rounds
            played = Round(
                stage=scene,
                plant=plant,
                dice=Random(f"{self.seed} {number}"),
                anchor=self.anchor,
                eager=self.eager,
            )
            was = before(played)
            try:
                self._play(played, was)
            except StageError as error:
                self._note(played, number, [f"stuck: {error}"])
                self.stuck += 1
                return
            finally:
                self.rounds += 1
                self.kills += len(played.kills)
                self.given_up += bool(played.given_up)
                self._time(plant, played)

    def _play(self, played: Round, was: Before) -> None:
        number = self.first + self.rounds
        try:
            played.run()
        finally:
            played.disarm()
        self._note(played, number, list(violations(played, was)))
        said = ", ".join(f"{kill.anchor}" for kill in played.kills)
        sys.stderr.write(f"kills: round {number}: {said}; {self.kills + len(played.kills)} kills\n")

    def _time(self, plant: Plant, played: Round) -> None:
        for kill in played.kills:
            self.anchors[kill.anchor] = self.anchors.get(kill.anchor, 0) + 1
            for name, after_s in dead_man_s(plant, kill):
                if after_s is not None:
                    self.open_after_s[name].append(after_s)

    def _note(self, played: Round, number: int, found: list[str]) -> None:
        again = f"python -m crash.kills --seed {self.seed} --first {number} --kills 1"
        for text in found:
            sys.stderr.write(f"kills: round {number}: {text}\n")
            step = [*played.steps[-1:], "at the start"][0]
            self.violations.append(
                {"what": text, "round": number, "again": again, "step": step, "steps": played.steps}
            )

    def _count(self, scene: Stage) -> None:
        log = scene.log_text("agent")
        self.sessions += log.count('"session_begun"')
        self.resumed += log.count('"session_resumed"')


def main() -> int:
    """Run the campaign; 1 when anything is wrong."""
    parser = argparse.ArgumentParser(prog="crash.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="round to begin with")
    parser.add_argument("--json", action="store_true", help="the JSON is printed in any case")
    parser.add_argument("--keep", type=Path, help="a folder for logs and ledgers, kept")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="laddvakt-kills-") as directory:
        campaign = Campaign(
            seed=given.seed, directory=given.keep or Path(directory), first=given.first
        )
        campaign.run(given.kills)
    rows = campaign.results()
    told = {
        "schema_version": 1,
        "seed": campaign.seed,
        "results": [row.as_dict() for row in rows],
        "anchors": campaign.anchors,
        "violations": campaign.violations,
    }
    sys.stdout.write(json.dumps(told) + "\n")
    return 0 if all(row.ok for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
