"""Certificates judged by the time the agent believes, while the kernel's clock is unset.

OpenSSL asks the kernel's clock, and in 1970 no certificate is valid yet. Here it checks issuer and
name as always but no dates; the backend's own certificate is then held to what is known of the
time: at least that this program had been built. Only for an unset clock.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import UTC, datetime

from laddvakt_agent.clock import BUILT

_NO_CHECK_TIME = ssl.VerifyFlags(0x200000)  # X509_V_FLAG_NO_CHECK_TIME, x509_vfy.h


def dated_context(believed: Callable[[], datetime | None]) -> ssl.SSLContext:
    """A context for clients; `believed`: the wall time, `None` while nothing is known of it."""

    class Dated(ssl.SSLObject):
        def do_handshake(self) -> None:
            """Finish the handshake, then look at the dates.

            Raises:
                ssl.SSLCertVerificationError: the certificate is not valid at the believed time.
            """
            super().do_handshake()
            shown = self.getpeercert() or {}
            _check(shown.get("notBefore"), shown.get("notAfter"), believed())

    context = ssl.create_default_context()
    context.verify_flags |= _NO_CHECK_TIME
    context.sslobject_class = Dated
    return context


def _check(not_before: object, not_after: object, now: datetime | None) -> None:
    if not isinstance(not_before, str) or not isinstance(not_after, str):
        raise ssl.SSLCertVerificationError("the backend's certificate has no dates")
    begins, ends = _moment(not_before), _moment(not_after)
    if ends < (now or BUILT):
        raise ssl.SSLCertVerificationError(f"the backend's certificate ended {ends:%Y-%m-%d}")
    if now is not None and now < begins:
        raise ssl.SSLCertVerificationError(f"the backend's certificate begins {begins:%Y-%m-%d}")


def _moment(text: str) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC)
