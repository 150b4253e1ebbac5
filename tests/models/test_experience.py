"""Experience: half a year of a simulated shop, learned at once or in pieces, to the bit.

The shop has 250 customers. Each buys at their own rhythm until they are lost, which
nobody is told. Its sketch goes through the very steps that a learner takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import msgpack
import numpy as np
import pytest

from models.behaviour import behaviour_of
from models.bgnbd import BgNbd
from models.calendar import start_of_day_ms
from models.churn_features import FEATURES
from models.drift import Epoch as SeriesEpoch
from models.experience import (
    LABELS_NEEDED,
    SCORES_KEPT,
    SNAPSHOT_EVERY_DAYS,
    Epoch,
    Experience,
    Lesson,
    studied,
)
from models.experience_codec import (
    SCHEMA_VERSION,
    CorruptExperience,
    decode_experience,
    encode_experience,
)
from models.gamma_gamma import GammaGamma
from models.judging import Errors
from models.ledger import Ledger
from models.macro import Groups
from models.policy import Policy, policy_from_preset
from models.risk_learner import RiskLearner
from models.sample import SampledCustomer, before, sampled
from models.scores import RiskScore, risk_score
from models.sketch import Contribution, Sketch, from_slots, grouped
from models.snapshots import Predicted, Snapshot
from models.usual import lifecycle_at

FOUR = {"k": 4}  # as many clusters: what k is best takes long
GROCERY = policy_from_preset("grocery", clusters=FOUR)  # horizon 28 days, own ones of 14 to 56
DAY_0 = 738_886  # 2024-01-01, a Monday
CUSTOMERS = 250
WEEKS = 21
PRIOR_DAYS = 6.3


@dataclass
class Shopper:
    """One customer of the shop, and what they will do.

    Attributes:
        name: the id.
        buys: days since day 0, ascending, and the amounts.
        ledger: what was told so far.
        contribution: to the sketch.
    """

    name: str
    buys: list[tuple[int, int]]
    ledger: Ledger = field(default_factory=Ledger)
    contribution: Contribution | None = None

    def live(self, day: int) -> SampledCustomer | None:
        """Tell what happens on a day; the row, if anything did."""
        mine = [amount for on, amount in self.buys if on == day]
        at_ms = start_of_day_ms(DAY_0 + day, GROCERY.timezone) + 3_600_000
        for amount_minor in mine:
            ledger, _ = self.ledger.advance(at_ms, GROCERY)
            self.ledger, _ = ledger.buy(at_ms, amount_minor, 1, PRIOR_DAYS, GROCERY)
        return self.row if mine else None

    @property
    def row(self) -> SampledCustomer:
        return sampled(self.ledger, self.first_day, behaviour_of(self.ledger))

    @property
    def first_day(self) -> int:
        return DAY_0 + self.buys[0][0]

    def contributes(self, day: int) -> Contribution:
        row = self.row
        return Contribution(
            DAY_0 + day,
            row.first_day,
            row.last_day,
            row.purchase_days,
            row.spend_minor,
            row.behaviour,
        )


def shoppers(seed: int = 7) -> list[Shopper]:
    """Rhythms of 3 to 30 days; about a third are lost, and some are still to come."""
    draw, found = np.random.default_rng(seed), []
    for number in range(CUSTOMERS):
        gap, leaves = np.exp(draw.normal(2.0, 0.6)), draw.exponential(250.0)
        latest = 70 if number % 5 else 7 * WEEKS - 7
        mean_spend, day, first = np.exp(draw.normal(8.0, 0.5)), draw.uniform(0, latest), None
        buys: list[tuple[int, int]] = []
        while day < 7 * WEEKS and (first is None or day - first < leaves):
            first = day if first is None else first
            buys.append((int(day), int(mean_spend * draw.gamma(4.0, 0.25))))
            day += draw.gamma(2.0, gap / 2)
        found.append(Shopper(f"c{number}", buys))
    return found


@cache
def epochs(ahead: bool = True) -> tuple[Epoch, ...]:
    """What the learner gets at the end of each week; the sample may tell of Monday already."""
    sketch, crowd, found = Sketch(), shoppers(), []
    for day in range(7 * WEEKS):
        if day and day % 7 == 0 and not ahead:
            found.append(_epoch(sketch, day))
        for shopper in crowd:
            row = shopper.live(day)
            if row is not None:
                new = shopper.contributes(day)
                shopper.contribution = sketch.renew(shopper.name, shopper.contribution, new, row)
        if day and day % 7 == 0 and ahead:
            found.append(_epoch(sketch, day))
    return tuple(found)


def _epoch(sketch: Sketch, day: int) -> Epoch:
    read = from_slots(sketch.slots())
    groups = Groups(*grouped([read]))
    return Epoch(day // 7, DAY_0 + day, read.sample, groups, PRIOR_DAYS, complete=True)


class Week(NamedTuple):
    """What one epoch's end made of it."""

    known: Experience
    lesson: Lesson


