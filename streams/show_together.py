"""What is bought together, and what may be bought next: as JSON and as a table, with names of labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from models.affinities import BoughtTogether
from models.member import YEAR_DAYS, bought_within
from models.next_category import next_categories
from models.pairs import Pair, Ranked
from models.sight import Sight
from streams.favourites import UNKNOWN
from streams.show import printable

NEXT = 5  # categories told of a customer
HEADINGS = ("bought", "with", "days", "customers", "support", "then", "back", "lift", "elsewhere")
Names = Mapping[bytes, str]


def pairs_as_json(found: Ranked, names: Names) -> dict[str, Any]:
    """The best pairs of a group; a label whose name is not known is None."""
    return {
        "shopping_days": found.shopping_days,
        "certain": found.certain,
        "pairs": [_pair(each, names) for each in found.pairs],
    }


def _pair(pair: Pair, names: Names) -> dict[str, Any]:
    shares = ("support", "confidence", "confidence_back", "lift", "elsewhere")
    return {
        "one": names.get(pair.one),
        "other": names.get(pair.other),
        "days": pair.days,
        "customers": pair.customers,
        **{each: round(getattr(pair, each), 4) for each in shares},
    }


def pairs_table(found: Ranked, names: Names) -> Table:
    """The same for people."""
    table = Table(box=None, pad_edge=False)
    for place, name in enumerate(HEADINGS):
        table.add_column(name, justify="left" if place < 2 else "right")
    for each in found.pairs:
        labels = (Text(printable(names.get(key, UNKNOWN))) for key in (each.one, each.other))
        shares = (each.support, each.confidence, each.confidence_back)
        table.add_row(
            *labels,
            f"{each.days:,}",
            f"{each.customers:,}",
            *(f"{share:.1%}" for share in shares),
            f"×{each.lift:.2f}",
            f"×{each.elsewhere:.2f}",
        )
    return table


def next_as_json(together: BoughtTogether, sight: Sight, names: Names) -> list[dict[str, Any]]:
    """What a customer has not bought in a year and may begin to buy, the likeliest first.

    Args:
        together: what was learned of everybody.
        sight: the customer on the day that is shown.
        names: of labels.
    """
    bought = {each.key for each in bought_within(sight, YEAR_DAYS)}
    return [
        {
            "category": names.get(each.key),
            "score": round(each.score, 4),
            "because": [names.get(key) for key in each.because],
        }
        for each in next_categories(together.next, bought, NEXT)
    ]


def next_lines(found: Iterable[Mapping[str, Any]]) -> list[str]:
    """The same in words.

    >>> next_lines([{"category": "TEA", "because": ["MILK", None]}, {"category": None, "because": []}])
    ['TEA  because of MILK, unknown', 'unknown']
    """
    lines = []
    for each in found:
        because = ", ".join(map(_named, each["because"]))
        lines.append(_named(each["category"]) + (f"  because of {because}" if because else ""))
    return lines


def _named(label: str | None) -> str:
    return UNKNOWN if label is None else printable(label)
