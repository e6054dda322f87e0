"""What can go wrong on the way to the backend; the class says what the caller may do."""

from __future__ import annotations

from typing import ClassVar

CHECK_URL = (
    "check the addresses in [uplink]: what answers there is not the operator's OCPI endpoint; "
    "on a guest or mobile network it may be a page to log in to"
)
CHECK_TLS = (
    "check that the address has the name in the backend's certificate, and this controller's "
    "clock; a certificate that is out of date or of an unknown issuer concerns its operator"
)
FINAL_URL = "put the address it points to into [uplink], after asking the operator if it is theirs"


class UplinkError(Exception):
    """Root of every error of the uplink; `remedy` tells a person what to do about it."""

    usual_remedy: ClassVar[str] = "look at the reason and ask the operator of the backend"

    def __init__(
        self,
        message: str,
        *,
        retry_after_s: float | None = None,
        location_url: str | None = None,
        remedy: str | None = None,
        status_code: int | None = None,
        http_status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s  # the receiver's own wish, seconds
        self.status_code = status_code  # OCPI, where the answer had one
        self.http_status = http_status  # of a refusal
        self.location_url = location_url  # where the receiver says the object is
        self.remedy = self.usual_remedy if remedy is None else remedy


class Unreachable(UplinkError):
    """No connection: nothing was sent. Try again later."""

    usual_remedy = (
        "check the network: cable, SIM and APN, name server, firewall; it is tried again by itself"
    )


class Unanswered(UplinkError):
    """Sent, but no usable answer came: it may have arrived. Verify before sending it again."""

    usual_remedy = (
        "nothing to do if it passes, it is tried again by itself; "
        "if it stays, check the network and ask the operator of the backend"
    )


class ServerFailed(UplinkError):
    """The receiver or a hub failed: it may have arrived. Verify, then try again later."""

    usual_remedy = (
        "nothing to do here: the backend has trouble of its own; it is tried again by itself"
    )


class Unauthorised(UplinkError):
    """HTTP 401 or 403: a person must act. Try slowly."""

    usual_remedy = (
        "check the token, the country code and the party id with the operator of the backend; "
        "what is changed in the configuration or its files holds from a restart on"
    )


class Missing(UplinkError):
    """HTTP 404: the receiver does not have the object. PUT it."""

    usual_remedy = (
        "check the addresses in [uplink], and ask the operator of the backend "
        "if this country code and party id are registered there"
    )


class Rejected(UplinkError):
    """Understood and refused: the same content will be refused again. Verify, correct, or tell."""

    usual_remedy = (
        "correct in the configuration what the reason names; if it names nothing from there, "
        "send the reason to the operator of the backend"
    )


class BrokenOff(UplinkError):
    """A list came only in part: what came is good, what is missing says nothing."""

    usual_remedy = "send the reason to the operator of the backend; it is pulled again by itself"
