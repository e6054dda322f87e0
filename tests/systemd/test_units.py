"""The unit and its companions: judged by systemd's own tools, and agreeing with each other."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "systemd"
UNIT = UNITS / "laddvakt.service"
PROGRAM = "/opt/laddvakt/bin/laddvakt"
EXPOSURE_TENTHS = 15


def _run(tool: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    path = shutil.which(tool)
    if path is None:
        pytest.fail(f"{tool} is missing: apt install systemd (it need not be running)")
    return subprocess.run(
        [path, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "SYSTEMD_COLORS": "0"},
    )


def _settings(path: Path = UNIT) -> dict[str, list[str]]:
    """Every value of every key, in order."""
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        key, separator, value = line.partition("=")
        if separator and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


def _copy_that_can_start(directory: Path, *, instead: str = "/bin/true") -> Path:
    """The unit with a program path that exists here; nothing else differs."""
    original = UNIT.read_text()
    assert original.count(PROGRAM) == 1
    path = directory / UNIT.name
    path.write_text(original.replace(PROGRAM, instead))
    return path


def test_exposure_is_low() -> None:
    judged = _run("systemd-analyze", "security", "--offline=true", "--no-pager",
                  f"--threshold={EXPOSURE_TENTHS}", UNIT)  # fmt: skip
    level = re.search(r"Overall exposure level for laddvakt\.service: (\d+\.\d)", judged.stdout)
    assert level is not None, judged.stdout + judged.stderr
    assert judged.returncode == 0, level.group(0)
    assert float(level.group(1)) <= EXPOSURE_TENTHS / 10


def test_systemd_has_nothing_to_say(tmp_path: Path) -> None:
    """It exits with 0 for unknown keys and bad values, so only silence counts."""
    judged = _run("systemd-analyze", "verify", "--man=no", _copy_that_can_start(tmp_path))
    assert (judged.returncode, judged.stdout, judged.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        pytest.param("Restart=always", "Restrat=always", "Unknown key", id="key"),
        pytest.param("WatchdogSec=5s", "WatchdogSec=often", "Failed to parse", id="value"),
        pytest.param("/bin/true", "/bin/no-such-thing", "not executable", id="program"),
    ],
)
def test_the_silence_means_something(tmp_path: Path, before: str, after: str, told: str) -> None:
    path = _copy_that_can_start(tmp_path)
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after))
    assert told in _run("systemd-analyze", "verify", "--man=no", path).stderr


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Type", "notify"),
        ("NotifyAccess", "main"),
        ("ExecStart", f"{PROGRAM} run --config /etc/laddvakt/laddvakt.toml"),
        ("User", "laddvakt"),
        ("WatchdogSec", "5s"),
        ("Restart", "always"),
        ("RestartSec", "2s"),
        ("RestartPreventExitStatus", "78"),
        ("StartLimitIntervalSec", "0"),
        ("LoadCredential", "ocpi-token"),
        ("StateDirectory", "laddvakt"),
        ("RuntimeDirectory", "laddvakt"),
        ("ConfigurationDirectory", "laddvakt"),
        ("MemoryDenyWriteExecute", "yes"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
    ],
)
def test_what_the_unit_promises(key: str, value: str) -> None:
    assert _settings()[key] == [value]


def test_there_is_time_to_ramp_before_the_end() -> None:
    (seconds,) = _settings()["TimeoutStopSec"]
    assert int(seconds.removesuffix("s")) >= 15


def test_no_network_is_waited_for() -> None:
    settings = _settings()
    wanted = " ".join(
        value for key in ("Wants", "Requires", "After") for value in settings.get(key, [])
    )
    assert "network-online" not in wanted
    assert "time-sync" not in wanted
    assert "Requires" not in settings
    assert "BindsTo" not in settings


def test_every_driver_wanted_is_also_waited_for() -> None:
    """The list of devices is made when the service starts: the driver must be there by then."""
    settings = _settings()
    wanted = " ".join(settings["Wants"]).split()
    assert set(wanted) <= set(" ".join(settings["After"]).split())
    assert {"modprobe@usbserial.service", "modprobe@cdc_acm.service"} <= set(wanted)


def test_rules_and_unit_mean_the_same_devices() -> None:
    allowed = {value.split()[0].removeprefix("char-") for value in _settings()["DeviceAllow"]}
    rules = (UNITS / "60-laddvakt.rules").read_text()
    named = re.search(r'^KERNEL!="([^"]*)"', rules, re.MULTILINE)
    assert named is not None
    assert {re.sub(r"(\[0-9\])?\*$", "", name) for name in named.group(1).split("|")} == allowed


def test_rules_unit_and_user_mean_the_same_group(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    made = _run("systemd-sysusers", f"--root={tmp_path}", UNITS / "laddvakt.sysusers")
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "etc/passwd").read_text().startswith("laddvakt:")
    assert (tmp_path / "etc/group").read_text().startswith("laddvakt:")
    (group,) = _settings()["Group"]
    assert group == "laddvakt"
    assert f'GROUP="{group}", MODE="0660"' in (UNITS / "60-laddvakt.rules").read_text()


def test_the_folders_it_needs_are_made() -> None:
    lines = (UNITS / "laddvakt.tmpfiles").read_text().splitlines()
    made = {tuple(line.split()[:3]) for line in lines if line and not line.startswith("#")}
    assert made == {("d", "/etc/laddvakt", "0755"), ("d", "/etc/credstore", "0700")}


def test_latency_of_ftdi_adapters_is_cut() -> None:
    rules = (UNITS / "60-laddvakt.rules").read_text()
    assert re.search(
        r'SUBSYSTEM=="usb-serial".*DRIVER=="ftdi_sio".*ATTR\{latency_timer\}="1"', rules
    )
