"""What Prometheus is told: by whom it can be asked, what it says, and that the document says so."""

from __future__ import annotations

import asyncio
import re
import socket
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from streams.alert_reads import EndpointSeen
from streams.api.metrics import ApiMeter
from streams.metrics import RelayMeter, process_registry, serve
from streams.metrics_delivery import DeliveryMeter
from streams.metrics_normaliser import Behind, NormaliserMeter
from streams.metrics_partition import seen
from streams.metrics_store import timed
from streams.metrics_survey import SurveyMeter
from streams.metrics_worker import WorkerMeter
from streams.processes import Children
from streams.refusal import Refused
from streams.retrying import Health
from streams.store import Loaded, Meta, Newest, StoreUnavailable
from streams.topics import INPUTS, LOG
from tests.streams.lanes import Failing, FakeFetch, down, fetches_of, until
from tests.streams.logbook import (
    ASTRAY,
    CUSTOMERS,
    DAY_MS,
    PARTITION,
    START_MS,
    Logbook,
    fold_of,
    memory,
)
from tests.streams.shops import Shop, Tally, a_mixed_log

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
_ROW = re.compile(r"^\| `([a-z_]+)` \| (counter|gauge|histogram) \|([^|]*)\|", re.MULTILINE)


# Telling.


@pytest.fixture
def port() -> int:
    """One that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
        return found


def scraped(port: int) -> str:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text: str = answer.read().decode()
        return text


async def test_metrics_are_told_over_http_while_the_process_runs_and_not_after(port: int) -> None:
    shop = Shop()
    await shop.fold(a_mixed_log())
    with serve(shop.meter.registry, "127.0.0.1", port, RelayMeter().health):
        text = await asyncio.to_thread(scraped, port)
    assert 'segmenter_folded_total{outcome="events"} 2.0' in text
    assert 'segmenter_batch_records_bucket{le="10.0",topic="customer-events.v1"} 1.0' in text
    assert "_created" not in text
    with pytest.raises(OSError, match="refused"):
        scraped(port)


def test_without_a_port_nobody_listens() -> None:
    before = threading.active_count()
    with serve(CollectorRegistry(), "127.0.0.1", 0, RelayMeter().health):
        assert threading.active_count() == before


def test_a_port_that_is_taken_is_refused_and_the_setting_named(port: int) -> None:
    with (
        serve(CollectorRegistry(), "127.0.0.1", port, RelayMeter().health),
        pytest.raises(Refused, match=f"127.0.0.1:{port}: .*SEGMENTER_METRICS_PORT"),
        serve(CollectorRegistry(), "127.0.0.1", port, RelayMeter().health),
    ):
        pass


def test_a_host_that_is_not_ours_is_refused(port: int) -> None:
    with (
        pytest.raises(Refused, match="SEGMENTER_METRICS_HOST"),
        serve(CollectorRegistry(), "192.0.2.1", port, RelayMeter().health),
    ):
        pass


def test_processes_started_together_get_ports_of_their_own_and_keep_them() -> None:
    children = Children({"SEGMENTER_METRICS_PORT": "1"}, ["--no-such-option"], 9464)
    children.start("worker", "relay")
    children.stop()
    ports = [
        children._environment_of(name)["SEGMENTER_METRICS_PORT"]
        for name in ("worker", "relay", "worker 2", "worker")
    ]
    assert ports == ["9464", "9465", "9466", "9464"]


def test_processes_whose_metrics_nobody_asked_for_tell_none() -> None:
    children = Children({"SEGMENTER_METRICS_PORT": "9464"}, [])
    assert children._environment_of("worker")["SEGMENTER_METRICS_PORT"] == "0"


# What was folded.


async def test_every_record_is_counted_by_what_became_of_it() -> None:
    shop = Shop()
    await shop.fold(a_mixed_log())
    outcomes = ("events", "duplicates", "rerouted", "tombstones", "ticks", "erasures")
    found = [shop.value("segmenter_folded_total", outcome=each) for each in outcomes]
    assert found == [2, 1, 1, 1, 1, 0]


async def test_dead_letters_are_counted_by_reason_and_effects_by_type() -> None:
    shop = Shop()
    await shop.fold(a_mixed_log())
    reasons = ("not_utf8", "not_json", "too_late")
    letters = [shop.value("segmenter_dead_letters_total", reason=each) for each in reasons]
    assert letters == [1, 1, 0]
    kinds = ("lifecycle.changed", "cluster.changed")
    effects = [shop.value("segmenter_effects_total", type=each) for each in kinds]
    assert effects == [4, 0]  # two customers: new, and overdue


async def test_counters_go_on_when_a_partition_is_opened_again_or_let_go_of() -> None:
    shop, log = Shop(), a_mixed_log()
    await shop.fold(log)
    log.purchase(CUSTOMERS[2], START_MS + 21 * DAY_MS)
    shop.open(log)
    assert shop.value("segmenter_folded_total", outcome="events") == 2
    await shop.put(FakeFetch(log.records[-1:]))
    assert shop.value("segmenter_folded_total", outcome="events") == 3
    shop.lane.close(PARTITION)
    assert shop.value("segmenter_folded_total", outcome="events") == 3


async def test_gaps_are_counted_and_a_batch_that_leaves_one_is_not_observed() -> None:
    shop, log = Shop(), a_mixed_log()
    shop.open(log)
    await shop.lane.put(FakeFetch(log.records[2:]))
    await until(lambda: shop.read_again == 1)
    assert shop.value("segmenter_gaps_total", topic=LOG) == 1
    assert shop.value("segmenter_gaps_total", topic=INPUTS) == 0
    assert shop.value("segmenter_batch_records_count", topic=LOG) == 0


async def test_batches_and_calls_of_the_store_are_timed() -> None:
    shop, log = Shop(), a_mixed_log()
    shop.open(log)
    await shop.put(*fetches_of(log, 3, 5))
    assert shop.value("segmenter_batch_records_count", topic=LOG) == 2
    assert shop.value("segmenter_batch_records_sum", topic=LOG) == 8
    assert shop.value("segmenter_batch_seconds_count", topic=LOG) == 2
    assert (shop.value("segmenter_batch_seconds_sum", topic=LOG) or 0) > 0
    calls = [shop.value("segmenter_store_seconds_count", call=each) for each in ("load", "apply")]
    assert all(count and count >= 2 for count in calls)


async def test_a_call_of_the_store_that_fails_is_timed_and_fails() -> None:
    meter, store = WorkerMeter(), Failing(down())
    with pytest.raises(StoreUnavailable):
        await fold_of(log := a_mixed_log(), timed(store, meter.store_s)).handle(log.batch())
    count = meter.registry.get_sample_value("segmenter_store_seconds_count", {"call": "apply"})
    assert count == 1


async def test_a_store_that_is_timed_does_what_it_did() -> None:
    store = memory()
    observed = timed(store, WorkerMeter().store_s)
    await observed.set_partitions(7)
    assert await store.partitions() == await observed.partitions() == 7
    assert (await observed.walk(PARTITION, 0, 10)).meta == Meta()
    assert (await observed.due(PARTITION, 0, 10)).meta == Meta()


async def test_while_the_store_is_away_the_worker_waits_and_then_no_more() -> None:
    shop, log = Shop(Failing(*[down()] * 3)), a_mixed_log()
    shop.open(log)
    assert shop.value("segmenter_waiting", topic=LOG) == 0
    await shop.lane.put(FakeFetch(log.records))
    await until(lambda: shop.value("segmenter_waiting", topic=LOG) == 1)
    await until(lambda: shop.lane.idle(PARTITION))
    assert shop.value("segmenter_waiting", topic=LOG) == 0


async def test_a_partition_that_is_taken_away_waits_no_more() -> None:
    shop, log = Shop(Failing(*[down()] * 99)), a_mixed_log()
    shop.open(log)
    await shop.lane.put(FakeFetch(log.records))
    await until(lambda: shop.value("segmenter_waiting", topic=LOG) == 1)
    shop.lane.close(PARTITION)
    assert shop.value("segmenter_waiting", topic=LOG) == 0


# All of it.


def told(registry: CollectorRegistry) -> Iterator[tuple[str, str]]:
    """Name and type of all there is, as Prometheus sees them."""
    for family in registry.collect():
        yield family.name + ("_total" if family.type == "counter" else ""), family.type


def everything() -> set[tuple[str, str]]:
    worker, relay = WorkerMeter(process_registry()), RelayMeter(process_registry())
    meters = worker, relay, ApiMeter(), DeliveryMeter(), SurveyMeter(), NormaliserMeter(())
    return {each for meter in meters for each in told(meter.registry)}


@pytest.mark.skipif(sys.platform != "linux", reason="of the process only Linux tells")
def test_every_metric_is_in_the_document_and_nothing_else_is() -> None:
    documented = {(name, kind) for name, kind, _ in _ROW.findall(DOCUMENT.read_text("utf-8"))}
    assert documented == everything()


def labels_of(registry: CollectorRegistry) -> dict[str, set[str]]:
    """The labels of each metric that has samples."""
    found: dict[str, set[str]] = {}
    for family in registry.collect():
        name = family.name + ("_total" if family.type == "counter" else "")
        for sample in family.samples:
            found.setdefault(name, set()).update(set(sample.labels) - {"le"})
    return found


async def test_labels_are_as_the_document_says() -> None:
    shop = Shop()
    await shop.fold(a_mixed_log())
    shop.meter.log.behind(PARTITION, 0)
    shop.meter.log.saw(
        PARTITION,
        seen(Loaded(Meta(clock_ms=50_000), {}, 12), Newest(0, 0), None, 1, live=True),
        0.0,
    )
    relay = RelayMeter()
    relay.sent(Counter({LOG: 1}), 0)
    served = ApiMeter()
    served.answered("/v1/segments", 200, 0.001)
    served.exposition(1, 1, 0)
    delivery = DeliveryMeter()
    delivery.saw(Counter(raised=3), 2, [EndpointSeen("crm", Health(delivered=7), 1, 0)])
    rows = _ROW.findall(DOCUMENT.read_text("utf-8"))
    documented = {name: set(re.findall("`([a-z]+)`", labels)) for name, _, labels in rows}
    normaliser = NormaliserMeter(["shop"])
    normaliser.saw({"shop": Counter(written=1)}, [Behind("shop", 0, 7)], frozenset())
    served.ingested("shop", "written")
    registries = (
        *(shop.meter.registry, relay.registry, served.registry, delivery.registry),
        normaliser.registry,
    )
    for name, labels in (each for one in registries for each in labels_of(one).items()):
        assert (name, documented[name]) == (name, labels)


@pytest.mark.skipif(sys.platform != "linux", reason="of the process only Linux tells")
def test_names_say_whose_they_are_and_their_unit_comes_last() -> None:
    names = {name for name, _ in everything()}
    assert {name.split("_")[0] for name in names} == {"segmenter", "process"}
    timed_ones = [name for name in names if "second" in name]
    assert all(name.endswith(("_seconds", "_seconds_total")) for name in timed_ones)


async def test_no_customer_is_named() -> None:
    shop = Shop()
    await shop.fold(a_mixed_log())
    text = generate_latest(shop.meter.registry).decode()
    assert not [id_ for id_ in (*CUSTOMERS, ASTRAY) if f'"{id_}"' in text]


async def test_metrics_may_be_asked_for_by_another_thread_at_any_moment() -> None:
    shop, log = Shop(), Logbook()
    for number in range(200):
        log.purchase(CUSTOMERS[number % 3], START_MS + number)
    stop = threading.Event()
    counts: list[float] = []

    def ask() -> None:
        while not stop.is_set():
            counts.append(shop.value("segmenter_folded_total", outcome="events") or 0)

    asking = asyncio.create_task(asyncio.to_thread(ask))
    shop.open(log)
    for number, fetch in enumerate(fetches_of(log, *[10] * 20)):
        await shop.put(fetch)
        if number % 3 == 2:
            shop.open(log)
    stop.set()
    await asking
    assert counts == sorted(counts)
    assert shop.value("segmenter_folded_total", outcome="events") == 200


def test_the_learner_has_a_place_among_the_tallies() -> None:
    meter = WorkerMeter()
    meter.learning.opened(0, Tally(barriers=3, populations=1, fenced=2))
    ask = meter.registry.get_sample_value
    assert ask("segmenter_learner_inputs_total", {"outcome": "barriers"}) == 3
    assert ask("segmenter_fenced_total", {"topic": INPUTS}) == 2
    assert ask("segmenter_folded_total", {"outcome": "barriers"}) == 0
