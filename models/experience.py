"""What the learner has learned of customers so far, and what it waits to be told.

At the end of each epoch, in this order:

    snapshots whose horizon has passed ──► labels ──► scores (what had been predicted, and came)
                                             └──────► the churn models learn them
    micro-clusters ──────────────────────────────────► clusters
    the sample, as of now ──► BG/NBD, Gamma-Gamma, rates ──► bands and tiers
                          └─► new snapshots, once a week, with what is predicted now

The same sketches in the same order give the same experience, to the bit. Enters: the experience
before, an epoch's sample and micro-clusters. Leaves: the experience after, and a `Lesson` for the
population. Forbidden here: customer ids, the clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from models.bgnbd import BgNbd
from models.bgnbd import fitted as fitted_purchases
from models.churn import RiskModels, Source
from models.churn_features import features
from models.clusters import Clustering
from models.drift import Series, continued, last_drift
from models.gamma_gamma import GammaGamma
from models.gamma_gamma import fitted as fitted_spend
from models.judging import Errors, judged_forecasts, judged_risks, misses, renewed_errors
from models.macro import Groups, macro_step
from models.outlook import own_horizon_days
from models.policy import Policy
from models.population import Measured
from models.recalled import recalled
from models.risk_learner import RiskLearner, frozen, taught
from models.risk_model import RiskModel, risk
from models.sample import SampledCustomer, before
from models.scores import ForecastScore, RiskScore
from models.snapshots import QUANTA, Label, Predicted, Snapshot, resolved
from models.usual import bands_and_tiers, daily_rate, remaining_years
from models.value import ValueModel, by_bgnbd, by_decayed_rate, history_of, no_purchase

SNAPSHOT_EVERY_DAYS = 7
LOG_DAYS_NEEDED = 28  # before that, nobody's history is long enough to learn from
MAX_WAITING = 40_000  # snapshots: rather than keep more, fewer customers have theirs taken
LABELS_NEEDED = 500
OF_EACH_KIND = 50
SCORES_KEPT = 8  # of each model and horizon
TRUST_EPOCHS = 4  # the level of a model is judged by so many
LARGEST_GAP = 0.1  # between predicted and actual share: beyond it a model has lost its level


class Experience(NamedTuple):
    """All that is carried from epoch to epoch.

    Attributes:
        horizon_days: the common horizon that it was gained with.
        own_horizon: cycles, least and most days of the own horizon that it was gained with.
        common: the churn model in learning for it.
        own: the one for customers' own horizons.
        waiting: snapshots whose labels are still to come.
        taken_day: when snapshots were last taken, ordinal; 0: never.
        purchases: the last BG/NBD, in days.
        spend: the last Gamma-Gamma, in minor units.
        clusters: the last clusters.
        errors: of the forecasters.
        risks: the last scores.
        forecasts: the last scores.
        costs: squared distances of customers to the nearest centroid.
        misses: lost (1) or not (0), less the risk.
    """

    horizon_days: int = 0
    common: RiskLearner | None = None
    own: RiskLearner | None = None
    waiting: tuple[Snapshot, ...] = ()
    taken_day: int = 0
    purchases: BgNbd | None = None
    spend: GammaGamma | None = None
    clusters: Clustering | None = None
    errors: Errors = Errors()
    risks: tuple[RiskScore, ...] = ()
    forecasts: tuple[ForecastScore, ...] = ()
    costs: Series = ()
    misses: Series = ()
    own_horizon: tuple[float, int, int] = (0.0, 0, 0)


class Epoch(NamedTuple):
    """What an epoch's end brings.

    Attributes:
        version: of the population that is being learned.
        as_of_day: the customer-day that begins, ordinal.
        sample: by hashed id, as the sketches have it; it may tell of that day already.
        groups: the micro-clusters of all partitions.
        prior_days: the typical gap.
        since_day: when the log began, ordinal.
        complete: whether every partition's sketch is of this very epoch.
    """

    version: int
    as_of_day: int
    sample: Mapping[int, SampledCustomer]
    groups: Groups
    prior_days: float
    since_day: int
    complete: bool

    def sample_then(self) -> dict[int, SampledCustomer]:
        """The sample at the end of the epoch, by ascending hash."""
        rows = (
            (hashed, before(self.sample[hashed], self.as_of_day)) for hashed in sorted(self.sample)
        )
        return {hashed: row for hashed, row in rows if row is not None}


class Lesson(NamedTuple):
    """What the population teaches of all this; see `models/population.py`."""

    clusters: Clustering | None
    risk: RiskModels
    value: ValueModel
    measured: Measured


def studied(known: Experience, epoch: Epoch, policy: Policy) -> tuple[Experience, Lesson]:
    """Live through one epoch's end."""
    known = _for_these_horizons(known, policy)
    known = _told_what_came(known, epoch)
    macro = macro_step(known.clusters, epoch.groups, epoch.sample, epoch.version, policy.clusters)
    costs = continued(known.costs, epoch.as_of_day, macro.costs)
    known = known._replace(clusters=macro.clusters, costs=costs)
    sample = epoch.sample_then()
    known = _refitted(known, list(sample.values()), epoch.as_of_day)
    risks, value = _taught_by(known, list(sample.values()), epoch, policy)
    first_day = max(known.taken_day + SNAPSHOT_EVERY_DAYS, epoch.since_day + LOG_DAYS_NEEDED)
    if epoch.complete and epoch.as_of_day >= first_day:
        known = _photographed(known, sample, epoch, policy, value)
    measured = Measured(
        known.risks, known.forecasts, last_drift(known.costs), last_drift(known.misses)
    )
    return known, Lesson(known.clusters, risks, value, measured)


