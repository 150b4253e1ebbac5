"""Who may ask: headers and an address enter, the caller's name leaves, or a `Problem` is raised.

Without keys everybody may do everything, which is why the API then listens on the loopback interface
only. Nothing here knows what is asked for, but for the scope it needs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address

from streams.api.keys import Key, KeyRing, Scope
from streams.api.limits import Limits
from streams.api.problems import (
    SCOPE_MISSING,
    TOO_MANY_REQUESTS,
    UNKNOWN_KEY,
    Problem,
)
from streams.refusal import Refused

FAILURES_PER_S = 5.0  # of an address; guessing is hopeless anyway, this keeps it cheap
IPV6_HOST_BITS = 64  # what one customer of a provider has at least: it counts as one address


class Access:
    """Decides for each request.

    Args:
        ring: the keys; one without a file lets everybody in.
        limits: of requests, for each caller.
        failures: of requests without a key that is known, for each address.
    """

    def __init__(self, ring: KeyRing, limits: Limits, failures: Limits | None = None) -> None:
        self._ring, self._limits = ring, limits
        self._failures = Limits(FAILURES_PER_S) if failures is None else failures

    def caller(
        self, headers: Iterable[tuple[bytes, bytes]], address: str, scope: Scope, cost: float = 1
    ) -> str:
        """Who asks: the name of their key; without keys, their address.

        Args:
            headers: as ASGI has them: names in lower case.
            address: of the client.
            scope: that the request needs.
            cost: of the request, in requests.

        Raises:
            Problem: 401, 403 or 429.
        """
        if not self._ring.needed:
            self._limit(self._limits, address, cost)
            return address
        presented = presented_key(headers)
        key = None if presented is None else self._ring.find(presented)
        if key is None:
            self.failed(address)
            raise _unknown(was_sent=presented is not None)
        self._limit(self._limits, key.name, cost)
        _require(scope, key)
        return key.name

    def knows(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Whether who was let in still would be: a key may have been revoked since."""
        presented = presented_key(headers)
        return not self._ring.needed or (
            presented is not None and self._ring.find(presented) is not None
        )

    def pass_named(self, caller: str, cost: float = 1) -> None:
        """Let pass who has proved in another way who they are.

        Raises:
            Problem: 429.
        """
        self._limit(self._limits, caller, cost)

    def failed(self, address: str) -> None:
        """Count a proof that was wrong against the address that it came from.

        Raises:
            Problem: 429, there were too many.
        """
        self._limit(self._failures, _network(address), 1)

    def _limit(self, limits: Limits, caller: str, cost: float) -> None:
        wait_s = limits.take(caller, cost)
        if wait_s:
            after_s = max(1, math.ceil(wait_s))
            raise Problem(
                TOO_MANY_REQUESTS,
                "more requests than allowed",
                f"come back in {after_s} s, or raise SEGMENTER_API_RATE_PER_S",
                [(b"retry-after", b"%d" % after_s)],
            )


def presented_key(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The key of `X-API-Key`, else of `Authorization: Bearer`; None if there is neither.

    >>> presented_key([(b"authorization", b"bearer sk_1")])
    'sk_1'
    >>> presented_key([(b"authorization", b"Basic dTpw")]) is None
    True
    """
    bearer = None
    for name, value in headers:
        text = value.decode("latin-1").strip()
        if name == b"x-api-key" and text:
            return text
        if name == b"authorization":
            scheme, _, token = text.partition(" ")
            bearer = token.strip() if scheme.lower() == "bearer" else None
    return bearer or None


def require_safe_binding(host: str, ring: KeyRing) -> None:
    """Make sure that nobody from elsewhere gets in without a key.

    Args:
        host: to listen on; a name other than `localhost` may be anywhere.
        ring: the keys.

    Raises:
        Refused: says how to make a key.
    """
    if is_loopback(host) or not ring.empty:
        return
    raise Refused(
        f"api_host {host} can be reached from elsewhere, and there are no API keys: "
        "set SEGMENTER_API_KEYS_FILE to a file, make a key in it with "
        "segmenter keys create NAME --scopes read, or listen on 127.0.0.1"
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it.

    >>> [is_loopback(each) for each in ("127.0.0.1", "[::1]", "localhost", "0.0.0.0", "::", "")]
    [True, True, True, False, False, False]
    """
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False


def _network(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:  # the path of a socket, or nothing
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return f"{int(parsed) >> IPV6_HOST_BITS:x}::/{IPV6_HOST_BITS}"


def _unknown(*, was_sent: bool) -> Problem:
    challenge = b'Bearer realm="segmenter"'
    if was_sent:
        detail, challenge = "the API key is not known", challenge + b', error="invalid_token"'
    else:
        detail = "an API key is needed"
    return Problem(
        UNKNOWN_KEY,
        detail,
        "send a key as X-API-Key; make one with: segmenter keys create NAME --scopes read",
        [(b"www-authenticate", challenge)],
    )


def _require(scope: Scope, key: Key) -> None:
    if scope not in key.scopes:
        raise Problem(
            SCOPE_MISSING,
            f"the key {key.name} lacks the scope {scope}",
            f"use a key that has it; make one with: segmenter keys create NAME --scopes {scope}",
        )
