"""What a fold really tells is what the contracts say, no more and no less."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import pytest

from models.alerts import AlertType
from models.barrier import decode_barrier
from models.effects import EffectType
from models.events import LogRecord
from models.policy import policy_from_preset
from models.policy_record import PublishedPolicy, encode_published
from models.population import encode_population
from models.source_tables import Source
from streams.alert_notices import Cleared, Raised, read_notice
from streams.contracts_messages import WEBHOOKS
from streams.endpoint_trial import trial_event
from streams.endpoints import Endpoint
from streams.in_step import InStep
from streams.loop import no_records
from streams.normalising import Place, SourceFold, Stand
from streams.partition import Batch
from streams.store import OutboxRow
from streams.topics import ALERTS, CHANGES, DEAD_LETTERS, ERASURES, LOG, POLICIES, POPULATIONS
from streams.webhook_body import message as webhook_body
from tests.streams.posting import SECRET
from tests.support.contracted import contract, faults, fields_of, message, of_message, told_in
from tests.support.contracted_shop import lived

AT_MOST = 12  # of each kind: validating takes longer than folding
TOLD = sorted(
    [
        *((CHANGES, each.value) for each in EffectType),
        *((ALERTS, each.value) for each in AlertType),
        (ALERTS, EffectType.CUSTOMER_ERASED.value),
        *((ALERTS, name) for name in ("churn.risk_raised", "customer.overdue")),
        *((ALERTS, name) for name in ("lifecycle.changed", "customer.won_back")),
        *((ALERTS, name) for name in ("segment.entered", "segment.exited")),
        (DEAD_LETTERS, "dead-letter"),
        (ERASURES, "erased"),
    ]
)

ORDERED = {"x-shopify-topic": b"orders/create"}
ORDER = {
    "id": 1,
    "customer": {"id": 1228},
    "created_at": "2026-03-01T10:00:00Z",
    "currency": "USD",
    "line_items": [],
}


class Told(NamedTuple):
    """A message as it left."""

    headers: dict[str, str]
    payload: Any


@cache
def told() -> dict[tuple[str, str], list[Told]]:
    """What the shop told, by topic and name, evenly chosen."""
    found = defaultdict(list)
    for row in lived().effects:
        found[row.topic, _name(row)].append(row)
    return {key: [_read(each) for each in _some(rows)] for key, rows in found.items()}


def _some(rows: list[OutboxRow]) -> list[OutboxRow]:
    step = max(1, len(rows) // AT_MOST)
    return [*rows[::step], rows[-1]]


def _name(row: OutboxRow) -> str:
    names = {DEAD_LETTERS: "dead-letter", ERASURES: "erased"}
    return names.get(row.topic) or dict(row.headers)["ce_type"].decode()


def _read(row: OutboxRow) -> Told:
    headers = {name: value.decode() for name, value in row.headers}
    if row.topic == DEAD_LETTERS:
        return Told({name: each for name, each in headers.items() if name != "kind"}, None)
    return Told(headers, json.loads(row.value or b""))


def test_the_shop_brings_about_every_kind_of_message_that_leaves() -> None:
    assert sorted(told()) == TOLD
    for topic in (CHANGES, ALERTS, DEAD_LETTERS, ERASURES):
        names = {name for where, name in TOLD if where == topic}
        others = {"source-dead-letter"} if topic == DEAD_LETTERS else set()  # see below
        assert set(contract("asyncapi.json")["channels"][topic]["messages"]) == names | others


@pytest.mark.parametrize(("topic", "name"), TOLD)
def test_what_leaves_is_what_the_contract_says(topic: str, name: str) -> None:
    for each in told()[topic, name]:
        assert faults(of_message(topic, name, "headers"), each.headers) == []
        assert faults(of_message(topic, name, "payload"), each.payload) == []


@pytest.mark.parametrize(("topic", "name"), [each for each in TOLD if each[0] != DEAD_LETTERS])
def test_no_field_of_the_contract_is_never_told(topic: str, name: str) -> None:
    document = contract("asyncapi.json")
    named = fields_of(message(topic, name)["payload"], document)
    seen = {path for each in told()[topic, name] for path in told_in(each.payload)}
    if topic == ALERTS and name != "churn.risk_raised":  # what all alerts have, one kind shows
        seen |= {p for each in told()[ALERTS, "churn.risk_raised"] for p in told_in(each.payload)}
    if topic == CHANGES:
        assert {path for path in named if path.count(".") == 1} - seen - {".scheme"} == set()
    else:
        assert named - seen == set()


def test_a_reader_of_the_contract_would_notice_a_field_gone_or_new_or_of_another_type() -> None:
    check = of_message(CHANGES, "rfm.changed", "payload")
    good = told()[CHANGES, "rfm.changed"][0].payload
    assert faults(check, good) == []
    for spoilt in (
        {name: each for name, each in good.items() if name != "scheme"},
        {**good, "colour": "red"},
        {**good, "sequence": "9"},
        {**good, "reason": "because"},
        {**good, "since": "yesterday"},
    ):
        assert len(faults(check, spoilt)) == 1


def test_an_effect_of_the_right_shape_under_another_type_is_noticed() -> None:
    headers = told()[CHANGES, "rfm.changed"][0].headers
    assert faults(of_message(CHANGES, "risk.changed", "headers"), headers) != []


class Offsets:
    """Where reading stands, kept nowhere."""

    async def stand(self, topic: str, partition: int) -> Stand:
        return Stand()

    async def move(self, topic: str, partition: int, stand: Stand) -> None:
        pass


class Kafka:
    """Takes everything.

    Attributes:
        rows: that it took.
    """

    def __init__(self) -> None:
        self.rows: list[OutboxRow] = []

    def send(self, rows: Sequence[OutboxRow]) -> int:
        self.rows += rows
        return len(rows)


async def test_foreign_events_and_those_that_cant_be_used_are_what_the_contract_says() -> None:
    kafka, place = Kafka(), Place("main", "shop", "orders", "", 1)
    given = place, Source(source="shopify"), Offsets(), kafka
    fold = SourceFold(*given, no_records, 0, InStep())
    bodies = [{**ORDER, "total_price": each} for each in ("19.90", "?", "?" * 70_000)]
    records = [
        LogRecord(1, offset, 0, None, json.dumps(each).encode(), ORDERED)
        for offset, each in enumerate(bodies)
    ]
    assert await fold.handle(Batch(0, 3, records)) is None
    event, *letters = kafka.rows
    told_event = _read(event)
    assert faults(of_message(LOG, "purchase", "headers"), told_event.headers) == []
    assert faults(of_message(LOG, "purchase", "payload"), told_event.payload) == []
    for letter in letters:
        headers = {name: value.decode() for name, value in letter.headers if name not in ORDERED}
        assert faults(of_message(DEAD_LETTERS, "source-dead-letter", "headers"), headers) == []
        assert faults(of_message(DEAD_LETTERS, "dead-letter", "headers"), headers) != []
    sizes = [dict(each.headers).get("value.bytes") for each in letters]
    assert sizes == [None, str(len(records[-1].value or b"")).encode()]


def records() -> Iterator[tuple[str, LogRecord]]:
    """What the system itself wrote into the log, one of a kind and partition at most a few."""
    for partition in lived().log:
        kinds: defaultdict[str, int] = defaultdict(int)
        for record in partition:
            kind = record.headers["kind"].decode()
            kinds[kind] += 1
            if kinds[kind] <= AT_MOST or len(record.headers) > 1:
                yield kind, record


def test_records_of_the_log_those_that_the_system_writes_too_are_what_the_contract_says() -> None:
    seen = set()
    for kind, record in records():
        seen.add(kind)
        if b"-1" in (record.value or b"") or len(record.value or b"") > 60_000:
            continue  # the two that became dead letters
        headers = {name: value.decode() for name, value in record.headers.items()}
        assert faults(of_message(LOG, kind, "headers"), headers) == []
        assert faults(of_message(LOG, kind, "payload"), json.loads(record.value or b"")) == []
    assert seen >= {"purchase", "profile", "merge", "erasure", "transfer", "tick", "population"}


def test_populations_policies_and_sketches_are_what_the_contract_says() -> None:
    for population in lived().populations:
        body = json.loads(encode_population(population))
        assert faults(of_message(POPULATIONS, "population", "payload"), body) == []
    published = PublishedPolicy(3, policy_from_preset("grocery"), 1, "why", silent=True)
    body = json.loads(encode_published(published))
    assert faults(of_message(POLICIES, "policy", "payload"), body) == []
    barrier = lived().inputs[0]
    headers = {name: value.decode() for name, value in barrier.headers.items()}
    assert faults(of_message("population-inputs.v1", "barrier", "headers"), headers) == []
    assert decode_barrier(barrier.value or b"").partitions == 2


def events() -> dict[str, list[Any]]:
    """Alerts, and what cleared them, in CloudEvents' structured mode."""
    found: dict[str, list[Any]] = {"alert": [], "cleared": []}
    for row in lived().effects:
        if row.topic == ALERTS:
            record = LogRecord(0, 0, 0, row.key, row.value, dict(row.headers))
            notice = read_notice(record, "loop")
            if isinstance(notice, Raised):
                found["alert"].append(json.loads(notice.told))
            elif isinstance(notice, Cleared):
                found["cleared"].append(json.loads(notice.told))
    return found


def test_webhooks_are_what_the_contract_says() -> None:
    given = {"name": "crm", "url": "https://crm.example.com/", "secrets": (SECRET,)}
    one = Endpoint.model_validate(given)
    some, slack = one.model_copy(update={"batch": 9}), one.model_copy(update={"format": "slack"})
    found = events()
    for name in ("alert", "cleared"):
        for each in found[name][:: len(found[name]) // AT_MOST]:
            told_body = json.loads(webhook_body(one, [each]))
            assert faults(of_message(WEBHOOKS, name, "payload"), told_body) == []
    trial = trial_event(some, "main", 0)
    assert faults(of_message(WEBHOOKS, "test", "payload"), trial) == []
    batch = json.loads(webhook_body(some, [*found["alert"][:4], *found["cleared"][:4], trial]))
    assert faults(of_message(WEBHOOKS, "batch", "payload"), batch) == []
    assert faults(of_message(WEBHOOKS, "batch", "payload"), [{"id": "1"}]) != []
    said = json.loads(webhook_body(slack, found["alert"][:1]))
    assert faults(of_message(WEBHOOKS, "slack", "payload"), said) == []
