"""Looking at alerts: the newest, one, a customer's, the ledger, how endpoints do.

Reads the shelf that a delivery process writes; writes nothing. Enters: questions. Leaves: answers as
plain values. Each call may raise `StoreUnavailable`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic_core import from_json

from models.alert_choice import Budget
from models.alert_ledger import Key, Sums, decode_week
from models.alert_record import AlertRecord, Decision, decode_record
from models.calendar import day_of, iso_date
from models.policy import Policy
from streams.alert_entries import ALERTS, BUDGETS, PEOPLE, RAISED, TOLD, WEEKS, budget_of, person_of
from streams.deliveries import ENDPOINTS, dead, queue
from streams.messages import rfc3339
from streams.retrying import Health, unpack_health
from streams.shelf import Shelf

PAGE = 500

Place = tuple[int, str]  # when it was raised, alert id: where a page ends


class Wanted(NamedTuple):
    """Which alerts are asked for.

    Attributes:
        rule: only of this one; "": of all.
        decision: only with this one; None: with any.
    """

    rule: str = ""
    decision: Decision | None = None

    def fits(self, record: AlertRecord) -> bool:
        """Whether an alert is one of them."""
        return self.rule in {"", record.rule} and self.decision in {None, record.decision}


EVERY = Wanted()


class Seen(NamedTuple):
    """An alert.

    Attributes:
        record: what was foretold, decided, and came of it.
        event: the CloudEvent as it was published; None once its horizon has ended.
    """

    record: AlertRecord
    event: dict[str, Any] | None


class EndpointSeen(NamedTuple):
    """How an endpoint does; `waiting` and `dead` are numbers of alerts."""

    name: str
    health: Health
    waiting: int
    dead: int


class AlertReads:
    """Answers questions about alerts.

    Args:
        shelf: to read.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    async def newest(
        self,
        count: int,
        before: Place | None = None,
        wanted: Wanted = EVERY,
        pages: int | None = None,
    ) -> tuple[list[Seen], Place | None]:
        """The newest so many, newest first, and where the next ones begin; None: there are none.

        Args:
            count: at most.
            before: where looking goes on.
            wanted: which.
            pages: so many times `PAGE` alerts are looked at, at most; None: as many as it takes.
        """
        found: list[Seen] = []
        while pages is None or pages > 0:
            page = await self._shelf.newest(RAISED, before, PAGE)
            seen = await self._seen([alert_id for alert_id, _ in page])
            ends = len(page) < PAGE
            for each in seen:
                if wanted.fits(each.record):
                    found.append(each)
                if len(found) == count:
                    ended = ends and each is seen[-1]
                    return found, None if ended else place_of(each)
            if ends:
                return found, None
            before = page[-1][1], page[-1][0]
            pages = None if pages is None else pages - 1
        return found, before

    async def one(self, alert_id: str) -> Seen | None:
        """One alert; None: there is none of that id."""
        return next(iter(await self._seen([alert_id])), None)

    async def of_customer(self, customer_id: str) -> list[Seen]:
        """All alerts that are kept of a customer, newest first."""
        packed = (await self._shelf.get(PEOPLE, [customer_id]))[0]
        if packed is None:
            return []
        seen = await self._seen(person_of(packed).alert_ids)
        return sorted(seen, key=lambda each: -each.record.raised_ms)

    async def told_ms(self, customer_ids: Sequence[str]) -> list[tuple[int, ...]]:
        """When somebody was told of each of these customers lately, for the gate; wall clock."""
        packed = await self._shelf.get(PEOPLE, customer_ids)
        return [() if each is None else person_of(each).told_ms for each in packed]

    async def ledger(self) -> dict[Key, Sums]:
        """The ledger's sums, of all weeks."""
        found: dict[Key, Sums] = {}
        for packed in (await self._shelf.everything(WEEKS)).values():
            found.update(decode_week(packed))
        return found

    async def budgets(self, policy: Policy, now_ms: int) -> dict[str, Budget]:
        """The places of today, of each rule that has any."""
        day = day_of(now_ms, policy.timezone)
        rules = [name for name, each in policy.alerts.rules.items() if each.daily_budget]
        packed = await self._shelf.get(BUDGETS, rules)
        return {name: budget_of(each, day) for name, each in zip(rules, packed, strict=True)}

    async def endpoints(self, names: Sequence[str]) -> list[EndpointSeen]:
        """How these endpoints do, and all that have ever been sent to."""
        known = {name: unpack_health(each) for name, each in (await self._all_health()).items()}
        return [
            EndpointSeen(
                name,
                known.get(name, Health()),
                await self._shelf.length(queue(name)),
                await self._shelf.length(dead(name)),
            )
            for name in sorted({*names, *known})
        ]

    async def _all_health(self) -> Mapping[str, bytes]:
        return await self._shelf.everything(ENDPOINTS)

    async def _seen(self, alert_ids: Sequence[str]) -> list[Seen]:
        records = await self._shelf.get(ALERTS, alert_ids)
        told = await self._shelf.get(TOLD, alert_ids)
        return [
            Seen(decode_record(packed), None if event is None else from_json(event))
            for packed, event in zip(records, told, strict=True)
            if packed is not None
        ]


def place_of(seen: Seen) -> Place:
    """Where a page that ends with an alert ends."""
    return seen.record.raised_ms, seen.record.alert_id


def alert_as_json(seen: Seen) -> dict[str, Any]:
    """An alert as the API and the command line tell it."""
    record, outcome = seen.record, seen.record.outcome
    return {
        "id": record.alert_id,
        "rule": record.rule,
        "kind": record.kind,
        "customer_id": record.customer_id,
        "raised_at": rfc3339(record.raised_ms),
        "day": iso_date(record.day),
        "horizon_days": record.horizon_days,
        "probability": None if record.probability_ppm is None else record.probability_ppm / 1e6,
        "at_stake_minor": record.at_stake_minor,
        "silence_days": record.silence_days,
        "arm": record.arm,
        "decision": record.decision,
        "why": record.why or None,
        "decided_at": _moment(record.decided_ms),
        "cleared_at": _moment(record.retracted_ms),
        "outcome": None
        if outcome is None
        else {
            "returned": outcome.returned_day is not None,
            "returned_on": iso_date(outcome.returned_day),
            "purchase_days": outcome.purchase_days,
            "spent_minor": outcome.spent_minor,
        },
        "event": seen.event,
    }


def _moment(at_ms: int | None) -> str | None:
    return None if at_ms is None else rfc3339(at_ms)
