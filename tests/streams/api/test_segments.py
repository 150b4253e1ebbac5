"""Segments and movement over HTTP, held against every customer and every day."""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import date
from itertools import pairwise
from typing import Any

import httpx
import pytest

from models.lifecycle import State
from models.segments import all_segments, label_of
from tests.support.api_house import OLD_NAME, POLICY, House, got, part, path, refused

LONG_AGO = {"days": 400}


@pytest.fixture(scope="session")
def told(ask: httpx.Client) -> dict[str, Any]:
    answer: dict[str, Any] = got(ask.get("/v1/segments", params=LONG_AGO))
    return answer


def listed(ask: httpx.Client, segment: str, limit: int = 100) -> list[str]:
    found = list[str]()
    cursor: str | None = ""
    while cursor is not None:
        params: dict[str, Any] = {"limit": limit, "cursor": cursor}
        page = got(ask.get(f"/v1/segments/{segment}/members", params=params))
        found += [each["customer_id"] for each in page["items"]]
        cursor = page["next"]
    return found


def test_there_is_a_segment_for_each_name_and_its_size_is_how_many_are_in_it(
    told: dict[str, Any], house: House
) -> None:
    names = list(all_segments(POLICY, house.populations[-1]))
    assert [each["name"] for each in told["items"]] == names
    assert {each["name"]: each["size"] for each in told["items"]} == {
        name: len(house.members(name)) for name in names
    }
    assert told["customers"] == len(house.states)
    kinds = {each["kind"] for each in told["items"] if each["size"]}
    assert kinds >= {
        *("lifecycle", "rfm.quintile", "rfm.china8", "cluster", "tier", "risk"),
        *("rule", "value.spend"),
    }


def test_a_segment_says_its_kind_its_group_its_name_in_two_languages_and_its_share(
    told: dict[str, Any],
) -> None:
    for each in told["items"]:
        assert each["name"] == f"{each['kind']}/{each['group']}"
        assert each["label"] == label_of(each["name"], POLICY)._asdict()
        assert each["share"] == round(each["size"] / told["customers"], 4)


def test_who_is_in_a_segment_has_entered_it_and_not_left(told: dict[str, Any]) -> None:
    for each in told["items"]:
        assert each["entered"] - each["left"] == each["size"]
    assert sum(each["left"] for each in told["items"]) > 100


def test_one_segment_is_the_same_as_among_all_and_is_told_day_by_day(
    ask: httpx.Client, told: dict[str, Any]
) -> None:
    for expected in told["items"]:
        one = got(ask.get(f"/v1/segments/{expected['name']}", params=LONG_AGO))
        days = one.pop("by_day")
        assert (one.pop("facts") is None) == (one["kind"] != "rule")
        assert one == expected
        assert days[-1]["size"] == one["size"]
        assert sum(each["entered"] for each in days) == one["entered"]
        assert sum(each["left"] for each in days) == one["left"]
        for before, after in pairwise(days):
            assert before["size"] + after["entered"] - after["left"] == after["size"]


def test_the_last_days_alone_may_be_asked_for(ask: httpx.Client, house: House) -> None:
    one = got(ask.get("/v1/segments/lifecycle/active", params={"days": 9}))
    assert [each["on"] for each in one["by_day"]] == [
        date.fromordinal(house.today - ago).isoformat() for ago in reversed(range(9))
    ]
    assert one["entered"] == sum(each["entered"] for each in one["by_day"])


def test_lifecycle_sizes_day_by_day_are_those_that_were_counted_that_day(
    ask: httpx.Client, house: House
) -> None:
    items = got(ask.get("/v1/lifecycle/sizes", params=LONG_AGO))["items"]
    sizes = {date.fromisoformat(each["on"]).toordinal(): each["sizes"] for each in items}
    now = Counter(str(state.standing.lifecycle) for state in house.states.values())
    assert max(sizes) == house.today
    for day, counted in {**house.sizes, house.today: now}.items():
        assert sizes[day] == {state.value: counted.get(state.value, 0) for state in State}
    assert [each["on"] for each in items] == sorted(each["on"] for each in items)


