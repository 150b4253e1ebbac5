"""A state survives being written down; anything else is refused by name."""

from __future__ import annotations

from base64 import b64decode
from contextlib import suppress

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.codec import (
    SCHEMA_VERSION,
    CorruptState,
    NewerSchema,
    decode_held,
    decode_state,
    encode_held,
    encode_state,
)
from models.customer import Alias, CustomerState
from models.daybook import Daybook, before_it_was_kept
from models.events import Item, Read
from models.policy import Policy
from tests.support.histories import crowded_histories, long_histories, policies, thoroughly
from tests.support.older_states import fields_of_schema_7
from tests.support.story import noon, profile, purchase, refund, tell, tick

CATEGORIES = ("bread", "milk", "fruit", "vegetables", "coffee", "cheese", "soap", "wine")


def basket(week: int) -> list[Item]:
    """Three lines, another choice each week, one of them at a discount."""
    return [
        Item(
            sku=f"s{line}",
            quantity=1 + line,
            unit_price_minor=200,
            category=CATEGORIES[(week + 3 * line) % len(CATEGORIES)],
            discount_minor=50 * (line == 2),
        )
        for line in range(3)
    ]


A_REGULAR = tell(
    *(purchase(f"p{week}", noon(7 * week), items=basket(week)) for week in range(100)),
    refund("r", noon(700), order="o"),
    profile("x", noon(700), tier="gold"),
).customer

few_events = crowded_histories(at_most=10)
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text()
trees = st.recursive(
    scalars | st.binary(),
    lambda below: st.lists(below) | st.dictionaries(st.text() | st.binary(), below),
    max_leaves=6,
)


@thoroughly
@given(few_events | long_histories(), policies)
def test_a_state_comes_back_as_it_was(events: list[Read], policy: Policy) -> None:
    state = tell(*events, policy=policy).customer
    packed = encode_state(state)
    assert decode_state(packed) == state
    assert encode_state(decode_state(packed)) == packed


def test_a_regular_with_baskets_groups_and_a_place_in_the_sketch_comes_back() -> None:
    contribution = A_REGULAR.contribution
    assert contribution is not None
    state = A_REGULAR._replace(
        contribution=contribution._replace(slot=7),
        groups={"quintile": "champions", "cluster": "12", "tier": "high", "risk": "low"},
        regroup_ms=noon(800),
    )
    assert decode_state(encode_state(state)) == state


@thoroughly
@given(few_events | long_histories(), policies)
def test_a_state_that_schema_7_has_written_is_read_as_it_was(
    events: list[Read], policy: Policy
) -> None:
    state = tell(*events, policy=policy).customer
    assert decode_held(msgpack.packb(fields_of_schema_7(state))) == state


@thoroughly
@given(few_events, policies)
def test_equal_states_have_equal_bytes(events: list[Read], policy: Policy) -> None:
    one = tell(*events, policy=policy).customer._replace(sequence=0)
    other = tell(*reversed(events), policy=policy).customer._replace(sequence=0)
    assert (encode_state(one) == encode_state(other)) == (one == other)


@thoroughly
@given(st.data(), few_events, policies)
def test_truncated_bytes_are_corrupt(
    data: st.DataObject, events: list[Read], policy: Policy
) -> None:
    packed = encode_state(tell(*events, policy=policy).customer)
    with pytest.raises(CorruptState):
        decode_state(packed[: data.draw(st.integers(0, len(packed) - 1))])
    with pytest.raises(CorruptState):
        decode_state(packed + data.draw(st.binary(min_size=1)))


@thoroughly
@given(st.binary() | trees.map(msgpack.packb))
def test_garbage_is_corrupt_or_newer_and_nothing_else(garbage: bytes) -> None:
    with pytest.raises((CorruptState, NewerSchema)):
        decode_state(garbage)


@thoroughly
@given(st.integers(1, 11), st.integers(0, 22), st.booleans(), trees)
def test_a_wrong_field_never_raises_anything_unnamed(
    field: int, of_ledger: int, inside: bool, wrong: object
) -> None:
    fields = msgpack.unpackb(encode_state(A_REGULAR))
    if inside:
        fields[3][of_ledger] = wrong
    else:
        fields[field] = wrong
    _is_read_or_refused(msgpack.packb(fields))


@thoroughly
@given(st.data(), few_events, policies)
def test_flipped_bytes_are_read_or_refused_by_name(
    data: st.DataObject, events: list[Read], policy: Policy
) -> None:
    packed = bytearray(encode_state(tell(*events, policy=policy).customer))
    packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    _is_read_or_refused(bytes(packed))


def _is_read_or_refused(packed: bytes) -> None:
    """Nothing else is raised; a wrong number where a number belongs can't be seen."""
    with suppress(CorruptState, NewerSchema):
        assert isinstance(decode_state(packed), CustomerState)


