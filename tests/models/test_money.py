"""Amounts in other currencies, by dated rates."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from models.customer import CustomerState
from models.ledger import Ledger
from models.money import UnknownCurrency, in_reporting_currency
from models.policy import Policy, policy_from_preset
from tests.support.story import noon, purchase, refund, tell


def shop(*rates: tuple[str, str, str]) -> Policy:
    table: list[dict[str, Any]] = [
        {"currency": currency, "valid_from": valid_from, "rate": rate}
        for currency, valid_from, rate in rates
    ]
    return policy_from_preset("grocery", business={"currency": "USD", "exchange_rates": table})


def in_usd(amount_minor: int, currency: str, at: str, policy: Policy) -> int:
    moment = datetime.fromisoformat(at)
    return in_reporting_currency(amount_minor, currency, moment, policy.business)


EURO = shop(
    ("EUR", "2024-02-01", "1.25"), ("EUR", "2024-01-01", "1.10"), ("JPY", "2024-01-01", "0.7")
)


@pytest.mark.parametrize(
    ("amount", "currency", "at", "usd"),
    [
        (1_000, "USD", "1999-01-01T00:00:00Z", 1_000),
        (1_000, "EUR", "2024-01-01T00:00:00Z", 1_100),
        (1_000, "EUR", "2024-01-31T23:59:59Z", 1_100),
        (1_000, "EUR", "2024-02-01T00:00:00Z", 1_250),
        (1_000, "EUR", "2030-01-01T00:00:00Z", 1_250),
        (1_000, "JPY", "2024-06-01T00:00:00Z", 700),
        (0, "JPY", "2024-06-01T00:00:00Z", 0),
    ],
)
def test_the_newest_rate_that_was_valid_when_it_was_paid(
    amount: int, currency: str, at: str, usd: int
) -> None:
    assert in_usd(amount, currency, at, EURO) == usd


@pytest.mark.parametrize("at", ["2024-01-31T23:30:00Z", "2024-02-01T00:30:00+01:00"])
def test_one_moment_has_one_rate_however_it_is_written(at: str) -> None:
    assert in_usd(1_000, "EUR", at, EURO) == 1_100


@pytest.mark.parametrize(("amount", "rounded"), [(1, 0), (3, 2), (5, 2), (7, 4), (9, 4)])
def test_halves_are_rounded_to_even(amount: int, rounded: int) -> None:
    assert (
        in_usd(amount, "XTS", "2024-01-01T00:00:00Z", shop(("XTS", "2024-01-01", "0.5"))) == rounded
    )


@pytest.mark.parametrize(("currency", "at"), [("GBP", "2024-01-01"), ("EUR", "2023-12-31")])
def test_unknown_currency_names_itself_the_date_and_the_remedy(currency: str, at: str) -> None:
    with pytest.raises(UnknownCurrency, match=f"{currency} to USD on {at}; .*exchange_rates"):
        in_usd(1, currency, f"{at}T12:00:00Z", EURO)


def test_net_spend_is_in_the_reporting_currency() -> None:
    told = tell(
        purchase("p1", noon(0), 1_000, order="o1", currency="EUR"),
        refund("r1", noon(1), 100, order="o1"),
        policy=EURO,
    )
    assert told.customer.current.net_spend_minor == 1_000


def test_an_amount_that_no_currency_bears_is_rejected_before_it_is_stored() -> None:
    dear = shop(("KWD", "2024-01-01", "999999999.0"))
    told = tell(purchase("p1", noon(0), 10**15, currency="KWD"), policy=dear)
    assert told.state is None
    (outcome,) = told.outcomes
    assert outcome.rejected is not None
    assert outcome.rejected.reason == "invalid"
    assert "amount_minor" in outcome.rejected.detail


def test_sums_of_one_customer_stay_within_64_bits() -> None:
    rich = CustomerState(known_since_ms=0, current=Ledger(spent_minor=2**62 - 1_000), sequence=1)
    assert tell(purchase("p1", noon(0), 1_000), state=rich).outcomes[0].rejected is None
    (outcome,) = tell(purchase("p1", noon(0), 1_001), state=rich).outcomes
    assert outcome.rejected is not None
    assert outcome.rejected.reason == "invalid"
    assert "64 bits" in outcome.rejected.detail
