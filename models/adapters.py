"""Foreign events in, records of the log out: Shopify, Stripe, Segment, GA4, or by a mapping.

Enters: the bytes of a webhook or a Kafka record, its headers, the table `[sources.NAME]`. Leaves:
for each event in it a `Normalised`, an `Ignored` or a `Rejected`; total, nothing raises. Ids follow
from the source's own, so what is sent twice counts once. Forbidden here: the policy, the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from models.adapt_shopify import from_shopify
from models.adapted import (
    Ignored,
    Make,
    Normalised,
    Origin,
    Outcome,
    Unusable,
    attempted,
    decoded,
    refused,
)
from models.events import Reason, Rejected
from models.source_tables import Source, sources_from_toml

__all__ = ["Ignored", "Normalised", "Outcome", "Source", "normalise", "sources_from_toml"]

_ADAPTERS: dict[str, Callable[[Origin, dict[str, Any]], Iterator[Make]]] = {
    "shopify": from_shopify,
}


def normalise(
    name: str, source: Source, body: bytes, headers: Mapping[str, str]
) -> tuple[Outcome, ...]:
    """What a foreign event means for customers; at least one answer.

    Args:
        name: of the table `[sources.NAME]`.
        source: that table.
        body: as it was sent; any bytes.
        headers: of the request or the record, names in lower case.
    """
    event = decoded(body)
    if isinstance(event, Rejected):
        return (event,)
    if not isinstance(event, dict):
        return (Rejected(Reason.INVALID, "(the whole value): must be an object"),)
    return tuple(_outcomes(Origin(name, source, headers), event))


def _outcomes(origin: Origin, event: dict[str, Any]) -> Iterator[Outcome]:
    try:
        for make in _ADAPTERS[origin.source.source](origin, event):
            yield attempted(make)
    except Unusable as error:
        yield refused(error)
