"""The list of supported devices, from their profiles: `python -m laddvakt_hal.supported`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from laddvakt_hal.board_watchdog import replaces_dead_man
from laddvakt_hal.errors import ProfileError
from laddvakt_hal.profile import known_profiles, load_profile
from laddvakt_hal.profile_model import FedBy, Kind, OnExpiry

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from laddvakt_hal.profile_model import Profile

BEGIN, END = "<!-- devices:begin -->", "<!-- devices:end -->"
README = Path(__file__).resolve().parents[1] / "README.md"
_HEAD = (
    "profile",
    "device",
    "roles",
    "line, as it leaves the factory",
    "one request brings",
    "if the agent dies",
    "rows",
    "source",
    "hardware",
)
_FED = {
    FedBy.ANY_REQUEST: "any request feeds it",
    FedBy.LIMIT_WRITE: "only writing the limit feeds it",
    FedBy.HEARTBEAT: "a heartbeat feeds it",
}
_EXPIRY = {
    OnExpiry.STOP: "stops",
    OnExpiry.LESS_CURRENT: "less current",
    OnExpiry.MORE_CURRENT: "MORE current, never a safeguard",
}
_KINDS = {
    Kind.METER: "meter",
    Kind.BOARD: "pilot board",
    Kind.RELAY: "relay",
    Kind.RESIDUAL_MONITOR: "residual-current monitor",
}


def table(profiles: Iterable[Profile]) -> str:
    """The profiles as a Markdown table, in their order."""
    rows = [_HEAD, tuple("---" for _ in _HEAD), *(_cells(profile) for profile in profiles)]
    return "\n".join(f"| {' | '.join(_safe(cell) for cell in row)} |" for row in rows) + "\n"


def written_into(text: str, devices: str) -> str:
    """A README with the part between the markers replaced.

    Raises:
        ValueError: the markers are not there once each, in their order.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end) or BEGIN in rest or END in after:
        raise ValueError(f"{BEGIN} … {END} is expected once")
    return f"{before}{BEGIN}\n{devices}{END}{after}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table, or write it into the README; 0 when that was done."""
    parser = argparse.ArgumentParser(prog="python -m laddvakt_hal.supported", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write it into the README")
    parser.add_argument("--readme", type=Path, default=README, help=f"instead of {README}")
    chosen = parser.parse_args(arguments)
    try:
        devices = table(load_profile(name) for name in known_profiles())
        if not chosen.write:
            sys.stdout.write(devices)
            return 0
        text = chosen.readme.read_text(encoding="utf-8")
        chosen.readme.write_text(written_into(text, devices), encoding="utf-8")
    except (ProfileError, OSError, ValueError) as error:
        sys.stderr.write(f"the list was not written: {error}\n")
        return 1
    return 0


def roles(profile: Profile) -> tuple[str, ...]:
    """What the device can be for a connector, in words; empty: its rows can be read, no more."""
    board, relay = profile.board, profile.relay
    found = {
        "board": board is not None,
        "meter": profile.meter is not None,
        "contactor": (board is not None and board.release is not None)
        or (relay is not None and relay.falls_open),
        "outputs": relay is not None,
        "inputs": relay is not None and relay.contact is not None,
        "residual monitor": profile.residual is not None,
    }
    return tuple(name for name, plays in found.items() if plays)


def _cells(profile: Profile) -> tuple[str, ...]:
    return (
        f"`{profile.id}`",
        _device(profile),
        _roles(profile),
        _line(profile),
        _reads(profile),
        _watchdog(profile),
        _rows(profile),
        _source(profile),
        f"{'' if profile.hardware_checked else 'not '}verified on hardware",
    )


def _device(profile: Profile) -> str:
    also = f"; also sold as {', '.join(profile.variants)}" if profile.variants else ""
    return f"{profile.vendor} {profile.model}{also}"


def _roles(profile: Profile) -> str:
    found = roles(profile)
    return ", ".join(found) if found else f"{_KINDS[profile.kind]}, rows only"


def _line(profile: Profile) -> str:
    lines = []
    if profile.baud is not None:
        unsure = "" if profile.serial_confirmed else " (not confirmed)"
        form = f"{profile.baud} 8{profile.parity}{profile.stop_bits}"
        lines.append(f"{form}, unit {profile.unit}{unsure}")
    if profile.tcp_port is not None:
        lines.append(f"TCP {profile.tcp_port}, unit {profile.tcp_unit}")
    return "; ".join(lines)


def _reads(profile: Profile) -> str:
    limits, timing = profile.limits, profile.timing
    most = f"{limits.max_read} registers"
    if profile.kind is Kind.RELAY:
        most = f"{limits.max_read} outputs or registers"
    parts = ["one value" if limits.one_row or limits.max_read == 1 else f"at most {most}"]
    pauses = (
        ("rest", timing.min_delay_s),
        ("after another unit", timing.unit_change_s),
        ("between reads", timing.read_interval_s),
        ("between limits", timing.write_interval_s),
    )
    parts += [f"{round(pause_s * 1000)} ms {what}" for what, pause_s in pauses if pause_s]
    return ", ".join(parts)


def _watchdog(profile: Profile) -> str:
    watchdog = profile.watchdog
    if watchdog.fed_by is FedBy.NOTHING:
        if profile.relay is not None:
            falls = profile.relay.falls_open
            return "a timed output falls open" if falls else "outputs stay as they are"
        return "nothing: needs a dead man" if profile.kind is Kind.BOARD else "–"
    expires_s = profile.watchdog_s
    if expires_s is None:
        after = " after a time set on the device"
    else:
        after = f" after {expires_s:g} s"
        after += ", set on the device" if watchdog.timeout_quantity is None else ""
    told = f"{_EXPIRY[watchdog.on_expiry]}{after}; {_FED[watchdog.fed_by]}"
    too_late = profile.kind is Kind.BOARD and not replaces_dead_man(profile)
    return f"{told}; needs a dead man" if too_late else told


def _rows(profile: Profile) -> str:
    found = [row.confidence for row in profile.rows.values()]
    told = (("B", "from one source"), ("C", "inferred"))
    parts = [f"{found.count(level)} {words}" for level, words in told if level in found]
    return ", ".join([f"{len(found)}", *parts])


def _source(profile: Profile) -> str:
    second = f"; confirmed by {profile.second_source}" if profile.second_source else ""
    return f"{profile.source}{second}"


def _safe(cell: str) -> str:
    return cell.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    raise SystemExit(main())
