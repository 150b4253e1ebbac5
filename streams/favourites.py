"""What a customer likes best, with the names of it: favourites of a state, names from the store.

A name is asked for where the customer is kept, then, once, in the other partitions: who was merged with
somebody there has labels that only that one has heard of. Once known it is remembered: names never change.
A label without a name is shown as one that is not known: a store that was written before names were kept
learns them as purchases come.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from models.favourites import Favourite, all_favourites
from models.sight import Sight
from streams.store import Store

MAX_REMEMBERED = 65_536
UNKNOWN = "unknown"
Favourites = Mapping[str, Sequence["Liked"]]  # dimension → the most spent on first


class Liked(NamedTuple):
    """A favourite and what it is called; None: not known."""

    label: str | None
    favourite: Favourite


class Names:
    """The names of labels, from a store.

    Args:
        store: to ask.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[bytes, str] = {}
        self._asked_everywhere: set[bytes] = set()

    async def of(
        self, keys: Collection[bytes], partition: int, partitions: int
    ) -> Mapping[bytes, str]:
        """Label key → name, as far as it is known.

        Args:
            keys: of labels.
            partition: where they are most likely known.
            partitions: how many there are.

        Raises:
            StoreUnavailable.
        """
        await self._ask(partition, keys)
        elsewhere = {each for each in keys if each not in self._known} - self._asked_everywhere
        others = (each for each in range(partitions) if each != partition)
        for other in others if elsewhere else ():
            await self._ask(other, elsewhere)
        self._asked_everywhere |= elsewhere
        return {each: self._known[each] for each in keys if each in self._known}

    async def _ask(self, partition: int, keys: Collection[bytes]) -> None:
        missing = [each for each in keys if each not in self._known]
        if missing:
            if len(self._known) + len(self._asked_everywhere) > MAX_REMEMBERED:
                self._known, self._asked_everywhere = {}, set()
                missing = list(keys)
            self._known.update(await self._store.label_names(partition, missing))


async def liked(sight: Sight, names: Names, partition: int, partitions: int = 1) -> Favourites:
    """A customer's favourites; see `Names.of`."""
    found = all_favourites(sight)
    keys = [each.key for favourites in found.values() for each in favourites]
    known = await names.of(keys, partition, partitions)
    return {
        dimension: [Liked(known.get(each.key), each) for each in favourites]
        for dimension, favourites in found.items()
    }


def favourites_as_json(found: Favourites) -> dict[str, Any]:
    """As the API tells them."""
    return {
        "favourites": {
            dimension: [_as_json(*each) for each in favourites]
            for dimension, favourites in found.items()
        }
    }


def _as_json(label: str | None, favourite: Favourite) -> dict[str, Any]:
    share = None if favourite.share is None else round(favourite.share, 4)
    told = {"spent_minor": favourite.spent_minor, "share": share, "days": favourite.days}
    return {"label": label, **told}


def favourites_line(found: Favourites | None) -> str:
    """In words; empty if there are none.

    >>> favourites_line({"brand": [Liked("Acme", Favourite(b"", 1, 0.256, 3)), Liked(None, Favourite(b"", 1, None, 1))]})
    'likes best: brand Acme (26 % on 3 days), unknown (1 day)'
    """
    told = [
        f"{dimension} {', '.join(map(_in_words, favourites))}"
        for dimension, favourites in (found or {}).items()
    ]
    return f"likes best: {'; '.join(told)}" if told else ""


def _in_words(each: Liked) -> str:
    favourite = each.favourite
    days = "1 day" if favourite.days == 1 else f"{favourite.days} days"
    how = days if favourite.share is None else f"{favourite.share:.0%} on {days}".replace("%", " %")
    return f"{UNKNOWN if each.label is None else each.label} ({how})"
