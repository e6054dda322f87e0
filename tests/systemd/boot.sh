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
        --include=systemd,systemd-sysv,dbus,udev,procps,python3,python3-venv bookworm "$root"
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
    # CAP_SYS_TIME: without it timedated in there may not ask about the clock either.
    systemd-nspawn -q -D "$root" --register=no --keep-unit --boot --console=pipe \
        --capability=CAP_SYS_TIME </dev/null >"$root.log" 2>&1 &
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
    local said
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
    certify
    check "the configuration is accepted" inside /opt/laddvakt/bin/laddvakt run --check
    said=$(inside systemd-analyze verify --man=no laddvakt.service 2>&1) || true
    check "systemd has nothing to say${said:+: $said}" [ -z "$said" ]
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

certify() { # as in systemd/README.md; whoever asks trusts it by its file
    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=127.0.0.1 \
        -addext subjectAltName=IP:127.0.0.1 \
        -keyout "$root/root/key.pem" -out "$root/root/cert.pem" 2>/dev/null
    inside sh -euc 'cd /root
        install -o root -g laddvakt -m 640 cert.pem key.pem /etc/laddvakt/
        mkdir -p /etc/systemd/system/laddvakt.service.d
        printf "[Service]\nLoadCredential=ocpi-token-hub\n" \
            >/etc/systemd/system/laddvakt.service.d/tokens.conf
        (umask 077; echo an-initial-token >/etc/credstore/ocpi-token-hub)'
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
evse_id = "SE*LAD*EBOOT1"
board = "charx1"
meter = "charx1"
residual_monitor = "rcm1"
max_current_a = 16

[server]
url = "https://127.0.0.1:8443"
certificate = "/etc/laddvakt/cert.pem"
key = "/etc/laddvakt/key.pem"

[[uplink]]
name = "hub"
mode = "platform"
TOML
}

# The kernel's clock is the container's too. Its error bound is what an NTP client keeps small.
kernel_says() { # synchronised | not
    python3 - "$1" <<'PY'
import ctypes, sys
synced = sys.argv[1] == "synchronised"
timex = (ctypes.c_long * 40)()
timex[0] = 0x0004 | 0x0010  # modes: ADJ_MAXERROR, ADJ_STATUS
timex[3] = 1000 if synced else 16_000_000  # maxerror, microseconds
timex[5] = 0 if synced else 0x0040  # status: STA_UNSYNC
sys.exit(ctypes.CDLL(None).adjtimex(timex) == -1)
PY
}
syncs() { # how often the agent has noted that the clock was synchronised
    inside python3 -c 'import sqlite3; print(sqlite3.connect("/var/lib/laddvakt/ledger.db")
        .execute("SELECT count(*) FROM clock_steps WHERE clock_state = ?", ("synced",))
        .fetchone()[0])'
}
synced() { [ "$(syncs)" -gt 0 ]; }
forget() { # a new ledger and a new start
    inside sh -euc 'systemctl stop laddvakt; rm -f /var/lib/laddvakt/ledger.db*
        systemctl start laddvakt'
}

watch_the_clock() {
    local flag=/run/systemd/timesync/synchronized
    kernel_says not
    trap 'kernel_says not; kill "$container" 2>/dev/null; wait "$container" 2>/dev/null || true' EXIT
    within 15 is ActiveState active
    sleep 3
    check "nobody synchronises: the agent does not think so" not synced
    check "asked over the bus" inside systemctl is-active -q systemd-timedated
    kernel_says synchronised
    check "the kernel is disciplined, by whomever: synchronised" within 20 synced
    kernel_says not

    inside systemctl mask -q --now systemd-timedated
    forget
    sleep 3
    check "nobody to ask and no flag: not synchronised" not synced
    inside sh -c "mkdir -p ${flag%/*}; touch $flag"
    check "nobody to ask, timesyncd's flag: synchronised" within 10 synced
    inside sh -c "rm $flag; systemctl unmask -q systemd-timedated"
    forget
}

agreed() { # a platform comes in by TLS with the token of its own credential; that outlives all
    inside systemd-run -q --unit=hub -E SSL_CERT_FILE=/etc/laddvakt/cert.pem \
        /opt/laddvakt/bin/laddvakt-sim backend --dir /run/hub --port 9000 \
        --initial-token none-of-ours
    within 15 inside test -e /run/hub/backend.json
    check "a platform registers" within 15 inside python3 -c '
import json, urllib.request
wish = {"url": "https://127.0.0.1:8443/ocpi/versions", "token": "an-initial-token"}
request = urllib.request.Request("http://127.0.0.1:9000/register", json.dumps(wish).encode())
urllib.request.urlopen(request)'
    check "the agreement belongs to the service" [ "$(inside stat -c '%U %a' \
        /var/lib/laddvakt/uplink/hub.json)" = "laddvakt 600" ]
}

watch_it() {
    check "READY with a missing port and no token" within 15 is ActiveState active
    check "the local API answers" within 5 agent_says
    check "runs as laddvakt" [ "$(owner)" = laddvakt ]
    check "state is the service's own" inside test -s /var/lib/laddvakt/ledger.db
    check "no start was lost" is NRestarts 0
    agreed
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
watch_the_clock
watch_it
say "journal in $root.journal"
[ "$failures" -eq 0 ]
