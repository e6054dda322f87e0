#!/usr/bin/env bash
# Installs Laddvakt as systemd/README.md says, in a container with a real systemd, and watches it
# start, hang, fail and stop. By hand, as root; needs debootstrap and systemd-container:
#     tests/systemd/boot.sh [FOLDER]     FOLDER keeps the container's files for the next time
set -euo pipefail
project=$(cd "$(dirname "$0")/../.." && pwd)
root=${1:-$(mktemp -d /tmp/laddvakt-boot.XXXXXX)}
failures=0

say() { printf '== %s\n' "$*"; }
check() { # NAME COMMAND…
    local name=$1
    shift
    if "$@"; then printf 'ok    %s\n' "$name"; else
        printf 'FAIL  %s\n' "$name"
        failures=$((failures + 1))
    fi
}
within() { # SECONDS COMMAND…
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.2
    done
}
inside() { nsenter -t "$leader" -m -u -i -n -p -C -- "$@"; }
is() { [ "$(inside systemctl show -P "$1" laddvakt)" = "$2" ]; }
restarted() { [ "$(inside systemctl show -P NRestarts laddvakt)" -gt "$1" ] && is ActiveState active; }
log_has() { inside journalctl -u laddvakt --no-pager | grep -- "$1" >/dev/null; }
agent_says() { # 1: a fault stands, which is right here
    local code=0
    inside /opt/laddvakt/bin/laddvakt status >/dev/null 2>&1 || code=$?
    [ "$code" -le 1 ]
}
not() { ! "$@"; }
main_pid() { inside systemctl show -P MainPID laddvakt; }
owner() { inside stat -c %U "/proc/$(main_pid)"; }

install_system() {
    [ -e "$root/etc/debian_version" ] && return
    say "Debian into $root"
    debootstrap --variant=minbase \
        --include=systemd,systemd-sysv,dbus,udev,python3,python3-venv bookworm "$root"
}

collect() {
    say "wheels"
    rm -rf "$root/root/dist" "$root/root/systemd" "$root/var/lib/laddvakt" "$root/etc/laddvakt" \
        "$root/etc/credstore"
    "${PYTHON:-$project/.venv/bin/python}" -m pip wheel -q --wheel-dir "$root/root/dist" "$project"
    cp -r "$project/systemd" "$root/root/"
}

boot() {
    say "booting"
    systemd-nspawn -q -D "$root" --register=no --keep-unit --boot --console=pipe \
        </dev/null >"$root.log" 2>&1 &
    container=$!
    trap 'kill "$container" 2>/dev/null; wait "$container" 2>/dev/null || true' EXIT
    within 30 started || { cat "$root.log"; exit 1; }
}
started() {
    local state
    leader=$(pgrep -P "$container" -x systemd) || return 1
    state=$(inside systemctl is-system-running 2>/dev/null) # also fails when it says "degraded"
    [[ $state == running || $state == degraded ]]
}

install_laddvakt() {
    say "installing as in systemd/README.md"
    inside sh -euc 'cd /root
        python3 -m venv --clear /opt/laddvakt
        /opt/laddvakt/bin/pip install -q --no-index --find-links dist laddvakt

        install -m 644 systemd/laddvakt.sysusers  /usr/lib/sysusers.d/laddvakt.conf
        install -m 644 systemd/laddvakt.tmpfiles  /usr/lib/tmpfiles.d/laddvakt.conf
        install -m 644 systemd/60-laddvakt.rules  /usr/lib/udev/rules.d/
        install -m 644 systemd/laddvakt.service   /usr/lib/systemd/system/
        systemd-sysusers laddvakt.conf
        systemd-tmpfiles --create laddvakt.conf'
    configure "$root/etc/laddvakt/laddvakt.toml"
    check "the configuration is accepted" inside /opt/laddvakt/bin/laddvakt run --check
    check "systemd has nothing to say" \
        [ -z "$(inside systemd-analyze verify --man=no laddvakt.service 2>&1)" ]
    check "udev reads the rules" udev_reads_them
    inside systemd-run -q --unit=board \
        /opt/laddvakt/bin/laddvakt-sim board --dir /run/board --tcp-port 1502
    within 15 inside test -e /run/board/board.json
    inside sh -euc 'systemctl daemon-reload; systemctl enable -q --now laddvakt'
}

udev_reads_them() {
    local said
    said=$(inside udevadm test --action=add /sys/class/tty/tty0 2>&1) || return 1
    grep -q "Reading rules file: /usr/lib/udev/rules.d/60-laddvakt.rules" <<<"$said" &&
        ! grep "60-laddvakt.rules:[0-9]" <<<"$said"
}

configure() { # the simulated board's TCP half, and a serial line without a port: declared faulty
    cat >"$1" <<'TOML'
[station]
country_code = "SE"
party_id = "LAD"
location_id = "BOOT"
name = "Boot"
address = "Provgatan 1"
city = "Stockholm"
postal_code = "11120"
country = "SWE"
latitude = "59.32930"
longitude = "18.06860"
time_zone = "Europe/Stockholm"
authorisation = "free"

[[line]]
name = "line2"
port = "/dev/laddvakt/none"
baud = 19200
format = "8E1"

[[line]]
name = "tcp1"
host = "127.0.0.1"
tcp_port = 1502

[[device]]
name = "rcm1"
line = "line2"
unit = 100
profile = "bender-rcmb300"

[[device]]
name = "charx1"
line = "tcp1"
unit = 255
profile = "phoenix-charx-sec"

[[connector]]
id = "1"
evse_uid = "BOOT-1"
board = "charx1"
meter = "charx1"
residual_monitor = "rcm1"
max_current_a = 16
TOML
}

watch_it() {
    check "READY with a missing port and no token" within 15 is ActiveState active
    check "the local API answers" within 5 agent_says
    check "runs as laddvakt" [ "$(owner)" = laddvakt ]
    check "state is the service's own" inside test -s /var/lib/laddvakt/ledger.db
    check "no start was lost" is NRestarts 0
    sleep 8
    check "fed: alive after more than one watchdog time" is NRestarts 0

    inside systemctl kill -s STOP --kill-whom=main laddvakt
    check "hung: killed by the watchdog and started again" within 30 restarted 0
    check "the journal says watchdog" log_has "Watchdog timeout"

    inside systemctl kill -s KILL --kill-whom=main laddvakt
    check "killed: started again" within 10 restarted 1

    inside sh -c 'umask 077; echo s3cret >/etc/credstore/ocpi-token; systemctl restart laddvakt'
    check "starts with a token" within 15 is ActiveState active
    check "the token is the service's credential" inside grep -q s3cret \
        "/proc/$(main_pid)/root/run/credentials/laddvakt.service/ocpi-token"

    inside systemctl stop laddvakt
    check "stops cleanly" is Result success
    check "and in time" not log_has "State .stop-sigterm. timed out"

    inside sh -c 'echo "nonsense = 1" >>/etc/laddvakt/laddvakt.toml; systemctl start laddvakt || true'
    sleep 5
    check "a wrong configuration exits with 78" is ExecMainStatus 78
    check "and is not started again" is ActiveState failed
    inside journalctl -u laddvakt --no-pager >"$root.journal"
}

install_system
collect
boot
install_laddvakt
watch_it
say "journal in $root.journal"
[ "$failures" -eq 0 ]
