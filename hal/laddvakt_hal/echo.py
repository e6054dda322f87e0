"""Whether an adapter hears itself, and what that makes of the characters that come first.

Not excluded: an adapter that hears itself only sometimes, on a line whose times tell nothing. Its
first read may come without an echo, and a later one may then confirm the write of a single value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_hal.frame import Found, scan, trailing_is_glitch

if TYPE_CHECKING:
    from laddvakt_hal.rtu_turn import Turn


class Echo:
    """What is known of a line's echo: told by its settings, or learned from reads."""

    def __init__(self, told: bool | None) -> None:
        self.told = told
        self.known = told  # `None`: unknown until a read

    def forget(self) -> None:
        """The line was opened anew, maybe on another adapter."""
        self.known = self.told

    def strip(self, turn: Turn) -> None:
        """Take our own characters off the front, where an echo can be told from a reply."""
        if turn.echo_seen or self.told is False or not turn.stream.buffer:
            return
        if self.known is not True and isinstance(scan(turn.frame, turn.request), Found):
            return  # the reply may look exactly like the request
        turn.strip_echo()

    def learn(self, turn: Turn, found: Found) -> None:
        """A good reply came; once heard, an echo stays: a damaged one must not pass for none."""
        if not turn.request.is_read or self.told is not None:
            return
        if turn.echo_seen:
            self.known = True
        elif self.known is None and trailing_is_glitch(turn.stream.buffer[: found.start]):
            self.known = False  # anything else before a reply may be what was left of an echo

    def learn_from_silence(self, turn: Turn) -> None:
        """No reply came, but maybe our own characters."""
        if turn.echo_seen and self.told is None:
            self.known = True
