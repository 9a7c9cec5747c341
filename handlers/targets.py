"""Where the feed may send to: which addresses of the internet are nobody's inside, and which URLs say them plainly."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from yarl import URL

from handlers.errors import Refused

Address: TypeAlias = IPv4Address | IPv6Address
_NAT64 = IPv6Network("64:ff9b::/96")
_SPECIAL = tuple(map(ip_network, ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "3fff::/20", "5f00::/16")))
"""Of the registries of special addresses, what some versions of Python take for global."""


def is_public(text: str) -> bool:
    """Whether an address (as a socket or a resolver writes it) is one that anybody may reach: not private, loopback,
    link-local, shared (CGNAT), multicast, reserved or unspecified. An IPv6 address that carries an IPv4 one is as
    public as that; one that only stands for it (mapped, compatible) never is."""
    try:
        address = ip_address(text.split("%", 1)[0])
    except ValueError:
        return False
    return "%" not in text and _public(address)


def _public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address in _NAT64:
        return _public(IPv4Address(int(address) & 0xFFFFFFFF))
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_unspecified:
        return False
    if any(address in network for network in _SPECIAL):
        return False
    if isinstance(address, IPv4Address):
        return True
    if address.ipv4_mapped or address.is_site_local or address.teredo:
        return False
    return address.sixtofour is None or _public(address.sixtofour)


def checked_url(text: str, *, private: bool) -> URL:
    """The URL of a subscriber, or Refused (`invalid`, field `url`). `private`: whether the account may send inside,
    and in clear."""
    try:
        url = URL(text)
        port = url.port
    except (ValueError, UnicodeError):
        raise _unfit("cannot be read", "Give an absolute URL such as https://example.com/hooks.") from None
    if url.scheme not in ("https", "http") or not url.host:
        raise _unfit("is no web address", "Give an absolute URL such as https://example.com/hooks.")
    if url.scheme == "http" and not private:
        raise _unfit("would be sent in clear", "Use https; http is for accounts whose setting private_targets is on.")
    if url.user is not None or url.password is not None:
        raise _unfit("holds a user or password", "Leave it out: the signature proves who sends.")
    if not port:
        raise _unfit("has no usable port", "Leave the port out, or give one from 1 to 65535.")
    if url.raw_fragment:
        raise _unfit("has a fragment, which is never sent", "Leave out what begins with #.")
    return url


def _unfit(what: str, remedy: str) -> Refused:
    return Refused("invalid", f"The URL {what}.", field="url", remedy=remedy)
