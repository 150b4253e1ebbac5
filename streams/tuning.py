"""What levels are judged by: a history that is replayed, or the alerts that were raised.

    events ─► Loop: policy, learner, populations ─► each midnight ─► streams/silences.py

A history goes over the real path, in memory; at each midnight, once its population is in force, everybody
is looked at. Enters: events, or records. Leaves: `Observed`. Forbidden here: choosing a level, printing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from pydantic_core import from_json, to_json

from models.alert_record import AlertRecord
from models.alert_tuning import Sighting
from models.calendar import day_of, start_of_day_ms
from models.policy import Policy, Rfm
from models.policy_alerts import AlertRule, Alerts
from models.policy_segments import Behaviour
from streams.collecting import uncollected
from streams.loop import Loop
from streams.silences import Observed, Watch
from streams.sources import SourceRecord


class NothingSeen(RuntimeError):
    """There is no silence to judge a level by; says why, and what to do."""


async def watched(
    policy: Policy,
    rule: AlertRule,
    records: Iterable[SourceRecord],
    days: int | None,
    progress: Callable[[int], None],
) -> Observed:
    """Replay a history, and look at everybody at each midnight.

    Blocks for about a millisecond an event; Python's collector of cycles rests meanwhile.

    Args:
        policy: with the lifecycles and horizons.
        rule: of risk; see `Watch`.
        records: by event time.
        days: only the first so many customer-days; None: all.
        progress: told how many events were read.

    Raises:
        NothingSeen: the history is too short for a risk to be told.
        SourceError: a row can't be used.
    """
    lean_policy = lean(policy, rule)
    watch, some = Watch(rule, lean_policy), _first_days(records, days, policy)
    if not rule.segments:
        some = map(without_items, some)
    with uncollected():
        last_day = await _replayed(Loop(lean_policy, 1), watch, some, progress)
    if last_day is None or watch.first_day is None:
        raise NothingSeen(
            "no risk can be told in this history: a population is learned at the end of each "
            f"{policy.population.epoch}, and needs customers who have bought twice; take a longer one"
        )
    return Observed(watch.paths(last_day), watch.first_day, last_day)


async def _replayed(
    loop: Loop, watch: Watch, records: Iterable[SourceRecord], progress: Callable[[int], None]
) -> int | None:
    """Answers the customer-day of the newest record; None: there are none."""

    async def look(day: int) -> None:
        await loop.tick(start_of_day_ms(day, loop.policy.timezone))
        newest = loop.populations[-1] if loop.populations else None
        watch.look(day, await loop.states(), newest)
        loop.effects.clear()  # nobody reads them

    return await loop.replay(_told_of(records, progress), look)


def _told_of(
    records: Iterable[SourceRecord], progress: Callable[[int], None]
) -> Iterator[SourceRecord]:
    for count, record in enumerate(records, start=1):
        yield record
        progress(count)


def _first_days(
    records: Iterable[SourceRecord], days: int | None, policy: Policy
) -> Iterator[SourceRecord]:
    end_day: int | None = None
    for record in records:
        day = day_of(record.occurred_at_ms, policy.timezone)
        if days is not None and end_day is None:
            end_day = day + days
        if end_day is not None and day >= end_day:
            return
        yield record


def lean(policy: Policy, rule: AlertRule) -> Policy:
    """The policy without what neither risk nor this rule depends on: a third less to do."""
    fields = {name: getattr(policy, name) for name in Policy.model_fields}
    fields |= {"alerts": Alerts(), "calendar": (), "playbook": {}}
    if not rule.segments:
        fields |= {"segments": {}, "value": {}}
        fields |= {"rfm": Rfm(published=()), "behaviour": Behaviour(kept=())}
    return Policy.model_validate(fields)


def without_items(record: SourceRecord) -> SourceRecord:
    """A purchase without what was bought: only rule segments ask for that."""
    if record.kind != "purchase":
        return record
    body = from_json(record.value)
    body.pop("items", None)
    return replace(record, value=to_json(body))


def recorded(records: Iterable[AlertRecord], rule: str) -> Observed:
    """Alerts that were raised, each as a silence of which only that day is known.

    So a level below the one they were raised at can't be judged; and at a higher one those are missing
    that reached it only later: there are at least so many.

    Args:
        records: in any order.
        rule: only alerts of this one.

    Raises:
        NothingSeen: there are none.
    """
    kept = [each for each in records if each.rule == rule and each.probability_ppm is not None]
    if not kept:
        raise NothingSeen(
            f"no alerts of {rule} are kept; replay a history instead: --on FILE, or --on complete-journey"
        )
    days = [each.day for each in kept]
    return Observed([[_sighting(each)] for each in kept], min(days), max(days))


def _sighting(record: AlertRecord) -> Sighting:
    outcome = record.outcome
    lost = None if outcome is None else outcome.returned_day is None
    return Sighting(record.day, record.probability_ppm or 0, record.silence_days or 0, lost)
