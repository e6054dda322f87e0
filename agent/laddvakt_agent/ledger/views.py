"""Views of schema 3: every boot's place in time, and the rows with their corrected times.

A row keeps what the clock said when it was written. What is known of the clock later is applied
here, by view, and never by rewriting: `boots` gives the wall time of each boot's second 0, and
`<table>_corrected` adds the corrected times of each row (`..._at`) with their exactness.

Boots are in the order of their runs, whatever any clock said. One that was synchronised is exact;
`peer`: told by the backend, within seconds. Any other is bounded: it began after all that the
boots before it are known to have lasted, and ended before the next ones began. Its `zero` is the
likeliest within these bounds, and never puts a boot before an earlier one.
"""

from __future__ import annotations

_FIRST_RELEASE = "2026-11-01"  # no clock that says earlier was ever right

# (table, its columns of CLOCK_BOOTTIME seconds with the column naming their boot, …)
_TIMED: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("faults", (("boot_id", "since_s"), ("w_boot_id", "cleared_s"))),
    ("intervals", (("begun_boot_id", "begun_s"), ("ended_boot_id", "ended_s"))),
    ("cdrs", (("w_boot_id", "w_s"),)),
    ("commands", (("w_boot_id", "at_s"),)),
    ("self_tests", (("w_boot_id", "at_s"),)),
    ("security", (("boot_id", "at_s"),)),
    ("clock_steps", (("boot_id", "at_s"),)),
)


def _unix(text: str) -> str:
    return f"round((julianday({text}) - 2440587.5) * 86400.0, 3)"


_BOOTS = f"""
CREATE VIEW boots AS
WITH lives AS (
    SELECT boot_id, min(run) AS first_run, max(run) AS last_run, min(started_s) AS first_s,
        max(last_s) AS last_s
    FROM runs GROUP BY boot_id
),
told AS (
    SELECT lives.*,
        coalesce(
            (SELECT {_unix("to_wall")} - at_s FROM clock_steps
                WHERE clock_steps.boot_id = lives.boot_id AND clock_state = 'synced'
                ORDER BY number DESC LIMIT 1),
            (SELECT {_unix("sync_wall")} - sync_s FROM syncs
                WHERE syncs.boot_id = lives.boot_id)
        ) AS synced,
        (SELECT {_unix("to_wall")} - at_s FROM clock_steps
            WHERE clock_steps.boot_id = lives.boot_id AND reason = 'peer'
            ORDER BY number DESC LIMIT 1) AS peer,
        (SELECT {_unix("last_wall")} - runs.last_s FROM runs
            WHERE run = lives.last_run AND last_wall >= '{_FIRST_RELEASE}') AS said
    FROM lives
),
placed AS (
    SELECT told.*, coalesce(synced, peer) AS exact,
        coalesce(sum(last_s) OVER (
            ORDER BY first_run ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0.0) AS up_s
    FROM told
),
bounded AS (
    SELECT placed.*,
        up_s + max(exact - up_s) OVER (
            ORDER BY first_run ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS low,
        up_s + min(exact - up_s) OVER (
            ORDER BY first_run ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS high
    FROM placed
),
guessed AS (
    SELECT bounded.*, CASE WHEN high < low THEN low ELSE high END AS top,
        coalesce(exact,
            CASE WHEN said < low THEN low WHEN said > high THEN high ELSE said END
        ) AS guess
    FROM bounded
),
filled AS (
    SELECT guessed.*, coalesce(guess, low,
        up_s + min(guess - up_s) OVER (
            ORDER BY first_run ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)) AS likely
    FROM guessed
)
SELECT boot_id, first_run, last_run, first_s, last_s,
    up_s + max(likely - up_s) OVER (
        ORDER BY first_run ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS zero,
    CASE WHEN synced IS NOT NULL THEN 'synced' WHEN peer IS NOT NULL THEN 'peer'
        ELSE 'bounded' END AS exactness,
    CASE WHEN exact IS NULL THEN low ELSE exact END AS not_before,
    CASE WHEN exact IS NULL THEN top ELSE exact END AS not_after
FROM filled ORDER BY first_run;
"""


def corrected(table: str, instants: tuple[tuple[str, str], ...]) -> str:
    """SQL that makes a table's view with its corrected times: (naming its boot, seconds) each."""
    boots = dict.fromkeys(boot for boot, _ in instants)
    times = [
        f"strftime('%Y-%m-%dT%H:%M:%fZ', {boot}_times.zero + {table}.{column}, 'unixepoch')"
        f" AS {column.removesuffix('_s')}_at"
        for boot, column in instants
    ]
    exact = [f"{boot}_times.exactness AS {boot.removesuffix('_id')}_exactness" for boot in boots]
    joins = "\n".join(
        f"    LEFT JOIN boots AS {boot}_times ON {boot}_times.boot_id = {table}.{boot}"
        for boot in boots
    )
    chosen = ",\n    ".join((f"{table}.*", *times, *exact))
    return f"CREATE VIEW {table}_corrected AS SELECT {chosen}\nFROM {table}\n{joins};\n"


# A session that outlived a boot has its seconds moved into the next one's: `moved` says by how
# much. Its beginning is the first boot's, and so is an end before second 0 the last one's.
_SESSIONS = """
CREATE VIEW sessions_corrected AS
WITH placed AS (
    SELECT sessions.*,
        CASE WHEN json_extract(moved, '$.into') = boot_id
            THEN json_extract(moved, '$.moved[0].boot_id') END AS first_boot,
        json_extract(moved, '$.moved[0].shift_s') AS first_shift_s,
        CASE WHEN json_extract(moved, '$.into') = boot_id AND ended_s <= 0.0
            THEN json_extract(moved, '$.moved[#-1].boot_id') END AS last_boot,
        json_extract(moved, '$.moved[#-1].shift_s') AS last_shift_s
    FROM sessions
)
SELECT placed.*,
    strftime('%Y-%m-%dT%H:%M:%fZ', begun.zero + begun_s
        - CASE WHEN first_boot IS NULL THEN 0.0 ELSE first_shift_s END, 'unixepoch') AS begun_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', ended.zero + ended_s
        - CASE WHEN last_boot IS NULL THEN 0.0 ELSE last_shift_s END, 'unixepoch') AS ended_at,
    begun.exactness AS boot_exactness,
    ended.exactness AS ended_exactness
FROM placed
    LEFT JOIN boots AS begun ON begun.boot_id = coalesce(first_boot, placed.boot_id)
    LEFT JOIN boots AS ended ON ended.boot_id = coalesce(last_boot, placed.boot_id);
"""

VIEWS = _BOOTS + _SESSIONS + "".join(corrected(table, instants) for table, instants in _TIMED)
