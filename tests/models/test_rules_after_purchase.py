"""After a purchase rules look at less; what they find is what a look at everything finds."""

from __future__ import annotations

from models.calendar import day_of
from models.events import Item, Read
from models.policy import Policy, policy_from_preset
from tests.support.story import midnight, noon, purchase, refund, tell


def ruled(**rules: str) -> Policy:
    segments = {name: {"when": when} for name, when in rules.items()}
    return policy_from_preset("grocery", segments=segments)


def of(category: str, minor: int = 2_000) -> list[Item]:
    return [Item(sku="s", quantity=1, unit_price_minor=minor, category=category)]


def kept_and_looked_at(*reads: Read, policy: Policy) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The memberships that are kept, and those that a look at everything gives."""
    state = tell(*reads, policy=policy).customer
    day = day_of(reads[-1].at_ms, policy.timezone)
    return state.rules, policy.rulebook.places(state, day, policy).segments


def test_a_late_twin_of_an_order_that_was_given_back_brings_the_other_ones_label_back() -> None:
    policy = ruled(tea='category["TEA"].spend >= 10')
    story = (
        purchase("p0", noon(1), 500),
        purchase("a", noon(5), 2_000, order="o1", items=of("TEA")),
        refund("r", noon(7), 2_000, order="o1"),
        purchase("b", noon(4), 2_000, order="o1", items=of("COFFEE")),
    )
    assert kept_and_looked_at(*story, policy=policy) == (("tea",), ("tea",))


def test_labels_that_are_forgotten_are_noticed_and_the_one_bought_last_is_not() -> None:
    policy = ruled(tea='category["TEA"].spend_365d >= 25')
    many = [
        purchase(f"m{n}", noon(1 + n // 64) + n, 100, items=of(f"c{n}", 100)) for n in range(256)
    ]
    story = (
        purchase("first", noon(0), 2_000, items=of("TEA", 2_000)),
        *many,
        purchase("again", noon(6), 1_000, items=of("TEA", 1_000)),
        purchase("last", noon(60), 100, items=of("c1", 100)),
        purchase("and", noon(61), 100, items=of("c2", 100)),
    )
    assert kept_and_looked_at(*story, policy=policy) == (("tea",), ("tea",))


def test_with_other_bands_of_age_nothing_that_was_seen_counts() -> None:
    segments = {"young": {"when": 'age_band == "18-24"'}}
    state = tell(purchase("p", midnight(0))).customer
    seen = [
        policy_from_preset("grocery", segments=segments, profiles={"age_bands": bands})
        for bands in ([18, 25], [18, 25, 35])
    ]
    one, other = (each.rulebook.places(state, 738_890, each).seen for each in seen)
    assert one.rulebook != other.rulebook
