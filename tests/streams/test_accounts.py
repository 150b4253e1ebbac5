"""A company is a customer of its own, who makes all its members' purchases."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.codec import decode_held
from models.customer import CustomerState
from models.ledger import Ledger
from models.movement import from_days
from models.policy import policy_from_preset
from models.rulebook import Seen
from models.segments import segments_of
from streams.loop import Loop
from streams.partition import NO_NONCE
from streams.sources import SourceRecord
from streams.store import all_members

DAY_MS = 86_400_000
START_MS = 1_483_228_800_000  # 2017-01-01
PARTITIONS = 3
POLICY = policy_from_preset(
    "b2b",
    segments={
        "big": {"when": "spend_90d >= 30"},
        "regular": {"when": 'purchase_days >= 3 or category["tea"].spend_30d > 5'},
        "quiet": {"when": "silence_days >= 20"},
    },
    value={"plan": {"tiers": [{"name": "gold", "from": 50}, {"name": "rest"}]}},
)
MEMBERS = {"ada": "acme", "bo": "acme", "cy": "initech", "dee": "initech", "eve": None}


class Deed(NamedTuple):
    """What a member does on a day; a refund is of their last order."""

    who: str
    day: int
    kind: str
    amount_minor: int


def record(kind: str, who: str, at_ms: int, **fields: Any) -> SourceRecord:
    moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=at_ms)
    body = {"customer_id": who, "occurred_at": moment.isoformat(), **fields}
    return SourceRecord(kind, who, at_ms, json.dumps(body).encode())


def introduced() -> list[SourceRecord]:
    return [
        record("profile", who, START_MS, attributes={"account_id": of} if of else {"vip": True})
        for who, of in MEMBERS.items()
    ]


def told(deeds: Sequence[Deed], *, as_one: bool) -> list[SourceRecord]:
    """As the members do it, or as one customer for each account does all of it."""
    records, orders = [], dict.fromkeys(MEMBERS, "")
    for number, (who, day, kind, amount_minor) in enumerate(deeds):
        name = f"all of {MEMBERS[who]}" if as_one and MEMBERS[who] else who
        fields: dict[str, Any] = {"amount_minor": amount_minor, "currency": "USD"}
        if kind == "purchase":
            orders[who] = fields["order_id"] = f"o{number}"
            line = {"sku": "s", "quantity": 1, "unit_price_minor": amount_minor}
            fields["items"] = [{**line, "category": ("tea", "cups")[number % 2]}]
        elif orders[who]:
            fields["order_id"] = orders[who]
        else:
            continue
        at_ms = START_MS + day * DAY_MS + number * 60_000
        records.append(record(kind, name, at_ms, event_id=f"e{number}", **fields))
    return records


class Unlearned(Loop):
    """Without populations: what is usual of people differs with who is there."""

    async def _learn(self) -> None:
        return


async def lived(records: Iterable[SourceRecord], days: int) -> Loop:
    """Everything in order, a tick before each day that has something, and one at the end."""
    loop, today = Unlearned(POLICY, PARTITIONS), 0
    for each in records:
        day = (each.occurred_at_ms - START_MS) // DAY_MS
        if day > today:
            await loop.tick(START_MS + day * DAY_MS)
        today = max(today, day)
        await loop.write(each)
    await loop.settle()
    await loop.tick(START_MS + days * DAY_MS)
    return loop


async def state_of(loop: Loop, customer_id: str) -> CustomerState | None:
    packed = (await loop.states()).get(customer_id)
    held = None if packed is None else decode_held(packed)
    assert held is None or isinstance(held, CustomerState)
    return held


def as_customer(state: CustomerState) -> CustomerState:
    """Without a place among all people: that is of those who are there, and they are others."""
    plan = {kind: group for kind, group in state.groups.items() if kind == "value.plan"}
    return state._replace(
        settled=Ledger(),  # an account remembers more, so less of it is settled
        settled_through_ms=-1,
        remembered=(),
        current=state.current._replace(book=state.current.book.without_the_old()),
        rules_ms=None,
        rules_seen=Seen(),
        contribution=None,
        renew_ms=None,
        groups=plan,
        regroup_ms=None,
        attributes={},
        sequence=0,
        known_since_ms=0,
    )


deeds = st.lists(
    st.builds(
        Deed,
        st.sampled_from(list(MEMBERS)),
        st.integers(0, 60),
        st.sampled_from(("purchase", "purchase", "purchase", "refund")),
        st.sampled_from((500, 1_000, 2_500, 6_000)),
    ),
    max_size=12,
).map(lambda drawn: sorted(drawn, key=lambda each: each.day))


async def compare(drawn: Sequence[Deed], days: int) -> None:
    apart = await lived([*introduced(), *told(drawn, as_one=False)], days)
    as_one = await lived(told(drawn, as_one=True), days)
    for account in ("acme", "initech"):
        found = await state_of(apart, f"account:{account}")
        reference = await state_of(as_one, f"all of {account}")
        if reference is None:
            assert found is None
            continue
        assert found is not None
        assert as_customer(found) == as_customer(reference)
        assert segments_of(as_customer(found)) == segments_of(as_customer(reference))
        assert found.contribution is None


@settings(max_examples=40, deadline=None)
@given(deeds, st.sampled_from((61, 75, 160)))
def test_an_account_is_as_one_customer_who_made_all_its_members_purchases(
    drawn: list[Deed], days: int
) -> None:
    asyncio.run(compare(drawn, days))


SHOPPING = (
    Deed("ada", 1, "purchase", 2_500),
    Deed("bo", 2, "purchase", 1_000),
    Deed("cy", 3, "purchase", 500),
    Deed("eve", 3, "purchase", 500),
    Deed("bo", 9, "refund", 1_000),
    Deed("ada", 30, "purchase", 6_000),
)


async def test_two_accounts_add_up_and_somebody_without_one_stays_alone() -> None:
    loop = await lived([*introduced(), *told(SHOPPING, as_one=False)], 40)
    acme, initech = [await state_of(loop, f"account:{each}") for each in ("acme", "initech")]
    assert acme is not None
    assert initech is not None
    assert (acme.current.purchases, acme.current.net_spend_minor) == (2, 8_500)
    assert (initech.current.purchases, initech.current.net_spend_minor) == (1, 500)
    assert acme.rules == ("big",)
    assert acme.groups["value.plan"] == "gold"
    assert set(await loop.states()) == {*MEMBERS, "account:acme", "account:initech"}


async def lists_of(loop: Loop, segment: str) -> set[str]:
    found: set[str] = set()
    for place in range(PARTITIONS):
        found.update(await all_members(loop.store, place, segment))
    return found


async def test_accounts_have_lists_of_their_own_so_that_people_are_counted_alone() -> None:
    loop = await lived([*introduced(), *told(SHOPPING, as_one=False)], 31)
    assert await lists_of(loop, "rule/big") == {"ada"}
    assert await lists_of(loop, "account.rule/big") == {"account:acme"}
    everywhere = [await lists_of(loop, f"account.lifecycle/{each}") for each in ("new", "active")]
    assert set().union(*everywhere) == {"account:acme", "account:initech"}
    customers = sum(sketch.counts.get("n", 0) for sketch in await loop.sketches())
    assert customers == 3  # ada, cy and eve; bo gave everything back


async def test_movement_of_accounts_adds_up_to_their_lists_and_flows_are_peoples() -> None:
    loop = await lived([*introduced(), *told(SHOPPING, as_one=False)], 100)
    entered = left = flows = 0
    for place in range(PARTITIONS):
        whole = (await loop.store.load(place, (), NO_NONCE)).whole
        assert whole is not None
        for day in from_days(whole.movement).days.values():
            entered += day.entered["account.rule/quiet"]
            left += day.left["account.rule/quiet"]
            flows += sum(count for flow, count in day.flows.items() if flow.before == "")
    assert entered - left == len(await lists_of(loop, "account.rule/quiet")) == 2
    assert flows == len(MEMBERS)


async def test_a_purchase_that_comes_twice_counts_once_for_the_account_too() -> None:
    once = told(SHOPPING, as_one=False)
    loop = await lived([*introduced(), *once, *once], 40)
    acme = await state_of(loop, "account:acme")
    assert acme is not None
    assert acme.current.purchases == 2


async def test_a_member_whose_partition_is_read_later_is_counted_all_the_same() -> None:
    """A year of two members, one read before the other: nothing of the account is too late."""
    weekly = [Deed(who, 7 * week, "purchase", 1_000) for who in ("ada", "bo") for week in range(50)]
    loop = await lived([*introduced(), *told(weekly, as_one=False)], 400)
    acme = await state_of(loop, "account:acme")
    assert acme is not None
    assert acme.current.purchases == 100
    assert acme.current.purchase_days == 50


@pytest.mark.parametrize("named", [7, 7.0, " 7 "])
async def test_one_account_is_named_in_several_ways(named: object) -> None:
    profile = record("profile", "ada", START_MS, attributes={"account_id": named})
    loop = await lived([profile, *told(SHOPPING[:1], as_one=False)], 2)
    assert "account:7" in await loop.states()


@pytest.mark.parametrize("named", [True, 7, "", "x" * 300, None, 1.5])
async def test_only_a_text_or_a_whole_number_names_an_account(named: object) -> None:
    profile = record("profile", "ada", START_MS, attributes={"account_id": named})
    if isinstance(named, str) and len(named) > 256:
        profile = record("profile", "ada", START_MS, attributes={"account_id": named[:256]})
    bought = told(SHOPPING[:1], as_one=False)
    loop = await lived([profile, *bought], 2)
    accounts = {each for each in await loop.states() if each.startswith("account:")}
    assert accounts == ({"account:7"} if named == 7 else set())
