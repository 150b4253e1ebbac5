"""One person, several ids: what a merge does, and what it refuses."""

from __future__ import annotations

import msgpack
import pytest

from models.codec import SCHEMA_VERSION, NewerSchema, encode_state
from models.customer import MAX_SUM_MINOR, Alias, CustomerState
from models.events import Kind, Read, Transfer
from models.identity import MAX_NAMES, meet
from models.ledger import Ledger
from tests.support.story import GROCERY, noon, profile, purchase
from tests.support.town import A, B, C, D, Town, erase, merge, of, others_of, transfer


def changes(town: Town) -> list[tuple[str, str, str]]:
    """Who, what and why, of each effect."""
    return [(e.customer_id, e.type.value, e.cause.why.value) for e in town.effects]


def names(town: Town, customer_id: str) -> list[str]:
    return others_of(town.root(customer_id), town.person(customer_id))


def test_what_is_known_by_an_id_leaves_for_the_one_that_stays_and_both_say_so() -> None:
    town = Town().tell(
        of(A, purchase("p1", noon(0))),
        of(B, profile("x", noon(1), tier="gold")),
        merge(A, B, noon(2)),
    )
    assert (town.persons, town.aliases) == ([B], {A: B})
    assert town.person(B).current.purchases == 1
    assert changes(town) == [
        (A, "lifecycle.changed", "purchase"),
        (B, "lifecycle.changed", "profile"),
        (A, "customer.merged", "merged"),
        (B, "lifecycle.changed", "merged"),
    ]
    left, stays = town.effects[2:]
    assert (left.into, left.after, left.since_ms) == (B, None, noon(2))
    assert (stays.before and stays.before.lifecycle, stays.after.lifecycle) == ("prospect", "new")  # type: ignore[union-attr]
    assert (left.sequence, stays.sequence) == (2, 3)


def test_a_merge_that_moves_no_one_on_the_timeline_says_nothing_of_the_one_that_stays() -> None:
    town = Town().tell(
        of(A, purchase("p1", noon(0))), of(B, purchase("p2", noon(0))), merge(A, B, noon(1))
    )
    assert changes(town)[2:] == [(A, "customer.merged", "merged")]
    assert town.person(A).current.purchases == 2


def test_whatever_comes_for_another_name_goes_on_to_the_person() -> None:
    town = Town().tell(
        of(A, purchase("p1", noon(0), order="o1")),
        merge(A, B, noon(1)),
        merge(B, C, noon(1)),
        of(A, purchase("p2", noon(2))),
        of(A, profile("x", noon(2), tier="gold")),
    )
    assert town.person(A).current.purchases == 2
    assert town.person(C).attributes["tier"].value == "gold"
    assert names(town, B) == [A, B]


def test_an_event_that_came_before_the_merge_is_known_after_it() -> None:
    bought = of(A, purchase("p1", noon(0)))
    town = Town().tell(bought, merge(A, B, noon(1)), bought)
    assert town.met[-1].duplicate
    assert town.person(B).current.purchases == 1


def test_a_shared_device_is_the_first_persons_who_says_so_and_never_makes_two_persons_one() -> None:
    town = Town().tell(
        of(A, purchase("p1", noon(0))),
        merge(A, B, noon(1), unless_taken=True),
        of(C, purchase("p2", noon(2))),
        merge(A, C, noon(2), unless_taken=True),
        of(A, purchase("p3", noon(3))),
    )
    assert (town.persons, town.aliases) == ([B, C], {A: B})
    assert (town.person(B).current.purchases, town.person(C).current.purchases) == (2, 1)


def test_a_merge_that_leaves_alone_what_is_taken_is_any_other_merge_where_nothing_is() -> None:
    plain, asked = (
        Town().tell(
            of(A, purchase("p1", noon(0))),
            of(B, purchase("p2", noon(1))),
            merge(A, B, noon(2), unless_taken=unless_taken),
        )
        for unless_taken in (False, True)
    )
    assert (plain.held, plain.effects) == (asked.held, asked.effects)


