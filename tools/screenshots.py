"""Takes the README's pictures of a running dashboard.

    python tools/screenshots.py http://127.0.0.1:8080 [--customer ID] [--segment NAME]
    python tools/screenshots.py --report base.html     what segmenter segments report has written
    python tools/screenshots.py --compare report.html  what segmenter replay compare has written

The first writes docs/dashboard-light.png, docs/dashboard-dark-zh.png, docs/dashboard-customer.png and, where a survey
is kept, docs/dashboard-persona.png with the browser of the tests. Without an id, the customer is one who is
about to leave; without a name, the segment is the one of which most can be said. The others write
docs/segments-report.png and docs/what-if-report.png.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import Browser, Page

from tests.support.chromium import READY, started

DOCS = Path(__file__).resolve().parents[1] / "docs"
SIZE = {"width": 1440, "height": 900}
DRAWER = {"width": 1024, "height": 1060}  # a wide drawer and nothing beside it
SHEET = {"width": 1100, "height": 1450}  # about the first page of A4
MAX_BYTES = 400_000
SEGMENTS = ("risk/high", "risk/elevated", "lifecycle/active")  # the first that has anybody


@contextmanager
def dashboard(browser: Browser, url: str, language: str, colours: str) -> Iterator[Page]:
    """The page, once everything on it is drawn; without animations."""
    context = browser.new_context(
        viewport={"width": SIZE["width"], "height": SIZE["height"]},
        device_scale_factor=1,
        locale=language,
        color_scheme="dark" if colours == "dark" else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector(READY)
    yield page
    context.close()


def picture(page: Page, name: str) -> int:
    """Write what is seen; answers the bytes."""
    page.evaluate("() => new Promise(drawn => requestAnimationFrame(() => setTimeout(drawn, 200)))")
    path = DOCS / f"{name}.png"
    page.screenshot(path=path)
    size = path.stat().st_size
    print(f"{path.relative_to(DOCS.parent)}  {size:,} bytes")
    return size


def some_customer(url: str) -> str:
    """Somebody worth looking at."""
    for segment in SEGMENTS:
        answer = httpx.get(f"{url}/v1/segments/{segment}/members", params={"limit": 100})
        if members := answer.raise_for_status().json()["items"]:
            return str(max(members, key=lambda each: each["purchase_days"])["customer_id"])
    raise SystemExit("nobody is in any of " + ", ".join(SEGMENTS))


def some_segment(url: str) -> str | None:
    """One worth reading; None: no survey is kept."""
    answer = httpx.get(f"{url}/v1/personas")
    if answer.status_code == httpx.codes.CONFLICT:
        return None
    told = answer.raise_for_status().json()["items"]
    return str(max(told, key=lambda each: len(each["sentences"]))["segment"])


def persona(page: Page, segment: str) -> int:
    """Write who is in a segment; answers the bytes."""
    page.set_viewport_size({"width": DRAWER["width"], "height": DRAWER["height"]})
    page.evaluate("segment => { location.hash = `#/segment/${segment}`; }", segment)
    part = page.get_by_test_id("persona")
    part.locator(".verdicts").wait_for()
    page.locator("#members tbody tr th").first.wait_for()  # nothing moves any more
    part.evaluate("part => { part.offsetParent.scrollTop = part.offsetTop - 12; }")
    return picture(page, "dashboard-persona")


@contextmanager
def sheet(browser: Browser, path: Path) -> Iterator[Page]:
    """The top of a report, as it stands in a file."""
    context = browser.new_context(viewport={"width": SHEET["width"], "height": SHEET["height"]})
    page = context.new_page()
    page.goto(path.resolve().as_uri())
    yield page
    context.close()


def of_dashboard(browser: Browser, url: str, who: str, segment: str | None) -> Iterator[int]:
    """Write all pictures of a dashboard; yields the bytes of each."""
    with dashboard(browser, f"{url}/", "en-US", "light") as page:
        yield picture(page, "dashboard-light")
        page.get_by_test_id("search").fill(who)
        page.keyboard.press("Enter")
        page.locator("#customer-drawer .customer-head").wait_for()
        yield picture(page, "dashboard-customer")
    if segment is not None:
        with dashboard(browser, f"{url}/", "en-US", "light") as page:
            yield persona(page, segment)
    with dashboard(browser, f"{url}/", "zh-CN", "dark") as page:
        yield picture(page, "dashboard-dark-zh")


def of_files(browser: Browser, report: Path | None, compare: Path | None) -> Iterator[int]:
    """Write the pictures of reports; yields the bytes of each."""
    if report is not None:
        with sheet(browser, report) as page:
            yield picture(page, "segments-report")
    if compare is not None:
        with sheet(browser, compare) as page:
            yield picture(page, "what-if-report")


def main(arguments: list[str]) -> int:
    """Take the pictures; answers the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("url", nargs="?", help="of a running API")
    parser.add_argument("--customer", help="whose drawer is shown")
    parser.add_argument("--segment", help="whose persona is shown")
    parser.add_argument("--report", type=Path, help="of a base")
    parser.add_argument("--compare", type=Path, help="of two policies")
    asked = parser.parse_args(arguments)
    with started() as browser:
        sizes = [*of_files(browser, asked.report, asked.compare)]
        if asked.url:
            url = asked.url.rstrip("/")
            who, segment = asked.customer or some_customer(url), asked.segment or some_segment(url)
            sizes += of_dashboard(browser, url, who, segment)
    too_large = [size for size in sizes if size > MAX_BYTES]
    if too_large:
        print(f"more than {MAX_BYTES:,} bytes: {too_large}")
    return 1 if too_large else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