def lived(
    through: Sequence[Epoch], known: Experience | None = None, policy: Policy = GROCERY
) -> list[Week]:
    known, weeks = known or Experience(), []
    for epoch in through:
        known, lesson = studied(known, epoch, policy)
        weeks.append(Week(known, lesson))
    return weeks


@cache
def half_a_year() -> tuple[Week, ...]:
    """All epochs, one after the other."""
    return tuple(lived(epochs()))


def labels_of(learner: RiskLearner | None) -> int:
    return 0 if learner is None else learner.labels


def test_living_through_it_again_gives_the_same_bytes() -> None:
    for one, other in zip(half_a_year()[:10], lived(epochs()[:10]), strict=True):
        assert encode_experience(one.known) == encode_experience(other.known)
        assert one.lesson == other.lesson


def test_stored_and_resumed_at_any_epoch_it_goes_on_as_if_it_had_never_stopped() -> None:
    """From each epoch but the last one step further; so by induction from each to the end."""
    known = Experience()
    for epoch, whole in zip(epochs(), half_a_year(), strict=True):
        stored = encode_experience(known)
        resumed = decode_experience(stored)
        assert resumed == known
        assert encode_experience(resumed) == stored
        known, lesson = studied(resumed, epoch, GROCERY)
        assert encode_experience(known) == encode_experience(whole.known)
        assert lesson == whole.lesson


def test_what_the_sample_tells_of_the_day_that_begins_changes_who_returned_but_no_label() -> None:
    """Rows told back are within rounding; labels are exact."""
    sooner, later = lived(epochs(ahead=False)[:9])[-1].known, half_a_year()[8].known
    for one, other in ((sooner.common, later.common), (sooner.own, later.own)):
        assert one is not None
        assert other is not None
        assert (one.labels, one.lost) == pytest.approx((other.labels, other.lost), abs=20)
    assert sooner.common is not None
    assert later.common is not None
    assert (sooner.common.labels, sooner.common.lost) == (later.common.labels, later.common.lost)


def test_every_label_that_is_learned_is_what_came() -> None:
    """Counted from the purchases themselves, over all weeks."""
    crowd, learned, lost = shoppers(), 0, 0
    last_end = 7 * (WEEKS - 1)
    for week in range(1, WEEKS):
        taken = 7 * week
        if taken + 28 > last_end:
            break
        for shopper in crowd:
            days = {day for day, _ in shopper.buys}
            if min(days) < taken:
                learned += 1
                lost += not any(taken <= day < taken + 28 for day in days)
    common = half_a_year()[-1].known.common
    assert common is not None
    assert (common.labels, common.lost) == (learned, lost)