def test_a_merge_of_ids_that_nobody_knew_makes_a_prospect_with_two_names() -> None:
    town = Town().tell(merge(A, B, noon(3)))
    assert (town.persons, town.aliases, names(town, A)) == ([B], {A: B}, [A])
    assert changes(town) == [(B, "lifecycle.changed", "merged")]
    assert town.person(B).standing.lifecycle == "prospect"
    assert town.person(B).known_since_ms == noon(3)


@pytest.mark.parametrize(
    "again", [merge(A, B, noon(5), "another"), merge(A, B, noon(2)), merge(A, C, noon(5))]
)
def test_a_merge_that_is_true_already_changes_nothing(again: Read) -> None:
    town = Town().tell(of(A, purchase("p1", noon(0))), merge(A, B, noon(2)), merge(B, C, noon(3)))
    before, told = dict(town.held), len(town.effects)
    town.tell(again)
    assert town.met[-1].duplicate
    assert (town.held, len(town.effects), town.rejected) == (before, told, [])


def test_merging_a_name_merges_the_person() -> None:
    town = Town().tell(
        of(B, purchase("p1", noon(0))), merge(A, B, noon(1)), merge(A, C, noon(2), "late wish")
    )
    assert (town.persons, town.aliases) == ([C], {A: B, B: C})
    assert (town.person(A).current.purchases, names(town, C)) == (1, [A, B])


def test_a_merge_into_oneself_by_way_of_a_name_changes_nothing() -> None:
    person = Town().tell(of(B, purchase("p1", noon(0)))).person(B)
    met = meet(B, person, of(B, merge(A, B, noon(2))), -1, noon(2), GROCERY, None)
    assert (met.held, met.duplicate, met.sent) == (person, True, ())


def test_a_merge_into_ones_own_name_is_a_dead_letter_that_says_what_to_do() -> None:
    town = Town().tell(of(A, purchase("p1", noon(0))), merge(A, B, noon(1)))
    before = dict(town.held)
    town.tell(merge(B, A, noon(2)))
    assert [each.detail for each in town.rejected] == [
        "into: is another name of this customer already; merge the other way round"
    ]
    assert town.held == before


def test_two_merges_that_cross_end_at_the_smaller_id_with_everything() -> None:
    town = Town().tell(of(A, purchase("p1", noon(0))), of(B, purchase("p2", noon(1))))
    town.write(merge(A, B, noon(2)), merge(B, A, noon(3)))
    town.turn([0, 2])  # both are read before either is relayed
    assert town.aliases == {A: B, B: A}
    town.live()
    assert (town.persons, town.aliases, names(town, B)) == ([A], {B: A}, [B])
    assert town.person(A).current.purchases == 2


def test_a_ring_that_closes_behind_a_merge_that_is_done_comes_to_rest() -> None:
    town = Town().tell(of(A, purchase("p1", noon(0))), merge(A, B, noon(1)))
    town.write(merge(B, C, noon(2)), merge(C, A, noon(3)))
    town.turn([2, 4])  # B and C read theirs; nothing has been relayed
    assert town.aliases == {A: B, B: C, C: A}
    town.live()
    assert (town.persons, names(town, B)) == ([B], [A, C])
    assert town.person(A).current.purchases == 1


def test_a_transfer_that_opened_a_ring_opens_nothing_when_it_comes_again() -> None:
    town = Town().tell(of(A, purchase("p1", noon(0))))
    town.write(merge(A, B, noon(2)), merge(B, A, noon(3)))
    town.turn([0, 2])
    (sent,) = town.met[-2].sent
    town.live()
    town.tell(merge(A, D, noon(4)))
    assert sent.value is not None
    known = Transfer.model_validate_json(sent.value)
    again = known.model_copy(update={"customer_id": A, "via": (B,)})
    before = dict(town.held)
    town.tell(Read(again, sent.event_id, noon(2)))
    assert (town.held, town.persons) == (before, [D])
    assert town.person(D).current.purchases == 1


