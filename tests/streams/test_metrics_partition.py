"""What is told of a partition while it is open, of the population in it, and how fresh it is."""

from __future__ import annotations

import pytest

from models.scores import risk_score
from streams.metrics_partition import NEAR_END_RECORDS, PACE_LOOKS, Owned, Seen, seen
from streams.metrics_worker import WorkerMeter
from streams.store import Loaded, Meta, Newest, Vitals
from streams.wall import wall_ms
from tests.streams.drawn import populations
from tests.streams.lanes import FakeFetch
from tests.streams.logbook import CUSTOMERS, PARTITION, Logbook
from tests.streams.shops import Shop, Tally

HERE = {"partition": str(PARTITION)}


def one_purchase(ago_ms: int) -> Logbook:
    log = Logbook()
    log.purchase(CUSTOMERS[0], wall_ms() - ago_ms)
    return log


@pytest.mark.parametrize(
    ("lag", "observed"),
    [(0, 1), (NEAR_END_RECORDS, 1), (NEAR_END_RECORDS + 1, 0), (None, 0)],
    ids=["at the end", "near it", "in a backlog", "unknown"],
)
async def test_freshness_is_measured_near_the_end_only(lag: int | None, observed: int) -> None:
    shop, log = Shop(), one_purchase(ago_ms=300)
    shop.open(log)
    shop.meter.log.behind(PARTITION, lag)
    await shop.put(FakeFetch(log.records))
    assert shop.value("segmenter_freshness_seconds_count") == observed
    vitals = shop.meter.log.owned[PARTITION].freshness_ms
    assert (300 <= vitals < 10_000) if observed else vitals == -1


async def test_a_large_batch_is_a_backlog_by_itself() -> None:
    shop, log = Shop(), Logbook()
    for _ in range(NEAR_END_RECORDS + 1):
        log.append(None, wall_ms())
    shop.open(log)
    shop.meter.log.behind(PARTITION, 0)
    await shop.put(FakeFetch(log.records))
    assert shop.value("segmenter_freshness_seconds_count") == 0


async def test_freshness_is_of_the_oldest_record_of_a_batch() -> None:
    shop, log = Shop(), one_purchase(ago_ms=3_000)
    log.purchase(CUSTOMERS[1], wall_ms())
    shop.open(log)
    shop.meter.log.behind(PARTITION, 2)
    await shop.put(FakeFetch(log.records))
    assert shop.value("segmenter_freshness_seconds_bucket", le="2.5") == 0
    assert shop.meter.log.owned[PARTITION].freshness_ms < 2_500  # of the newest


async def test_who_falls_behind_does_not_know_how_fresh_it_is() -> None:
    shop, log = Shop(), one_purchase(ago_ms=0)
    shop.open(log)
    shop.meter.log.behind(PARTITION, 0)
    await shop.put(FakeFetch(log.records))
    shop.meter.log.behind(PARTITION, 10**6)
    assert shop.meter.log.owned[PARTITION].freshness_ms == -1


def test_the_pace_is_that_of_the_last_five_seconds() -> None:
    fold = Tally(events=1_000_000, barriers=7)
    owned = Owned(fold)
    owned.lag_records = 3
    assert owned.vitals(0.0) == Vitals(3, -1, 1_000_000, 0.0)
    for second in range(1, 20):
        fold.tally.update(events=30, duplicates=20, sent_on=9)
        owned.vitals(float(second))
    assert owned.vitals(20.0) == Vitals(3, -1, 1_000_950, 40.0)
    for second in range(21, 20 + PACE_LOOKS):
        owned.vitals(float(second))
    assert owned.vitals(60.0) == Vitals(3, -1, 1_000_950, 0.0)


def test_before_the_lag_is_known_there_are_no_vitals() -> None:
    assert Owned(Tally()).vitals(0.0) is None


LOADED = Loaded(Meta(clock_ms=50_000, population=3), {}, 12)


@pytest.mark.parametrize(
    ("due_ms", "overdue_s"), [(None, 0), (89_500, 0.5), (90_000, 0), (95_000, 0)]
)
def test_a_look_is_told_in_seconds_of_the_sources_time(
    due_ms: int | None, overdue_s: float
) -> None:
    late = Newest(appended_ms=40_000, at_ms=30_000)  # the source runs ten seconds behind
    look = seen(LOADED, late, due_ms, 100_000, live=True)
    assert look == Seen(
        40.0, overdue_s, 12, live=True, population_version=3, looked_timestamp_seconds=100
    )


def test_before_the_first_event_a_partition_has_no_watermark() -> None:
    look = seen(Loaded(Meta(), {}, 0), Newest(0, 0), None, 100_000, live=False)
    assert look.watermark_lag_seconds is None


def test_a_partition_is_told_while_it_is_open_here_and_not_after() -> None:
    meter = WorkerMeter()
    ask = meter.registry.get_sample_value
    meter.log.opened(PARTITION, Tally())
    meter.log.behind(PARTITION, 3)
    assert ask("segmenter_lag_records", HERE) == 3
    assert ask("segmenter_live", HERE) is None
    look = seen(LOADED, Newest(0, 0), None, 100_000, live=True)
    meter.log.saw(PARTITION, look, 0.0)
    assert ask("segmenter_live", HERE) == 1
    assert ask("segmenter_outbox_rows", HERE) == 12
    assert ask("segmenter_looked_timestamp_seconds", HERE) == 100
    meter.log.closed(PARTITION)
    meter.log.behind(PARTITION, 3)
    assert meter.log.saw(PARTITION, look, 1.0) is None
    assert ask("segmenter_lag_records", HERE) is None


# The population.


def test_how_good_predictions_were_is_told_of_the_newest_score_of_each_kind() -> None:
    good = [(0.9, True), (0.1, False)]
    bad = [(0.9, False), (0.1, True)]
    scores = (
        risk_score(bad, "model", own=False, version=1, resolved_day=700_000),
        risk_score(good, "model", own=False, version=2, resolved_day=700_007),
        risk_score([(0.5, True)], "bgnbd", own=True, version=2, resolved_day=700_007),
    )
    base = populations(0)
    measured = base.measured._replace(risks=scores, clusters_drifted_day=base.as_of_day - 14)
    meter = WorkerMeter()
    meter.learned(base._replace(version=2, measured=measured))
    meter.learned(base._replace(version=1))
    ask = meter.registry.get_sample_value
    model, bgnbd = [{"source": s, "horizon": h} for s, h in (("model", "common"), ("bgnbd", "own"))]
    assert ask("segmenter_churn_risk_auc", model) == 1
    assert ask("segmenter_churn_risk_ece", model) == pytest.approx(0.1)
    assert ask("segmenter_churn_risk_auc", bgnbd) is None  # all were of one kind
    assert ask("segmenter_churn_risk_ece", bgnbd) == pytest.approx(0.5)
    assert ask("segmenter_drift_age_days", {"measure": "clusters"}) == 14
    assert ask("segmenter_drift_age_days", {"measure": "churn_risk"}) is None


def test_a_partition_that_is_opened_may_have_an_older_population() -> None:
    meter = WorkerMeter()
    meter.learned(populations(0)._replace(version=9))
    meter.log.opened(PARTITION, Tally())
    meter.learned(populations(0)._replace(version=2))
    assert meter.population is not None
    assert meter.population.version == 2
