"""The party book and its files: whose token a token is, and what a disk may do to it."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from laddvakt_agent.config import UplinkConfig
from laddvakt_agent.uplink.parties.agreement import Agreement, Endpoint, Member, Record
from laddvakt_agent.uplink.parties.book import PartyBook
from laddvakt_agent.uplink.parties.desk import DeskError
from laddvakt_agent.uplink.parties.folder import Folder, NotKept
from laddvakt_agent.uplink.parties.people import Desk
from laddvakt_agent.uplink.parties.platforms import Platform
from laddvakt_agent.uplink.parties.registrar import Registrar
from laddvakt_agent.uplink.parties.tokens import new_token, readings, usable
from laddvakt_agent.uplink.serving import Party, Role
from laddvakt_agent.uplink.version import Version

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
OWN = Party("SE", "LAD")
SECRETS = ("shown-secret", "before-secret", "accepted-secret", "next-secret")
AGREEMENT = Agreement(
    version=Version.V2_3_0,
    versions_url="https://b.example/versions",
    endpoints=(
        Endpoint(identifier="Locations", role=Role.RECEIVER, url="https://b.example/l"),
        Endpoint(identifier="tokens", role=Role.SENDER, url="https://b.example/t"),
        Endpoint(identifier="credentials", role=Role.RECEIVER, url="https://b.example/c"),
    ),
    members=(Member(role="EMSP", country_code="nl", party_id="tnm"),),
    hub_party_id="NLHUB",
    shown=SECRETS[0],
    shown_before=SECRETS[1],
    accepted=SECRETS[2],
    accepted_next=SECRETS[3],
    since=NOW,
    renewed=NOW,
)


def platform(name: str = "b", **changes: object) -> Platform:
    made = {"name": name, "registers": True, "own": OWN, "token": "initial", **changes}
    return Platform(**made)  # type: ignore[arg-type]  # a test names real fields


def book(folder: Path, *platforms: Platform) -> PartyBook:
    return PartyBook(platforms or (platform(),), Folder(folder), lambda: NOW)


def shown(token: str) -> str:
    return base64.b64encode(token.encode()).decode()


def of(name: str = "b", agreement: Agreement | None = AGREEMENT) -> Record:
    return Record(platform=name).agreed(agreement)


def put_aside(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if "damaged" in path.name]


async def test_what_is_agreed_on_outlives_a_restart(tmp_path: Path) -> None:
    first = book(tmp_path / "uplink")
    await first.change("b", lambda record: record.spend("initial").agreed(AGREEMENT))
    second = book(tmp_path / "uplink")
    await second.load()
    assert second.record("b") == first.record("b")
    assert second.agreement("b") == AGREEMENT
    assert second.record("b").has_spent("initial")


async def test_nobody_else_can_read_the_files(tmp_path: Path) -> None:
    """Also those that were there before, with other rights."""
    folder = tmp_path / "uplink"
    folder.mkdir(mode=0o755)
    (folder / "b.json").touch(mode=0o644)
    made = book(folder)
    await made.change("b", lambda record: record.agreed(AGREEMENT))
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in folder.iterdir()] == ["b.json"]
    assert (folder / "b.json").stat().st_mode & 0o777 == 0o600
    (folder / "b.json").chmod(0o644)
    await book(folder).load()
    assert (folder / "b.json").stat().st_mode & 0o777 == 0o600


def test_the_initial_token_is_not_in_the_file(tmp_path: Path) -> None:
    Folder(tmp_path).write(of().spend("initial-of-their-operator"))
    assert b"initial-of-their-operator" not in (tmp_path / "b.json").read_bytes()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x00" * 512, id="zeros"),
        pytest.param(b'{"platform": "b", "agreement": {"version"', id="cut off"),
        pytest.param(b'{"platform": "b", "format": 99}', id="of a later program"),
        pytest.param(b'{"platform": "other", "format": 1}', id="of another platform"),
        pytest.param(b'{"platform": "b", "agreement": 7}', id="something else"),
        pytest.param(b" " * 1_048_577, id="without an end"),
        pytest.param(b"[" * 100_000, id="nested without end"),
    ],
)
async def test_a_damaged_file_is_told_and_put_aside(
    tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is not lost, the others are read, and this platform can register anew."""
    (tmp_path / "b.json").write_bytes(content)
    Folder(tmp_path).write(of("c"))
    made = book(tmp_path, platform(), platform("c", token="other"))
    await made.load()
    assert made.agreement("b") is None
    assert made.agreement("c") == AGREEMENT
    aside = put_aside(tmp_path)
    assert [path.read_bytes() for path in aside] == [content]
    said = capsys.readouterr().out
    assert "laddvakt uplink register --name b" in said
    assert aside[0].name in said
    await made.change("b", lambda record: record.agreed(AGREEMENT))
    assert Folder(tmp_path).read("b", NOW) == of()


