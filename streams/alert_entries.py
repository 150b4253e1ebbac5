"""What the delivery of alerts keeps on its shelf, and how a turn changes it.

| name | type | what | until |
| --- | --- | --- | --- |
| `alerts` | hash | alert id → `AlertRecord` | `KEPT_DAYS`, or an erasure |
| `raised` | sorted set | alert id, by when it was raised | the same |
| `waiting` | sorted set | alert id, by when it is to be decided | it is decided |
| `told` | hash | alert id → the CloudEvent | its horizon has ended |
| `sent` | hash | alert id → the endpoints that it was sent to | the same |
| `people` | hash | customer id → their alerts, and when somebody was told of them | as the alerts |
| `weeks` | hash | ISO week → the ledger's sums | for ever |
| `budgets` | hash | rule → places of the day that are taken, alerts left out | the next day |

`streams/deliveries.py` lists the endpoints' queues. A customer id is a field, never part of a key.

Enters: notices and choices. Leaves: writes. Forbidden here: I/O but for reading what a turn needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Self

import msgpack

from models.alert_choice import Budget
from models.alert_ledger import Key, Sums, added, decode_week, encode_week, moved, week_of
from models.alert_record import AlertRecord, decode_record, encode_record
from streams.shelf import Line, Put, Shelf, Write

ALERTS, RAISED, WAITING, TOLD, SENT = "alerts", "raised", "waiting", "told", "sent"
PEOPLE, WEEKS, BUDGETS = "people", "weeks", "budgets"
KEPT_DAYS = 400
AT_ONCE = 500  # alerts in one turn: a few thousand writes


class Person(NamedTuple):
    """What is kept of one customer.

    Attributes:
        alert_ids: of all their alerts that are kept.
        told_ms: when somebody was told of them lately, wall clock.
    """

    alert_ids: tuple[str, ...] = ()
    told_ms: tuple[int, ...] = ()


class Entries:
    """Some alerts with all that changes with them, while a turn lasts.

    Made by `loaded`; `writes` are what has become of them.
    """

    def __init__(
        self,
        records: Mapping[str, AlertRecord],
        people: Mapping[str, Person],
        weeks: Mapping[str, dict[Key, Sums]],
        sent: Mapping[str, tuple[str, ...]],
        told: Mapping[str, bytes],
    ) -> None:
        self._records, self._people, self._weeks = dict(records), dict(people), dict(weeks)
        self._sent, self._told = dict(sent), dict(told)
        self._changed: dict[tuple[str, str], Write] = {}

    @classmethod
    async def loaded(
        cls,
        shelf: Shelf,
        alert_ids: Iterable[str],
        customer_ids: Iterable[str],
        new_weeks: Iterable[str] = (),
    ) -> Self:
        """Read all that these are about.

        Args:
            shelf: to read; hold the hand meanwhile.
            alert_ids: perhaps unknown ones.
            customer_ids: likewise.
            new_weeks: of alerts that are not known yet.
        """
        ids, asked = list(dict.fromkeys(customer_ids)), list(dict.fromkeys(alert_ids))
        packed = zip(ids, await shelf.get(PEOPLE, ids), strict=True)
        known = {i: person_of(each) for i, each in packed if each is not None}
        records = {each.alert_id: each for each in await records_of(shelf, asked)}
        weeks = sorted({*new_weeks, *(week_of(each.day) for each in records.values())})
        sums = zip(weeks, await shelf.get(WEEKS, weeks), strict=True)
        sent = zip(asked, await shelf.get(SENT, asked), strict=True)
        told = zip(asked, await shelf.get(TOLD, asked), strict=True)
        return cls(
            records,
            known,
            {i: {} if each is None else decode_week(each) for i, each in sums},
            {i: tuple(msgpack.unpackb(each)) for i, each in sent if each is not None},
            {i: each for i, each in told if each is not None},
        )

    def record(self, alert_id: str) -> AlertRecord | None:
        """An alert, if it is known."""
        return self._records.get(alert_id)

    def person(self, customer_id: str) -> Person:
        """What is kept of a customer."""
        return self._people.get(customer_id, Person())

    def sent_to(self, alert_id: str) -> tuple[str, ...]:
        """The endpoints that an alert was sent to."""
        return self._sent.get(alert_id, ())

    def told(self, alert_id: str) -> bytes | None:
        """The CloudEvent of an alert whose horizon has not ended."""
        return self._told.get(alert_id)

    def add(self, record: AlertRecord, told: bytes) -> None:
        """An alert that was not known."""
        alert_id, person = record.alert_id, self.person(record.customer_id)
        self.put(record)
        self._told[alert_id] = told
        self._write(Put(TOLD, alert_id, told))
        self._write(Line(RAISED, alert_id, record.raised_ms))
        self._meet(record.customer_id, person._replace(alert_ids=(*person.alert_ids, alert_id)))

    def put(self, record: AlertRecord) -> None:
        """What has become of an alert; the ledger's sums follow."""
        before = self._records.get(record.alert_id)
        self._records[record.alert_id] = record
        self._write(Put(ALERTS, record.alert_id, encode_record(record)))
        for key, delta in moved(before, record).items():
            self._weeks[key.week] = added(self._weeks.get(key.week, {}), {key: delta})
            packed = encode_week(key.week, self._weeks[key.week])
            self._write(Put(WEEKS, key.week, packed))

    def wait(self, alert_id: str, until_ms: int | None) -> None:
        """When an alert is to be decided; None: it has been."""
        self._write(Line(WAITING, alert_id, until_ms))

    def send(self, alert_id: str, endpoints: tuple[str, ...]) -> None:
        """Note where an alert was sent to."""
        self._sent[alert_id] = endpoints
        self._write(Put(SENT, alert_id, msgpack.packb(endpoints) if endpoints else None))

    def tell_of(self, customer_id: str, now_ms: int, kept_since_ms: int) -> None:
        """Somebody is told of a customer, or would have been."""
        person = self.person(customer_id)
        kept = (each for each in person.told_ms if each > kept_since_ms)
        self._meet(customer_id, person._replace(told_ms=(*kept, now_ms)))

    def close(self, alert_id: str) -> None:
        """Nothing more will be told of it."""
        self._told.pop(alert_id, None)
        self._sent.pop(alert_id, None)
        for name in (TOLD, SENT):
            self._write(Put(name, alert_id, None))
        self._write(Line(WAITING, alert_id, None))

    def forget(self, customer_id: str) -> tuple[str, ...]:
        """Take out a customer; answers which alerts are gone. The ledger's sums tell of nobody."""
        alert_ids = self.person(customer_id).alert_ids
        for each in alert_ids:
            self.close(each)
            self._drop(each)
        self._people.pop(customer_id, None)
        self._write(Put(PEOPLE, customer_id, None))
        return alert_ids

    def outlive(self, alert_id: str) -> None:
        """Take out an alert that is older than alerts are kept."""
        record = self._records.get(alert_id)
        self.close(alert_id)
        self._drop(alert_id)
        if record is None:
            return
        person = self.person(record.customer_id)
        left = tuple(each for each in person.alert_ids if each != alert_id)
        # without an alert, what was told is longer ago than any cap looks back
        self._meet(record.customer_id, person._replace(alert_ids=left) if left else Person())

    def _drop(self, alert_id: str) -> None:
        self._records.pop(alert_id, None)
        self._write(Put(ALERTS, alert_id, None))
        self._write(Line(RAISED, alert_id, None))

    def _meet(self, customer_id: str, person: Person) -> None:
        self._people[customer_id] = person
        kept = msgpack.packb(person) if person != Person() else None
        self._write(Put(PEOPLE, customer_id, kept))

    def _write(self, write: Write) -> None:
        place = write.field if isinstance(write, Put) else write.member
        self._changed[write.name, place] = write

    @property
    def writes(self) -> list[Write]:
        """The newest of each field and member."""
        return list(self._changed.values())


async def records_of(shelf: Shelf, alert_ids: Sequence[str]) -> list[AlertRecord]:
    """Those of these alerts that are known, in the order asked for.

    Raises:
        StoreUnavailable.
    """
    packed = await shelf.get(ALERTS, alert_ids)
    return [decode_record(each) for each in packed if each is not None]


def person_of(packed: bytes) -> Person:
    """What is kept of a customer, unpacked."""
    alert_ids, told_ms = msgpack.unpackb(packed, use_list=False)
    return Person(alert_ids, told_ms)


def budget_of(packed: bytes | None, day: int) -> Budget:
    """A rule's places of a day; those of another day are all free again."""
    if packed is None:
        return Budget(day)
    kept = Budget(*msgpack.unpackb(packed))
    return kept if kept.day == day else Budget(day)


def budget_write(rule: str, budget: Budget) -> Write:
    """What keeps it."""
    return Put(BUDGETS, rule, msgpack.packb(budget))
