"""The policies of a run: the workers' file, and what is published over it while faults go on.

Rules of every family stand in it, two value schemes, and rules for alerts. It is published three times: with edited
rules, with others and silently, and at last as it was.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

from models.policy import Policy, policy_from_toml
from streams.brokers import Brokers
from streams.log import KafkaUnavailable
from streams.policies import publish
from streams.wall import wall_ms

LOOK_EVERY_S = 0.2
GIVEN = """
preset = "grocery"

[population]
epoch = "week"

[value.quarter]
measure = "spend"
window_days = 90
tiers = [{ name = "top", share = 0.1 }, { name = "middle", share = 0.4 }, { name = "rest" }]

[value.plan]
measure = "spend"
tiers = [{ name = "gold", from = 250 }, { name = "silver", from = 60 }, { name = "plain" }]

[segments.heavy_month]
when = 'spend_30d >= 60 and purchases_30d >= 3'

[segments.slipping]
when = 'growth_30d < -0.3 and spend_90d >= 40'

[segments.quiet]
when = '10 <= silence_days < 35'

[segments.soda]
when = 'category["SOFT DRINKS"].spend_90d >= 5 or brand["Private"].share_365d >= 0.4'

[segments.described]
when = 'profile.income_band in ("50-74K", "75-99K") or age_band == "35-44"'

[segments.fresh]
when = 'lifecycle in ("new", "active") and not overdue and rfm.quintile != unknown'

[segments.visitors]
when = 'engagement["visit"].days_ago < 14 or satisfaction <= 2'

[segments.best]
when = 'value.quarter == "top" and segment["heavy_month"] and not segment["quiet"]'

[alerts.rules.leaving]
on = "churn.risk_raised"
level = 0.35
cool_down_days = 14

[alerts.rules.late]
on = "customer.overdue"
min_at_stake = 100

[alerts.rules.best-gone]
on = "segment.exited"
segment = "best"
horizon = "common"
"""
_EDITS = (
    ("spend_30d >= 60", "spend_30d >= 35"),
    ("10 <= silence_days < 35", "silence_days >= 21"),
    ("spend_90d >= 5 or", "silence_days < 45 or"),
    ("days_ago < 14", "days_ago < 28"),
    ('{ name = "gold", from = 250 }', '{ name = "gold", from = 150 }'),
)
_OTHERS = (
    ("[segments.slipping]\nwhen = 'growth_30d", "[segments.falling]\nwhen = 'growth_90d"),
    ('profile.income_band in ("50-74K", "75-99K")', "profile.newsletter == true"),
    ("share = 0.1 }", "share = 0.25 }"),
    ("silence_days < 35", "silence_days < 60"),
    ('segment["heavy_month"] and', 'segment["visitors"] and known_days > 60 and'),
)


def _edited(edits: Sequence[tuple[str, str]]) -> Policy:
    text = GIVEN
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new)
    return policy_from_toml(text, "chaos")


class Edition(NamedTuple):
    """A policy to be published.

    Attributes:
        policy: what is to hold.
        silent: whether what it changes is left untold.
    """

    policy: Policy
    silent: bool = False


EDITIONS = (Edition(_edited(_EDITS)), Edition(_edited(_OTHERS), silent=True), Edition(_edited(())))


class Publishing:
    """Publishes the editions one by one, in a thread of its own, as the load comes along.

    Args:
        servers: of the broker.
        progress: of the load, 0 to 1; the editions are spread evenly over it.

    Attributes:
        published: how many stand in every partition of the log.
        attempts: how many were begun; one that failed may stand in some partitions, and the next
            has another number.
    """

    def __init__(self, servers: str, progress: Callable[[], float]) -> None:
        self._servers, self._progress = servers, progress
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.published = self.attempts = 0

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """No more; blocks until what was begun is done.

        Raises:
            Whatever ended it before.
        """
        self._stop.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            for edition in EDITIONS:
                self._publish(edition)
        except Exception as error:  # noqa: BLE001 - told by stop()
            self._failure = error

    def _publish(self, edition: Edition) -> None:
        """Again and again while the broker is away."""
        due = (1 + self.published) / (1 + len(EDITIONS))
        while not self._stop.wait(LOOK_EVERY_S):
            if self._progress() < due:
                continue
            self.attempts += 1
            try:
                publish(
                    Brokers(self._servers),
                    edition.policy,
                    now_ms=wall_ms(),
                    note=f"attempt {self.attempts}",
                    silent=edition.silent,
                )
            except KafkaUnavailable:
                continue
            self.published += 1
            return
