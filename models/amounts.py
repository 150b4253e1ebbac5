"""Amounts of money for people."""

from __future__ import annotations

from decimal import Decimal

from models.currencies import minor_digits


def money(minor: float, currency: str) -> str:
    """An amount with the decimals of its currency; a fraction of a minor unit is rounded.

    >>> money(-1234567, "USD"), money(4990, "JPY")
    ('-12,345.67 USD', '4,990 JPY')
    """
    digits = minor_digits(currency)
    return f"{Decimal(round(minor)).scaleb(-digits):,.{digits}f} {currency}"