def _for_these_horizons(known: Experience, policy: Policy) -> Experience:
    """Labels of other horizons mean something else: with new ones learning begins anew."""
    rules = policy.outlook
    own = rules.own_horizon
    horizons = rules.horizon_days, (own.cycles, own.min_days, own.max_days)
    if (known.horizon_days, known.own_horizon) == horizons:
        return known
    days, bounds = horizons
    return Experience(days, own_horizon=bounds, clusters=known.clusters, costs=known.costs)


def _told_what_came(known: Experience, epoch: Epoch) -> Experience:
    """Release labels, judge by them what had been predicted, and learn them.

    If a partition did not come, nobody knows who of its customers has returned: labels that are
    due are dropped.
    """
    found = resolved(known.waiting, epoch.sample, epoch.as_of_day)
    known = known._replace(waiting=found.waiting)
    labels = found.labels if epoch.complete else ()
    if not labels:
        return known
    day = epoch.as_of_day
    risks = (*known.risks, *judged_risks(labels, day))
    forecasts = (*known.forecasts, *judged_forecasts(labels, day))
    return known._replace(
        common=_learned(known.common, labels, own=False),
        own=_learned(known.own, labels, own=True),
        errors=renewed_errors(known.errors, labels),
        risks=_newest_of_each(risks),
        forecasts=forecasts[-SCORES_KEPT:],
        misses=continued(known.misses, day, misses(labels)),
    )


def _learned(
    learner: RiskLearner | None, labels: Sequence[Label], *, own: bool
) -> RiskLearner | None:
    examples = [
        (tuple(each / QUANTA for each in label.snapshot.features), label.lost)
        for label in labels
        if label.own is own
    ]
    return taught(learner, examples) if examples else learner


def _newest_of_each(scores: Sequence[RiskScore]) -> tuple[RiskScore, ...]:
    kept: list[RiskScore] = []
    counts: dict[tuple[str, bool], int] = {}
    for score in reversed(scores):
        kind = score.source, score.own
        counts[kind] = counts.get(kind, 0) + 1
        if counts[kind] <= SCORES_KEPT:
            kept.append(score)
    return tuple(reversed(kept))


def _refitted(known: Experience, sample: Sequence[SampledCustomer], at_day: int) -> Experience:
    """BG/NBD and Gamma-Gamma of the sample as it is now; the old ones where it can't be fitted."""
    if not sample:
        return known
    histories = [history_of(each, at_day) for each in sample]
    repeats, last_repeats, tenures = zip(*histories, strict=True)
    purchases = fitted_purchases(repeats, last_repeats, tenures, start=known.purchases)
    days = [each.purchase_days for each in sample]
    means = [each.spend_minor / each.purchase_days for each in sample]
    spend = fitted_spend(days, means)
    if spend is not None and spend.q <= 1:  # no mean: the tail is too long
        spend = None
    return known._replace(purchases=purchases or known.purchases, spend=spend or known.spend)


