"""One customer as a survey sees them: numbers, labels, words and segments at one moment.

    Met (a state advanced to the moment) ──► Member ──► Portraits, affinity, evaluation (`models/survey.py`)

Every number is a fact that rules read too (`models/sight.py`) or a part of the outlook, as a whole number of
quanta, so that sums over customers are exact. "A year" is the window of 365 customer-days that ends with
the day shown.

Enters: a state, a moment, the policy, the population, past changes. Leaves: a `Member`. Forbidden here:
other customers, the store, the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from models.calendar import day_of
from models.customer import CustomerState
from models.daybook import LABEL_COLUMNS
from models.described import age_band
from models.outlook import Outlook, outlook
from models.policy import Policy
from models.population import Population
from models.rule_tree import Fact
from models.segments import segments_by_kind
from models.sight import READ, Sight
from models.table import cells, first_after

YEAR_DAYS = 365
MILLION = 1_000_000
Unit = Literal["money", "count", "days", "share"]
Reading = Callable[[Sight, Outlook | None], float | int | None]


class Number(NamedTuple):
    """One thing that is added up of customers.

    Attributes:
        name: of the fact, with its window.
        unit: money is minor units of the reporting currency, days are customer-days, a share is 0 to 1
            (a growth may be more, or less than 0).
        quanta: so many make one; what is added up is a whole number of them.
        read: None if it is not known of a customer.
    """

    name: str
    unit: Unit
    quanta: int
    read: Reading


class Change(NamedTuple):
    """A customer went from one segment of a kind to another.

    Attributes:
        sequence: counts the customer's effects.
        at_ms: event time: of the event, or the deadline itself.
        kind: as `models.segments.places_of` names kinds.
        before: the segment until then; None: none of this kind.
        after: the segment from then on; None likewise.
    """

    sequence: int
    at_ms: int
    kind: str
    before: str | None
    after: str | None


class Bought(NamedTuple):
    """What a customer bought of one label within a year.

    Attributes:
        key: of the label (`models.daybook.label_key`).
        days: customer-days on which it was bought.
        spent_minor: on it, reporting currency.
    """

    key: bytes
    days: int
    spent_minor: int


class Member(NamedTuple):
    """A customer at the moment of a survey.

    Attributes:
        customer_id: in normal form; never leaves a survey.
        sight: advanced to `at_ms`, on its customer-day.
        at_ms: event time.
        segments: kind → segment.
        numbers: in the order of `NUMBERS`; None: not known.
        bought: labels, within a year.
        words: (attribute, value) of the profile and `age_band`: texts and flags.
        changes: the newest that are kept, oldest first.
        changes_begin: whether `changes` reaches back to the customer's beginning.
    """

    customer_id: str
    sight: Sight
    at_ms: int
    segments: Mapping[str, str]
    numbers: tuple[int | None, ...]
    bought: tuple[Bought, ...]
    words: tuple[tuple[str, str], ...]
    changes: tuple[Change, ...] = ()
    changes_begin: bool = True

    def number(self, name: str) -> int | None:
        """One of `NUMBERS`, in its quanta."""
        return self.numbers[PLACE[name]]


def _fact(name: str, window_days: int = 0) -> Reading:
    read, fact = READ[name], Fact(name, window_days)
    return lambda sight, _: read(sight, fact)  # type: ignore[return-value]


_GROWTH = Fact("growth", 90)


def _trend(sight: Sight, _: Outlook | None) -> float | None:
    """Growth, of which more than a doubling counts as one: a few who began with nothing do not make the mean."""
    growth = READ["growth"](sight, _GROWTH)
    return None if growth is None else min(float(growth), 1.0)


NUMBERS: tuple[Number, ...] = (
    Number("spend_365d", "money", 1, _fact("spend", YEAR_DAYS)),
    Number("purchases_365d", "count", 1, _fact("purchases", YEAR_DAYS)),
    Number("purchase_days_365d", "count", 1, _fact("purchase_days", YEAR_DAYS)),
    Number("average_order_value_365d", "money", 1, _fact("average_order_value", YEAR_DAYS)),
    Number("items_per_purchase_365d", "count", 1_000, _fact("items_per_purchase", YEAR_DAYS)),
    Number("categories_365d", "count", 1, _fact("categories", YEAR_DAYS)),
    Number("discount_share_365d", "share", MILLION, _fact("discount_share", YEAR_DAYS)),
    Number("return_rate_365d", "share", MILLION, _fact("return_rate", YEAR_DAYS)),
    Number("growth_90d", "share", MILLION, _fact("growth", 90)),
    Number("cadence_days", "days", 100, _fact("cadence_days")),
    Number("silence_days", "days", 1, _fact("silence_days")),
    Number("tenure_days", "days", 1, _fact("tenure_days")),
    Number("risk", "share", MILLION, lambda _, seen: seen and seen.risk),
    Number("expected_spend", "money", 1, lambda _, seen: seen and seen.expected_spend_minor),
    Number("lifetime_value", "money", 1, lambda _, seen: seen and seen.stake.lifetime_value_minor),
    Number("trend_90d", "share", MILLION, _trend),
    Number("silence_cycles", "count", 100, _fact("silence_cycles")),
)
# A few who began with next to nothing make the mean of growth_90d, and its spread; trend_90d tells the same.
COMPARED = tuple(each for each in NUMBERS if each.name != "growth_90d")
PLACE: Mapping[str, int] = {each.name: place for place, each in enumerate(NUMBERS)}


def member_of(
    customer_id: str,
    state: CustomerState,
    at_ms: int,
    policy: Policy,
    population: Population | None,
    changes: Sequence[Change] = (),
    *,
    changes_begin: bool = True,
) -> Member:
    """A customer as a survey sees them.

    Args:
        customer_id: in normal form.
        state: advanced to `at_ms`.
        at_ms: the moment shown, event time.
        policy: in force.
        population: in force; None before the first.
        changes: see `Member`.
        changes_begin: see `Member`.
    """
    day = day_of(at_ms, policy.timezone)
    sight = Sight(state, day, policy)
    expected = outlook(state.current, day, policy, population)
    return Member(
        customer_id,
        sight,
        at_ms,
        segments_by_kind(customer_id, state),
        tuple(_quanta(each, sight, expected) for each in NUMBERS),
        tuple(bought_within(sight, YEAR_DAYS)),
        tuple(_words(sight)),
        tuple(changes),
        changes_begin,
    )


def _quanta(number: Number, sight: Sight, expected: Outlook | None) -> int | None:
    value = number.read(sight, expected)
    return None if value is None else round(value * number.quanta)


def bought_within(sight: Sight, window_days: int) -> Iterator[Bought]:
    """What of each label was bought in the customer-days that end with the sight's; labels that were not are left out."""
    for key, table in sight.ledger.book.labels.items():
        numbers = cells(table)
        first = first_after(numbers, LABEL_COLUMNS, sight.day - window_days)
        days = len(numbers) // LABEL_COLUMNS - first
        if days > 0:
            before = numbers[LABEL_COLUMNS * first - 1] if first else 0
            yield Bought(key, days, numbers[-1] - before)


def _words(sight: Sight) -> Iterator[tuple[str, str]]:
    """Texts and flags of the profile; numbers and what is not known are left out."""
    band = age_band(sight, Fact("age_band"))
    if band is not None:
        yield "age_band", band
    for name, each in sight.state.attributes.items():
        if isinstance(each.value, bool):
            yield name, str(each.value).lower()
        elif isinstance(each.value, str) and name != "age_band":
            yield name, each.value
