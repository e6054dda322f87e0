"""What the keys of `[server]` must be together: tokens never travel in clear over a network."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from laddvakt_agent.config.raw import Row, sub, text
from laddvakt_agent.config.schema import Problem

HOST = "127.0.0.1"  # where it listens unless told otherwise


def server_checks(data: Row) -> Iterator[Problem]:
    """Every problem of the listening side, as far as `data` lets it be seen."""
    server = sub(data, "server")
    if not server:
        return
    host = text(server, "host") or HOST
    has_certificate, has_key = "certificate" in server, "key" in server
    if has_certificate != has_key:
        given, lacking = ("certificate", "key") if has_certificate else ("key", "certificate")
        yield Problem(
            path=("server", given),
            message=f"server.{given} needs server.{lacking} beside it: give both, or neither "
            "behind a relay that does TLS",
        )
    elif not has_certificate and not is_loopback(host):
        yield Problem(
            path=("server", "host"),
            message=f'server.host = "{host}" without a certificate would show tokens to the '
            "network: give server.certificate and server.key, or listen at 127.0.0.1 behind a "
            "relay that does TLS",
        )
    elif has_certificate:
        yield from _files(server)
    yield from _url_checks(text(server, "url") or "", has_certificate=has_certificate)
    if not _is_address(host):
        yield Problem(
            path=("server", "host"),
            message=f'server.host = "{host}" is no address: write one of this machine, '
            'or "0.0.0.0" or "::" for all of them',
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _url_checks(url: str, *, has_certificate: bool) -> Iterator[Problem]:
    try:
        parts = urlsplit(url)
        name, port = parts.hostname or "", parts.port
    except ValueError:
        name, port = "", None
    path = ("server", "url")
    if url and (not name or port == 0 or parts.query or parts.fragment or parts.username):
        yield Problem(
            path=path,
            message=f'server.url = "{url}" is no base others could reach us by: write it like '
            "https://charger.example.com:8443",
        )
    elif parts_http(url) and (has_certificate or not (is_loopback(name) or name == "localhost")):
        yield Problem(
            path=path,
            message=f'server.url = "{url}" must begin with https://: tokens travel with '
            "every request",
        )


def parts_http(url: str) -> bool:
    """Whether a URL is without TLS."""
    return url.lower().startswith("http://")


def _files(server: Row) -> Iterator[Problem]:
    """Certificate and key as they are now, if both can be looked at."""
    certificate, key = text(server, "certificate"), text(server, "key")
    if certificate is None or key is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            certificate, key, password=_no_password
        )
    except (OSError, ValueError) as error:
        yield Problem(
            path=("server", "certificate"),
            message=f"server.certificate and server.key cannot be used: {error}; give both as "
            "PEM files that the service may read, the key without a password",
        )


def _no_password() -> str:
    """OpenSSL would ask at the terminal."""
    raise ValueError("the key has a password")