def test_each_week_everybody_who_bought_before_it_ended_has_a_snapshot_taken() -> None:
    known, first = half_a_year()[0].known, epochs()[0]
    assert {each.taken_day for each in known.waiting} == {first.as_of_day}
    assert [each.hashed for each in known.waiting] == sorted(
        hashed for hashed, row in first.sample.items() if row.first_day < first.as_of_day
    )
    assert {len(each.features) for each in known.waiting} == {len(FEATURES)}
    for each in known.waiting:
        then = before(first.sample[each.hashed], first.as_of_day)
        assert then is not None
        assert each.purchase_days == then.purchase_days


def test_the_model_speaks_only_when_it_has_seen_enough_of_both_kinds() -> None:
    spoke: dict[bool, list[str]] = {False: [], True: []}
    for known, lesson in half_a_year():
        for own, learner, model, source in (
            (False, known.common, lesson.risk.common, lesson.risk.common_source),
            (True, known.own, lesson.risk.own, lesson.risk.own_source),
        ):
            lost = 0 if learner is None else learner.lost
            enough = labels_of(learner) >= LABELS_NEEDED and 50 <= lost <= labels_of(learner) - 50
            assert (model is not None) == enough
            assert enough or source == "bgnbd"
            spoke[own].append(source)
    for sources in spoke.values():
        first = sources.index("model")
        assert 4 < first < 12  # as soon as there was enough
        assert sources[first:].count("model") > 4


@pytest.mark.parametrize(
    ("labels", "lost", "ready"),
    [(499, 250, False), (500, 250, True), (600, 49, False), (600, 50, True), (600, 551, False)],
)
def test_a_model_that_saw_few_labels_or_too_few_of_a_kind_is_not_asked(
    labels: int, lost: int, ready: bool
) -> None:
    known = half_a_year()[-1].known
    assert known.common is not None
    few = known._replace(common=known.common._replace(labels=labels, lost=lost), waiting=())
    quiet = epochs()[-1]._replace(as_of_day=DAY_0 + 7 * WEEKS, groups=Groups([], None))
    after, lesson = studied(few._replace(risks=()), quiet, GROCERY)
    assert (lesson.risk.common is not None) == (lesson.risk.common_source == "model") == ready
    assert all((each.common.model is not None) == ready for each in after.waiting)


def test_predictions_are_kept_from_before_and_judged_when_their_time_has_come() -> None:
    known = half_a_year()[-1].known
    kinds = {(each.source, each.own) for each in known.risks}
    assert kinds == {("model", False), ("model", True), ("bgnbd", False), ("bgnbd", True)}
    for kind in kinds:
        mine = [each for each in known.risks if (each.source, each.own) == kind]
        assert len(mine) == SCORES_KEPT or (kind[0] == "model" and 4 < len(mine) < SCORES_KEPT)
        assert [each.resolved_day for each in mine] == sorted({e.resolved_day for e in mine})
    newest = [each for each in known.risks if not each.own][-1]
    assert newest.resolved_day == DAY_0 + 7 * (WEEKS - 1)
    assert newest.version == WEEKS - 1 - 4  # predicted four weeks before
    assert len(known.forecasts) == SCORES_KEPT


def test_the_model_ranks_well_and_keeps_its_level() -> None:
    scores = [each for each in half_a_year()[-1].known.risks if each.source == "model"]
    for each in scores:
        assert each.auc is not None
        assert each.auc > 0.7
        assert abs(each.gap) < 0.2


def test_after_half_a_year_a_lesson_tells_of_everything() -> None:
    _, lesson = half_a_year()[-1]
    assert lesson.clusters is not None
    assert len(lesson.clusters.clusters) == 4
    assert lesson.value.purchases is not None
    assert lesson.value.spend is not None
    assert 0.05 < lesson.value.daily_rate < 0.3
    assert 0.5 < lesson.value.bias < 1.5
    assert 0 < lesson.value.remaining_years < 5
    medium_from, high_from = lesson.value.tiers
    assert 0 < medium_from < high_from
    assert {each.lifecycle for each in lesson.risk.bands} == {
        *("new", "active", "dormant", "churned")
    }


