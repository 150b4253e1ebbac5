"""Members as a file, without those whom nobody must write to; the page says how many."""

from __future__ import annotations

import csv
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.support.api_house import Api, got
from tests.support.pages import Reader

pytestmark = pytest.mark.pages
NO_SURVEY = {409}  # has been taken of this shop


@pytest.fixture(scope="module")
def resident(browser: Browser, alert_server: Api) -> Iterator[Reader]:
    with Reader(browser, alert_server.url, NO_SURVEY) as one:
        yield one.opens()


@pytest.mark.parametrize(("holdout", "channel"), [(True, ""), (False, "email"), (True, " email ")])
def test_a_file_is_saved_without_whom_not_to_write_to_and_the_page_says_how_many(
    reader: Reader, ask_alerts: httpx.Client, holdout: bool, channel: str
) -> None:
    query = {"for": channel.strip(), "holdout": "leave_out" if holdout else "keep"}
    where = "/v1/segments/rule/friends/members"
    told = got(ask_alerts.get(where, params={**query, "limit": 1_000}))
    reader.follows("#/segment/rule/friends")
    members = reader.sees("members")
    members.get_by_test_id("export-holdout").set_checked(holdout)
    members.get_by_test_id("export-for").fill(channel)
    with reader.page.expect_download() as saved:
        members.get_by_test_id("members-export").click()
    with saved.value.path().open(encoding="utf-8-sig", newline="") as file:
        assert len(list(csv.DictReader(file))) == len(told["items"])
    status = members.locator(".export [role=status]")
    expect(status).to_contain_text("The file has been saved. Left out: ")
    words = {
        "suppressed": "{} on the suppression list",
        "no_consent": "{} without consent",
        "too_often": "{} told of too often",
        "held_out": "{} in the control group",
    }
    for reason, count in told["left_out"].items():
        if count:
            expect(status).to_contain_text(words[reason].format(count))
        else:
            expect(status).not_to_contain_text(words[reason].format("").strip())


def test_a_channel_that_can_be_none_is_not_asked_for(reader: Reader) -> None:
    reader.follows("#/segment/rule/friends")
    members = reader.sees("members")
    channel = members.get_by_test_id("export-for")
    assert channel.evaluate("e => [...e.list.options].map(each => each.value)") == ["email"]
    before = len(reader.asked)
    channel.fill("E-Mail!")
    channel.press("Enter")
    status = members.locator(".export [role=status]")
    expect(status).to_have_text("A channel is named in small letters, such as email.")
    expect(channel).to_have_attribute("aria-invalid", "true")
    assert not [each for each in reader.asked[before:] if "format=csv" in each]
    channel.fill("")
    with reader.page.expect_download():
        members.get_by_test_id("members-export").click()
    expect(channel).to_have_attribute("aria-invalid", "false")
