"""A reader of the dashboard: one page in Chromium, and whatever it did that it must not do."""

from __future__ import annotations

from collections.abc import Collection
from decimal import ROUND_HALF_UP, Decimal
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Locator, Request, Response

from tests.support.api_house import PATIENCE_S
from tests.support.chromium import READY

OWN_SCHEMES = {"data", "blob"}  # made by the page itself
_FAILED = "Failed to load resource"  # its status is known from the response
_LOOKS = {
    "locale": "en-US",
    "color_scheme": "light",
    "reduced_motion": "reduce",  # what moves can't be looked at
    "viewport": {"width": 1280, "height": 900},
}


def rounded(value: float, digits: str) -> Decimal:
    """As a browser rounds: half away from zero."""
    return (100 * Decimal(str(value))).quantize(Decimal(digits), ROUND_HALF_UP)


def percent(share: float) -> str:
    """A share as an English reader sees it."""
    return f"{rounded(share, '1')}%"


def points(difference: float) -> str:
    """A difference of shares in percentage points, likewise."""
    return f"{rounded(difference, '0.1'):+}"


class Reader:
    """Somebody before a page.

    Args:
        browser: of the test's module.
        url: where the API answers.
        refusals: statuses of 400 and more that may come back at any time.
        looks: options of the browser's context: locale, colours, size.

    Attributes:
        page: Playwright's.
        asked: the addresses of all requests.
        refused: other statuses of 400 and more that came back.
        complaints: errors of scripts and in the console, requests that went elsewhere.
    """

    def __init__(
        self, browser: Browser, url: str, refusals: Collection[int] = (), **looks: Any
    ) -> None:
        self._url, self._refusals = url, refusals
        self._context = browser.new_context(**{**_LOOKS, **looks})
        self._context.set_default_timeout(PATIENCE_S * 1_000)
        self.page = self._context.new_page()
        self.asked: list[str] = []
        self.refused: set[int] = set()
        self.complaints: list[str] = []
        self.page.on("request", self._asks)
        self.page.on("response", self._is_answered)
        self.page.on("console", self._reads_in_the_console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"thrown: {error}"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Close the page; one that did what it must not fails the test."""
        try:
            if kind is None:
                self.require_clean()
        finally:
            self._context.close()

    def require_clean(self) -> None:
        """Nothing went wrong, and nothing elsewhere, so far."""
        self.page.title()  # all that the page has told has been heard by then
        assert not self.complaints, self.complaints
        assert not self.refused, self.refused

    def was_refused(self, *statuses: int) -> None:
        """These came back, and no others."""
        self.page.title()
        assert self.refused == {*statuses}, self.refused
        self.refused.clear()

    def opens(self, hash_: str = "") -> Self:
        """The dashboard, loaded anew."""
        self.page.goto("about:blank")  # else a hash alone loads nothing
        self.page.goto(f"{self._url}/{hash_}")
        self.is_ready()
        return self

    def with_a_clock(self) -> Self:
        """From the next page on, time can be made to pass."""
        self.page.clock.install()
        return self

    def waits(self, seconds: float) -> None:
        """So much time passes on the page at once."""
        self.page.clock.fast_forward(int(seconds * 1_000))

    def is_ready(self) -> None:
        """Everything has been asked for once."""
        self.page.wait_for_selector(READY)

    def goes_home(self) -> Self:
        """Whatever is open is closed, without loading anything anew."""
        self.page.evaluate("location.hash = ''")
        self.page.locator("dialog[open]").wait_for(state="detached")
        return self

    def follows(self, hash_: str) -> None:
        """A link within the page."""
        self.page.evaluate("hash => { location.hash = hash; }", hash_)

    def sees(self, testid: str) -> Locator:
        """A part of the page, once it is there."""
        found = self.page.get_by_test_id(testid)
        found.wait_for()
        return found

    def searches(self, text: str) -> None:
        """Types into the search and presses Enter."""
        self.page.get_by_test_id("search").fill(text)
        self.page.keyboard.press("Enter")

    def shows_tables(self) -> None:
        """Every chart of the dashboard as its table."""
        charts = "main .panel-tools button[aria-pressed=false]:visible"
        for panel in self.page.locator(charts).all()[::-1]:
            panel.click()

    def hash(self) -> str:
        """The part of the address that says what is open."""
        return urlsplit(self.page.url).fragment

    def _asks(self, request: Request) -> None:
        self.asked.append(request.url)
        own = request.url.startswith((f"{self._url}/", "about:"))
        if not own and urlsplit(request.url).scheme not in OWN_SCHEMES:
            self.complaints.append(f"asked elsewhere: {request.url}")

    def _is_answered(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self._refusals:
            self.refused.add(response.status)

    def _reads_in_the_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(_FAILED):
            self.complaints.append(f"{message.type}: {message.text}")
