"""Whether a webhook comes from who it says: signatures of the sources that sign.

| source | header | what is signed, and how |
| --- | --- | --- |
| `shopify` | `X-Shopify-Hmac-Sha256` | the body; HMAC-SHA256, base64 |
| `stripe` | `Stripe-Signature: t=…,v1=…` | `t`, a dot, the body; HMAC-SHA256, hex; `t` at most 300 s from now |
| `segment` | `X-Signature` | the body; HMAC-SHA1, hex |

Enters: the body as it came, headers, secrets, the time. Leaves: what is wrong, or nothing. Forbidden
here: files, sockets, the clock; and to say anything of a secret, or of the signature that would be right.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

TOLERANCE_S = 300  # Stripe's own libraries take as much
MAX_SIGNATURES = 16  # of one Stripe header: a secret that rotates gives two
_SECONDS = re.compile(r"[0-9]{1,12}")

Secrets: TypeAlias = Sequence[bytes]


def fault_of(
    source: str, body: bytes, headers: Mapping[str, str], secrets: Secrets, now_ms: int
) -> str | None:
    """What is wrong with a signature; None: one of the secrets has made it.

    Takes as long however much of a signature is right.

    Args:
        source: a key of `SIGNED_BY`.
        body: byte for byte as it was received.
        headers: names in lower case.
        secrets: all that are good now: several while one is rotated.
        now_ms: wall clock.

    >>> fault_of("segment", b"{}", {}, [b"hush"], 0)
    'there is no header X-Signature'
    """
    name = SIGNED_BY[source]
    given = headers.get(name.lower())
    if given is None:
        return f"there is no header {name}"
    return _CHECKS[source](name, given.strip(), body, secrets, now_ms)


def _shopify(name: str, given: str, body: bytes, secrets: Secrets, _now_ms: int) -> str | None:
    right = [base64.b64encode(hmac.digest(each, body, hashlib.sha256)) for each in secrets]
    return None if _any([given], right) else _wrong(name)


def _segment(name: str, given: str, body: bytes, secrets: Secrets, _now_ms: int) -> str | None:
    right = [hmac.new(each, body, hashlib.sha1).hexdigest().encode() for each in secrets]
    return None if _any([given.lower()], right) else _wrong(name)


def _stripe(name: str, given: str, body: bytes, secrets: Secrets, now_ms: int) -> str | None:
    parts = [each.strip().partition("=") for each in given.split(",")]
    times = [value for key, _, value in parts if key == "t"]
    signatures = [value for key, _, value in parts if key == "v1"]
    if len(times) != 1 or not _SECONDS.fullmatch(times[0]) or not signatures:
        return f"{name} is not t=SECONDS,v1=SIGNATURE"
    if len(signatures) > MAX_SIGNATURES:
        return f"{name} has more than {MAX_SIGNATURES} signatures"
    signed = times[0].encode() + b"." + body
    right = [hmac.new(each, signed, hashlib.sha256).hexdigest().encode() for each in secrets]
    if not _any(signatures, right):
        return _wrong(name)
    off_s = abs(now_ms // 1000 - int(times[0]))
    if off_s > TOLERANCE_S:
        return f"{name} was made {off_s} s from now by our clock; at most {TOLERANCE_S} s count"
    return None


def _any(given: Sequence[str], right: Sequence[bytes]) -> bool:
    """Whether any is one of the right ones; all are compared, come what may."""
    found = [
        hmac.compare_digest(one.encode("utf-8", "replace"), other)
        for one in given
        for other in right
    ]
    return any(found)


def _wrong(name: str) -> str:
    return f"{name} is not that of this body under any secret"


#: by source, the header that its signature stands in
SIGNED_BY: Mapping[str, str] = MappingProxyType(
    {
        "shopify": "X-Shopify-Hmac-Sha256",
        "stripe": "Stripe-Signature",
        "segment": "X-Signature",
    }
)
_CHECKS: Mapping[str, Callable[[str, str, bytes, Secrets, int], str | None]] = MappingProxyType(
    {"shopify": _shopify, "stripe": _stripe, "segment": _segment}
)