def test_flows_lead_from_nobody_to_where_everybody_stands(ask: httpx.Client, house: House) -> None:
    told = got(ask.get("/v1/lifecycle/flows", params=LONG_AGO))
    size: Counter[str | None] = Counter()
    for each in told["items"]:
        assert each["before"] != each["after"]
        size[each["before"]] -= each["count"]
        size[each["after"]] += each["count"]
    assert -size.pop(None) == len(house.states)
    now = Counter(str(state.standing.lifecycle) for state in house.states.values())
    assert {name: count for name, count in size.items() if count} == now
    gone = [each for each in told["items"] if each["after"] is None]
    assert sum(each["count"] for each in gone) == len(house.aliases)
    assert told["to"] == date.fromordinal(house.today).isoformat()


def test_flows_are_told_as_they_were_published(ask: httpx.Client, house: House) -> None:
    told = {
        (each["before"], each["after"]): each["count"]
        for each in got(ask.get("/v1/lifecycle/flows", params=LONG_AGO))["items"]
    }
    won_back = sum(each["type"] == "customer.won_back" for each in house.changes)
    assert won_back
    assert told["dormant", "active"] + told.get(("churned", "active"), 0) == won_back


# Members.


def test_all_members_are_listed_page_by_page_and_in_one_file(
    ask: httpx.Client, house: House, told: dict[str, Any]
) -> None:
    for each in told["items"]:
        name, expected = each["name"], house.members(each["name"])
        assert sorted(listed(ask, name)) == expected
        file = ask.get(f"/v1/segments/{name}/members", params={"format": "csv"})
        assert file.headers["content-type"].startswith("text/csv")
        rows = list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"), newline="")))
        ids = [row["customer_id"] for row in rows]
        assert sorted(
            id_[1:] if id_[:1] == "'" and id_[1:] in expected else id_ for id_ in ids
        ) == (expected)
        for row in rows:
            assert not any(str(cell).startswith(("=", "+", "@", "\t")) for cell in row.values())


def test_a_file_is_named_after_its_segment(ask: httpx.Client) -> None:
    file = ask.get("/v1/segments/rfm.quintile/loyal/members", params={"format": "csv"})
    assert file.headers["content-disposition"] == 'attachment; filename="rfm-quintile-loyal.csv"'


def test_pages_may_be_as_short_as_one(ask: httpx.Client, house: House) -> None:
    assert sorted(listed(ask, "lifecycle/dormant", limit=1)) == house.members("lifecycle/dormant")


def test_membership_is_what_a_lookup_says(ask: httpx.Client, house: House) -> None:
    for id_ in [*sorted(house.states)[::15], OLD_NAME]:
        own = set(got(ask.get(path(id_)))["segments"])
        for name in ("lifecycle/active", "lifecycle/dormant", "tier/high", *own):
            told = got(ask.get(f"/v1/segments/{name}/members/{part(id_)}"))
            assert (told["segment"], told["member"]) == (name, name in own)
            assert told["customer_id"] == house.aliases.get(id_, id_)


@pytest.mark.parametrize("tail", ["", "/members", "/members?format=csv", "/members/%40home"])
@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("lifecycle/asleep", 404),
        ("cluster/99", 404),
        ("rfm.braze/loyal", 404),
        ("a%2Fb/c", 404),
        ("lifecycle/%FF", 400),
        ("x" * 257 + "/y", 400),
    ],
)
def test_a_segment_that_is_not_there_is_not_found(
    ask: httpx.Client, name: str, status: int, tail: str
) -> None:
    detail = refused(ask.get(f"/v1/segments/{name}{tail}"), status)
    assert detail.startswith("there is no segment" if status == 404 else ("group: ", "kind: "))


def test_nobody_is_no_member_but_not_found(ask: httpx.Client) -> None:
    refused(ask.get("/v1/segments/lifecycle/active/members/nobody"), 404)


@pytest.mark.parametrize(
    "query", ["days=0", "days=401", "days=x", "limit=0", "format=xml", "cursor=x"]
)
def test_what_cannot_be_read_is_refused_by_name(ask: httpx.Client, query: str) -> None:
    tail = "" if query.startswith("days") else "/members"
    detail = refused(ask.get(f"/v1/segments/lifecycle/active{tail}?{query}"), 400)
    assert query.partition("=")[0] in detail
