"""The evaluation: risk, lead time, clusters and forecasts on public data, beside references.

The references are written apart from the models, from raw purchase days; the product is asked
over the real path, while a data set is replayed. Both are judged by the same code at the same
cut-offs. By default every table on all data, which takes long; progress goes to
stderr.

    python -m bench.science [--dataset cj|cdnow|synthetic|FILE] [--horizon-days 28] [--cutoffs 140,196]
        [--tables risk,lead,clusters,forecast,spend] [--references] [--json]
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import Any

from bench import science_goals as goals
from bench.science_clusters_report import cluster_tables
from bench.science_goals import CASES, Case
from bench.science_lead import compared, spells_of
from bench.science_purchases import Purchases, purchases_of, records_of
from bench.science_report import (
    Run,
    forecast_table,
    lead_rows,
    lead_table,
    risk_tables,
    spend_table,
)
from bench.science_synthetic import DAYS, FIRST_DAY, MEAN_LIFE_DAYS, Made, made, oracle, records
from bench.science_tables import Cell, Table, as_json, rendered
from bench.science_watched import Asked, Watched
from models.policy import Policy, policy_from_preset
from streams.sources import SourceRecord

TABLES = ("risk", "lead", "clusters", "forecast", "spend")
OUTLOOK_TABLES = {"risk", "forecast", "spend"}
SYNTHETIC = "synthetic"
SYNTHETIC_FROM, SYNTHETIC_UNTIL = 365, 550  # spells begin in these days, and are followed for 180
SYNTHETIC_GAP_DAYS = 16.0  # mean of the mean gaps of the made-up customers
Options = argparse.Namespace


def main(arguments: list[str]) -> int:
    """Print the tables."""
    options = _options(arguments)
    tables = [*_all_tables(options)]
    about = _about(options)
    if options.json:
        print(as_json(about, tables))
    else:
        print(", ".join(f"{name} {value}" for name, value in about.items()))
        print("\n\n".join(["", *map(rendered, tables)]))
    return 0


def _options(arguments: list[str]) -> Options:
    parser = argparse.ArgumentParser(prog="python -m bench.science", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--dataset", help="cj, cdnow, synthetic or a file; default: all three")
    parser.add_argument("--preset", default="general", help="of the policy, for a file")
    parser.add_argument("--horizon-days", type=int, help="default: those of the data set")
    parser.add_argument("--cutoffs", type=_numbers, help="days from the data set's first, 0")
    parser.add_argument("--tables", type=_names, default=TABLES, help=",".join(TABLES))
    parser.add_argument("--partitions", type=_numbers, help="clusters: one replay for each")
    parser.add_argument("--references", action="store_true", help="without the product; 1 minute")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--bootstrap", type=int, default=300, help="samples")
    parser.add_argument("--river-customers", type=int, default=300, help="0: none of river's own")
    parser.add_argument("--synthetic-customers", type=int, default=2_000)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(arguments)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(each) for each in text.split(","))


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    unknown = ", ".join(sorted(set(names) - set(TABLES)))
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown}: choose among {', '.join(TABLES)}")
    return names


def _about(options: Options) -> dict[str, Cell]:
    packages = ("numpy", "scipy", "scikit-learn", "river")
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        **{name: version(name) for name in packages},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "seed": options.seed,
    }


def _tell(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text} ...", file=sys.stderr, flush=True)


def _all_tables(options: Options) -> Iterator[Table]:
    datasets = [options.dataset] if options.dataset else ["cj", "cdnow", SYNTHETIC]
    for dataset in datasets:
        if dataset != SYNTHETIC:
            yield from _of_dataset(dataset, options)
        elif "lead" in options.tables and not options.references:
            yield _synthetic(options)


def _of_dataset(dataset: str, options: Options) -> Iterator[Table]:
    _tell(f"reading {dataset}")
    preset = next((case.preset for case in CASES if case.dataset == dataset), options.preset)
    purchases = purchases_of(records_of(dataset)(), policy_from_preset(preset).timezone)
    cases = _cases(dataset, preset, purchases, options)
    replays = [] if options.references else [*_replays(dataset, cases, purchases, options)]
    watched = [*[seen for _, seen in replays], *[None] * len(cases)]
    for case, seen in zip(cases, watched, strict=False):
        run = Run(case, purchases, seen, options.seed, options.bootstrap)
        yield from _of_run(run, options)
    if "clusters" in options.tables and replays:
        looks = [(asked.partitions, seen) for asked, seen in replays if seen.weeks]
        yield from cluster_tables(dataset, purchases, looks, options.seed, _tell)


def _of_run(run: Run, options: Options) -> Iterator[Table]:
    _tell(f"judging {run.title}")
    if "risk" in options.tables:
        yield from risk_tables(run)
    if "forecast" in options.tables:
        yield forecast_table(run)
    if "spend" in options.tables:
        yield spend_table(run)
    if run.watched is not None and run.watched.daily is not None:
        yield lead_table(run, run.watched.daily)


def _cases(dataset: str, preset: str, purchases: Purchases, options: Options) -> list[Case]:
    known = [case for case in CASES if case.dataset == dataset]
    if options.horizon_days:
        known = [case for case in known if case.horizon_days == options.horizon_days]
    if not known:
        known = [_case(dataset, preset, purchases, options.horizon_days or 28)]
    if options.cutoffs:
        known = [case._replace(cutoffs=options.cutoffs) for case in known]
    return known


def _case(dataset: str, preset: str, purchases: Purchases, horizon_days: int) -> Case:
    """Four cut-offs over the second part of a data set that nobody has set any for."""
    last = purchases.last_day - horizon_days
    if last < 2 * horizon_days:
        raise SystemExit(f"{dataset}: {purchases.last_day} days are too few for {horizon_days}")
    first = max(last // 2, min(last, 3 * horizon_days))
    cutoffs = tuple(first + (last - first) * part // 3 for part in range(4))
    return Case(dataset, preset, horizon_days, tuple(dict.fromkeys(cutoffs)))


def _watch(purchases: Purchases, source: Iterable[SourceRecord], asked: Asked) -> Watched:
    from bench.science_product import watch  # noqa: PLC0415 - the references do without it

    return watch(purchases, source, asked)


def _replays(
    dataset: str, cases: list[Case], purchases: Purchases, options: Options
) -> Iterator[tuple[Asked, Watched]]:
    """One replay for each horizon, or each number of partitions, whichever are more."""
    for asked, case in _plan(dataset, cases, purchases, options):
        _tell(f"replaying {dataset}, horizon {case.horizon_days}, partitions {asked.partitions}")
        yield asked, _watch(purchases, records_of(dataset)(), asked)


def _plan(
    dataset: str, cases: list[Case], purchases: Purchases, options: Options
) -> Iterator[tuple[Asked, Case]]:
    tables = set(options.tables)
    partitions = options.partitions or goals.PARTITIONS.get(dataset, (4,))
    horizons = len(cases) if tables & OUTLOOK_TABLES else 1
    for place in range(max(horizons, len(partitions) if "clusters" in tables else 1)):
        case = cases[min(place, len(cases) - 1)]
        asked = Asked(
            _policy(case.preset, outlook={"horizon_days": case.horizon_days}),
            partitions[min(place, len(partitions) - 1)],
            case.cutoffs if place < horizons and tables & OUTLOOK_TABLES else (),
        )
        if "clusters" in tables and place < len(partitions):
            asked = asked._replace(weekly_from=goals.CLUSTERS_FROM)
        if place == 0 and "clusters" in tables:
            asked = asked._replace(changes_of=_sample(purchases, options.river_customers))
        if place == 0 and "lead" in tables and _long_enough(dataset, purchases):
            asked = asked._replace(daily_from=goals.DAILY_FROM)
        yield asked, case


def _long_enough(dataset: str, purchases: Purchases) -> bool:
    """Whether lead times are measured: on CDNOW nearly every spell is lost."""
    return dataset != "cdnow" and purchases.last_day > goals.DAILY_FROM + goals.FOLLOWED_DAYS


def _policy(preset: str, **sections: Any) -> Policy:
    return policy_from_preset(preset, clusters={"k": goals.CLUSTERS}, **sections)


def _sample(purchases: Purchases, size: int) -> frozenset[int]:
    """So many customers, spread evenly over the ids."""
    count = len(purchases.customers)
    return frozenset(range(0, count, max(1, count // size))) if size else frozenset()


def _synthetic(options: Options) -> Table:
    """The product and the best possible rule on customers whose deaths are known."""
    policy = _policy("general", lifecycle={"prior_gap_days": SYNTHETIC_GAP_DAYS})
    customers = made(options.synthetic_customers, options.seed)
    purchases = purchases_of(records(customers), policy.timezone)
    begin = SYNTHETIC_FROM - _offset(purchases)
    _tell(f"replaying {options.synthetic_customers} made-up customers")
    seen = _watch(purchases, records(customers), Asked(policy, 4, daily_from=begin))
    assert seen.daily is not None
    deaths = customers.deaths - _offset(purchases)
    spells = spells_of(purchases, begin, SYNTHETIC_UNTIL - _offset(purchases), deaths)
    precision = goals.SYNTHETIC_PRECISION
    lead = compared(spells, seen.daily.risks, begin, precision, None)
    best = compared(spells, _best(customers, purchases), begin, precision, None)
    rows = lead_rows(lead, f"{goals.EARLIER_SHARE} share")
    rows.append({**lead_rows(best, None)[1], "rule": "oracle: knows all but the death"})
    notes = (
        f"{options.synthetic_customers:,} customers over {DAYS} days, seed {options.seed}: gamma "
        f"gaps of shape 2, lives of {MEAN_LIFE_DAYS:g} days in the mean",
        f"{lead.spells:,} spells, {lead.lost:,} of them ended by death; right: dead by then",
    )
    return Table(f"Lead time at precision {precision}: made-up customers", rows, notes)


def _offset(purchases: Purchases) -> int:
    """Days from the generator's first day to that of the purchases made."""
    return purchases.first_day - FIRST_DAY


def _best(customers: Made, purchases: Purchases) -> Any:
    offset = _offset(purchases)
    visits = [purchases.days_of(row) + offset for row in range(len(purchases.customers))]
    return oracle(customers, SYNTHETIC_FROM, visits)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
