"""What each value of a setting would bring: many policies over one pass of a history.

Enters: policies, records. Leaves: `Swept`. Forbidden here: printing, opening the input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from models.alert_pairs import Heard
from models.calendar import iso_date
from models.comparing import Window
from models.grid import Value
from models.policy import Policy
from streams.alert_notices import Forgotten, Notice, Raised, Resolved
from streams.collecting import uncollected
from streams.compare import NothingToCompare, counted
from streams.compare_json import heard_as_json
from streams.sources import SourceRecord
from streams.trial import Trial
from streams.trial_apart import grouped


class Point(NamedTuple):
    """One value, and the policy that has it."""

    value: Value
    policy: Policy


class Sweep(NamedTuple):
    """What is tried.

    Attributes:
        name: of the policy's file.
        key: the setting, dotted.
        now: its value in the file.
        points: at least one.
        source: the history, as it was given.
        window: the days that are reported.
    """

    name: str
    key: str
    now: Any
    points: Sequence[Point]
    source: str
    window: Window = Window()


class Swept(NamedTuple):
    """What was found.

    Attributes:
        sweep: what was tried.
        first_day, last_day: reported, ordinals, both counted in.
        events: that were read.
        heard: alerts under each policy.
        sizes: of segments under each policy, as the last day ended.
    """

    sweep: Sweep
    first_day: int
    last_day: int
    events: int
    heard: Sequence[Heard]
    sizes: Sequence[Mapping[str, int]]


async def swept(
    sweep: Sweep,
    records: Iterable[SourceRecord],
    progress: Callable[[int], None],
    cores: int | None = None,
) -> Swept:
    """Replay a history under every policy; blocks for about a millisecond an event and policy.

    Args:
        sweep: what is to be tried.
        records: by event time.
        progress: told how many events were read.
        cores: processes at most that fold; None: as many as there are.

    Raises:
        NothingToCompare: no event is in these days.
        SourceError: a row can't be used.
    """
    policies = [each.policy for each in sweep.points]
    with uncollected(), grouped(policies, cores) as groups:
        trial = Trial(policies, groups)
        watch = _Watch(sweep, trial)
        await trial.run(counted(records, progress), watch.look)
    if not watch.days:
        raise NothingToCompare(f"{sweep.source}: it has no event in these days")
    ends = watch.days[0] - 1, watch.days[-1] - 1
    return Swept(sweep, *ends, trial.events, watch.heard, watch.sizes)


class _Watch:
    """Listens to all policies each morning; the sizes of the last reported one are kept."""

    def __init__(self, sweep: Sweep, trial: Trial) -> None:
        self._window, self._trial = sweep.window, trial
        self.heard = [Heard(sweep.window) for _ in sweep.points]
        self.sizes: list[Mapping[str, int]] = []
        self.days: list[int] = []

    async def look(self, day: int) -> bool:
        mornings = await self._trial.mornings(day)
        for heard, morning in zip(self.heard, mornings, strict=True):
            for notice in morning.notices:
                _told(heard, notice)
        yesterday = day - 1
        if self._window.has(yesterday):
            self.days.append(day)
            self.sizes = [each.sizes for each in mornings]
        last = self._window.last_day
        return last is None or yesterday < last or any(each.waits for each in self.heard)


def _told(heard: Heard, notice: Notice) -> None:
    match notice:
        case Raised(record=record):
            heard.raised(record)
        case Resolved(alert_id=alert_id, outcome=outcome):
            heard.resolved(alert_id, outcome)
        case Forgotten(customer_id=customer_id):
            heard.forgotten(customer_id)


def swept_as_json(found: Swept) -> dict[str, Any]:
    """All of it; see `compared_as_json`."""
    sweep, days = found.sweep, found.last_day - found.first_day + 1
    rules = sorted({name for each in sweep.points for name in each.policy.alerts.rules})
    names = dict.fromkeys(name for each in found.sizes for name in each)
    return {
        "name": sweep.name,
        "key": sweep.key,
        "now": sweep.now,
        "source": sweep.source,
        "from": iso_date(found.first_day),
        "to": iso_date(found.last_day),
        "events": found.events,
        "currency": sweep.points[0].policy.business.currency,
        "rules": rules,
        "segments": list(names),
        "points": [
            {
                "value": point.value,
                "version": point.policy.version,
                "alerts": {
                    rule: heard_as_json(heard, rule, days)
                    for rule in rules
                    if rule in point.policy.alerts.rules
                },
                "segments": {name: sizes.get(name, 0) for name in names},
            }
            for point, heard, sizes in zip(sweep.points, found.heard, found.sizes, strict=True)
        ],
    }
