"""When a device counts as silent, and how long it is left alone then."""

from __future__ import annotations

# A silent device is left alone for this long, doubled each time. On a serial line the first pause
# also keeps a reply that is later than the profile promises away from the next question of the
# same shape. Over TCP the transaction id does that, and some peers stop charging when nobody asks
# for a second: there the first silence is followed by the next question at once.
FIRST_HOLD_S = 0.5
MAX_HOLD_S = 2.0
MAX_SAFETY_HOLD_S = 0.75  # with its timeout: noticed back within the second
GARBLED_IS_SILENT = 3  # so many garbled replies in a row count as silence


class Silence:
    """Counts what a device did not say; `excused` silences in a row change nothing yet."""

    def __init__(self, excused: int) -> None:
        self.ask_again_s = 0.0  # quarantine: not asked before
        self._excused = excused
        self._silences = 0
        self._garbles = 0

    @property
    def lasts(self) -> bool:
        """True from the first silence that is not excused to the next reply."""
        return self._silences > self._excused

    def end(self) -> None:
        """The device was heard."""
        self._silences = self._garbles = 0
        self.ask_again_s = 0.0

    def garbled(self) -> bool:
        """A reply nobody can use; True when it is one too many and counts as silence."""
        self._garbles += 1
        return self._garbles >= GARBLED_IS_SILENT

    def note(self, now_s: float, *, safety: bool) -> None:
        """No reply came; with `safety` a safety reading depends on the device."""
        self._silences += 1
        if self.lasts:
            most_s = MAX_SAFETY_HOLD_S if safety else MAX_HOLD_S
            hold_s = min(FIRST_HOLD_S * 2.0 ** (self._silences - self._excused - 1), most_s)
            self.ask_again_s = now_s + hold_s
