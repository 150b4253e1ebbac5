"""What the samples say about the whole base."""

from __future__ import annotations

from collections import Counter
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.behaviour import BEHAVIOUR, QUANTA
from models.census import (
    POINTS_SHOWN,
    Counted,
    cluster_map,
    cohorts,
    counted,
    in_units,
    rfm_heatmap,
    score_range,
)
from models.rfm import SCHEMES, Rfm, scored
from models.sample import SampledCustomer
from models.sketch import Contribution, Sketch
from tests.streams.drawn import clusters, populations

TODAY = date(2026, 3, 20).toordinal()
POPULATION = populations(5)
TWO = clusters(2)
at_leisure = settings(deadline=None)


def customer(
    first: date,
    last: date,
    purchase_days: int = 1,
    spend_minor: int = 1_000,
    behaviour: tuple[int, ...] = (),
    weight: int = 1,
) -> Counted:
    days = (first.toordinal(), last.toordinal())
    row = SampledCustomer(days[0], purchase_days, spend_minor, 1_000, 1_000, 700, days, behaviour)
    return Counted(row, weight)


def bought(silence: int, purchase_days: int, spend_minor: int, weight: int = 1) -> Counted:
    last = date.fromordinal(TODAY - silence)
    return customer(last, last, purchase_days, spend_minor, weight=weight)


some = st.lists(
    st.builds(
        bought, st.integers(-2, 90), st.integers(1, 12), st.integers(0, 9_000), st.integers(1, 4)
    ),
    max_size=30,
)


# The heatmap.


@at_leisure
@given(census=some, scheme=st.sampled_from(sorted(SCHEMES)))
def test_every_customer_is_in_the_cell_of_their_scores_and_in_no_other(
    census: list[Counted], scheme: str
) -> None:
    sizes: Counter[tuple[int, int]] = Counter()
    groups: Counter[tuple[int, int, str]] = Counter()
    for row, weight in census:
        rfm = Rfm(max(0, TODAY - row.last_day), row.purchase_days, row.spend_minor)
        score = scored(scheme, rfm, POPULATION)
        sizes[score.recency, score.frequency] += weight
        groups[score.recency, score.frequency, score.group] += weight
    cells = rfm_heatmap(census, scheme, TODAY, POPULATION)
    assert {(each.recency, each.frequency): each.customers for each in cells} == {
        (recency, frequency): sizes[recency, frequency]
        for recency in score_range(scheme)
        for frequency in score_range(scheme)
    }
    assert sum(each.customers for each in cells) == sum(each.weight for each in census)
    told = Counter(
        {(*each[:2], name): size for each in cells for name, size in each.groups.items()}
    )
    assert told == groups


def test_a_cell_says_what_one_of_its_customers_spends_on_average() -> None:
    census = [bought(0, 1, 1_000), bought(0, 1, 4_000, weight=2)]
    cells = rfm_heatmap(census, "quintile", TODAY, POPULATION)
    (cell,) = [each for each in cells if each.customers]
    assert (cell.customers, cell.mean_spend_minor) == (3, 3_000)


# The map.


def test_a_point_is_in_the_cluster_whose_centroid_is_nearest() -> None:
    centroids = [each.centroid for each in TWO.clusters]
    day = date(2026, 3, 1)
    census = [customer(day, day, behaviour=each) for each in centroids]
    seen = cluster_map(census, TWO)
    assert [each.cluster for each in seen.points] == [each.id for each in TWO.clusters]
    assert {each.cluster: (each.x, each.y) for each in seen.points} == seen.centroids


def test_the_axes_are_the_principal_components_of_scaled_behaviour() -> None:
    draw = np.random.default_rng(7)
    rows = draw.integers(0, 3_000, (50, len(BEHAVIOUR)))
    day = date(2026, 3, 1)
    census = [customer(day, day, behaviour=tuple(map(int, row)), weight=2) for row in rows]
    seen = cluster_map(census, TWO)
    used = [place for place, scale in enumerate(TWO.scales) if scale]
    scaled = rows[:, used] / np.array([TWO.scales[place] for place in used])
    variances = np.sort(np.linalg.eigvalsh(np.cov(scaled.T, bias=True)))[::-1]
    assert [each.share for each in seen.axes] == pytest.approx(
        list(variances[:2] / variances.sum()), abs=1e-4
    )
    x = np.array([each.x for each in seen.points])
    assert x.var() == pytest.approx(variances[0], rel=1e-2)
    for axis in seen.axes:
        assert {name for name, _ in axis.says} <= {BEHAVIOUR[place] for place in used}
        assert axis.says[0][1] > 0


