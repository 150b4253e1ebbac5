"""RFM: how recent, how frequent and how much, as scores and a named group.

Enters: one customer's silence, purchase days and spend, and the population they are measured
against. Leaves: three scores and the group that a scheme gives them; or how long silence alone
leaves the group as it is. A scheme is edges and a table: a score counts the edges that a value is
above, the table names the group. A value equal to an edge is not above it. Several groups are
called like a lifecycle state, so a group is never shown without its scheme.

Sources: the groups' names of `quintile` are Shopify's (shopify.dev, enum CustomerRfmGroup), the
ranges are ours; `klaviyo` is the table of Klaviyo's RFM analysis (Klaviyo Help Center); `braze`
that of braze.com/docs/rfm_segments, its last row widened; `china8` is the eight-field model usual
in China. The grids are in docs/rfm.md.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from math import floor
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from models.recalled import recalled

if TYPE_CHECKING:  # what a policy may say of schemes is known before there is a population
    from models.population import Population

Scores = tuple[int, int, int]  # recency, frequency, monetary
Edges = tuple[float, ...]  # ascending inclusive upper limits; may repeat


class Rfm(NamedTuple):
    """What is scored: one customer, on one customer-day.

    Attributes:
        silence_days: customer-days since the last purchase day; 0 on that day. Means nothing
            for a customer without a purchase.
        purchase_days: distinct customer-days with a purchase that was not undone.
        spend_minor: spent less given back, minor units of the reporting currency, at least 0.
    """

    silence_days: int
    purchase_days: int
    spend_minor: int


class Scored(NamedTuple):
    """Three scores, more is better, and the group they make in one scheme.

    Attributes:
        recency: high after a short silence.
        frequency: high with many purchase days.
        monetary: high with much spend.
        group: a key of `GROUP_NAMES[scheme]`.
    """

    recency: int
    frequency: int
    monetary: int
    group: str


class Scheme(NamedTuple):
    """How values become scores, and scores a group.

    Attributes:
        lowest: the worst score.
        highest: the best score: `lowest` and one for each edge.
        edges: those of recency (days), frequency (days) and monetary (minor units).
        by_scores: every combination of scores → what `scored` answers.
        prospect: what a customer without a purchase is; None if the scheme has no such group.
    """

    lowest: int
    highest: int
    edges: Callable[[Population], tuple[Edges, Edges, Edges]]
    by_scores: Mapping[Scores, Scored]
    prospect: Scored | None = None


# fmt: off
# Columns: F + M of 2–4, 5–7 and 8–10, so FM = (F + M) / 2 of 1–2, 2.5–3.5 and 4–5.
QUINTILE_GRID: Mapping[int, tuple[str, str, str]] = MappingProxyType({
    5: ("new",         "active",          "champions"),
    4: ("promising",   "active",          "loyal"),
    3: ("promising",   "needs_attention", "loyal"),
    2: ("almost_lost", "at_risk",         "previously_loyal"),
    1: ("dormant",     "at_risk",         "previously_loyal"),
})

KLAVIYO_CODES: Mapping[str, str] = MappingProxyType({
    "champions":       "333 332 323",
    "loyal":           "321 322 331 232 233",
    "recent":          "312 313 311 222 223",
    "needs_attention": "213 221 123 132 133",
    "at_risk":         "231 212 122 131 211",
    "inactive":        "111 112 113 121",
})
KLAVIYO_SILENCE_DAYS = (180, 365)  # the same for every shop; Klaviyo's own

# The scores that a group admits; the first group that admits all three wins. Braze gives 0–2 as
# the frequency of the last one, which leaves 0/3/0 without a group.
BRAZE_ROWS: tuple[tuple[str, str, str, str], ...] = (
    # group                R       F       M
    ("champions",           "3",   "23",   "23"),
    ("loyal_users",        "23",   "23",  "123"),
    ("potential_loyalists", "3",  "123",  "123"),
    ("promising",           "3", "0123",  "123"),
    ("new_customer",        "3", "0123", "0123"),
    ("needing_attention",  "23", "0123", "0123"),
    ("cannot_lose_them",   "01",   "23",   "23"),
    ("at_risk",            "01",  "123",  "123"),
    ("about_to_sleep",      "1", "0123", "0123"),
    ("hibernating",         "0", "0123", "0123"),
)

CHINA8_CODES: Mapping[str, str] = MappingProxyType({
    "important_value":       "111",
    "important_development": "101",
    "important_retention":   "011",
    "important_win_back":    "001",
    "general_value":         "110",
    "general_development":   "100",
    "general_retention":     "010",
    "general_win_back":      "000",
})

# Scheme → group → English and simplified Chinese; in the order in which a reader expects them.
GROUP_NAMES: Mapping[str, Mapping[str, tuple[str, str]]] = MappingProxyType({
    "quintile": MappingProxyType({
        "champions":        ("Champions",        "核心客户"),
        "loyal":            ("Loyal",            "忠诚客户"),
        "active":           ("Active",           "活跃客户"),
        "new":              ("New",              "新客户"),
        "promising":        ("Promising",        "潜力客户"),
        "needs_attention":  ("Needs attention",  "需关注客户"),
        "at_risk":          ("At risk",          "高流失风险客户"),
        "previously_loyal": ("Previously loyal", "昔日忠诚客户"),
        "almost_lost":      ("Almost lost",      "濒临流失客户"),
        "dormant":          ("Dormant",          "沉睡客户"),
        "prospects":        ("Prospects",        "潜在客户"),
    }),
    "klaviyo": MappingProxyType({
        "champions":       ("Champions",       "核心客户"),
        "loyal":           ("Loyal",           "忠诚客户"),
        "recent":          ("Recent",          "近期购买客户"),
        "needs_attention": ("Needs attention", "需关注客户"),
        "at_risk":         ("At risk",         "高流失风险客户"),
        "inactive":        ("Inactive",        "不活跃客户"),
    }),
    "braze": MappingProxyType({
        "champions":           ("Champions",           "核心客户"),
        "loyal_users":         ("Loyal users",         "忠诚客户"),
        "potential_loyalists": ("Potential loyalists", "潜在忠诚客户"),
        "promising":           ("Promising",           "潜力客户"),
        "new_customer":        ("New customer",        "新客户"),
        "needing_attention":   ("Needing attention",   "需关注客户"),
        "cannot_lose_them":    ("Cannot lose them",    "不容流失客户"),
        "at_risk":             ("At risk",             "高流失风险客户"),
        "about_to_sleep":      ("About to sleep",      "即将沉睡客户"),
        "hibernating":         ("Hibernating",         "休眠客户"),
    }),
    "china8": MappingProxyType({
        "important_value":       ("Important value",       "重要价值客户"),
        "important_development": ("Important development", "重要发展客户"),
        "important_retention":   ("Important retention",   "重要保持客户"),
        "important_win_back":    ("Important win-back",    "重要挽留客户"),
        "general_value":         ("General value",         "一般价值客户"),
        "general_development":   ("General development",   "一般发展客户"),
        "general_retention":     ("General retention",     "一般保持客户"),
        "general_win_back":      ("General win-back",      "一般挽留客户"),
    }),
})
# fmt: on


def _from_grid() -> Iterator[Scored]:
    for recency, frequency, monetary in product(range(1, 6), repeat=3):
        column = (frequency + monetary - 2) // 3
        yield Scored(recency, frequency, monetary, QUINTILE_GRID[recency][column])


def _from_codes(codes: Mapping[str, str]) -> Iterator[Scored]:
    for group, listed in codes.items():
        for code in listed.split():
            recency, frequency, monetary = map(int, code)
            yield Scored(recency, frequency, monetary, group)


def _from_rows() -> Iterator[Scored]:
    for recency, frequency, monetary in product(range(4), repeat=3):
        scores = recency, frequency, monetary
        group = next(group for group, *admitted in BRAZE_ROWS if _admits(admitted, scores))
        yield Scored(recency, frequency, monetary, group)


def _admits(admitted: Sequence[str], scores: Scores) -> bool:
    return all(str(score) in digits for score, digits in zip(scores, admitted, strict=True))


def _by_scores(rows: Iterator[Scored]) -> Mapping[Scores, Scored]:
    return MappingProxyType({(row.recency, row.frequency, row.monetary): row for row in rows})


def _quintile_edges(population: Population) -> tuple[Edges, Edges, Edges]:
    recency, frequency, monetary = population.recency, population.frequency, population.monetary
    return recency.quintiles, frequency.quintiles, monetary.quintiles


def _klaviyo_edges(population: Population) -> tuple[Edges, Edges, Edges]:
    return KLAVIYO_SILENCE_DAYS, population.frequency.terciles, population.monetary.terciles


def _braze_edges(population: Population) -> tuple[Edges, Edges, Edges]:
    recency, frequency, monetary = population.recency, population.frequency, population.monetary
    return recency.quartiles, frequency.quartiles, monetary.quartiles


def _china8_edges(population: Population) -> tuple[Edges, Edges, Edges]:
    recency, frequency, monetary = population.recency, population.frequency, population.monetary
    return (recency.mean,), (frequency.mean,), (monetary.mean,)


SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {
        "quintile": Scheme(
            1, 5, _quintile_edges, _by_scores(_from_grid()), Scored(0, 0, 0, "prospects")
        ),
        "klaviyo": Scheme(1, 3, _klaviyo_edges, _by_scores(_from_codes(KLAVIYO_CODES))),
        "braze": Scheme(0, 3, _braze_edges, _by_scores(_from_rows())),
        "china8": Scheme(0, 1, _china8_edges, _by_scores(_from_codes(CHINA8_CODES))),
    }
)


def scored(scheme: str, rfm: Rfm, population: Population) -> Scored:
    """The scores and the group of a customer.

    Args:
        scheme: a key of `SCHEMES`.
        rfm: the customer, on one customer-day.
        population: whom they are measured against.

    Raises:
        ValueError: the customer has no purchase day, and the scheme no group for them: a fault
            of the caller.
    """
    rules = SCHEMES[scheme]
    silence_days, purchase_days, spend_minor = rfm
    if purchase_days < 1:
        return _prospect(scheme)
    recency, frequency, monetary = _edges_of(population)[scheme]
    return rules.by_scores[
        rules.highest - bisect_left(recency, silence_days),
        rules.lowest + bisect_left(frequency, purchase_days),
        rules.lowest + bisect_left(monetary, spend_minor),
    ]


@recalled
def _edges_of(population: Population) -> dict[str, tuple[Edges, Edges, Edges]]:
    return {name: scheme.edges(population) for name, scheme in SCHEMES.items()}


def _prospect(scheme: str) -> Scored:
    prospect = SCHEMES[scheme].prospect
    if prospect is None:
        raise ValueError(f"the RFM scheme {scheme!r} has no group for customers who never bought")
    return prospect


def scored_until(scheme: str, rfm: Rfm, population: Population) -> tuple[Scored, int | None]:
    """The scores and the group of a customer, and how long silence alone leaves the group as it is.

    A recency edge whose crossing keeps the group is passed over.

    Args:
        scheme: a key of `SCHEMES`.
        rfm: the customer, on one customer-day.
        population: whom they are measured against.

    Returns:
        Scores and group; silent customer-days, at least `rfm.silence_days`: one day more and the
        group is another. None if silence alone never changes it again.

    Raises:
        ValueError: as `scored`.
    """
    now = scored(scheme, rfm, population)
    rules = SCHEMES[scheme]
    if now is rules.prospect:
        return now, None
    edges = _edges_of(population)[scheme][0]
    for edge in edges[bisect_left(edges, rfm.silence_days) :]:
        recency = rules.highest - bisect_right(edges, edge)
        if rules.by_scores[recency, now.frequency, now.monetary].group != now.group:
            return now, floor(edge)
    return now, None
