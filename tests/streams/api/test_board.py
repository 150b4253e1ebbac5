"""What is said of all customers, held against every one of them."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import httpx
import pytest

from models.behaviour import BEHAVIOUR, QUANTA, behaviour_of
from models.calendar import day_of
from models.rfm import SCHEMES, Rfm, scored
from streams.api.board import Board
from streams.api.census import Census
from streams.api.problems import Problem
from streams.api.reads import Reads
from streams.lookup import Lookup, NothingYet
from streams.memory_store import MemoryStore
from streams.messages import rfc3339
from streams.partitioner import partition_of
from streams.store import Live, Vitals
from tests.support.api_house import PARTITIONS, POLICY, House, got, refused
from tests.support.settled_town import TwoPartitions
from tests.support.story import GROCERY, noon

ZONE = POLICY.timezone


# Over HTTP.


def test_the_overview_says_how_the_installation_is(ask: httpx.Client, house: House) -> None:
    told = got(ask.get("/v1/overview"))
    population, partitions = house.populations[-1], told.pop("partitions")
    assert told == {
        "namespace": house.namespace,
        "as_of": rfc3339(house.clock_ms),
        "live": False,
        "customers": len(house.states),
        "events_per_s": None,
        "lag": None,
        "freshness_ms": None,
        "source_delay_ms": None,
        "population": {
            "version": population.version,
            "as_of": date.fromordinal(population.as_of_day).isoformat(),
            "customers": population.customers,
        },
        "policy": {
            "number": 0,
            "preset": "grocery",
            "version": POLICY.version,
            "currency": "USD",
            "currency_digits": 2,
            "timezone": "America/New_York",
        },
    }
    assert [each["partition"] for each in partitions] == list(range(PARTITIONS))
    for each in partitions:
        assert (each["live"], each["clock"]) == (False, rfc3339(house.clock_ms))
        assert (each["lag"], each["freshness_ms"]) == (None, None)
        assert each["population"] == population.version
        assert each["offset"] > 100


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_the_heatmap_has_every_customer_in_the_cell_of_their_scores(
    ask: httpx.Client, house: House, scheme: str
) -> None:
    told, population = got(ask.get(f"/v1/rfm/heatmap?scheme={scheme}")), house.populations[-1]
    customers: Counter[tuple[int, int]] = Counter()
    spend: Counter[tuple[int, int]] = Counter()
    groups: Counter[tuple[int, int, str]] = Counter()
    buyers = [state.current for state in house.states.values() if state.current.recent_days]
    for ledger in buyers:
        silence = house.today - ledger.recent_days[-1]
        net_minor = max(0, ledger.net_spend_minor)
        score = scored(scheme, Rfm(silence, ledger.purchase_days, net_minor), population)
        cell = score.recency, score.frequency
        customers[cell] += 1
        spend[cell] += net_minor
        groups[(*cell, score.group)] += 1
    assert (told["customers"], told["counted"]) == (len(buyers), len(buyers))
    assert (told["scheme"], told["population"]) == (scheme, population.version)
    assert len(told["cells"]) == len(told["recency"]) * len(told["frequency"])
    for each in told["cells"]:
        cell = each["recency"], each["frequency"]
        assert each["customers"] == customers.pop(cell, 0)
        assert each["mean_spend_minor"] == round(spend[cell] / max(1, each["customers"]))
        assert each["groups"] == {
            name: groups[(*cell, name)] for name in each["groups"] if groups[(*cell, name)]
        }
        assert sum(each["groups"].values()) == each["customers"]
    assert not customers


def test_the_map_has_every_customer_in_the_nearest_cluster(ask: httpx.Client, house: House) -> None:
    told, clustering = got(ask.get("/v1/clusters")), house.populations[-1].clusters
    assert clustering is not None

    def nearest(behaviour: tuple[int, ...]) -> int:
        pairs = [(s, p) for p, s in enumerate(clustering.scales) if s]
        return min(
            clustering.clusters,
            key=lambda each: sum(((behaviour[p] - each.centroid[p]) / s) ** 2 for s, p in pairs),
        ).id

    buyers = [state.current for state in house.states.values() if state.current.recent_days]
    expected = Counter(nearest(behaviour_of(each)) for each in buyers)
    assert Counter(each["cluster"] for each in told["points"]) == expected
    assert told["counted"] == len(buyers)
    assert told["population"] == house.populations[-1].version
    assert [each["name"] for each in told["axes"]] == ["x", "y"]
    assert 0 < told["axes"][1]["share"] <= told["axes"][0]["share"] <= 1
    for each, cluster in zip(told["clusters"], clustering.clusters, strict=True):
        assert (each["id"], each["name"]) == (cluster.id, f"cluster/{cluster.id}")
        assert each["centroid"] == {
            name: value / QUANTA for name, value in zip(BEHAVIOUR, cluster.centroid, strict=True)
        }
        assert set(each["says"]) == {"en", "zh"}
    assert sum(each["share"] for each in told["clusters"]) == pytest.approx(1, abs=1e-3)


def test_cohorts_are_what_counting_by_hand_gives(ask: httpx.Client, house: House) -> None:
    def month(day: int) -> str:
        return date.fromordinal(day).isoformat()[:7]

    first_and_last = [
        (month(day_of(state.current.first_purchase_ms, ZONE)), month(state.current.recent_days[-1]))
        for state in house.states.values()
        if state.current.first_purchase_ms is not None
    ]
    told = got(ask.get("/v1/cohorts"))
    months = sorted({first for first, _ in first_and_last} | {month(house.today)})
    assert [each["cohort"] for each in told["items"]] == sorted({f for f, _ in first_and_last})
    for each in told["items"]:
        own = [last for first, last in first_and_last if first == each["cohort"]]
        later = [every for every in months if every >= each["cohort"]]
        assert each["customers"] == len(own)
        assert each["retained"] == [
            round(sum(last >= begins for last in own) / len(own), 4) for begins in later
        ]
    assert len(got(ask.get("/v1/cohorts?months=1"))["items"]) <= 1


@pytest.mark.parametrize(
    "query",
    ["rfm/heatmap?scheme=best", "cohorts?months=0", "lifecycle/sizes?days=0", "changes?limit=0"],
)
def test_what_cannot_be_read_is_refused(ask: httpx.Client, query: str) -> None:
    refused(ask.get(f"/v1/{query}"), 400)


# Over a store in memory.


class Base:
    """Two partitions in memory, and the board on them."""

    def __init__(self) -> None:
        self.now_ms = noon(0)
        self.store = MemoryStore(lambda: self.now_ms)
        self.town = TwoPartitions(GROCERY, self.store)
        reads = Reads(self.store)
        lookup, never = Lookup(reads, GROCERY), iter(range(0, 10**9, 100))
        self.board = Board(
            reads, lookup, GROCERY, 0, "main", lambda: self.now_ms, lambda: float(next(never))
        )
        self.census = Census(reads, lookup, self.board)

    async def open(self) -> Base:
        await self.store.set_partitions(2)
        return self


def someone_in(partition: int) -> str:
    return next(id_ for id_ in "abcdef" if partition_of(id_, 2) == partition)


async def test_before_a_worker_has_begun_there_is_nothing_to_say() -> None:
    with pytest.raises(NothingYet):
        await Base().board.overview()


async def test_before_anything_has_happened_there_are_zeros_and_no_moment() -> None:
    base = await Base().open()
    board, census = base.board, base.census
    told = await board.overview()
    assert (told["as_of"], told["customers"], told["population"]) == (None, 0, None)
    assert [each["clock"] for each in told["partitions"]] == [None, None]
    items = (await board.segments(30))["items"]
    assert {(each["size"], each["share"], each["entered"]) for each in items} == {(0, 0.0, 0)}
    assert (await census.cohorts(12))["items"] == []
    assert (await board.flows(30))["items"] == []
    for ask in (census.heatmap("quintile"), census.clusters()):
        with pytest.raises(Problem, match=r"409 .* no population has been learned yet"):
            await ask


async def test_the_overview_adds_up_what_the_owners_note_of_themselves() -> None:
    base = await Base().open()
    base.town.buy(someone_in(0), noon(0), "e1")
    base.town.buy(someone_in(1), noon(0), "e2")
    await base.town.settle()
    await base.store.set_vitals(0, Vitals(3, 40, 100, 12.34), 10_000)
    told = await base.board.overview()
    assert (told["lag"], told["events_per_s"], told["freshness_ms"]) == (None, 12.3, 40)
    await base.store.set_vitals(1, Vitals(4, -1, 100, 1.0), 10_000)
    await base.store.set_live(0, Live(5_000), 10_000)
    told = await base.board.overview()
    assert (told["lag"], told["events_per_s"], told["freshness_ms"]) == (7, 13.3, 40)
    assert (told["live"], told["source_delay_ms"]) == (False, 5_000)
    await base.store.set_live(1, Live(9_000), 10_000)
    base.now_ms += 9_500
    told = await base.board.overview()
    assert (told["live"], told["source_delay_ms"]) == (True, 9_000)
    assert told["as_of"] == rfc3339(noon(0) + 500)  # of the one that is behind


async def test_a_partition_that_is_days_ahead_is_told_of_with_its_days() -> None:
    base = await Base().open()
    base.town.buy(someone_in(0), noon(0), "e1")
    base.town.buy(someone_in(1), noon(5), "e2")
    await base.town.settle()
    days = (await base.board.segment("lifecycle/new", 30))["by_day"]
    assert [(each["on"], each["size"], each["entered"]) for each in days] == [
        ("2024-01-01", 1, 1),
        *((f"2024-01-0{day}", 1, 0) for day in (2, 3, 4, 5)),
        ("2024-01-06", 2, 1),
    ]
    sizes = (await base.board.lifecycle_sizes(30))["items"]
    assert [each["sizes"]["new"] for each in sizes] == [1, 1, 1, 1, 1, 2]
    flows: list[dict[str, Any]] = (await base.board.flows(1))["items"]
    assert flows == [{"before": None, "after": "new", "count": 1}]
