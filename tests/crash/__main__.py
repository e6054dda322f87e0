"""The crash campaign: cuts every story at many points and prints one JSON object like `bench`.

`{"schema_version":1,"results":[…],"violations":[…]}`; a row is
`{"name","value","unit","bound","ok"}`. A violation names story, seed and point; this replays it:
`python -m crash --story NAME --seed N --point N`. Options also come from the environment, as
`make crash` has them: POINTS, SEED.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict

from bench.rows import Row, percentile
from crash import stories
from crash.campaign import played
from crash.death import Verdict
from crash.mutants import MUTANTS
from crash.vfs import Unavailable, library
from crash.world import BOUNCE_S, HOLD_S

TICKS = 700  # what a day has about; only for spreading the points


def main() -> int:
    """Run the campaign or replay one point; 1 when something was wrong, 2 when it cannot run."""
    given = _arguments()
    _fix_hashes()
    try:
        library()
    except Unavailable as error:
        sys.stderr.write(f"crash: {error}\n")
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # tells what there is by then
    started_s = time.monotonic()
    names = given.story or list(stories.names())
    break_it = MUTANTS[given.mutant] if given.mutant else _leave_whole
    if given.point is not None:
        verdicts = played(names[0], given.seed, lambda ticks: ticks == given.point, break_it)
    else:
        verdicts = []
        with contextlib.suppress(KeyboardInterrupt):  # told is what there is by then
            for verdict in campaign(names, given.points, given.seed, break_it):
                verdicts.append(verdict)
    rows = report(verdicts, time.monotonic() - started_s)
    wrong = [asdict(verdict) for verdict in verdicts if verdict.wrong]
    results = [row.as_dict() for row in rows]
    sys.stdout.write(
        json.dumps({"schema_version": 1, "results": results, "violations": wrong}) + "\n"
    )
    return 1 if wrong else 0


def report(verdicts: list[Verdict], seconds: float) -> list[Row]:
    """The campaign in figures."""
    points = [verdict for verdict in verdicts if verdict.how != "none"]
    windows_s = [window_s for verdict in points for window_s in verdict.windows_s]
    wrong = sum(bool(verdict.wrong) for verdict in verdicts)

    def count(name: str, value: float, bound: float | None = None) -> Row:
        return Row(name=f"crash.{name}", value=value, unit="", bound=bound)

    rows = [
        count("points", len(points)),
        count("power_cuts", sum(verdict.how == "cut" for verdict in points)),
        count("kills", sum(verdict.how == "kill" for verdict in points)),
        count("second_deaths", sum(bool(verdict.second) for verdict in points)),
        count("resumed_sessions", sum(verdict.resumed for verdict in points)),
        count("days", len(verdicts) - len(points)),
        count("violations", wrong, bound=0.0),
        count("killed_while_closed", len(windows_s)),
    ]
    if windows_s:
        bound_s = HOLD_S + BOUNCE_S
        rows += [
            Row(name="crash.dead_man_median", value=percentile(windows_s, 0.5), unit="s"),
            Row(name="crash.dead_man_max", value=max(windows_s), unit="s", bound=bound_s),
        ]
    return [*rows, Row(name="crash.duration", value=seconds, unit="s")]


def campaign(
    names: list[str], points: int, seed: int, break_it: Callable[[], None]
) -> Iterator[Verdict]:
    """Story after story, with ever new seeds, until there were enough points."""
    told, rounds = 0, 0
    while told < points:
        quota = max(1, -(-(points - told) // len(names)))
        stride = max(11, TICKS // min(quota, 45))
        for name in names:
            dice = random.Random(f"points {name} {seed + rounds}")
            verdicts = played(name, seed + rounds, _chosen(dice, stride, min(quota, 45)), break_it)
            told += len(verdicts) - 1
            wrong = sum(bool(verdict.wrong) for verdict in verdicts)
            sys.stderr.write(
                f"crash: {name} {seed + rounds}: {len(verdicts) - 1} points, {wrong} wrong;"
                f" {told} of {points}\n"
            )
            for verdict in verdicts:
                if verdict.wrong:
                    first = verdict.wrong[0].strip().splitlines()[-1]
                    sys.stderr.write(f"crash:   point {verdict.point}, {verdict.how}: {first}\n")
            yield from verdicts
            if told >= points:
                return
        rounds += 1


def _chosen(dice: random.Random, stride: int, most: int) -> Callable[[int], bool]:
    """Every so many ticks, a little earlier or later, at most so often."""
    state = {"next": dice.randint(1, stride), "left": most}

    def chosen(ticks: int) -> bool:
        if ticks < state["next"] or not state["left"]:
            return False
        state["next"], state["left"] = ticks + dice.randint(1, 2 * stride - 1), state["left"] - 1
        return True

    return chosen


def _leave_whole() -> None:
    """The product as it is."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="crash", description=__doc__)
    parser.add_argument("--points", type=int, default=int(os.environ.get("POINTS") or 2000))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED") or 1))
    parser.add_argument("--story", action="append", choices=stories.names())
    parser.add_argument("--point", type=int, help="replay this one point of the story")
    parser.add_argument("--mutant", choices=MUTANTS, help="break the product this way first")
    given = parser.parse_args()
    if given.point is not None and len(given.story or ()) != 1:
        parser.error("--point needs the one --story it is of")
    return given


def _fix_hashes() -> None:
    """A point has the same number in every run only when sets have the same order in every run."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "crash", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
