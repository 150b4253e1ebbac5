"""What is to be expected of a customer, as JSON and in sentences; and a population, as tables."""

from __future__ import annotations

from datetime import date
from typing import Any

from models.amounts import money
from models.behaviour import BEHAVIOUR
from models.calendar import day_of
from models.churn_features import features
from models.clusters import Cluster, Clustering
from models.membership import CLUSTER, RISK, TIER, expected_groups
from models.outlook import Outlook, customer_of, outlook
from models.policy import Policy
from models.population import Population, prior_gap_days
from models.segments import Label
from models.words import Reason, reasons
from streams.lookup import Found

REASONS_SHOWN = 4
APART = 0.5  # standard deviations from the mean customer: enough to be said of a cluster

# Of each dimension of behaviour: what is said of a cluster low, and high, in it; English, Chinese.
_SAYS = {
    "purchase_days": (("few purchase days", "购买日少"), ("many purchase days", "购买日多")),
    "cadence": (("short gaps", "购买间隔短"), ("long gaps", "购买间隔长")),
    "basket_spend": (("small baskets", "客单价低"), ("large baskets", "客单价高")),
    "basket_items": (("few items a basket", "每单件数少"), ("many items a basket", "每单件数多")),
    "categories": (("few categories", "品类少"), ("many categories", "品类多")),
    "discount_share": (("little on discount", "折扣占比低"), ("much on discount", "折扣占比高")),
}


class Expected:
    """Everything the population says of one customer at the moment shown.

    Attributes:
        outlook: None for a prospect, or before the population knows enough.
        tier: the value tier; None likewise.
        band: the risk band; None likewise.
        base_rate: mean risk of customers in the same lifecycle state.
        cluster: None before there are clusters.
        reasons: what moves the risk, the strongest first.
    """

    def __init__(self, found: Found, policy: Policy) -> None:
        ledger, population = found.state.current, found.population
        groups = found.state.groups
        at_day = day_of(found.as_of_ms, policy.timezone)
        self.outlook: Outlook | None = outlook(ledger, at_day, policy, population)
        self.tier: str | None = None
        self.band: str | None = None
        self.base_rate: float | None = None
        self.cluster: Cluster | None = None
        self.reasons: list[Reason] = []
        if population is None:
            return
        if CLUSTER in groups and population.clusters is not None:
            named = {str(each.id): each for each in population.clusters.clusters}
            self.cluster = named.get(groups[CLUSTER])
        if self.outlook is None:
            return
        now = dict(expected_groups(found.state, at_day, policy, population))
        self.tier, self.band = now.get(TIER), now.get(RISK)
        usual = population.risk.band(ledger.standing.lifecycle.value)
        self.base_rate = None if usual is None else usual.base_rate
        customer = customer_of(ledger, policy)
        assert customer is not None
        seen = features(customer, self.outlook.at_day, prior_gap_days(policy.lifecycle, population))
        self.reasons = reasons(
            customer,
            self.outlook.at_day,
            population.risk.model(own=True),
            seen,
            lambda minor: money(minor, policy.business.currency),
        )


def expected_as_json(found: Found, policy: Policy) -> dict[str, Any]:
    """Cluster, churn risk, value and the next purchase; None where it is not known."""
    known, at = Expected(found, policy), found.population
    cluster = None
    if known.cluster is not None and at is not None and at.clusters is not None:
        cluster = {
            "id": known.cluster.id,
            "customers": known.cluster.customers,
            "says": cluster_says(known.cluster, at.clusters)._asdict(),
        }
    looks = known.outlook
    if looks is None:
        return {"cluster": cluster, "churn_risk": None, "value": None, "next_purchase": None}
    return {
        "cluster": cluster,
        "churn_risk": {
            "band": known.band,
            "horizon_days": looks.horizon_days,
            "probability": round(looks.risk, 4),
            "source": looks.source,
            "own_horizon_days": looks.own_horizon_days,
            "own_probability": round(looks.own_risk, 4),
            "own_source": looks.own_source,
            "usual_in_lifecycle": None if known.base_rate is None else round(known.base_rate, 4),
            "at_stake_minor": round(looks.stake.at_stake_minor),
            "reasons": [
                {"factor": round(each.factor, 3), "en": each.english, "zh": each.chinese}
                for each in known.reasons
            ],
        },
        "value": {
            "tier": known.tier,
            "horizon_days": looks.horizon_days,
            "expected_purchase_days": round(looks.expected_purchases, 3),
            "expected_spend_minor": looks.expected_spend_minor,
            "forecaster": looks.forecaster,
            "usual_year_minor": round(looks.stake.usual_year_minor),
            "lifetime_value_minor": round(looks.stake.lifetime_value_minor),
            "discounted_value_minor": looks.discounted_value_minor,
            "growth": looks.growth,
        },
        "next_purchase": {
            "expected_on": date.fromordinal(looks.next_expected_day).isoformat(),
            "days_overdue": max(0, looks.at_day - looks.next_expected_day),
        },
    }


def outlook_lines(found: Found, policy: Policy) -> list[str]:
    """A few lines of a customer's card."""
    known, currency = Expected(found, policy), policy.business.currency
    lines = []
    if known.cluster is not None and found.population and found.population.clusters:
        lines.append(f"{_cluster_line(known.cluster, found.population.clusters)}")
    looks = known.outlook
    if looks is None:
        return lines
    band = f"{known.band} risk" if known.band else "risk"
    lines.append(
        f"{band}: {looks.own_risk:.0%} to buy nothing in the next {looks.own_horizon_days} days"
        + ("" if known.base_rate is None else f" ({known.base_rate:.0%} is usual here)")
        + f", {looks.risk:.0%} in {looks.horizon_days}"
    )
    lines.append(_next_line(looks))
    lines.append(
        f"{known.tier} value: {money(looks.stake.lifetime_value_minor, currency)} to come, "
        f"{money(looks.expected_spend_minor, currency)} on {looks.expected_purchases:.1f} days in the "
        f"next {looks.horizon_days}" + (f", {looks.growth}" if looks.growth else "")
    )
    return lines


