"""Customers over HTTP: by any name, now and then, one and many."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest

from models.customer import CustomerState
from models.past import as_it_stood, kept_since_ms
from models.step import advance
from streams.messages import rfc3339
from tests.support.api_house import (
    NEW_NAME,
    ODD_IDS,
    OLD_NAME,
    POLICY,
    House,
    got,
    path,
    refused,
)
from tests.support.story import DAY_MS

LONG = "x" * 257


@pytest.fixture(scope="session")
def someone(house: House) -> str:
    """A household that has bought often, and whose past is not all kept."""
    settled = {id_: s for id_, s in house.states.items() if s.settled_through_ms >= 0}
    return max(settled, key=lambda id_: settled[id_].current.purchases)


def everybody(house: House) -> Iterator[str]:
    yield from sorted(house.states)
    yield from house.aliases


def test_a_lookup_is_the_same_whether_or_not_it_has_a_query(
    ask: httpx.Client, house: House
) -> None:
    for id_ in everybody(house):
        hot, documented = ask.get(path(id_)), ask.get(path(id_), params={"explain": "false"})
        assert got(hot) == got(documented)
        assert hot.headers["etag"] == documented.headers["etag"]
        assert hot.headers["content-type"] == documented.headers["content-type"]
        assert hot.headers["cache-control"] == documented.headers["cache-control"]
        assert hot.content == ask.get(path(id_)).content


def test_everybody_is_found_by_their_id_whatever_it_is(ask: httpx.Client, house: House) -> None:
    for id_ in ODD_IDS:
        state = house.states[id_]
        told = got(ask.get(path(id_)))
        assert (told["customer_id"], told["purchases"]) == (id_, state.current.purchases)
        for tail in ("/history", "/timeline", "?explain=true"):
            assert got(ask.get(path(id_) + tail))["customer_id"] == id_


def test_an_id_in_another_spelling_is_the_same_id(ask: httpx.Client) -> None:
    assert got(ask.get(path("Zoe\u0308 🛍️")))["customer_id"] == "Zo\u00eb 🛍️"


def test_another_name_leads_to_the_person_everywhere(ask: httpx.Client) -> None:
    told = got(ask.get(path(OLD_NAME)))
    assert (told["customer_id"], told["asked_for"], told["names"]) == (
        NEW_NAME,
        OLD_NAME,
        [OLD_NAME],
    )
    own = got(ask.get(path(NEW_NAME)))
    assert "asked_for" not in own
    del told["asked_for"]
    assert told == own
    for tail in ("/history", "/timeline"):
        assert got(ask.get(path(OLD_NAME) + tail)) == got(ask.get(path(NEW_NAME) + tail))


@pytest.mark.parametrize("tail", ["", "?explain=false", "/history", "/timeline"])
@pytest.mark.parametrize(
    ("raw", "status"),
    [
        ("nobody", 404),
        ("a%2Fbc", 404),
        ("%00", 404),
        (LONG, 400),
        ("%E5%AE%A2" * 86, 400),
        ("%FF", 400),
        ("%C3%28", 400),
        ("%ED%A0%80", 400),
    ],
)
def test_who_is_unknown_is_not_found_and_what_cannot_be_an_id_is_refused(
    ask: httpx.Client, raw: str, status: int, tail: str
) -> None:
    detail = refused(ask.get(f"/v1/customers/{raw}{tail}"), status)
    assert detail.startswith("customer_id: " if status == 400 else "nobody is known")


def test_an_id_of_256_bytes_may_be_somebody(ask: httpx.Client) -> None:
    assert refused(ask.get(path("客" * 85 + "x")), 404) == "nobody is known by that id"


# Not modified.


@pytest.mark.parametrize("query", ["", "?explain=false"])
def test_who_has_the_answer_already_is_told_so(ask: httpx.Client, someone: str, query: str) -> None:
    tag = ask.get(path(someone) + query).headers["etag"]
    for known in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        answer = ask.get(path(someone) + query, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == tag
    for other in ('"other"', tag[:-2] + '"', ""):
        assert got(ask.get(path(someone) + query, headers={"If-None-Match": other}))


def test_people_have_different_tags(ask: httpx.Client, house: House) -> None:
    tags = {ask.get(path(each)).headers["etag"] for each in sorted(house.states)[:50]}
    assert len(tags) == 50


# What they are.


def test_an_explanation_is_added_to_the_same_answer(ask: httpx.Client, someone: str) -> None:
    told = got(ask.get(path(someone), params={"explain": "true"}))
    sentences = told.pop("explanation")
    assert any(each.startswith("Risk: ") for each in sentences)
    assert {each["segment"] for each in told.pop("rules")} == {
        name for name in told["segments"] if name.startswith("rule/")
    }
    assert told == got(ask.get(path(someone)))


def test_cluster_risk_and_value_are_told_once_they_are_in_force(
    ask: httpx.Client, house: House, someone: str
) -> None:
    told = got(ask.get(path(someone)))
    assert told["population"] == house.populations[-1].version
    groups = house.states[someone].groups
    assert f"cluster/{told['cluster']['id']}" in told["segments"]
    assert (told["churn_risk"]["band"], told["value"]["tier"]) == (groups["risk"], groups["tier"])
    assert set(told["rfm"]) == {"quintile", "klaviyo", "braze", "china8"}
    assert set(told["cluster"]["says"]) == {"en", "zh"}


# Then.


def told_then(state: CustomerState, id_: str, at_ms: int, house: House) -> dict[str, Any]:
    """A few things as the core tells them."""
    now = advance(id_, state, house.clock_ms, POLICY, house.populations[-1])[0]
    then = as_it_stood(now, at_ms, POLICY, house.populations[-1])
    return {
        "lifecycle": then.standing.lifecycle.value,
        "purchases": then.current.purchases,
        "net_spend_minor": then.current.net_spend_minor,
        "as_of": rfc3339(at_ms),
        "live": False,
        "kept_since": rfc3339(kept_since_ms(now)),
    }


def test_somebody_is_shown_as_they_stood_as_far_back_as_that_is_kept(
    ask: httpx.Client, house: House
) -> None:
    for id_ in sorted(house.states)[::9]:
        state = house.states[id_]
        since_ms = kept_since_ms(state)
        for at_ms in (since_ms, (since_ms + house.clock_ms) // 2, house.clock_ms - 1):
            then = {"as_of": rfc3339(at_ms)}
            told = got(ask.get(path(id_), params=then))
            assert told.items() >= told_then(state, id_, at_ms, house).items()
        detail = refused(ask.get(path(id_), params={"as_of": rfc3339(since_ms - 1)}), 400)
        assert rfc3339(since_ms) in detail


def test_the_moment_of_a_purchase_is_exact_to_the_millisecond(
    ask: httpx.Client, house: House
) -> None:
    id_ = ODD_IDS[1]
    last_ms = house.states[id_].current.last_purchase_ms
    assert last_ms is not None
    purchases = house.states[id_].current.purchases
    for off, count in ((0, purchases), (-1, purchases - 1)):
        then = {"as_of": rfc3339(last_ms + off)}
        assert got(ask.get(path(id_), params=then))["purchases"] == count


def test_then_is_told_in_any_zone_and_may_be_explained(ask: httpx.Client, house: House) -> None:
    at = datetime.fromtimestamp((house.clock_ms - DAY_MS) / 1000).astimezone()
    told = got(ask.get(path("@home"), params={"as_of": at.isoformat(), "explain": "true"}))
    assert told["as_of"] == rfc3339(house.clock_ms - DAY_MS)
    assert told["explanation"]


def test_a_moment_that_is_yet_to_come_shows_now(ask: httpx.Client, house: House) -> None:
    told = got(ask.get(path("@home"), params={"as_of": "2999-01-01T00:00:00Z"}))
    assert told["as_of"] == rfc3339(house.clock_ms)


@pytest.mark.parametrize("text", ["yesterday", "2017-02-01", "2017-02-01T00:00:00", ""])
def test_a_moment_without_a_zone_is_none(ask: httpx.Client, text: str) -> None:
    assert refused(ask.get(path("@home"), params={"as_of": text}), 400).startswith("as_of: ")


# History and time line.


def test_history_is_what_was_published_oldest_first(ask: httpx.Client, house: House) -> None:
    for id_ in (*ODD_IDS[:6], *sorted(house.states)[:20]):
        published = [each for each in house.changes if each["customer_id"] == id_]
        items = got(ask.get(path(id_) + "/history"))["items"]
        newest = sorted(published, key=lambda each: each["sequence"])[-32:]
        assert [(each["sequence"], each["type"], each["after"]) for each in items] == [
            (each["sequence"], each["type"], each["after"]) for each in newest
        ]


def test_a_time_line_has_all_that_is_remembered_and_the_risk_week_by_week(
    ask: httpx.Client, house: House, someone: str
) -> None:
    state, told = house.states[someone], got(ask.get(path(someone) + "/timeline"))
    assert len(told["purchases"]) == len(state.remembered)
    assert told["kept_since"] == rfc3339(kept_since_ms(state))
    assert (told["as_of"], told["currency"]) == (rfc3339(house.clock_ms), "USD")
    days = [each["on"] for each in told["risk"]]
    assert days == sorted(days)
    assert told["risk"][-1]["own_probability"] == pytest.approx(
        got(ask.get(path(someone)))["churn_risk"]["own_probability"], abs=1e-4
    )


def test_a_return_is_told_with_the_purchase_it_undid(ask: httpx.Client) -> None:
    told = got(ask.get(path(ODD_IDS[10])))
    assert told["purchases"] < 2 + 10 % 7
    bought = got(ask.get(path(ODD_IDS[10]) + "/timeline"))["purchases"]
    assert [each["returned_minor"] for each in bought if each["returned_minor"]] == [2_000]
    assert {each["kind"] for each in bought} == {"purchase"}


# Many.


def test_many_are_answered_in_the_order_asked_each_or_why_there_is_none(
    ask: httpx.Client, house: House
) -> None:
    ids = [*ODD_IDS, "nobody", "", LONG, OLD_NAME, ODD_IDS[0]]
    items = got(ask.post("/v1/customers:batchGet", json={"ids": ids}))["items"]
    assert [each["id"] for each in items] == ids
    assert [each["customer"]["customer_id"] for each in items[: len(ODD_IDS)]] == list(ODD_IDS)
    errors = [each["error"] for each in items[len(ODD_IDS) :] if "error" in each]
    size = "an id takes 1 to 256 bytes of UTF-8, found"
    assert errors == ["nobody is known by that id", f"{size} 0", f"{size} 257"]
    assert items[-2]["customer"]["customer_id"] == NEW_NAME
    assert items[-1]["customer"] == got(ask.get(path(ODD_IDS[0])))


def test_a_thousand_are_answered_at_once_and_no_more(ask: httpx.Client, house: House) -> None:
    ids = (sorted(house.states) * 9)[:1_000]
    assert len(got(ask.post("/v1/customers:batchGet", json={"ids": ids}))["items"]) == 1_000
    refused(ask.post("/v1/customers:batchGet", json={"ids": [*ids, "x"]}), 400)
    assert got(ask.post("/v1/customers:batchGet", json={"ids": []})) == {"items": []}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"ids": [1]}', b'{"ids": "a"}', b"\xff"])
def test_what_is_not_a_list_of_ids_is_refused(ask: httpx.Client, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    refused(ask.post("/v1/customers:batchGet", content=body, headers=headers), 400)


def test_half_a_character_is_nobodys_id_and_does_no_harm(ask: httpx.Client) -> None:
    headers, body = {"content-type": "application/json"}, b'{"ids": ["\\ud800", "@home"]}'
    half, whole = got(ask.post("/v1/customers:batchGet", content=body, headers=headers))["items"]
    assert half == {"id": "?", "error": "an id must be valid Unicode text"}
    assert whole["customer"]["customer_id"] == "@home"


# Search.


def searched(ask: httpx.Client, **params: Any) -> tuple[list[str], int]:
    found, walked = list[str](), 0
    cursor: str | None = ""
    while cursor is not None:
        page = got(ask.get("/v1/customers", params={**params, "cursor": cursor}))
        found += [each["customer_id"] for each in page["items"]]
        cursor, walked = page["next"], walked + page["searched"]
    return found, walked


def test_a_search_finds_exactly_who_fits(ask: httpx.Client, house: House) -> None:
    for prefix in ("", "1", "12", "Zo", "=", "客"):
        expected = sorted(id_ for id_ in house.states if id_.startswith(prefix))
        found, walked = searched(ask, prefix=prefix, limit=7)
        assert sorted(set(found)) == expected
        assert walked >= len(house.states)


def test_a_search_by_attributes_finds_exactly_who_has_them(ask: httpx.Client, house: House) -> None:
    for wanted in (
        ["region:north"],
        ["region:north", "vip:true"],
        ["visits:4"],
        ["age_band:45-54"],
    ):
        pairs = [each.split(":", 1) for each in wanted]
        expected = {
            id_
            for id_, state in house.states.items()
            if all(_attribute(state, name) == value for name, value in pairs)
        }
        assert expected
        assert set(searched(ask, attribute=wanted)[0]) == expected


def _attribute(state: CustomerState, name: str) -> str | None:
    value = state.attributes[name].value if name in state.attributes else None
    return json.dumps(value).strip('"')


def test_a_summary_says_the_same_as_a_lookup(ask: httpx.Client, house: House) -> None:
    for each in got(ask.get("/v1/customers", params={"limit": 60}))["items"]:
        told = got(ask.get(path(each["customer_id"])))
        same = ("lifecycle", "flags", "last_purchase_at", "purchase_days", "net_spend_minor")
        assert {name: each[name] for name in same} == {name: told[name] for name in same}
        assert each["segments"] == told["segments"]
        assert each["tier"] == (told["value"] or {}).get("tier")
        own = (told["churn_risk"] or {}).get("own_probability")
        assert each["own_probability"] == own


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "attribute=region", "attribute=:x", "cursor=x", "limit=x"]
)
def test_a_search_that_cannot_be_read_is_refused_by_name(ask: httpx.Client, query: str) -> None:
    assert query.partition("=")[0] in refused(ask.get(f"/v1/customers?{query}"), 400)
