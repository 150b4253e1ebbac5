"""Policies in processes of their own come to what they come to here."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from itertools import islice
from multiprocessing import Pipe

import pytest

from models.policy import Policy, policy_from_preset
from streams.alert_notices import Cleared, Forgotten, Notice, Raised, Resolved
from streams.messages import rfc3339
from streams.sources import SourceRecord
from streams.trial import Group, Here, Morning, Stand, Trial
from streams.trial_apart import Apart, ProcessEnded, grouped
from tests.streams.shoppers_file import shoppers

EVENTS = 430
SHORT = {"own_horizon": {"min_days": 2, "max_days": 4}}  # so that much is known soon


def policy(overdue_days: int) -> Policy:
    rules = {"overdue": {"on": "customer.overdue", "cool_down_days": 0}}
    limits = {"mode": "fixed", "overdue": {"fixed_days": overdue_days}}
    parts = {"alerts": {"rules": rules}, "lifecycle": limits, "outlook": SHORT}
    return policy_from_preset("grocery", clusters={"k": 4}, **parts)


POLICIES = [policy(5), policy(6)]
*_, LAST = islice(shoppers(), EVENTS)
ERASED_AT_MS = LAST.occurred_at_ms + 1
ERASURE = SourceRecord(
    "erasure",
    LAST.customer_id,
    ERASED_AT_MS,
    json.dumps(
        {
            "event_id": "gone",
            "customer_id": LAST.customer_id,
            "occurred_at": rfc3339(ERASED_AT_MS),
        }
    ).encode(),
)


async def lived(
    policies: Sequence[Policy], groups: Sequence[Group]
) -> tuple[list[list[Morning]], list[Stand]]:
    trial, seen = Trial(policies, groups), list[list[Morning]]()

    async def look(day: int) -> bool:
        seen.append(await trial.mornings(day))
        return True

    await trial.run([*islice(shoppers(), EVENTS), ERASURE], look)
    return seen, await trial.stands()


def told(notices: Sequence[Notice]) -> list[object]:
    """Without the texts of events, which stay where they are."""
    return [
        each._replace(told=b"") if isinstance(each, Raised | Cleared) else each for each in notices
    ]


def test_what_they_say_is_the_same_in_the_same_order() -> None:
    with grouped(POLICIES, cores=2) as groups:
        assert [type(each) for each in groups] == [Apart, Apart]
        apart, ends = asyncio.run(lived(POLICIES, groups))
    here, same_ends = asyncio.run(lived(POLICIES, [Here(POLICIES)]))
    assert ends == same_ends
    assert len(apart) == len(here) > 30
    for one, other in zip(apart, here, strict=True):
        assert [each.sizes for each in one] == [each.sizes for each in other]
        assert [told(each.notices) for each in one] == [told(each.notices) for each in other]
    kinds = {type(each) for morning in here for side in morning for each in side.notices}
    assert kinds == {Raised, Cleared, Resolved, Forgotten}


def test_one_core_or_one_policy_needs_no_other_process() -> None:
    for policies, cores in ((POLICIES, 1), (POLICIES[:1], 8)):
        with grouped(policies, cores) as groups:
            assert [type(each) for each in groups] == [Here]


def test_a_process_that_has_ended_is_told_and_not_waited_for() -> None:
    here, there = Pipe()
    there.close()
    for asked in (Apart(here).begin(738_886), Apart(here).mornings()):
        with pytest.raises(ProcessEnded, match="a process that replays a policy has ended"):
            asyncio.run(asked)