async def test_a_disk_that_refuses_changes_nothing(tmp_path: Path) -> None:
    made = book(tmp_path / "uplink")
    await made.change("b", lambda record: record.agreed(AGREEMENT))
    (tmp_path / "uplink" / ".b.json.new").mkdir()  # nothing can be written there
    with pytest.raises(NotKept, match="space"):
        await made.change("b", lambda record: record.agreed(None))
    assert made.agreement("b") == AGREEMENT
    assert Folder(tmp_path / "uplink").read("b", NOW).agreement == AGREEMENT


def test_no_token_is_shown() -> None:
    """Such objects end up in logs and bundles."""
    for text in (repr(of()), repr(platform(token=SECRETS[0])), str(AGREEMENT)):
        assert not any(secret in text for secret in SECRETS)


@pytest.mark.parametrize(
    ("written", "raw", "meant"),
    [
        pytest.param(shown("token"), False, ("token",), id="base64"),
        pytest.param(shown("token\n"), False, ("token",), id="with a line feed"),
        pytest.param(shown("token\r\n"), False, ("token",), id="with two"),
        pytest.param("token", False, (), id="raw"),
        pytest.param("dG9rZW4", False, (), id="no padding"),
        pytest.param("_-8=", False, (), id="the other alphabet"),
        pytest.param("/w==", False, (), id="no text"),
        pytest.param("tökén", False, (), id="no ASCII"),
        pytest.param("", False, ("",), id="nothing"),
        pytest.param("token", True, ("token",), id="raw as agreed"),
        pytest.param(shown("token"), True, ("token", shown("token")), id="raw, or not"),
    ],
)
def test_a_header_is_read_strictly(written: str, raw: bool, meant: tuple[str, ...]) -> None:
    assert readings(written, raw=raw) == meant


def test_new_tokens_are_long_and_fit_a_header() -> None:
    made = {new_token() for _ in range(100)}
    assert len(made) == 100
    assert all(len(token) == 64 and usable(token) and token.isascii() for token in made)


@pytest.mark.parametrize("token", ["", " ", "a b", "ü", "x" * 65, "a\n", None, 7])
def test_what_is_no_token(token: object) -> None:
    assert not usable(token)


async def test_the_first_use_of_a_new_token_ends_the_one_before(tmp_path: Path) -> None:
    """At once, and a little later on the disk."""
    made = book(tmp_path)
    await made.change("b", lambda record: record.agreed(AGREEMENT))
    known = [made.caller(shown(token), Version.V2_2_1) for token in SECRETS]
    assert [one is not None for one in known] == [False, False, True, True]
    caller = known[-1]
    assert caller is not None
    assert caller.registered
    assert caller.version is Version.V2_2_1
    assert caller.parties == {Party("NL", "TNM"), Party("NL", "HUB")}
    assert made.caller(shown(SECRETS[2]), Version.V2_2_1) is None
    assert made.caller(shown(SECRETS[3]), Version.V2_2_1) is not None
    await made.close()
    kept = Folder(tmp_path).read("b", NOW).agreement
    assert kept is not None
    assert (kept.accepted, kept.accepted_next) == (SECRETS[3], None)


async def test_a_spent_initial_token_is_nobodys(tmp_path: Path) -> None:
    made = book(tmp_path)
    caller = made.caller(shown("initial"), Version.V2_2_1)
    assert caller is not None
    assert not caller.registered
    await made.change("b", lambda record: record.spend("initial"))
    assert made.caller(shown("initial"), Version.V2_2_1) is None


async def test_a_header_that_is_no_text_is_nobodys(tmp_path: Path) -> None:
    """Where raw tokens are taken, any bytes of a header arrive here."""
    made = book(tmp_path, platform(raw_token=True, token="initial"))
    await made.load()
    assert made.caller("initial", Version.V2_2_1) is not None
    assert made.caller(b"\xff\xfe".decode(errors="surrogateescape"), Version.V2_2_1) is None


