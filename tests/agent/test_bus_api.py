"""What the agent lets people do on the lines it guards: little, slowly, and nothing dangerous."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agent.test_local_api import Agent, ask
from laddvakt_agent.core.inputs import Role
from laddvakt_agent.diagnostics.answers import Forbidden, JsonObject, NotPossible
from laddvakt_agent.diagnostics.api import LocalApi
from laddvakt_agent.diagnostics.bus_api import BusRoutes, _encoder
from laddvakt_agent.diagnostics.bus_desk import MOST_WAITING, BusDesk
from laddvakt_agent.diagnostics.bus_gate import SHARE, room_on
from laddvakt_agent.diagnostics.bus_stats import SwitchedErrors
from laddvakt_agent.hardware import Hardware
from laddvakt_hal.bus import Bus, Priority, Reply, SerialSettings, Timing
from laddvakt_hal.device import Device
from laddvakt_hal.errors import BusDown, Garbled, HalError, NoReply, Refused
from laddvakt_hal.frame import Function, Request
from laddvakt_hal.plan import Periods, ReadClass
from laddvakt_hal.poll import Poller, Watch
from laddvakt_hal.profile import load_profile
from laddvakt_hal.recording import decode
from laddvakt_hal.settings import LineSettings, TcpSettings
from laddvakt_hal.stats import DeviceStats
from laddvakt_hal.tap import Frame

UNITS = {"evse1": (1, "simpleevse-wb-din"), "meter1": (2, "eastron-sdm72d-m-v2"),
         "relay1": (3, "waveshare-modbus-rtu-relay"), "spare": (4, "simpleevse-wb-din"),
         "rcm1": (100, "bender-rcmb300")}  # fmt: skip
ROLES = {Role.BOARD: "evse1", Role.METER: "meter1", Role.CONTACTOR: "relay1",
         Role.EMERGENCY_STOP: "relay1", Role.RESIDUAL_MONITOR: "rcm1"}  # fmt: skip
TOOK_S = 0.01


class FakeBus(Bus):
    """Carries nothing: answers, fails or waits as it is told."""

    def __init__(self) -> None:
        self.now_s = 100.0
        super().__init__(SerialSettings(name="line1", port="/dev/none"), clock=self.clock)
        self.asked: list[tuple[Request, Priority]] = []
        self.timings: dict[int, Timing] = {}
        self.error: HalError | None = None
        self.gate: asyncio.Event | None = None
        self.is_up = True

    def clock(self) -> float:
        return self.now_s

    @property
    def up(self) -> bool:
        return self.is_up

    def set_timing(self, unit: int, timing: Timing) -> None:
        super().set_timing(unit, timing)
        self.timings[unit] = timing

    async def transact(self, request: Request, priority: Priority = Priority.NORMAL) -> Reply:
        self.asked.append((request, priority))
        if self.gate is not None:
            await self.gate.wait()
        self.now_s += TOOK_S
        stats = self.stats.setdefault(request.unit, DeviceStats())
        stats.requests += 1
        if self.error is not None:
            stats.count_error(self.error)
            raise self.error
        stats.count_ok(TOOK_S)
        words = tuple(range(request.count)) if request.is_read else ()
        return Reply(words=words, bits=(), sent_at_s=100.0, taken_at_s=100.0 + TOOK_S)


@dataclass(slots=True, kw_only=True)
class Station:
    """A line with five devices and the desk before it."""

    bus: FakeBus = field(default_factory=FakeBus)
    devices: dict[str, Device] = field(default_factory=dict)
    desk: BusDesk = field(init=False)
    poller: Poller = field(init=False)
    noted: list[tuple[int, str, str]] = field(default_factory=list)  # for the security log

    def __post_init__(self) -> None:
        for name, (unit, profile) in UNITS.items():
            self.devices[name] = Device(load_profile(profile), self.bus, unit, name)
        meter: Mapping[str, ReadClass] = {f"voltage_l{n}": ReadClass.SAFETY for n in (1, 2, 3)}
        watch = Watch(device=self.devices["meter1"], wanted=meter)
        self.poller = Poller(self.bus, (watch,), lambda _: None, Periods(safety_s=0.25))
        hardware = Hardware(
            buses={"line1": self.bus},
            devices=self.devices,
            line_of=dict.fromkeys(self.devices, "line1"),
            pollers={"line1": self.poller},
            roles={},
            role_names={"1": ROLES},
        )
        self.desk = BusDesk(
            hardware, self.bus.clock, lambda: None, lambda *said: self.noted.append(said)
        )

    async def read(
        self, unit: int, address: int = 0, count: int = 2, *, clears: bool = False, fc: int = 4
    ) -> JsonObject:
        request = Request(unit=unit, function=Function(fc), address=address, count=count)
        return await self.desk.transact("line1", request, clears=clears, uid=7, privileged=False)

    async def write(self, unit: int, address: int, *, privileged: bool = True) -> JsonObject:
        request = Request(
            unit=unit, function=Function.WRITE_REGISTERS, address=address, values=(5,)
        )
        return await self.desk.transact(
            "line1", request, clears=False, uid=7, privileged=privileged
        )


@pytest.fixture
def station() -> Station:
    return Station()


async def test_a_question_goes_out_as_the_least_urgent(station: Station) -> None:
    answer = await station.read(2)
    assert not station.noted, "reading changes nothing"
    assert answer["words"] == [0, 1]
    assert [priority for _, priority in station.bus.asked] == [Priority.NORMAL]


@pytest.mark.parametrize(
    ("error", "failed"),
    [
        (NoReply("silent"), {"kind": "no_reply"}),
        (Garbled("crc", "x"), {"kind": "garbled", "garble": "crc"}),
        (Refused(2, "x"), {"kind": "refused", "exception": "2"}),
        (BusDown("gone"), {"kind": "down"}),
    ],
)
async def test_a_failure_is_told_as_data(
    station: Station, error: HalError, failed: dict[str, str]
) -> None:
    station.bus.error = error
    told = (await station.read(2))["failed"]
    assert isinstance(told, dict)
    assert failed.items() <= told.items()
    assert str(error) in str(told["detail"])


@pytest.mark.parametrize(
    ("unit", "address", "count", "fc", "said"),
    [
        (0, 0, 2, 4, "unit 0 is everybody"),
        (2, 0, 60, 4, "would hold the line"),
        (100, 8015, 3, 3, "residual_current_ac_max changes"),
        (100, 8016, 2, 4, "residual_current_ac_max changes"),
    ],
    ids=["broadcast", "too long", "clears", "clears by function 4, too"],
)
async def test_what_harms_the_line_or_the_device_is_refused(
    station: Station, unit: int, address: int, count: int, fc: int, said: str
) -> None:
    with pytest.raises(NotPossible, match=said) as refused:
        await station.read(unit, address, count, fc=fc)
    assert refused.value.remedy
    assert not station.bus.asked


async def test_what_changes_by_reading_is_read_when_that_is_wanted(station: Station) -> None:
    await station.read(100, 8016, 2, fc=3, clears=True)
    assert len(station.bus.asked) == 1


async def test_nothing_is_longer_than_the_plans_own_reads(station: Station) -> None:
    longest = max([count for count in range(1, 126) if await _fits(station, count)])
    assert 6 <= longest < 20  # the plan reads three voltages, six registers
    room_s = room_on(station.poller).longest_s
    request = Request(unit=2, function=Function(4), address=0, count=longest)
    assert station.bus.duration_s(request) <= room_s


async def _fits(station: Station, count: int) -> bool:
    station.bus.now_s += 10.0  # long after the last one: no pause is due
    try:
        await station.read(2, 0, count)
    except NotPossible:
        return False
    return True


async def test_an_absent_unit_holds_the_line_for_a_safety_period_at_most(
    station: Station,
) -> None:
    own = dict(station.bus.timings)
    await station.read(42)
    probe = station.bus.timings[42]
    characters_s = 13 * station.bus.settings.character_s  # type: ignore[union-attr]
    assert 0.2 < probe.timeout_s <= 0.25 - characters_s
    assert probe.worst_latency_s <= 0.25
    assert {unit: station.bus.timings[unit] for unit in own} == own


async def test_a_gateway_is_never_sent_to_look_for_a_stranger(station: Station) -> None:
    """An opening behind it would wait for as long as the gateway looks, whatever we do."""
    station.bus.settings = TcpSettings(name="line1", host="gw", port=502)
    with pytest.raises(NotPossible, match="unit 77 is not configured") as refused:
        await station.read(77)
    assert "--tcp gw:502" in refused.value.remedy
    assert not station.bus.asked
    station.bus.settings = TcpSettings(name="line1", host="gw", port=502, framing="rtu")
    await station.read(77)  # no gateway of its own: silence costs what it does on a wire
    assert len(station.bus.asked) == 1


async def test_who_never_answered_leaves_no_row_behind(station: Station) -> None:
    station.bus.error = NoReply("silent")
    await station.read(42)
    await station.read(2)
    assert set(station.bus.stats) == {2}


async def test_all_questions_together_take_their_share_of_the_line(station: Station) -> None:
    loop = asyncio.get_running_loop()
    await station.read(2)
    begun_s = loop.time()
    await station.read(2)
    pause_s = TOOK_S * (1 / SHARE - 1)
    assert loop.time() - begun_s >= 0.9 * pause_s


async def test_one_at_a_time_and_no_crowd(station: Station) -> None:
    station.bus.gate = asyncio.Event()
    waiting = [asyncio.create_task(station.read(2)) for _ in range(MOST_WAITING)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(station.bus.asked) == 1
    with pytest.raises(NotPossible, match="somebody else"):
        await station.read(2)
    station.bus.gate.set()
    await asyncio.gather(*waiting)
    assert len(station.bus.asked) == MOST_WAITING
    await station.read(2)  # and then there is room again


async def test_a_line_that_is_down_and_a_silent_device_are_said(station: Station) -> None:
    station.bus.is_up = False
    station.bus.down_reason = "port missing"
    with pytest.raises(NotPossible, match="line1 is down: port missing"):
        await station.read(2)
    with pytest.raises(NotPossible, match="there is no line lin1"):
        station.desk.bus("lin1")


async def test_a_device_in_quarantine_is_not_asked(station: Station) -> None:
    station.bus.error = NoReply("silent")
    with pytest.raises(NoReply):
        await station.devices["meter1"].fetch("voltage_l1")
    asked = len(station.bus.asked)
    with pytest.raises(NotPossible, match="fallen silent"):
        await station.read(2)
    assert len(station.bus.asked) == asked


async def test_writing_needs_root(station: Station) -> None:
    with pytest.raises(Forbidden, match="root"):
        await station.write(4, 1000, privileged=False)
    assert not station.bus.asked
    assert station.noted == [(7, "line1, unit 4 function 16 address 1000: [5]", "forbidden")]


@pytest.mark.parametrize(
    ("unit", "address", "said"),
    [
        (1, 1000, "evse1 guards a connector"),
        (3, 0, "relay1 guards a connector"),
        (100, 1000, "rcm1 guards a connector"),
        (42, 0, "no device of the configuration has unit 42"),
        (2, 0, "names no writable row"),
        (4, 1001, "names no writable row"),
    ],
)
async def test_only_writable_rows_of_devices_nothing_depends_on_are_written(
    station: Station, unit: int, address: int, said: str
) -> None:
    with pytest.raises(NotPossible, match=said) as refused:
        await station.write(unit, address)
    assert "stop the agent" in refused.value.remedy
    assert not station.bus.asked
    assert [(uid, outcome) for uid, _, outcome in station.noted] == [(7, "refused")]


@pytest.mark.parametrize("error", [None, NoReply("silent")])
async def test_a_write_is_logged_with_who_and_what(
    station: Station, error: HalError | None
) -> None:
    station.bus.error = error
    with capture_logs() as logs:
        await station.write(4, 1000)
    (event,) = [entry for entry in logs if entry["event"] == "bus_written"]
    assert (event["uid"], event["device"], event["address"], event["values"]) == (
        7, "spare", 1000, [5]
    )  # fmt: skip
    assert (event["outcome"] == "confirmed") is (error is None)
    ((_, what, outcome),) = station.noted
    assert what == "line1, unit 4 function 16 address 1000: [5]"
    assert outcome == ("confirmed" if error is None else "no_reply")


async def test_the_lines_are_shown_with_their_devices(station: Station) -> None:
    await station.read(2)
    station.bus.now_s += 10
    await station.read(42)
    (line,) = station.desk.lines()
    assert (line["name"], line["baud"], line["format"], line["up"]) == ("line1", 9600, "8N1", True)
    shown = line["devices"]
    assert isinstance(shown, list)
    assert [device["name"] for device in shown] == list(UNITS)
    meter = shown[1]
    assert (meter["requests"], meter["ok"], meter["roles"]) == (1, 1, ["meter"])
    assert meter["p50_ms"] == pytest.approx(1000 * TOOK_S)
    assert shown[0]["p50_ms"] is None
    others = line["others"]
    assert isinstance(others, list)
    assert [other["unit"] for other in others] == [42]
    json.dumps(line)


@pytest.mark.parametrize(
    ("at_s", "error", "direction", "counted"),
    [
        (10.2, "crc", "reply", (1, 1)),
        (11.0, "crc", "reply", (1, 0)),
        (9.9, "crc", "reply", (1, 0)),
        (10.2, "", "reply", (0, 0)),
        (10.2, "crc", "request", (0, 0)),
    ],
)
def test_errors_right_after_a_switching_contactor_are_counted_apart(
    at_s: float, error: str, direction: str, counted: tuple[int, int]
) -> None:
    errors = SwitchedErrors(lambda: 10.0)
    errors.note(_frame(at_s, error=error, reply=direction == "reply"))
    assert tuple(errors.counts().values()) == counted


def _frame(at_s: float, *, error: str = "", reply: bool = True) -> Frame:
    return Frame(
        at_s=at_s,
        last_s=at_s,
        direction="reply" if reply else "request",
        raw=b"\2\4\2\0\0",
        unit=2,
        error=error,
    )


@asynccontextmanager
async def served(station: Station, path: Path) -> AsyncIterator[None]:
    api = LocalApi(path, Agent(), BusRoutes(station.desk).routes())
    await api.start()
    try:
        yield
    finally:
        await api.close()


@pytest.mark.integration
@pytest.mark.parametrize(
    ("method", "target", "body", "status", "said"),
    [
        ("GET", "/bus", b"", 200, "planned_utilisation"),
        ("POST", "/bus/line1/ask", b'{"unit":2,"function":4,"address":0}', 200, '"words":[0]'),
        ("POST", "/bus/line9/ask", b'{"unit":2,"function":4,"address":0}', 409, "lines here"),
        ("POST", "/bus/line1/ask", b'{"unit":2,"function":7,"address":0}', 400, "no Modbus"),
        ("POST", "/bus/line1/ask", b'{"unit":2,"function":4,"address":-1}', 400, "no Modbus"),
        ("POST", "/bus/line1/ask", b'{"unit":2,"funktion":4}', 400, "no Modbus"),
        ("POST", "/bus/line1/ask", b"[]", 400, "no Modbus"),
        ("GET", "/bus/line1/record?seconds=-1", b"", 409, "cannot be"),
        ("GET", "/bus/line9/record", b"", 409, "lines here"),
    ],
)
async def test_the_routes_answer_in_json(
    station: Station, tmp_path: Path, method: str, target: str, body: bytes, status: int, said: str
) -> None:
    path = tmp_path / "api.sock"
    async with served(station, path):
        got, answer = await ask(path, method, target, body)
    assert got == status
    assert answer["schema_version"] == 1
    assert said in json.dumps(answer, separators=(",", ":"))
    assert status < 400 or answer["remedy"]


@pytest.mark.parametrize(
    ("settings", "framing"),
    [
        (SerialSettings(name="l", port="/dev/null"), "rtu"),
        (TcpSettings(name="l", host="h"), "tcp"),
        (TcpSettings(name="l", host="h", framing="rtu"), "rtu"),
    ],
    ids=["serial", "tcp", "rtu over tcp"],
)
def test_a_recording_says_how_its_frames_are_framed(settings: LineSettings, framing: str) -> None:
    assert decode(_encoder(Bus(settings)).header()).framing == framing


@pytest.mark.integration
async def test_a_recording_streams_what_is_said_on_the_line(
    station: Station, tmp_path: Path
) -> None:
    path = tmp_path / "api.sock"
    async with served(station, path):
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b"GET /bus/line1/record?seconds=0.3 HTTP/1.0\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in head
        for number in range(3):
            shown: Callable[[Frame], None] | None = station.bus.on_frame
            assert shown is not None
            shown(_frame(100.0 + number))
        body = await reader.read()
        writer.close()
        await writer.wait_closed()
    recording = decode(body)
    assert [frame.at_s for frame in recording.frames] == [0.0, 1.0, 2.0]
    assert recording.about["baud"] == "9600"
    assert not recording.damage