def test_a_state_that_cannot_be_read_is_a_dead_letter_and_nobody_is_changed() -> None:
    bought = of(B, purchase("p1", noon(0)))
    for reads in ([], [bought], [erase(B, noon(3))]):
        town = Town().tell(*reads)
        before = dict(town.held)
        town.tell(transfer(B, A, noon(2), b"\x93\x04no state"))
        (rejected,) = town.rejected
        assert rejected.detail.startswith("state: 10 bytes are not a customer's state")
        assert town.held == before


def test_an_alias_in_place_of_a_state_is_a_dead_letter() -> None:
    packed = msgpack.packb((SCHEMA_VERSION, "alias", "c", 1))
    town = Town().tell(transfer(B, A, noon(2), packed))
    assert [each.detail for each in town.rejected] == [
        "state: an alias stands where a state is needed"
    ]


@pytest.mark.parametrize("through_ms", [-1, noon(3)])
def test_a_state_of_a_newer_version_stops_the_worker(through_ms: int) -> None:
    read = transfer(B, A, noon(2), msgpack.packb((SCHEMA_VERSION + 1, "what comes then")))
    with pytest.raises(NewerSchema, match="run a version at least as new"):
        meet(B, None, read, through_ms, noon(2), GROCERY, None)


@pytest.mark.parametrize(("more", "refused"), [(0, False), (1, True)])
def test_sums_that_would_not_fit_are_not_added(more: int, refused: bool) -> None:
    rich = CustomerState(noon(0), Ledger(spent_minor=MAX_SUM_MINOR // 2))
    other = CustomerState(noon(0), Ledger(spent_minor=MAX_SUM_MINOR // 2 + more))
    met = meet(B, rich, transfer(B, A, noon(2), encode_state(other)), -1, noon(2), GROCERY, None)
    detail = met.rejected and met.rejected.detail
    assert (met.held is rich) == refused
    assert detail == ("state: the sums of both would no longer fit into 64 bits" * refused or None)


def test_a_person_has_at_most_a_thousand_names() -> None:
    many = CustomerState(noon(0), names={f"n{number}": noon(0) for number in range(MAX_NAMES - 1)})
    met = meet(B, many, transfer(B, A, noon(2), None), -1, noon(2), GROCERY, None)
    assert isinstance(met.held, CustomerState)
    assert len(met.held.names) == MAX_NAMES
    full = meet(B, met.held, transfer(B, C, noon(2), None), -1, noon(2), GROCERY, None)
    assert full.rejected is not None
    assert full.rejected.detail == "merged_id: this customer has 1000 names; at most 1000"
    assert full.held is met.held


def test_a_thousand_names_do_not_keep_a_ring_closed() -> None:
    held = CustomerState(noon(0), names={f"n{number}": noon(0) for number in range(MAX_NAMES)})
    read = transfer(A, A, noon(2), encode_state(held), via=[A, B])
    met = meet(A, Alias(B, noon(2)), read, -1, noon(2), GROCERY, None)
    assert isinstance(met.held, CustomerState)
    assert met.rejected is None


def test_the_newest_attributes_stay_where_both_have_many() -> None:
    def described(customer_id: str, day: int) -> Read:
        values = {f"{customer_id}{number}": "v" for number in range(60)}
        return of(customer_id, profile(f"x{customer_id}", noon(day), **values))

    town = Town().tell(described(A, 0), described(B, 1), merge(A, B, noon(2)))
    kept = town.person(B).attributes
    assert len(kept) == 64
    assert sum(name.startswith(B) for name in kept) == 60


def test_a_transfer_says_whence_it_comes_and_is_the_same_each_time() -> None:
    town = Town().tell(of(A, purchase("p1", noon(0))))
    state = town.held[A]
    one, other = (meet(A, state, merge(A, B, noon(1)), -1, noon(1), GROCERY, None) for _ in "12")
    assert one.sent == other.sent
    (sent,) = one.sent
    assert (sent.customer_id, sent.kind) == (B, Kind.TRANSFER)
    assert len(sent.event_id) == 32
