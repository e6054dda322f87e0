"""The server's certificate, read again when its files change."""

from __future__ import annotations

import ssl
import time
from pathlib import Path

import structlog

LOOK_EVERY_S = 30.0

log = structlog.get_logger()


class Certificate:
    """A context for servers, TLS 1.2 or newer, that follows its files."""

    def __init__(self, certificate: Path, key: Path, look_every_s: float = LOOK_EVERY_S) -> None:
        self._certificate, self._key, self._look_every_s = certificate, key, look_every_s
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._stamps: tuple[tuple[int, int], ...] = ()
        self._looked_s = 0.0

    def load(self) -> str:
        """Read both files; why they cannot be used, or nothing."""
        self._looked_s, self._stamps = time.monotonic(), self._seen()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
        try:
            context.load_cert_chain(self._certificate, self._key, password=_no_password)
        except (OSError, ValueError) as error:
            # ssl.SSLError is an OSError; its text names neither file.
            return (
                f"{self._certificate} and {self._key} cannot be used as certificate and key: "
                f"{error}; give both as PEM, readable for the service, the key without a password"
            )
        self._context = context
        return ""

    @property
    def context(self) -> ssl.SSLContext:
        """For the next connection; where the new files cannot be used, the old ones go on."""
        if time.monotonic() >= self._looked_s + self._look_every_s:
            self._looked_s = time.monotonic()
            if self._seen() != self._stamps:
                problem = self.load()
                if problem:
                    log.error("certificate_not_renewed", reason=problem)
                else:
                    log.info("certificate_renewed", certificate=str(self._certificate))
        return self._context

    def _seen(self) -> tuple[tuple[int, int], ...]:
        """When each file was last changed, and its size."""
        try:
            stats = [path.stat() for path in (self._certificate, self._key)]
        except OSError:
            return self._stamps  # being replaced just now
        return tuple((stat.st_mtime_ns, stat.st_size) for stat in stats)


def _no_password() -> str:
    """OpenSSL would ask at the terminal."""
    raise ValueError("the key has a password")
