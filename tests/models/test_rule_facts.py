"""Every fact of the catalogue, read off one small story; and which facts time alone changes."""

from __future__ import annotations

from itertools import count

import pytest

from models.calendar import day_of
from models.customer import CustomerState
from models.described import band_of_age
from models.events import Item, Read
from models.gauge import Known
from models.ledger import Standing
from models.lifecycle import State
from models.policy import policy_from_preset
from models.rolling import UNTIL
from models.rule_names import CATALOGUE, SCHEMES, WRITTEN
from models.rule_syntax import parsed, row_of
from models.rule_tree import Condition, Fact
from models.rulebook import Rulebook
from models.sight import READ, Sight
from tests.models.shoppers import bought, engaged
from tests.support.story import GROCERY, midnight, noon, profile, refund, tell, tick

TEA = Item(
    sku="t", quantity=2, unit_price_minor=1_000, category="tea", brand="Acme", cost_minor=500
)
RICE = Item(
    sku="r", quantity=1, unit_price_minor=2_000, category="rice", brand="Bora", cost_minor=1_000
)
STORY = (
    profile("p1", noon(0), birth_year=1990, tier="gold", born="2024-03-01", renewal="2024-04-01"),
    profile("p2", noon(0), yearly_budget=1_000),
    bought(
        *("e1", noon(0), 4_000, None, (TEA.model_copy(update={"discount_minor": 100}), RICE)),
        channel="web",
        store="North",
        payment_method="card",
    ),
    bought(
        *("e2", noon(40), 1_000, None),
        (TEA.model_copy(update={"quantity": 1, "cost_minor": None, "discount_minor": 200}),),
        channel="shop",
        payment_method="cash",
    ),
    engaged("v1", noon(60)),
    engaged("s1", noon(65), "survey", 4),
    bought("e3", noon(70), 3_000, channel="web", brand="Acme"),
    refund("r1", noon(72), 500, of_event="e3"),
)
GROUPS = {
    "cluster": "3",
    "tier": "high",
    "risk": "elevated",
    "value.spend": "better",
    "attachment": "medium",
    "grid": "invest",
    "stage": "ahead",
    **dict.fromkeys(SCHEMES, "loyal"),
}
WITH_GRID = policy_from_preset("grocery", grid={})
TODAY = day_of(noon(80), GROCERY.timezone)
# Money is in minor units. The windows that end today begin on days 51, -9 and -284.
FACTS: dict[str, Known | None] = {
    "spend": 7_500,
    "spend_30d": 2_500,
    "spend_90d": 7_500,
    "spend_365d": 7_500,
    "purchases": 3,
    "purchases_30d": 1,
    "purchase_days": 3,
    "purchase_days_90d": 3,
    "average_order_value": 2_500.0,
    "average_order_value_30d": 2_500.0,
    "margin": 2_000,
    "margin_30d": 0,
    "items": 4,
    "items_30d": 0,
    "items_per_purchase": 4 / 3,
    "items_per_purchase_30d": 0.0,
    "discount_share": 300 / 8_300,
    "discount_share_30d": 0.0,
    "return_rate": 0.0625,
    "return_rate_30d": 500 / 3_000,
    "categories": 2,
    "categories_30d": 0,
    "brands": 2,
    "brands_30d": 1,
    "brand_loyalty": 0.75,
    "brand_loyalty_30d": 1.0,
    "growth_30d": 1.5,
    "growth_90d": None,
    "silence_days": 10,
    "tenure_days": 80,
    "known_days": 80,
    "cadence_days": 82.6 / 4,
    "silence_cycles": 10 / (82.6 / 4),
    "repurchase_rate": 2 / 3,
    "first_purchase": "2024-01-01",
    "last_purchase": "2024-03-11",
    "satisfaction": 4,
    "engagement_days_ago": 15,
    'engagement["visit"].days_ago': 20,
    'engagement["support"].days_ago': None,
    "age_band": "25-34",
    "lifecycle": "dormant",
    "overdue": True,
    "won_back": False,
    "cluster": 3,
    "tier": "high",
    "risk": "elevated",
    "attachment": "medium",
    "attachment_points": 4,  # tenure 1, contact 3
    "contact_days_ago": 10,
    "grid": "invest",
    "stage": "ahead",
    "wallet_share_30d": 2_500 / (100_000 * 30 / 365),
    "wallet_share_365d": 0.075,
    **{f"rfm.{scheme}": "loyal" for scheme in SCHEMES},
    "value.spend": "better",
    "value.margin": None,
    "profile.tier": "gold",
    "profile.region": None,
    "days_since(profile.born)": 20,
    "days_until(profile.born)": -20,
    "days_until(profile.renewal)": 11,
    "days_since(profile.tier)": None,
    'category["tea"].spend': 3_000,
    'category["tea"].spend_30d': 0,
    'category["tea"].purchase_days': 2,
    'category["tea"].purchase_days_90d': 2,
    'category["tea"].share': 0.375,
    'category["tea"].share_30d': 0.0,
    'category["tea"].silence_days': 40,
    'category["jam"].spend': 0,
    'category["jam"].purchase_days': 0,
    'category["jam"].share': 0.0,
    'category["jam"].silence_days': None,
    'brand["Acme"].spend_30d': 3_000,
    'brand["Acme"].purchase_days': 3,
    'brand["Acme"].share_30d': 1.0,
    'brand["Acme"].silence_days': 10,
    'channel["web"].spend': 7_000,
    'channel["web"].purchase_days_30d': 1,
    'channel["shop"].share': 0.125,
    'channel["shop"].silence_days': 40,
    'payment_method["card"].spend_90d': 4_000,
    'payment_method["card"].purchase_days': 1,
    'payment_method["cash"].share': 0.125,
    'payment_method["cash"].silence_days': 40,
    'store["North"].spend_365d': 4_000,
    'store["North"].purchase_days': 1,
    'store["North"].share': 0.5,
    'store["North"].silence_days': 80,
}
# These follow from events, deadlines of the lifecycle and populations only.
TIMELESS = {
    *("cadence_days", "repurchase_rate", "first_purchase", "last_purchase", "satisfaction"),
    *("lifecycle", "overdue", "won_back", "cluster", "tier", "risk", "rfm", "value", "profile"),
    *("attachment", "grid", "stage"),
}