def _next_line(looks: Outlook) -> str:
    day = date.fromordinal(looks.next_expected_day).isoformat()
    late = looks.at_day - looks.next_expected_day
    if late <= 0:
        return f"next purchase expected on {day}"
    return f"next purchase was expected on {day}, {late} {'day' if late == 1 else 'days'} ago"


def _cluster_line(cluster: Cluster, clustering: Clustering) -> str:
    total = sum(each.customers for each in clustering.clusters)
    says = cluster_in_words(cluster, clustering)
    share = f"{cluster.customers / total:.0%} of customers" if total else "nobody yet"
    return f"cluster {cluster.id} ({share}): {says}"


def cluster_in_words(cluster: Cluster, clustering: Clustering) -> str:
    """What sets a cluster apart from all customers, in English; the farthest first."""
    return cluster_says(cluster, clustering).en


def cluster_says(cluster: Cluster, clustering: Clustering) -> Label:
    """The same in both languages."""
    total = max(1, sum(each.customers for each in clustering.clusters))
    told = []
    for place, (name, scale) in enumerate(zip(BEHAVIOUR, clustering.scales, strict=True)):
        if not scale:
            continue
        mean = sum(each.customers * each.centroid[place] for each in clustering.clusters) / total
        off = (cluster.centroid[place] - mean) / scale
        if abs(off) >= APART:
            told.append((abs(off), _SAYS[name][off > 0]))
    if not told:
        return Label("like most customers", "与多数客户相近")
    english, chinese = zip(*(words for _, words in sorted(told, reverse=True)), strict=True)
    return Label(", ".join(english), "，".join(chinese))


def outlook_explained(found: Found, policy: Policy) -> list[str]:
    """Cluster, risk with its reasons, how far it can be trusted, and value."""
    known, population = Expected(found, policy), found.population
    if population is None:
        return ["No population has been learned yet: no cluster, churn risk or value."]
    lines = []
    if known.cluster is not None and population.clusters is not None:
        line = _cluster_line(known.cluster, population.clusters)
        lines.append(f"{line[0].upper()}{line[1:]}.")
    looks = known.outlook
    if looks is None:
        return [*lines, "Too little is known of all customers yet: no churn risk or value."]
    lines += _risk_explained(known, looks, population, policy)
    lines.append(f"{_next_line(looks)[0].upper()}{_next_line(looks)[1:]}.")
    return lines + _value_explained(known, looks, population, policy)


def _risk_explained(
    known: Expected, looks: Outlook, population: Population, policy: Policy
) -> list[str]:
    who = {
        "model": "by the model learned from earlier customers",
        "bgnbd": "by BG/NBD, because the model has lost its level lately"
        if population.risk.own is not None
        else "by BG/NBD, until a model has learned enough",
    }
    lines = [
        f"Risk: {looks.own_risk:.0%} to buy nothing in the next {looks.own_horizon_days} days, "
        f"their own horizon, {who[looks.own_source]}; {looks.risk:.0%} in {looks.horizon_days} "
        "days, the common one."
    ]
    for each in known.reasons[:REASONS_SHOWN]:
        raises = "raises" if each.factor >= 1 else "lowers"
        factor = max(each.factor, 1 / each.factor)
        effect = "" if looks.own_source == "bgnbd" else f" ({raises} the odds {factor:.1f}-fold)"
        lines.append(f"  - {each.english}{effect}")
    if known.base_rate is not None:
        lines.append(
            f"Band {known.band}: {known.base_rate:.0%} is usual in their lifecycle state; "
            "high needs more than that and as much at stake as the "
            f"top {policy.outlook.high_share:.0%} there, "
            "elevated needs odds half as high again as usual."
        )
    judged = [each for each in population.measured.risks if each.own]
    lately = next((each for each in reversed(judged) if each.source == looks.own_source), None)
    if lately is not None:
        auc = "" if lately.auc is None else f", AUC {lately.auc:.3f}"
        lines.append(
            f"Lately such risks were right to this degree: {lately.customers} customers, "
            f"predicted {lately.predicted:.1%}, lost {lately.lost / lately.customers:.1%}{auc}."
        )
    return lines


def _value_explained(
    known: Expected, looks: Outlook, population: Population, policy: Policy
) -> list[str]:
    currency, rate = policy.business.currency, policy.outlook.discount_rate
    stays = population.value.remaining_years
    forecaster = {"bgnbd": "BG/NBD", "decayed": "the rate lately"}[looks.forecaster]
    return [
        f"Value: a usual year is worth {money(looks.stake.usual_year_minor, currency)}; customers "
        f"stay {stays:.1f} more years on average (5 at most are counted), this one is still here with "
        f"{1 - looks.own_risk:.0%}: lifetime value "
        f"{money(looks.stake.lifetime_value_minor, currency)} "
        f"({money(looks.discounted_value_minor, currency)} at {rate:.0%} a year), tier {known.tier}.",
        f"Forecast for {looks.horizon_days} days, by {forecaster}: "
        f"{looks.expected_purchases:.1f} purchase days, "
        f"{money(looks.expected_spend_minor, currency)}.",
    ]
