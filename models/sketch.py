"""The sketch: what the customers of one partition add up to, exactly.

A customer's `Contribution` is what they were at one moment in whole numbers: days and minor units.
The sketch counts contributions and adds them up. Both are integers, so that taking one out again
is exact, sketches of several partitions merge by addition, and the order does not matter.

    slot          what
    n             customers
    days          sum of purchase days
    spans         sum of days from first to last purchase
    spend         sum of net spend, minor units
    r<day>        customers whose last purchase day that is
    f<bin>        customers by purchase days, m<bin> by net spend: see `bin_of`
    h<hash>       one customer of the sample, by keyed hash of the id
    level         each level halves the share of customers that the sample keeps
    k, a, q…      the micro-clusters: see `models/microclusters.py`
    b<day>        customers who first bought on that day
    v<measure>:…  customers by bin of what they are worth: see `models/value_tiers.py`
    w<label>      what a label is called: see `models/label_names.py`

The sample is of the customers with the smallest hashes of their ids, at most `SAMPLE_SIZE`. A
bottom-k sample can't tell who comes in when a member goes; so a threshold on the hash decides,
halved whenever too many are below it. Who is below it is in, whoever else comes or goes.
Prospects contribute nothing. Names do not add up: they stand here because they are of the partition, and are
not sent to the learner. All else but the micro-clusters adds up whatever the order; in which of
those a customer is put depends on who came before, and so on the order of the log. Forbidden here: customer ids in the clear, the policy, the clock.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import sub
from typing import NamedTuple

import msgpack

from models.erasure import Pseudonyms
from models.label_names import NAME, LabelNames, key_in, read_name
from models.microclusters import MicroClusters, Spread, from_entries, merged_spread
from models.sample import SampledCustomer

SAMPLE_SIZE = 4_096  # of a partition; a few thousand customers fit a value model well
_HASH_BITS = 64
_SAMPLE = "h"
_MICRO = ("k", "a", "q")
_LARGEST = 2**63  # of sums of money
_SUMS = ("n", "days", "spans", "spend")
_NOTHING: tuple[tuple[int, ...], tuple[str, ...]] = ((0,) * len(_SUMS), ())
UNKEYED = Pseudonyms()  # where nobody's secret is at stake, or for reading only


def _bin_starts() -> tuple[int, ...]:
    starts = [0]
    while starts[-1] < _LARGEST:
        starts.append(starts[-1] + max(1, starts[-1] // 50))
    return tuple(starts)


BIN_STARTS = _bin_starts()  # whole numbers to 99, from there on bins at most 2 % wide


def bin_of(value: int) -> int:
    """The bin that a whole number ≥ 0 falls into; integers only, so every machine agrees.

    >>> bin_of(7), BIN_STARTS[bin_of(12_345)], BIN_STARTS[bin_of(12_345) + 1]
    (7, 12295, 12540)
    """
    return bisect_right(BIN_STARTS, value) - 1


def last_of_bin(place: int) -> int:
    """The largest whole number in a bin."""
    return BIN_STARTS[place + 1] - 1


class Contribution(NamedTuple):
    """What one customer counts for in the sketch.

    Attributes:
        made_day: the customer-day, by the partition's clock, on which it was made.
        first_day: of the first purchase, ordinal.
        last_day: of the last purchase, ordinal.
        purchase_days: distinct customer-days with a purchase.
        spend_minor: net spend, reporting currency; never below 0.
        behaviour: see `models/behaviour.py`.
        slot: of the micro-cluster that they were put into; 0 before that.
        values: the slots of value schemes that they count in.
    """

    made_day: int
    first_day: int
    last_day: int
    purchase_days: int
    spend_minor: int
    behaviour: tuple[int, ...] = ()
    slot: int = 0
    values: tuple[str, ...] = ()

    @property
    def history(self) -> tuple[object, ...]:
        """What follows from the ledger alone, whatever day it is."""
        return self[1:6]

    @property
    def substance(self) -> tuple[object, ...]:
        """What makes a difference; the day it was made and the slot do not."""
        return self.history + self.values


class Sketch:
    """One partition's sketch; changed in place.

    Args:
        counts, sample, micro: as the attributes.
        pseudonyms: name the customers of the sample.
        names: as the attribute.

    Attributes:
        counts: slot → whole number; a slot that is 0 is left out.
        sample: hashed id → customer.
        micro: the micro-clusters.
        names: of labels.
        touched: the slots changed since the last `take_changes`, but for those of `micro` and `names`.
    """

    def __init__(
        self,
        counts: Mapping[str, int] | None = None,
        sample: Mapping[int, SampledCustomer] | None = None,
        micro: MicroClusters | None = None,
        pseudonyms: Pseudonyms = UNKEYED,
        names: LabelNames | None = None,
    ) -> None:
        self.counts = dict(counts or {})
        self.sample = dict(sample or {})
        self.micro = micro or MicroClusters()
        self.names = names or LabelNames()
        self._pseudonyms = pseudonyms
        self.touched: set[str] = set()

    def renew(
        self,
        customer_id: str,
        old: Contribution | None,
        new: Contribution | None,
        row: SampledCustomer | None = None,
    ) -> Contribution | None:
        """Take out what a customer contributed and put in what they contribute now.

        Args:
            customer_id: whose.
            old: what they contributed; None: nothing.
            new: what they contribute now; None: nothing.
            row: the customer, in case that they are in the sample.

        Returns:
            `new` with the slot that it was put into, to be kept for taking it out again.
        """
        for slot, amount in _difference(old, new):
            self._add(slot, amount)
        new = self._grouped(old, new)
        self._sample(self._pseudonyms.sampled(customer_id), row if new is not None else None)
        return new

    def _grouped(self, old: Contribution | None, new: Contribution | None) -> Contribution | None:
        """Put a customer into a micro-cluster; who has bought nothing since stays in theirs.

        So that it does not matter in which order a walk comes to those whose windows rolled on.
        """
        if old is not None and old.slot:
            if new is not None and new.history == old.history:
                return new._replace(slot=old.slot)
            self.micro.unlearn(old.behaviour, old.slot)
        if new is not None and new.behaviour:
            return new._replace(slot=self.micro.learn(new.behaviour))
        return new

    def _add(self, slot: str, amount: int) -> None:
        if not amount:
            return
        value = self.counts.get(slot, 0) + amount
        if value:
            self.counts[slot] = value
        else:
            del self.counts[slot]
        self.touched.add(slot)

    def _sample(self, hashed: int, row: SampledCustomer | None) -> None:
        if hashed >> (_HASH_BITS - self.counts.get("level", 0)):
            return
        if row is not None:
            self.sample[hashed] = row
        elif self.sample.pop(hashed, None) is None:
            return
        self.touched.add(_sample_slot(hashed))
        if len(self.sample) > SAMPLE_SIZE:
            self.thin_out()

    def thin_out(self) -> None:
        """Drop from the sample who is above the threshold, lowered until it is small enough."""
        self._drop()
        while len(self.sample) > SAMPLE_SIZE:
            self._add("level", 1)
            self._drop()

    def _drop(self) -> None:
        limit = 1 << (_HASH_BITS - self.counts.get("level", 0))
        for hashed in [each for each in self.sample if each >= limit]:
            del self.sample[hashed]
            self.touched.add(_sample_slot(hashed))

    def take_changes(self) -> dict[str, bytes | None]:
        """The touched slots, encoded, once; None: the slot is empty now."""
        changes = {slot: self._packed(slot) for slot in sorted(self.touched)}
        self.touched.clear()
        return {**changes, **self.micro.take_changes(), **self.names.take_changes()}

    def slots(self) -> dict[str, bytes]:
        """All slots, encoded."""
        return {**self.sums(), **self.names.slots()}

    def sums(self) -> dict[str, bytes]:
        """What can be learned from: all slots but the names, encoded."""
        counts = {slot: b"%d" % value for slot, value in self.counts.items()}
        sample = {_sample_slot(each): _packed_row(row) for each, row in self.sample.items()}
        micro = {name: _packed_row(row) for name, row in self.micro.entries.items()}
        return {**counts, **sample, **micro}

    def _packed(self, slot: str) -> bytes | None:
        if slot.startswith(_SAMPLE):
            row = self.sample.get(int(slot[1:], 16))
            return None if row is None else _packed_row(row)
        value = self.counts.get(slot)
        return None if value is None else b"%d" % value


def _difference(old: Contribution | None, new: Contribution | None) -> Iterator[tuple[str, int]]:
    """Slot and by how much it changes; a slot may come twice."""
    was, now = _counted(old), _counted(new)
    yield from zip(_SUMS, map(sub, now[0], was[0]), strict=True)
    if was[1] != now[1]:
        yield from ((slot, -1) for slot in was[1] if slot not in now[1])
        yield from ((slot, 1) for slot in now[1] if slot not in was[1])


def _counted(contribution: Contribution | None) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """What a customer adds to each of the sums, and the slots that they count in."""
    if contribution is None:
        return _NOTHING
    _, first, last, days, spend, *_, values = contribution
    places = (f"b{first}", f"r{last}", f"f{bin_of(days)}", f"m{bin_of(spend)}", *values)
    return (1, days, last - first, spend), places


def from_slots(slots: Mapping[str, bytes], pseudonyms: Pseudonyms = UNKEYED) -> Sketch:
    """The sketch that these encoded slots are of."""
    counts: dict[str, int] = {}
    sample: dict[int, SampledCustomer] = {}
    entries: dict[str, bytes] = {}
    names: dict[bytes, str] = {}
    for slot, packed in slots.items():
        if slot.startswith(_SAMPLE):
            sample[int(slot[1:], 16)] = SampledCustomer(*msgpack.unpackb(packed, use_list=False))
        elif slot.startswith(_MICRO):
            entries[slot] = packed
        elif slot.startswith(NAME):
            names[key_in(slot)] = read_name(packed)
        else:
            counts[slot] = int(packed)
    return Sketch(counts, sample, from_entries(entries), pseudonyms, LabelNames(names))


def merged(sketches: Iterable[Sketch]) -> Sketch:
    """The sketch of all these customers together; each is in one of the sketches only.

    Without names, and without micro-clusters: those of several partitions are put side by side, see `grouped`.
    """
    total = Sketch()
    for sketch in sketches:
        for slot, value in sketch.counts.items():
            known = total.counts.get(slot, 0)
            total.counts[slot] = max(known, value) if slot == "level" else known + value
        total.sample.update(sketch.sample)
    total.thin_out()
    total.touched.clear()
    return total


def grouped(sketches: Sequence[Sketch]) -> tuple[list[tuple[int, tuple[int, ...]]], Spread | None]:
    """The micro-clusters of all these customers, and how they are spread; None: there are none."""
    known = [each.micro for each in sketches if each.micro.groups]
    groups = [group for micro in known for group in micro.groups]
    return groups, merged_spread([micro.total for micro in known]) if known else None


def _sample_slot(hashed: int) -> str:
    return f"{_SAMPLE}{hashed:016x}"


def _packed_row(row: tuple[object, ...]) -> bytes:
    packed: bytes = msgpack.packb(row)
    return packed
