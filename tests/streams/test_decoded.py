"""States that are kept beside their bytes: never another one than the bytes say."""

from __future__ import annotations

from hypothesis import given

from models.codec import Encoded, decode_held, encode_after, encode_held, encode_state
from models.customer import Alias
from models.events import Read
from streams.decoded import Decoded
from tests.support.histories import crowded_histories, thoroughly
from tests.support.story import noon, purchase, tell

ONCE = tell(purchase("a", noon(0))).customer
TWICE = tell(purchase("a", noon(0)), purchase("b", noon(9))).customer


def test_what_was_written_is_not_decoded_again() -> None:
    decoded = Decoded()
    packed = decoded.written("ada", TWICE)
    assert packed == encode_state(TWICE)
    assert decoded.read("ada", packed) is TWICE


def test_equal_bytes_that_come_back_from_a_store_are_those_that_were_written() -> None:
    decoded = Decoded()
    packed = bytes(bytearray(decoded.written("ada", TWICE)))
    assert decoded.read("ada", packed) is TWICE


def test_other_bytes_than_those_written_say_what_holds() -> None:
    decoded = Decoded()
    decoded.written("ada", TWICE)  # the fence let nothing of it through
    assert decoded.read("ada", encode_state(ONCE)) == ONCE


def test_one_customers_state_is_not_anothers() -> None:
    decoded = Decoded()
    decoded.written("ada", TWICE)
    assert decoded.read("bob", encode_state(ONCE)) == ONCE


def test_an_alias_takes_the_place_of_a_state() -> None:
    decoded, alias = Decoded(), Alias("bob", noon(3))
    decoded.written("ada", ONCE)
    packed = decoded.written("ada", alias)
    assert packed == encode_held(alias)
    assert decoded.read("ada", packed) == alias


def test_those_met_last_are_kept() -> None:
    size = len(encode_state(TWICE))
    decoded = Decoded(kept_bytes=2 * size)
    packed = {name: decoded.written(name, TWICE._replace()) for name in ("ada", "bob", "cem")}
    first = decoded.read("cem", packed["cem"])
    assert decoded.read("cem", packed["cem"]) is first
    assert decoded.read("ada", packed["ada"]) == TWICE  # had to go
    again = decoded.read("cem", packed["cem"])
    assert again is first


def test_who_was_forgotten_is_decoded_anew() -> None:
    decoded = Decoded()
    packed = decoded.written("ada", TWICE)
    decoded.forget("ada")
    again = decoded.read("ada", packed)
    assert again == TWICE
    assert again is not TWICE


@thoroughly
@given(crowded_histories(at_most=8))
def test_a_state_packed_after_another_is_packed_as_if_alone(events: list[Read]) -> None:
    before: Encoded | None = None
    for count in range(1, len(events) + 1):
        state = tell(*events[:count]).state
        if state is None:
            continue
        before = encode_after(before, state)
        assert before.packed == encode_state(state)
        moved = state._replace(regroup_ms=count, current=state.current._replace(moved_ms=count))
        before = encode_after(before, moved)
        assert decode_held(before.packed) == moved
