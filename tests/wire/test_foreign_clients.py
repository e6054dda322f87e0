"""Clients nobody here has written read the simulated devices: what they get is the devices' truth.

mbpoll (which decodes floats and 32-bit integers by itself), libmodbus from C, and modbus-serial on
node; over a pty, Modbus TCP and RTU over TCP. `tests/needs.sh` installs them.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import struct
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from sim.running import ROOT, RunningBench, running_bench

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

HERE = Path(__file__).resolve().parent
MODULES = ROOT / ".cache" / "node" / "node_modules"
INSTALL = "run tests/needs.sh, which installs it"
BAUD = 19200

_DEVICES = (
    ("eastron-sdm630", 1, "values = { current_l1 = 13.7, voltage_l2 = 226.31 }"),
    ("cg-em300-et300", 2, "values = { current_l3 = 5.217, pf_l2 = -0.871 }"),
    ("simpleevse-wb-din", 3, ""),
    ("waveshare-modbus-rtu-relay", 4, ""),
)


def _layout() -> str:
    text = ""
    for name, header, rest in (
        ("bus", "line", f"baud = {BAUD}"),
        ("gate", "tcp", ""),
        ("pipe", "tcp", 'framing = "rtu"'),
    ):
        text += f'[[{header}]]\nname = "{name}"\n{rest}\n'
        for model, unit, values in _DEVICES:
            text += f'[[{header}.device]]\nmodel = "{model}"\nunit = {unit}\n{values}\n'
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One request; `kind` says what the registers mean."""

    op: str  # input, holding, coils, registers, coil
    unit: int
    addr: int
    kind: str = "u16"  # f32 (most significant word first), s32_little, u16, bool
    count: int = 0  # values to read
    values: tuple[int, ...] = ()  # to write

    @property
    def line(self) -> str:
        """As the C and node clients take it: in registers."""
        words = 2 if self.kind in ("f32", "s32_little") else 1
        numbers = self.values or (self.count * words,)
        return " ".join(map(str, (self.op, self.unit, self.addr, *numbers)))

    def decode(self, words: Sequence[int]) -> list[float]:
        """Values of the registers a client printed."""
        raw = struct.pack(f">{len(words)}H", *words)
        if self.kind == "f32":
            return list(struct.unpack(f">{len(words) // 2}f", raw))
        if self.kind == "s32_little":
            pairs = zip(words[::2], words[1::2], strict=True)
            return [struct.unpack(">i", struct.pack(">2H", hi, lo))[0] for lo, hi in pairs]
        return [float(word) for word in words]


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A block and the truth behind it: quantities and what one count of each is worth."""

    job: Job
    quantities: tuple[str, ...]
    step: float


PHASES = (1, 2, 3)
READS = (
    Read(
        job=Job(op="input", unit=1, addr=0, kind="f32", count=9),
        quantities=tuple(f"{q}_l{n}" for q in ("voltage", "current", "power") for n in PHASES),
        step=1.0,
    ),
    Read(
        job=Job(op="input", unit=2, addr=18, kind="s32_little", count=9),
        quantities=tuple(
            f"{q}_power_l{n}".removeprefix("active_")
            for q in ("active", "apparent", "reactive")
            for n in PHASES
        ),
        step=0.1,
    ),
    Read(
        job=Job(op="holding", unit=3, addr=1001, count=6),
        quantities=(
            *("current_actual", "iec61851_state", "cable_limit"),
            *("control", "firmware", "evse_state"),
        ),
        step=1.0,
    ),
    Read(
        job=Job(op="coils", unit=4, addr=0, kind="bool", count=8),
        quantities=tuple(f"relay_{n}" for n in range(1, 9)),
        step=1.0,
    ),
)


async def _spoken(*command: str, jobs: str = "", directory: Path | None = None) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=None if directory is None else {"NODE_PATH": str(directory)},
    )
    async with asyncio.timeout(10):
        out, said = await process.communicate(jobs.encode())
    assert process.returncode == 0, f"{command}: {said.decode()}{out.decode()}"
    return out.decode()


def _found(program: str) -> str:
    path = shutil.which(program)
    assert path is not None, f"{program} is missing: {INSTALL}"
    return path


async def _mbpoll(where: tuple[str, ...], jobs: Sequence[Job]) -> list[list[float]]:
    kinds = {
        ("input", "f32"): ("-t", "3:float", "-B"),
        ("input", "s32_little"): ("-t", "3:int"),
        ("coils", "bool"): ("-t", "0"),
        ("coil", "bool"): ("-t", "0"),
    }
    answers: list[list[float]] = []
    for job in jobs:
        options = kinds.get((job.op, job.kind), ("-t", "4"))
        count = () if job.values else ("-c", str(job.count))
        head = ("-0", "-1", "-q", "-a", str(job.unit), "-r", str(job.addr), *options, *count)
        values = tuple(str(value) for value in job.values)
        out = await _spoken(_found("mbpoll"), *head, *where, *values)
        answers.append([float(value) for value in re.findall(r"^\[\d+\]:\s+(\S+)", out, re.M)])
    return answers


async def _by_lines(
    command: Sequence[str], jobs: Sequence[Job], directory: Path | None = None
) -> list[list[float]]:
    asked = "".join(f"{job.line}\n" for job in jobs)
    out = await _spoken(*command, jobs=asked, directory=directory)
    lines = out.removesuffix("\n").split("\n")
    return [
        job.decode([int(word) for word in line.split()])
        for job, line in zip(jobs, lines, strict=True)
    ]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningBench]:
    async with running_bench(tmp_path_factory.mktemp("foreign") / "b", _layout()) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def c_client(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The C client, compiled against libmodbus."""
    program = str(tmp_path_factory.mktemp("c") / "client")
    source = str(HERE / "foreign_client.c")
    flags = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-O1")
    await _spoken(_found("gcc"), *flags, source, "-o", program, "-lmodbus")
    return program


