"""The population as tables: its clusters, and how good its predictions have been."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from models.amounts import money
from models.policy import Policy
from models.population import Population, encode_population
from models.scores import RiskScore
from streams.show_outlook import cluster_in_words


def population_as_json(population: Population) -> dict[str, Any]:
    """The whole body, as it stands in `populations.v1`."""
    found: dict[str, Any] = json.loads(encode_population(population))
    return found


def population_tables(population: Population, policy: Policy) -> RenderableType:
    """Everything a person may want to know of it."""
    parts: list[RenderableType] = [*_head(population, policy)]
    if population.clusters is not None:
        parts += ["", _clusters(population)]
    if population.measured.risks:
        parts += ["", _risks(population)]
    if population.measured.forecasts:
        parts += ["", _forecasts(population)]
    return Group(*parts)


def _day(day: int | None) -> str:
    return "never" if day is None else date.fromordinal(day).isoformat()


def _head(population: Population, policy: Policy) -> Iterator[str]:
    risks, value, currency = population.risk, population.value, policy.business.currency
    yield (
        f"population {population.version} as of {_day(population.as_of_day)}: "
        f"{population.customers:,} customers"
    )
    yield (
        f"churn risk: {risks.common_source} speaks for {policy.outlook.horizon_days} days, "
        f"{risks.own_source} for own horizons; drift found: {_day(population.measured.risk_drifted_day)}"
    )
    for band in risks.bands:
        yield (
            f"  {band.lifecycle}: {band.base_rate:.1%} is usual, high band from "
            f"{money(band.high_from_minor, currency)} at stake"
        )
    medium, high = value.tiers
    yield (
        f"value: forecasts by {value.forecaster}, customers stay {value.remaining_years:.1f} years, "
        f"medium tier from {money(medium, currency)}, high from {money(high, currency)}"
    )


def _clusters(population: Population) -> Table:
    clustering = population.clusters
    assert clustering is not None
    drift = _day(population.measured.clusters_drifted_day)
    title = f"clusters (cost {clustering.cost_millionths / 1e6:.3f}, drift found: {drift})"
    table = Table("id", "customers", "share", "what sets it apart", title=title, box=None)
    total = max(1, sum(each.customers for each in clustering.clusters))
    for each in clustering.clusters:
        share = f"{each.customers / total:.1%}"
        words = cluster_in_words(each, clustering)
        table.add_row(str(each.id), f"{each.customers:,}", share, words)
    return table


def _risks(population: Population) -> Table:
    columns = "model", "horizon", "predicted by", "resolved on", "customers", "lost", "predicted"
    table = Table(*columns, "AUC", "ECE", title="churn risk, judged", box=None)
    for score in population.measured.risks:
        table.add_row(*_risk_row(score))
    return table


def _risk_row(score: RiskScore) -> tuple[str, ...]:
    return (
        score.source,
        "own" if score.own else "common",
        f"population {score.version}",
        _day(score.resolved_day),
        f"{score.customers:,}",
        f"{score.lost / score.customers:.1%}",
        f"{score.predicted:.1%}",
        "—" if score.auc is None else f"{score.auc:.3f}",
        f"{score.ece:.3f}",
    )


def _forecasts(population: Population) -> Table:
    columns = "predicted by", "resolved on", "customers", "purchase days"
    names = "BG/NBD", "error", "rate lately", "error"
    table = Table(*columns, *names, title="forecasts, judged", box=None)
    for score in population.measured.forecasts:
        table.add_row(
            f"population {score.version}",
            _day(score.resolved_day),
            f"{score.customers:,}",
            f"{score.actual:,}",
            f"{score.bgnbd:,.0f}",
            f"{score.bgnbd_error / score.customers:.3f}",
            f"{score.decayed:,.0f}",
            f"{score.decayed_error / score.customers:.3f}",
        )
    return table
