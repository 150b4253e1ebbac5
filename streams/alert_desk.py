"""The desk: alerts come in from `churn-alerts.v1`, and wait until they may be decided.

    churn-alerts.v1 ──► DeskFold.handle ──► waiting ──► streams/alert_decisions.py ──► queues
                            │ cleared, resolved, erased
                            ▼
                      ledger: records, and sums by rule and week

`handle` is behind a fence as every fold is; an alert is known by its id, so a repeated one changes
nothing. What follows from a replay, and what is older than `max_age_hours` when it comes in, is
followed up like any other alert and never waits: only what waits can be decided, and only what is
decided can be queued.

Forbidden here: deciding, HTTP, Faust.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from models.alert_ledger import week_of
from models.alert_record import Decision
from models.alerts import cleared_id
from models.gate import next_choice_ms
from models.policy import Policy
from streams.alert_entries import AT_ONCE, Entries
from streams.alert_notices import Cleared, Forgotten, Notice, Raised, Resolved, read_notice
from streams.deliveries import BODIES, enqueue, forget
from streams.endpoints import Endpoint
from streams.partition import Batch, GapProbe, Seek
from streams.shelf import MAX_WRITES, Fenced, Hand, Put, Write


class DeskFold:
    """Folds the topic of alerts onto the shelf.

    Args:
        namespace: of the installation.
        topic_id: the broker's id of the topic.
        hand: of this process.
        records_exist: async (partition, from, to) → whether the topic has records in between.
        policy: the one in force, asked for each batch.
        endpoints: those that are configured now, by name, likewise.
        now_ms: wall clock.

    Attributes:
        tally: what was folded, by kind.
    """

    def __init__(
        self,
        namespace: str,
        topic_id: str,
        hand: Hand,
        records_exist: GapProbe,
        policy: Callable[[], Policy],
        endpoints: Callable[[], Mapping[str, Endpoint]],
        now_ms: Callable[[], int],
    ) -> None:
        self._namespace, self._topic_id, self._hand = namespace, topic_id, hand
        self._records_exist, self._policy = records_exist, policy
        self._endpoints, self._now_ms = endpoints, now_ms
        self.tally: Counter[str] = Counter()

    async def handle(self, batch: Batch) -> Seek | None:
        """Fold a batch; idempotent. See `PartitionFold.handle`."""
        position = batch.from_offset
        for start in range(0, len(batch.records), AT_ONCE):
            some = batch.records[start : start + AT_ONCE]
            whole = start + AT_ONCE >= len(batch.records)
            end = batch.next_offset if whole else some[-1].offset + 1
            while True:
                try:
                    seek = await self._bring_to(Batch(position, end, some))
                except Fenced:
                    self.tally["fenced"] += 1
                    await self._hand.reload()
                    continue
                break
            if seek is not None:
                return seek
            position = end
        return None

    async def _bring_to(self, part: Batch) -> Seek | None:
        async with self._hand.turn() as write:
            offset = self._hand.stand.offset
            if offset >= part.next_offset:
                return None
            if offset < part.from_offset and await self._records_exist(0, offset, part.from_offset):
                self.tally["gaps"] += 1
                return Seek(offset)
            todo = [each for each in part.records if each.offset >= offset]
            found = [read_notice(each, self._namespace) for each in todo]
            notices = [each for each in found if each is not None]
            self.tally["unread"] += len(found) - len(notices)
            writes = await self._taken(notices)
            if len(writes) <= MAX_WRITES or len(todo) == 1:
                *first, last = _scripts(writes)
                for each in first:  # of one record alone: read again, it comes to the same
                    await write(each)
                await write(last, part.next_offset, self._topic_id)
                return None
        half = todo[len(todo) // 2].offset
        first_half = [each for each in todo if each.offset < half]
        second_half = [each for each in todo if each.offset >= half]
        seek = await self._bring_to(Batch(offset, half, first_half))
        return seek or await self._bring_to(Batch(half, part.next_offset, second_half))

    async def _taken(self, notices: Sequence[Notice]) -> list[Write]:
        """What a batch of notices changes."""
        entries = await Entries.loaded(
            self._hand.shelf,
            [alert_id for each in notices for alert_id in _alert_ids(each)],
            [_customer_id(each) for each in notices],
            {week_of(each.record.day) for each in notices if isinstance(each, Raised)},
        )
        more: list[Write] = []
        for each in notices:
            self.tally[type(each).__name__.lower()] += 1
            match each:
                case Raised():
                    self._raised(entries, each)
                case Cleared():
                    more += await self._cleared(entries, each)
                case Resolved():
                    _resolved(entries, each)
                case Forgotten():
                    gone = entries.forget(each.customer_id)
                    void = [cleared_id(alert_id) for alert_id in gone]
                    more = [each for each in more if not _is_about(each, {*gone, *void})]
                    more += await forget(self._hand.shelf, [*gone, *void])
        return more + entries.writes

    def _raised(self, entries: Entries, notice: Raised) -> None:
        record, now_ms, policy = notice.record, self._now_ms(), self._policy()
        if entries.record(record.alert_id) is not None:
            self.tally["known"] += 1
            return
        never = _never(notice, policy, now_ms)
        if never is not None:
            self.tally[never.value] += 1
            entries.add(record._replace(decision=never, decided_ms=now_ms), notice.told)
            return
        entries.add(record, notice.told)
        rule = policy.alerts.rules.get(record.rule)
        budgeted = rule is not None and rule.daily_budget
        entries.wait(record.alert_id, next_choice_ms(policy, now_ms) if budgeted else now_ms)

    async def _cleared(self, entries: Entries, notice: Cleared) -> list[Write]:
        """What waits is not sent any more; who was told of it is told that it is void."""
        writes: list[Write] = []
        told: set[str] = set()
        for alert_id in notice.alert_ids:
            record = entries.record(alert_id)
            if record is None or record.retracted_ms is not None:
                continue
            record = record._replace(retracted_ms=notice.at_ms)
            if record.decision is Decision.WAITING:
                record = record._replace(decision=Decision.CLEARED, decided_ms=self._now_ms())
                entries.wait(alert_id, None)
            entries.put(record)
            told |= set(entries.sent_to(alert_id))
            writes += await forget(self._hand.shelf, [alert_id])
        still = sorted(told & self._endpoints().keys())
        if still:
            writes.append(Put(BODIES, notice.event_id, notice.told))
            writes += enqueue(notice.event_id, still, self._now_ms())
        return writes


def _scripts(writes: Sequence[Write]) -> list[Sequence[Write]]:
    """As many scripts as they take; one, perhaps empty, if they fit."""
    starts = range(0, max(1, len(writes)), MAX_WRITES)
    return [writes[start : start + MAX_WRITES] for start in starts]


def _is_about(write: Write, alert_ids: set[str]) -> bool:
    return (write.field if isinstance(write, Put) else write.member) in alert_ids


def _never(notice: Raised, policy: Policy, now_ms: int) -> Decision | None:
    """Why an alert is never sent, whatever comes; None: it waits to be decided."""
    if notice.replayed:
        return Decision.MUTED
    too_old = now_ms - notice.record.raised_ms > policy.alerts.max_age_ms
    return Decision.TOO_OLD if too_old else None


def _resolved(entries: Entries, notice: Resolved) -> None:
    record = entries.record(notice.alert_id)
    if record is None or record.outcome is not None:
        return
    entries.put(record._replace(outcome=notice.outcome))
    if record.decision is not Decision.WAITING:
        entries.close(notice.alert_id)


def _alert_ids(notice: Notice) -> Sequence[str]:
    match notice:
        case Raised():
            return (notice.record.alert_id,)
        case Cleared():
            return notice.alert_ids
        case Resolved():
            return (notice.alert_id,)
        case Forgotten():
            return ()


def _customer_id(notice: Notice) -> str:
    return notice.record.customer_id if isinstance(notice, Raised) else notice.customer_id
