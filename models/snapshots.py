"""Snapshots: what was known and predicted of a customer, until their horizon has passed.

Whether a customer bought within H days is known H days later, for those who did and those who did
not alike. Learning from returns as soon as they come would teach that everybody comes back.

    ──┤ snapshot at e: features, predictions ├── returned? ──┤ e + H: label ├──► learned, judged
         └── and at e + own horizon a second label, if the customer has another rhythm

Snapshots are taken of the customers in the sketch's sample, at most one a week of each. Enters: the
sample at the end of an epoch. Leaves: labels. Forbidden here: the policy, the clock, models.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import Literal, NamedTuple

from models.sample import SampledCustomer, before

Open = Literal["both", "common", "own"]
_OPEN: Mapping[Open, tuple[bool, ...]] = {
    "both": (False, True),
    "common": (False,),
    "own": (True,),
}

QUANTA = 10_000  # features and forecasts are kept in ten-thousandths, risks as well


class Predicted(NamedTuple):
    """Risks of one horizon, ten-thousandths; None where there was no such model yet."""

    model: int | None
    bgnbd: int | None


class Snapshot(NamedTuple):
    """One customer at the end of one epoch.

    Attributes:
        hashed: names the customer.
        taken_day: the customer-day that began then, ordinal.
        version: of the population that predicted; 0: none.
        horizon_days: of the common horizon.
        own_days: of the customer's own horizon.
        features: of the churn model, ten-thousandths.
        common: risks within the common horizon.
        own: risks within the customer's own.
        purchase_days: distinct customer-days with a purchase, until then.
        forecasts: purchase days within the common horizon, ten-thousandths: by BG/NBD and by the
            decayed rate; empty where there was no such model yet.
        returned_day: of the first purchase after the snapshot; 0 if there was none so far.
        open: which labels are still to come: "both", "common" or "own".
    """

    hashed: int
    taken_day: int
    version: int
    horizon_days: int
    own_days: int
    features: tuple[int, ...]
    common: Predicted
    own: Predicted
    purchase_days: int
    forecasts: tuple[int, ...] = ()
    returned_day: int = 0
    open: Open = "both"

    def due_day(self, own: bool) -> int:
        """When a label is known: the day after the last one of the horizon."""
        return self.taken_day + (self.own_days if own else self.horizon_days)


class Label(NamedTuple):
    """Whether a customer stayed away, once that is known.

    Attributes:
        snapshot: what was known before.
        own: whether the horizon was the customer's own.
        lost: no purchase within it.
        purchases: purchase days within it; only meant for the common horizon.
    """

    snapshot: Snapshot
    own: bool
    lost: bool
    purchases: int


class Resolved(NamedTuple):
    """What an epoch's end has made of the snapshots.

    Attributes:
        labels: by (due day, hash), so that their order is the same wherever they are learned.
        waiting: what is still open, by (day taken, hash).
    """

    labels: tuple[Label, ...]
    waiting: tuple[Snapshot, ...]


def resolved(
    waiting: tuple[Snapshot, ...], sample: Mapping[int, SampledCustomer], as_of_day: int
) -> Resolved:
    """Note who has returned, and release the labels that have come due.

    A customer who is no longer in the sample is dropped, and so is a label that the sample can't
    tell any more because epochs were passed over.
    """
    labels: list[Label] = []
    left: list[Snapshot] = []
    for snapshot in waiting:
        row = sample.get(snapshot.hashed)
        if row is None:
            continue
        snapshot = _seen(snapshot, row)  # noqa: PLW2901
        due = [own for own in _OPEN[snapshot.open] if snapshot.due_day(own) <= as_of_day]
        if not due:
            left.append(snapshot)
            continue
        still = [own for own in _OPEN[snapshot.open] if own not in due]
        told = (_label(snapshot, row, own) for own in due)
        labels += [each for each in told if each is not None]
        if still:
            left.append(snapshot._replace(open=_named(still)))
    labels.sort(key=lambda each: (each.snapshot.due_day(each.own), each.snapshot.hashed, each.own))
    return Resolved(tuple(labels), tuple(left))


def _named(owns: list[bool]) -> Open:
    if len(owns) == 2:
        return "both"
    return "own" if owns[0] else "common"


def _seen(snapshot: Snapshot, row: SampledCustomer) -> Snapshot:
    """Note the first return; one that was returned in full is forgotten while the row tells all."""
    if snapshot.returned_day and row.recent_days[0] >= snapshot.taken_day:
        return snapshot
    days = row.recent_days
    place = bisect_left(days, snapshot.taken_day)
    returned_day = days[place] if place < len(days) else 0
    return (
        snapshot
        if returned_day == snapshot.returned_day
        else snapshot._replace(returned_day=returned_day)
    )


def _label(snapshot: Snapshot, row: SampledCustomer, own: bool) -> Label | None:
    """What has become of the customer; None if everything that the row lists came too late.

    Where it lists a day before the horizon's end, it lists all later ones, so nothing is hidden.
    """
    due_day = snapshot.due_day(own)
    then = before(row, due_day)
    if then is None:
        return None
    started = before(row, snapshot.taken_day)  # a late event may have changed what was known
    known_days = snapshot.purchase_days if started is None else started.purchase_days
    lost = not 0 < snapshot.returned_day < due_day
    return Label(snapshot, own, lost, max(0, then.purchase_days - known_days))
