"""A segment by what is known of its members: everybody is counted, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.codec import encode_held, encode_state
from models.customer import Alias, CustomerState
from models.policy import policy_from_preset
from models.rule_tree import Fact
from streams.api.breakdown import FORM, PLAIN_NAMES, VALUES, Breakdowns, fact_named
from streams.api.problems import Problem
from streams.api.reads import Reads
from streams.client import Segmenter
from streams.lookup import Lookup
from streams.memory_store import MemoryStore
from streams.partitioner import partition_of
from streams.store import MAX_CUSTOMERS, Change, CustomerWrite, Meta
from tests.support.api_house import POLICY, Api, House, got, refused
from tests.support.story import noon, profile, purchase, tell

SEGMENT = "lifecycle/active"


def counts(told: dict[str, Any]) -> dict[Any, int]:
    found = {each["value"]: each["customers"] for each in told["items"]}
    return {**found, None: told["unknown"]} if told["unknown"] else found


def broken_down(ask: httpx.Client, segment: str, by: str, **more: int) -> dict[str, Any]:
    answer = ask.get(f"/v1/segments/{segment}/breakdown", params={"by": by, **more})
    told: dict[str, Any] = got(answer)
    assert (
        sum(each["customers"] for each in told["items"]) + told["other"] + told["unknown"]
        == (told["looked_at"])
    )
    return told


def attribute(name: str) -> Callable[[CustomerState], Any]:
    return lambda state: state.attributes[name].value if name in state.attributes else None


READ: dict[str, Callable[[CustomerState], Any]] = {
    "lifecycle": lambda state: state.standing.lifecycle.value,
    "overdue": lambda state: state.standing.overdue,
    "risk": lambda state: state.groups.get("risk"),
    "tier": lambda state: state.groups.get("tier"),
    "rfm.quintile": lambda state: state.groups.get("quintile"),
    "value.spend": lambda state: state.groups.get("value.spend"),
    "segment.regulars": lambda state: "regulars" in state.rules,
    "profile.region": attribute("region"),
    "profile.vip": attribute("vip"),
    "profile.age_band": attribute("age_band"),
    "profile.visits": attribute("visits"),
    "profile.no such thing": lambda _: None,
}


@pytest.mark.parametrize("by", READ)
@pytest.mark.parametrize("segment", [SEGMENT, "rule/north_or_vip", "value.spend/silver"])
def test_every_member_is_counted_by_their_value(
    ask: httpx.Client, house: House, segment: str, by: str
) -> None:
    told = broken_down(ask, segment, by)
    members = [house.states[id_] for id_ in house.members(segment)]
    assert counts(told) == Counter(map(READ[by], members))
    assert (told["segment"], told["by"]) == (segment, by)
    assert told["customers"] == told["looked_at"] == len(members)
    for each in told["items"]:
        assert each["share"] == round(each["customers"] / len(members), 4)
    seen = [each["customers"] for each in told["items"]]
    assert seen == sorted(seen, reverse=True)


def test_flags_are_flags_and_numbers_numbers(ask: httpx.Client) -> None:
    told = broken_down(ask, "rule/north_or_vip", "profile.vip")
    assert {type(each["value"]) for each in told["items"]} == {bool}


def test_the_attributes_that_members_have_are_named(ask: httpx.Client, house: House) -> None:
    told = broken_down(ask, "rule/north_or_vip", "lifecycle")
    assert told["attributes"][:3] == ["profile.region", "profile.vip", "profile.visits"]
    assert "profile.birth_year" in told["attributes"]


def test_of_many_members_only_some_are_looked_at_and_the_answer_says_so(
    ask: httpx.Client, house: House
) -> None:
    size = len(house.members(SEGMENT))
    for limit in (1, 7, size - 1):
        told = broken_down(ask, SEGMENT, "age_band", limit=limit)
        assert (told["looked_at"], told["customers"]) == (limit, size)
    assert broken_down(ask, SEGMENT, "age_band", limit=size)["looked_at"] == size


def test_of_a_segment_of_nobody_nothing_is_counted(ask: httpx.Client) -> None:
    told = broken_down(ask, "rule/nobody", "lifecycle")
    assert (told["customers"], told["looked_at"], told["items"]) == (0, 0, [])


@pytest.mark.parametrize(
    ("by", "status", "says"),
    [
        ("lifecycl", 400, "did you mean lifecycle?"),
        ("spend", 400, "lifecycle"),
        ("region", 400, "profile.region"),
        ("", 400, "lifecycle"),
        ("profile.", 400, "lifecycle"),
        ("value.spent", 404, "did you mean value.spend?"),
        ("segment.regular", 404, "did you mean segment.regulars?"),
        ("rfm.braze", 404, 'add "braze" to rfm.published'),
        ("rfm.best", 404, "see the policy"),
    ],
)
def test_by_what_nobody_is_grouped_is_refused(
    ask: httpx.Client, by: str, status: int, says: str
) -> None:
    problem = got(ask.get(f"/v1/segments/{SEGMENT}/breakdown", params={"by": by}), status)
    assert problem["detail"].startswith("by: ")
    assert says in problem["remedy"]


@pytest.mark.parametrize("query", ["", "?by=lifecycle&limit=0", "?by=lifecycle&limit=20001"])
def test_what_cannot_be_read_is_refused_by_name(ask: httpx.Client, query: str) -> None:
    detail = refused(ask.get(f"/v1/segments/{SEGMENT}/breakdown{query}"), 400)
    assert detail.startswith("limit: " if query else "by: ")


@given(st.from_regex(FORM, fullmatch=True))
def test_whatever_has_the_documented_form_is_read_or_is_not_there(by: str) -> None:
    try:
        fact_named(by, POLICY)
    except Problem as problem:
        assert problem.status == 404  # noqa: PT017 - it may be there as well


def test_every_plain_name_is_a_group_of_the_catalogue() -> None:
    assert set(PLAIN_NAMES) == {
        *("age_band", "lifecycle", "overdue", "won_back", "tier", "risk"),
        *("attachment", "grid", "stage"),
    }


def test_groups_of_the_value_grid_are_there_if_the_policy_has_one() -> None:
    with_grid = policy_from_preset("grocery", grid={})
    assert fact_named("grid", with_grid) == Fact("grid")
    with pytest.raises(Problem) as caught:
        fact_named("grid", PLAIN)
    assert caught.value.status == 404
    assert caught.value.remedy == "add a section [grid]: docs/value-grid.md"


def test_the_typed_client_breaks_a_segment_down(server: Api, house: House) -> None:
    with Segmenter(server.url) as segmenter:
        found = segmenter.breakdown("rule/north_or_vip", "profile.region", limit=5)
    assert found is not None
    assert found.looked_at == 5
    assert found.as_of is not None
    assert {each.value for each in found.items} <= {"north", "south"}


# Over a store in memory.

PARTITIONS = 3
PLAIN = policy_from_preset("grocery")


async def filled(values: list[Any]) -> Breakdowns:
    """Prospects with an attribute each, written into one segment."""
    store = MemoryStore(lambda: 0)
    await store.set_partitions(PARTITIONS)
    writes: dict[int, dict[str, CustomerWrite]] = {each: {} for each in range(PARTITIONS)}
    for number, value in enumerate(values):
        state = tell(profile("p", noon(0), x=value)).customer
        id_ = f"c{number}"
        writes[partition_of(id_, PARTITIONS)][id_] = CustomerWrite(
            encode_state(state), None, (), ("rule/some",)
        )
    for place, customers in writes.items():
        meta = (await store.load(place, ())).meta
        assert await store.apply(place, meta, Change(Meta(1, b"n", noon(1)), customers, []))
    reads = Reads(store, lambda: 0.0)
    return Breakdowns(reads, Lookup(reads, PLAIN), PLAIN, lambda: 0)


async def test_the_values_beyond_the_fiftieth_are_put_together() -> None:
    values = [n for n in range(VALUES + 5) for _ in range(3 if n < 9 else 1)]
    told = await (await filled([*values, None])).of("rule/some", "profile.x")
    assert (len(told["items"]), told["other"], told["unknown"]) == (VALUES, 5, 1)
    assert told["values"] == VALUES + 5
    assert [each["value"] for each in told["items"][:9]] == sorted(range(9), key=str)


async def test_one_is_not_true_and_as_a_text_it_is_another_value() -> None:
    told = await (await filled([1, True, "1", 1.0, "true"])).of("rule/some", "profile.x")
    found = [(type(each["value"]), each["value"], each["customers"]) for each in told["items"]]
    assert sorted(map(str, found)) == sorted(
        map(str, [(int, 1, 2), (bool, True, 1), (str, "1", 1), (str, "true", 1)])
    )


async def test_more_members_than_go_into_one_script_are_read_page_by_page() -> None:
    some = await filled([number % 2 for number in range(4 * MAX_CUSTOMERS)])
    told = await some.of("rule/some", "profile.x")
    assert (told["customers"], told["looked_at"]) == (2_000, 2_000)
    assert {each["customers"] for each in told["items"]} == {1_000}
    told = await some.of("rule/some", "profile.x", limit=1_600)
    assert (told["customers"], told["looked_at"]) == (2_000, 1_600)


async def test_who_has_gone_meanwhile_is_not_counted() -> None:
    store = MemoryStore(lambda: 0)
    await store.set_partitions(1)
    state = encode_state(tell(purchase("e", noon(0))).customer)
    there = {each: CustomerWrite(state, None, (), (SEGMENT,)) for each in ("a", "b")}
    alias = CustomerWrite(encode_held(Alias("a", noon(0))), None, (), (SEGMENT,))
    meta = Meta(1, b"n", noon(1))
    assert await store.apply(0, Meta(), Change(meta, {**there, "c": alias}, []))
    reads = Reads(store, lambda: 0.0)
    told = await Breakdowns(reads, Lookup(reads, PLAIN), PLAIN, lambda: 0).of(SEGMENT, "tier")
    assert (told["customers"], told["looked_at"], told["unknown"]) == (2, 2, 2)
