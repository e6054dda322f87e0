"""The agent's JSON in words and numbers as a person reads them; pure."""

from __future__ import annotations

from collections.abc import Iterator

from laddvakt_agent.cli.client import Json, JsonObject
from laddvakt_agent.cli.permit_words import ordered_lines, permit_lines, reader_lines

NONE = "–"
WORN_SHARE = 0.8  # of the contactor's rated life: time to plan


def objects(answer: JsonObject, key: str) -> list[JsonObject]:
    """The objects of a list; what is none is left out."""
    found = answer.get(key)
    return [part for part in found if isinstance(part, dict)] if isinstance(found, list) else []


def standing(answer: JsonObject) -> list[JsonObject]:
    """The faults that have not cleared."""
    return [fault for fault in objects(answer, "faults") if not fault.get("cleared_at")]


def durable(answer: JsonObject) -> bool:
    """Whether sessions can be written down."""
    ledger = answer.get("ledger")
    return not (isinstance(ledger, dict) and ledger.get("durable") is False)


def status_lines(answer: JsonObject) -> Iterator[str]:
    """What `status` prints."""
    if not answer.get("ready", True):
        yield "starting: not every device has been heard yet"
    for connector in objects(answer, "connectors"):
        yield from _connector(connector)
    yield from _hardware(answer)
    yield from fault_lines(standing(answer))
    if not durable(answer):
        yield "ledger: cannot be written; no session begins, because none could be billed"
        yield "  free or remount the disk, then: systemctl restart laddvakt"
    storage = answer.get("storage")
    if isinstance(storage, dict):
        yield from _storage(storage)
    uplink = answer.get("uplink")
    if isinstance(uplink, dict):
        yield from _backend(uplink)


def _hardware(answer: JsonObject) -> Iterator[str]:
    """Readers, lines and devices, where something is to be said of them."""
    for reader in objects(answer, "readers"):
        yield from reader_lines(reader)
    for line in objects(answer, "lines"):
        yield from _line(line)
    for device in objects(answer, "devices"):
        yield from _stranger(device)


def _storage(storage: JsonObject) -> Iterator[str]:
    """A disk that is worn or filled faster than planned; nothing of a good one."""
    if storage.get("over_budget"):
        wears = _scaled(storage.get("written_per_day_bytes"), "B")
        planned = _scaled(storage.get("budget_per_day_bytes"), "B")
        yield f"storage: {wears} a day are written, {planned} are planned: the disk wears faster"
        yield "  a fault that comes and goes is the usual reason: laddvakt faults --all"
    if storage.get("over_quota"):
        used, quota = (
            _scaled(storage.get("used_bytes"), "B"),
            _scaled(storage.get("quota_bytes"), "B"),
        )
        yield f"storage: {used} are used of {quota}; unsent bills and status intervals never go"
        yield "  see that the backend is reached; then old ones may go"
    elif storage.get("short_of_headroom"):
        free = _scaled(storage.get("free_bytes"), "B")
        yield f"storage: only {free} are free on the disk; telemetry is dropped to make room"
        yield "  free space there: something else fills it"


def _line(line: JsonObject) -> Iterator[str]:
    """A line that is down, or looks ill; nothing of a good one."""
    if not line.get("up"):
        yield f"line {line.get('name')}: DOWN - {line.get('reason')}"
    if line.get("hint"):
        yield f"line {line.get('name')}: {line.get('hint')}"


def _stranger(device: JsonObject) -> Iterator[str]:
    """A device that is not what the configuration says, or not the one from before."""
    name, unit = device.get("name"), device.get("unit")
    if device.get("as_configured") is False:
        yield f"device {name} (unit {unit}): another model than {device.get('profile')} answers"
        yield f"  laddvakt bus identify {unit} --line {device.get('line')} says what it is"
    changed = device.get("identity_changed")
    if isinstance(changed, dict):
        quantity, before, now = (changed.get(key) for key in ("quantity", "before", "now"))
        yield f"device {name} (unit {unit}): was exchanged, {quantity} was {before}, is {now}"


def fault_lines(faults: list[JsonObject]) -> Iterator[str]:
    """Causes first, each with its symptoms indented below it; what has cleared comes last."""
    for fault, symptoms in grouped(faults):
        yield from _fault(fault)
        for symptom in symptoms:
            yield from (f"    {line}" for line in _fault(symptom))
    for fault in faults:
        if fault.get("cleared_at"):
            yield from _fault(fault)


_SEVERITIES = ("safety", "fault", "warning", "info")


def grouped(faults: list[JsonObject]) -> list[tuple[JsonObject, list[JsonObject]]]:
    """Each cause that stands with its symptoms, the gravest first."""
    return sorted(_groups(faults), key=_urgency)


def _groups(faults: list[JsonObject]) -> Iterator[tuple[JsonObject, list[JsonObject]]]:
    now = [fault for fault in faults if not fault.get("cleared_at")]
    ids = {fault.get("id") for fault in now}
    for fault in now:
        cause = fault.get("cause_id", fault.get("id"))
        if cause not in ids or cause == fault.get("id"):
            others = [part for part in now if part is not fault]
            yield fault, [part for part in others if part.get("cause_id") == fault.get("id")]


def _urgency(group: tuple[JsonObject, list[JsonObject]]) -> tuple[int, float]:
    """The gravest first, of equal ones in the order of diagnosis."""
    cause, symptoms = group
    told = [str(fault.get("severity")) for fault in (cause, *symptoms)]
    grave = [_SEVERITIES.index(word) for word in told if word in _SEVERITIES]
    return min(grave, default=0), _number(cause.get("cause_rank")) or 0.0