def test_newer_schema_is_refused_and_names_the_way_out() -> None:
    packed = msgpack.packb([SCHEMA_VERSION + 1, "whatever", "comes", "then"])
    with pytest.raises(NewerSchema, match="schema 9, this version reads up to 8; run a version"):
        decode_state(packed)


@pytest.mark.parametrize("version", [0, -1, "1", None, [1]])
def test_there_is_no_schema_below_one(version: object) -> None:
    packed = msgpack.packb([version, 0, 0, [], None, -1, [], {}])
    with pytest.raises(CorruptState):
        decode_state(packed)


@pytest.mark.parametrize(
    "nobody", [b"", b"\x80", b"\x90", b"\xc0", b"\xc1", b"\x81\xa1a\x01", b"null", b"\x91" * 3_000]
)
def test_bytes_that_never_were_a_state_are_corrupt(nobody: bytes) -> None:
    with pytest.raises(CorruptState, match=f"^{len(nobody)} bytes are not a customer's state"):
        decode_state(nobody)


def without_days(state: CustomerState) -> CustomerState:
    """What an older schema had of them: what was bought lies before any window."""
    current, settled = (
        each._replace(book=before_it_was_kept(each.sums)) for each in (state.current, state.settled)
    )
    events = tuple(each._replace(margin_minor=0, labels=b"") for each in state.remembered)
    return state._replace(current=current, settled=settled, remembered=events)


def test_a_weekly_shopper_of_two_years_takes_a_kilobyte_and_what_the_daybook_takes() -> None:
    assert A_REGULAR.current.itemised == 100
    assert all(each.categories for each in A_REGULAR.remembered if each.is_purchase)
    assert 512 < len(encode_state(without_days(A_REGULAR))) < 1_100
    book = A_REGULAR.current.book
    tables = len(book.rows) + sum(10 + len(each) for each in book.labels.values())
    assert len(encode_state(A_REGULAR)) < 1_100 + tables + 600  # and the labels that are remembered


def test_the_settled_daybook_is_written_as_the_beginning_of_the_current_one() -> None:
    settled = A_REGULAR.settled.book
    assert settled.rows
    assert settled.labels
    alone = A_REGULAR._replace(settled=A_REGULAR.settled._replace(book=Daybook()))
    assert len(encode_state(A_REGULAR)) - len(encode_state(alone)) < 256


def test_a_churned_customer_with_attributes_and_settled_years_comes_back() -> None:
    state = tell(
        profile("x", noon(0), gold=True, visits=3, score=0.5, city="Łódź", gone=None),
        purchase("p1", noon(1)),
        purchase("p2", noon(400), order="o1"),
        refund("r1", noon(401), 1, order="o1"),
        tick(noon(900)),
    ).customer
    assert state.settled_through_ms == noon(1)
    assert state.standing.lifecycle == "churned"
    assert decode_state(encode_state(state)) == state


# What version 3 wrote, as it wrote it; nobody had another name then.
REGULAR_3 = b64decode(
    "nAPPAAABjMTlIgAB3AAXA80LuM0BLM8AAAGMxOUiAM8AAAGNDP4qAACTzgALRkYHBxIDzJbEIBAAAAAAEAAAAAAAAAAI"
    "AAAAEAAAAAAEAAAgAgAAAACAy0AGEC4dlZ4Oy0CjZDiIAH/qy0AamZmZmZmakw0aQs4AC0ZiAcLCzwAAAYzE5SIAzwAA"
    "AY0M/ioAzwAAAY1ShAQAAsD/lJrPAAABjMTlIgDPVNkrl68AdXUAzQPoAMPNAnYGMsQgAAAAAAAQAAAAAAAAAAAAAAAA"
    "AAAAAAQAAAACAAAAAACazwAAAYzo8aYAz46gJiq8UdziAM0D6ADDzQJ2BjLEIBAAAAAAAAAAAAAAAAAIAAAAAAAAAAAA"
    "AAAgAAAAAAAAms8AAAGNDP4qAM/DYRwMGWUYlwDNA+gAw80CdgYyxCAAAAAAAAAAAAAAAAAAAAAAABAAAAAAAAAAAAIA"
    "AAAAgJrPAAABjRIkhgDPv9IMwDHWKeLP547MgMBPWqIAzQEswgAAAMQAgaR0aWVyk88AAAGNF0riAM8cGF4f9RP0gqRn"
    "b2xkgqhxdWludGlsZaljaGFtcGlvbnOnY2x1c3RlcqIxMs8AAAGNX2PqAJfOAAtGVc4AC0ZGzgALRlQDzQqMls0ES80H"
    "Z80a/c0Hms0IozAHwA=="
)
SETTLED_3 = b64decode(
    "nAPPAAABjMTlIgAK3AAXAs0H0AHPAAABjMoLfgDPAAABlNDU4gAAks4AC0ZHzQGPAAAAxADLP/AdWBjc+6XLQI91SLqJ"
    "ZD/LQGEmZmZmZmeTHDhwzgALRmMEwsLPAAABlxQwUADPAAABlxQwUADAwNwAFwHNA+gAzwAAAYzKC34AzwAAAYzKC34A"
    "AJHOAAtGRwAAAMQAyz/wAAAAAAAAy0CPQAAAAAAAy0AZMzMzMzMzkwwZP84AC0ZjAcLCzwAAAYzKC34AzwAAAYzKC34A"
    "zwAAAY0KavwAAs8AAAGMygt+AJKazwAAAZTQ1OIAz8NhHAwZZRiXzyhLBejDJ8tjzQPoAMPNAnYAAMQAms8AAAGU1fs+"
    "AM+mvMIcWhvT5M8oSwXowyfLYwABwgAAAMQAgqRnb2xkk88AAAGMxOUiAM8cGF4f9RP0gsOkZ29uZZPPAAABjMTlIgDP"
    "HBheH/UT9ILAgMCXzgALR9fOAAtGR84AC0fWAs0Hz5bNArXNEznNGv0AAAAAwA=="
)
PROSPECT_3 = b64decode(
    "nAPPAAABjMTlIgAB3AAXAAAAwMAAkAAAAMQAywAAAAAAAAAAywAAAAAAAAAAywAAAAAAAAAAwAAAwsIAAMDAwP+QgaRj"
    "aXR5k88AAAGMxOUiAM8cGF4f9RP0gqfFgcOzZMW6gMDAwA=="
)


