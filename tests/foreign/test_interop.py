"""The agent, a charger and somebody else's eMSP: one customer's visit, seen from the eMSP.

Both libraries share their ancestry, so together they count as one opinion; neither speaks 2.3.0.
`py_ocpi` names only https addresses of itself: there the visit goes over TLS.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from integration.acting import connectors, run_agent
from laddvakt_agent.demo.stage import Stage, StageError, stage, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(150)]

ROOT = Path(__file__).parents[2]
INITIAL = "initial-token-of-no-value"
CARD = "04A1B2C3D4"  # theirs; never to be let in without asking them
LIBRARIES = ("extrawest_ocpi", "py_ocpi")


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """The eMSP, and a way to look into its memory and to act in its name."""

    url: str
    context: ssl.SSLContext | None

    def kept(self) -> dict[str, Any]:
        """Everything it was told."""
        answer = self.ask("GET", f"{self.url}/kept")
        assert isinstance(answer, dict)
        return answer

    def allow(self, answer: dict[str, str]) -> None:
        """What it says when it is asked whether the card may charge."""
        self.ask("PUT", f"{self.url}/allow", answer)

    def ours(self, method: str, url: str, body: object = None) -> dict[str, Any]:
        """Call the agent as the eMSP would: with the token that the agent gave it."""
        token = self.kept()["credentials"]["theirs"]["credentials"]["token"]
        return self.ask(method, url, body, token)

    def endpoint(self, identifier: str) -> str:
        """Where the agent said that its module is."""
        endpoints = self.kept()["credentials"]["theirs"]["endpoints"]["endpoints"]
        return str(next(e["url"] for e in endpoints if e["identifier"] == identifier))

    def ask(
        self, method: str, url: str, body: object = None, token: str | None = None
    ) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Token {base64.b64encode(token.encode()).decode()}"
            headers |= {"X-Request-ID": "1", "X-Correlation-ID": "1"}
            headers |= {"OCPI-from-country-code": "NL", "OCPI-from-party-id": "FOR"}
            headers |= {"OCPI-to-country-code": "SE", "OCPI-to-party-id": "LAD"}
        request = urllib.request.Request(url, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=10, context=self.context) as response:
            found = json.load(response)
        assert isinstance(found, dict)
        return found


@contextmanager
def foreign(library: str, folder: Path) -> Iterator[Foreign]:
    """The eMSP of this library as a process of its own; with a certificate in `folder` by TLS."""
    python, port = ROOT / ".cache" / "foreign" / library / "bin" / "python", free_port()
    tls = (folder / "cert.pem").exists()
    context = ssl.create_default_context(cafile=str(folder / "cert.pem")) if tls else None
    there = Foreign(url=f"{'https' if tls else 'http'}://127.0.0.1:{port}", context=context)
    with (folder / "foreign.log").open("wb") as log:
        process = subprocess.Popen(
            [python, ROOT / "tests" / "foreign" / "emsp.py", str(port), folder, INITIAL],
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONPATH": ""},
        )
        try:
            wait_for("the foreign eMSP", 30, lambda: answers(process, there, folder))
            yield there
        finally:
            process.terminate()
            process.wait(timeout=20)


def answers(process: subprocess.Popen[bytes], there: Foreign, folder: Path) -> bool:
    assert process.poll() is None, (folder / "foreign.log").read_text()
    try:
        return bool(there.kept())
    except OSError:
        return False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def configured(versions_url: str, port: int) -> str:
    """The demo's station with this platform instead of the demo's backend, and cards of theirs."""
    text = (resources.files("laddvakt_agent.demo") / "station.toml").read_text("utf-8")
    before, _, rest = text.partition("[uplink]")
    _, mark, after = rest.partition("[fault.")
    return f"""{before}
[server]
host = "127.0.0.1"
port = {port}
url = "http://127.0.0.1:{port}"

[[uplink]]
name = "foreign"
mode = "platform"
versions_url = "{versions_url}"
token_file = "$dir/initial"
retry_min_s = 0.5
retry_max_s = 2.0

