"""`laddvakt-sim scenario`: what it says and how it ends, as far as nothing has to be started."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from laddvakt_sim.cli import main
from laddvakt_sim.scenario import load
from laddvakt_sim.scenario.real.run import agent_beside, agent_codes
from laddvakt_sim.scenario.real.stage import StageError

SOUND = 'schema = 1\nname = "x"\nabout = "A."\nduration_s = 5\n[[expect]]\nby_s = 1\n'
SOUND += 'fault = "bus_down"\n'
WRONG = SOUND.replace('"A."', '""').replace("by_s", "by")
HOT = SOUND + '[charger]\nfitted = ["enclosure_temp"]\n'
BILLED = SOUND + "ocpi = { cdrs = 1 }\n"


def call(*args: str | Path) -> Result:
    return CliRunner().invoke(main, ["scenario", *map(str, args)])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.toml"


def agent(folder: Path, script: str) -> Path:
    """A command that stands for the agent's."""
    command = folder / "laddvakt"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    return command


def test_check_says_that_a_file_is_sound(path: Path) -> None:
    path.write_text(SOUND)
    found = call("check", path)
    assert (found.exit_code, found.output) == (0, f"{path}: ok, 1 expectations, takes 5 s\n")


def test_check_says_where_it_can_run(path: Path) -> None:
    path.write_text(HOT)
    found = call("check", path)
    assert found.exit_code == 0
    assert "in process only: the simulated board has no enclosure_temp" in found.output


def test_check_says_everything_wrong_with_every_file(path: Path, tmp_path: Path) -> None:
    path.write_text(WRONG)
    found = call("check", path, tmp_path / "none.toml")
    assert found.exit_code == 2
    told = found.stderr.splitlines()
    assert [line.partition("; ")[0].partition("toml:")[2] for line in told] == [
        '3: about = ""',
        "5: the time is missing",
        "6: unknown key 'by'",
        "1: No such file or directory",
    ]


def test_check_json(path: Path) -> None:
    path.write_text(WRONG)
    found = call("check", "--json", path)
    answer = json.loads(found.stdout)
    assert (found.exit_code, answer["schema_version"]) == (2, 1)
    (row,) = answer["files"]
    assert (row["file"], row["ok"], row["in_process_only"]) == (str(path), False, [])
    assert row["problems"][0] == {"line": 3, "what": 'about = ""', "remedy": 'write about = "…"'}


def test_check_knows_the_codes_of_an_agent(path: Path, tmp_path: Path) -> None:
    path.write_text(SOUND)
    catalogue = '{"schema_version": 1, "faults": [{"code": "bus_dawn"}]}'
    found = call("check", path, "--agent", agent(tmp_path, f"echo '{catalogue}'"))
    assert found.exit_code == 2
    assert ':7: the agent knows no fault "bus_down"; did you mean bus_dawn?' in found.stderr


TOLD = {
    "codes": ("""echo '{"faults": [{"code": "a"}, {"code": "b"}]}'""", {"a", "b"}),
    "another shape": ("""echo '{"faults": 3}'""", None),
    "no JSON": ("echo no", None),
    "an agent that does not know": ("exit 2", None),
}


@pytest.mark.parametrize(("script", "codes"), TOLD.values(), ids=TOLD)
def test_what_an_agent_tells_of_its_catalogue(
    tmp_path: Path, script: str, codes: set[str] | None
) -> None:
    assert agent_codes(agent(tmp_path, script)) == codes


def test_the_agent_is_the_one_beside_the_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(StageError, match="name it with --agent"):
        agent_beside(tmp_path / "python")
    command = agent(tmp_path, "exit 0")
    assert agent_beside(tmp_path / "python") == command
    monkeypatch.setenv("PATH", str(tmp_path))
    assert agent_beside(tmp_path / "elsewhere" / "python") == command


REFUSED = {
    "a wrong file": (WRONG, (), ":3: about"),
    "what the board does not have": (HOT, (), "run it in process"),
    "objects without a backend": (
        BILLED,
        ("--control-url", "http://127.0.0.1:1", "--agent-socket", "/nowhere"),
        ":5: it asks for OCPI objects; give --backend-url",
    ),
    "a restart of somebody else's agent": (
        SOUND + "[[do]]\nat_s = 1\nrestart_agent = {}\n",
        ("--control-url", "http://127.0.0.1:1", "--agent-socket", "/nowhere"),
        ":8: this agent was not started here and cannot be restarted; leave out --agent-socket",
    ),
    "an address without http": (
        SOUND,
        ("--control-url", "localhost:80", "--agent-socket", "/nowhere"),
        "--control-url localhost:80 is no address; write one such as http://127.0.0.1:8080",
    ),
    "an address without a port that is one": (
        SOUND,
        ("--control-url", "http://x", "--agent-socket", "/x", "--backend-url", "http://x:y"),
        "--backend-url http://x:y is no address",
    ),
    "a board without its agent": (SOUND, ("--control-url", "http://127.0.0.1:1"), "give both"),
}


@pytest.mark.parametrize(("text", "options", "said"), REFUSED.values(), ids=REFUSED)
def test_run_refuses_before_anything_is_started(
    path: Path, tmp_path: Path, text: str, options: tuple[str, ...], said: str
) -> None:
    path.write_text(text)
    started = tmp_path / "started"
    command = agent(tmp_path, f'[ "$1" = run ] && touch {started}; exit 2')
    found = call("run", path, "--agent", command, *options)
    assert found.exit_code == 2
    assert said in found.stderr
    assert not started.exists()


def test_an_agent_named_without_its_folder_is_the_one_here(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one of that name on the PATH."""
    monkeypatch.chdir(tmp_path)
    agent(tmp_path, """echo '{"faults": [{"code": "a"}]}'""")
    path.write_text(SOUND)
    assert 'knows no fault "bus_down"' in call("check", path, "--agent", "laddvakt").stderr


def test_a_folder_too_deep_for_a_socket_is_named_before_anything_starts(
    path: Path, tmp_path: Path
) -> None:
    path.write_text(SOUND)
    keep = tmp_path / ("d" * 100)
    found = call("run", path, "--agent", agent(tmp_path, "exit 2"), "--keep", keep)
    assert found.exit_code == 75
    assert "107 bytes; name a shorter folder with --keep" in found.stderr
    assert [file.name for file in keep.rglob("*")] == ["x"]


def test_run_says_who_does_not_answer(path: Path) -> None:
    path.write_text(SOUND)
    found = call("run", path, "--control-url", "http://127.0.0.1:1", "--agent-socket", "/nowhere")
    assert found.exit_code == 75
    assert "the board does not answer GET /state" in found.stderr


def test_new_writes_a_sound_file_and_never_over_another(tmp_path: Path) -> None:
    found = call("new", "my-trouble", "--dir", tmp_path)
    path = tmp_path / "my-trouble.toml"
    assert found.exit_code == 0
    assert str(path) in found.output
    assert load(path).name == "my-trouble"
    path.write_text("mine")
    again = call("new", "my-trouble.toml", "--dir", tmp_path)
    assert again.exit_code == 2
    assert "exists already" in again.stderr
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "said"), [("My Trouble", "small letters"), ("../x", "small letters")]
)
def test_new_takes_names_that_can_be_read_again(tmp_path: Path, name: str, said: str) -> None:
    found = call("new", name, "--dir", tmp_path)
    assert found.exit_code == 2
    assert said in found.stderr


def test_new_says_when_it_cannot_write(tmp_path: Path) -> None:
    found = call("new", "x", "--dir", tmp_path / "none")
    assert found.exit_code == 2
    assert "cannot be written" in found.stderr
