"""Deciding: of the alerts that wait, which are sent, held out, left out.

    waiting ──► a later moment       quiet hours, a period of the calendar, a silent source
        └─────► eligible → ranked → budget → holdout ──► queues of the endpoints

The gate looks at the customer as they are now, not as they were when the alert was raised.

Enters: what waits on the shelf, the policy, the customers. Leaves: decisions, the ledger in keeping,
alerts in queues, all in the same writes. Forbidden here: HTTP, Kafka.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from models.alert_choice import TOLD_OF, Budget, Candidate, Choice, chosen
from models.alert_record import AlertRecord, Decision
from models.alerts import cleared_id
from models.calendar import day_of
from models.customer import CustomerState
from models.gate import DAY_MS, Contact, waits_until
from models.policy import Policy
from models.policy_alerts import OF_SILENCE
from streams.alert_entries import (
    AT_ONCE,
    BUDGETS,
    KEPT_DAYS,
    RAISED,
    WAITING,
    Entries,
    budget_of,
    budget_write,
    records_of,
)
from streams.deliveries import BODIES, enqueue, forget
from streams.endpoints import MAX_ENDPOINTS, Endpoint
from streams.shelf import MAX_WRITES, Hand, Put, Write

LOOK_AGAIN_MS = 60_000  # while the source is silent
_WRITES_EACH = 12  # of one alert, beside those for endpoints


class Surroundings(NamedTuple):
    """What a decision looks at besides the alerts.

    Attributes:
        policy: in force.
        source_silent: no partition has seen an event for longer than is believable.
        customer: async (id) → what is known of a customer now; None: nobody.
    """

    policy: Policy
    source_silent: bool
    customer: Callable[[str], Awaitable[CustomerState | None]]


class _Subject(NamedTuple):
    """An alert, what is known of its customer now, and since when it could have been decided."""

    record: AlertRecord
    state: CustomerState | None
    due_ms: int

    def contact(self, told_ms: tuple[int, ...]) -> Contact:
        """The customer as the gate sees them."""
        return Contact({} if self.state is None else self.state.attributes, told_ms)

    @property
    def has_bought(self) -> bool:
        """Whether the silence that was told of is over; what clears the alert is on its way."""
        bought_ms = None if self.state is None else self.state.current.last_purchase_ms
        of_silence = self.record.kind in OF_SILENCE
        return of_silence and bought_ms is not None and bought_ms > self.record.raised_ms


class Desk:
    """Decides alerts that wait, and clears away what is too old to be kept.

    Args:
        hand: of this process.
        endpoints: those that are configured now, by name.
        now_ms: wall clock.

    Attributes:
        tally: decisions, as `decided:DECISION`; what blocked, as `blocked:WHY`.
    """

    def __init__(
        self,
        hand: Hand,
        endpoints: Callable[[], Mapping[str, Endpoint]],
        now_ms: Callable[[], int],
    ) -> None:
        self._hand, self._endpoints, self._now_ms = hand, endpoints, now_ms
        self.tally: Counter[str] = Counter()

    async def decide(self, around: Surroundings) -> int:
        """Decide what is due; answers how many alerts were looked at.

        All that are due are ranked together. Idempotent: what is decided waits no more.

        Raises:
            Fenced, StoreUnavailable: nothing was decided, or some were; call again.
        """
        now_ms, shelf = self._now_ms(), self._hand.shelf
        due = dict(await shelf.due(WAITING, now_ms, 10**9))
        if not due:
            return 0
        customers = await self._customers(due, around)
        for some in _ranked(list(due), customers, self._at_once(3)):
            async with self._hand.turn() as write:
                await write(await self._decided(some, customers, around, now_ms))
        return len(due)

    def _at_once(self, writes: int) -> int:
        """So many alerts that a turn is one script, with so many writes for each endpoint.

        As many endpoints are counted on as there may be: some may hold alerts and be configured no more.
        """
        return min(AT_ONCE, MAX_WRITES // (_WRITES_EACH + writes * MAX_ENDPOINTS))

    async def _customers(self, due: Mapping[str, int], around: Surroundings) -> dict[str, _Subject]:
        """Each alert with what is known of its customer now."""
        return {
            each.alert_id: _Subject(
                each, await around.customer(each.customer_id), due[each.alert_id]
            )
            for each in await records_of(self._hand.shelf, list(due))
        }

    async def _decided(
        self,
        alert_ids: Sequence[str],
        subjects: Mapping[str, _Subject],
        around: Surroundings,
        now_ms: int,
    ) -> list[Write]:
        """What deciding these changes; those that have to wait on wait on."""
        people = [subjects[each].record.customer_id for each in alert_ids if each in subjects]
        entries = await Entries.loaded(self._hand.shelf, alert_ids, people)
        ready: dict[str, Candidate] = {}
        for alert_id in alert_ids:
            record, subject = entries.record(alert_id), subjects.get(alert_id)
            if record is None or record.decision is not Decision.WAITING or subject is None:
                entries.wait(alert_id, None)
                continue
            contact = subject.contact(entries.person(record.customer_id).told_ms)
            later_ms = self._later_ms(record, contact, around, now_ms)
            if _is_of_the_past(subject, around, now_ms):
                self._note(entries, Choice(alert_id, Decision.TOO_OLD), now_ms)
            elif later_ms is not None:
                entries.wait(alert_id, later_ms)
            elif subject.has_bought:
                self._note(entries, Choice(alert_id, Decision.CLEARED), now_ms)
            else:
                ready[alert_id] = _candidate(record, contact)
        budgets = await self._budgets(ready.values(), around.policy, now_ms)
        writes: list[Write] = []
        for choice in chosen(ready.values(), around.policy, budgets, now_ms):
            each = ready[choice.alert_id]
            self._note(entries, choice, now_ms)
            budgets[each.rule] = budgets[each.rule].after(choice.decision)
            if choice.decision in TOLD_OF:
                since_ms = now_ms - around.policy.alerts.frequency_days * DAY_MS
                entries.tell_of(each.customer_id, now_ms, since_ms)
            if choice.decision is Decision.SENT:
                writes += self._queued(entries, choice.alert_id, each.rule, now_ms)
        writes += [budget_write(rule, budget) for rule, budget in budgets.items()]
        return entries.writes + writes

    async def _budgets(
        self, ready: Iterable[Candidate], policy: Policy, now_ms: int
    ) -> dict[str, Budget]:
        """Each rule's places of today."""
        day, rules = day_of(now_ms, policy.timezone), sorted({each.rule for each in ready})
        packed = await self._hand.shelf.get(BUDGETS, rules)
        return {rule: budget_of(each, day) for rule, each in zip(rules, packed, strict=True)}

    def _later_ms(
        self, record: AlertRecord, contact: Contact, around: Surroundings, now_ms: int
    ) -> int | None:
        """Until when an alert has to wait on; None: it may be decided now."""
        if around.source_silent and record.kind in OF_SILENCE:
            return now_ms + LOOK_AGAIN_MS  # nobody's return can be seen
        rule = around.policy.alerts.rules.get(record.rule)
        return waits_until(contact, rule.quiet_hours if rule else "", around.policy, now_ms)

    def _note(self, entries: Entries, choice: Choice, now_ms: int) -> None:
        record = entries.record(choice.alert_id)
        assert record is not None
        entries.put(record._replace(decision=choice.decision, why=choice.why, decided_ms=now_ms))
        entries.wait(choice.alert_id, None)
        if record.outcome is not None:
            entries.close(choice.alert_id)
        self.tally[f"decided:{choice.decision.value}"] += 1
        if choice.why:
            self.tally[f"blocked:{choice.why}"] += 1

    def _queued(self, entries: Entries, alert_id: str, rule: str, now_ms: int) -> list[Write]:
        """Into the queue of every endpoint that wants this rule's alerts."""
        names = tuple(
            sorted(
                name
                for name, each in self._endpoints().items()
                if "*" in each.rules or rule in each.rules
            )
        )
        entries.send(alert_id, names)
        told = entries.told(alert_id)
        if not names or told is None:
            return []
        return [Put(BODIES, alert_id, told), *enqueue(alert_id, names, now_ms)]

    async def clear_away(self) -> int:
        """Take out alerts that are older than alerts are kept; answers how many."""
        before_ms = self._now_ms() - KEPT_DAYS * DAY_MS
        async with self._hand.turn() as write:
            old = await self._hand.shelf.due(RAISED, before_ms, self._at_once(8))
            if not old:
                return 0
            ids = [alert_id for alert_id, _ in old]
            people = {each.customer_id for each in await records_of(self._hand.shelf, ids)}
            entries = await Entries.loaded(self._hand.shelf, ids, people)
            for each in ids:
                entries.outlive(each)
            void = map(cleared_id, ids)
            await write([*await forget(self._hand.shelf, [*ids, *void]), *entries.writes])
        return len(old)


def _is_of_the_past(subject: _Subject, around: Surroundings, now_ms: int) -> bool:
    """Whether it is too late to tell: the horizon is over, or nobody was there to decide for long.

    Waiting for quiet hours or a period to end makes no alert old; a source that is silent does.
    """
    record = subject.record
    silent = around.source_silent and record.kind in OF_SILENCE
    since_ms = record.raised_ms if silent else subject.due_ms
    late = now_ms - since_ms > around.policy.alerts.max_age_ms
    return record.outcome is not None or late


def _candidate(record: AlertRecord, contact: Contact) -> Candidate:
    return Candidate(
        record.alert_id,
        record.rule,
        record.customer_id,
        record.at_stake_minor,
        record.arm,
        contact,
    )


def _ranked(
    alert_ids: Sequence[str], subjects: Mapping[str, _Subject], size: int
) -> list[list[str]]:
    """Turns of alerts, those with most at stake first, so that places go to them over all turns."""

    def stake(alert_id: str) -> tuple[int, str]:
        subject = subjects.get(alert_id)
        return (0 if subject is None else -subject.record.at_stake_minor, alert_id)

    ranked = sorted(alert_ids, key=stake)
    return [ranked[start : start + size] for start in range(0, len(ranked), size)]
