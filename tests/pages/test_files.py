"""The files of the dashboard, as they are served and as they were taken over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from streams.api.app import PAGES
from tests.support.api_house import Api, nowhere, settings

STATIC = Path(str(PAGES))
ECHARTS = "b66b25aeb4df84e33199dc21694014d336d222cbd9deb0e5a7c14bd6aa0d0fd0"
FILES = sorted(path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.is_file())
_ELSEWHERE = re.compile(r"https?://(?!www\.w3\.org/)|(?:src|href)=\"//|@import|url\(")


@pytest.fixture(scope="module")
def ask() -> Iterator[httpx.Client]:
    """A server that has no Redis: none is needed for files."""
    with Api(settings("files", nowhere())) as server, server.asked() as client:
        yield client


def test_the_chart_library_is_the_published_one_and_its_licences_stand_beside_it() -> None:
    vendor = STATIC / "vendor"
    assert sha256((vendor / "echarts-6.1.0.min.js").read_bytes()).hexdigest() == ECHARTS
    assert "Apache License" in (vendor / "echarts.LICENSE.txt").read_text("utf-8")
    assert "Apache ECharts" in (vendor / "echarts.NOTICE.txt").read_text("utf-8")
    assert len(list(vendor.iterdir())) == 3


@pytest.mark.parametrize("name", [name for name in FILES if not name.startswith("vendor/")])
def test_no_file_of_ours_names_anything_elsewhere(name: str) -> None:
    assert _ELSEWHERE.findall((STATIC / name).read_text("utf-8")) == []


def test_every_file_is_kept_by_the_browser_which_asks_whether_it_is_still_that_one(
    ask: httpx.Client,
) -> None:
    assert len(FILES) > 40
    for name in FILES:
        answer = ask.get(f"/static/{name}")
        assert (name, answer.status_code) == (name, 200)
        assert (name, answer.headers["cache-control"]) == (name, "no-cache")
        again = ask.get(f"/static/{name}", headers={"If-None-Match": answer.headers["etag"]})
        assert (name, again.status_code) == (name, 304)
        assert again.headers["cache-control"] == "no-cache"


def test_the_page_itself_is_asked_for_each_time_and_allows_only_what_is_its_own(
    ask: httpx.Client,
) -> None:
    headers = ask.get("/").headers
    assert headers["cache-control"] == "no-cache"
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "unsafe-eval" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/static/", "/static/js", "/static/../app.py", "/static/nothing"])
def test_what_is_no_file_is_not_found(ask: httpx.Client, path: str) -> None:
    assert ask.get(path).status_code == 404
