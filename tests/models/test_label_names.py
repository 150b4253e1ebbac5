"""The names of labels: each once, first come, up to so many, whatever order they come in."""

from __future__ import annotations

from models.daybook import DIMENSIONS, label_key
from models.events import Item, Purchase
from models.label_names import MAX_NAME_CHARACTERS, MAX_NAMES, LabelNames, packed_name, read_name
from models.sketch import Sketch, from_slots

TEA, ACME = label_key("category", "tea"), label_key("brand", "Acme")


def bought(*items: tuple[str | None, str | None], **whole: str) -> Purchase:
    """A purchase of items, each a category and a brand."""
    lines = tuple(
        Item(sku="s", quantity=1, unit_price_minor=1, category=category, brand=brand)
        for category, brand in items
    )
    return Purchase.model_validate(
        {
            "customer_id": "c1",
            "occurred_at": "2024-01-01T12:00:00Z",
            "amount_minor": 100,
            "currency": "EUR",
            "items": lines,
            **whole,
        }
    )


def learned(*purchases: Purchase, kept: tuple[str, ...] = DIMENSIONS) -> LabelNames:
    names = LabelNames()
    for each in purchases:
        names.learn(each, kept)
    return names


def test_items_and_the_purchase_name_their_labels() -> None:
    names = learned(bought(("tea", "Acme"), ("tea", None), channel="web", store="north"))
    assert names.texts == {
        TEA: "tea",
        ACME: "Acme",
        label_key("channel", "web"): "web",
        label_key("store", "north"): "north",
    }


def test_the_brand_of_a_purchase_counts_where_no_item_has_one() -> None:
    assert learned(bought((None, None), brand="Acme")).texts == {ACME: "Acme"}
    assert learned(bought(("", "Bolt"), brand="Acme")).texts == {label_key("brand", "Bolt"): "Bolt"}


def test_only_dimensions_that_are_kept_are_named() -> None:
    assert learned(bought(("tea", "Acme")), kept=("brand",)).texts == {ACME: "Acme"}


def test_a_name_is_a_change_once() -> None:
    names = learned(bought(("tea", None)))
    assert names.take_changes() == {f"w{TEA.hex()}": b"tea"}
    names.learn(bought(("tea", None)), DIMENSIONS)
    assert names.take_changes() == {}


def test_so_many_names_are_kept_and_the_first_to_come_stay() -> None:
    names = learned(bought(("tea", None)))
    for start in range(0, MAX_NAMES, 1_000):
        names.learn(bought(*((f"c{n:05}", None) for n in range(start, start + 1_000))), DIMENSIONS)
    names.learn(bought((None, "Acme")), DIMENSIONS)
    assert len(names.texts) == MAX_NAMES
    assert names.texts[TEA] == "tea"
    assert ACME not in names.texts
    assert label_key("category", f"c{MAX_NAMES - 2:05}") in names.texts
    assert label_key("category", f"c{MAX_NAMES - 1:05}") not in names.texts


def test_a_very_long_name_is_cut_and_stays_one_name() -> None:
    long = "x" * 1_000
    names = learned(bought((long, None)), bought((long, None)))
    assert names.texts == {label_key("category", long): "x" * MAX_NAME_CHARACTERS}
    assert len(names.take_changes()) == 1


def test_any_text_can_be_written_and_read() -> None:
    assert read_name(packed_name("茶 🍵")) == "茶 🍵"
    assert read_name(packed_name("\ud800")) == "?"
    assert read_name(b"\xff") == "\ufffd"


def test_names_are_slots_of_the_sketch_but_nothing_to_learn_from() -> None:
    sketch = Sketch()
    sketch.names.learn(bought(("tea", None)), DIMENSIONS)
    assert sketch.slots() == {f"w{TEA.hex()}": b"tea"}
    assert sketch.sums() == {}
    assert sketch.take_changes() == {f"w{TEA.hex()}": b"tea"}
    again = from_slots(sketch.slots())
    assert (again.names.texts, again.counts) == ({TEA: "tea"}, {})
    again.names.learn(bought(("tea", None)), DIMENSIONS)
    assert again.take_changes() == {}
