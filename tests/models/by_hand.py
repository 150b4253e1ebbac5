"""What rules say of a customer, worked out from the raw events alone: slow, and plain to read.

Nothing here uses the daybook, sights, gauges or the rulebook. `RULES` has each rule twice: as a
marketer writes it, and as a question to `Seen`. Only the lifecycle is taken as the state has it:
`tests/support/oracle.py` tests that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import cache
from typing import Any, NamedTuple

from models.calendar import day_of
from models.customer import CustomerState, event_hash
from models.events import Engagement, Profile, Purchase, Read, Refund
from models.ledger import Standing
from models.policy import Policy, policy_from_preset
from tests.support.histories import in_order

BANDS = (18, 25, 35, 45, 55, 65)


class Sold(NamedTuple):
    """A purchase that was not given back in full."""

    day: int
    at_ms: int
    event: Purchase

    @property
    def discount(self) -> int:
        return sum(each.discount_minor for each in self.event.items)

    @property
    def margin(self) -> int:
        costs = [(each.cost_minor, each.quantity) for each in self.event.items]
        if not costs or any(cost is None for cost, _ in costs):
            return 0
        return self.event.amount_minor - sum((cost or 0) * units for cost, units in costs)

    def spent_on(self, dimension: str) -> dict[str, int]:
        """Label → minor units."""
        spent: dict[str, int] = {}
        for item in self.event.items if dimension in {"category", "brand"} else ():
            label = getattr(item, dimension)
            if label:
                spent[label] = spent.get(label, 0) + item.quantity * item.unit_price_minor
        whole = getattr(self.event, dimension, None)
        return spent or ({whole: self.event.amount_minor} if whole else {})


class Story:
    """All that happened to a customer up to some moment; nothing is ever forgotten."""

    def __init__(self, events: Sequence[Read], policy: Policy) -> None:
        self.zone, self.policy = policy.timezone, policy
        self.events = in_order(events)
        self.sold: list[Sold] = []
        self.given_back: list[tuple[int, int]] = []  # day, minor units
        bought = [each for each in self.events if isinstance(each.event, Purchase)]
        back = dict.fromkeys((each.event_id for each in bought), 0)
        for read in self.events:
            if isinstance(read.event, Refund):
                undone = next((each for each in bought if self._undoes(read, each)), None)
                if undone is None:
                    self.given_back.append((self.day(read.at_ms), read.event.amount_minor))
                else:
                    back[undone.event_id] += read.event.amount_minor
        for read in bought:
            assert isinstance(read.event, Purchase)
            amount, returned = read.event.amount_minor, back[read.event_id]
            if returned and returned >= amount:
                self.given_back.append((self.day(read.at_ms), returned - amount))
            else:
                self.sold.append(Sold(self.day(read.at_ms), read.at_ms, read.event))
                self.given_back.append((self.day(read.at_ms), returned))
        self.days = sorted({each.day for each in self.sold})
        self.attributes = self._attributes()
        engaged = [(r.at_ms, r.event_id, r.event) for r in self.events]
        self.engaged = [(at, i, e) for at, i, e in engaged if isinstance(e, Engagement)]

    def day(self, at_ms: int) -> int:
        return day_of(at_ms, self.zone)

    def _undoes(self, refund: Read, bought: Read) -> bool:
        assert isinstance(refund.event, Refund)
        assert isinstance(bought.event, Purchase)
        near = abs(refund.at_ms - bought.at_ms) <= self.policy.time.remembered_days * 86_400_000
        if refund.event.order_id is not None:
            return near and refund.event.order_id == bought.event.order_id
        return near and refund.event.refunded_event_id == bought.event_id

    def _attributes(self) -> dict[str, Any]:
        written: dict[str, Any] = {}
        for read in self.events:
            if isinstance(read.event, Profile):
                written |= read.event.attributes
        return {name: value for name, value in written.items() if value is not None}


class Seen:
    """A story as it is seen on a day, with the lifecycle of that day."""

    def __init__(self, story: Story, day: int, standing: Standing) -> None:
        self.story, self.today, self.standing = story, day, standing
        self._within: dict[int, list[Sold]] = {}

    def sold(self, days: int) -> list[Sold]:
        found = self._within.get(days)
        if found is None:
            since = self.today - days if days else 0
            found = self._within[days] = [each for each in self.story.sold if each.day > since]
        return found

    def back(self, days: int) -> int:
        since = self.today - days if days else 0
        return sum(minor for day, minor in self.story.given_back if day > since)

    def gross(self, days: int) -> int:
        return sum(each.event.amount_minor for each in self.sold(days))

    def spend(self, days: int = 0) -> int:
        return self.gross(days) - self.back(days)

    def purchases(self, days: int = 0) -> int:
        return len(self.sold(days))

    def purchase_days(self, days: int = 0) -> int:
        return len({each.day for each in self.sold(days)})

    def order_value(self, days: int = 0) -> float | None:
        return ratio(self.spend(days), self.purchases(days))

    def margin(self, days: int) -> int:
        return sum(each.margin for each in self.sold(days))

    def items(self, days: int) -> int:
        return sum(item.quantity for each in self.sold(days) for item in each.event.items)

    def discount_share(self, days: int) -> float | None:
        discount = sum(each.discount for each in self.sold(days))
        return ratio(discount, self.gross(days) + discount)

    def return_rate(self, days: int) -> float | None:
        return ratio(self.back(days), self.gross(days))

    def labels(self, dimension: str, days: int) -> dict[str, int]:
        spent: dict[str, int] = {}
        for each in self.sold(days):
            for label, minor in each.spent_on(dimension).items():
                spent[label] = spent.get(label, 0) + minor
        return spent

    def loyalty(self, days: int) -> float | None:
        spent = self.labels("brand", days).values()
        return ratio(max(spent, default=0), sum(spent))

    def growth(self, days: int) -> float | None:
        now, both = self.spend(days), self.spend(2 * days)
        rate = ratio(now, both - now)
        return None if rate is None else rate - 1

    def on(self, dimension: str, label: str, days: int = 0) -> int:
        return self.labels(dimension, days).get(label, 0)

    def days_with(self, dimension: str, label: str, days: int = 0) -> list[int]:
        return sorted({e.day for e in self.sold(days) if label in e.spent_on(dimension)})

    def share(self, dimension: str, label: str, days: int) -> float | None:
        return ratio(self.on(dimension, label, days), self.gross(days))

    def label_silence(self, dimension: str, label: str) -> int | None:
        return self.ago(self.days_with(dimension, label))

    def ago(self, days: Iterable[int]) -> int | None:
        last = max(days, default=None)
        return None if last is None else self.today - last

    @property
    def silence(self) -> int | None:
        return self.ago(self.story.days)

    @property
    def tenure(self) -> int | None:
        return self.ago(self.story.days[:1])

    @property
    def known_days(self) -> int:
        return self.today - self.story.day(self.story.events[0].at_ms)

    @property
    def cadence(self) -> float | None:
        days = self.story.days
        prior = self.story.policy.lifecycle.prior_gap_days
        return (2 * prior + days[-1] - days[0]) / (len(days) + 1) if days else None

    @property
    def cycles(self) -> float | None:
        cadence, silence = self.cadence, self.silence
        return None if cadence is None or silence is None else silence / cadence

    def engaged_ago(self, kind: str = "") -> int | None:
        made = (at for at, _, each in self.story.engaged if not kind or each.type == kind)
        return self.ago(map(self.story.day, made))

    @property
    def contact_ago(self) -> int | None:
        """Since the last purchase or engagement."""
        known = (each for each in (self.silence, self.engaged_ago()) if each is not None)
        return min(known, default=None)

    @property
    def satisfaction(self) -> float | None:
        told = self.story.engaged
        scored = [(at, event_hash(name), e.score) for at, name, e in told if e.score is not None]
        return max(scored)[2] if scored else None

    def profile(self, name: str) -> Any:
        return self.story.attributes.get(name)

    @property
    def age_band(self) -> str | None:
        born = self.profile("birth_year")
        if not isinstance(born, int):
            return self.profile("age_band")  # type: ignore[no-any-return]
        age = date.fromordinal(self.today).year - born
        if age < BANDS[0]:
            return "under 18"
        low = max(edge for edge in BANDS if edge <= age)
        high = min((edge for edge in BANDS if edge > age), default=0)
        return f"{low}-{high - 1}" if high else f"{low}+"

    def until(self, name: str) -> int | None:
        try:
            return date.fromisoformat(self.profile(name)[:10]).toordinal() - self.today
        except (TypeError, ValueError):
            return None


def ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


def between(low: float, value: float | None, high: float) -> bool:
    """Whether a value is known, and low <= value <= high."""
    return value is not None and low <= value <= high


INF = float("inf")
RULES: dict[str, tuple[str, Callable[[Seen], bool]]] = {
    "spend30": ("spend_30d >= 10", lambda s: s.spend(30) >= 1_000),
    "spend90": ("spend_90d == 25", lambda s: s.spend(90) == 2_500),
    "spend365": ("spend_365d < 10", lambda s: s.spend(365) < 1_000),
    "spend": ("spend > 30", lambda s: s.spend() > 3_000),
    "none30": ("purchases_30d == 0", lambda s: s.purchases(30) == 0),
    "two90": ("purchases_90d >= 2", lambda s: s.purchases(90) >= 2),
    "oneday": ("purchase_days_30d == 1", lambda s: s.purchase_days(30) == 1),
    "days365": ("purchase_days_365d >= 3", lambda s: s.purchase_days(365) >= 3),
    "order90": ("average_order_value_90d >= 10", lambda s: between(1_000, s.order_value(90), INF)),
    "order": ("average_order_value <= 7.5", lambda s: between(-INF, s.order_value(), 750)),
    "margin90": ("margin_90d > 3", lambda s: s.margin(90) > 300),
    "loss365": ("margin_365d < 0", lambda s: s.margin(365) < 0),
    "items30": ("items_30d >= 4", lambda s: s.items(30) >= 4),
    "few90": (
        "items_per_purchase_90d <= 1.5",
        lambda s: between(0, ratio(s.items(90), s.purchases(90)), 1.5),
    ),
    "cheap90": ("discount_share_90d >= 0.1", lambda s: between(0.1, s.discount_share(90), 1)),
    "returns90": ("return_rate_90d >= 0.5", lambda s: between(0.5, s.return_rate(90), INF)),
    "unsold365": ("return_rate_365d == unknown", lambda s: s.return_rate(365) is None),
    "wide30": ("categories_30d >= 2", lambda s: len(s.labels("category", 30)) >= 2),
    "narrow365": ("categories_365d == 1", lambda s: len(s.labels("category", 365)) == 1),
    "brands90": ("brands_90d >= 2", lambda s: len(s.labels("brand", 90)) >= 2),
    "loyal90": ("brand_loyalty_90d > 0.6", lambda s: (s.loyalty(90) or 0) > 0.6),
    "grows30": ("growth_30d >= 0", lambda s: between(0, s.growth(30), INF)),
    "shrinks90": ("growth_90d <= -0.5", lambda s: between(-INF, s.growth(90), -0.5)),
    "still30": ("not (growth_30d <= 0.25)", lambda s: not between(-INF, s.growth(30), 0.25)),
    "silent": ("silence_days in (7, 30, 100)", lambda s: s.silence in {7, 30, 100}),
    "quiet": ("30 < silence_days <= 60", lambda s: between(31, s.silence, 60)),
    "old": ("tenure_days >= 100", lambda s: between(100, s.tenure, INF)),
    "known": ("known_days > 45", lambda s: s.known_days > 45),
    "late": ("silence_cycles >= 2", lambda s: between(2, s.cycles, INF)),
    "fresh": ("silence_cycles <= 0.5", lambda s: between(0, s.cycles, 0.5)),
    "often": ("cadence_days <= 12", lambda s: between(0, s.cadence, 12)),
    "again": ("repurchase_rate >= 0.5", lambda s: len(s.story.days) >= 2),
    "cohort": (
        'first_purchase < "2024-02-01"',
        lambda s: between(0, min(s.story.days, default=None), date(2024, 1, 31).toordinal()),
    ),
    "happy": ("satisfaction >= 3", lambda s: between(3, s.satisfaction, INF)),
    "engaged": ("engagement_days_ago <= 14", lambda s: between(0, s.engaged_ago(), 14)),
    "near": ("contact_days_ago <= 9", lambda s: between(0, s.contact_ago, 9)),
    "away": (
        'engagement["visit"].days_ago > 20',
        lambda s: between(21, s.engaged_ago("visit"), INF),
    ),
    "young": ('age_band in ("18-24", "25-34")', lambda s: s.age_band in {"18-24", "25-34"}),
    "renew": ("days_until(profile.renewal) <= 10", lambda s: between(-INF, s.until("renewal"), 10)),
    "renewed": (
        "days_since(profile.renewal) in (0, 30)",
        lambda s: s.until("renewal") in {0, -30},
    ),
    "tea90": ('category["tea"].spend_90d >= 10', lambda s: s.on("category", "tea", 90) >= 1_000),
    "tealess": (
        'category["tea"].purchase_days_30d == 0',
        lambda s: not s.days_with("category", "tea", 30),
    ),
    "teashare": (
        'category["tea"].share_90d > 0.5',
        lambda s: (s.share("category", "tea", 90) or 0) > 0.5,
    ),
    "noacme": (
        'brand["Acme"].silence_days > 15',
        lambda s: between(16, s.label_silence("brand", "Acme"), INF),
    ),
    "web365": (
        'channel["web"].purchase_days_365d >= 2',
        lambda s: len(s.days_with("channel", "web", 365)) >= 2,
    ),
    "north": (
        'store["North"].spend_30d > 0 and not segment["quiet"]',
        lambda s: s.on("store", "North", 30) > 0 and not between(31, s.silence, 60),
    ),
    "card30": (
        'payment_method["card"].share_30d >= 0.5',
        lambda s: between(0.5, s.share("payment_method", "card", 30), INF),
    ),
    "sleepy": (
        'lifecycle == "dormant" or won_back or segment["flag/overdue"]',
        lambda s: s.standing.lifecycle == "dormant" or s.standing.flags != (),
    ),
    "gold": (
        'profile.tier == "gold" and spend_30d > 0',
        lambda s: s.profile("tier") == "gold" and s.spend(30) > 0,
    ),
    "tagged": (
        '"a" in profile.tags and profile.tier == unknown',
        lambda s: s.profile("tags") in {"a, b", "b,a"} and s.profile("tier") is None,
    ),
    "seven": (
        "profile.tier in (7, true) or 10 <= spend_30d <= 25",
        lambda s: s.profile("tier") == 7 or between(1_000, s.spend(30), 2_500),
    ),
}


def segments_by_hand(seen: Seen, of: Iterable[str] = RULES) -> tuple[str, ...]:
    """Where somebody belongs, of these rules."""
    return tuple(sorted(name for name in of if RULES[name][1](seen)))


SEGMENTS = {name: {"when": when} for name, (when, _) in RULES.items()}
ZONES = ("UTC", "Europe/Berlin", "America/Havana", "Australia/Lord_Howe")
POLICIES = tuple(
    policy_from_preset(preset, business={"timezone": zone}, segments=SEGMENTS)
    for preset, zone in zip(("general", "grocery") * 2, ZONES, strict=True)
)
SETTLES_SOON = policy_from_preset("grocery", time={"remembered_days": 20}, segments=SEGMENTS)


@cache
def alone(name: str, zone: str) -> Policy:
    """A policy in which a rule stands alone but for those that it names."""
    named = ("quiet",) if name == "north" else ()
    segments = {each: SEGMENTS[each] for each in (name, *named)}
    return policy_from_preset("grocery", business={"timezone": zone}, segments=segments)


def by_hand(
    events: Sequence[Read], state: CustomerState, day: int, policy: Policy
) -> tuple[str, ...]:
    """Where the events say that a customer belongs on a day."""
    return segments_by_hand(Seen(Story(events, policy), day, state.standing))
