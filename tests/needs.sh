#!/usr/bin/env bash
# What the tests need beside Python: systemd's tools to judge the unit (systemd need not run), Modbus
# clients written by others (mbpoll, libmodbus with a compiler, node with modbus-serial), and OCPI
# platforms written by others, each in an environment of its own.
set -euo pipefail
cd "$(dirname "$0")/.."
modbus_serial=8.0.25
node_folder=.cache/node
foreign_folder=.cache/foreign
python=${PYTHON:-python3}

packages=()
need() { # command, packages that bring it
  command -v "$1" >/dev/null || packages+=("${@:2}")
}
need systemd-analyze systemd
need systemd-sysusers systemd
need mbpoll mbpoll
need gcc gcc libc6-dev
need node nodejs
need npm npm
need openssl openssl
[ -e /usr/include/modbus/modbus.h ] || packages+=(libmodbus-dev)

if [ ${#packages[@]} -gt 0 ]; then
  echo "== the tests need more: installing ${packages[*]}"
  as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  if ! command -v apt-get >/dev/null || ! command -v "${as_root[@]:-apt-get}" >/dev/null; then
    echo "cannot install it here; install by hand: ${packages[*]}" >&2
    exit 1
  fi
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${packages[@]}"
fi

if ! grep -qs "\"version\": \"$modbus_serial\"" "$node_folder/node_modules/modbus-serial/package.json"; then
  echo "== the tests need modbus-serial: installing it into $node_folder"
  # Its serial port comes as a ready-made binary: no script has to build anything.
  npm install --prefix "$node_folder" --no-audit --no-fund --ignore-scripts --loglevel=error \
    "modbus-serial@$modbus_serial" \
    || { echo "cannot reach npm's registry; try again when it can be reached" >&2; exit 1; }
fi

# Both bring a package called py_ocpi. What they stand on is newer than they ask for, for the sake of
# newer Pythons.
for foreign in extrawest_ocpi==2025.7.16 py_ocpi==0.3.1; do
  environment="$foreign_folder/${foreign%%==*}"
  grep -qsx "$foreign" "$environment/installed" && continue
  echo "== the tests need $foreign: installing it into $environment"
  rm -rf "$environment"
  "$python" -m venv "$environment"
  "$environment/bin/pip" install --quiet --disable-pip-version-check \
    fastapi==0.101.1 httpx==0.24.1 'pydantic<2' uvicorn==0.23.2
  "$environment/bin/pip" install --quiet --disable-pip-version-check --no-deps "$foreign"
  echo "$foreign" >"$environment/installed"
done
