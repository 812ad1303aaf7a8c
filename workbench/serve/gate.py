"""Who may come in: requests for this server's own name, from its own page, by someone who was given its address.

A browser lets any page of the web send requests to loopback. So a foreign `Origin` is refused, and so is a foreign
`Host`, which is what a name that was rebound to 127.0.0.1 sends; everything but the way in also needs a secret.
"""

from __future__ import annotations

import ipaddress
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_SECRET_BYTES = 32


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a host."""
    address = _address(host)
    return host in _LOOPBACK or (address is not None and address.is_loopback)


@dataclass(frozen=True)
class Gate:
    """The secrets of one server, and the names by which it may be asked."""

    host: str
    """What the server is bound to."""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(_SECRET_BYTES), repr=False)
    """Stands in the address that is printed, and lets a browser in."""
    ticket: str = field(default_factory=lambda: secrets.token_urlsafe(_SECRET_BYTES), repr=False)
    """Stands in the cookie of a browser that was let in."""
    cookie: str = field(default_factory=lambda: f"workbench-{secrets.token_hex(4)}")
    """Name of the cookie: cookies are shared by all ports of a host, so that every server needs its own."""

    def has_token(self, given: str) -> bool:
        """Return whether a request brings the token."""
        return secrets.compare_digest(given.encode("utf-8", "replace"), self.token.encode())

    def has_ticket(self, cookies: Mapping[str, str]) -> bool:
        """Return whether a request brings the cookie that the token was changed for."""
        return secrets.compare_digest(cookies.get(self.cookie, "").encode("utf-8", "replace"), self.ticket.encode())

    def is_for_us(self, host: str) -> bool:
        """Return whether a `Host` header names this server; through a tunnel its port may be another one."""
        name = _name(host)
        if name is None:
            return False
        if name == self.host or is_loopback(name):
            return True
        # Rebinding needs a name of somebody else's; an address as such, or this machine's own name, is none.
        return not is_loopback(self.host) and (_address(name) is not None or name == socket.gethostname().lower())

    def is_from_us(self, origin: str, host: str) -> bool:
        """Return whether an `Origin` header is that of the page which the same `Host` was asked for."""
        return origin in (f"http://{host}", f"https://{host}")


def _name(host: str) -> str | None:
    """Return the name in a `Host` header without its port; None for what is no such header."""
    if not host.isascii() or not host.isprintable() or set(host) & set("@/?#\\ "):
        return None
    try:
        parts = urlsplit(f"//{host}")
        name, port = parts.hostname or "", parts.port
    except ValueError:  # no port, or an open bracket
        return None
    written = f"[{name}]" if ":" in name else name
    # Written again it must be the same: beside a bracket anything may stand, and is read over.
    return name if port != 0 and host.lower() in (written, f"{written}:{port}") else None


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
