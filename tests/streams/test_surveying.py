"""A survey of a store: everybody who is a person, as a lookup would show them, in every segment they are in."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgpack
import pytest

from models.daybook import label_key
from models.effects import Cause, EffectType, PublishChange
from models.ledger import Standing
from models.lifecycle import State
from models.member import Change
from models.policy import Policy, policy_from_preset
from models.policy_record import PublishedPolicy
from models.segments import all_segments
from streams.lookup import Lookup
from streams.loop import Loop
from streams.messages import pack_history
from streams.sources import SourceRecord
from streams.surveyed_events import fold_events, survey_of_events
from streams.surveying import Packed, Taken, changes_in, take_survey
from tests.support.story import DAY_MS, noon

NOW_MS = 0  # nobody keeps the store alive: everybody is shown as of its clock


def shop_policy(**sections: Any) -> Policy:
    rules = {"tea": {"when": 'category["TEA"].spend_365d >= 10'}}
    return policy_from_preset("grocery", segments=rules, **sections)


def event(kind: str, customer_id: str, day: int, **fields: Any) -> SourceRecord:
    at_ms = noon(day)
    moment = f"{2024}-{1 + day // 31:02}-{1 + day % 31:02}T12:00:00Z"
    body = {"customer_id": customer_id, "occurred_at": moment, **fields}
    return SourceRecord(kind, customer_id, at_ms, json.dumps(body).encode())


def purchase(customer_id: str, day: int, amount_minor: int = 1_500, **fields: Any) -> SourceRecord:
    line = {"sku": "t", "quantity": 1, "unit_price_minor": amount_minor, "category": "TEA"}
    money = {"amount_minor": amount_minor, "currency": "USD", "items": [line]}
    return event("purchase", customer_id, day, event_id=f"{customer_id}-{day}", **money, **fields)


def profile(customer_id: str, day: int, **attributes: Any) -> SourceRecord:
    return event("profile", customer_id, day, attributes=attributes)


STORY = [
    profile("ada", 0, region="north"),
    profile("eve", 0, region="south"),
    profile("firm", 0, account_id="acme"),
    *(purchase("ada", day) for day in (0, 6, 12, 18, 24)),
    purchase("bob", 1, 500),
    purchase("firm", 3),
]
STORY.sort(key=lambda each: each.occurred_at_ms)


@pytest.fixture(scope="module")
def taken() -> Taken:
    return asyncio.run(survey_of_events(STORY, shop_policy(), lambda _: None)).taken


def test_everybody_is_counted_once_and_accounts_are_left_out(taken: Taken) -> None:
    survey = taken.survey
    assert survey.base.customers == 4  # ada, bob, eve, firm; not account:acme
    assert survey.segments["lifecycle/prospect"].customers == 1
    assert survey.base.sums("spend_365d").total == 5 * 1_500 + 500 + 1_500
    assert survey.base.words("region") == {"north": 1, "south": 1}
    tea = survey.base.labels("category")[label_key("category", "TEA")]
    assert tea == (3, 7, 9_500)


def test_the_moment_is_that_of_the_last_event(taken: Taken) -> None:
    assert taken.moment is not None
    assert taken.moment.at_ms == noon(24)
    assert (taken.moment.currency, taken.moment.policy) == ("USD", shop_policy().version)


def test_the_sizes_are_those_of_the_lists_of_members() -> None:
    policy = shop_policy()
    loop = Loop(policy, 3)

    async def both() -> tuple[Taken, dict[str, int]]:
        await fold_events(loop, STORY, lambda _: None)
        await loop.store.set_partitions(3)
        found = await take_survey(loop.store, [PublishedPolicy(0, policy)] * 3, NOW_MS)
        names = list(all_segments(policy, loop.populations[-1]))
        sizes = [await loop.store.sizes(each, names) for each in range(3)]
        return found, dict(zip(names, map(sum, zip(*sizes, strict=True)), strict=True))

    found, sizes = asyncio.run(both())
    # Partitions stand at the same tick, so what is shown is what is listed.
    surveyed = {name: each.customers for name, each in found.survey.segments.items()}
    assert surveyed == {name: size for name, size in sizes.items() if size}


def test_who_came_and_went_within_thirty_days_is_told(taken: Taken) -> None:
    assert taken.survey.moved["rule/tea"] == (2, 0)
    assert taken.survey.moved["lifecycle/new"].entered == 3


def test_nobody_at_all_has_no_moment() -> None:
    taken = asyncio.run(survey_of_events([], shop_policy(), lambda _: None)).taken
    assert taken.moment is None
    assert taken.survey.base.customers == 0


def kept(
    effect_type: EffectType,
    before: Standing | str | None,
    after: Standing | str | None,
    scheme: str = "",
) -> list[Change]:
    cause = Cause.of_time(DAY_MS)
    effect = PublishChange(effect_type, "c", cause, before, after, DAY_MS, 7, scheme=scheme)
    sequence, kind, at_ms, _, was, now, _, named = msgpack.unpackb(pack_history(effect))
    return list(changes_in(Packed(sequence, at_ms, kind, named, was, now)))


def test_a_change_of_lifecycle_tells_of_the_flags_as_well() -> None:
    assert kept(
        EffectType.LIFECYCLE_CHANGED,
        Standing(State.ACTIVE, overdue=True),
        Standing(State.DORMANT),
    ) == [
        Change(7, DAY_MS, "lifecycle", "lifecycle/active", "lifecycle/dormant"),
        Change(7, DAY_MS, "overdue", "flag/overdue", None),
    ]


@pytest.mark.parametrize(
    ("effect_type", "before", "after", "scheme", "told"),
    [
        (
            EffectType.RFM_CHANGED,
            None,
            "loyal",
            "quintile",
            ("quintile", None, "rfm.quintile/loyal"),
        ),
        (EffectType.CLUSTER_CHANGED, "1", "2", "", ("cluster", "cluster/1", "cluster/2")),
        (EffectType.RISK_CHANGED, "low", None, "", ("risk", "risk/low", None)),
        (
            EffectType.VALUE_TIER_CHANGED,
            "gold",
            "iron",
            "value.plan",
            ("value.plan", "value.plan/gold", "value.plan/iron"),
        ),
        (EffectType.SEGMENT_ENTERED, None, "tea", "rule/tea", ("rule/tea", None, "rule/tea")),
        (EffectType.SEGMENT_EXITED, "tea", None, "rule/tea", ("rule/tea", "rule/tea", None)),
    ],
)
def test_every_change_of_group_names_its_segments(
    effect_type: EffectType, before: str | None, after: str | None, scheme: str, told: Any
) -> None:
    assert kept(effect_type, before, after, scheme) == [Change(7, DAY_MS, *told)]


@pytest.mark.parametrize("effect_type", [EffectType.CUSTOMER_WON_BACK, EffectType.CUSTOMER_MERGED])
def test_what_only_repeats_a_change_is_passed_over(effect_type: EffectType) -> None:
    standing = Standing(State.DORMANT), Standing(State.ACTIVE, won_back=True)
    assert kept(effect_type, *standing) == []


def test_a_kind_of_change_that_only_a_newer_version_knows_is_passed_over() -> None:
    assert list(changes_in(Packed(7, DAY_MS, "mood.changed", "", None, {"group": "fine"}))) == []


def test_lookup_and_survey_show_the_same_segments(taken: Taken) -> None:
    policy = shop_policy()
    loop = Loop(policy, 1)

    async def ada() -> set[str]:
        await fold_events(loop, STORY, lambda _: None)
        await loop.store.set_partitions(1)
        found = await Lookup(loop.store, policy).customer("ada", NOW_MS)
        assert found is not None
        return {f"rule/{each}" for each in found.state.rules}

    assert asyncio.run(ada()) == {"rule/tea"}
    assert taken.survey.segments["rule/tea"].customers == 2
