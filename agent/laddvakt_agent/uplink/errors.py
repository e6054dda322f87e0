"""What can go wrong on the way to the backend; the class says what the caller may do."""

from __future__ import annotations


class UplinkError(Exception):
    """Root of every error of the uplink."""

    def __init__(
        self,
        message: str,
        *,
        retry_after_s: float | None = None,
        location_url: str | None = None,
    ) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s  # the receiver's own wish, seconds
        self.location_url = location_url  # where the receiver says the object is


class Unreachable(UplinkError):
    """No connection: nothing was sent. Try again later."""


class Unanswered(UplinkError):
    """Sent, but no usable answer came: it may have arrived. Verify before sending it again."""


class ServerFailed(UplinkError):
    """The receiver or a hub failed: it may have arrived. Verify, then try again later."""


class Unauthorised(UplinkError):
    """HTTP 401 or 403: a person must act. Try slowly."""


class Missing(UplinkError):
    """HTTP 404: the receiver does not have the object. PUT it."""


class Rejected(UplinkError):
    """Understood and refused: the same content will be refused again. Verify, correct, or tell."""
