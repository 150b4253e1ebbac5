"""Who was erased: marks say up to when nothing counts any more, and nothing of who it was."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.codec import encode_state
from models.customer import Alias, CustomerState, event_hash
from models.erasure import (
    MAX_KEY_BYTES,
    Mark,
    Marks,
    NotAMark,
    Pseudonyms,
    Removed,
    decode_mark,
    encode_mark,
)
from models.events import Erasure, Kind
from models.identity import meet
from tests.support.histories import thoroughly
from tests.support.story import GROCERY, noon, profile, purchase, refund
from tests.support.town import A, B, C, Town, erase, merge, of, transfer

KEYED, OTHER = Pseudonyms(b"a secret"), Pseudonyms(b"another secret")
whole = st.integers(0, 2**53)
marks = st.builds(
    Mark,
    whole,
    st.text("0123456789abcdef", min_size=16, max_size=16),
    st.builds(Removed, st.booleans(), whole, whole, whole, st.booleans(), whole),
    st.integers(-1, 2**53),
)


def hashed(event_id: str) -> str:
    return f"{event_hash(event_id):016x}"


def through(customer_id: str, at_ms: int, through_ms: int) -> Erasure:
    asked = erase(customer_id, at_ms).event
    assert isinstance(asked, Erasure)
    return asked.model_copy(update={"through_ms": through_ms})


# names


def test_a_pseudonym_is_the_same_each_time_and_without_the_key_another() -> None:
    assert KEYED.of("c1") == Pseudonyms(b"a secret").of("c1") != KEYED.of("c2")
    assert len({names.of("c1") for names in (KEYED, OTHER, Pseudonyms())}) == 3
    assert len({names.sampled("c1") for names in (KEYED, OTHER, Pseudonyms())}) == 3
    assert len(KEYED.of("c1")) == 32
    assert 0 <= KEYED.sampled("c1") < 2**64


def test_keys_are_told_apart_by_four_bytes_and_the_empty_one_by_none() -> None:
    assert [len(each.key_id) for each in (KEYED, OTHER, Pseudonyms())] == [8, 8, 0]
    assert KEYED.key_id != OTHER.key_id
    assert Pseudonyms(b"k" * MAX_KEY_BYTES).of("c1")


# marks


@thoroughly
@given(marks)
def test_a_mark_comes_back_as_it_was(mark: Mark) -> None:
    assert decode_mark(encode_mark(mark)) == mark


def test_fields_of_later_versions_are_let_pass_and_missing_ones_removed_nothing() -> None:
    packed = b'{"through_ms": 7, "event": "e", "more": [], "removed": {"names": 2, "more": 1}}'
    assert decode_mark(packed) == Mark(7, "e", Removed(names=2))
    assert decode_mark(b'{"through_ms": 7, "event": "e"}') == Mark(7, "e")


trees: st.SearchStrategy[object] = st.sampled_from(
    (None, 7, "e", [], {}, [[1]], {"through_ms": "e"}, {"event": {}})
)


@thoroughly
@given(st.binary(max_size=40) | trees.map(lambda tree: json.dumps(tree).encode()))
def test_other_bytes_are_not_a_mark(packed: bytes) -> None:
    with pytest.raises(NotAMark):
        decode_mark(packed)


@pytest.mark.parametrize(
    "packed",
    [
        b'{"event": "e"}',
        b'{"through_ms": 7}',
        b'{"through_ms": null, "event": "e"}',
        b'{"through_ms": 7, "event": "e", "removed": []}',
        b"[" * 100_000,
    ],
)
def test_a_mark_without_its_moment_or_of_another_shape_is_none(packed: bytes) -> None:
    with pytest.raises(NotAMark, match=f"^{len(packed)} bytes are not an erasure"):
        decode_mark(packed)


def test_of_two_erasures_of_one_person_the_later_moment_holds() -> None:
    known = Marks(KEYED)
    assert known.through_ms("c1") == -1
    known.add("c1", Mark(20, "late"))
    name = known.add("c1", Mark(10, "early"))
    assert (known.through_ms("c1"), known.through_ms("c2")) == (20, -1)
    assert known.known(name) == Mark(20, "early")


def test_an_erasure_that_is_read_again_keeps_its_receipt() -> None:
    known, removed = Marks(KEYED), Removed(state=True, purchases=3)
    known.add("c1", Mark(20, "e", removed))
    assert known.known(known.add("c1", Mark(15, "e"))) == Mark(20, "e", removed)
    other = Marks(KEYED)
    other.add("c1", Mark(15, "e"))
    assert other.known(other.add("c1", Mark(20, "e", removed))) == Mark(20, "e", removed)


def test_changes_are_taken_once_and_name_nobody() -> None:
    known = Marks(KEYED, {KEYED.of("c1"): Mark(1, "e1")})
    assert known.take_changes() == {}
    name = known.add("c2", Mark(2, "e2"))
    assert known.take_changes() == {name: encode_mark(Mark(2, "e2"))}
    assert known.take_changes() == {}
    assert name == KEYED.of("c2")


def test_marks_that_a_fold_begins_with_are_all_to_be_written_and_know_that_they_were_there() -> (
    None
):
    born = Marks.new(KEYED, {KEYED.of("c1"): Mark(1, "e1")})
    assert born.through_ms("c1") == 1
    assert born.take_changes() == {KEYED.of("c1"): encode_mark(Mark(1, "e1", born_through_ms=1))}
    name = born.add("c1", Mark(2, "e2"))
    assert born.known(name) == Mark(2, "e2", born_through_ms=1)


# what an erasure does


def test_an_erasure_takes_everything_out_and_says_what() -> None:
    town = Town().tell(
        of(B, purchase("p1", noon(0), order="o1")),
        of(B, purchase("p2", noon(100))),
        of(B, refund("r1", noon(101), 1, of_event="p2")),
        of(B, profile("x", noon(101), city="Rome", tier="gold")),
        merge(A, B, noon(102)),
        erase(B, noon(103), "please"),
    )
    assert town.held == {}
    removed = Removed(True, 2, 2, 2, True, 1)  # noqa: FBT003
    assert town.marks[B] == Mark(noon(103), hashed("please"), removed)
    assert town.marks[A]._replace(event="") == Mark(noon(103), "", Removed(names=1))
    erased = [each for each in town.effects if each.type == "customer.erased"]
    assert [(each.customer_id, each.after) for each in erased] == [(B, None)]


def test_what_is_known_from_after_the_erasures_moment_goes_too() -> None:
    town = Town().tell(of(B, purchase("p1", noon(5))), erase(B, noon(3)))
    assert (town.held, town.marks[B].through_ms) == ({}, noon(5))
    late = of(B, purchase("p2", noon(4)))
    assert town.tell(late).held == {}
    assert town.met[-1].forgotten


def test_the_erasure_of_somebody_unknown_is_remembered() -> None:
    town = Town().tell(erase(B, noon(3), "please"))
    assert (town.held, town.marks, town.effects) == ({}, {B: Mark(noon(3), hashed("please"))}, [])
    assert town.tell(of(B, purchase("p1", noon(3)))).held == {}
    assert town.tell(of(B, purchase("p2", noon(3) + 1))).person(B).current.purchases == 1


def test_whoever_buys_again_begins_anew() -> None:
    bought = of(B, purchase("p2", noon(9)))
    town = Town().tell(of(B, purchase("p1", noon(0))), erase(B, noon(3)), bought)
    assert town.person(B) == Town().tell(bought).person(B)
    assert town.effects[-1].sequence == 1


def test_an_erasure_asked_for_twice_leaves_alone_what_came_between() -> None:
    asked, bought = erase(B, noon(3), "please"), of(B, purchase("p2", noon(9)))
    town = Town().tell(of(B, purchase("p1", noon(0))), asked, bought)
    before = town.marks[B]
    town.tell(asked, erase(B, noon(2), "older"))
    assert town.person(B).current.purchases == 1
    assert town.marks[B].through_ms == before.through_ms
    assert town.tell(erase(B, noon(10))).held == {}


def test_an_erasure_reaches_what_was_merged_in_after_an_erasure() -> None:
    town = Town().tell(
        erase(B, noon(3)),
        of(A, purchase("p1", noon(0))),
        merge(A, B, noon(4)),
        erase(A, noon(2), "asked by the other name, read late"),
    )
    assert town.held == {}


def test_by_another_name_the_whole_person_is_erased_and_the_name_is_marked() -> None:
    town = Town().tell(of(A, purchase("p1", noon(0))), merge(A, B, noon(1)), merge(B, C, noon(2)))
    town.tell(erase(A, noon(3)))
    assert (town.held, sorted(town.marks)) == ({}, [A, B, C])
    for late in (of(A, purchase("p2", noon(3))), merge(A, B, noon(1)), merge(C, A, noon(2))):
        assert town.tell(late).held == {}


def test_a_merge_that_arrives_after_the_erasure_of_either_erases_the_other() -> None:
    bought = [of(A, purchase("p1", noon(0))), of(B, purchase("p2", noon(1)))]
    for one, into in ((A, B), (B, A)):
        town = Town().tell(*bought, erase(A, noon(3)), merge(one, into, noon(2)))
        assert (town.held, sorted(town.marks)) == ({}, [A, B])


def test_a_merge_from_after_the_erasure_is_a_new_beginning() -> None:
    town = Town().tell(of(A, purchase("p1", noon(0))), erase(A, noon(3)), merge(A, B, noon(4)))
    assert (town.persons, town.aliases) == ([B], {A: B})
    assert town.person(B).current.purchases == 0


def test_an_alias_from_after_the_erasure_stays() -> None:
    alias = Alias(C, noon(4))
    read = erase(A, noon(1))._replace(event=through(A, noon(1), noon(3)))
    met = meet(A, alias, read, -1, noon(4), GROCERY, None)
    assert (met.held, met.mark and met.mark.through_ms) == (alias, noon(3))
    older = Alias(C, noon(3))
    assert meet(A, older, read, -1, noon(4), GROCERY, None).held is None


def test_the_erasure_of_a_name_that_has_begun_anew_leaves_it_alone() -> None:
    anew = CustomerState(noon(5))
    read = erase(A, noon(1))._replace(event=through(A, noon(1), noon(9)))
    met = meet(A, anew, read, noon(3), noon(9), GROCERY, None)
    assert (met.held, met.mark, met.duplicate) == (anew, None, True)


def test_an_erasure_for_other_names_carries_the_same_ids_each_time() -> None:
    state = CustomerState(noon(0), names={A: noon(1), C: noon(2)})
    sent = [meet(B, state, erase(B, noon(3)), -1, noon(3), GROCERY, None).sent for _ in "12"]
    assert sent[0] == sent[1]
    assert [(each.customer_id, each.kind) for each in sent[0]] == [
        (A, Kind.ERASURE),
        (C, Kind.ERASURE),
    ]
    assert len({each.event_id for each in sent[0]}) == 2


def test_a_transfer_that_comes_too_late_takes_all_its_names_with_it() -> None:
    state = CustomerState(noon(0), names={C: noon(6)})
    read = transfer(B, A, noon(2), encode_state(state))
    met = meet(B, None, read, noon(3), noon(9), GROCERY, None)
    assert (met.held, met.forgotten, met.rejected) == (None, True, None)
    assert [each.customer_id for each in met.sent] == [A, C]
    for each in met.sent:  # up to the newest that it brought
        assert Erasure.model_validate_json(each.value or b"").through_ms == noon(6)
