"""Exact numbers: what stands in JSON is what is counted, in every currency."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.adapt_fields import Unusable, decoded, from_unix, minor_units, text_at
from models.currencies import minor_digits
from models.events import Reason, Rejected

CURRENCIES = ("USD", "EUR", "JPY", "KWD", "ISK", "CLP", "TND")


@given(
    st.sampled_from(CURRENCIES),
    st.integers(0, 10**15),
    st.booleans(),
    st.integers(0, 4),
)
@settings(max_examples=150, deadline=None)
def test_an_amount_is_exact_as_text_and_as_number(
    currency: str, minor: int, quoted: bool, zeros: int
) -> None:
    digits = minor_digits(currency)
    whole, part = divmod(minor, 10**digits)
    text = f"{whole}" + (f".{part:0{digits}d}" if digits else "")
    text += "0" * zeros if "." in text else ""
    body = decoded(f'{{"total": "{text}"}}'.encode() if quoted else f'{{"total": {text}}}'.encode())
    assert minor_units(body["total"], currency, "total") == minor


@given(st.sampled_from(CURRENCIES), st.integers(1, 10**12), st.integers(1, 9))
@settings(max_examples=100, deadline=None)
def test_a_digit_too_many_is_refused(currency: str, whole: int, digit: int) -> None:
    text = f"{whole}.{'0' * minor_digits(currency)}{digit}"
    for value in (text, Decimal(text)):
        with pytest.raises(Unusable, match=f"total: .* has more decimals than {currency} takes"):
            minor_units(value, currency, "total")


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=20), st.sampled_from(["USD", "KWD"]))
@settings(max_examples=100, deadline=None)
def test_what_a_browser_has_added_up_counts_as_it_was_meant(
    parts: list[int], currency: str
) -> None:
    unit = 10 ** minor_digits(currency)
    added = sum(each / unit for each in parts)  # in binary fractions: 10.1 + 20.2 is not 30.3
    body = decoded(json.dumps({"value": added}).encode())
    assert minor_units(body["value"], currency, "value") == sum(parts)


def test_text_is_taken_as_it_is_written() -> None:
    assert minor_units(Decimal("30.299999999999997"), "USD", "value") == 3030
    with pytest.raises(Unusable, match="more decimals"):
        minor_units("30.299999999999997", "USD", "value")
    for more_than_noise in (Decimal("30.2999"), Decimal("30.2999999")):
        with pytest.raises(Unusable, match="more decimals"):
            minor_units(more_than_noise, "USD", "value")


@pytest.mark.parametrize("value", [Decimal("1E+999999"), Decimal("1E-999999"), Decimal("-1E+99")])
def test_what_no_price_can_be_is_refused_however_it_is_written(value: Decimal) -> None:
    with pytest.raises(Unusable):
        minor_units(value, "USD", "value")


@pytest.mark.parametrize(
    "value",
    ["1_000", "\uff11\uff12", " 5", "5,00", "1e2", "NaN", "", "+5", True, [], {}, None],
)
def test_what_is_no_plain_number_is_refused(value: object) -> None:
    with pytest.raises(Unusable, match="total: m"):  # missing, or must be a number
        minor_units(value, "USD", "total")


@pytest.mark.parametrize("text", ["1e400", "1e99999", "1e-400", "9" * 100, "1e999999999999"])
def test_a_number_beyond_all_measure_is_refused_and_never_written_out(text: str) -> None:
    body = decoded(f'{{"total": {text}}}'.encode())
    with pytest.raises(Unusable, match="total: "):
        minor_units(body["total"], "USD", "total")


def test_a_number_in_exponents_counts_as_what_it_is() -> None:
    assert minor_units(decoded(b"[1.5e2]")[0], "USD", "total") == 15000


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", Reason.NOT_JSON),
        (b'{"a": NaN}', Reason.NOT_JSON),
        (b"[" * 100_000, Reason.NOT_JSON),
        (b"1e99999999999999999999", Reason.NOT_JSON),
        (b"9" * 5_000, Reason.NOT_JSON),
        (b"\xff\xfe{\x00}\x00", Reason.NOT_UTF8),
        (b'\xef\xbb\xbf{"a": 1}', Reason.NOT_JSON),
    ],
)
def test_a_body_that_is_not_json_in_utf8_is_rejected(body: bytes, reason: Reason) -> None:
    found = decoded(body)
    assert isinstance(found, Rejected)
    assert found.reason is reason


def test_an_id_is_text_or_the_digits_of_a_whole_number() -> None:
    body = json.loads('{"a": 450789469, "b": "", "c": "x", "d": 1.5, "e": true}')
    assert (text_at(body, "a"), text_at(body, "b"), text_at(body, "b", "c")) == (
        "450789469",
        None,
        "x",
    )
    for path in ("d", "e"):
        with pytest.raises(Unusable, match=f"{path}: must be text, found"):
            text_at(body, path)


def test_a_moment_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(Unusable, match="created: no moment that a calendar has"):
        from_unix(10**15, "created", 6)
