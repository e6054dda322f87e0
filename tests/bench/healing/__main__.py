"""`python -m bench.healing [--years N] [--seed N]`: prints JSON, and a table on standard error."""

from __future__ import annotations

import argparse
import json
import sys

from bench.healing.policies import POLICIES
from bench.healing.run import lived
from bench.healing.score import Score
from bench.healing.trace import year


def measure(years: int, seed: int) -> dict[str, Score]:
    """The same years under every policy."""
    scores = {policy().name: Score() for policy in POLICIES}
    for number in range(years):
        troubled = year(seed + number)
        for policy in POLICIES:
            scores[policy().name].add(lived(troubled, policy()))
    return scores


def as_object(score: Score) -> dict[str, float]:
    """Per charger and year; availability as a share."""
    years = score.years
    return {
        "availability": round(score.availability, 6),
        "truck_rolls": round(score.truck_rolls / years, 3),
        "site_visits": round(score.site_visits / years, 2),
        "contactor_operations": round(score.operations / years, 1),
        "openings_under_load": round(score.load_openings / years, 2),
        "unsafe_reclosures": round(score.unsafe_reclosures / years, 3),
        "sessions": round(score.sessions / years, 1),
        "sessions_lost": round(score.sessions_lost / years, 2),
        "charging_hours": round(score.closed_s / years / 3600.0, 1),
        "steps": score.steps,
    }


def main() -> int:
    """Run and print; 1 when Laddvakt is not best where it says it is."""
    parser = argparse.ArgumentParser(prog="bench.healing", description=__doc__)
    parser.add_argument("--years", type=int, default=1000, help="charger-years (1000)")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    scores = measure(given.years, given.seed)
    told = {name: as_object(score) for name, score in scores.items()}
    for name, row in told.items():
        sys.stderr.write(f"{name}: {row}\n")
    sys.stdout.write(json.dumps({"schema_version": 1, "years": given.years, "policies": told}))
    sys.stdout.write("\n")
    return 0 if best(scores) else 1


def best(scores: dict[str, Score]) -> bool:
    """No unsafe reclosure, the best availability, the fewest openings under load."""
    ours, *others = scores.values()
    return (
        ours.unsafe_reclosures == 0
        and all(ours.availability >= other.availability for other in others)
        and all(ours.load_openings <= other.load_openings for other in others)
    )


if __name__ == "__main__":
    sys.exit(main())