def test_bands_count_the_sample_as_it_was_and_are_higher_where_more_are_lost() -> None:
    epoch, (_, lesson) = epochs()[-1], half_a_year()[-1]
    states = [
        lifecycle_at(row, epoch.as_of_day, GROCERY.lifecycle).value
        for row in epoch.sample_then().values()
    ]
    assert {each.lifecycle: each.customers for each in lesson.risk.bands} == {
        state: states.count(state) for state in set(states)
    }
    rates = {each.lifecycle: each.base_rate for each in lesson.risk.bands}
    assert rates["active"] < rates["dormant"] < rates["churned"]


def test_the_sample_then_knows_nothing_of_the_day_that_begins() -> None:
    for epoch in epochs()[::6]:
        then = epoch.sample_then()
        assert list(then) == sorted(then)
        assert max(row.last_day for row in then.values()) < epoch.as_of_day
        assert max(row.last_day for row in epoch.sample.values()) == epoch.as_of_day


def test_an_incomplete_epoch_takes_no_snapshot_and_drops_the_labels_that_are_due() -> None:
    stale = [each._replace(complete=each.version != 10) for each in epochs()]
    weeks = lived(stale[:12])
    assert weeks[:9] == list(half_a_year()[:9])
    at_nine, at_ten = weeks[8].known, weeks[9].known
    assert labels_of(at_ten.common) == labels_of(at_nine.common)
    assert labels_of(at_ten.own) == labels_of(at_nine.own)
    assert at_ten.risks == at_nine.risks
    assert at_ten.taken_day == at_nine.taken_day
    due = stale[9].as_of_day
    assert all(each.taken_day < due for each in at_ten.waiting)
    for each in at_ten.waiting:
        assert each.open == "own" or each.due_day(own=False) > due
        assert each.open == "common" or each.due_day(own=True) > due
    assert weeks[9].lesson.clusters is not None  # what is told of is not held up
    assert labels_of(weeks[10].known.common) > labels_of(at_ten.common)


