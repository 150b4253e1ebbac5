"""From what was watched to tables: each figure of the product beside its references and its goal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from bench import science_goals as goals
from bench.science_forecast import BGNBD, SPEND, Forecast, forecasts, spends
from bench.science_goals import Case, Goal
from bench.science_lead import Alerts, Horizons, Lead, compared, spells_of
from bench.science_metrics import Judged, interval, mean_auc, mean_calibration_error
from bench.science_purchases import Purchases, known_at
from bench.science_risk import (
    PROBABILITIES,
    Setting,
    lost_after,
    own_horizon_references,
    references,
)
from bench.science_tables import Cell, Table
from bench.science_watched import Daily, Watched

PRODUCT = "product"
Row = Mapping[str, Cell]


class Run(NamedTuple):
    """One data set at one horizon.

    Attributes:
        case: what was asked.
        purchases: raw.
        watched: None: references only.
        seed: of everything that needs chance.
        resamples: of the bootstrap.
    """

    case: Case
    purchases: Purchases
    watched: Watched | None
    seed: int
    resamples: int

    @property
    def setting(self) -> Setting:
        """As the references take it."""
        case = self.case
        return Setting(self.purchases, case.horizon_days, case.cutoffs, self.seed)

    @property
    def title(self) -> str:
        """Data set, horizon, cut-offs."""
        days = ", ".join(map(str, self.case.cutoffs))
        return f"{self.case.dataset}, {self.case.horizon_days} days, at the end of days {days}"


def risk_tables(run: Run) -> Iterator[Table]:
    """The common horizon; with the product, own horizons too."""
    rows: list[Row] = [_risk_row(name, each) for name, each in references(run.setting).items()]
    if run.watched is None:
        yield Table(f"Churn risk: {run.title}", rows)
        return
    product, missing = _product_risks(run, own=False)
    low, high = interval(product, run.resamples, run.seed)
    row = _risk_row(PRODUCT, product, probabilities=True)
    span = f"{low:.3f} – {high:.3f}"
    rows.append({**row, "95 %": span, **_goals(run.case.auc), "ECE goal": str(goals.CALIBRATION)})
    yield Table(f"Churn risk: {run.title}", rows, _risk_notes(run, missing))
    yield _own_horizon(run)


def _risk_notes(run: Run, missing: int) -> tuple[str, ...]:
    drawn = f"95 %: {run.resamples} bootstrap samples of customers, seed {run.seed}"
    return (drawn, *([f"{missing} customers had no outlook and are left out"] if missing else []))


def _goals(goal: Goal | None) -> Row:
    return {"AUC goal": str(goal)} if goal else {}


def _risk_row(name: str, judged: Sequence[Judged], *, probabilities: bool = False) -> Row:
    tells = probabilities or name in PROBABILITIES
    error = mean_calibration_error(judged) if tells else None
    return {"risk": name, "AUC": mean_auc(judged), "ECE": error}


def _product_risks(run: Run, *, own: bool) -> tuple[list[Judged], int]:
    """The product's risks and labels at each cut-off, and how many customers had none."""
    assert run.watched is not None
    found, missing = [], 0
    for cutoff in run.case.cutoffs:
        outlooks = run.watched.outlooks[cutoff]
        known = known_at(run.purchases, cutoff)
        has = np.isin(known.rows, [*outlooks])
        mine = [outlooks[row] for row in known.rows[has].tolist()]
        horizons = np.full(len(known.rows), float(run.case.horizon_days))
        if own:
            horizons[has] = [each.own_horizon_days for each in mine]
        lost = lost_after(run.purchases, known, horizons)[has]
        risks = np.array([each.own_risk if own else each.risk for each in mine])
        found.append(Judged(known.rows[has], risks, lost))
        missing += int((~has).sum())
    return found, missing


def _own_horizon(run: Run) -> Table:
    assert run.watched is not None
    horizons = [
        {row: each.own_horizon_days for row, each in run.watched.outlooks[cutoff].items()}
        for cutoff in run.case.cutoffs
    ]
    beside = own_horizon_references(run.setting, horizons).items()
    rows: list[Row] = [_risk_row(name, each) for name, each in beside]
    product, missing = _product_risks(run, own=True)
    low, high = interval(product, run.resamples, run.seed)
    row = _risk_row(PRODUCT, product, probabilities=True)
    goal = _goals(goals.OWN_HORIZON_AUC if run.case.dataset == "cj" else None)
    rows.append({**row, "95 %": f"{low:.3f} – {high:.3f}", **goal})
    return Table(f"Own horizon: {run.title}", rows, _risk_notes(run, missing))


def forecast_table(run: Run) -> Table:
    """Purchase days."""
    outlooks = run.watched and run.watched.outlooks
    case = run.case
    found = forecasts(run.purchases, case.horizon_days, case.cutoffs, outlooks)
    rows = _forecast_rows(found, BGNBD, case.error_ratio)
    return Table(f"Forecast of purchase days: {run.title}", rows)


def spend_table(run: Run) -> Table:
    """Spend, in units of the currency."""
    outlooks = run.watched and run.watched.outlooks
    case = run.case
    found = spends(run.purchases, case.horizon_days, case.cutoffs, outlooks)
    return Table(f"Forecast of spend: {run.title}", _forecast_rows(found, SPEND, None))


def _forecast_rows(found: dict[str, Forecast], peer: str, goal: Goal | None) -> list[Row]:
    return [
        {
            "forecast": name,
            "MAE": each.error,
            "÷ BG/NBD": each.error / found[peer].error,
            "goal": str(goal) if goal and name == PRODUCT else None,
            "correlation": each.correlation,
            "total ÷ actual": each.total_ratio,
        }
        for name, each in found.items()
    ]


def lead_table(run: Run, daily: Daily) -> Table:
    """On real data: right is who does not come back within their own horizon."""
    last = run.purchases.last_day - goals.FOLLOWED_DAYS
    spells = spells_of(run.purchases, daily.first_day, last)
    horizons = Horizons(daily.horizons, daily.first_day)
    precision = goals.REAL_PRECISION
    lead = compared(spells, daily.risks, daily.first_day, precision, horizons)
    notes = (
        f"{lead.spells:,} spells that begin on days {daily.first_day} to {last}, "
        f"{lead.lost:,} of them lost: silent for longer than the own horizon",
        "own risk of every customer at the end of every day; own horizon as in the product",
    )
    title = f"Lead time at precision {precision}: {run.case.dataset}, own horizon"
    rows = lead_rows(lead, f"{goals.EARLIER_DAYS} days" if run.case.dataset == "cj" else None)
    return Table(title, rows, notes)


def lead_rows(lead: Lead, goal: str | None) -> list[Row]:
    """The fixed rule and the product."""
    fixed = _lead_row("fixed number of days", lead.fixed, lead.fixed_days, lead.fixed_days_both)
    ours = _lead_row(PRODUCT, lead.ours, lead.our_days, lead.our_days_both)
    earlier = {
        "earlier, days": lead.fixed.right_days - lead.ours.right_days,
        "earlier, share": 1 - lead.ours.right_days / lead.fixed.right_days,
    }
    return [
        {**fixed, "lost reached": lead.fixed_reached},
        {**ours, "lost reached": lead.our_reached, **earlier, "goal": goal},
    ]


def _lead_row(name: str, alerts: Alerts, days: float, days_both: float) -> Row:
    return {
        "rule": name,
        "threshold": float(alerts.threshold),
        "precision": alerts.precision,
        "alerts judged": alerts.judged,
        "days to right alerts": alerts.right_days,
        "days, lost spells": days,
        "lost, both reach": days_both,
    }
