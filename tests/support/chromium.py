"""Chromium, for tests of pages and for pictures of them: where it is, which one, how it is started."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from streams.local import LocalServerError

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome")
REMEDY = "apt-get install chromium fonts-noto-cjk, or any Chromium on the PATH"
READY = (
    "html[data-ready=true]"  # the page has asked for everything; no `eval`, which its CSP forbids
)
_VERSION = re.compile(r"(?:Chromium|Google Chrome) [\d.]+")


def program() -> str:
    """Its path.

    Raises:
        LocalServerError: there is none.
    """
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise LocalServerError(f"none of {', '.join(NAMES)} on the PATH")
    return found


def version() -> str:
    """Which one it is, such as `Chromium 140.0.7339.80`.

    Raises:
        LocalServerError: there is none, or it does not run.
    """
    printed = subprocess.run(
        [program(), "--version"], capture_output=True, text=True, check=False
    ).stdout
    found = _VERSION.search(printed)
    if found is None:
        raise LocalServerError(f"{program()} does not run: {printed.strip() or 'no answer'}")
    return found[0]


@contextmanager
def started() -> Iterator[Browser]:
    """A browser without a window. As long as it is open, its thread can run no event loop."""
    from playwright.sync_api import sync_playwright  # 0.3 s at import: only who opens one pays

    # Root, which CI is, has no sandbox; the only pages opened are our own.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), args=["--no-sandbox"])
        yield browser
        browser.close()
