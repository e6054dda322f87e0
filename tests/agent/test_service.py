"""What goes over the notify socket, when the watchdog is fed, and where the token comes from."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from laddvakt_agent.service import Notifier, ProgressWatchdog, ServiceError, ocpi_token


@contextmanager
def _listening(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address)
        listener.setblocking(False)
        yield listener


def _heard(listener: socket.socket) -> list[str]:
    messages = []
    while True:
        try:
            messages.append(listener.recv(4096).decode())
        except BlockingIOError:
            return messages


@pytest.mark.integration
@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_what_systemd_hears(tmp_path: Path, abstract: bool) -> None:
    name = f"laddvakt-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with _listening("\0" + name if abstract else name) as listener:
        notifier = Notifier({"NOTIFY_SOCKET": "@" + name if abstract else name})
        notifier.ready()
        notifier.status("line1: every\ndevice answers")
        notifier.watchdog()
        notifier.stopping()
        assert _heard(listener) == [
            "READY=1",
            "STATUS=line1: every device answers",
            "WATCHDOG=1",
            "STOPPING=1",
        ]


def test_without_systemd_nothing_happens() -> None:
    Notifier({}).ready()


@pytest.mark.integration
def test_a_deaf_systemd_holds_nothing_up(tmp_path: Path) -> None:
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).watchdog()
    with _listening(str(tmp_path / "full")) as listener:
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "full")})
        for _ in range(5000):
            notifier.watchdog()  # more than its queue holds
        assert _heard(listener)[0] == "WATCHDOG=1"


@pytest.mark.parametrize(
    ("environment", "interval_s"),
    [
        pytest.param({}, None, id="not watched"),
        pytest.param({"WATCHDOG_USEC": "5000000"}, 5.0, id="anyone"),
        pytest.param({"WATCHDOG_USEC": "5000000", "WATCHDOG_PID": "42"}, 5.0, id="this process"),
        pytest.param({"WATCHDOG_USEC": "5000000", "WATCHDOG_PID": "43"}, None, id="another one"),
        pytest.param({"WATCHDOG_USEC": "0"}, None, id="zero"),
        pytest.param({"WATCHDOG_USEC": "often"}, None, id="nonsense"),
    ],
)
def test_how_often_systemd_wants_to_hear(
    environment: dict[str, str], interval_s: float | None
) -> None:
    assert Notifier(environment, pid=42).watchdog_interval_s == interval_s


class _Counting(Notifier):
    """Counts what would be sent."""

    def __init__(self, interval_s: int | None) -> None:
        watched = {} if interval_s is None else {"WATCHDOG_USEC": str(interval_s * 1_000_000)}
        super().__init__(watched)
        self.pings = 0

    def watchdog(self) -> None:
        self.pings += 1


def test_pings_only_when_everything_moved() -> None:
    notifier = _Counting(6)
    dog = ProgressWatchdog(notifier, ("line1", "line2", "core"), now_s=0.0)
    assert not dog.progressed("line1", 10.0)
    assert not dog.progressed("line1", 11.0)
    assert not dog.progressed("core", 11.0)
    assert dog.waiting_for() == ("line2",)
    assert dog.progressed("line2", 12.0)
    assert dog.waiting_for() == ("core", "line1", "line2")
    assert notifier.pings == 1


def test_one_part_standing_still_is_silence() -> None:
    """The timer keeps asking, the other parts keep moving: systemd must still act."""
    notifier = _Counting(6)
    dog = ProgressWatchdog(notifier, ("line1", "core"), now_s=0.0)
    for now_s in range(100):
        dog.progressed("line1", float(now_s))
        assert not dog.ping_if_due(float(now_s))
    assert notifier.pings == 0


def test_pings_are_spaced_and_in_time() -> None:
    notifier = _Counting(6)
    dog = ProgressWatchdog(notifier, ("line1", "core"), now_s=0.0)
    pinged_s = []
    for tick in range(1, 1000):
        now_s = tick * 0.1
        if dog.progressed("line1", now_s) | dog.progressed("core", now_s):
            pinged_s.append(now_s)
    gaps_s = [after - before for before, after in pairwise(pinged_s)]
    assert min(gaps_s) >= 1.999
    assert max(gaps_s) <= 2.2
    assert notifier.pings == len(pinged_s)


def test_unwatched_never_pings() -> None:
    notifier = _Counting(None)
    dog = ProgressWatchdog(notifier, ("core",), now_s=0.0)
    assert not dog.progressed("core", 100.0)


def test_a_watchdog_knows_its_parts() -> None:
    dog = ProgressWatchdog(_Counting(6), ("core",), now_s=0.0)
    with pytest.raises(KeyError, match="line9"):
        dog.progressed("line9", 1.0)
    with pytest.raises(ValueError, match="without parts"):
        ProgressWatchdog(_Counting(6), (), now_s=0.0)


def _token_file(directory: Path, content: bytes = b"s3cret-token\n", mode: int = 0o600) -> Path:
    path = directory / "ocpi-token"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_the_token_from_systemd(tmp_path: Path) -> None:
    _token_file(tmp_path, mode=0o440)  # systemd's own choice, readable by the service alone
    assert ocpi_token({"CREDENTIALS_DIRECTORY": str(tmp_path)}) == ("s3cret-token", None)


def test_no_token_is_no_error(tmp_path: Path) -> None:
    assert ocpi_token({}) == (None, None)
    assert ocpi_token({"CREDENTIALS_DIRECTORY": str(tmp_path)}) == (None, None)


def test_the_configured_file_wins(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    path = _token_file(own, b"  mine  ")
    _token_file(tmp_path)
    assert ocpi_token({"CREDENTIALS_DIRECTORY": str(tmp_path)}, path) == ("mine", None)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_token_others_can_read_is_told(tmp_path: Path, mode: int) -> None:
    token, warning = ocpi_token({}, _token_file(tmp_path, mode=mode))
    assert token == "s3cret-token"
    assert warning is not None
    assert "chmod 600" in warning
    assert "s3cret" not in warning


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(b"", "it is empty", id="empty"),
        pytest.param(b" \n", "it is empty", id="blank"),
        pytest.param(b"two\nlines\n", "one line of printable ASCII", id="two lines"),
        pytest.param("nyckel-å".encode(), "one line of printable ASCII", id="not ascii"),
        pytest.param(b"\x00" * 10, "one line of printable ASCII", id="binary"),
        pytest.param(b"x" * 5000, "one line of printable ASCII", id="too long"),
    ],
)
def test_a_useless_token_is_told_without_telling_it(
    tmp_path: Path, content: bytes, told: str
) -> None:
    with pytest.raises(ServiceError, match=told) as raised:
        ocpi_token({}, _token_file(tmp_path, content))
    assert "token_file" in str(raised.value)
    assert "xxxxx" not in str(raised.value)


def test_a_missing_token_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="No such file or directory; check `token_file`"):
        ocpi_token({}, tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "alone", "found"),
    [
        ("hub", False, "hubs"),
        ("emsp", False, None),
        ("emsp", True, "anybodys"),
        ("hub", True, "hubs"),
    ],
)
def test_each_platform_has_a_credential_of_its_own(
    tmp_path: Path, name: str, *, alone: bool, found: str | None
) -> None:
    """The name without a platform's is the only platform's alone."""
    for credential, token in (("ocpi-token", "anybodys"), ("ocpi-token-hub", "hubs")):
        (tmp_path / credential).write_text(token)
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert ocpi_token(environment, name=name, alone=alone) == (found, None)
