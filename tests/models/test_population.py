"""The population: exact quantiles of what was counted, the typical gap, epochs, bytes and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.churn import RiskModels
from models.policy import Policy, policy_from_preset
from models.population import (
    SCHEMA_VERSION,
    CorruptPopulation,
    Distribution,
    OlderPopulation,
    Population,
    decode_population,
    digest_of,
    encode_population,
    epoch_end,
    learned,
    next_epoch_end,
    prior_gap_days,
)
from models.sketch import Contribution, Sketch, bin_of, last_of_bin
from models.value import ValueModel
from tests.support.histories import thoroughly

MONDAY = date(2024, 1, 1).toordinal()
GENERAL = policy_from_preset("general")  # G = 72 days, churned after 270 at the latest
GROCERY = policy_from_preset("grocery")  # G = 6.3 days, churned after 112 at the latest
DAILY = policy_from_preset("general", population={"epoch": "day"})


def of(customers: Sequence[Contribution]) -> Sketch:
    sketch = Sketch()
    for number, each in enumerate(customers):
        sketch.renew(f"c{number}", None, each)
    return sketch


def bought(silence_days: int, purchase_days: int = 1, spend_minor: int = 0) -> Contribution:
    """A customer who has been silent on Monday for so long; tenure of ten days a purchase day."""
    last_day = MONDAY - silence_days
    first_day = last_day - 10 * (purchase_days - 1)
    return Contribution(last_day, first_day, last_day, purchase_days, spend_minor)


def quantiles(values: Sequence[int], parts: int) -> tuple[int, ...]:
    """quantile_disc: the smallest value whose share of values up to it reaches k ÷ parts."""
    ranked = sorted(values)
    return tuple(ranked[-(-k * len(ranked) // parts) - 1] for k in range(1, parts))


def distribution(values: Sequence[int], counted: Sequence[int]) -> Distribution:
    """What must be learned of values that were counted as others."""
    (t1, t2), (q1, q2, q3) = quantiles(counted, 3), quantiles(counted, 4)
    v1, v2, v3, v4 = quantiles(counted, 5)
    return Distribution(sum(values) / len(values), (t1, t2), (q1, q2, q3), (v1, v2, v3, v4))


@st.composite
def crowds(draw: st.DrawFn) -> list[Contribution]:
    """Customers with many ties or few, small and large numbers, some after the epoch's end."""
    most = draw(st.sampled_from((3, 60, 255)))
    drawn = [byte * most // 255 for byte in draw(st.binary(min_size=3, max_size=90))]
    return [
        bought(drawn[n] - 3, 1 + drawn[n + 1] * 2, drawn[n + 2] ** 4)
        for n in range(0, len(drawn) - 2, 3)
    ]


@thoroughly
@given(crowds())
def test_edges_are_quantiles_of_what_was_counted_means_are_exact_and_all_of_it_comes_back(
    crowd: list[Contribution],
) -> None:
    silences = [max(0, MONDAY - each.last_day) for each in crowd]
    days = [each.purchase_days for each in crowd]
    spend = [each.spend_minor for each in crowd]
    population = learned(of(crowd), len(crowd), MONDAY, tuple(range(len(crowd) % 4)))
    assert population.recency == distribution(silences, silences)
    assert population.frequency == distribution(days, [last_of_bin(bin_of(each)) for each in days])
    assert population.monetary == distribution(spend, [last_of_bin(bin_of(each)) for each in spend])
    packed = encode_population(population)
    assert decode_population(packed) == population
    assert encode_population(decode_population(packed)) == packed


def test_a_population_of_five_is_learned() -> None:
    crowd = [bought(0, 1, 500), bought(3, 1, 900), bought(3, 2, 999), bought(40, 4, 10_000)]
    population = learned(of([*crowd, bought(700, 9, 123_456)]), 7, MONDAY, (2,))
    assert population == Population(
        version=7,
        as_of_day=MONDAY,
        customers=5,
        since_day=MONDAY - 780,
        closed_gaps=12,
        gap_days=120,
        recency=Distribution(149.2, (3, 40), (3, 3, 40), (0, 3, 3, 40)),
        frequency=Distribution(3.4, (1, 4), (1, 2, 4), (1, 1, 2, 4)),
        monetary=Distribution(
            27_171.0, (905, 10_090), (905, 1_016, 10_090), (500, 905, 1_016, 10_090)
        ),
        stale_partitions=(2,),
    )


def test_everybody_alike_makes_edges_that_coincide() -> None:
    population = learned(of([bought(5, 2, 60)] * 3), 1, MONDAY)
    assert population.recency == Distribution(5.0, (5, 5), (5, 5, 5), (5, 5, 5, 5))
    assert population.frequency == Distribution(2.0, (2, 2), (2, 2, 2), (2, 2, 2, 2))
    assert population.monetary == Distribution(60.0, (60, 60), (60, 60, 60), (60, 60, 60, 60))


def test_one_customer_who_bought_once_is_a_population() -> None:
    population = learned(of([bought(0)]), 1, MONDAY)
    assert (population.customers, population.closed_gaps, population.gap_days) == (1, 0, 0)
    assert population.monetary == Distribution(0.0, (0, 0), (0, 0, 0), (0, 0, 0, 0))


def test_who_bought_after_the_epochs_end_has_been_silent_for_no_day() -> None:
    population = learned(of([bought(-2), bought(-1), bought(6)]), 1, MONDAY)
    assert population.recency == Distribution(2.0, (0, 0), (0, 0, 6), (0, 0, 0, 6))


FIVE = learned(of([bought(n, n + 1, n * 1_000) for n in range(5)]), 1, MONDAY)
FIELDS = json.loads(encode_population(FIVE))


def test_the_digest_tells_populations_apart_by_what_is_in_them() -> None:
    others = [
        FIVE._replace(version=2),
        FIVE._replace(gap_days=FIVE.gap_days + 1),
        FIVE._replace(stale_partitions=(0,)),
        FIVE._replace(monetary=FIVE.monetary._replace(mean=0.1)),
        FIVE._replace(recency=FIVE.frequency, frequency=FIVE.recency),
    ]
    digests = {digest_of(encode_population(each)) for each in (FIVE, *others)}
    assert len(digests) == 6
    assert {len(each) for each in digests} == {32}
    same = learned(of([bought(n, n + 1, n * 1_000) for n in reversed(range(5))]), 1, MONDAY)
    assert digest_of(encode_population(same)) == digest_of(encode_population(FIVE))


@pytest.mark.parametrize("schema", [0, SCHEMA_VERSION - 1, SCHEMA_VERSION + 1, "2", None, [2]])
def test_another_schema_is_refused(schema: object) -> None:
    with pytest.raises(CorruptPopulation, match="schema"):
        decode_population(json.dumps({**FIELDS, "schema": schema}).encode())


@pytest.mark.parametrize(
    "packed",
    [b"", b"{", b"null", b"[]", b"1", b'"text"', b"\xff\xfe", b"{}", b'{"schema":2}', b"[" * 9_999],
)
def test_bytes_that_never_were_a_population_are_corrupt(packed: bytes) -> None:
    with pytest.raises(CorruptPopulation, match=f"^{len(packed)} bytes are not a population"):
        decode_population(packed)


@pytest.mark.parametrize("field", [n for n in FIELDS if n not in Population._field_defaults])
def test_a_population_without_one_of_its_fields_is_corrupt(field: str) -> None:
    with pytest.raises(CorruptPopulation):
        decode_population(json.dumps({k: v for k, v in FIELDS.items() if k != field}).encode())


def test_a_population_that_says_nothing_of_clusters_risk_and_value_knows_nothing_of_them() -> None:
    silent = {k: v for k, v in FIELDS.items() if k not in Population._field_defaults}
    read = decode_population(json.dumps(silent).encode())
    assert read == FIVE
    assert (read.clusters, read.risk, read.value) == (None, RiskModels(), ValueModel())


@pytest.mark.parametrize(
    "wrong",
    [
        {"customers": "many"},
        {"as_of_day": 1.5},
        {"gap_days": 1e999},
        {"recency": [1, 2]},
        {"recency": {**FIELDS["recency"], "terciles": [1]}},
        {"recency": {**FIELDS["recency"], "quintiles": [1, 2, 3, 4, 5]}},
        {"unheard_of": 1},
    ],
)
def test_a_wrong_or_unknown_field_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(CorruptPopulation):
        decode_population(json.dumps({**FIELDS, **wrong}).encode())


def test_truncated_bytes_are_corrupt_and_changed_ones_are_read_or_refused_by_name() -> None:
    packed = encode_population(FIVE)
    for place, byte in product(range(len(packed)), b'\x00\xff9-"['):
        with pytest.raises(CorruptPopulation):
            decode_population(packed[:place])
        with suppress(CorruptPopulation):
            changed = packed[:place] + bytes([byte]) + packed[place + 1 :]
            assert isinstance(decode_population(changed), Population)


@pytest.mark.parametrize(
    ("day", "end", "then"),
    [
        (date(2024, 1, 1), date(2024, 1, 1), date(2024, 1, 8)),  # a Monday
        (date(2024, 1, 2), date(2024, 1, 1), date(2024, 1, 8)),
        (date(2024, 1, 7), date(2024, 1, 1), date(2024, 1, 8)),  # a Sunday
        (date(2024, 1, 8), date(2024, 1, 8), date(2024, 1, 15)),
        (date(2024, 3, 3), date(2024, 2, 26), date(2024, 3, 4)),
    ],
)
def test_weeks_end_as_mondays_begin(day: date, end: date, then: date) -> None:
    assert epoch_end(day.toordinal(), GENERAL) == end.toordinal()
    assert next_epoch_end(end.toordinal(), GENERAL) == then.toordinal()


@pytest.mark.parametrize(("policy", "length"), [(GENERAL, 7), (DAILY, 1)], ids=["week", "day"])
def test_every_day_is_in_one_epoch_that_begins_where_the_last_one_ended(
    policy: Policy, length: int
) -> None:
    for day in range(MONDAY - 400, MONDAY + 400):
        end = epoch_end(day, policy)
        assert end <= day < next_epoch_end(end, policy) == end + length
        assert epoch_end(end, policy) == end
        assert epoch_end(end + length, policy) == end + length


def with_gaps(closed_gaps: int, gap_days: int, span_days: int) -> Population:
    """A population of which only the gaps and the age of the log matter."""
    return FIVE._replace(
        closed_gaps=closed_gaps, gap_days=gap_days, since_day=FIVE.as_of_day - span_days
    )


def test_without_a_population_the_policys_gap_is_typical() -> None:
    assert prior_gap_days(GENERAL.lifecycle, None) == 72


@pytest.mark.parametrize(
    ("closed_gaps", "gap_days", "span_days", "expected"),
    [
        (0, 0, 0, 72.0),
        (0, 0, 9_999, 72.0),
        (700, 11_900, 91, 72.0),  # 17 days each: long gaps are still open
        (700, 11_900, 1_079, 72.0),
        (700, 11_900, 1_080, 33.5),  # (300 × 72 + 11,900) ÷ 1,000
        (700, 11_900, 5_000, 33.5),
        (700, 70_000, 91, 91.6),  # a mean above the policy's gap is believed at once
        (700, 70_000, 1_080, 91.6),
        (999_700, 20_000_000, 1_080, 20.0216),
    ],
)
def test_the_mean_gap_may_only_raise_the_policys_gap_until_the_log_is_old_enough(
    closed_gaps: int, gap_days: int, span_days: int, expected: float
) -> None:
    population = with_gaps(closed_gaps, gap_days, span_days)
    assert prior_gap_days(GENERAL.lifecycle, population) == pytest.approx(expected, rel=1e-12)


def test_old_enough_is_four_times_the_longest_limit_of_the_policy() -> None:
    assert prior_gap_days(GROCERY.lifecycle, with_gaps(700, 700, 447)) == 6.3
    assert prior_gap_days(GROCERY.lifecycle, with_gaps(700, 700, 448)) == pytest.approx(2.59)


def test_one_odd_date_does_not_make_a_young_log_old() -> None:
    sketch = Sketch()
    for number in range(200):
        day = MONDAY - number % 30
        sketch.renew(f"c{number}", None, Contribution(day, day, day, 1, 100))
    sketch.renew("odd", None, Contribution(MONDAY, 719_163, MONDAY, 2, 100))
    assert learned(sketch, 1, MONDAY).since_day == MONDAY - 29


def test_an_older_schema_is_told_from_nonsense() -> None:
    with pytest.raises(OlderPopulation, match="another namespace"):
        decode_population(json.dumps({**FIELDS, "schema": 1}).encode())
    for schema in (0, -1, 99, "1", None, 1.0):
        with pytest.raises(CorruptPopulation) as raised:
            decode_population(json.dumps({**FIELDS, "schema": schema}).encode())
        assert not isinstance(raised.value, OlderPopulation)
