"""Lists to be written to: without those whom the gate refuses, and without those who are held out."""

from __future__ import annotations

import csv
import io
from collections import Counter
from typing import Any

import httpx
import pytest

from models.alert_record import Arm
from models.gate import Contact, refusal
from models.holdout import arm_of
from streams.api.exports import REASONS
from streams.client import Segmenter
from tests.support.alert_house import POLICY, AlertHouse
from tests.support.api_house import PLAIN_POLICY, Api, House, got, refused, settings
from tests.support.settled_town import KEYED

SEGMENT = "rule/friends"
MEMBERS = f"/v1/segments/{SEGMENT}/members"
WITHOUT: list[dict[str, str]] = [
    {"holdout": "leave_out"},
    {"for": "email"},
    {"for": "sms"},
    {"holdout": "leave_out", "for": "email"},
    {"holdout": "keep", "for": "email"},
]


def whys(house: AlertHouse, query: dict[str, str]) -> dict[str, str | None]:
    """Each member, and why they are left out; None: they stay."""
    found: dict[str, str | None] = {}
    for id_, state in house.states.items():
        if "friends" not in state.rules:
            continue
        contact = Contact(state.attributes, house.told_ms.get(id_, ()))
        channel = query.get("for")
        refused_for = channel and refusal(contact, channel, POLICY, house.now_ms)
        held_out = arm_of(id_, POLICY.alerts, KEYED) is Arm.HELD_OUT
        kept_out = query.get("holdout") == "leave_out" and held_out
        found[id_] = str(refused_for) if refused_for else "held_out" if kept_out else None
    return found


def pages(ask: httpx.Client, query: dict[str, str], limit: int) -> list[dict[str, Any]]:
    found, cursor = list[dict[str, Any]](), ""
    while True:
        page = got(ask.get(MEMBERS, params={**query, "limit": limit, "cursor": cursor}))
        found.append(page)
        if page["next"] is None:
            return found
        cursor = page["next"]


@pytest.mark.parametrize("query", WITHOUT, ids=str)
@pytest.mark.parametrize("limit", [1, 20, 1_000])
def test_who_must_not_be_written_to_is_left_out_and_counted_page_by_page(
    ask_alerts: httpx.Client, alert_house: AlertHouse, query: dict[str, str], limit: int
) -> None:
    expected = whys(alert_house, query)
    found = pages(ask_alerts, query, limit)
    kept = [each["customer_id"] for page in found for each in page["items"]]
    assert sorted(kept) == sorted(id_ for id_, why in expected.items() if why is None)
    left_out: Counter[str] = Counter()
    for page in found:
        left_out.update(page["left_out"])
        assert list(page["left_out"]) == list(REASONS)
        looked_at = len(page["items"]) + sum(page["left_out"].values())
        assert looked_at == limit or page is found[-1]
    assert +left_out == Counter(filter(None, expected.values()))


def test_every_reason_there_is_happens(alert_house: AlertHouse) -> None:
    query = {"holdout": "leave_out", "for": "email"}
    assert {*whys(alert_house, query).values()} == {None, *REASONS}


@pytest.mark.parametrize("query", WITHOUT, ids=str)
def test_a_file_has_the_same_and_its_header_says_who_is_missing(
    ask_alerts: httpx.Client, alert_house: AlertHouse, query: dict[str, str]
) -> None:
    expected = whys(alert_house, query)
    file = ask_alerts.get(MEMBERS, params={**query, "format": "csv"})
    rows = list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"), newline="")))
    counts = Counter(filter(None, expected.values()))
    assert len(rows) == len(expected) - counts.total()
    names = {row["customer_id"].removeprefix("'") for row in rows}
    assert names == {id_ for id_, why in expected.items() if why is None}
    assert file.headers["x-left-out"] == ", ".join(f"{each}={counts[each]}" for each in REASONS)
    assert "rule-friends.csv" in file.headers["content-disposition"]


def test_who_asks_for_everybody_is_told_of_everybody_and_of_nobody_left_out(
    ask_alerts: httpx.Client, alert_house: AlertHouse
) -> None:
    (page,) = pages(ask_alerts, {"holdout": "keep", "for": ""}, 1_000)
    assert len(page["items"]) == len(whys(alert_house, {}))
    assert "left_out" not in page
    file = ask_alerts.get(MEMBERS, params={"format": "csv"})
    assert "x-left-out" not in file.headers


def test_a_shop_without_delivery_leaves_out_by_profile_and_by_chance(
    ask: httpx.Client, house: House
) -> None:
    where = "/v1/segments/lifecycle/active/members?limit=1000"
    active = house.members("lifecycle/active")
    nobody = got(ask.get(f"{where}&for=email"))
    assert (nobody["items"], nobody["left_out"]["no_consent"]) == ([], len(active))
    tenth = got(ask.get(f"{where}&holdout=leave_out"))
    held_out = {id_ for id_ in active if arm_of(id_, PLAIN_POLICY.alerts, KEYED) is Arm.HELD_OUT}
    assert {each["customer_id"] for each in tenth["items"]} == {*active} - held_out
    assert tenth["left_out"]["held_out"] == len(held_out) > 0


def test_with_another_hash_key_nobody_can_tell_who_is_held_out(house: House) -> None:
    other = settings(house.namespace, house.redis_url, hash_key="another secret")
    with Api(other) as api, api.asked() as client:
        for format_ in ("json", "csv"):
            asked = {"holdout": "leave_out", "format": format_}
            answer = client.get("/v1/segments/lifecycle/active/members", params=asked)
            assert "hash key" in refused(answer, 409)
        got(client.get("/v1/segments/lifecycle/active/members?for=email"))


@pytest.mark.parametrize("query", ["holdout=all", "for=e%20mail", f"for={'x' * 33}", "for=E"])
def test_what_cannot_be_read_is_refused_by_name(ask_alerts: httpx.Client, query: str) -> None:
    detail = refused(ask_alerts.get(f"{MEMBERS}?{query}"), 400)
    assert detail.startswith(f"{query.partition('=')[0]}: ")


def test_the_typed_client_leaves_them_out_too(alert_server: Api, alert_house: AlertHouse) -> None:
    expected = whys(alert_house, {"holdout": "leave_out", "for": "email"})
    with Segmenter(alert_server.url) as segmenter:
        kept = segmenter.members(SEGMENT, 10, holdout="leave_out", channel="email")
        assert {each.customer_id for each in kept} == {
            id_ for id_, why in expected.items() if why is None
        }
        counts = [each.left_out for each in segmenter.member_pages(SEGMENT, 10, channel="email")]
        assert sum(each.no_consent for each in counts if each) == sum(
            why == "no_consent" for why in expected.values()
        )
        assert next(segmenter.member_pages(SEGMENT)).left_out is None
