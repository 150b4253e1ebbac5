"""What is said of a segment: claims, decided from its card, and from what was said before.

    Card + claims before ──► claims: rhythm 2 · basket -1 · prefer/category/Tea 1 · …

A claim begins at one threshold and ends at a lower one, so it does not come and go with numbers at the edge.
Deciding again from the same card changes nothing.

Enters: a card, claims. Leaves: claims. Forbidden here: words for people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from math import log, log2, sqrt
from typing import NamedTuple, TypeVar

from models.persona_card import Card, Favourite, Measure, Trait

Claims = Mapping[str, int]  # what is said → how strongly; see `claims_of`
DESCRIBED_FROM, DESCRIBED_UNTIL = 20, 17  # customers; a mean of fewer says little of anybody
STEPS = (
    0.5,
    1.0,
)  # standard deviations: a medium and a large difference of means (Cohen 1988: .5, .8)
UNTIL = 0.15  # lower than it began, a statement ends
NOTICED = (0.10, 0.07)  # of the base's mean: to begin, to go on; less nobody would notice
NOTICED_SHARE = 0.01  # of shares a whole point besides
SURE = (3.0, 2.0)  # standard errors that the mean must lie off: to begin, to go on
PREFER = (1.3, 1.2)  # lift of money, likewise
PREFER_DAYS = (1.1, 1.0)  # lift of shopping days besides: not a few large sums
TRAIT = (1.25, 1.15)  # lift
TRAIT_SURE = (3.0, 2.5)  # standard errors
UNLIKE = (1.2, 1.1)  # lift: of favourites is told where one of them is not everybody's
NET = (0.05, 0.03)  # of those who were in it 30 days ago
INCUMBENT = 1.15  # so much better must be who takes a place in a list that is full
MOST_THEMES, MOST_LISTED = 4, 3  # themes beside those that are always told
SMALL, IDLE, PLAIN, NETS = "small", "idle", "plain", "net"
FAVOURITE, PREFERS, TRAITS = "favourite", "prefer", "trait"
Row = TypeVar("Row")


class Theme(NamedTuple):
    """Something in which segments differ.

    Attributes:
        name: as in the catalogue.
        number: of `models.member.NUMBERS`.
        weight: of the differences, how readily a name is made of it: how people buy comes before what
            follows from that.
    """

    name: str
    number: str
    weight: float


THEMES = (
    Theme("rhythm", "purchase_days_365d", 1.5),
    Theme("basket", "average_order_value_365d", 1.5),
    Theme("price", "discount_share_365d", 1.3),
    Theme("silence", "silence_days", 1.0),
    Theme("overdue", "silence_cycles", 1.0),
    Theme("trend", "trend_90d", 1.0),
    Theme("tenure", "tenure_days", 1.0),
    Theme("returns", "return_rate_365d", 1.0),
    Theme("worth", "spend_365d", 0.8),
    Theme("breadth", "categories_365d", 0.7),
    Theme("risk", "risk", 0.7),
)
# Told of everybody, whether they stand out or not. Silences are so uneven that a mean hardly stands out.
ALWAYS = ("rhythm", "basket", "silence")
OVERDUE, TREND = "overdue", "trend"
OVERDUE_FROM = (1.5, 1.25)  # of their usual gaps, to begin, to go on: a silence of one gap is none
OVERDUE_LIFT = ((1.3, 1.2), (2.0, 1.8))  # of the base's mean; the second pair: far more
SPEND_APART = (
    0.2,
    0.25,
)  # of its share of customers; one that spends so much more or less is not usual
TREND_FROM = (
    0.05,
    0.03,
)  # of a growth or a fall itself: who lags behind others may grow all the same


def claims_of(card: Card, before: Claims) -> dict[str, int]:
    """What is said.

    Args:
        card: the numbers.
        before: what was said until now; empty: nothing.

    Returns:
        Claim → strength: a theme's level (2 far more than overall, 1 more, 0 told all the same, -1
        less, -2 far less); 1 or -1 for who comes or goes; 1 for all others. Never empty.
    """
    was_told_of = bool(before) and not before.get(SMALL)
    if card.size.customers < (DESCRIBED_UNTIL if was_told_of else DESCRIBED_FROM):
        return {SMALL: 1}
    found = _idle(card) or _bought(card, before)
    found.update((each, 1) for each in _traits(card, before))
    found.update(_net(card, before))
    if found.keys() <= {*ALWAYS, OVERDUE} and _close(card, found, before):
        found[PLAIN] = 1
    return found


def _idle(card: Card) -> dict[str, int]:
    """Of nobody who buys there is a rhythm or a basket to tell of."""
    bought = card.measure("purchases_365d")
    return {IDLE: 1} if bought is None or bought.mean == 0 else {}


def _bought(card: Card, before: Claims) -> dict[str, int]:
    found = _levels(card, before)
    for dimension in dict.fromkeys(each.dimension for each in card.favourites):
        rows = [each for each in card.favourites if each.dimension == dimension]
        found.update((each, 1) for each in _preferred(rows, card.size.customers, before))
        if dimension == "category":
            found.update((each, 1) for each in _favourites(rows, before))
    return found


def _levels(card: Card, before: Claims) -> dict[str, int]:
    levels = {each.name: _level(each, card, before) for each in THEMES}
    told = {name for name in ALWAYS if card.measure(NUMBER_OF[name]) is not None}

    def rank(name: str) -> tuple[float, str]:
        return -abs(score_of(name, card)) - UNTIL * bool(before.get(name)), name

    others = sorted((name for name in levels if levels[name] and name not in ALWAYS), key=rank)
    told.update(others[:MOST_THEMES])
    return {name: level for name, level in levels.items() if name in told}


NUMBER_OF: Mapping[str, str] = {each.name: each.number for each in THEMES}
WEIGHT_OF: Mapping[str, float] = {each.name: each.weight for each in THEMES}


def score_of(theme: str, card: Card) -> float:
    """How far the segment lies from the base; 0 if it is not known.

    In standard deviations; an overdue silence, which is as uneven as silences are, in how often it doubles.
    """
    measure = card.measure(NUMBER_OF[theme])
    if measure is None:
        return 0.0
    if theme == OVERDUE:
        both = measure.mean, measure.base_mean
        return log2(measure.mean / measure.base_mean) if min(both) > 0 else 0.0
    return measure.score


def strength_of_theme(theme: str, card: Card) -> float:
    """How telling a theme is: how far off, by weight."""
    return WEIGHT_OF[theme] * abs(score_of(theme, card))


def _close(card: Card, found: Claims, before: Claims) -> bool:
    """Whether the segment is like everybody in all that it is not told of, and spends as everybody does."""
    size, apart = card.size, SPEND_APART[bool(before.get(PLAIN))]
    if abs(size.spend_share - size.share) > apart * size.share:
        return False
    limit = STEPS[0] + UNTIL * bool(before.get(PLAIN))
    others = (card.measure(number) for name, number in NUMBER_OF.items() if name not in found)
    return all(abs(each.score) < limit for each in others if each is not None)


def _level(theme: Theme, card: Card, before: Claims) -> int:
    measure = card.measure(theme.number)
    if measure is None or not measure.score:
        return 0
    if theme.name == OVERDUE:
        return _overdue(measure, before.get(OVERDUE, 0))
    sign, strength = 1 if measure.score > 0 else -1, abs(measure.score)
    was = max(0, sign * before.get(theme.name, 0))
    sure = abs(measure.score) * sqrt(measure.known) >= SURE[was > 0]
    is_true = theme.name != TREND or sign * measure.mean >= TREND_FROM[was > 0]
    if not sure or not is_true or not _noticed(measure, was > 0):
        return 0
    reached = (
        step for step, begin in enumerate(STEPS, 1) if strength >= begin - UNTIL * (was >= step)
    )
    return sign * max(reached, default=0)


def _overdue(measure: Measure, was: int) -> int:
    """Silences of people who buy at random deviate by as much as their mean is: that is how sure it is.

    A few who are long gone make the base's own deviation, so next to it nobody would ever stand out.
    """
    told = was > 0
    if measure.base_mean <= 0 or measure.mean < OVERDUE_FROM[told]:
        return 0
    lift = measure.mean / measure.base_mean
    if log(lift) * sqrt(measure.known) < SURE[told]:
        return 0
    return sum(lift >= least[was >= step] for step, least in enumerate(OVERDUE_LIFT, 1))


def _noticed(measure: Measure, was: bool) -> bool:
    least = NOTICED[was] * abs(measure.base_mean)
    if measure.unit == "share":
        least = max(least, NOTICED_SHARE)
    return abs(measure.mean - measure.base_mean) >= least


def _best(
    rows: Iterable[Row],
    key: Callable[[Row], str],
    worth: Callable[[Row], float],
    before: Claims,
) -> list[str]:
    """The claims of the best few; those made before have an advantage."""
    named = {key(row): worth(row) for row in rows}
    ranked = sorted(
        named, key=lambda each: (-named[each] * (INCUMBENT if each in before else 1.0), each)
    )
    return ranked[:MOST_LISTED]


def _favourites(rows: Iterable[Favourite], before: Claims) -> list[str]:
    """The largest few, unless they are everybody's: then they tell nothing of this segment."""
    by_key = {f"{FAVOURITE}/{each.dimension}/{each.label}": each for each in rows if each.share > 0}
    for said in (before, {}):
        best = _best(by_key, str, lambda key: by_key[key].share, said)
        was = any(each in said for each in by_key)
        if any(by_key[each].lift >= UNLIKE[was] for each in best):
            return best
    return []


