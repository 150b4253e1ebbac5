"""Finding customers: by id, by search, by way of a segment; and the way back."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import httpx
import pytest
from playwright.sync_api import Locator, expect

from models.policy import Policy
from tests.support.api_house import NEW_NAME, ODD_IDS, OLD_NAME, POLICY, Api, House, got, path
from tests.support.pages import Reader

pytestmark = pytest.mark.pages
ACTIVE = "lifecycle/active"


def money(minor: int, policy: Policy = POLICY) -> str:
    assert policy.business.currency == "USD"
    return f"{'-' * (minor < 0)}${abs(minor) / 100:,.2f}"


def listed(dialog: Locator) -> list[str]:
    """The ids of a table of customers, as its links name them."""
    dialog.locator(".summaries-table").wait_for()
    hashes = dialog.locator(".summaries-table a").evaluate_all("all => all.map(e => e.hash)")
    return [unquote(each.removeprefix("#/customer/")) for each in hashes]


def liveliest(house: House) -> str:
    """Somebody of whom everything is known."""
    return max(house.states, key=lambda id_: len(house.states[id_].remembered))


def pages(ask: httpx.Client, **query: Any) -> list[str]:
    """Everybody whom a search finds, to its end."""
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        body = got(ask.get("/v1/customers", params={**query, "limit": 50, "cursor": cursor}))
        found += [each["customer_id"] for each in body["items"]]
        cursor = body["next"]
    return found


# By id.


def test_an_id_typed_into_the_search_opens_the_customer_with_their_facts(
    reader: Reader, ask: httpx.Client, house: House
) -> None:
    who = liveliest(house)
    told = got(ask.get(path(who)))
    reader.searches(who)
    drawer = reader.sees("customer-drawer")
    expect(drawer.get_by_role("heading", level=2)).to_have_text(who)
    facts = drawer.locator(".pairs").first
    facts.wait_for()
    text = facts.inner_text()
    assert f"{told['purchases']:,}×, on {told['purchase_days']:,} days" in text
    assert money(told["net_spend_minor"]) in text
    risk, value = told["churn_risk"], told["value"]
    for field, known in (
        ("own_probability", risk["own_probability"]),
        ("lifetime_value_minor", value["lifetime_value_minor"]),
    ):
        shown = drawer.locator(f"[data-field={field}]").get_attribute("data-value")
        assert json.loads(shown or "") == known
    states = [f"lifecycle/{told['lifecycle']}", *(f"flag/{flag}" for flag in told["flags"])]
    assert drawer.locator(".customer-head .badge").count() == len(states)
    reasons = drawer.locator(".reason > span:last-child").all_inner_texts()
    assert len(reasons) == len(risk["reasons"])
    links = drawer.locator(".segment-links a").evaluate_all("all => all.map(e => e.hash)")
    assert [f"#/segment/{name}" for name in told["segments"]] == links


def test_what_a_customer_bought_and_went_through_stands_in_their_drawer(
    reader: Reader, ask: httpx.Client, house: House
) -> None:
    who = liveliest(house)
    timeline = got(ask.get(f"{path(who)}/timeline"))
    history = got(ask.get(f"{path(who)}/history"))["items"]
    reader.follows(f"#/customer/{who}")
    drawer = reader.sees("customer-drawer")
    drawer.locator(".timeline").wait_for()
    times = drawer.locator(".timeline time").evaluate_all("all => all.map(e => e.dateTime)")
    assert times == [each["at"] for each in reversed(history)]
    risk, purchases = (drawer.locator(".part-head + figure tbody").nth(place) for place in (0, 1))
    assert risk.locator("tr").count() == len(timeline["risk"])
    amounts = purchases.locator("td:nth-child(3)").all_text_contents()
    assert amounts == [money(each["amount_minor"]) for each in reversed(timeline["purchases"])]


@pytest.mark.parametrize("who", ODD_IDS[:8], ids=repr)
def test_whatever_an_id_holds_a_link_opens_the_customer(reader: Reader, who: str) -> None:
    reader.follows(f"#/customer/{quote(who, safe='')}")
    expect(reader.sees("customer-drawer").locator(".customer-head")).to_be_visible()


def test_who_has_another_name_now_is_found_by_the_old_one(reader: Reader) -> None:
    reader.searches(OLD_NAME)
    head = reader.sees("customer-drawer").locator(".customer-head")
    expect(head).to_contain_text(OLD_NAME)
    expect(reader.page.locator("#customer-drawer-heading")).to_have_text(NEW_NAME)


def test_a_shared_link_opens_the_customer_and_to_close_them_leads_to_the_page(
    new_reader: Callable[..., Reader], server: Api, house: House
) -> None:
    who = liveliest(house)
    reader = new_reader(server).opens(f"#/customer/{who}")
    drawer = reader.sees("customer-drawer")
    expect(drawer.locator(".customer-head")).to_be_visible()
    drawer.locator(".dialog-close").click()
    expect(drawer).to_be_hidden()
    assert reader.hash() == ""


def test_a_link_to_nobody_says_so(new_reader: Callable[..., Reader], server: Api) -> None:
    reader = new_reader(server).opens("#/customer/nobody")
    expect(reader.sees("customer-drawer").locator(".empty")).to_have_text(
        "Nobody is known by that id."
    )
    reader.was_refused(404)


# By search.


def test_the_beginning_of_an_id_lists_whom_the_api_lists(reader: Reader, ask: httpx.Client) -> None:
    told = pages(ask, prefix="10")
    assert len(told) > 3
    reader.page.get_by_test_id("search").fill("10")
    reader.page.get_by_role("button", name="Ids that begin with").click()
    found = reader.sees("search-results")
    expect(found.locator("tbody tr")).to_have_count(len(told))
    assert listed(found) == told
    expect(found.locator(".progress")).to_contain_text(f"{len(told)} customers, that is all.")


def test_an_id_that_nobody_has_is_taken_for_the_beginning_of_one(
    reader: Reader, ask: httpx.Client
) -> None:
    told = pages(ask, prefix="客户")
    assert len(told) == 1
    reader.searches("客户")
    expect(reader.sees("search-results").locator("tbody tr")).to_have_count(1)
    assert listed(reader.sees("search-results")) == told
    reader.was_refused(404)


@pytest.mark.parametrize("text", ["region:north", "vip:true", "visits:4"])
def test_an_attribute_lists_whom_the_api_lists(
    reader: Reader, ask: httpx.Client, text: str
) -> None:
    told = pages(ask, attribute=text)
    assert told
    reader.searches(text)
    found = reader.sees("search-results")
    expect(found.locator("tbody tr")).to_have_count(len(told))
    assert listed(found) == told
    reader.was_refused(404)  # nobody has that for an id


def test_an_e_mail_address_leaves_the_browser_only_as_its_hash(
    new_reader: Callable[..., Reader], server: Api
) -> None:
    reader = new_reader(server).opens()
    hashed = sha256(b"zoe@example.com").hexdigest()
    reader.searches("Zoe@Example.com")
    expect(reader.sees("search-results").locator(".progress")).to_contain_text("Nobody found.")
    (asked,) = [each for each in reader.asked if "attribute=" in each]
    assert f"attribute=email_sha256%3A{hashed}&" in asked
    assert not [each for each in reader.asked if "xample.com" in each]


# By way of a segment.


def test_a_segment_opens_its_members_a_member_their_drawer_and_back_goes_back(
    new_reader: Callable[..., Reader], server: Api, ask: httpx.Client
) -> None:
    page = got(ask.get(f"/v1/segments/{ACTIVE}/members", params={"limit": 100}))
    reader = new_reader(server).opens()
    reader.page.locator(f'#segments a[href="#/segment/{ACTIVE}"]').click()
    members, drawer = reader.sees("members"), reader.page.get_by_test_id("customer-drawer")
    expect(members.locator("tbody tr th")).to_have_count(len(page["items"]))
    assert listed(members) == [each["customer_id"] for each in page["items"]]
    members.locator("tbody th a").nth(2).click()
    expect(drawer.locator(".customer-head")).to_be_visible()
    assert reader.hash() == f"/customer/{page['items'][2]['customer_id']}"
    reader.page.go_back()
    expect(drawer).to_be_hidden()
    expect(members).to_be_visible()
    reader.page.go_back()
    expect(members).to_be_hidden()
    reader.page.go_forward()
    expect(members.locator("tbody tr th")).to_have_count(len(page["items"]))


def test_all_members_are_shown_page_by_page_each_once(
    reader: Reader, ask: httpx.Client, house: House
) -> None:
    reader.follows(f"#/segment/{ACTIVE}")
    members = reader.sees("members")
    everybody = house.members(ACTIVE)
    assert 200 < len(everybody) < 300
    for shown in (100, 200):
        expect(members.locator("tbody th a")).to_have_count(shown)
        members.get_by_test_id("members-more").click()
    expect(members.locator(".progress")).to_contain_text("that is all.")
    assert sorted(listed(members)) == everybody
    detail = got(ask.get(f"/v1/segments/{ACTIVE}", params={"days": 90}))
    for field in ("size", "entered", "left"):
        figure = members.locator(f"[data-field={field}]")
        expect(figure).to_have_attribute("data-value", str(detail[field]))
    days = members.locator(".members-days tbody tr")
    assert days.count() == len(detail["by_day"])


def test_the_export_is_the_file_of_all_members(
    reader: Reader, ask: httpx.Client, house: House
) -> None:
    reader.follows(f"#/segment/{ACTIVE}")
    members = reader.sees("members")
    with reader.page.expect_download() as download:
        members.get_by_test_id("members-export").click()
    assert download.value.suggested_filename == "lifecycle-active.csv"
    saved = Path(download.value.path()).read_bytes()
    answer = ask.get(f"/v1/segments/{ACTIVE}/members", params={"format": "csv"})
    assert saved == answer.content
    assert saved.count(b"\n") > len(house.members(ACTIVE))
    expect(members.locator(".members-list-head [role=status]")).to_have_text(
        "The file has been saved."
    )


def test_a_field_of_a_chart_opens_its_largest_group(reader: Reader, ask: httpx.Client) -> None:
    cells = got(ask.get("/v1/rfm/heatmap", params={"scheme": "quintile"}))["cells"]
    place, cell = max(enumerate(cells), key=lambda each: int(each[1]["customers"]))
    group = max(cell["groups"], key=lambda name: int(cell["groups"][name]))
    chart = reader.page.locator("#panel-rfm .chart")
    chart.scroll_into_view_if_needed()
    across, down = reader.page.evaluate(
        """([chart, place]) => {
            const drawn = echarts.getInstanceByDom(chart);
            return drawn.convertToPixel(
                {seriesIndex: 0}, drawn.getOption().series[0].data[place].value.slice(0, 2));
        }""",
        [chart.element_handle(), place],
    )
    chart.click(position={"x": across, "y": down})
    reader.sees("members")
    assert reader.hash() == f"/segment/rfm.quintile/{group}"
