"""Past events are written into the topic, and everything runs: alerts are there, and nobody hears of them.

The replay ends only hours ago, so the age of its alerts keeps none of them back.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.alert_record import AlertRecord, Decision, decode_record
from models.calendar import day_of, start_of_day_ms
from models.policy import policy_from_toml
from streams.alert_entries import ALERTS as RECORDS
from streams.partitioner import partition_of
from streams.redis_shelf import ShelfKeys
from streams.sources import SourceRecord
from streams.topics import ALERTS, LOG
from streams.wall import wall_ms
from tests.hazards.rebuilds import installed
from tests.real_parts import RealParts
from tests.streams.alert_office import START_MS, AlertOffice, opened, rules
from tests.support.hooks import Hooks
from tests.support.installation import Installation, wait_until
from tests.support.oracle import messages
from tests.support.story import DAY_MS, HOUR_MS

CUSTOMERS, DAYS = 200, 63
NOON_ZONE = f"Etc/GMT{datetime.now(UTC).hour - 12:+}"  # there it is about noon: no day is young
POLICY = f"""
preset = "grocery"
business.timezone = "{NOON_ZONE}"

[alerts]
holdout = 0.0
frequency_cap = 0

[alerts.rules.late]
on = "customer.overdue"
cool_down_days = 0

[alerts.rules.leaving]
on = "lifecycle.changed"
to = "dormant"

