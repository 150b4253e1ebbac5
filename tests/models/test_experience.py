"""Experience: half a year of a simulated shop, learned at once or in pieces, to the bit.

The shop has 250 customers. Each buys at their own rhythm until they are lost, which
nobody is told. Its sketch goes through the very steps that a learner takes.
"""

from __future__ import annotations

import pytest

from models.churn_features import FEATURES
from models.experience import (
    LABELS_NEEDED,
    LOG_DAYS_NEEDED,
    SCORES_KEPT,
    SNAPSHOT_EVERY_DAYS,
    Epoch,
    Experience,
    studied,
)
from models.experience_codec import (
    decode_experience,
    encode_experience,
)
from models.macro import Groups
from models.policy import policy_from_preset
from models.sample import SampledCustomer, before
from models.usual import lifecycle_at
from tests.support.shop import (
    DAY_0,
    FOUR,
    GROCERY,
    PRIOR_DAYS,
    WEEKS,
    epochs,
    half_a_year,
    judged,
    labels_of,
    lived,
    shoppers,
)


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
    empty = Epoch(1, DAY_0, {}, Groups([], None), PRIOR_DAYS, DAY_0 - 28, complete=True)
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
        epoch = Epoch(
            week, DAY_0 + 7 * week, sample, Groups([], None), PRIOR_DAYS, DAY_0 - 28, complete=True
        )
        known, _ = studied(known, epoch, GROCERY)
        newest = [e.hashed for e in known.waiting if e.taken_day == epoch.as_of_day]
        assert len(newest) == 3_000
        taken += newest
    assert sorted(taken) == list(range(6_000))


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


def test_a_young_log_has_no_snapshots_taken() -> None:
    young = [each._replace(since_day=DAY_0) for each in epochs()]
    known = Experience()
    for epoch in young:
        known, _ = studied(known, epoch, GROCERY)
        assert (known.taken_day > 0) == (epoch.as_of_day >= DAY_0 + LOG_DAYS_NEEDED)
