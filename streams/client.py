"""A client for the HTTP API: questions and events out, typed answers in.

    with Segmenter("http://127.0.0.1:8080", api_key="sk_…") as segmenter:
        customer = segmenter.customer("1228")

It tries again where that may help and does no harm. httpx logs addresses at INFO, and customer ids
are part of them: leave the logger `httpx` at WARNING.
"""

from __future__ import annotations

import logging
import random
import time
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from datetime import datetime
from itertools import islice
from typing import Any, Literal, Self

import httpx

from streams.client_alerts import Alert, AlertPage, AlertReport, AlertsOfCustomer
from streams.client_answers import (
    Asked,
    AskedPage,
    Change,
    ChangePage,
    Customer,
    History,
    HistoryEntry,
    Overview,
    Page,
    Receipt,
    Summary,
    Timeline,
    Written,
)
from streams.client_asking import (
    LONGEST_WAIT_S,
    TIMEOUT_S,
    TRIES,
    Asker,
    SegmenterError,
    given,
    parsed,
    part,
    refused,
    segment_path,
    unanswered,
)
from streams.client_segments import Breakdown, Membership, Segment, Segments
from streams.client_surveys import NextCategories, NextCategory, Persona, Personas
from streams.sse import Seen, ServerSentEvent, events_in

__all__ = ["LONGEST_WAIT_S", "Segmenter", "SegmenterError"]
logger = logging.getLogger(__name__)

ERASE_TIMEOUT_S = 20.0  # the API itself waits ten seconds for a worker
BATCH = 1_000  # ids that the API takes at once
Holdout = Literal["keep", "leave_out"]
IDS_REMEMBERED = 10_000  # as many as the API keeps changes


