"""Where a webhook may lead: to public addresses only, whatever its name turns out to mean at the moment of sending.

A name is resolved once, every address behind it is judged, and the connection goes to the address that was judged: a
name that means something else a moment later (DNS rebinding) leads nowhere new.
"""

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from prom_service.settings import Settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]
"""Turns a host and a port into addresses; ``OSError`` when there are none."""

PORTS = {"https": 443, "http": 80}
_URL = re.compile(r"[\x21-\x7e]+")
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*|[0-9a-f:.]*:[0-9a-f:.]*", re.IGNORECASE)
_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_TEREDO = ipaddress.IPv6Network("2001::/32")
_SPECIAL = tuple(map(ipaddress.IPv4Network, ("168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24")))
"""Not for everybody although not listed as such: Azure's own services, protocol assignments, relays to 6to4."""


class DestinationError(Exception):
    """A webhook may not lead there. ``reason`` is a code; the message says what is allowed."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


@dataclass(frozen=True)
class Destination:
    """A place a webhook may lead to: how it is named, and the addresses that were judged."""

    secure: bool
    host: str
    port: int
    target: str
    """Path and query."""
    addresses: tuple[str, ...]

    @property
    def authority(self) -> str:
        """What the header ``Host`` says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS["https" if self.secure else "http"] else f"{host}:{self.port}"


@dataclass(frozen=True)
class Border:
    """Which destinations are let through. ``allow`` has hosts and networks of one's own that may be private."""

    production: bool = True
    allow: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: Settings) -> "Border":
        """Return the border that these settings draw."""
        return cls(settings.in_production, settings.webhook_allow)

    def check(self, url: str, resolve: Resolve) -> Destination:
        """Return the destination of ``url``; raise ``DestinationError`` when a webhook may not lead there."""
        parts, port = self._split(url)
        host = str(parts.hostname)
        try:
            addresses = tuple(dict.fromkeys(resolve(host, port)))
        except (OSError, UnicodeError):
            addresses = ()
        if not addresses:
            raise DestinationError("name_unknown", "The name of its host leads to no address.")
        if not self._names(host) and not all(self._admits(address) for address in addresses):
            raise DestinationError("address_not_public", "Must lead to a public address, and to no other.")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return Destination(parts.scheme == "https", host, port, target, addresses)

    def _split(self, url: str) -> tuple[SplitResult, int]:
        schemes = ("https",) if self.production else ("https", "http")
        try:
            parts = urlsplit(url) if _URL.fullmatch(url) else urlsplit("")
            port = parts.port if parts.port is not None else PORTS.get(parts.scheme, 0)
        except ValueError:
            parts, port = urlsplit(""), 0
        if parts.scheme not in schemes or not _HOST.fullmatch(parts.hostname or "") or not port:
            raise DestinationError("url_unusable", f"Must be a URL that begins with {' or '.join(schemes)}://.")
        if "@" in parts.netloc or parts.fragment:
            raise DestinationError("url_unusable", "Must hold no user, no password and no fragment.")
        if self.production and port != PORTS["https"] and not self._names(str(parts.hostname)):
            raise DestinationError("port_not_allowed", "Must be on port 443.")
        return parts, port

    def _names(self, host: str) -> bool:
        """Say whether the host is one of those let through by name, or an address in a network that is."""
        return host.lower() in {entry.lower() for entry in self.allow} or self._is_ours(host)

    def _is_ours(self, address: str) -> bool:
        try:
            judged = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(judged in network for network in networks(self.allow))

    def _admits(self, address: str) -> bool:
        return self._is_ours(address) or is_public(address)


def networks(entries: Sequence[str]) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Return those entries that are networks, or single addresses; the others are names of hosts."""
    found = []
    for entry in entries:
        try:
            found.append(ipaddress.ip_network(entry))
        except ValueError:
            continue
    return found


def is_public(address: str) -> bool:
    """Say whether ``address`` can be reached by anybody, so that being sent there reveals nothing of this network.

    An IPv6 address that carries an IPv4 address is judged by that one as well.
    """
    judged = ipaddress.ip_address(address)
    if isinstance(judged, ipaddress.IPv4Address):
        special = judged.is_multicast or judged.is_reserved or any(judged in network for network in _SPECIAL)
        return judged.is_global and not special
    if judged in _NAT64:
        return is_public(str(ipaddress.IPv4Address(judged.packed[-4:])))
    if judged.sixtofour is not None and not is_public(str(judged.sixtofour)):
        return False
    return judged.is_global and judged in _UNICAST and judged not in _TEREDO


def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses of ``host`` in the order in which the system would try them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for _family, _type, _protocol, _name, address in found]
