"""Foreign events in, records of the log out: Shopify, Stripe, Segment, GA4, or by a mapping.

Enters: the bytes of a webhook or a Kafka record, its headers, the table `[sources.NAME]`. Leaves:
for each event in it a `Normalised`, an `Ignored` or a `Rejected`; total, nothing raises. Ids follow
from the source's own, so what is sent twice counts once. Forbidden here: the policy, the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from models.adapt_fields import decoded
from models.adapt_ga4 import from_ga4
from models.adapt_mapping import from_mapping
from models.adapt_segment import from_segment
from models.adapt_shopify import from_shopify
from models.adapt_stripe import from_stripe
from models.adapted import (
    RECEIVED_AT,
    Ignored,
    Make,
    Normalised,
    Origin,
    Outcome,
    attempted,
    guarded,
)
from models.events import Reason, Rejected
from models.source_tables import Source, sources_from_toml

__all__ = [
    "RECEIVED_AT",
    "Ignored",
    "Normalised",
    "Outcome",
    "Source",
    "normalise",
    "sources_from_toml",
]

MAX_EVENTS = 10_000  # of one body: reading so many takes most of a second
_ADAPTERS: dict[str, Callable[[Origin, dict[str, Any]], Iterator[Make]]] = {
    "shopify": from_shopify,
    "stripe": from_stripe,
    "segment": from_segment,
    "ga4": from_ga4,
    "mapping": from_mapping,
}


def normalise(
    name: str, source: Source, body: bytes, headers: Mapping[str, str]
) -> tuple[Outcome, ...]:
    """What a foreign event means for customers: at least one answer, and one `Rejected` at most.

    Args:
        name: of the table `[sources.NAME]`.
        source: that table.
        body: as it was sent; any bytes.
        headers: of the request or the record, names in lower case; `x-received-at`, which
            the shell sets, is the time of events that tell none.
    """
    event = decoded(body)
    if isinstance(event, Rejected):
        return (event,)
    if not isinstance(event, dict):
        return (Rejected(Reason.INVALID, "(the whole value): must be an object"),)
    makes = guarded(_ADAPTERS[source.source](Origin(name, source, headers, body), event))
    outcomes = tuple(attempted(make) for make in islice(makes, MAX_EVENTS + 1))
    if len(outcomes) > MAX_EVENTS:
        said = f"more than {MAX_EVENTS} events in one body; send them in several"
        return (Rejected(Reason.INVALID, said),)
    return _one_letter(outcomes) or (Ignored("nothing in it"),)


def _one_letter(outcomes: tuple[Outcome, ...]) -> tuple[Outcome, ...]:
    """The same with one `Rejected` at most: a dead letter holds the whole body, and is big enough."""
    rejected = [each for each in outcomes if isinstance(each, Rejected)]
    if len(rejected) < 2:
        return outcomes
    details = dict.fromkeys(each.detail for each in rejected)
    said = f"{len(rejected)} of the {len(outcomes)} events of this body: {'; '.join(details)}"
    rest = (each for each in outcomes if not isinstance(each, Rejected))
    return (*rest, Rejected(rejected[0].reason, said[:500]))
