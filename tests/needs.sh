#!/usr/bin/env bash
# What the tests need beside Python: systemd's tools, to judge the unit (systemd need not run).
set -euo pipefail
command -v systemd-analyze >/dev/null && command -v systemd-sysusers >/dev/null && exit 0
echo "== the tests need systemd-analyze: installing the package systemd"
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
if ! command -v apt-get >/dev/null || ! command -v "${as_root[@]:-apt-get}" >/dev/null; then
  echo "cannot install it here; install systemd-analyze and systemd-sysusers by hand" >&2
  exit 1
fi
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends systemd