def test_a_regular_of_schema_3_is_read_with_baskets_groups_and_place() -> None:
    told = tell(
        *(purchase(f"p{week}", noon(7 * week), items=basket(week)) for week in range(3)),
        refund("r", noon(15), 300, order="o"),
        profile("x", noon(16), tier="gold"),
    ).customer
    assert told.contribution is not None
    assert decode_state(REGULAR_3) == without_days(told)._replace(
        contribution=told.contribution._replace(slot=7),
        groups={"quintile": "champions", "cluster": "12"},
        regroup_ms=noon(30),
    )


def test_settled_years_and_prospects_of_schema_3_are_read() -> None:
    settled = tell(
        profile("x", noon(0), gold=True, gone=None),
        purchase("p1", noon(1)),
        purchase("p2", noon(400), order="o1"),
        refund("r1", noon(401), 1, order="o1"),
        tick(noon(900)),
    ).customer
    assert decode_state(SETTLED_3) == without_days(settled)
    assert decode_state(PROSPECT_3) == tell(profile("x", noon(0), city="Łódź")).customer


@pytest.mark.parametrize("packed", [REGULAR_3, SETTLED_3, PROSPECT_3])
def test_what_was_read_of_schema_3_is_written_in_this_one(packed: bytes) -> None:
    again = encode_state(decode_state(packed))
    assert msgpack.unpackb(again)[0] == SCHEMA_VERSION
    assert decode_state(again) == decode_state(packed)


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("packed", [REGULAR_3, SETTLED_3, PROSPECT_3])
def test_schemas_4_and_5_are_as_3_and_have_names(packed: bytes, version: int) -> None:
    fields = msgpack.unpackb(packed)
    named = msgpack.packb([version, *fields[1:], {"c2": noon(1)}])
    assert decode_state(named) == decode_state(packed)._replace(names={"c2": noon(1)})
    alias = encode_held(Alias("c2", noon(1)))
    assert decode_held(alias[:1] + bytes([version]) + alias[2:]) == Alias("c2", noon(1))


def test_a_state_of_schema_3_has_no_more_fields_than_it_had() -> None:
    with pytest.raises(CorruptState):
        decode_state(b"\x9d" + PROSPECT_3[1:] + b"\x80")


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_schema_is_refused_and_the_message_names_the_way_out(version: int) -> None:
    packed = PROSPECT_3[:1] + bytes([version]) + PROSPECT_3[2:]
    with pytest.raises(CorruptState, match=f"a state has schema {version}; .*segmenter rebuild"):
        decode_state(packed)


@thoroughly
@given(st.text(min_size=1, max_size=80), st.integers(0, 2**52))
def test_an_alias_comes_back_and_is_no_state(into: str, at_ms: int) -> None:
    packed = encode_held(Alias(into, at_ms))
    assert decode_held(packed) == Alias(into, at_ms)
    with pytest.raises(CorruptState, match="an alias stands where a state is needed"):
        decode_state(packed)


def test_a_state_with_names_comes_back() -> None:
    state = A_REGULAR._replace(names={"c2": noon(1), "Łódź 🛍️": noon(2)})
    assert decode_held(encode_held(state)) == state
    assert encode_held(state) == encode_state(state)