async def test_a_change_that_nobody_waits_for_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that is given up while the disk is slow: the disk and we say the same."""
    write, go_on = Folder.write, threading.Event()

    def slow(folder: Folder, record: Record) -> None:
        go_on.wait(5.0)
        write(folder, record)

    monkeypatch.setattr(Folder, "write", slow)
    made = book(tmp_path)
    await made.load()
    asking = asyncio.create_task(made.change("b", lambda record: record.agreed(AGREEMENT)))
    await asyncio.sleep(0.02)
    asking.cancel()
    await asyncio.wait([asking])
    assert made.agreement("b") is None
    go_on.set()
    await made.close()
    assert made.agreement("b") == AGREEMENT
    assert Folder(tmp_path).read("b", NOW).agreement == AGREEMENT


async def test_platforms_are_told_apart_by_their_tokens(tmp_path: Path) -> None:
    """Each with its own terms; in device mode nobody calls."""
    emsp = platform("emsp", token="one", sees_faults=True, modules=frozenset({"locations"}))
    hub = platform("hub", token="two", own=Party("DE", "ABC"))
    made = book(tmp_path, emsp, hub, platform("quiet", token="three", registers=False))
    callers = [made.caller(shown(token), Version.V2_2_1) for token in ("one", "two", "three", "")]
    assert [one and one.name for one in callers] == ["emsp", "hub", None, None]
    first, second = callers[:2]
    assert first is not None
    assert second is not None
    assert (first.sees_faults, second.sees_faults) == (True, False)
    assert (first.own, second.own) == (OWN, Party("DE", "ABC"))
    assert first.exchanges("locations")
    assert first.exchanges("credentials")
    assert not first.exchanges("cdrs")
    assert second.exchanges("cdrs")


@pytest.mark.parametrize(
    ("identifier", "role", "url"),
    [
        ("locations", Role.RECEIVER, "https://b.example/l"),
        ("locations", Role.SENDER, None),
        ("tokens", Role.SENDER, "https://b.example/t"),
        ("credentials", Role.SENDER, "https://b.example/c"),
        ("cdrs", Role.RECEIVER, None),
    ],
)
def test_an_endpoint_is_found_by_module_and_role(
    identifier: str, role: Role, url: str | None
) -> None:
    """However it is written; of credentials the role means nothing."""
    assert AGREEMENT.endpoint(identifier, role) == url


def test_what_is_needed_follows_what_is_exchanged() -> None:
    needs = UplinkConfig(mode="platform").needs
    assert {name for name, _ in platform(needs=needs).needed} == {"locations", "sessions", "cdrs"}
    some = platform(needs=needs, modules=frozenset({"locations", "tokens"}))
    assert some.needed == (("locations", Role.RECEIVER),)


@pytest.mark.parametrize(
    ("name", "url", "token", "says"),
    [
        pytest.param("nobody", None, None, "no platform is called", id="unknown"),
        pytest.param("b", None, None, "address", id="no address"),
        pytest.param("b", "https://b.example/v", "two words", "initial token", id="no token"),
        pytest.param("quiet", None, None, "device mode", id="nothing to register"),
    ],
)
async def test_a_person_learns_what_is_missing(
    tmp_path: Path, name: str, url: str | None, token: str | None, says: str
) -> None:
    made = book(tmp_path, platform(), platform("quiet", token="three", registers=False))
    with pytest.raises(DeskError, match=says) as caught:
        await Desk(made, _nobody()).register(name, url, token)
    assert caught.value.remedy
    for act in (Desk(made, _nobody()).rotate, Desk(made, _nobody()).unregister):
        with pytest.raises(DeskError):
            await act("b")


def _nobody() -> Registrar:
    """A registrar that is never asked."""
    return Registrar.__new__(Registrar)


def test_a_file_is_readable_json(tmp_path: Path) -> None:
    """For a person who has to put a backup in its place."""
    Folder(tmp_path).write(of())
    kept = json.loads((tmp_path / "b.json").read_bytes())
    assert kept["agreement"]["version"] == "2.3.0"
    assert kept["platform"] == "b"


@pytest.mark.parametrize(
    ("allowed", "hub", "party", "speaks"),
    [
        pytest.param(True, "NLHUB", Party("NL", "EVI"), True, id="one behind the hub"),
        pytest.param(True, "NLHUB", Party("NL", "HUB"), True, id="the hub itself"),
        pytest.param(True, "NLHUB", OWN, False, id="never we"),
        pytest.param(True, "NLHUB", Party("NL", "TNM"), False, id="registered through another"),
        pytest.param(True, None, Party("DE", "ABC"), True, id="its own role"),
        pytest.param(True, None, Party("NL", "EVI"), False, id="no hub speaks for itself alone"),
        pytest.param(True, "role", Party("NL", "EVI"), True, id="a hub of 2.2.1"),
        pytest.param(False, "NLHUB", Party("NL", "EVI"), False, id="only it says it is a hub"),
        pytest.param(False, "NLHUB", Party("DE", "ABC"), True, id="… but its role is its own"),
    ],
)
async def test_for_whom_a_platform_speaks(
    allowed: bool, hub: str | None, party: Party, speaks: bool, tmp_path: Path
) -> None:
    """A hub by our word and its own for whom no other does; everybody else for its roles alone."""
    made = book(tmp_path, platform("other", token="one"), platform("b", token="two", hub=allowed))
    role = "HUB" if hub == "role" else "EMSP"
    theirs = msgspec.structs.replace(
        AGREEMENT,
        members=(Member(role=role, country_code="DE", party_id="ABC"),),
        hub_party_id=None if hub == "role" else hub,
        accepted="b-token",
    )
    others = msgspec.structs.replace(AGREEMENT, hub_party_id=None, accepted="other-token")
    await made.change("b", lambda record: record.agreed(theirs))
    await made.change("other", lambda record: record.agreed(others))
    caller = made.caller(shown("b-token"), Version.V2_2_1)
    assert caller is not None
    assert caller.speaks_for(party) is speaks