def test_epochs_shorter_than_a_week_take_snapshots_once_a_week() -> None:
    daily = [epochs()[5]._replace(version=v, as_of_day=DAY_0 + 43 + v) for v in range(15)]
    taken = [week.known.taken_day for week in lived(daily)]
    assert taken == [DAY_0 + 43 + 7 * (v // SNAPSHOT_EVERY_DAYS) for v in range(15)]


def test_another_horizon_begins_anew_but_keeps_the_clusters() -> None:
    longer = policy_from_preset("grocery", clusters=FOUR, outlook={"horizon_days": 17})
    before_it = half_a_year()[13].known
    known, lesson = studied(before_it, epochs()[14], longer)
    assert (known.horizon_days, known.common, known.own, known.risks) == (17, None, None, ())
    assert {each.taken_day for each in known.waiting} == {epochs()[14].as_of_day}
    assert {each.horizon_days for each in known.waiting} == {17}
    assert before_it.clusters is not None
    assert known.clusters is not None
    assert {each.id for each in known.clusters.clusters} & {
        each.id for each in before_it.clusters.clusters
    }
    assert (lesson.risk.common_source, lesson.risk.common) == ("bgnbd", None)


def test_horizons_that_are_no_multiple_of_a_week_are_learned_too() -> None:
    odd = policy_from_preset("grocery", clusters=FOUR, outlook={"horizon_days": 17})
    known = lived(epochs()[:8], policy=odd)[-1].known
    crowd, learned = shoppers(), 0
    for taken in range(7, 7 * 8 - 16, 7):
        learned += sum(shopper.buys[0][0] < taken for shopper in crowd)
    assert labels_of(known.common) == learned


def test_customers_who_left_the_sample_are_not_waited_for() -> None:
    before_it, epoch = half_a_year()[5].known, epochs()[6]
    gone = sorted(epoch.sample)[::3]
    left = {hashed: row for hashed, row in epoch.sample.items() if hashed not in gone}
    known, _ = studied(before_it, epoch._replace(sample=left), GROCERY)
    assert not {each.hashed for each in known.waiting} & set(gone)


def test_an_empty_shop_teaches_nothing_and_does_no_harm() -> None:
    empty = Epoch(1, DAY_0, {}, Groups([], None), PRIOR_DAYS, complete=True)
    known, lesson = studied(Experience(), empty, GROCERY)
    assert (known.waiting, lesson.clusters, lesson.value.purchases) == ((), None, None)
    assert lesson.risk.bands == ()
    after, again = studied(half_a_year()[13].known, empty._replace(as_of_day=DAY_0 + 105), GROCERY)
    assert after.waiting == ()
    assert again.value.purchases == half_a_year()[13].known.purchases


def test_of_too_many_customers_every_nth_has_a_snapshot_taken_each_in_turn() -> None:
    """56 days are eight weeks; so 40,000 snapshots are those of 5,000 customers, taken weekly."""
    sample = {
        hashed: SampledCustomer(DAY_0, 1, 1_000, 1_000, 1_000, 630, (DAY_0,))
        for hashed in range(6_000)
    }
    known, taken = Experience(), []
    for week in (1, 2):
        epoch = Epoch(week, DAY_0 + 7 * week, sample, Groups([], None), PRIOR_DAYS, complete=True)
        known, _ = studied(known, epoch, GROCERY)
        newest = [e.hashed for e in known.waiting if e.taken_day == epoch.as_of_day]
        assert len(newest) == 3_000
        taken += newest
    assert sorted(taken) == list(range(6_000))


def judged(source: str, gap: float, own: bool = False) -> RiskScore:
    """A hundred customers of whom half were lost; their mean risk lay off by `gap`."""
    pairs = [(0.5 + gap, number % 2 == 0) for number in range(100)]
    kind: Any = source
    return risk_score(pairs, kind, own, 20, DAY_0 + 154)


@pytest.mark.parametrize(
    ("model_gap", "bgnbd_gap", "speaks"),
    [
        (0.02, 0.02, "model"),
        (0.09, 0.0, "model"),
        (0.2, 0.02, "bgnbd"),
        (-0.2, 0.02, "bgnbd"),  # too optimistic is as bad
        (0.2, 0.3, "model"),
        (0.3, 0.2, "model"),  # neither has its level
        (0.2, None, "model"),
        (None, 0.0, "model"),
    ],
)
def test_bgnbd_speaks_again_when_the_model_has_lost_its_level_and_bgnbd_has_not(
    model_gap: float | None, bgnbd_gap: float | None, speaks: str
) -> None:
    gaps = (("model", model_gap), ("bgnbd", bgnbd_gap))
    scores = tuple(judged(source, gap) for source, gap in gaps if gap is not None)
    known = half_a_year()[-1].known._replace(risks=scores * 4, waiting=())
    nothing_due = epochs()[-1]._replace(as_of_day=DAY_0 + 7 * WEEKS)
    _, lesson = studied(known, nothing_due, GROCERY)
    assert (lesson.risk.common_source, lesson.risk.own_source) == (speaks, "model")
    assert lesson.risk.common is not None
    assert (lesson.risk.model(own=False) is None) == (speaks == "bgnbd")


def test_a_level_lost_long_ago_does_not_count() -> None:
    long_ago = (judged("model", 0.4), judged("bgnbd", 0.0)) * 4
    lately = (judged("model", 0.0), judged("bgnbd", 0.0)) * 4
    known = half_a_year()[-1].known._replace(risks=(*long_ago, *lately), waiting=())
    _, lesson = studied(known, epochs()[-1]._replace(as_of_day=DAY_0 + 7 * WEEKS), GROCERY)
    assert lesson.risk.common_source == "model"


def test_nothing_learned_yet_comes_back_as_it_was() -> None:
    assert decode_experience(encode_experience(Experience())) == Experience()


@pytest.mark.parametrize("schema", [0, SCHEMA_VERSION + 1, "1", None])
def test_another_schema_is_refused_by_name(schema: object) -> None:
    with pytest.raises(CorruptExperience, match="what was learned has schema"):
        decode_experience(msgpack.packb((schema, Experience(), None, None)))


SNAPSHOT = Snapshot(
    *(1, DAY_0, 1, 28, 30, (1,) * len(FEATURES), Predicted(1, 2), Predicted(None, 3), 4, (1, 2, 3))
)
NAN = float("nan")
SOME = Experience(28, waiting=(SNAPSHOT,), purchases=BgNbd(0.5, 9.0, 0.8, 2.5))
wrong_field: Any = "1.5"
NEVER_LEARNED: tuple[Any, ...] = (
    (),
    (None, None, None),
    ((), None, None),
    ({}, None, None),
    (Experience(),),
    (Experience(), None),
    (Experience(), None, None, None),
    (Experience()[:-1], None, None),
    ((*Experience(), 1), None, None),
    (Experience(), 0, None),
    (Experience(), "", None),
    (Experience(), None, []),
    (Experience(), None, {}),
    (Experience(), {"schema": 1}, None),
)


@pytest.mark.parametrize(
    "wrong",
    [
        SOME._replace(purchases=BgNbd(NAN, 9.0, 0.8, 2.5)),
        SOME._replace(purchases=BgNbd(-1.0, 9.0, 0.8, 2.5)),
        SOME._replace(purchases=BgNbd(0.5, float("inf"), 0.8, 2.5)),
        SOME._replace(spend=GammaGamma(6.0, 0.9, 1_500.0)),
        SOME._replace(spend=GammaGamma(6.0, NAN, 1_500.0)),
        SOME._replace(errors=Errors(NAN)),
        SOME._replace(risks=(judged("model", 0.1)._replace(ece=NAN),)),
        SOME._replace(risks=(judged("model", 0.1)._replace(auc=NAN),)),
        SOME._replace(risks=(judged("oracle", 0.1),)),
        SOME._replace(taken_day=wrong_field),
        SOME._replace(costs=(SeriesEpoch(1, (wrong_field,)),)),
        SOME._replace(waiting=(SNAPSHOT._replace(features=(1,)),)),
        SOME._replace(waiting=(SNAPSHOT._replace(forecasts=(1,)),)),
        SOME._replace(waiting=(SNAPSHOT._replace(open=wrong_field),)),
        SOME._replace(waiting=(SNAPSHOT._replace(common=wrong_field),)),
    ],
    ids=str,
)
def test_numbers_that_would_fail_when_they_are_used_are_refused(wrong: Experience) -> None:
    with pytest.raises(CorruptExperience, match="bytes are not what was learned"):
        decode_experience(encode_experience(wrong))


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"\xc1",
        b"\x91" * 3_000,
        *map(msgpack.packb, (None, 1, [], {}, "1", b"1")),
        *(msgpack.packb((SCHEMA_VERSION, *each)) for each in NEVER_LEARNED),
    ],
)
def test_bytes_that_never_were_learned_are_refused_by_name(packed: bytes) -> None:
    with pytest.raises(CorruptExperience, match=f"^{len(packed)} bytes are not what was learned"):
        decode_experience(packed)


def test_truncated_bytes_are_corrupt_and_changed_ones_refused_by_name_or_learned_on_from() -> None:
    known = half_a_year()[11].known
    packed = encode_experience(known._replace(waiting=known.waiting[:2]))
    draw = np.random.default_rng(5)
    for place in draw.integers(0, len(packed), 100).tolist():
        with pytest.raises(CorruptExperience):
            decode_experience(packed[:place])
    few = dict(sorted(epochs()[12].sample.items())[:20])
    quiet = epochs()[12]._replace(sample=few, groups=Groups([], None))
    for place, byte in draw.integers(0, (len(packed), 256), (60, 2)).tolist():
        changed = packed[:place] + bytes([byte]) + packed[place + 1 :]
        with suppress(CorruptExperience):
            studied(decode_experience(changed), quiet, GROCERY)
