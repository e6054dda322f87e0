"""What can go wrong below the agent; the class says what the caller may do."""

from __future__ import annotations


class HalError(Exception):
    """Root of every error this package raises."""


class BusDown(HalError):
    """The port or the connection is gone: wait for it, every device on it is unreachable."""


class NoReply(HalError):
    """The device was silent: others on the line are not concerned."""


class Garbled(HalError):
    """Characters came that are no valid reply to this request: never use them.

    `kind` is one of `crc`, `short`, `unit`, `function`, `count`, `echo`, `transaction`.
    """

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind


class Refused(HalError):
    """The device answered with a Modbus exception: asking again changes nothing."""

    def __init__(self, exception_code: int, detail: str) -> None:
        super().__init__(f"exception {exception_code}: {detail}")
        self.exception_code = exception_code


class ProfileError(HalError):
    """A device profile is wrong; the message names file, row and reason."""


class LineSetupError(HalError):
    """The port exists but will not take its settings or is in use; the message says the remedy."""


class NotObeyed(HalError):
    """The device confirmed a write but reads back something else; the message says what."""


class LayoutUnknown(HalError):
    """Where the registers are, or what they mean, is not known yet: nothing was sent."""


class NotFound(HalError):
    """The device answers, but has not what its profile looks for: it is another device."""


class Overtaken(HalError):
    """A newer command came while this one waited for its turn: nothing was sent."""