def _connector(connector: JsonObject) -> Iterator[str]:
    state, reason = str(connector.get("state")), str(connector.get("reason"))
    why = reason.removeprefix(f"{state}: ")
    if state == "faulted" and connector.get("deciding_fault"):
        why = str(connector.get("deciding_fault"))
    yield (
        f"connector {connector.get('id')}: {connector.get('status')} - "
        f"{state.replace('_', ' ')} ({why})"
    )
    yield (
        f"  offer {_amperes(connector.get('limit_a'))}, "
        f"current {_amperes(connector.get('current_a'))}, "
        f"power {_scaled(connector.get('power_w'), 'W')}, "
        f"session {_scaled(connector.get('session_energy_wh'), 'Wh')}"
    )
    yield from ordered_lines(connector)
    yield from permit_lines(connector.get("authorisation"))
    yield from _cost(connector.get("session_cost"))
    yield from _upkeep(connector)


def _cost(cost: Json) -> Iterator[str]:
    """What the session costs so far; nothing where no tariff applies."""
    if not isinstance(cost, dict):
        return
    if cost.get("unpriced") is not None:
        yield f"  cost: not known, the tariff could not be applied: {cost.get('unpriced')}"
        return
    after, before = _number(cost.get("after_taxes")), _number(cost.get("before_taxes"))
    taxes = "before taxes" if after is None else "with taxes"
    amount = before if after is None else after
    told = f"{amount or 0.0:.2f} {cost.get('currency')} {taxes}"
    yield f"  cost {told}, tariff {cost.get('tariff_id')}"


def _upkeep(connector: JsonObject) -> Iterator[str]:
    """What somebody should know who looks after it; nothing of a well one."""
    if connector.get("maintenance"):
        yield (
            "  maintenance: an open door is no fault; "
            f"end it with: laddvakt connector {connector.get('id')} normal"
        )
    unbilled = connector.get("unbilled")
    for session, why in unbilled.items() if isinstance(unbilled, dict) else ():
        yield f"  session {session} is not billed: {why}"
    for test in objects(connector, "tests"):
        if not test.get("passed"):
            yield f"  {test_line(test)}"
    contactor = connector.get("contactor")
    if isinstance(contactor, dict):
        if contactor.get("slower"):
            yield "  contactor: moves clearly slower than at first; have it looked at"
        worn = _number(contactor.get("wear_share")) or 0.0
        if worn >= WORN_SHARE:
            yield f"  contactor: {worn:.0%} of its rated life is used; plan its exchange"


def test_line(test: JsonObject) -> str:
    """How a self-test ended: `self-test open passed: every witness says open`."""
    verdict = "passed" if test.get("passed") else "FAILED"
    return f"self-test {test.get('test')} {verdict}: {test.get('detail')}"


def _backend(uplink: JsonObject) -> Iterator[str]:
    for platform in objects(uplink, "platforms"):
        if not platform.get("registered"):
            name = platform.get("name")
            yield f"platform {name}: nothing is agreed on with it, so it is told nothing"
            yield f"  see: laddvakt uplink status; or: laddvakt uplink register --name {name}"
    if "pending" not in uplink:
        return
    pending = uplink.get("pending")
    count = pending if isinstance(pending, int) else 0
    waiting = f"{count} object{'' if count == 1 else 's'} wait{'s' if count == 1 else ''}"
    if uplink.get("refused"):
        yield f"backend: refuses the token or an object, {waiting}"
        yield "  check the token and the [uplink] URLs; the answer is in: journalctl -u laddvakt"
    elif not uplink.get("reachable"):
        yield f"backend: not reachable, {waiting}; it is tried again by itself"
    elif count:
        yield f"backend: {waiting}"


def _fault(fault: JsonObject) -> Iterator[str]:
    ended = f", cleared {_moment(fault.get('cleared_at'))}" if fault.get("cleared_at") else ""
    gone = ", no longer seen" if fault.get("gone") else ""
    yield (
        f"{str(fault.get('severity')).upper()} {fault.get('code')} ({_subject(fault)}) "
        f"since {_moment(fault.get('started_at'))}{gone}{ended}"
    )
    evidence = f": {fault.get('evidence')}" if fault.get("evidence") else ""
    yield f"  {fault.get('title')}{evidence}"
    if fault.get("cause") != fault.get("code"):
        yield f"  caused by {fault.get('cause')}"
    if not ended:
        yield f"  next: {fault.get('next')}"


def _subject(fault: JsonObject) -> str:
    kind, subject = fault.get("subject_kind"), str(fault.get("subject"))
    return subject if kind in (None, "station", subject) else f"{kind} {subject}"


def _moment(written: Json) -> str:
    """2027-01-31T10:00:00.123Z → 2027-01-31 10:00:00 UTC."""
    text = str(written)
    return f"{text[:10]} {text[11:19]} UTC" if text.endswith("Z") else text


def _amperes(value: Json) -> str:
    phases = value if isinstance(value, list) else [value]
    if all(_number(part) is None for part in phases):
        return NONE
    shown = [NONE if (n := _number(part)) is None else f"{n:.1f}" for part in phases]
    return f"{' '.join(shown)} A"


def _scaled(value: Json, unit: str) -> str:
    """Below a thousand in the unit itself, from there in thousands of it."""
    number = _number(value)
    if number is None:
        return NONE
    if abs(number) < 999.95:
        return f"{number:.1f} {unit}"
    if unit == "B":
        return f"{number / 1e6:.1f} MB"
    thousands = number / 1000
    return f"{thousands:.1f} k{unit}" if unit == "W" else f"{thousands:.2f} k{unit}"


def _number(value: Json) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if known and isinstance(value, int | float) else None
