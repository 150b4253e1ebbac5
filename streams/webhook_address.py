"""Where a webhook may go: to public addresses, and to what its endpoint allows by name.

Enters: a URL, or a host and its address. Leaves: whether it may be connected to, or why not.
Forbidden here: looking a name up (`webhook_lookup.py`), connecting, what is sent.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple

from yarl import URL

Address = IPv4Address | IPv6Address

_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are the IPv4 address
_UNICAST = IPv6Network("2000::/3")  # all that IANA has ever given out for hosts on the internet

# What ipaddress calls global, or did until some version of it: protocols' own addresses (Oracle's
# cloud tells its secrets there), 6to4 relays, and the address at which Azure's hosts answer.
_SPECIAL = tuple(map(IPv4Network, ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32")))
_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*", re.IGNORECASE)
_NUMERIC = re.compile(r"(.*\.)?(\d+|0x[0-9a-f]*)", re.IGNORECASE)  # no top-level domain is
_USER = re.compile(r"[^/?#]*//[^/?#]*@")  # an empty one, too
_BLANK_OR_CONTROL = re.compile(r"[\x00-\x20\x7f]")

# From the plainest word to the vaguest: most addresses are several of these.
_KINDS: tuple[tuple[str, Callable[[Address], bool]], ...] = (
    ("an unspecified", lambda each: each.is_unspecified),
    ("a loopback", lambda each: each.is_loopback),
    ("a link-local", lambda each: each.is_link_local),
    ("a multicast", lambda each: each.is_multicast),
    ("a reserved", lambda each: each.is_reserved or _special(each)),
    ("a private", lambda each: not each.is_global),  # shared (100.64.0.0/10) and test nets, too
)


class RefusedAddress(ValueError):
    """Nothing may be sent there; says where, why, and what to do if it is meant."""


class Reach(NamedTuple):
    """What one endpoint may reach beyond the public internet.

    Attributes:
        endpoint: its name.
        allow: hosts and addresses, as `canonical_host` writes them.
    """

    endpoint: str
    allow: frozenset[str]


def check_url(text: str, reach: Reach) -> None:
    """Refuse a URL for what is wrong with it whatever its host is looked up to be.

    Parsed as aiohttp parses it, so that nobody is asked but who was checked.

    Raises:
        RefusedAddress: says why, and shows no more of it than the host.
    """
    try:
        url = URL(text)
    except ValueError:
        raise RefusedAddress("is not a URL; write https://host/path") from None
    host = url.raw_host
    if url.scheme not in {"http", "https"} or not host or _BLANK_OR_CONTROL.search(text):
        raise RefusedAddress("write https://host/path, without blanks")
    if _USER.match(text):
        raise RefusedAddress("must hold no user or password; receivers check the signature")
    _check_host(host, reach)
    if url.scheme == "http" and canonical_host(host) not in reach.allow:
        raise RefusedAddress(
            f"must be https; by plain http only to a host under endpoints.{reach.endpoint}.allow"
        )


def check_literal(host: str, reach: Reach) -> None:
    """Refuse a host that is an address and may not be connected to.

    Raises:
        RefusedAddress: says why.
    """
    address = literal(host)
    why = None if address is None else refusal(host, address, reach)
    if why is not None:
        raise RefusedAddress(why)


def _check_host(host: str, reach: Reach) -> None:
    if not is_host(host):
        raise RefusedAddress("its host is neither a name nor an address")
    check_literal(host, reach)
    address = literal(host)
    if isinstance(address, IPv4Address) and ":" not in host and host != str(address):
        raise RefusedAddress(f"its host is an address in disguise; write {address}")


def is_host(text: str) -> bool:
    """Whether it is an address, in any notation, or can be a name.

    >>> [is_host(each) for each in ("crm.example.com", "127.1", "256.0.0.1", "10.0.0.0/8", "*")]
    [True, True, False, False, False]
    """
    plain = text.removesuffix(".")
    is_name = _NAME.fullmatch(plain) is not None and _NUMERIC.fullmatch(plain) is None
    return is_name or literal(text) is not None


def literal(host: str) -> Address | None:
    """The address that a host is, in any notation that a C library takes; None: it is a name.

    >>> literal("0x7f.1"), literal("::ffff:10.0.0.1"), literal("crm.example.com")
    (IPv4Address('127.0.0.1'), IPv4Address('10.0.0.1'), None)
    """
    plain = host.removesuffix(".")
    if _BLANK_OR_CONTROL.search(plain):
        return None  # a C library would stop reading there
    try:
        return address_of(plain)
    except ValueError:
        pass  # short, decimal, octal, hexadecimal, or a name
    try:
        return IPv4Address(socket.inet_aton(plain))
    except (OSError, UnicodeError):
        return None


def canonical_host(host: str) -> str:
    """One way to write it, so that `allow` and a URL mean the same."""
    address = literal(host)
    return host.removesuffix(".").lower() if address is None else str(address)


def refusal(host: str, address: Address, reach: Reach) -> str | None:
    """Why an address of a host may not be connected to; None: it may.

    Args:
        host: as it stands in the URL.
        address: the host itself, or what it was looked up to be.
        reach: of the endpoint.
    """
    kind = kind_of(address)
    if kind is None or reach.allow & {canonical_host(host), str(address)}:
        return None
    who = f"{address} is" if literal(host) is not None else f"{host} leads to {address},"
    return f"{who} {kind} address; name it under endpoints.{reach.endpoint}.allow if it is meant"


def kind_of(address: Address) -> str | None:
    """What keeps an address from being a public host's, with its article; None: nothing does.

    An address that carries another one inside (NAT64, 6to4) is what it carries.

    >>> kind_of(ip_address("169.254.169.254")), kind_of(ip_address("8.8.8.8"))
    ('a link-local', None)
    """
    carried = _carried(address)
    if carried is not None:
        return kind_of(carried)
    return next((kind for kind, holds in _KINDS if holds(address)), None)


def _carried(address: Address) -> IPv4Address | None:
    """Teredo's are private to begin with (2001::/23), whatever they carry."""
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


def _special(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return any(address in each for each in _SPECIAL)
    return not (address in _UNICAST or address.is_private)


def address_of(text: str) -> Address:
    """What would be connected to: of an IPv4-mapped address the IPv4 address, of no zone.

    Raises:
        ValueError: it is not the text of an address.
    """
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
