"""The part of the policy that says what a segment needs to be worked with.

The criteria are those of marketing practice: measurable, substantial, stable, distinguishable (Kotler and
Keller, Marketing Management, on effective segmentation criteria). What counts as enough is a matter of the business.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from models.policy_segments import Frozen

Part = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Criteria(Frozen):
    """What is enough."""

    min_members: Annotated[int, Field(ge=2, le=1_000_000)] = Field(
        default=30,
        description="measurable: with fewer, a share is known to no better than ±18 points",
    )
    min_known: Part = Field(
        default=0.6, description="measurable: this share of the numbers of its members is known"
    )
    min_share: Part = Field(default=0.02, description="substantial: of all customers, at least")
    min_spend_share: Part = Field(
        default=0.01, description="substantial: of all that was spent within a year, at least"
    )
    min_staying: Part = Field(
        default=0.5, description="stable: of those in it 30 days ago, this share is in it now"
    )
    min_effect: Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)] = Field(
        default=0.5,
        description="distinguishable: in one number at least, its members lie so many standard "
        "deviations from all others (Cohen's d; 0.5 is a medium effect)",
    )


USUAL = Criteria()
