"""The sketch: exact whatever comes and goes, equal whoever adds up; bins, and a fair sample."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import mean

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.microclusters import Spread
from models.sample import SampledCustomer
from models.sketch import (
    BIN_STARTS,
    SAMPLE_SIZE,
    UNKEYED,
    Contribution,
    Sketch,
    bin_of,
    from_slots,
    grouped,
    last_of_bin,
    merged,
)
from tests.support.histories import thoroughly

sampled = UNKEYED.sampled

MICRO = ("k", "a", "q")  # what these slots hold depends on the order
Renewal = tuple[str, Contribution | None]  # a customer and what they contribute from now on
DAY = 738_886  # 2024-01-01
BEHAVIOUR = (1_099, 1_841, 6_034, 0, 0, 0)
ONE = Contribution(DAY, DAY - 9, DAY, 3, 1_250, BEHAVIOUR)
WIDE = range(100, len(BIN_STARTS) - 1)  # the bins that hold more than one number
CROWD = [f"c{number}" for number in range(9_000)]


def of(renewals: Iterable[Renewal], sketch: Sketch | None = None) -> Sketch:
    """A sketch after these renewals; each takes out what the customer contributed before."""
    sketch = sketch or Sketch()
    known: dict[str, Contribution | None] = {}
    for customer_id, new in renewals:
        old = known.get(customer_id)
        known[customer_id] = sketch.renew(customer_id, old, new, new and row_of(new))
    return sketch


def row_of(contribution: Contribution) -> SampledCustomer:
    """What the sample keeps of whoever contributes this."""
    _, first, last, days, spend, behaviour, *_ = contribution
    recent_days = (last,) if days == 1 else (last - 1, last)
    return SampledCustomer(
        first, days, spend, 900 * days, spend // 2, 5_000, recent_days, behaviour
    )


def additive(sketch: Sketch) -> dict[str, bytes]:
    """The slots that do not depend on the order of renewals."""
    return {slot: packed for slot, packed in sketch.slots().items() if slot[0] not in MICRO}


def totals(sketch: Sketch) -> Spread:
    """Of the micro-clusters; that does not depend on the order either."""
    return sketch.micro.total


def remaining(renewals: Iterable[Renewal]) -> dict[str, Contribution]:
    """Who contributes what in the end."""
    return {customer_id: new for customer_id, new in dict(renewals).items() if new is not None}


def someone(number: int) -> Contribution:
    """One of a crowd in which all numbers differ a little."""
    days = 1 + number % 13
    behaviour = (300 * days, 50 * (number % 97), 9 * number % 7_001, number % 400, 0, 0)
    return Contribution(DAY, DAY - number % 97, DAY + number % 31, days, 7 * number, behaviour)


@st.composite
def renewals(draw: st.DrawFn) -> list[Renewal]:
    """A few customers who come, change and go; drawn as one string of bytes."""
    drawn = draw(st.binary(max_size=120))
    return [_renewal(drawn[n : n + 5]) for n in range(0, len(drawn) - 4, 5)]


def _renewal(row: bytes) -> Renewal:
    who, first, silence, days, spend = row
    customer_id = f"c{who % 8}"
    if who % 5 == 4:
        return customer_id, None
    last_day = DAY + first % 12 + silence % 5
    behaviour = (10 * days, 200 * (first % 12), 30 * spend, 100 * (who % 3), 0, 0)
    return customer_id, Contribution(
        last_day, DAY + first % 12, last_day, 1 + days, spend**4, behaviour
    )


def test_a_customer_counts_in_every_slot_that_is_about_them() -> None:
    sketch = of([("c1", ONE)])
    assert sketch.slots() == {
        "n": b"1",
        "days": b"3",
        "spans": b"9",
        "spend": b"1250",
        f"r{DAY}": b"1",
        "f3": b"1",
        f"m{bin_of(1_250)}": b"1",
        f"b{DAY - 9}": b"1",
        "ha69ab46e3b909a24": msgpack.packb(row_of(ONE)),
        "k1": msgpack.packb((1, 1, *BEHAVIOUR)),
        "q": msgpack.packb((2, 1, *BEHAVIOUR, *(each * each for each in BEHAVIOUR))),
    }


def test_what_is_nothing_has_no_slot() -> None:
    bought_once_for_nothing = Contribution(DAY, DAY, DAY, 1, 0)
    slots = of([("c1", bought_once_for_nothing)]).slots()
    assert {"spans", "spend", "level", "k1", "q"} & set(slots) == set()
    assert slots["m0"] == b"1"
    assert Sketch().slots() == {}


@thoroughly
@given(st.data(), renewals())
def test_a_sketch_is_that_of_the_customers_who_are_left_whatever_came_before(
    data: st.DataObject, history: list[Renewal]
) -> None:
    sketch = of(history)
    left = data.draw(st.permutations(list(remaining(history).items())))
    assert additive(sketch) == additive(of(left))
    assert sketch.micro.total.customers == len(left)
    if left:
        assert totals(sketch) == totals(of(left))


@thoroughly
@given(renewals())
def test_a_contribution_comes_back_with_the_slot_by_which_it_is_taken_out_again(
    history: list[Renewal],
) -> None:
    sketch = Sketch()
    placed: dict[str, Contribution | None] = {}
    for customer_id, new in history:
        placed[customer_id] = sketch.renew(customer_id, placed.get(customer_id), new)
        came_back = placed[customer_id]
        assert (came_back and came_back._replace(slot=0)) == new
        assert came_back is None or came_back.slot > 0
    for customer_id, old in placed.items():
        sketch.renew(customer_id, old, None)
    assert sketch.slots().keys() <= {"q"}
    assert sketch.micro.groups == []


def test_taking_a_customer_out_restores_the_sketch() -> None:
    sketch = of([("c1", ONE)])
    before = sketch.slots()
    far = (4_477, 1_000, 27_000, 0, 0, 0)
    earlier = Contribution(DAY, DAY - 400, DAY, 88, 10**12, far)
    placed = sketch.renew("c2", None, earlier, row_of(earlier))
    assert set(before) < set(sketch.slots())
    sketch.renew("c2", placed, None)
    after = sketch.slots()
    assert {**after, "q": before["q"]} == before
    slots_used, *sums = msgpack.unpackb(after["q"])
    assert (slots_used, sums) == (3, msgpack.unpackb(before["q"])[1:])  # none is given again


@thoroughly
@given(st.data(), renewals())
def test_sketches_of_some_merge_into_the_sketch_of_all(
    data: st.DataObject, history: list[Renewal]
) -> None:
    parts = [[each for each in history if int(each[0][1:]) % 3 == part] for part in range(3)]
    one, two, three = (of(part) for part in data.draw(st.permutations(parts)))
    whole = of(history)
    assert merged([one, two, three]).slots() == additive(whole)
    assert merged([merged([one, two]), three]).slots() == additive(whole)
    assert merged([]).slots() == {}
    groups, spread = grouped([one, two, three])
    assert sum(customers for customers, _ in groups) == whole.counts.get("n", 0)
    assert spread == (totals(whole) if groups else None)


def test_merging_leaves_the_parts_as_they_were() -> None:
    one, two = of([("c1", ONE)]), of([("c2", ONE)])
    before = one.slots(), two.slots()
    assert merged([one, two]).counts["n"] == 2
    assert (one.slots(), two.slots()) == before


@thoroughly
@given(renewals(), st.integers(1, 9))
def test_changes_taken_now_and_then_add_up_to_the_slots_that_a_sketch_goes_on_from(
    history: list[Renewal], at_once: int
) -> None:
    sketch, stored = Sketch(), dict[str, bytes]()
    known: dict[str, Contribution | None] = {}
    for start in range(0, len(history), at_once):
        for customer_id, new in history[start : start + at_once]:
            old, row = known.get(customer_id), new and row_of(new)
            known[customer_id] = sketch.renew(customer_id, old, new, row)
        write(stored, sketch.take_changes())
        assert stored == sketch.slots()
        assert sketch.take_changes() == {}
        read = from_slots(stored)
        assert (read.counts, read.sample, read.touched) == (sketch.counts, sketch.sample, set())
        assert read.slots() == stored
        sketch = read
    assert stored == of(history).slots()


def write(stored: dict[str, bytes], changes: dict[str, bytes | None]) -> None:
    """As a store does."""
    for slot, packed in changes.items():
        if packed is None:
            stored.pop(slot, None)
        else:
            stored[slot] = packed


def test_a_renewal_that_changes_nothing_but_its_day_moves_no_number() -> None:
    sketch = of([("c1", ONE), ("c2", someone(7))])
    before, groups = additive(sketch), sketch.micro.groups
    placed = ONE._replace(slot=1)
    again = sketch.renew("c1", placed, ONE._replace(made_day=DAY + 1), row_of(ONE))
    assert again is not None
    assert again.substance == ONE.substance
    assert additive(sketch) == before
    assert sorted(sketch.micro.groups) == sorted(groups)


def test_whole_numbers_to_99_have_bins_of_their_own() -> None:
    assert [bin_of(number) for number in range(100)] == list(range(100))
    assert [last_of_bin(place) for place in range(100)] == list(range(100))


def test_wider_bins_span_at_most_two_per_cent_of_their_first_number() -> None:
    assert all((last_of_bin(place) - BIN_STARTS[place]) * 50 <= BIN_STARTS[place] for place in WIDE)
    assert all(last_of_bin(place) > BIN_STARTS[place] for place in WIDE)


def test_every_number_up_to_a_bins_last_is_in_it_and_the_next_one_is_not() -> None:
    for place in range(len(BIN_STARTS) - 1):
        assert bin_of(BIN_STARTS[place]) == bin_of(last_of_bin(place)) == place
        assert bin_of(last_of_bin(place) + 1) == place + 1


@pytest.mark.parametrize("value", [2**31, 2**53 + 1, 2**62, 2**63 - 1])
def test_the_largest_sums_of_money_have_a_bin_too(value: int) -> None:
    assert value <= last_of_bin(bin_of(value)) <= value * 1.02


def test_the_hash_of_a_customer_is_the_same_on_every_machine() -> None:
    assert sampled("c1") == 0xA69AB46E3B909A24
    assert sampled("Łódź") == 0x9C4CDFEDC5386CF9


def test_the_sample_is_of_the_customers_below_a_threshold_halved_until_they_are_few_enough() -> (
    None
):
    sketch = of((name, someone(number)) for number, name in enumerate(CROWD))
    hashes = [sampled(name) for name in CROWD]
    assert sketch.counts["level"] == 2
    assert set(sketch.sample) == {each for each in hashes if each < 2**62}
    assert sum(each < 2**63 for each in hashes) > SAMPLE_SIZE
    rows = {sampled(name): row_of(someone(number)) for number, name in enumerate(CROWD)}
    assert all(rows[hashed] == row for hashed, row in sketch.sample.items())


def test_the_sample_is_a_fair_one() -> None:
    sketch = of((name, someone(number)) for number, name in enumerate(CROWD))
    sampled = len(sketch.sample)
    assert abs(sampled - len(CROWD) / 4) < 100  # 2.4 standard deviations
    everyone = [someone(number) for number in range(len(CROWD))]
    for field in ("last_day", "purchase_days", "spend_minor"):
        mean_of_all = mean(getattr(each, field) for each in everyone)
        deviation = mean((getattr(each, field) - mean_of_all) ** 2 for each in everyone) ** 0.5
        mean_of_sample = mean(getattr(row, field) for row in sketch.sample.values())
        assert abs(mean_of_sample - mean_of_all) < 2.5 * deviation / sampled**0.5


def test_a_crowd_comes_to_the_same_sketch_in_any_order_in_parts_and_change_by_change() -> None:
    crowd = [(name, someone(number)) for number, name in enumerate(CROWD)]
    whole = of(crowd)
    slots = whole.slots()
    assert len(whole.micro.groups) > 9
    assert additive(of(reversed(crowd))) == additive(whole)
    assert merged(of(crowd[part::4]) for part in range(4)).slots() == additive(whole)
    sketch, stored = Sketch(), dict[str, bytes]()
    for start in range(0, len(crowd), 2_500):
        of(crowd[start : start + 2_500], sketch)
        write(stored, sketch.take_changes())
    assert stored == slots
    assert from_slots(stored).slots() == slots


def test_sketches_of_different_levels_merge_at_the_higher_one() -> None:
    crowd = [(name, someone(number)) for number, name in enumerate(CROWD)]
    many, few = of(crowd[:5_000]), of(crowd[5_000:5_100])
    assert (many.counts["level"], few.counts.get("level")) == (1, None)
    both = merged([few, many])
    assert both.counts["level"] == 1
    assert set(both.sample) == {h for h in map(sampled, CROWD[:5_100]) if h < 2**63}
    assert both.slots() == additive(of(crowd[:5_100]))
    assert both.take_changes() == {}


def test_who_is_erased_leaves_the_sample_and_the_threshold_stays_where_it_is() -> None:
    crowd = [(name, someone(number)) for number, name in enumerate(CROWD[:5_000])]
    sketch = of([*crowd, *((name, None) for name, _ in crowd)])
    assert additive(sketch) == {"level": b"1"}
    assert sketch.micro.groups == []
    assert set(sketch.slots()) == {"level", "q"}
    for name, new in crowd[:50]:
        sketch.renew(name, None, new, row_of(new))
    assert sketch.counts["level"] == 1
    assert set(sketch.sample) == {h for h in map(sampled, CROWD[:50]) if h < 2**63}
    assert merged([sketch, from_slots({"level": b"1"})]).counts["level"] == 1


def test_who_is_not_in_the_sample_leaves_no_trace_in_it() -> None:
    sketch = of((name, someone(number)) for number, name in enumerate(CROWD[:5_000]))
    outsider = next(name for name in CROWD[5_000:] if sampled(name) >= 2**63)
    sketch.take_changes()
    placed = sketch.renew(outsider, None, ONE, row_of(ONE))
    sketch.renew(outsider, placed, None)
    assert not [slot for slot in sketch.take_changes() if slot.startswith("h")]
