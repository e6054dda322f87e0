"""A charger that runs already: somebody else's board, agent and backend."""

from __future__ import annotations

from laddvakt_sim.scenario.model import RestartAgent
from laddvakt_sim.scenario.play import ActionError
from laddvakt_sim.scenario.real.peers import Peer, RefusedError, SilentError
from laddvakt_sim.scenario.real.stage import StageError


class Elsewhere:
    """Nothing is started, nothing ended; the agent stays as configured."""

    def __init__(self, board: Peer, agent: Peer, backend: Peer | None) -> None:
        self.board = board
        self.agent = agent
        self.backend = backend

    def check(self) -> None:
        """Ask each of them once.

        Raises:
            StageError: one does not answer.
        """
        asked = [(self.board, "/state"), (self.agent, "/status")]
        asked += [] if self.backend is None else [(self.backend, "/objects")]
        for peer, target in asked:
            try:
                peer.ask("GET", target)
            except (SilentError, RefusedError) as error:
                raise StageError(str(error)) from error

    def send_away(self, how: RestartAgent) -> None:
        """Refuse: the agent was started by somebody else."""
        del how
        raise ActionError("this agent was not started here; leave out --agent-socket")

    def tend(self) -> None:
        """Nothing comes back here."""

    def trouble(self) -> list[str]:
        """What ended is seen as unknown."""
        return []
