"""What a customer likes best within a year, by money."""

from __future__ import annotations

from models.daybook import label_key
from models.events import Item
from models.favourites import SHOWN, Favourite, all_favourites
from models.sight import Sight
from tests.models.shoppers import bought
from tests.support.story import DAY_0_MS, DAY_MS, GROCERY, noon, tell

FIRST_DAY = (DAY_0_MS // DAY_MS) + 719_163  # 2024-01-01, ordinal


def item(category: str | None, cents: int, brand: str | None = None) -> Item:
    return Item(sku="s", quantity=1, unit_price_minor=cents, category=category, brand=brand)


def seen(day: int, *events: object) -> Sight:
    told = tell(*events)  # type: ignore[arg-type]
    return Sight(told.customer, FIRST_DAY + day, GROCERY)


SHOPPED = (
    bought("a", noon(0), 900, items=(item("tea", 500, "Acme"), item("rice", 400)), channel="web"),
    bought("b", noon(1), 100, items=(item("tea", 100),), channel="shop", store="north"),
    bought("c", noon(9), 600, items=(item("milk", 600),), channel="shop", store="north"),
)


def test_the_most_spent_on_come_first_with_share_and_days() -> None:
    tea, milk, rice = (label_key("category", name) for name in ("tea", "milk", "rice"))
    found = all_favourites(seen(9, *SHOPPED))["category"]
    ties = (Favourite(tea, 600, 600 / 1_600, 2), Favourite(milk, 600, 600 / 1_600, 1))
    assert found == (*ties, Favourite(rice, 400, 0.25, 1))


def test_brands_channels_and_stores_are_told_alike() -> None:
    found = all_favourites(seen(9, *SHOPPED))
    assert [each.key for each in found["brand"]] == [label_key("brand", "Acme")]
    channels = [(each.key, each.spent_minor, each.days) for each in found["channel"]]
    assert channels == [
        (label_key("channel", "web"), 900, 1),
        (label_key("channel", "shop"), 700, 2),
    ]
    assert [each.share for each in found["store"]] == [700 / 1_600]


def test_a_year_later_it_is_forgotten_day_by_day() -> None:
    (milk,) = all_favourites(seen(365 + 8, *SHOPPED))["category"]
    assert (milk.key, milk.share) == (label_key("category", "milk"), 1.0)
    assert all_favourites(seen(365 + 9, *SHOPPED)) == {}


def test_of_who_never_bought_there_are_none_and_what_cost_nothing_has_no_share() -> None:
    found = all_favourites(seen(0, bought("a", noon(0), 0, channel="web")))
    assert list(found) == ["channel"]
    (free,) = found["channel"]
    assert free.share is None


def test_of_each_dimension_the_first_three_are_told() -> None:
    many = [bought(f"p{n}", noon(n), 100 + n, items=(item(f"c{n}", 100 + n),)) for n in range(9)]
    sight = seen(9, *SHOPPED, *many)
    found = all_favourites(sight)
    assert list(found) == ["category", "brand", "channel", "store"]
    categories = [label_key("category", name) for name in ("tea", "milk", "rice")]
    assert [each.key for each in found["category"]] == categories
    assert len(categories) == SHOWN