{mark}{after}"""


def certify(folder: Path) -> None:
    """A certificate that only this test trusts."""
    asked = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650"]
    asked += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    asked += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(["openssl", *asked], check=True, capture_output=True)


@pytest.fixture(params=LIBRARIES)
def there(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Foreign]:
    if request.param == "py_ocpi":
        certify(tmp_path)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))  # the agent inherits it
    with foreign(request.param, tmp_path) as process:
        yield process


@pytest.fixture
def scene(there: Foreign, tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path / "stage") as built:
        built.start_board()
        (built.directory / "initial").write_text(INITIAL)
        (built.directory / "initial").chmod(0o600)
        built.start_agent(configured(f"{there.url}/ocpi/versions", free_port()))
        yield built


def test_a_visit(scene: Stage, there: Foreign) -> None:
    """Registration, location, card, session, command, bill; then they look, then it is over."""
    registered(scene, there)
    located(there)
    charged(scene, there)
    stopped_by_command(scene, there)
    billed(scene, there)
    pulled(there)
    assert run_agent("uplink", "unregister", "--yes", *at(scene)).returncode == 0
    assert there.kept()["credentials"] == {}


def at(scene: Stage) -> tuple[str, ...]:
    return ("--socket", str(scene.agent.socket_path))


def registered(scene: Stage, there: Foreign) -> None:
    told = there.kept()["credentials"]
    if not told:
        result = run_agent("uplink", "register", *at(scene))
        assert result.returncode == 0, result.stderr + scene.log_text("agent")
        told = there.kept()["credentials"]
    (role,) = told["theirs"]["credentials"]["roles"]
    said = [role[name].upper() for name in ("role", "country_code", "party_id")]
    assert said == ["CPO", "SE", "LAD"]  # both keep a CiString in small letters


def located(there: Foreign) -> None:
    wait_for("the location", 20, lambda: bool(there.kept()["locations"]))
    wait_for("both are available", 20, lambda: statuses(there) == {"AVAILABLE"})


def statuses(there: Foreign) -> set[str]:
    (location,) = there.kept()["locations"].values()
    return {evse["status"] for evse in location["evses"]}


def charged(scene: Stage, there: Foreign) -> None:
    """Their card is refused while they say so, and lets in afterwards."""
    vehicle = {"phases": 3, "max_current_a": 16}
    scene.board.ask("POST", "/connectors/1/plug", dict(vehicle))
    wait_for("preparing", 10, lambda: connectors(scene)["1"]["state"] == "preparing")
    there.allow({"allowed": "BLOCKED"})
    refusal = run_agent("connector", "1", "start", "--token", CARD, *at(scene))
    assert refusal.returncode != 0
    assert "blocked" in refusal.stderr.lower()
    there.allow({"allowed": "ALLOWED", "authorization_reference": "foreign-reference"})
    result = run_agent("connector", "1", "start", "--token", CARD, *at(scene))
    assert result.returncode == 0, result.stderr
    wait_for("charging", 20, lambda: connectors(scene)["1"]["state"] == "charging")
    wait_for("they know the session", 20, lambda: bool(there.kept()["sessions"]))
    (session,) = there.kept()["sessions"].values()
    assert session["status"] == "ACTIVE"
    assert session["auth_method"] == "AUTH_REQUEST"
    assert session["authorization_reference"].lower() == "foreign-reference"
    assert session["cdr_token"]["uid"].upper() == CARD
    wait_for("they see it charge", 20, lambda: "CHARGING" in statuses(there))


def drawn_wh(scene: Stage) -> float:
    energy_wh = connectors(scene)["1"]["session_energy_wh"]
    return energy_wh if isinstance(energy_wh, float) else 0.0


def stopped_by_command(scene: Stage, there: Foreign) -> None:
    (session,) = there.kept()["sessions"].values()
    wait_for("a bill of more than nothing", 15, lambda: drawn_wh(scene) >= 2.0)
    body = {
        "response_url": f"{there.url}/ocpi/emsp/2.2.1/commands/stop-1",
        "session_id": session["id"],
    }
    answer = there.ours("POST", f"{there.endpoint('commands')}/STOP_SESSION", body)
    assert answer["data"]["result"] == "ACCEPTED"
    wait_for("its result", 30, lambda: results(there) == ["ACCEPTED"])


def results(there: Foreign) -> list[str]:
    return [one["data"]["result"] for one in there.kept()["history"] if one["module"] == "commands"]


def billed(scene: Stage, there: Foreign) -> None:
    try:
        wait_for("the bill", 40, lambda: bool(there.kept()["cdrs"]))
    except StageError as error:
        raise AssertionError(
            run_agent("uplink", "log", "--limit", "200", *at(scene)).stdout
        ) from error
    (session,) = there.kept()["sessions"].values()
    (cdr,) = there.kept()["cdrs"].values()
    assert session["status"] == "COMPLETED"
    assert cdr["session_id"].lower() == session["id"].lower()
    assert cdr["total_energy"] == session["kwh"] > 0
    assert cdr["authorization_reference"].lower() == "foreign-reference"
    wait_for("nothing waits", 20, lambda: settled(scene))
    assert len([one for one in there.kept()["history"] if one["module"] == "cdrs"]) == 1


def settled(scene: Stage) -> bool:
    uplink = scene.agent.ask("GET", "/status")["uplink"]
    return isinstance(uplink, dict) and uplink["pending"] == 0


def pulled(there: Foreign) -> None:
    """They ask for what they were told: it is the same."""
    (location,) = there.ours("GET", there.endpoint("locations"))["data"]
    (told,) = there.kept()["locations"].values()
    assert {evse["uid"].lower() for evse in location["evses"]} == {
        evse["uid"].lower() for evse in told["evses"]
    }
    (bill,) = there.ours("GET", there.endpoint("cdrs"))["data"]
    (cdr,) = there.kept()["cdrs"].values()
    assert bill["id"].lower() == cdr["id"].lower()
    assert bill["total_energy"] == cdr["total_energy"]