class Segmenter:
    """The API of one installation. May be used by several threads at once.

    Args:
        base_url: where it is.
        api_key: where keys are needed.
        timeout_s: that an answer, or the next piece of one, may take.
        tries: of each question, the first one included.
        transport: another one than the network, for tests.
        sleep: to wait between two tries.
        chance: uniform in [0, 1), so that many clients don't come back at the same moment.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        timeout_s: float = TIMEOUT_S,
        tries: int = TRIES,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._asker = Asker(base_url, api_key, timeout_s, tries, transport, sleep, chance)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; no question can be asked any more."""
        self._asker.http.close()

    def customer(
        self, customer_id: str, explain: bool = False, as_of: datetime | None = None
    ) -> Customer | None:
        """Where somebody stands; None if nobody is known by that id.

        Args:
            customer_id: any of their ids.
            explain: say why, in sentences, and why they are in which rule segments.
            as_of: then, not now; with a zone.
        """
        then = None if as_of is None else as_of.isoformat()
        params = given(explain="true" if explain else None, as_of=then)
        return self._asker.one(Customer, f"/v1/customers/{part(customer_id)}", params)

    def customers(self, ids: Iterable[str]) -> Iterator[Asked]:
        """Many at once, in the order asked; asks as it is read."""
        left = iter(ids)
        while batch := list(islice(left, BATCH)):
            answer = self._asker.ask("POST", "/v1/customers:batchGet", json={"ids": batch})
            yield from parsed(AskedPage, answer.content).items

    def history(self, customer_id: str) -> list[HistoryEntry]:
        """The newest changes, oldest first; none, if nobody is known by that id."""
        found = self._asker.one(History, f"/v1/customers/{part(customer_id)}/history")
        return [] if found is None else found.items

    def timeline(self, customer_id: str) -> Timeline | None:
        """What is remembered of somebody, and their risk over that time."""
        return self._asker.one(Timeline, f"/v1/customers/{part(customer_id)}/timeline")

    def search(
        self,
        prefix: str = "",
        attributes: Mapping[str, str] | None = None,
        page_size: int | None = None,
    ) -> Iterator[Summary]:
        """Everybody whose id begins so and whose attributes all fit; asks as it is read."""
        wanted = [f"{name}:{value}" for name, value in (attributes or {}).items()]
        params = given(prefix=prefix or None, attribute=wanted or None, limit=page_size)
        return _items(self._asker.pages(Page, "/v1/customers", params))

    def segments(self, days: int = 30) -> Segments:
        """All segments, and who came and went in so many days."""
        return self._asker.get(Segments, "/v1/segments", {"days": days})

    def segment(self, name: str, days: int | None = None) -> Segment | None:
        """One, such as `lifecycle/active`, day by day; None if there is none of that name."""
        return self._asker.one(Segment, segment_path(name), given(days=days))

    def personas(self) -> Personas:
        """What kind of people are in each segment, of the newest survey."""
        return self._asker.get(Personas, "/v1/personas")

    def persona(self, name: str) -> Persona | None:
        """One segment in words and numbers; None if nobody was in it."""
        return self._asker.one(Persona, f"{segment_path(name)}/persona")

    def next_categories(self, customer_id: str) -> list[NextCategory]:
        """What somebody may begin to buy; nothing, if nobody is known by that id."""
        path = f"/v1/customers/{part(customer_id)}/next"
        found = self._asker.one(NextCategories, path)
        return [] if found is None else found.items

    def members(
        self,
        name: str,
        page_size: int | None = None,
        holdout: Holdout | None = None,
        channel: str | None = None,
    ) -> Iterator[Summary]:
        """Who is in a segment; asks as it is read. See `member_pages`."""
        return _items(self.member_pages(name, page_size, holdout, channel))

    def member_pages(
        self,
        name: str,
        page_size: int | None = None,
        holdout: Holdout | None = None,
        channel: str | None = None,
    ) -> Iterator[Page]:
        """Who is in a segment, page by page; each says how many were left out of it, and why.

        Args:
            name: of the segment.
            page_size: members looked at; who is left out makes a page shorter.
            holdout: `leave_out`: without those whom alerts are held out of.
            channel: without those whom the gate of alerts refuses for it, such as `email`.
        """
        params = {
            **given(limit=page_size, holdout=holdout),
            **({"for": channel} if channel else {}),
        }
        return self._asker.pages(Page, f"{segment_path(name)}/members", params)

    def is_member(self, name: str, customer_id: str) -> bool:
        """Whether somebody is in a segment.

        Raises:
            SegmenterError: 404 too, so that a misspelt name is not taken for a no.
        """
        path = f"{segment_path(name)}/members/{part(customer_id)}"
        return self._asker.get(Membership, path).member

    def breakdown(self, name: str, by: str, limit: int | None = None) -> Breakdown | None:
        """A segment by one thing that is known of its members; None if there is none of that name.

        Args:
            name: of the segment, such as `rule/vip`.
            by: such as `lifecycle`, `age_band`, `profile.region`.
            limit: so many members are looked at, at most.
        """
        params = given(by=by, limit=limit)
        return self._asker.one(Breakdown, f"{segment_path(name)}/breakdown", params)

    def alerts(
        self,
        rule: str | None = None,
        decision: str | None = None,
        customer_id: str | None = None,
        page_size: int | None = None,
    ) -> Iterator[Alert]:
        """Alerts, newest first; asks as it is read.

        Args:
            rule: only of this one.
            decision: only those with which this was done, such as `sent`.
            customer_id: only of this customer, by any of their ids.
            page_size: at most so many a page.
        """
        params = given(rule=rule, decision=decision, customer_id=customer_id, limit=page_size)
        for page in self._asker.pages(AlertPage, "/v1/alerts", params):
            yield from page.items

    def alert(self, alert_id: str) -> Alert | None:
        """One; None if none is kept by that id."""
        return self._asker.one(Alert, f"/v1/alerts/{part(alert_id)}")

    def customer_alerts(self, customer_id: str) -> list[Alert]:
        """All that are kept of somebody, newest first; none, if nobody is known by that id."""
        path = f"/v1/customers/{part(customer_id)}/alerts"
        found = self._asker.one(AlertsOfCustomer, path)
        return [] if found is None else found.items

    def alert_report(self, rule: str | None = None, weeks: int | None = None) -> AlertReport:
        """What alerts come to; places and receivers today.

        Args:
            rule: figures of this one only.
            weeks: so many ISO weeks, up to the newest in which anything was raised.
        """
        return self._asker.get(AlertReport, "/v1/alerts/report", given(rule=rule, weeks=weeks))

    def overview(self) -> Overview:
        """The state of the installation."""
        return self._asker.get(Overview, "/v1/overview")

    def changes(self, limit: int = 50) -> list[Change]:
        """The newest changes of all customers, newest first."""
        return self._asker.get(ChangePage, "/v1/changes", {"limit": limit}).items

    def send(self, event: Mapping[str, Any]) -> Written:
        """Write an event into the log.

        Idempotent by its `event_id`; one without is given one, so that trying again does no harm.

        Args:
            event: `kind` and the fields that docs/events.md names.
        """
        named = {**event, "event_id": event.get("event_id") or uuid.uuid4().hex}
        return parsed(Written, self._asker.ask("POST", "/v1/events", json=named).content)

    def erase(self, customer_id: str) -> Receipt | None:
        """Have a person forgotten. Idempotent.

        Returns:
            The receipt; None: it stands in the log, but no worker has acted on it yet. Ask again.
        """
        path = f"/v1/customers/{part(customer_id)}"
        answer = self._asker.ask(
            "DELETE", path, timeout=max(self._asker.timeout_s, ERASE_TIMEOUT_S)
        )
        accepted = answer.status_code == httpx.codes.ACCEPTED
        return None if accepted else parsed(Receipt, answer.content)

    def stream(
        self,
        types: Iterable[str] | None = None,
        last_event_id: str | None = None,
        on_gap: Callable[[], None] | None = None,
    ) -> Generator[Change, None, None]:
        """Changes as they are published, each once, until the caller stops.

        Once connected, it connects again whenever it has to, and goes on where it was. Closing it
        closes the connection.

        Args:
            types: only these, such as `lifecycle.changed`.
            last_event_id: a change's `cursor`, to go on behind it.
            on_gap: called when changes are missing that the API no longer has; without one, a
                warning is logged.

        Raises:
            SegmenterError: the API refuses, or was not there from the beginning.
        """
        params = given(types=",".join(types or ()) or None)
        seen, failures, connected = Seen(IDS_REMEMBERED), 0, False
        while True:
            trouble = SegmenterError(None, "The stream has ended", passing=True)
            try:
                with closing(self._events(params, last_event_id)) as events:
                    for event in events:
                        failures, connected = 0, True
                        last_event_id = event.cursor or last_event_id
                        yield from _changes_of(event, seen, on_gap or _warn_of_gap)
            except SegmenterError as error:
                trouble = error
            failures += 1
            if not trouble.passing or not (connected or failures < self._asker.tries):
                raise trouble
            self._asker.sleep(self._asker.pause_s(failures, trouble))

    def _events(
        self, params: dict[str, Any], last_event_id: str | None
    ) -> Generator[ServerSentEvent, None, None]:
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        if last_event_id:
            headers["Last-Event-ID"] = last_event_id
        try:
            with self._asker.http.stream(
                "GET", "/v1/stream", params=params, headers=headers
            ) as answer:
                if not answer.is_success:
                    answer.read()
                    raise refused(answer)
                yield from events_in(answer.iter_bytes())
        except httpx.HTTPError as error:
            raise unanswered(error) from error


def _items(pages: Iterator[Page]) -> Iterator[Summary]:
    return (each for page in pages for each in page.items)


def _changes_of(event: ServerSentEvent, seen: Seen, on_gap: Callable[[], None]) -> Iterator[Change]:
    if event.name == "gap":
        on_gap()
    elif event.name == "change":
        change = parsed(Change, event.text)
        if seen.is_new(change.id):
            yield change


def _warn_of_gap() -> None:
    logger.warning("changes are missing from the stream: the API no longer has them")
