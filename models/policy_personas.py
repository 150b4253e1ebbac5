"""The part of the policy that says what personas do not speak of.

Enters: names. Leaves: names. Forbidden here: which of them anybody has bought.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from models.policy_segments import Frozen

MAX_LEFT_OUT = 500
Name = Annotated[str, Field(min_length=1, max_length=200)]


class Spoken(Frozen):
    """What personas speak of: everything but what is left out."""

    leave_out: Annotated[tuple[Name, ...], Field(max_length=MAX_LEFT_OUT)] = Field(
        default=(),
        description="labels (of categories, brands, channels, stores …) and attributes that no persona "
        "speaks of and no card shows",
    )


EVERYTHING = Spoken()
