"""Redis keys, all of them. P is a partition, NS the namespace; `{NS:P}` is the hash tag.

| key | type | what | writer | readers | size |
| --- | --- | --- | --- | --- | --- |
| `seg:{NS:P}:meta` | hash | `Meta`: offset, nonce, clock_ms, topic_id, … | apply | all | 10 fields |
| `seg:{NS:P}:c` | hash | customer id → encoded CustomerState or Alias | apply | load, due, lookups | a customer |
| `seg:{NS:P}:due` | zset | customer id → next deadline, ms | apply | due | a customer at most |
| `seg:{NS:P}:seg:KIND/GROUP` | zset | ids of the members of one segment, all of score 0 | apply | lookups | see docs/segments.md |
| `seg:{NS:P}:movement` | hash | customer-day → who entered and left what, counted | apply | load, lookups | ≤ 400 |
| `seg:{NS:P}:history` | hash | id, 0x1f, slot → packed effect | apply | lookups | ≤ 32 a customer |
| `seg:{NS:P}:outbox` | stream | messages on their way to Kafka | apply | relay | bounded |
| `seg:{NS:P}:sketch` | hash | slot → the partition's sketch | apply | load | thousands of fields |
| `seg:{NS:P}:population` | string | the population in force, JSON | apply | load, lookups | 1 kB |
| `seg:{NS:P}:policy` | string | the published policy in force, JSON | apply | load, lookups | some kB |
| `seg:{NS:P}:erased` | hash | pseudonym → mark of someone who was erased | apply | load | 200 B each |
| `seg:{NS:P}:live` | string | source delay, ms; expires | owner | lookups | 1 |
| `seg:{NS:P}:vitals` | string | lag, freshness and rate, packed; expires | owner | lookups | 1 |
| `seg:NS:newest` | hash | newest event in any partition | owners | owners, delivery | 3 fields |
| `seg:NS:serving` | hash | which store serves, the one before, the one that is built | rebuild | all | 3 fields |
| `seg:STORE:attended` | string | a worker runs on that store; expires | workers | rebuild | 1 |
| `seg:NS:stream` | stream | the newest changes that were published | relay | lookups | ≤ 10,000 or so |
| `seg:NS:survey` | hash | the newest survey, head and body: `streams/kept_survey.py` | surveyor | lookups | some 100 kB |
| `seg:NS:partitions` | string | how many partitions there are | owners | lookups | 1 |

The learner of populations keeps its own `meta`, `c` and `outbox` in the place of a partition:
`seg:{NS:learner}:…`; in its `c` stand `learner` and, for each partition, what came from it.

The delivery of alerts keeps what it needs under `seg:{NS/delivery}:…`: see `streams/redis_shelf.py`,
`streams/deliveries.py` and `streams/alert_entries.py`.

A customer id is a field or a member, never part of a key's text. Until schema 4 there were sets
`…:cell:STATE` instead of `…:seg:KIND/GROUP`.
"""

from __future__ import annotations

from models.lifecycle import State
from streams.store import LEARNER

META_FIELDS = (
    "offset",
    "nonce",
    "clock_ms",
    "topic_id",
    "partitions",
    "schema",
    "policy",
    "population",
    "closed_day",
    "key_id",
)


class Keys:
    """The keys of one partition of one namespace."""

    def __init__(self, namespace: str, partition: int) -> None:
        place = "learner" if partition == LEARNER else str(partition)
        tag = f"seg:{{{namespace}:{place}}}"
        self.meta = f"{tag}:meta"
        self.customers = f"{tag}:c"
        self.due = f"{tag}:due"
        self.history = f"{tag}:history"
        self.outbox = f"{tag}:outbox"
        self.live = f"{tag}:live"
        self.sketch = f"{tag}:sketch"
        self.population = f"{tag}:population"
        self.policy = f"{tag}:policy"
        self.erased = f"{tag}:erased"
        self.movement = f"{tag}:movement"
        self.vitals = f"{tag}:vitals"
        self._segment = f"{tag}:seg:"
        self.cells = [f"{tag}:cell:{state.value}" for state in State]

    def segment(self, name: str) -> str:
        """The members of one segment."""
        return self._segment + name


def newest(namespace: str) -> str:
    """The newest event in any partition."""
    return f"seg:{namespace}:newest"


def partitions(namespace: str) -> str:
    """How many partitions there are."""
    return f"seg:{namespace}:partitions"


def feed(namespace: str) -> str:
    """The newest changes that were published."""
    return f"seg:{namespace}:stream"


def history_field(customer_id: str, slot: int) -> bytes:
    """Where one of a customer's newest effects stands in the history hash."""
    return customer_id.encode() + b"\x1f" + str(slot).encode()