[alerts.rules.back]
on = "customer.won_back"
"""


# --- one installation, whole ---


def purchases(now_ms: int) -> list[SourceRecord]:
    """Everybody buys every few days up to yesterday, and one customer today.

    One in ten goes on, one in ten pauses for weeks, and of the others some stop every day: some are
    overdue today, and the midnight that the replay has told of last is not the moment to say so.
    """
    zone = policy_from_toml(POLICY, "here").timezone
    first_ms = start_of_day_ms(day_of(now_ms, zone) - DAYS + 1, zone)
    found = [
        _purchase(f"c{number}", first_ms + day * DAY_MS + 9 * HOUR_MS + number)
        for day in range(DAYS - 1)
        for number in range(CUSTOMERS)
        if day % (3 + number % 4) == number % 3 and _goes_on(number, day)
    ]
    return [*found, _purchase("c0", first_ms + (DAYS - 1) * DAY_MS + HOUR_MS)]


def _goes_on(number: int, day: int) -> bool:
    match number % 10:
        case 0:
            return True
        case 5:
            return not 15 < day < 55
        case _:
            return day < DAYS - number // 4


def _purchase(customer_id: str, at_ms: int) -> SourceRecord:
    when = datetime.fromtimestamp(at_ms / 1_000, UTC)
    body = {
        "event_id": f"{customer_id}-{at_ms}",
        "customer_id": customer_id,
        "occurred_at": when.isoformat(timespec="milliseconds"),
        "amount_minor": 1_500,
        "currency": "USD",
    }
    return SourceRecord("purchase", customer_id, at_ms, json.dumps(body).encode())


class Replayed(NamedTuple):
    """An installation that has lived through a replay, and the receiver of its alerts."""

    here: Installation
    hooks: Hooks

    def alerts(self) -> list[dict[str, bytes]]:
        """The headers of all alerts on the topic."""
        told = self.here.published(ALERTS)
        kinds = {b"customer.overdue", b"lifecycle.changed", b"customer.won_back"}
        return [each for each in told if each["ce_type"] in kinds]

    def records(self) -> list[AlertRecord]:
        """What the delivery process knows."""
        key = ShelfKeys(self.here.settings.namespace).named(RECORDS)
        held: Any = self.here.redis.hgetall(key)
        return [decode_record(each) for each in held.values()]

    def ticked(self) -> set[int]:
        """Partitions whose owner has written a tick itself: none of those tells of a midnight."""
        zone = self.here.policy.timezone
        ticks = [
            (each.partition, int(json.loads(each.value)["at_ms"]))
            for each in messages(self.here.settings.bootstrap_servers, LOG)
            if ("kind", b"tick") in each.headers
        ]
        return {part for part, at in ticks if at != start_of_day_ms(day_of(at, zone), zone)}

    @property
    def quiet(self) -> bool:
        """Whether all that was told is decided, and nothing more comes."""
        records = self.records()
        return (
            self.here.is_settled()
            and len(records) == len(self.alerts())
            and not any(each.decision is Decision.WAITING for each in records)
        )


@pytest.fixture(scope="module")
def replayed(real_parts: RealParts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replayed]:
    """Worker, relay and delivery run; the replay is written at once."""
    folder = tmp_path_factory.mktemp("replay")
    policy = policy_from_toml(POLICY, "here")
    config = folder / "segmenter.toml"
    config.write_text(POLICY, "utf-8")
    with Hooks() as hooks, installed(real_parts, folder, "replayed", policy) as here:
        path = str(hooks.endpoints_file(folder, crm=1, bi=10))
        settings = here.settings.model_copy(update={"endpoints_file": path})
        for each in ("worker", "relay", "delivery"):
            here.start(each, config, folder / f"{each}.log", settings)
        here.publish(purchases(wall_ms()))
        here.publish([_purchase("c0", wall_ms() - 2 * HOUR_MS)])  # the newest, whatever overtakes
        here.wait_until_settled()
        one = Replayed(here, hooks)
        wait_until(lambda: partition_of("c1", here.partitions) in one.ticked())  # not that of c0
        wait_until(lambda: one.quiet)
        yield one


@pytest.mark.slow
def test_a_replay_brings_alerts_onto_the_topic_and_they_are_followed_up(replayed: Replayed) -> None:
    records = replayed.records()
    assert len(records) == len(replayed.alerts()) > CUSTOMERS
    assert {each.rule for each in records} == {"late", "leaving", "back"}
    young = [each for each in records if wall_ms() - each.raised_ms < 48 * HOUR_MS]
    assert len(young) > 2  # of these alone the age would have kept none back


@pytest.mark.slow
def test_the_endpoint_of_an_installation_with_a_replay_was_asked_for_nothing(
    replayed: Replayed,
) -> None:
    assert replayed.hooks.count == 0
    assert Counter(each.decision for each in replayed.records()) == {
        Decision.MUTED: len(replayed.alerts())
    }


@pytest.mark.slow
def test_what_the_clock_brings_about_behind_a_replay_is_marked_as_the_replays(
    replayed: Replayed,
) -> None:
    """No event has come since: whatever is said of these customers, the replay said it."""
    assert [each for each in replayed.alerts() if "replay" not in each] == []
    assert replayed.hooks.count == 0


# --- no way from there to a queue ---

SHOP = rules(
    slipping={"on": "churn.risk_raised", "level": 0.5},
    best={"on": "churn.risk_raised", "level": 0.5, "daily_budget": 3},
    back={"on": "customer.won_back"},
)
people = st.sampled_from(["ann", "bob"])
moves = st.lists(
    st.one_of(
        st.tuples(st.just("raise"), people, st.sampled_from(sorted(SHOP.alerts.rules))),
        st.tuples(st.sampled_from(["clear", "resolve", "again"]), st.integers(0, 9)),
        st.tuples(st.just("forget"), people),
        st.tuples(st.just("look"), st.sampled_from([0, 1, 20])),
    ),
    max_size=25,
)


def write(office: AlertOffice, ids: list[str], move: tuple[Any, ...]) -> None:
    """All alerts are a replay's; what follows from them may be anybody's."""
    match move:
        case ("raise", who, rule):
            ids.append(office.topic.raises(who, rule, replayed=True))
        case ("forget", who):
            office.topic.forgets(who)
        case ("clear", number) if number < len(ids):
            office.topic.clears(ids[number], replayed=number % 2 == 0)
        case ("resolve", number) if number < len(ids):
            office.topic.resolves(ids[number])
        case ("again", number) if number < len(office.topic.records):
            office.topic.again(number)


@settings(max_examples=200, deadline=None)
@given(story=moves)
def test_from_an_alert_of_a_replay_no_way_leads_to_a_queue(story: list[tuple[Any, ...]]) -> None:
    async def live() -> None:
        office, ids = await opened(SHOP), list[str]()
        for move in story:
            if move[0] == "look":
                office.clock.passes(hours=move[1])
                await office.look()
            else:
                write(office, ids, move)
        await office.look()
        held = await office.noted.contents()
        assert not [name for name in held if name.split(":")[0] in NEVER]
        assert office.receivers.posted == []
        assert {each.decision for each in await office.records()} <= {Decision.MUTED}

    asyncio.run(live())


NEVER = {"waiting", "queue", "sending", "ends", "dead", "bodies", "holders", "sent", "budgets"}


async def test_an_alert_that_is_too_old_is_never_sent_after_the_shelf_was_wiped() -> None:
    office = await opened()
    for number in range(5):
        office.topic.raises(f"c{number}")
        office.clock.passes(days=1)
        await office.look()
    assert len(office.receivers.posted) == 5
    wiped = AlertOffice(office.policy, clock=office.clock, topic=office.topic)
    await wiped.hand.reload()
    await wiped.look()
    sent = {each.raised_ms for each in await wiped.records() if each.decision is Decision.SENT}
    assert sent == {START_MS + 3 * DAY_MS, START_MS + 4 * DAY_MS}  # at most two days old by now
    wiped.clock.passes(days=30)
    await wiped.look()
    assert len(wiped.receivers.posted) == 2


async def test_what_was_sent_before_a_wipe_has_the_same_id_when_it_is_sent_again() -> None:
    office = await opened()
    office.topic.raises("ann")
    await office.look()
    wiped = AlertOffice(office.policy, clock=office.clock, topic=office.topic)
    await wiped.hand.reload()
    await wiped.look()
    (one,), (again,) = office.receivers.posted, wiped.receivers.posted
    assert (one.message_id, one.body) == (again.message_id, again.body)
