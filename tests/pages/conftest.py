"""A browser for each module, and pages on the shared house."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.support import chromium as chromium_part
from tests.support.api_house import PATIENCE_S, Api, House
from tests.support.pages import Reader


@pytest.fixture(scope="module")
def browser(chromium: None, house: House) -> Iterator[Browser]:
    """The house comes first: while a browser is open, its thread can't run the loop that fills one."""
    expect.set_options(timeout=PATIENCE_S * 1_000)
    with chromium_part.started() as one:
        yield one


@pytest.fixture(scope="module")
def resident(browser: Browser, server: Api) -> Iterator[Reader]:
    """A page that stays open from test to test, because to load one takes a second."""
    with Reader(browser, server.url) as one:
        yield one.opens()


@pytest.fixture
def reader(resident: Reader) -> Iterator[Reader]:
    """The same, with nothing open; for tests that choose nothing that is remembered."""
    yield resident.goes_home()
    resident.require_clean()


@pytest.fixture
def new_reader(browser: Browser) -> Iterator[Callable[..., Reader]]:
    """Makes readers of any server, each with a memory of their own."""
    with ExitStack() as open_ones:

        def made(server: Api, refusals: Collection[int] = (), **looks: Any) -> Reader:
            return open_ones.enter_context(Reader(browser, server.url, refusals, **looks))

        yield made
