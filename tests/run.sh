#!/usr/bin/env bash
# Every test: the core with its coverage beside everything else, then, alone, what judges times closely.
set -uo pipefail
cd "$(dirname "$0")/.."
bin=${1:-.venv/bin}
kept=.cache/test
# Explorations take too long to be measured too; what runs in a core with a defect proves nothing.
core="tests/agent/core --ignore-glob=*/test_core_exploration.py --ignore-glob=*/test_core_mutants.py"
mkdir -p "$kept"

measure_core() {
  # slipcover instruments once and then costs next to nothing: a search can afford it.
  "$bin/python" -m slipcover --branch --source agent/laddvakt_agent/core --json --out "$kept/core.json" \
    -m pytest -q $core -p no:cacheprovider -W ignore::pytest.PytestAssertRewriteWarning \
    && "$bin/python" tests/covered.py "$kept/core.json"
}

echo "== test: the core, every line and branch of it (told when the rest is done)"
measure_core >"$kept/core.log" 2>&1 &
measured=$!
trap 'kill "$measured" 2>/dev/null' EXIT

echo "== test: everything else, three at a time"
"$bin/pytest" -q -n 3 --dist loadgroup -m 'not alone' --ignore-glob='*/core/test_core_[!em]*.py' \
  --ignore-glob='*/core/test_core_ex[!p]*.py' --ignore-glob='*/core/test_core_m[!u]*.py' \
  --ignore-glob='*/core/test_core_expl[!o]*.py'
rest=$?
wait "$measured"
core=$?
trap - EXIT
echo "== test: the core"
tail -n 60 "$kept/core.log"

echo "== test: what judges times closely, one at a time, the demo once included"
"$bin/pytest" -q -m alone $(grep -rl 'mark.alone' tests --include='*.py')
alone=$?
[ "$core" -eq 0 ] && [ "$rest" -eq 0 ] && [ "$alone" -eq 0 ]