def asked(name: str) -> Condition:
    found = parsed("a", f"{name} != unknown")
    assert isinstance(found, Condition)
    return found


def value_of(name: str, state: CustomerState, day: int = TODAY) -> Known | None:
    book = Rulebook({"a": asked(name)}, scale=100)
    ((condition, value, holds),) = book.explain("a", state, day, WITH_GRID)
    assert (condition, holds) == (asked(name), value is not None)
    return value


@pytest.fixture(scope="module")
def customer() -> CustomerState:
    state = tell(*STORY, tick(midnight(80))).customer
    ledger = state.current._replace(standing=Standing(State.DORMANT, overdue=True))
    return state._replace(groups=GROUPS, current=ledger)


@pytest.mark.parametrize("name", FACTS)
def test_a_fact_is_what_the_story_says(name: str, customer: CustomerState) -> None:
    value = value_of(name, customer)
    assert value == FACTS[name]
    assert type(value) is type(FACTS[name])


def test_every_name_of_the_catalogue_is_in_the_story_above() -> None:
    asked_for = {row_of(asked(name).fact).name for name in FACTS}
    assert {row.name for row in CATALOGUE} - asked_for == {"segment"}


def test_every_name_of_the_catalogue_is_read() -> None:
    read = {
        row.name.partition(".")[0] if row.name.startswith("rfm.") else row.name for row in CATALOGUE
    }
    assert READ.keys() == read - {"segment"}


def test_every_fact_but_those_of_events_and_populations_says_until_when() -> None:
    assert UNTIL.keys() | TIMELESS == READ.keys()
    assert not UNTIL.keys() & TIMELESS


@pytest.mark.parametrize("name", FACTS)
def test_a_value_changes_by_time_alone_only_if_that_is_foretold(
    name: str, customer: CustomerState
) -> None:
    values = {repr(value_of(name, customer, TODAY + later)) for later in range(0, 700, 9)}
    assert len(values) == 1 or asked(name).fact.name in UNTIL


def test_of_somebody_who_never_bought_counts_are_nought_and_all_else_is_unknown() -> None:
    nobody = tell(profile("p1", noon(0), tier=3), tick(midnight(80))).customer
    names = [name for name, (row, _) in WRITTEN.items() if row in CATALOGUE[:36]]
    values = {name: value_of(name, nobody) for name in names}
    known = {WRITTEN[name][0].name: value for name, value in values.items() if value is not None}
    counts = ("spend", "purchases", "purchase_days", "margin", "items", "categories", "brands")
    assert known == {
        **dict.fromkeys(counts, 0),
        "known_days": 80,
        "lifecycle": "prospect",
        "overdue": False,
        "won_back": False,
    }


