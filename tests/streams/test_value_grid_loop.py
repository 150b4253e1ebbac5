"""The value grid over real purchases: states, lists of members, movement, lookups, and what sales say."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import takewhile
from typing import Any

from rich.console import Console, RenderableType

from models.calendar import day_of
from models.codec import decode_state
from models.customer import CustomerState
from models.movement import added_up, from_days
from models.policy import policy_from_preset
from models.segments import places_of
from models.stages import DISAGREE, STAGES
from models.step import advance
from models.value_grid import FIELD_NAMES, LEVELS
from streams.client_answers import Customer
from streams.datasets import DATASETS
from streams.disagreements import disagreements, disagreements_table
from streams.lookup import Found, Lookup, as_json
from streams.loop import Loop, replay
from streams.show import customer_card, explanation
from streams.show_grid import grid_as_json
from streams.show_outlook import expected_as_json
from streams.sources import SourceRecord

ONE_IN, DAYS, PARTITIONS = 48, 60, 3
DAY_MS = 86_400_000
WORDS = ("partner", "Lead", "lost", "friend of the house")
CARD = {
    "purchase_days": [2, 5, 9],
    "tenure_days": [7, 21, 40],
    "categories": [5, 15, 30],
    "contact_days": [21, 10, 5],
}
POLICY = policy_from_preset(
    "grocery",
    clusters={"k": 4},  # to choose k takes long
    grid={"attachment": CARD, "fields": {"keep": {"owner": "branch"}}},
    segments={"in-our-pocket": {"when": 'wallet_share_30d >= 0.5 and attachment != "low"'}},
)
KINDS = ("grid", "attachment", "stage")
SEGMENTS = tuple(
    f"{kind}/{group}"
    for kind, groups in zip(KINDS, (FIELD_NAMES, LEVELS, STAGES), strict=True)
    for group in groups
)


def printed(shown: RenderableType) -> str:
    console = Console(width=160)
    with console.capture() as captured:
        console.print(shown)
    return captured.get()


def told_by_sales(customer_id: str, at_ms: int) -> SourceRecord:
    number = int(customer_id) // ONE_IN
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)
    attributes: dict[str, Any] = {"yearly_budget": 500 * (1 + number % 9)}
    if number % 3:
        attributes["relationship_stage"] = WORDS[number % len(WORDS)]
    body = {
        "customer_id": customer_id,
        "occurred_at": moment.isoformat(),
        "attributes": attributes,
    }
    return SourceRecord("profile", customer_id, at_ms, json.dumps(body).encode())


def records() -> Iterator[SourceRecord]:
    """Profiles and purchases, and a word of sales in the fourth week."""
    everything = DATASETS["complete-journey"].read()
    first = next(everything)
    begin_ms = first.occurred_at_ms // DAY_MS * DAY_MS
    until_ms, told_ms = begin_ms + DAYS * DAY_MS, begin_ms + 25 * DAY_MS
    asked: set[str] | None = set()
    for each in takewhile(lambda each: each.occurred_at_ms < until_ms, everything):
        if int(each.customer_id) % ONE_IN:
            continue
        if asked is not None and each.occurred_at_ms >= told_ms:
            yield from (told_by_sales(name, told_ms) for name in sorted(asked))
            asked = None
        if asked is not None:
            asked.add(each.customer_id)
        yield each


async def lived() -> tuple[Loop, dict[str, bytes]]:
    """The shop some days after its last purchase, before a population; and states at that purchase."""
    loop = Loop(POLICY, PARTITIONS)
    await loop.store.set_partitions(PARTITIONS)
    await replay(loop, records())
    before = await loop.states()
    clock_ms = max([(await loop.store.load(each, ())).meta.clock_ms for each in range(PARTITIONS)])
    until_monday = (8 - day_of(clock_ms, POLICY.timezone) % 7) % 7
    await loop.tick(clock_ms - clock_ms % DAY_MS + until_monday * DAY_MS - 1)
    return loop, before


@cache
def town() -> tuple[Loop, dict[str, bytes]]:
    return asyncio.run(lived())


def shop() -> Loop:
    return town()[0]


@cache
def states() -> dict[str, CustomerState]:
    return {name: decode_state(each) for name, each in asyncio.run(shop().states()).items()}


@cache
def now_ms() -> int:
    return asyncio.run(shop().store.load(0, ())).meta.clock_ms


def places(state: CustomerState) -> dict[str, str]:
    found = places_of(state.standing, state.groups)
    return {kind: found[kind] for kind in KINDS if kind in found}


def test_people_are_spread_over_the_grid_and_listed_where_their_states_say() -> None:
    counted = Counter(each for state in states().values() for each in places(state).values())
    assert len([name for name in FIELD_NAMES if counted[f"grid/{name}"]]) >= 4
    assert all(counted[f"attachment/{level}"] for level in LEVELS)
    assert all(counted[f"stage/{group}"] for group in STAGES)
    sizes: Counter[str] = Counter()
    for partition in range(PARTITIONS):
        found = asyncio.run(shop().store.sizes(partition, SEGMENTS))
        sizes.update(dict(zip(SEGMENTS, found, strict=True)))
    assert +sizes == counted


def test_what_entered_less_what_left_is_who_is_there() -> None:
    packed = [asyncio.run(shop().store.movement(each)) for each in range(PARTITIONS)]
    sums: Counter[str] = Counter()
    for day in added_up(from_days(each) for each in packed).values():
        sums.update(day.entered)
        sums.subtract(day.left)
    counted = Counter(each for state in states().values() for each in places(state).values())
    assert {name: sums[name] for name in SEGMENTS if sums[name]} == counted


def test_every_change_that_left_leads_to_where_people_stand() -> None:
    found: dict[str, dict[str, str]] = {}
    rows = [(dict(row.headers), json.loads(row.value or b"{}")) for row in shop().effects]
    for headers, body in sorted(rows, key=lambda each: each[1].get("sequence", 0)):
        kind = headers["ce_type"].decode().partition(".")[0]
        if kind in KINDS:
            mine = found.setdefault(body["customer_id"], {})
            assert mine.pop(kind, None) == (body["before"] and body["before"]["group"])
            if body["after"] is not None:
                mine[kind] = body["after"]["group"]
    by_state = {
        name: {kind: group for kind, group in state.groups.items() if kind in KINDS}
        for name, state in states().items()
    }
    assert found == {name: groups for name, groups in by_state.items() if groups}


def test_a_lookup_shows_what_a_tick_has_written() -> None:
    loop, earlier = town()
    before = {name: decode_state(each) for name, each in earlier.items()}
    assert any(states()[name].groups != each.groups for name, each in before.items())
    for name, state in before.items():
        looked, _ = advance(name, state, now_ms(), POLICY, loop.populations[-1])
        assert (looked.groups, looked.rules) == (states()[name].groups, states()[name].rules)


def found(name: str) -> Found:
    known = asyncio.run(Lookup(shop().store, POLICY).customer(name, now_ms()))
    assert known is not None
    return known


def described(name: str) -> Customer:
    known = found(name)
    told = {**expected_as_json(known, POLICY), **grid_as_json(known, POLICY)}
    return Customer.model_validate({**as_json(known, POLICY), **told})


def test_a_customer_is_shown_with_field_points_share_and_stage_and_every_number_fits() -> None:
    for name, state in states().items():
        grid = described(name).value_grid
        assert grid is not None
        assert grid.field == state.groups.get("grid")
        if grid.attachment is not None:
            assert grid.attachment.points == sum(row.points for row in grid.attachment.rows)
            assert grid.attachment.level == state.groups["attachment"]
        assert (grid.stage and grid.stage.verdict) == state.groups.get("stage")
        assert (grid.wallet_share_365d is None) == ("yearly_budget" not in state.attributes)
    (keep, *_) = (name for name, each in states().items() if each.groups.get("grid") == "keep")
    to_do = described(keep).value_grid
    assert to_do is not None
    assert to_do.to_do is not None
    assert to_do.to_do.owner is not None
    assert to_do.to_do.owner.en == "branch"
    card = printed(customer_card(found(keep), POLICY))
    assert "Keep: high worth, high attachment (" in card
    assert "to do: Protect what works" in card
    assert "of their yearly budget here" in card
    sentences = explanation(found(keep), POLICY)
    assert "Value grid: high worth and high attachment make Keep." in sentences
    assert sum(each.startswith("  - ") and each.endswith("of 3") for each in sentences) == 4


def test_the_list_where_sales_and_purchases_disagree_has_exactly_those() -> None:
    expected = {
        name: state.groups["stage"]
        for name, state in states().items()
        if state.groups.get("stage") in DISAGREE
    }
    rows = asyncio.run(disagreements(shop().store, POLICY, now_ms()))
    assert {row["customer_id"]: row["verdict"] for row in rows} == expected
    assert len(rows) == len(expected)
    assert [row["verdict"] for row in rows] == sorted(
        (row["verdict"] for row in rows), key=DISAGREE.index
    )
    behind = asyncio.run(disagreements(shop().store, POLICY, now_ms(), ["behind"], limit=2))
    assert behind == [row for row in rows if row["verdict"] == "behind"][:2]
    (lost,) = {(row["said"], row["means"]) for row in rows if row["verdict"] == "unknown_word"}
    assert lost == ("friend of the house", None)
    assert all(row["since"] == max(row["said_at"], row["observed_since"]) for row in rows)
    table = printed(disagreements_table(rows))
    assert "sales ahead of purchases" in table
    assert "friend of the house" in table