async def _ask(
    client: str, line: str, bench: RunningBench, c_client: str, jobs: Sequence[Job]
) -> list[list[float]]:
    port = bench.port(line) if line == "bus" else str(bench.net(line))
    if client == "mbpoll":
        serial = ("-m", "rtu", "-b", str(BAUD), "-P", "none", port)
        return await _mbpoll(serial if line == "bus" else ("-p", port, "127.0.0.1"), jobs)
    where = {"bus": ("rtu", port, str(BAUD)), "gate": ("tcp", port), "pipe": ("pipe", port)}[line]
    if client == "libmodbus":
        return await _by_lines((c_client, *where), jobs)
    assert (MODULES / "modbus-serial").is_dir(), f"modbus-serial is missing: {INSTALL}"
    script = str(HERE / "foreign_client.js")
    return await _by_lines((_found("node"), script, *where), jobs, MODULES)


CLIENTS = (
    ("mbpoll", "bus"),
    ("mbpoll", "gate"),
    ("libmodbus", "bus"),
    ("libmodbus", "gate"),
    ("node", "bus"),
    ("node", "gate"),
    ("node", "pipe"),
)


@pytest.mark.parametrize(("client", "line"), CLIENTS, ids=[f"{c} {n}" for c, n in CLIENTS])
async def test_reads_the_truth(client: str, line: str, bench: RunningBench, c_client: str) -> None:
    """Float, signed little-word, unsigned and coil values, each within its register's step."""
    answers = await _ask(client, line, bench, c_client, [read.job for read in READS])
    for read, answer in zip(READS, answers, strict=True):
        truth = await bench.truth(f"{line}-{read.job.unit}")
        expected = [float(truth[quantity]) for quantity in read.quantities]
        got = [value * read.step for value in answer]
        near = 0.501 * read.step if read.job.kind == "s32_little" else 0.0
        # mbpoll prints six digits of a float.
        rel = 1e-5 if client == "mbpoll" else 1e-6
        assert got == pytest.approx(expected, rel=rel, abs=near), read.job
    assert (await bench.truth(f"{line}-2"))["power_l2"] < 0, "the sign was judged"


@pytest.mark.parametrize(("client", "line"), CLIENTS, ids=[f"{c} {n}" for c, n in CLIENTS])
async def test_writes_arrive(client: str, line: str, bench: RunningBench, c_client: str) -> None:
    """Two registers and a coil: the device has them, and the client reads them back."""
    which = CLIENTS.index((client, line))
    amps, relay = 7 + which, which + 1
    jobs = (
        Job(op="registers", unit=3, addr=2000, values=(amps, 1)),
        Job(op="holding", unit=3, addr=2000, count=2),
        Job(op="coil", unit=4, addr=relay - 1, kind="bool", values=(1,)),
        Job(op="coils", unit=4, addr=relay - 1, kind="bool", count=1),
    )
    answers = await _ask(client, line, bench, c_client, jobs)
    assert (answers[1], answers[3]) == ([amps, 1], [1])
    assert (await bench.truth(f"{line}-3"))["current_after_boot"] == amps
    assert (await bench.truth(f"{line}-4"))[f"relay_{relay}"] is True
