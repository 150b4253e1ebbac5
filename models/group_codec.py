"""The groups of a customer ⇄ a few bytes: one letter for a kind, a number for a group that all installations have.

The letters, and the places of names in the tables that they come from, are part of the schema of states
(`models/codec.py`). Kinds and groups that are not here are written out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.churn import BANDS
from models.outlook import TIERS
from models.rfm import GROUP_NAMES

_LETTERS = {
    "quintile": "q",
    "klaviyo": "k",
    "braze": "b",
    "china8": "8",
    "cluster": "c",
    "tier": "t",
    "risk": "r",
}
_NAMES = {letter: kind for kind, letter in _LETTERS.items()}
_GROUPS = {
    **{scheme: tuple(groups) for scheme, groups in GROUP_NAMES.items()},
    "tier": TIERS,
    "risk": BANDS,
}
_SHORT = {
    (kind, group): (_LETTERS[kind], place)
    for kind, groups in _GROUPS.items()
    for place, group in enumerate(groups)
}
_LONG = {short: long for long, short in _SHORT.items()}


def shortened(groups: Mapping[str, str]) -> dict[str, str | int]:
    """As it is written.

    >>> shortened({"quintile": "loyal", "cluster": "12", "value.yearly": "better"})
    {'q': 1, 'c': '12', 'value.yearly': 'better'}
    """
    written: dict[str, str | int] = {}
    for pair in groups.items():
        kind, group = _SHORT.get(pair) or (_LETTERS.get(pair[0], pair[0]), pair[1])
        written[kind] = group
    return written


def lengthened(written: Mapping[str, Any]) -> dict[str, str]:
    """The reverse; what older schemas have written out stays as it is.

    >>> lengthened({"q": 1, "c": "12", "value.yearly": "better"})
    {'quintile': 'loyal', 'cluster': '12', 'value.yearly': 'better'}

    Raises:
        KeyError: a number that stands for no group.
    """
    groups: dict[str, str] = {}
    for pair in written.items():
        kind, group = (
            _LONG[pair] if isinstance(pair[1], int) else (_NAMES.get(pair[0], pair[0]), pair[1])
        )
        groups[kind] = group
    return groups
