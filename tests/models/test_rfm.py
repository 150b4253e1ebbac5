"""RFM: edges, ties and means; what more of something does; how long silence changes nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.population import Distribution, Population
from models.rfm import SCHEMES, Rfm, Scored, scored, scored_until
from tests.support.histories import thoroughly


def population(
    recency: Distribution, frequency: Distribution, monetary: Distribution
) -> Population:
    """A hundred customers of whom only the distributions matter."""
    return Population(1, 20_000, 100, 19_000, 200, 4_000, recency, frequency, monetary)


SHOP = population(
    recency=Distribution(33.4, (20, 60), (15, 30, 80), (10, 25, 50, 90)),
    frequency=Distribution(3.5, (2, 4), (1, 3, 5), (1, 2, 4, 8)),
    monetary=Distribution(
        9_000.0, (3_000, 8_000), (2_500, 5_000, 9_500), (2_000, 4_000, 6_000, 12_000)
    ),
)
# Most bought once: frequency edges coincide. Most bought in one sale: so do recency edges.
ONE_SALE = population(
    recency=Distribution(40.0, (40, 40), (40, 40, 40), (7, 40, 40, 40)),
    frequency=Distribution(1.2, (1, 1), (1, 1, 1), (1, 1, 1, 2)),
    monetary=Distribution(500.0, (500, 500), (500, 500, 500), (500, 500, 500, 500)),
)
EMPTY = population(*[Distribution(0.0, (0, 0), (0, 0, 0), (0, 0, 0, 0))] * 3)

LOWEST = {"quintile": 1, "klaviyo": 1, "braze": 0, "china8": 0}
HIGHEST = {"quintile": 5, "klaviyo": 3, "braze": 3, "china8": 1}


def test_a_customer_is_scored_and_named() -> None:
    assert scored("quintile", Rfm(12, 9, 7_000), SHOP) == Scored(4, 5, 4, "loyal")
    assert scored("klaviyo", Rfm(12, 9, 7_000), SHOP) == Scored(3, 3, 2, "champions")
    assert scored("braze", Rfm(12, 9, 7_000), SHOP) == Scored(3, 3, 2, "champions")
    assert scored("china8", Rfm(12, 9, 7_000), SHOP) == Scored(1, 1, 0, "general_value")


@pytest.mark.parametrize(
    ("scheme", "silence", "recency"),
    [
        ("quintile", 0, 5),
        ("quintile", 10, 5),
        ("quintile", 11, 4),
        ("quintile", 25, 4),
        ("quintile", 26, 3),
        ("quintile", 90, 2),
        ("quintile", 91, 1),
        ("klaviyo", 180, 3),
        ("klaviyo", 181, 2),
        ("klaviyo", 365, 2),
        ("klaviyo", 366, 1),
        ("braze", 15, 3),
        ("braze", 16, 2),
        ("braze", 80, 1),
        ("braze", 81, 0),
        ("china8", 33, 1),
        ("china8", 34, 0),
    ],
)
def test_a_silence_as_long_as_an_edge_still_has_the_better_score(
    scheme: str, silence: int, recency: int
) -> None:
    assert scored(scheme, Rfm(silence, 1, 0), SHOP).recency == recency


@pytest.mark.parametrize(
    ("scheme", "purchase_days", "frequency"),
    [
        ("quintile", 1, 1),
        ("quintile", 2, 2),
        ("quintile", 3, 3),
        ("quintile", 8, 4),
        ("quintile", 9, 5),
        ("klaviyo", 2, 1),
        ("klaviyo", 3, 2),
        ("klaviyo", 5, 3),
        ("braze", 1, 0),
        ("braze", 2, 1),
        ("braze", 6, 3),
        ("china8", 3, 0),
        ("china8", 4, 1),
    ],
)
def test_as_many_purchase_days_as_an_edge_are_below_it(
    scheme: str, purchase_days: int, frequency: int
) -> None:
    assert scored(scheme, Rfm(0, purchase_days, 0), SHOP).frequency == frequency


@pytest.mark.parametrize(
    ("scheme", "spend", "monetary"),
    [
        ("quintile", 0, 1),
        ("quintile", 2_000, 1),
        ("quintile", 2_001, 2),
        ("quintile", 12_000, 4),
        ("quintile", 12_001, 5),
        ("klaviyo", 3_000, 1),
        ("klaviyo", 8_001, 3),
        ("braze", 2_500, 0),
        ("braze", 9_501, 3),
        ("china8", 9_000, 0),
        ("china8", 9_001, 1),
    ],
)
def test_as_much_spend_as_an_edge_is_below_it(scheme: str, spend: int, monetary: int) -> None:
    assert scored(scheme, Rfm(0, 1, spend), SHOP).monetary == monetary


@pytest.mark.parametrize(
    ("scheme", "rfm", "scores"),
    [
        ("quintile", Rfm(40, 1, 500), (4, 1, 1)),
        ("quintile", Rfm(41, 2, 501), (1, 4, 5)),
        ("quintile", Rfm(7, 3, 500), (5, 5, 1)),
        ("klaviyo", Rfm(41, 1, 500), (3, 1, 1)),
        ("klaviyo", Rfm(41, 2, 501), (3, 3, 3)),
        ("braze", Rfm(40, 1, 500), (3, 0, 0)),
        ("braze", Rfm(41, 2, 501), (0, 3, 3)),
    ],
)
def test_customers_alike_score_alike_and_edges_that_coincide_are_passed_together(
    scheme: str, rfm: Rfm, scores: tuple[int, int, int]
) -> None:
    assert scored(scheme, rfm, ONE_SALE)[:3] == scores


@pytest.mark.parametrize(
    ("rfm", "scores"),
    [
        (Rfm(40, 1, 500), (1, 0, 0)),
        (Rfm(41, 2, 500), (0, 1, 0)),
        (Rfm(39, 1, 501), (1, 0, 1)),
    ],
)
def test_who_is_exactly_at_the_mean_has_not_been_silent_long_nor_bought_or_spent_much(
    rfm: Rfm, scores: tuple[int, int, int]
) -> None:
    assert scored("china8", rfm, ONE_SALE)[:3] == scores


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        ("quintile", Scored(5, 5, 5, "champions")),
        ("klaviyo", Scored(3, 3, 3, "champions")),
        ("braze", Scored(3, 3, 3, "champions")),
        ("china8", Scored(1, 1, 1, "important_value")),
    ],
)
def test_in_an_empty_population_the_first_buyer_is_the_best(scheme: str, expected: Scored) -> None:
    assert scored(scheme, Rfm(0, 1, 1), EMPTY) == expected


def test_who_never_bought_is_a_prospect_of_the_quintile_scheme_for_ever() -> None:
    assert scored("quintile", Rfm(0, 0, 0), SHOP) == Scored(0, 0, 0, "prospects")
    assert scored_until("quintile", Rfm(0, 0, 0), SHOP)[1] is None


@pytest.mark.parametrize("scheme", ["klaviyo", "braze", "china8"])
def test_the_other_schemes_refuse_who_never_bought(scheme: str) -> None:
    with pytest.raises(ValueError, match=f"^the RFM scheme '{scheme}' has no group for customers"):
        scored(scheme, Rfm(0, 0, 0), SHOP)
    with pytest.raises(ValueError, match=f"^the RFM scheme '{scheme}' has no group for customers"):
        scored_until(scheme, Rfm(0, 0, 0), SHOP)


@pytest.mark.parametrize(
    ("scheme", "rfm", "limit"),
    [
        ("quintile", Rfm(0, 9, 20_000), 10),  # champions → loyal
        ("quintile", Rfm(10, 9, 20_000), 10),  # the last day as one
        ("quintile", Rfm(11, 9, 20_000), 50),  # loyal at R 4 and at R 3 → previously loyal
        ("quintile", Rfm(51, 9, 20_000), None),  # previously loyal at R 2 and at R 1
        ("quintile", Rfm(0, 3, 3_000), 25),  # active at R 5 and at R 4 → needs attention
        ("quintile", Rfm(0, 1, 0), 10),  # new → promising
        ("quintile", Rfm(51, 1, 0), 90),  # almost lost → dormant
        ("quintile", Rfm(91, 1, 0), None),
        ("klaviyo", Rfm(3, 9, 20_000), 180),  # 333 champions → 233 loyal
        ("klaviyo", Rfm(181, 3, 9_000), 365),  # 223 recent → 123 needs attention
        ("klaviyo", Rfm(200, 1, 0), 365),  # 211 at risk → 111 inactive
        ("klaviyo", Rfm(366, 1, 0), None),
        ("braze", Rfm(0, 9, 20_000), 15),  # 3/3/3 champions → 2/3/3 loyal users
        ("braze", Rfm(16, 9, 20_000), 30),  # → 1/3/3 cannot lose them, and so at 0/3/3
        ("braze", Rfm(31, 9, 20_000), None),
        ("braze", Rfm(31, 1, 0), 80),  # about to sleep → hibernating
        ("china8", Rfm(0, 9, 20_000), 33),  # the mean is 33.4
        ("china8", Rfm(33, 1, 0), 33),
        ("china8", Rfm(34, 1, 0), None),
    ],
)
def test_silence_changes_a_group_only_where_the_name_changes(
    scheme: str, rfm: Rfm, limit: int | None
) -> None:
    assert scored_until(scheme, rfm, SHOP)[1] == limit


def test_edges_that_coincide_are_crossed_on_one_day() -> None:
    assert scored_until("quintile", Rfm(8, 9, 20_000), ONE_SALE)[1] == 40  # R 4 → R 1
    assert scored_until("braze", Rfm(8, 2, 501), ONE_SALE)[1] == 40  # R 3 → R 0
    assert scored_until("china8", Rfm(8, 2, 501), ONE_SALE)[1] == 40


schemes = st.sampled_from(sorted(SCHEMES))
# Few values: ties among edges, and values equal to edges; or many, beyond Klaviyo's own edges too.
values = st.one_of(st.integers(0, 12), st.integers(0, 900))
customers = st.builds(Rfm, values, st.integers(1, 14), values)


@st.composite
def populations(draw: st.DrawFn) -> Population:
    """Three distributions from one string of bytes: much faster than number by number."""
    most = draw(st.sampled_from((12, 900)))
    drawn = [byte * most // 255 for byte in draw(st.binary(min_size=30, max_size=30))]
    return population(*(distribution(drawn[n : n + 10]) for n in (0, 10, 20)))


def distribution(drawn: list[int]) -> Distribution:
    """A mean, often a fraction, and edges in order."""
    tercile_1, tercile_2 = sorted(drawn[1:3])
    quartile_1, quartile_2, quartile_3 = sorted(drawn[3:6])
    quintile_1, quintile_2, quintile_3, quintile_4 = sorted(drawn[6:])
    return Distribution(
        drawn[0] * 0.75,
        (tercile_1, tercile_2),
        (quartile_1, quartile_2, quartile_3),
        (quintile_1, quintile_2, quintile_3, quintile_4),
    )


@thoroughly
@given(schemes, customers, populations())
def test_scores_stay_within_their_range(scheme: str, rfm: Rfm, among: Population) -> None:
    for score in scored(scheme, rfm, among)[:3]:
        assert LOWEST[scheme] <= score <= HIGHEST[scheme]


@thoroughly
@given(schemes, customers, customers, populations())
def test_more_is_never_scored_lower_and_each_score_follows_its_own_value_only(
    scheme: str, one: Rfm, other: Rfm, among: Population
) -> None:
    before = scored(scheme, one, among)
    silent = scored(scheme, one._replace(silence_days=other.silence_days), among)
    frequent = scored(scheme, one._replace(purchase_days=other.purchase_days), among)
    spent = scored(scheme, one._replace(spend_minor=other.spend_minor), among)
    assert (silent.frequency, silent.monetary) == (before.frequency, before.monetary)
    assert (frequent.recency, frequent.monetary) == (before.recency, before.monetary)
    assert (spent.recency, spent.frequency) == (before.recency, before.frequency)
    assert in_order(one.silence_days, other.silence_days, silent.recency, before.recency)
    assert in_order(one.purchase_days, other.purchase_days, before.frequency, frequent.frequency)
    assert in_order(one.spend_minor, other.spend_minor, before.monetary, spent.monetary)


def in_order(value: int, other: int, score: int, other_score: int) -> bool:
    """Whether the larger of two values has no lower score, and equal ones have the same."""
    if value == other:
        return score == other_score
    return score <= other_score if value < other else score >= other_score


@thoroughly
@given(schemes, customers, populations())
def test_silence_leaves_the_group_alone_up_to_the_limit_and_changes_it_a_day_later(
    scheme: str, rfm: Rfm, among: Population
) -> None:
    def group(silence_days: int) -> str:
        return scored(scheme, Rfm(silence_days, *rfm[1:]), among).group

    limit = scored_until(scheme, rfm, among)[1]
    last = rfm.silence_days + 5_000 if limit is None else limit
    assert last >= rfm.silence_days
    assert {group(days) for days in range(rfm.silence_days, last + 1)} == {group(rfm.silence_days)}
    assert (limit is None) == (group(last + 1) == group(rfm.silence_days))
