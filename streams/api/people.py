"""Customers in lists, and the past of one: summaries, members, search, time line.

Everybody is advanced to the moment of asking, like in a lookup. Lists are read page by page; who is a
member from the first page to the last is listed exactly once: see `Store.members`.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple
from unicodedata import normalize

from models.calendar import day_of
from models.codec import decode_held
from models.customer import CustomerState
from models.membership import RISK, TIER
from models.outlook import outlook
from models.past import as_it_stood, bought, kept_since_ms, risk_by_week
from models.policy import Policy
from models.population import Population
from models.segments import segments_by_kind
from models.step import advance
from streams.api.cursors import Place, packed, unpacked
from streams.api.reads import Reads
from streams.lookup import Found, Lookup, as_of
from streams.messages import rfc3339
from streams.store import Looked

SCAN = 250  # customers a call of a search
SEARCHED = 2_000  # customers a page of a search
CSV_PAGE = 500
COLUMNS = (
    *("customer_id", "lifecycle", "flags", "last_purchase_at", "purchase_days"),
    *("net_spend_minor", "tier", "risk", "own_probability", "segments"),
)
_FORMULA = (  # what a spreadsheet would take for one; the last four are full-width
    *("=", "+", "-", "@", "\t", "\r", "\n"),
    *("\uff1d", "\uff0b", "\uff0d", "\uff20"),
)


class Person(NamedTuple):
    """Somebody in a list.

    Attributes:
        customer_id: in normal form.
        state: advanced to `at_ms`.
        at_ms: event time.
        population: in force there; None before the first.
    """

    customer_id: str
    state: CustomerState
    at_ms: int
    population: Population | None


# People → why each is left out; None: they stay. One reason for each, in the same order.
WhyNot = Callable[[Sequence[Person]], Awaitable[Sequence[str | None]]]


async def nobody_left_out(people: Sequence[Person]) -> Sequence[str | None]:
    """All of them stay."""
    return [None] * len(people)


class People:
    """Answers about many customers, and about the past of one.

    Args:
        reads: the store.
        lookup: on the same.
        policy: in force.
        wall_ms: the wall clock.
    """

    def __init__(
        self, reads: Reads, lookup: Lookup, policy: Policy, wall_ms: Callable[[], int]
    ) -> None:
        self._reads, self._lookup, self._policy = reads, lookup, policy
        self._wall_ms = wall_ms

    async def members(
        self,
        segment: str,
        cursor: str,
        limit: int,
        why_not: WhyNot = nobody_left_out,
        left_out: Counter[str] | None = None,
    ) -> dict[str, Any]:
        """A page of a segment's members.

        Args:
            segment: that there is.
            cursor: "": from the beginning.
            limit: members that are looked at; who is left out makes the page shorter.
            why_not: who is left out, and why.
            left_out: counts them by reason.

        Raises:
            Problem: the cursor is none.
            NothingYet, StoreUnavailable.
        """
        partitions = await self._lookup.partitions()
        place, people = unpacked(cursor, partitions), list[Person]()
        while len(people) < limit and place.partition < partitions:
            wanted = limit - len(people)
            page = await self._reads.members(place.partition, segment, place.cursor, wanted)
            people += await self._known(place.partition, page.ids)
            place = _behind(place, page.cursor)
        whys = await why_not(people)
        if left_out is not None:
            left_out.update(each for each in whys if each is not None)
        kept = (each for each, why in zip(people, whys, strict=True) if why is None)
        return {
            "items": [summary(*each, self._policy) for each in kept],
            "next": packed(place) if place.partition < partitions else None,
        }

    async def csv(
        self,
        segment: str,
        why_not: WhyNot = nobody_left_out,
        left_out: Counter[str] | None = None,
    ) -> AsyncIterator[bytes]:
        """All members, as the lines of one CSV file; see `members`."""
        yield codecs.BOM_UTF8 + _csv_lines([COLUMNS])  # else spreadsheets guess the encoding
        cursor: str | None = ""
        while cursor is not None:
            page = await self.members(segment, cursor, CSV_PAGE, why_not, left_out)
            yield _csv_lines(_row(each) for each in page["items"])
            cursor = page["next"]

    async def search(
        self, prefix: str, attributes: Mapping[str, str], cursor: str, limit: int
    ) -> dict[str, Any]:
        """A page of a walk through all customers.

        Args:
            prefix: that ids begin with.
            attributes: name → value as text; all must fit.
            cursor: "": from the beginning.
            limit: a page ends once it has so many; it may have more.

        Raises:
            Problem, NothingYet, StoreUnavailable.
        """
        partitions = await self._lookup.partitions()
        place, searched = unpacked(cursor, partitions), 0
        prefix = normalize("NFC", prefix)  # as ids are
        scan = SCAN if prefix or attributes else min(SCAN, limit)
        found: dict[str, Any] = {}
        while len(found) < limit and searched < SEARCHED and place.partition < partitions:
            walked = await self._reads.walk(place.partition, place.cursor, scan)
            searched += len(walked.states)
            fitting = [
                id_ for id_, state in walked.states.items() if _fits(id_, state, prefix, attributes)
            ]
            for each in await self._known(place.partition, fitting):
                found[each.customer_id] = summary(*each, self._policy)
            place = _behind(place, walked.cursor)
        more = packed(place) if place.partition < partitions else None
        return {"items": list(found.values()), "next": more, "searched": searched}

    async def _known(self, partition: int, ids: Sequence[str]) -> list[Person]:
        """Those of them who are still there, as of the moment of asking."""
        if not ids:
            return []
        looked: Looked = await self._reads.look(partition, ids)
        population = await self._lookup.population(partition) if looked.population else None
        at_ms = as_of(looked, self._wall_ms())
        held = (
            (id_, decode_held(state))
            for id_, state in zip(ids, looked.states, strict=True)
            if state
        )
        return [
            Person(id_, advance(id_, each, at_ms, self._policy, population)[0], at_ms, population)
            for id_, each in held
            if isinstance(each, CustomerState)
        ]

    def as_it_stood(self, found: Found, at_ms: int) -> Found:
        """A customer as of an earlier moment.

        Raises:
            NotKept: too early.
        """
        if at_ms >= found.as_of_ms:
            return found
        then = as_it_stood(found.state, at_ms, self._policy, found.population)
        return found._replace(state=then, as_of_ms=at_ms, live=False)

    def timeline(self, found: Found) -> dict[str, Any]:
        """What is remembered of a customer."""
        policy, state = self._policy, found.state
        weeks = risk_by_week(state, found.as_of_ms, policy, found.population)
        return {
            "customer_id": found.customer_id,
            "currency": policy.business.currency,
            "kept_since": rfc3339(kept_since_ms(state)),
            "as_of": rfc3339(found.as_of_ms),
            "purchases": [
                {
                    "at": rfc3339(each.at_ms),
                    "kind": "purchase" if each.is_purchase else "refund",
                    "amount_minor": each.spent_minor if each.is_purchase else each.refunded_minor,
                    "returned_minor": each.refunded_minor if each.is_purchase else 0,
                    "items": each.items,
                }
                for each in bought(state, policy)
                if each.is_purchase or each.refunded_minor
            ],
            "risk": [
                {
                    "on": date.fromordinal(each.day).isoformat(),
                    "silence_days": each.silence_days,
                    "lifecycle": each.lifecycle,
                    "probability": each.risk,
                    "own_probability": each.own_risk,
                }
                for each in weeks
            ],
        }


def summary(
    customer_id: str,
    state: CustomerState,
    at_ms: int,
    population: Population | None,
    policy: Policy,
) -> dict[str, Any]:
    """A customer in a list."""
    ledger = state.current
    seen = outlook(ledger, day_of(at_ms, policy.timezone), policy, population)
    last_ms = ledger.last_purchase_ms
    return {
        "customer_id": customer_id,
        "lifecycle": ledger.standing.lifecycle.value,
        "flags": list(ledger.standing.flags),
        "last_purchase_at": None if last_ms is None else rfc3339(last_ms),
        "purchase_days": ledger.purchase_days,
        "net_spend_minor": ledger.net_spend_minor,
        "tier": state.groups.get(TIER),
        "risk": state.groups.get(RISK),
        "own_probability": None if seen is None else round(seen.own_risk, 4),
        "segments": list(segments_by_kind(customer_id, state).values()),
    }


def _behind(place: Place, cursor: int) -> Place:
    """Where a list goes on; without a cursor in the next partition."""
    return Place(place.partition, cursor) if cursor else Place(place.partition + 1)


def _fits(customer_id: str, state: bytes, prefix: str, attributes: Mapping[str, str]) -> bool:
    if not customer_id.startswith(prefix):
        return False
    if not attributes:
        return True
    held = decode_held(state)
    return isinstance(held, CustomerState) and all(
        name in held.attributes and _as_text(held.attributes[name].value) == value
        for name, value in attributes.items()
    )


def _as_text(value: object) -> str | None:
    """An attribute as somebody writes it into a search."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


def _row(item: Mapping[str, Any]) -> list[object]:
    cells = (item[name] for name in COLUMNS)
    return [" ".join(each) if isinstance(each, list) else each for each in cells]


def _csv_lines(rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([_harmless(each) for each in row] for row in rows)
    return text.getvalue().encode()


def _harmless(cell: object) -> object:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