def _preferred(rows: Iterable[Favourite], customers: int, before: Claims) -> list[str]:
    def key(each: Favourite) -> str:
        return f"{PREFERS}/{each.dimension}/{each.label}"

    clear = (
        each
        for each in rows
        if _clearly_more(each, key(each) in before) and each.is_common(customers)
    )
    return _best(clear, key, lambda each: each.excess, before)


def _clearly_more(each: Favourite, was: bool) -> bool:
    more = each.lift >= PREFER[was] and each.days_lift >= PREFER_DAYS[was]
    return more and each.evidence >= SURE[was]


def _traits(card: Card, before: Claims) -> Iterator[str]:
    """Of each attribute the value that stands out most, and of these the clearest."""

    def key(each: Trait) -> str:
        return f"{TRAITS}/{each.attribute}={each.value}"

    def worth(each: Trait) -> float:
        return each.evidence

    clear: dict[str, list[Trait]] = {}
    for each in card.traits:
        was = key(each) in before
        if each.lift >= TRAIT[was] and each.evidence >= TRAIT_SURE[was]:
            clear.setdefault(each.attribute, []).append(each)
    tops = [_best(rows, key, worth, before)[0] for rows in clear.values()]
    rows = [each for some in clear.values() for each in some if key(each) in tops]
    yield from _best(rows, key, worth, before)


def _net(card: Card, before: Claims) -> dict[str, int]:
    net = card.movement.net_share
    sign = 1 if net > 0 else -1
    least = NET[before.get(NETS) == sign]
    return {NETS: sign} if abs(net) >= least else {}