def _taught_by(
    known: Experience, sample: Sequence[SampledCustomer], epoch: Epoch, policy: Policy
) -> tuple[RiskModels, ValueModel]:
    """What one customer is measured against from now on."""
    value = ValueModel(
        known.purchases,
        known.spend,
        daily_rate(sample, epoch.as_of_day),
        known.errors.bias,
        known.errors.forecaster,
        remaining_years(sample, epoch.as_of_day, policy.lifecycle),
    )
    risks = RiskModels(
        _ready(known.common),
        _ready(known.own),
        _source(known, own=False),
        _source(known, own=True),
    )
    bands, tiers = bands_and_tiers(sample, epoch.as_of_day, policy, epoch.prior_days, risks, value)
    return risks._replace(bands=bands), value._replace(tiers=tiers)


@recalled
def _ready(learner: RiskLearner | None) -> RiskModel | None:
    """A model that has seen enough; None before."""
    if learner is None or learner.labels < LABELS_NEEDED:
        return None
    rarer = min(learner.lost, learner.labels - learner.lost)
    return frozen(learner) if rarer >= OF_EACH_KIND else None


def _source(known: Experience, *, own: bool) -> Source:
    """Who speaks: the model, unless it has lost its level and BG/NBD is known to have it."""
    if _ready(known.own if own else known.common) is None:
        return "bgnbd"
    gaps = {source: _recent_gap(known.risks, source, own=own) for source in ("model", "bgnbd")}
    model, bgnbd = gaps["model"], gaps["bgnbd"]
    if model is None or bgnbd is None:
        return "model"
    return "bgnbd" if bgnbd <= LARGEST_GAP < model else "model"


def _recent_gap(scores: Sequence[RiskScore], source: str, *, own: bool) -> float | None:
    """How far a model's mean risk lay from what came, lately; None: nobody was judged."""
    recent = [each for each in scores if (each.source, each.own) == (source, own)][-TRUST_EPOCHS:]
    customers = sum(each.customers for each in recent)
    return abs(sum(each.gap * each.customers for each in recent)) / customers if customers else None


def _photographed(
    known: Experience,
    sample: Mapping[int, SampledCustomer],
    epoch: Epoch,
    policy: Policy,
    value: ValueModel,
) -> Experience:
    """Take snapshots, of every n-th customer if they would be too many."""
    longest = max(known.horizon_days, policy.outlook.own_horizon.max_days)
    would_wait = len(sample) * -(-longest // SNAPSHOT_EVERY_DAYS)
    stride = max(1, -(-would_wait // MAX_WAITING))
    turn = epoch.as_of_day // SNAPSHOT_EVERY_DAYS % stride
    taken = tuple(
        _snapshot(hashed, customer, known, epoch, policy, value)
        for hashed, customer in sample.items()
        if hashed % stride == turn
    )
    return known._replace(waiting=(*known.waiting, *taken), taken_day=epoch.as_of_day)


def _snapshot(
    hashed: int,
    customer: SampledCustomer,
    known: Experience,
    epoch: Epoch,
    policy: Policy,
    value: ValueModel,
) -> Snapshot:
    day, days = epoch.as_of_day, known.horizon_days
    own_days = own_horizon_days(customer, policy.outlook.own_horizon)
    seen = features(customer, day, epoch.prior_days)
    unbiased = by_decayed_rate(customer, day, days, value._replace(bias=1.0))
    forecasts = by_bgnbd(customer, day, days, value), unbiased * value.bias, unbiased
    return Snapshot(
        hashed,
        day,
        epoch.version,
        days,
        own_days,
        tuple(round(QUANTA * each) for each in seen),
        _predicted(customer, day, days, known.common, known.purchases, seen),
        _predicted(customer, day, own_days, known.own, known.purchases, seen),
        customer.purchase_days,
        tuple(round(QUANTA * each) for each in forecasts) if value.purchases else (),
    )


def _predicted(
    customer: SampledCustomer,
    day: int,
    days: int,
    learner: RiskLearner | None,
    purchases: BgNbd | None,
    seen: tuple[float, ...],
) -> Predicted:
    model = _ready(learner)
    return Predicted(
        None if model is None else round(QUANTA * risk(model, seen)),
        None if purchases is None else round(QUANTA * no_purchase(customer, day, days, purchases)),
    )
