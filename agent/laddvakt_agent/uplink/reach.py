"""Where a platform may send us: to addresses of others, not to this machine nor to its own link.

Versions, endpoints and credentials name URLs that we then call. Whoever may register could make the
charger call what listens for this machine alone, or what its network keeps for its own machines.
Addresses of private networks stay open: a site may have a platform of its own.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from aiohttp.connector import AddrInfoType

REFUSED = (
    "an address of this machine, or of its link alone: no platform is called there, unless "
    "versions_url in [[uplink]] or url in [server] has such an address itself"
)


def is_inward(host: str) -> bool:
    """Whether a host is an address that means somebody else on every machine."""
    try:
        address = ip_address(host.partition("%")[0])  # without the zone
    except ValueError:
        return host.lower().rstrip(".") == "localhost"
    address = getattr(address, "ipv4_mapped", None) or address
    return (
        address.is_loopback
        or address.is_link_local
        or address.is_unspecified
        or address.is_multicast
    )


def names_inward(urls: Iterable[str | None]) -> bool:
    """Whether one of these URLs, from the configuration, is such an address."""
    for url in urls:
        try:
            host = urlsplit(url or "").hostname
        except ValueError:
            continue  # no address at all
        if host is not None and is_inward(host):
            return True
    return False


def outward_socket(info: AddrInfoType) -> socket.socket:
    """A socket for an address that a name has led to; for aiohttp's connector.

    Raises:
        OSError: it leads inward.
    """
    family, kind, protocol, _, address = info
    if is_inward(str(address[0])):
        raise OSError(errno.EACCES, REFUSED)
    return socket.socket(family=family, type=kind, proto=protocol)
