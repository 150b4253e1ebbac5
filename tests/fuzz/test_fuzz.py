"""Whatever the bytes: every reader accepts them or refuses them by name; see `targets.py`."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.shapes import BEYOND_FLOATS
from tests.fuzz.targets import TARGETS, Target
from tests.support.histories import thoroughly

HOSTILE: tuple[Any, ...] = (
    *(float("nan"), float("inf"), -0.0, 1e308, 5e-324, BEYOND_FLOATS),
    *(-1, 0, 2**31, 2**53 + 1, -(2**63), 2**63, 2**64 - 1),
    *(None, True, "", "\ud800", "\0", "x" * 300, [], {}, [[]], {"": None}),
)
HUGE: tuple[Any, ...] = (10**400, -(10**400), "9" * 5_000)
PIECES = (
    b"NaN",
    b"1e400",
    b"-1",
    b"null",
    b'"\\ud800"',
    b"\0",
    b"\xff",
    b"[[[[",
    b"\xc1",
    b"9" * 5_000,
)
wrong = st.sampled_from((*HOSTILE, *HUGE)) | st.integers() | st.floats() | st.text(max_size=4)
few = settings(thoroughly, max_examples=max(10, thoroughly.max_examples // 6))
every_target = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
shaped = pytest.mark.parametrize(
    "target", [each for each in TARGETS if each.shape], ids=lambda target: target.name
)


@cache
def accepted(target: Target) -> tuple[bytes, ...]:
    return tuple(seed for seed in target.seeds() if target.accepts(seed))


@every_target
def test_what_is_known_is_read_or_refused_by_name_and_what_is_read_comes_back(
    target: Target,
) -> None:
    assert accepted(target)


@every_target
@few
@given(data=st.data())
def test_damaged_bytes_are_read_or_refused_by_name(target: Target, data: st.DataObject) -> None:
    packed = data.draw(st.sampled_from(accepted(target)))
    for _ in range(data.draw(st.integers(1, 3))):
        begin = data.draw(st.integers(0, len(packed)))
        end = data.draw(st.integers(begin, min(len(packed), begin + 9)))
        piece = data.draw(st.binary(max_size=4) | st.sampled_from(PIECES))
        packed = packed[:begin] + piece + packed[end:]
    target.accepts(packed)


@shaped
@few
@given(data=st.data())
def test_a_wrong_value_anywhere_is_read_or_refused_by_name(
    target: Target, data: st.DataObject
) -> None:
    assert target.shape is not None
    packed = data.draw(st.sampled_from(accepted(target)))
    tree = target.shape.apart(packed)
    for _ in range(data.draw(st.integers(1, 2))):
        tree = with_a_change(tree, data)
    target.accepts(together(target, tree))


def together(target: Target, tree: Any) -> bytes:
    """Its bytes; where the format can't hold a value, it is written out as text."""
    assert target.shape is not None
    try:
        return target.shape.together(tree)
    except (TypeError, ValueError, OverflowError, AttributeError):
        return repr(tree).encode("utf-8", "replace")


def with_a_change(tree: Any, data: st.DataObject) -> Any:
    """A value somewhere in it replaced, or its neighbour's put there, or taken out."""
    tree = deepcopy(tree)
    places = list(places_in(tree))
    if not places:
        return data.draw(wrong)
    inside, at = data.draw(st.sampled_from(places))
    if data.draw(st.integers(0, 5)) == 0:
        del inside[at]
    else:
        inside[at] = data.draw(wrong)
    return tree


def places_in(tree: Any) -> Any:
    """Every list or object in it, with each index or name."""
    if isinstance(tree, dict | list):
        for at in tree if isinstance(tree, dict) else range(len(tree)):
            yield tree, at
            yield from places_in(tree[at])
