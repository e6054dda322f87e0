"""What hangs on the uplink: modules that others may call, and work that goes on beside it.

Each domain is one `Part`, made of a `Context`; the link starts and ends them all together.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

from laddvakt_agent.clock import Clock
from laddvakt_agent.config import Config
from laddvakt_agent.journal import Journal
from laddvakt_agent.ledger.ledger import Ledger
from laddvakt_agent.ledger.thread import LedgerThread
from laddvakt_agent.payments_part import payments
from laddvakt_agent.remote_part import remote_parts
from laddvakt_agent.snapshot import Publisher
from laddvakt_agent.supervisor import Supervisor
from laddvakt_agent.tariffs_part import TariffPuller
from laddvakt_agent.tokens_part import keep_tokens, tokens_receiver
from laddvakt_agent.uplink.outward import Outward
from laddvakt_agent.uplink.server.part import sender_modules
from laddvakt_agent.uplink.server.view import Told
from laddvakt_agent.uplink.serving import Module
from laddvakt_agent.uplink.tokens.owners import Claims


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a part may need of the agent."""

    config: Config
    clock: Clock
    ledger: Ledger
    thread: LedgerThread
    supervisor: Supervisor
    publisher: Publisher
    journal: Journal
    outwards: Callable[[], Mapping[str, Outward]]  # the platforms agreed with now, by name
    claims: Callable[[], Claims] = dict  # the parties that each platform registered
    turn_s: Callable[[], float] = lambda: 0.0  # until this charger may call anybody unasked
    told: Callable[[str], Told | None] = lambda name: None  # what was pushed to a platform


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One domain's share."""

    modules: tuple[Module, ...] = ()
    tasks: tuple[Callable[[], Awaitable[None]], ...] = ()  # run until cancelled; a defect is told
    close: Callable[[], Awaitable[None]] | None = None


def parts(context: Context) -> tuple[Part, ...]:
    """Every part, in the order in which they start."""
    orders = remote_parts(context, context.supervisor.permits.authoriser.book.commanded)
    terminals = payments(context)
    return (
        Part(modules=sender_modules(context)),
        Part(modules=(tokens_receiver(context),), tasks=(partial(keep_tokens, context),)),
        Part(tasks=(TariffPuller(context=context).run,)),
        Part(modules=orders.modules, tasks=(orders.keep,), close=orders.close),
        Part() if terminals is None else Part(modules=(terminals.module,), tasks=(terminals.keep,)),
    )
