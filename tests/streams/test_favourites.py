"""Favourites with names: of the partition, of another one, or of nobody."""

from __future__ import annotations

from collections.abc import Collection

from models.daybook import label_key
from models.events import Item
from models.favourites import Favourite
from models.sight import Sight
from streams.favourites import Liked, Names, favourites_as_json, favourites_line, liked
from streams.loop import Loop
from streams.memory_store import MemoryStore
from streams.sources import SourceRecord
from streams.store import Change, Meta
from tests.models.shoppers import bought
from tests.support.story import DAY_0_MS, DAY_MS, GROCERY, noon, tell

TODAY = DAY_0_MS // DAY_MS + 719_163 + 1
TEA, RICE = label_key("category", "tea"), label_key("category", "rice")
TEA_ITEM = Item(sku="s", quantity=1, unit_price_minor=500, category="tea", brand="Acme")


class Asked(MemoryStore):
    """Notes what it is asked."""

    def __init__(self) -> None:
        super().__init__(lambda: 0)
        self.asked: list[tuple[int, int]] = []

    async def label_names(self, partition: int, keys: Collection[bytes]) -> dict[bytes, str]:
        self.asked.append((partition, len(keys)))
        return dict(await super().label_names(partition, list(keys)))


async def store_with(names: dict[int, dict[bytes, str]]) -> Asked:
    store = Asked()
    for partition, texts in names.items():
        slots = {f"w{key.hex()}": text.encode() for key, text in texts.items()}
        assert await store.apply(partition, Meta(), Change(Meta(1, b"n"), {}, (), slots))
    return store


def sight() -> Sight:
    return Sight(tell(bought("a", noon(0), 2_000, items=(TEA_ITEM,))).customer, TODAY, GROCERY)


async def test_a_name_comes_from_the_partition_else_from_another_else_it_is_not_known() -> None:
    store = await store_with({0: {TEA: "tea"}, 2: {label_key("brand", "Acme"): "Acme"}})
    found = await liked(sight(), Names(store), 0, 3)
    assert {kind: [each.label for each in some] for kind, some in found.items()} == {
        "category": ["tea"],
        "brand": ["Acme"],
    }
    nobody = await liked(sight(), Names(await store_with({})), 0, 3)
    assert [each.label for some in nobody.values() for each in some] == [None, None]


async def test_what_is_known_is_not_asked_for_again_and_other_partitions_once() -> None:
    store = await store_with({0: {TEA: "tea"}})
    names = Names(store)
    assert await names.of([TEA, RICE], 0, 2) == {TEA: "tea"}
    assert store.asked == [(0, 2), (1, 1)]
    assert await names.of([TEA], 1, 2) == {TEA: "tea"}
    assert store.asked == [(0, 2), (1, 1)]
    assert await names.of([TEA, RICE], 0, 2) == {TEA: "tea"}
    assert store.asked == [(0, 2), (1, 1), (0, 1)]


async def test_what_was_folded_has_its_names_and_no_barrier_carries_them() -> None:
    loop = Loop(GROCERY, 1, keeps_log=True)
    for who, category in (("c1", "tea"), ("c2", "rice"), ("c3", "茶")):
        event = bought(
            "e", noon(0), 500, items=(TEA_ITEM.model_copy(update={"category": category}),)
        )
        body = event.event.model_copy(update={"customer_id": who}).model_dump_json().encode()
        await loop.write(SourceRecord("purchase", who, noon(0), body))
    await loop.tick(noon(0) + 40 * DAY_MS)
    keys = [label_key("category", each) for each in ("tea", "rice", "茶", "milk")]
    known = await Names(loop.store).of(keys, 0, 1)
    assert list(known.values()) == ["tea", "rice", "茶"]
    assert loop.populations[-1].customers == 3  # the learner has read the sketches
    (sent,) = (each.value for each in loop.inputs)
    assert sent is not None
    assert b"k1" in sent
    assert b"tea" not in sent


def test_favourites_are_told_as_json_and_in_words() -> None:
    tea = Liked("tea", Favourite(TEA, 1_250, 1 / 3, 2))
    other = Liked(None, Favourite(RICE, 250, None, 1))
    assert favourites_as_json({"category": [tea, other]}) == {
        "favourites": {
            "category": [
                {"label": "tea", "spent_minor": 1_250, "share": 0.3333, "days": 2},
                {"label": None, "spent_minor": 250, "share": None, "days": 1},
            ]
        }
    }
    assert favourites_line({"category": [tea, other]}) == (
        "likes best: category tea (33 % on 2 days), unknown (1 day)"
    )
    assert (favourites_line(None), favourites_line({})) == ("", "")
