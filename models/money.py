"""Money: integer minor units, brought into the one reporting currency by dated rates."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from models.policy import Business


class UnknownCurrency(ValueError):
    """No rate brings this currency into the reporting currency on that date."""


def in_reporting_currency(
    amount_minor: int, currency: str, occurred_at: datetime, business: Business
) -> int:
    """Convert an amount with the newest rate that was valid when it was paid.

    Args:
        amount_minor: minor units of `currency`.
        currency: ISO 4217.
        occurred_at: event time, with a zone; rates change at midnight UTC.
        business: the reporting currency and its rate table.

    Returns:
        Minor units of the reporting currency, rounded half to even.

    Raises:
        UnknownCurrency: names the currency, the date and the remedy.
    """
    if currency == business.currency:
        return amount_minor
    day = occurred_at.astimezone(UTC).date()
    rates = [r for r in business.exchange_rates if r.currency == currency and r.valid_from <= day]
    if not rates:
        raise UnknownCurrency(
            f"no rate from {currency} to {business.currency} on {day}; "
            "add one under business.exchange_rates"
        )
    rate = max(rates, key=lambda each: each.valid_from).rate
    converted = Decimal(amount_minor) * rate
    return int(converted.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))
