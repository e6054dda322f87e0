"""Who may charge, with platforms that answer, refuse, know nothing, or say nothing in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agent.tokens.token_kit import Platform, info, needs_more, silent, token, unknown
from laddvakt_agent.ledger.thread import LedgerThread
from laddvakt_agent.ledger.tokens import TokenFile
from laddvakt_agent.published import TokenRef
from laddvakt_agent.uplink.errors import Unanswered
from laddvakt_agent.uplink.requestlog import RequestLog
from laddvakt_agent.uplink.serving import Party
from laddvakt_agent.uplink.tokens.asking import masked
from laddvakt_agent.uplink.tokens.authorising import Authoriser, Outcome
from laddvakt_agent.uplink.tokens.book import COMMANDED_S, TokenBook
from laddvakt_agent.uplink.tokens.content import group_of, row_of
from laddvakt_agent.uplink.tokens.deciding import Method, Why, Word

UID = "04A1B2C3"
LISTED = TokenRef(uid="C0FFEE00", type="RFID", contract_id="C", country_code="SE", party_id="LAD")


@dataclass
class Desk:
    """An authoriser, its platforms, and a clock that is turned by hand."""

    authoriser: Authoriser
    platforms: dict[str, Platform] = field(default_factory=dict)
    now_s: float = 1000.0

    def platform(self, *replies: object, name: str = "backend", **more: object) -> Platform:
        self.platforms[name] = Platform(name=name, replies=list(replies), **more)  # type: ignore[arg-type]
        return self.platforms[name]

    def knows(self, platform: str = "backend", **changed: object) -> None:
        self.authoriser.book.file.put(row_of(token(**changed), platform))  # type: ignore[arg-type]

    async def ask(self, uid: str = UID, *evse_uids: str, kind: str | None = "RFID") -> Outcome:
        return await self.authoriser.authorise(uid, evse_uids or ("E1",), kind)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    file, thread = TokenFile(tmp_path), LedgerThread(lambda error: None)
    authoriser = Authoriser(
        listed={LISTED.uid.casefold(): LISTED},
        own=("SE", "LAD"),
        location_id="LOC1",
        book=TokenBook(file=file, thread=thread),
        now_s=lambda: built.now_s,
        within_s=0.2,
        outwards=lambda: built.platforms,
    )
    built = Desk(authoriser=authoriser)
    yield built
    await thread.close()
    file.close()


async def test_the_configurations_own_list_wins(desk: Desk) -> None:
    platform = desk.platform(info("BLOCKED"))
    outcome = await desk.ask("c0ffee00")
    assert (outcome.allowed, outcome.token, outcome.verdict.why) == (True, LISTED, Why.LISTED)
    assert platform.asked == []


async def test_a_whitelisted_token_waits_for_nobody(desk: Desk) -> None:
    platform = desk.platform(info("BLOCKED"))
    desk.knows(group_id="G1")
    outcome = await desk.ask(UID.lower())
    assert (outcome.allowed, outcome.verdict.method) == (True, Method.WHITELIST)
    assert outcome.token is not None
    assert (outcome.token.contract_id, outcome.token.party_id) == (f"SE-TNM-{UID}", "TNM")
    assert outcome.group == group_of("se", "tnm", "g1")
    assert platform.asked == []


async def test_its_own_platform_is_asked_and_no_other(desk: Desk) -> None:
    """With the reference of the answer, and the token as it now stands there."""
    reply = info(authorization_reference="REF-1", info={"language": "en", "text": "Welcome"})
    asked, other = desk.platform(reply), desk.platform(info(), name="other")
    desk.knows(whitelist="NEVER", contract_id="OLD")
    outcome = await desk.ask()
    assert (outcome.allowed, outcome.verdict.method) == (True, Method.AUTH_REQUEST)
    assert (outcome.reference, outcome.info, outcome.platform) == ("REF-1", "Welcome", "backend")
    assert outcome.token is not None
    assert outcome.token.contract_id == f"SE-TNM-{UID}"
    ((method, url, body, to),) = asked.asked
    assert (method, body) == ("POST", None)
    assert url == f"https://backend.example/ocpi/tokens/{UID}/authorize?type=RFID"
    assert to is not None
    assert (to.party_id, other.asked) == ("TNM", [])


@pytest.mark.parametrize("said", ["BLOCKED", "EXPIRED", "NO_CREDIT", "NOT_ALLOWED"])
async def test_a_no_is_a_no_with_its_word(desk: Desk, said: str) -> None:
    desk.platform(info(said, authorization_reference="REF-1"))
    desk.knows(whitelist="ALLOWED_OFFLINE")
    outcome = await desk.ask()
    assert (outcome.allowed, outcome.said, outcome.reference) == (False, Word(said), None)


@pytest.mark.parametrize(
    ("whitelist", "allowed"), [("ALLOWED_OFFLINE", True), ("NEVER", False)], ids=str
)
@pytest.mark.parametrize("trouble", ["silent", "slow", "no agreement", "no tokens", "rubbish"])
async def test_offline(desk: Desk, whitelist: str, allowed: bool, trouble: str) -> None:
    """No usable answer in the time that a person waits."""
    match trouble:
        case "silent":
            desk.platform(silent())
        case "slow":
            desk.platform(info(), delay_s=5.0)
        case "no tokens":
            desk.platform(info(), serves_tokens=False)
        case "rubbish":
            desk.platform({"allowed": "PERHAPS"})
        case _:
            pass
    desk.knows(whitelist=whitelist)
    async with asyncio.timeout(2.0):
        outcome = await desk.ask()
    assert (outcome.allowed, outcome.verdict.method) == (allowed, Method.WHITELIST)


async def test_a_platform_that_wants_to_know_where_is_told(desk: Desk) -> None:
    platform = desk.platform(needs_more(), info())
    outcome = await desk.ask(UID, "E1", "E2")
    assert outcome.allowed
    bodies = [body for _, _, body, _ in platform.asked]
    assert bodies == [None, {"location_id": "LOC1", "evse_uids": ("E1", "E2")}]


async def test_a_platform_that_never_knows_enough_is_no_answer(desk: Desk) -> None:
    desk.platform(needs_more())
    assert (await desk.ask()).verdict.why is Why.SILENT_UNKNOWN


@pytest.mark.parametrize(
    ("location", "here", "there"),
    [
        (None, True, True),
        ({"location_id": "loc1"}, True, True),
        ({"location_id": "LOC1", "evse_uids": ["e1"]}, True, False),
        ({"location_id": "LOC1", "evse_uids": ["E2", "E9"]}, False, True),
        ({"location_id": "ELSEWHERE", "evse_uids": ["E1"]}, False, False),
    ],
    ids=["anywhere", "the location", "one EVSE", "the other EVSE", "another location"],
)
async def test_only_where_the_answer_allows_it(
    desk: Desk, location: object, here: bool, there: bool
) -> None:
    desk.platform(info(location=location))
    outcome = await desk.ask(UID, "E1", "E2")
    assert (outcome.at("E1").allowed, outcome.at("E2").allowed) == (here, there)
    if not here:
        assert outcome.at("E1").verdict.why is Why.ELSEWHERE


async def test_a_uid_nobody_told_of_is_asked_for_everywhere(desk: Desk) -> None:
    first = desk.platform(unknown(), name="first")
    second = desk.platform(info(), name="second")
    outcome = await desk.ask()
    assert (outcome.allowed, outcome.platform) == (True, "second")
    assert len(first.asked) == len(second.asked) == 1
    assert await desk.authoriser.book.find(UID) == ()  # nobody would tell when it is taken back


async def test_a_yes_does_not_wait_for_the_others(desk: Desk) -> None:
    desk.platform(info(), name="slow", delay_s=5.0)
    desk.platform(info(), name="quick")
    desk.authoriser.within_s = 10.0
    async with asyncio.timeout(2.0):
        assert (await desk.ask()).platform == "quick"


@pytest.mark.parametrize("policy", [False, True], ids=["deny", "allow"])
@pytest.mark.parametrize(
    ("replies", "open_question"),
    [
        ((silent(),), True),
        ((unknown(), silent()), True),
        ((unknown(), unknown()), False),
        ((silent(), info("BLOCKED")), False),
        ((), True),
    ],
    ids=["silent", "one silent", "unknown to all", "one says no", "no platform"],
)
async def test_the_offline_policy_is_for_unanswered_questions(
    desk: Desk, policy: bool, replies: tuple[object, ...], open_question: bool
) -> None:
    for number, reply in enumerate(replies):
        desk.platform(reply, name=f"p{number}")
    desk.authoriser.unknown_offline = policy
    outcome = await desk.ask()
    assert outcome.allowed is (policy and open_question)
    if outcome.allowed:  # at the operator's own risk, and in the operator's own name
        assert outcome.token is not None
        assert (outcome.token.uid, outcome.token.party_id) == (UID, "LAD")


async def test_fifteen_minutes_after_a_command_nobody_is_asked(desk: Desk) -> None:
    """mod_commands: at this EVSE, for this token; also where it may only be asked for."""
    platform = desk.platform(info("BLOCKED"))
    desk.knows(whitelist="NEVER")
    named = TokenRef(uid=UID, type="RFID", contract_id="X", country_code="SE", party_id="TNM")
    desk.authoriser.book.commanded(UID.lower(), "E1", desk.now_s, named, "REF-9")
    desk.now_s += COMMANDED_S
    outcome = await desk.ask(UID, "E2", "e1")
    assert (outcome.allowed, outcome.verdict.method) == (True, Method.COMMAND)
    assert (outcome.token, outcome.reference, platform.asked) == (named, "REF-9", [])
    assert not outcome.at("E2").allowed
    assert not (await desk.ask(UID, "E2")).allowed
    desk.now_s += 1.0
    assert not (await desk.ask(UID, "E1")).allowed
    assert len(platform.asked) == 2


async def test_a_token_of_an_app_by_hand(desk: Desk) -> None:
    """A reader reads RFID; a person at the command line may name any token."""
    desk.platform(unknown())
    desk.knows(type="APP_USER")
    assert (await desk.ask(kind=None)).allowed
    assert not (await desk.ask(kind="RFID")).allowed


async def test_two_parties_with_one_uid(desk: Desk) -> None:
    """The one that is valid counts."""
    desk.knows(valid=False, whitelist="ALWAYS")
    desk.knows(party_id="ABC", whitelist="ALWAYS")
    outcome = await desk.ask()
    assert outcome.token is not None
    assert (outcome.allowed, outcome.token.party_id) == (True, "ABC")


async def test_a_disk_that_fails_does_not_stop_the_question(desk: Desk) -> None:
    desk.platform(info())
    desk.authoriser.book.file.path = Path("/proc/none/tokens.db")
    assert (await desk.ask()).verdict.why is Why.ANSWERED


async def test_no_log_shows_a_whole_uid(desk: Desk) -> None:
    """Nor does an error that names its URL."""
    desk.platform(Unanswered("POST https://b/tokens/04A1B2C3D4E5F6/authorize: no answer"))
    with capture_logs() as logs:
        await desk.ask("04A1B2C3D4E5F6")
    assert logs
    assert "04A1B2C3D4E5F6" not in str(logs)
    assert "04A1…" in str(logs)
    assert masked("AB") == "…"


def test_the_request_log_shows_no_card() -> None:
    log = RequestLog(lambda: 0.0, lambda: datetime(2027, 1, 31, tzinfo=UTC))
    with log.noting("POST", f"https://b.example/ocpi/tokens/{UID}/authorize?type=RFID", "c"):
        pass
    assert [one.path for one in log._noted] == ["/ocpi/tokens/…/authorize"]


SE_TNM, SE_ABC = frozenset({Party.of("SE", "TNM")}), frozenset({Party.of("SE", "ABC")})


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "answered"])
@pytest.mark.parametrize(
    ("claims", "allowed"),
    [
        ({"backend": SE_TNM, "other": SE_ABC}, True),
        ({"backend": SE_ABC, "other": SE_TNM}, False),
        ({"backend": frozenset(), "other": SE_ABC}, True),
        ({"backend": SE_TNM, "other": SE_TNM}, True),
    ],
    ids=["its own", "another one's", "nobody's", "both have registered it"],
)
async def test_no_platform_lets_in_at_the_expense_of_another(
    desk: Desk, claims: dict[str, frozenset[Party]], allowed: bool, kept: bool
) -> None:
    """Neither by its list nor by its answer."""
    desk.platform(unknown() if kept else info())
    if kept:
        desk.knows(whitelist="ALWAYS")
    desk.authoriser.claims = lambda: claims
    assert (await desk.ask()).allowed is allowed
