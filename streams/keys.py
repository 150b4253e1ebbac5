"""Redis keys, all of them. P is a partition, NS the namespace; `{NS:P}` is the hash tag.

| key | type | what | writer | readers | size |
| --- | --- | --- | --- | --- | --- |
| `seg:{NS:P}:meta` | hash | `Meta`: offset, nonce, clock_ms, topic_id, …; ordinals given | apply | all | 11 fields |
| `seg:{NS:P}:c` | hash | customer id → ordinal, then encoded CustomerState or Alias | apply | load, due, lookups | a customer |
| `seg:{NS:P}:ids:BLOCK` | hash | place in the block → customer id | apply | due, lookups | ≤ 128 |
| `seg:{NS:P}:deadlines:BLOCK` | zset | place in the block → next deadline, ms | apply | due | ≤ 128 |
| `seg:{NS:P}:deadlines` | zset | block → earliest deadline in it, ms | apply | due | a block at most |
| `seg:{NS:P}:members:KIND/GROUP` | string | bitmap by ordinal: the members of one segment | apply | lookups | a bit a customer |
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
| `seg:NS:source:TOPIC` | hash | partition of a source's topic → next offset, topic id | normaliser | normaliser | a partition |
| `seg:NS:partitions` | string | how many partitions there are | owners | lookups | 1 |

The learner of populations keeps its own `meta`, `c` and `outbox` in the place of a partition:
`seg:{NS:learner}:…`; in its `c` stand `learner` and, for each partition, what came from it.

The delivery of alerts keeps what it needs under `seg:{NS/delivery}:…`: see `streams/redis_shelf.py`,
`streams/deliveries.py` and `streams/alert_entries.py`.

A customer id is a field or a value, never part of a key's text. An ordinal numbers a customer within the
partition; a BLOCK is 128 of them in a row: see `streams/ordinals.py`.

Until schema 7 `…:due` and `…:seg:KIND/GROUP` were sorted sets of ids, and until schema 4 there were
sets `…:cell:STATE`; they are removed when everyone is listed anew.
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
NUMBERED = "numbered"  # of meta too, but the store's own: how many ordinals were given


class Keys:
    """The keys of one partition of one namespace."""

    def __init__(self, namespace: str, partition: int) -> None:
        place = "learner" if partition == LEARNER else str(partition)
        tag = f"seg:{{{namespace}:{place}}}"
        self.meta = f"{tag}:meta"
        self.customers = f"{tag}:c"
        self.deadlines = f"{tag}:deadlines"
        self.history = f"{tag}:history"
        self.outbox = f"{tag}:outbox"
        self.live = f"{tag}:live"
        self.sketch = f"{tag}:sketch"
        self.population = f"{tag}:population"
        self.policy = f"{tag}:policy"
        self.erased = f"{tag}:erased"
        self.movement = f"{tag}:movement"
        self.vitals = f"{tag}:vitals"
        self.ids_in = f"{tag}:ids:"
        self.deadlines_in = f"{tag}:deadlines:"
        self.members_in = f"{tag}:members:"
        self._older_segment = f"{tag}:seg:"
        self.older = [f"{tag}:due", *(f"{tag}:cell:{state.value}" for state in State)]

    def ids(self, block: int) -> str:
        """The ids of the customers of a block."""
        return f"{self.ids_in}{block}"

    def members(self, segment: str) -> str:
        """The members of one segment."""
        return self.members_in + segment

    def older_segment(self, segment: str) -> str:
        """The same before schema 8."""
        return self._older_segment + segment


def newest(namespace: str) -> str:
    """The newest event in any partition."""
    return f"seg:{namespace}:newest"


def partitions(namespace: str) -> str:
    """How many partitions there are."""
    return f"seg:{namespace}:partitions"


def feed(namespace: str) -> str:
    """The newest changes that were published."""
    return f"seg:{namespace}:stream"


def source_offsets(namespace: str, topic: str) -> str:
    """How far a source's topic has been read, by partition."""
    return f"seg:{namespace}:source:{topic}"


def history_field(customer_id: str, slot: int) -> bytes:
    """Where one of a customer's newest effects stands in the history hash."""
    return customer_id.encode() + b"\x1f" + str(slot).encode()
