"""Groups and rules of the value grid are what the events themselves say: at every midnight, in any order."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from models.alerts import changes_in
from models.calendar import day_of, start_of_day_ms
from models.codec import decode_state, encode_state
from models.customer import CustomerState
from models.effects import EffectType, PublishChange
from models.events import Read
from models.policy import Policy, policy_from_preset
from models.step import advance, instruct, step
from tests.models.by_hand import ZONES, Seen, Story
from tests.models.shoppers import moves_of, replayed, share_of_examples, shoppers
from tests.support.histories import WINDOW_HOURS, told_until, with_ticks
from tests.support.story import CUSTOMER, DAY_MS, tell

DAYS_ON = 420
STEPS = {
    "purchase_days": (2, 3, 5),
    "tenure_days": (3, 30, 90),
    "categories": (1, 2),
    "contact_days": (60, 30, 7),
}
MEDIUM, HIGH = 4, 7
PLAN = {"tiers": [{"name": "a", "from": 40}, {"name": "b", "from": 15}, {"name": "c"}]}
# Attributes as the random shoppers have them: birth_year is mostly a number, tier "gold", 7 or none.
GRID = {
    "worth": "plan",
    "budget": "birth_year",
    "stage": "tier",
    "stages": {"Gold": "active"},
    "attachment": {**STEPS, "medium_from": MEDIUM, "high_from": HIGH},
}
RULES = {
    "pointed": {"when": "attachment_points >= 5"},
    "grown": {"when": 'grid in ("grow", "keep") or attachment == "low"'},
    "near": {"when": "contact_days_ago <= 9"},
    "wallet": {"when": "wallet_share_30d >= 0.05"},
    "wrong": {"when": 'segment["stage/ahead"] or stage == "unknown_word"'},
}
POLICIES = tuple(
    policy_from_preset(
        preset, business={"timezone": zone}, value={"plan": PLAN}, grid=GRID, segments=RULES
    )
    for preset, zone in zip(("general", "grocery") * 2, ZONES, strict=True)
)
policies = st.sampled_from(POLICIES)
WORTH = {"a": "high", "b": "medium", "c": "low"}
NAMES = {
    "high": {"high": "keep", "medium": "invest", "low": "secure"},
    "medium": {"high": "grow", "medium": "develop", "low": "watch"},
    "low": {"high": "maintain", "medium": "serve", "low": "harvest"},
}
STATES = ["churned", "prospect", "dormant", "new", "active"]


def _points(seen: Seen) -> int | None:
    if not seen.story.days:
        return None
    contact, categories = seen.contact_ago, len(seen.labels("category", 365))
    assert contact is not None
    assert seen.tenure is not None
    up = ((seen.purchase_days(365), "purchase_days"), (seen.tenure, "tenure_days"))
    points = sum(value >= step for value, row in up for step in STEPS[row])
    points += sum(categories >= step for step in STEPS["categories"])
    return points + sum(contact <= step for step in STEPS["contact_days"])


def groups_by_hand(seen: Seen) -> dict[str, str]:
    groups, points, written = {}, _points(seen), seen.profile("tier")
    if points is not None:
        level = "high" if points >= HIGH else "medium" if points >= MEDIUM else "low"
        spent = seen.spend()
        plan = "a" if spent >= 4_000 else "b" if spent >= 1_500 else "c"
        groups = {
            "value.plan": plan,
            "attachment": level,
            "grid": NAMES[WORTH[plan]][level],
        }
    if written is not None:
        observed = STATES.index(seen.standing.lifecycle.value)
        says = "ahead" if observed < STATES.index("active") else "agrees"
        groups["stage"] = says if written == "gold" else "unknown_word"
    return groups


def rules_by_hand(seen: Seen, groups: dict[str, str]) -> set[str]:
    points, contact, budget = _points(seen), seen.contact_ago, seen.profile("birth_year")
    is_number = isinstance(budget, int)
    holds = {
        "pointed": points is not None and points >= 5,
        "grown": groups.get("grid") in {"grow", "keep"} or groups.get("attachment") == "low",
        "near": contact is not None and contact <= 9,
        "wallet": is_number and seen.spend(30) / (budget * 100 * 30 / 365) >= 0.05,
        "wrong": groups.get("stage") in {"ahead", "unknown_word"},
    }
    return {name for name, is_so in holds.items() if is_so}


def is_by_hand(state: CustomerState, story: Story, day: int) -> None:
    seen = Seen(story, day, state.standing)
    groups = groups_by_hand(seen)
    assert dict(state.groups) == groups
    assert set(state.rules) == rules_by_hand(seen, groups)


def followed(effects: Sequence[PublishChange], begun: dict[str, str]) -> dict[str, str]:
    """The groups that published changes lead to; each begins where the one before has ended."""
    kinds = {
        EffectType.ATTACHMENT_CHANGED: "attachment",
        EffectType.GRID_CHANGED: "grid",
        EffectType.STAGE_CHANGED: "stage",
        EffectType.VALUE_TIER_CHANGED: "value.plan",
    }
    found = dict(begun)
    for each in effects:
        if each.type in kinds:
            assert found.pop(kinds[each.type], None) == each.before
            if each.after is not None:
                found[kinds[each.type]] = str(each.after)
    return found


@share_of_examples(25)
@given(shoppers(), policies)
def test_every_midnight_of_the_following_year_the_grid_is_what_the_events_say(
    events: list[Read], policy: Policy
) -> None:
    told = tell(*events, policy=policy)
    state, whole, story = told.customer, list[PublishChange](), Story(events, policy)
    now_ms = events[-1].at_ms
    today = day_of(now_ms, policy.timezone)
    for day in range(today, today + DAYS_ON):
        now_ms = max(now_ms, start_of_day_ms(day, policy.timezone))
        state, fired = advance(CUSTOMER, state, now_ms, policy, None)
        assert {each.since_ms for each in changes_in(fired) if each.type in _OF_THE_GRID} <= {
            now_ms
        }
        whole += changes_in(fired)
        is_by_hand(state, story, day)
    assert followed([*told.effects, *whole], {}) == state.groups
    at_once = advance(CUSTOMER, told.customer, now_ms, policy, None)
    assert at_once == (state, tuple(whole))


_OF_THE_GRID = {EffectType.ATTACHMENT_CHANGED, EffectType.GRID_CHANGED, EffectType.STAGE_CHANGED}


@share_of_examples(4)
@given(st.data(), shoppers(within_hours=WINDOW_HOURS), policies, st.integers(0, 400))
def test_the_order_of_arrival_and_ticks_in_between_do_not_matter(
    data: st.DataObject, events: list[Read], policy: Policy, days_later: int
) -> None:
    until_ms = events[-1].at_ms + days_later * DAY_MS
    shuffled = data.draw(with_ticks(data.draw(st.permutations(events))))
    told, ordered = (told_until(each, until_ms, policy) for each in (shuffled, events))
    assert told.customer.groups == ordered.customer.groups
    assert told.customer.regroup_ms == ordered.customer.regroup_ms
    assert told.customer.rules == ordered.customer.rules
    is_by_hand(told.customer, Story(events, policy), day_of(until_ms, policy.timezone))
    for each in (told, ordered):
        assert followed(each.effects, {}) == each.customer.groups
        assert replayed(each.effects) == each.customer.rules
        moments = [at_ms for at_ms, _, _ in moves_of(each.effects)]
        assert moments == sorted(moments)


@share_of_examples(4)
@given(shoppers(), policies, st.sampled_from((0, 0, 3, 40)))
def test_after_every_event_the_grid_is_what_the_events_so_far_say(
    events: list[Read], policy: Policy, ahead_days: int
) -> None:
    state: CustomerState | None = None
    for number, read in enumerate(events):
        clock_ms = read.at_ms + ahead_days * DAY_MS
        if number + 1 < len(events):
            clock_ms = min(clock_ms, events[number + 1].at_ms)
        state = step(CUSTOMER, state, read, clock_ms, policy, None).state
        assert state is not None
        story = Story(events[: number + 1], policy)
        is_by_hand(state, story, day_of(clock_ms, policy.timezone))
        assert decode_state(encode_state(state)) == state


@share_of_examples(8)
@given(shoppers(), st.integers(0, 100))
def test_a_policy_that_brings_a_grid_or_takes_it_away_leaves_all_as_if_it_had_been_so(
    events: list[Read], days_later: int
) -> None:
    policy, until_ms = POLICIES[0], events[-1].at_ms + days_later * DAY_MS
    plain = policy_from_preset("general", value={"plan": PLAN})
    with_grid, without = (told_until(events, until_ms, each).customer for each in (policy, plain))
    brought, effects = instruct(CUSTOMER, without, 2, until_ms, policy, None)
    assert brought.groups == with_grid.groups
    assert (brought.rules, brought.regroup_ms) == (with_grid.rules, with_grid.regroup_ms)
    assert followed(changes_in(effects), dict(without.groups)) == brought.groups
    again, nothing = instruct(CUSTOMER, brought, 2, until_ms, policy, None)
    assert (again, nothing) == (brought, ())
    taken, _ = instruct(CUSTOMER, with_grid, 3, until_ms, plain, None)
    assert (taken.groups, taken.rules) == (without.groups, ())