def test_a_full_return_takes_the_purchase_its_items_and_its_labels_away() -> None:
    back = refund("r2", noon(75), 4_000, of_event="e1")
    policy = policy_from_preset("grocery", time={"remembered_days": 100})
    state = tell(*STORY, back, tick(midnight(80)), policy=policy).customer
    book = {name: value_of(name, state) for name in FACTS}
    assert (book["spend"], book["purchases"], book["items"], book["margin"]) == (3_500, 2, 1, 0)
    assert (book["categories"], book["brands"], book["return_rate"]) == (1, 1, 0.125)
    assert (book["first_purchase"], book["known_days"]) == ("2024-02-10", 80)
    assert (book['store["North"].spend_365d'], book['store["North"].silence_days']) == (0, None)


def test_money_given_back_counts_on_the_day_of_its_purchase_or_on_its_own_if_that_is_unknown() -> (
    None
):
    story = [
        bought("e1", noon(0), 1_000, order="o1"),
        bought("e2", noon(60), 1_000),
        refund("r1", noon(40), 300, order="o1"),
        refund("r2", noon(60), 200, order="of nobody"),
    ]
    state = tell(*sorted(story, key=lambda each: each.at_ms)).customer
    first = day_of(noon(0), GROCERY.timezone)
    spent = [value_of("spend_30d", state, first + day) for day in (60, 89, 90)]
    assert spent == [800, 800, 0]
    assert [value_of("spend_90d", state, first + day) for day in (60, 90)] == [1_500, 800]


def test_what_is_spent_on_a_label_is_not_lowered_by_a_partial_return() -> None:
    story = [
        bought("e1", noon(0), 2_000, items=(TEA,), order="o1"),
        refund("r1", noon(1), 500, order="o1"),
    ]
    state = tell(*story).customer
    today = day_of(noon(1), GROCERY.timezone)
    names = ("spend", 'category["tea"].spend', 'category["tea"].share')
    assert [value_of(name, state, today) for name in names] == [1_500, 2_000, 1.0]


def test_a_window_holds_the_asked_day_and_the_others_before_it() -> None:
    state = tell(bought("e1", noon(0))).customer
    first = day_of(noon(0), GROCERY.timezone)
    days = (0, 29, 30, 89, 90, 364, 365)
    names = ("spend_30d", "spend_90d", "spend_365d")
    kept = [
        [value_of(name, state, first + day) == 1_000 for day in days].count(True) for name in names
    ]
    assert kept == [2, 4, 6]


@pytest.mark.parametrize(
    ("year", "band"),
    [
        (2007, "under 18"),
        (2006, "18-24"),
        (1959, "65+"),
        (2030, "under 18"),
        ("1990", "old"),
        (1700, "old"),
    ],
)
def test_an_age_band_follows_from_the_birth_year_else_from_the_profile(
    year: int | str, band: str
) -> None:
    state = tell(profile("p1", noon(0), birth_year=year, age_band="old")).customer
    assert value_of("age_band", state) == band
    assert band_of_age(17, (18,)) == "under 18"


def test_an_age_band_that_is_no_text_is_unknown() -> None:
    state = tell(profile("p1", noon(0), age_band=3)).customer
    assert value_of("age_band", state) is None


@pytest.mark.parametrize("text", ["", "soon", "2024-13-01", "01.02.2024"])
def test_a_date_that_cannot_be_read_is_unknown(text: str) -> None:
    state = tell(profile("p1", noon(0), born=text)).customer
    assert value_of("days_since(profile.born)", state) is None


def test_nothing_counts_the_days_to_something_that_lies_ahead_as_a_silence() -> None:
    events: list[Read] = [bought("e1", noon(5)), engaged("v1", noon(5))]
    state, day = tell(*events).customer, day_of(noon(3), GROCERY.timezone)
    names = ("silence_days", "tenure_days", "known_days", "engagement_days_ago", "silence_cycles")
    assert [value_of(name, state, day) for name in names] == [0, 0, 0, 0, 0.0]


def test_a_sight_of_another_day_is_of_the_same_customer(customer: CustomerState) -> None:
    sight = Sight(customer, TODAY, GROCERY)
    fact = Fact("silence_days")
    later = (READ[fact.name](sight.on(TODAY + more), fact) for more in count())
    assert [next(later) for _ in range(3)] == [10, 11, 12]
