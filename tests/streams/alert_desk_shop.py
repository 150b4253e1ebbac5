"""An installation whose alerts were decided and delivered, for the command line to look at.

What a delivery process does between two commands is done by its own parts, on a real Redis; only the
receivers are made up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from streams.redis_shelf import RedisShelf
from streams.redis_store import connect
from tests.models.alert_shops import SLIPPING
from tests.streams.alert_office import AlertOffice, Clock, Topic, rules
from tests.streams.posting import SECRET, always, endpoint
from tests.support.terminal import NOWHERE, Terminal

T = TypeVar("T")
CRM, GONE, BUSY = endpoint("crm"), endpoint("gone"), endpoint("busy")
BUDGETED = {**SLIPPING, "daily_budget": 2}
POLICY = rules(slipping=BUDGETED, late={"on": "customer.overdue"})
FILE = """preset = "grocery"
[alerts.rules.slipping]
on = "churn.risk_raised"
level = 0.5
daily_budget = 2
[alerts.rules.late]
on = "customer.overdue"
"""
ENDPOINTS = "".join(
    f'[endpoints.{each.name}]\nurl = "https://{each.name}.example.com/hook"\nsecrets = ["{SECRET}"]\n'
    for each in (CRM, GONE)
)


class Installation:
    """What a delivery process does between two commands.

    Args:
        url: of the Redis.
        namespace: one that no other test uses.
        folder: where the policy and the endpoints' file are.
    """

    def __init__(self, url: str, namespace: str, folder: Path) -> None:
        self.url, self.namespace, self.folder = url, namespace, folder
        self.clock = Clock()
        self.topic = Topic(POLICY, self.clock)
        self.scripts = {"crm": always(200), "gone": always(410), "busy": always(500)}
        (folder / "segmenter.toml").write_text(FILE, "utf-8")
        (folder / "endpoints.toml").write_text(ENDPOINTS, "utf-8")
        self.terminal = Terminal(
            {
                "SEGMENTER_REDIS_URL": url,
                "SEGMENTER_NAMESPACE": namespace,
                "SEGMENTER_ENDPOINTS_FILE": str(folder / "endpoints.toml"),
                "SEGMENTER_BOOTSTRAP_SERVERS": NOWHERE,
            }
        )

    def does(self, work: Callable[[AlertOffice], Awaitable[T]]) -> T:
        """Something that a delivery process does."""

        async def done() -> T:
            async with connect(self.url) as client:
                shelf = RedisShelf(client, self.namespace)
                each = (CRM, GONE, BUSY)
                office = AlertOffice(POLICY, each, shelf, self.clock, self.topic)
                office.receivers.scripts |= self.scripts
                await office.hand.reload()
                return await work(office)

        return asyncio.run(done())

    def works(self, **hours: float) -> None:
        """Reads, decides and delivers; then again, some time later."""
        self.does(lambda office: office.look())
        self.clock.passes(**(hours or {"hours": 24}))
        self.does(lambda office: office.look())


class Filled(Installation):
    """Two of slipping are sent, a third is not; one who is late, too, has come back."""

    def __init__(self, url: str, namespace: str, folder: Path) -> None:
        super().__init__(url, namespace, folder)
        self.ids = {
            who: self.topic.raises(who, stake_minor=stake)
            for who, stake in (("c1", 900), ("c2", 300), ("c3", 100))
        }
        self.works()
        self.ids["c4"] = self.topic.raises("c4", "late", probability=None)
        self.topic.clears(self.ids["c2"])
        self.topic.resolves(self.ids["c1"])
        self.topic.resolves(self.ids["c2"], 738_900, 1, 4_990)
        self.works(hours=1)
