"""Random schedules over TCP: Modbus TCP with its ids, and RTU frames through a tunnel."""

from __future__ import annotations

import asyncio
import random
import struct
from dataclasses import dataclass, field

from hal.slave import framed
from hal.virtual.loop import VirtualLoop, settled
from hal.virtual.net import Answer, MemoryTransport
from hal.virtual.schedule import FOR_EVER_S, Verdict
from hal.virtual.truth import Wire, body, judge
from laddvakt_hal.bus import Bus, Priority, TcpSettings, Timing
from laddvakt_hal.errors import HalError
from laddvakt_hal.frame import Function, Request

TIMING = Timing(timeout_s=0.1, worst_latency_s=0.3)
KINDS = ("late", "lost", "copied", "torn", "closed", "wrong_unit", "zero_id", "old_id", "exception")


@dataclass(slots=True)
class Gateway:
    """Units 1..3 behind one connection."""

    loop: VirtualLoop
    wire: Wire
    dice: random.Random
    rates: dict[str, float]
    rtu: bool
    free_s: float = 0.0  # until when the connection is busy with what was sent before
    old: list[bytes] = field(default_factory=list)  # frames it sent before, ids and all

    def hit(self, kind: str) -> bool:
        return self.dice.random() < self.rates.get(kind, 0.0)

    def answer(self, data: bytes) -> Answer:
        """What comes back for one request, and when."""
        serial = self.wire.next(self.loop.time())
        request = data if self.rtu else data[6:]
        if self.hit("closed"):
            return [(self.dice.uniform(0.0, 0.2), b"")]
        if self.hit("lost"):
            return []
        reply = body(request, serial)
        if self.hit("exception"):
            reply = bytes((request[0], request[1] | 0x80, self.dice.choice((2, 4, 10, 11))))
        if self.hit("wrong_unit"):
            reply = bytes((reply[0] % 3 + 1,)) + reply[1:]
        late = self.hit("late")
        after_s = self.dice.uniform(0.1, 0.3) if late else self.dice.uniform(0.001, 0.05)
        frame = framed(reply) if self.rtu else self._with_id(data[:2], reply)
        answers = self._in_order(frame, after_s)
        if self.hit("copied"):
            gap_s = 0.004 if self.rtu else self.dice.choice((0.0, 0.01, 0.2))
            answers += self._in_order(frame, answers[-1][0] + gap_s * self.dice.random())
        self.old = [*self.old[-8:], frame]
        return answers

    def _with_id(self, transaction: bytes, reply: bytes) -> bytes:
        if self.hit("zero_id"):
            transaction = b"\x00\x00"
        if self.hit("old_id") and self.old:
            transaction = self.dice.choice(self.old)[:2]
        return transaction + struct.pack(">HH", 0, len(reply)) + reply

    def _in_order(self, frame: bytes, after_s: float) -> Answer:
        """A connection may tear frames apart, but never mixes them."""
        now_s = self.loop.time()
        after_s = max(after_s, self.free_s - now_s)
        cut, pause_s = len(frame), 0.0
        if self.hit("torn"):
            cut, pause_s = self.dice.randrange(1, len(frame)), self.dice.uniform(0.0, 0.02)
        self.free_s = now_s + after_s + pause_s + 1e-6
        return [(after_s, frame[:cut]), (after_s + pause_s + 1e-7, frame[cut:])][
            : 1 + (pause_s > 0)
        ]


async def run(loop: VirtualLoop, seed: int, *, rtu: bool) -> Verdict:
    """Carry out schedule number `seed`."""
    dice = random.Random(seed)
    kinds = dice.sample(KINDS, dice.randrange(len(KINDS) + 1))
    rate, wire, verdict = dice.choice((0.05, 0.15, 0.3)), Wire(), Verdict()
    gateway = Gateway(loop, wire, dice, dict.fromkeys(kinds, rate), rtu)
    loop.connect = lambda protocol: MemoryTransport(loop, protocol, gateway.answer)
    bus = Bus(
        TcpSettings(name="gw", host="memory", port=502, framing="rtu" if rtu else "tcp"), loop.time
    )
    for unit in (1, 2, 3):
        bus.set_timing(unit, TIMING)
    await bus.start()
    while not bus.up:  # noqa: ASYNC110 - in virtual time
        await asyncio.sleep(0.01)
    callers = (_caller(bus, random.Random(seed * 31 + n), wire, verdict) for n in range(2))
    await settled(asyncio.gather(*callers), FOR_EVER_S)
    await asyncio.sleep(1.0)
    await bus.close()
    return verdict


async def _caller(bus: Bus, dice: random.Random, wire: Wire, verdict: Verdict) -> None:
    for _ in range(dice.randrange(3, 9)):
        if dice.random() < 0.3:
            await asyncio.sleep(dice.uniform(0.0, 0.3))
        request = Request(
            unit=dice.randrange(1, 4),
            function=dice.choice((Function.READ_HOLDING, Function.READ_INPUT_REGISTERS)),
            address=dice.randrange(8),
            count=dice.choice((1, 2, 2)),
        )
        patience_s = dice.uniform(0.0, 0.2) if dice.random() < 0.15 else FOR_EVER_S
        try:
            async with asyncio.timeout(patience_s):
                reply = await bus.transact(request, dice.choice(tuple(Priority)))
        except TimeoutError:
            verdict.given_up += 1
            if patience_s == FOR_EVER_S:
                verdict.wrong.append(f"never settled: {request}")
        except HalError:
            verdict.failed += 1
        else:
            verdict.good += 1
            if (wrong := judge(request, reply, wire, varying=True)) is not None:
                verdict.wrong.append(wrong)