def test_customers_without_behaviour_are_not_on_the_map() -> None:
    day = date(2026, 3, 1)
    assert cluster_map([customer(day, day)], TWO).points == []


def test_before_anybody_is_sampled_the_centroids_alone_span_the_map() -> None:
    seen = cluster_map([], TWO)
    assert seen.points == []
    assert sorted(seen.centroids) == [each.id for each in TWO.clusters]
    assert seen.axes[0].share == 1.0


def test_customers_who_are_all_alike_lie_in_one_place() -> None:
    day = date(2026, 3, 1)
    alike = [customer(day, day, behaviour=(700, 1_841, 7_000, 0, 0, 0))] * 3
    seen = cluster_map(alike, TWO)
    assert {(each.x, each.y) for each in seen.points} == {(0.0, 0.0)}
    assert [each.share for each in seen.axes] == [0.0, 0.0]


def test_no_more_points_are_shown_than_a_page_can_draw() -> None:
    day = date(2026, 3, 1)
    many = [customer(day, day, behaviour=(n, 1_841, 7_000, 0, 0, 0)) for n in range(700)]
    assert len(cluster_map(many, TWO).points) == POINTS_SHOWN


def test_a_centroid_is_told_by_feature() -> None:
    assert in_units((QUANTA, 0, 0, 0, 0, QUANTA // 2)) == {
        name: {0: 1.0, 5: 0.5}.get(place, 0.0) for place, name in enumerate(BEHAVIOUR)
    }


# Cohorts.


def test_who_buys_later_still_bought_in_the_months_before() -> None:
    census = [
        customer(date(2026, 1, 5), date(2026, 1, 5)),
        customer(date(2026, 1, 31), date(2026, 2, 1)),
        customer(date(2026, 1, 2), date(2026, 3, 19), weight=2),
        customer(date(2026, 3, 1), date(2026, 3, 1)),
    ]
    january, march = cohorts(census, TODAY, months=12)
    assert (january.month, january.customers, january.retained) == ((2026, 1), 4, [1, 0.75, 0.5])
    assert (march.month, march.customers, march.retained) == ((2026, 3), 1, [1.0])


def test_only_the_newest_months_are_cohorts() -> None:
    census = [customer(date(2025, month, 3), date(2025, month, 3)) for month in (3, 4, 12)]
    assert [each.month for each in cohorts(census, TODAY, months=12)] == [(2025, 4), (2025, 12)]
    assert cohorts(census, TODAY, months=1) == []


def test_a_partition_that_is_ahead_of_the_month_that_is_shown_adds_nothing_to_it() -> None:
    april = customer(date(2026, 4, 1), date(2026, 4, 2))
    march = customer(date(2026, 3, 1), date(2026, 4, 2))
    (only,) = cohorts([april, march], TODAY, months=12)
    assert (only.month, only.retained) == ((2026, 3), [1.0])


months = st.dates(date(2024, 6, 1), date(2026, 3, 20))


@at_leisure
@given(pairs=st.lists(st.tuples(months, months), max_size=30), shown=st.integers(1, 24))
def test_cohorts_are_what_counting_by_hand_gives(
    pairs: list[tuple[date, date]], shown: int
) -> None:
    spans = [(min(pair), max(pair)) for pair in pairs]
    found = cohorts([customer(*each) for each in spans], TODAY, shown)
    for each in found:
        year, month = each.month
        own = [last for first, last in spans if (first.year, first.month) == each.month]
        assert each.customers == len(own)
        for later, share in enumerate(each.retained):
            begins = date(year + (month - 1 + later) // 12, (month - 1 + later) % 12 + 1, 1)
            still = sum(last >= begins for last in own)
            assert share == pytest.approx(still / len(own), abs=1e-4)
        assert each.retained[0] == 1.0
        assert len(each.retained) == (2026 - year) * 12 + 3 - month + 1
    begin = (2026 * 12 + 2) - shown
    young = {
        (first.year, first.month) for first, _ in spans if first.year * 12 + first.month - 1 > begin
    }
    assert [each.month for each in found] == sorted(young)


# Who is counted.


def test_a_sampled_customer_stands_for_as_many_as_their_partitions_level_lets_through() -> None:
    sketches = [Sketch(), Sketch()]
    for number, sketch in enumerate(sketches):
        who = Contribution(TODAY, TODAY - 9, TODAY - 5, 2, 5_000)
        row = SampledCustomer(TODAY - 9, 2, 5_000, 1_000, 1_000, 700, (TODAY - 9, TODAY - 5))
        sketch.renew(f"c{number}", None, who, row)
    sketches[1].counts["level"] = 3
    assert sorted(each.weight for each in counted(sketches)) == [1, 8]
    assert counted(sketches) == counted(sketches[::-1])
