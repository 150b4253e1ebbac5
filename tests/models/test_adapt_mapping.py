"""A mapping: which field of ours stands where in somebody's own JSON."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonpath import JSONPathEnvironment

from models.adapters import Source, sources_from_toml
from models.policy import PolicyError
from models.source_mapping import compiled
from tests.support.adapting import Json, outcomes, records, sample, till, told

BASE = """
[sources.own]
source = "mapping"
currency = "USD"
anonymous = "keep"
[[sources.own.events]]
kind = "purchase"
"""
FIELDS = """
[sources.own.events.fields]
customer_id = "$.who"
occurred_at = "$.at"
amount = "$.sum"
"""


def own(text: str) -> Source:
    return sources_from_toml(text, "s.toml")["own"]


def mapped(body: Json, *, options: str = "", fields: str = FIELDS) -> list[tuple[str, Json]]:
    return told(outcomes(own(BASE + options + fields), body, name="own"))


def first(body: Json, **more: str) -> Json:
    return mapped({"who": "c-1", "at": "2026-03-01T10:00:00Z", "sum": "1", **body}, **more)[0][1]


def test_a_receipt_is_a_purchase_and_a_new_card_a_profile() -> None:
    assert told(outcomes(till(), sample("till", "sale"), name="till")) == [
        (
            "purchase",
            {
                "event_id": "till:purchase:B07-000913",
                "customer_id": "9900-1228",
                "occurred_at": "2026-03-29T12:05:00+00:00",  # two hours before Berlin's summer time
                "amount_minor": 1490,
                "currency": "EUR",
                "order_id": "B07-000913",
                "channel": "till",
                "store": "7",
                "payment_method": "girocard",
                "items": [
                    {"sku": "4006381333931", "quantity": 2, "unit_price_minor": 495,
                     "category": "Pens"},
                    {"sku": "4006381333948", "quantity": 1, "unit_price_minor": 600,
                     "category": "Paper", "discount_minor": 100},
                ],
            },
        ),
        (
            "profile",
            {
                "event_id": "till:profile:B07-000913",
                "customer_id": "9900-1228",
                "occurred_at": "2026-03-29T12:05:00+00:00",
                "attributes": {"joined_at_branch": 7, "programme": "stamps"},
            },
        ),
    ]  # fmt: skip


def test_a_return_is_a_refund_of_the_receipt_it_names() -> None:
    ((kind, fields),) = told(outcomes(till(), sample("till", "return"), name="till"))
    assert (kind, fields["event_id"], fields["order_id"], fields["amount_minor"]) == (
        "refund",
        "till:refund:B07-000920",
        "B07-000913",
        495,
    )


def test_a_body_of_no_table_is_ignored() -> None:
    found = told(outcomes(till(), {**sample("till", "sale"), "type": "COUNT"}, name="till"))
    assert [kind for kind, _ in found] == ["profile"]
    assert told(outcomes(till(), {"type": "OPEN"}, name="till")) == [
        ("ignored", {"detail": "no table's conditions hold of it"})
    ]


def test_a_purchase_without_card_is_kept_by_its_receipt_and_its_return_finds_it() -> None:
    keep = till(anonymous="keep")
    sale = {**sample("till", "sale"), "loyalty": None}
    back = {**sample("till", "return"), "loyalty": None}
    whose = [records(outcomes(keep, each, name="till"))[0].customer_id for each in (sale, back)]
    assert whose == ["till:anonymous:B07-000913"] * 2


def test_without_an_event_id_the_same_body_counts_once_and_another_again() -> None:
    source = own(BASE + FIELDS)
    one, two = (
        f'{{"who": "c", "at": "2026-03-01T10:00:00Z", "sum": {n}}}'.encode() for n in (1, 2)
    )
    ids = [records(outcomes(source, each, name="own"))[0].event_id for each in (one, one, two)]
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize(
    ("time", "written", "moment"),
    [
        ("unix_s", 1772359200, "2026-03-01T10:00:00+00:00"),
        ("unix_s", "1772359200.5", "2026-03-01T10:00:00.500000+00:00"),
        ("unix_ms", 1772359200123, "2026-03-01T10:00:00.123000+00:00"),
        ("unix_us", 1772359200123456, "2026-03-01T10:00:00.123456+00:00"),
        ("%Y-%m-%dT%H:%M:%S%z", "2026-03-01T10:00:00+0200", "2026-03-01T08:00:00+00:00"),
    ],
)
def test_times_are_read_as_the_table_says(time: str, written: Any, moment: str) -> None:
    assert first({"at": written}, options=f'time = "{time}"')["occurred_at"] == moment


def test_a_day_and_an_hour_that_stand_apart_are_one_moment() -> None:
    options = 'time = "%d/%m/%Y %H:%M"\nzone = "Europe/Zurich"'
    fields = FIELDS + 'time_of_day = "$.hour"'
    told_of = {"options": options, "fields": fields}
    assert (
        first({"at": "14/07/2024", "hour": "8:05"}, **told_of)["occurred_at"]
        == "2024-07-14T06:05:00+00:00"
    )
    assert first({"at": "14/07/2024"}, **told_of)["detail"] == (
        "time_of_day: nothing stands at $.hour"
    )
    assert first({"at": "14/07/2024", "hour": "8 am"}, **told_of)["detail"] == (
        "occurred_at ($.at) and time_of_day ($.hour): is not written as '%d/%m/%Y %H:%M'"
    )


def test_what_is_given_back_may_be_written_with_a_minus_and_a_purchase_may_not() -> None:
    refund = own(BASE.replace('"purchase"', '"refund"') + FIELDS + 'order_id = "$.of"\n')
    body = {"who": "c-1", "at": "2026-03-01T10:00:00Z", "of": "r-1"}
    for written in ("-4.95", "4.95"):
        ((_, fields),) = told(outcomes(refund, {**body, "sum": written}, name="own"))
        assert fields["amount_minor"] == 495
    assert first({"sum": "-4.95"})["detail"] == (
        "amount ($.sum): below zero; what is given back is of kind refund: sign = '-'"
    )


def test_the_sign_of_an_amount_may_tell_what_was_bought_from_what_was_given_back() -> None:
    other = (BASE + FIELDS).replace('"purchase"', '"refund"\nsign = "-"') + 'order_id = "$.of"\n'
    both = own(
        BASE
        + 'sign = "+"\n'
        + FIELDS
        + other.partition('currency = "USD"\nanonymous = "keep"\n')[2]
    )
    body = {"who": "c-1", "at": "2026-03-01T10:00:00Z", "of": "r-1"}
    for written, kind in (
        ("-4.95", "refund"),
        (" -4.95"[1:], "refund"),
        ("4.95", "purchase"),
        (0, "purchase"),
    ):
        ((found, fields),) = told(outcomes(both, {**body, "sum": written}, name="own"))
        assert (found, fields["amount_minor"] in (495, 0)) == (kind, True)


@given(st.integers(-(10**9), 10**9), st.sampled_from(["", ".", " ", "’", "\u00a0", "'"]))
def test_an_amount_with_a_comma_is_what_it_is_with_a_point(minor: int, between: str) -> None:
    whole, cents = divmod(abs(minor), 100)
    sign = "-" * (minor < 0)
    grouped = f"{whole:,}".replace(",", between)
    refund = BASE.replace('"purchase"', '"refund"\ndecimal = ","')
    source = own(refund + FIELDS + 'order_id = "$.of"\n')
    body = {
        "who": "c",
        "at": "2026-03-01T10:00:00Z",
        "of": "r",
        "sum": f"{sign}{grouped},{cents:02}",
    }
    ((_, fields),) = told(outcomes(source, body, name="own"))
    assert fields["amount_minor"] == abs(minor)


@pytest.mark.parametrize("written", ["12.90", "1.23,4", "1,2,3", "1.2345,00", "EUR 5", ",5", ""])
def test_what_no_comma_stands_in_rightly_is_never_guessed(written: str) -> None:
    ((found, fields),) = mapped(
        {"who": "c-1", "at": "2026-03-01T10:00:00Z", "sum": written}, options='decimal = ","'
    )
    assert found == "invalid" or fields["reason"] == "invalid"


def test_an_amount_may_be_in_minor_units() -> None:
    fields = FIELDS.replace("amount =", "amount_minor =")
    assert first({"sum": 199}, fields=fields)["amount_minor"] == 199


def test_items_are_found_by_a_path_to_each_line_too() -> None:
    lines = "items = '$.parts[*].lines[*]'\n[sources.own.events.item_fields]\n"
    lines += "sku = '$.n'\nquantity = '=1'\nunit_price_minor = '$.p'\n"
    body = {"parts": [{"lines": [{"n": 7, "p": 5}]}, {"lines": [{"n": 8, "p": 6}]}]}
    assert first(body, fields=FIELDS + lines)["items"] == [
        {"sku": "7", "quantity": 1, "unit_price_minor": 5},
        {"sku": "8", "quantity": 1, "unit_price_minor": 6},
    ]


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("29.03.2026 01:59", "2026-03-29T00:59:00+00:00"),
        ("29.03.2026 03:00", "2026-03-29T01:00:00+00:00"),  # there was no 02:00
        ("25.10.2026 02:30", "2026-10-25T00:30:00+00:00"),  # there were two: the first
        ("25.10.2026 03:00", "2026-10-25T02:00:00+00:00"),
    ],
)
def test_a_tills_clock_is_its_towns(written: str, moment: str) -> None:
    sale = {**sample("till", "sale"), "printed": written}
    assert records(outcomes(till(), sale, name="till"))[0].value.count(moment.encode()) == 1


def test_a_profile_of_which_nothing_is_told_is_ignored_and_null_clears() -> None:
    table = BASE.replace('"purchase"', '"profile"') + FIELDS.replace('amount = "$.sum"', "")
    source = own(table + 'attributes.tier = "$.tier"\n')

    def became(**body: Any) -> tuple[str, Json]:
        body = {"who": "c-1", "at": "2026-03-01T10:00:00Z", **body}
        return told(outcomes(source, body, name="own"))[0]

    assert became()[1] == {"detail": "none of the attributes stands in it"}
    assert became(tier=None)[1]["attributes"] == {"tier": None}
    assert became(tier={"name": "gold"})[1]["detail"] == (
        "attributes.tier ($.tier): must be one value, found an object"
    )


def test_a_merge_of_nobody_known_is_ignored_where_such_people_are_not_kept() -> None:
    table = BASE.replace('"purchase"', '"merge"').replace('"keep"', '"dead_letter"')
    fields = (
        '[sources.own.events.fields]\nanonymous_id = "$.a"\ninto = "$.b"\noccurred_at = "$.at"\n'
    )
    body = {"a": "v-1", "b": "c-1", "at": "2026-03-01T10:00:00Z"}
    assert told(outcomes(own(table + fields), body, name="own")) == [
        ("ignored", {"detail": "a merge of nobody known"})
    ]


def test_a_refund_may_name_the_purchase_as_its_own_table_finds_it() -> None:
    fields = FIELDS + 'refunded_event_id = "$.undoes"\n'
    source = own(BASE.replace('"purchase"', '"refund"') + fields)
    body = {"who": "c-1", "at": "2026-03-01T10:00:00Z", "sum": 5, "undoes": "r-1"}
    ((_, refund),) = told(outcomes(source, body, name="own"))
    purchase = first({"id": "r-1"}, fields=FIELDS + 'event_id = "$.id"\n')
    assert refund["refunded_event_id"] == purchase["event_id"] == "own:purchase:r-1"


def test_a_body_nested_beyond_what_a_path_follows_is_refused() -> None:
    body: Json = {"who": "c-1", "at": "2026-03-01T10:00:00Z"}
    for _ in range(150):
        body = {"sum": body}
    source = own(BASE + FIELDS.replace("$.who", "$..who"))
    ((kind, fields),) = told(outcomes(source, body, name="own"))
    assert (kind, fields["detail"]) == (
        "rejected",
        "$..who: can't be followed: JSONPathRecursionError",
    )


@given(st.recursive(
    st.none() | st.integers(),
    lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
), st.lists(st.sampled_from("abc"), min_size=1, max_size=3))  # fmt: skip
@settings(max_examples=100, deadline=None)
def test_a_path_of_names_finds_what_the_library_finds(body: Any, names: list[str]) -> None:
    searched = JSONPathEnvironment(strict=True).compile("$." + ".".join(names))
    assert compiled("$." + ".".join(names))(body) == searched.findall(body)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"who": None}, "customer_id: nothing stands at $.who"),
        ({"who": ["c-1"]}, "customer_id ($.who): must be text, found a list"),
        ({"at": None}, "occurred_at: nothing stands at $.at"),
        ({"sum": None}, "amount ($.sum): missing"),
        ({"sum": "1 x"}, "amount ($.sum): must be a number such as 19.90, found text"),
        (
            {"sum": "12,50"},
            "amount ($.sum): has a comma; if the cents follow it, write decimal = ','",
        ),
        ({"sum": 1.005}, "amount ($.sum): 1.005 has more decimals than USD takes"),
    ],
)
def test_what_is_missing_is_named_with_its_path(body: Json, detail: str) -> None:
    assert first(body) == {"reason": "invalid", "detail": detail}


def test_a_path_that_finds_several_values_is_refused() -> None:
    fields = FIELDS.replace("$.sum", "$.sums[*]")
    assert first({"sums": [1, 2]}, fields=fields)["detail"] == (
        "amount ($.sums[*]): finds 2 values; write a path that finds one"
    )


@pytest.mark.parametrize(
    ("value", "held"), [(1, True), (True, False), ("1", False), ([1], False), (None, False)]
)
def test_a_condition_holds_of_the_same_value_only(value: Any, held: bool) -> None:
    found = mapped(
        {"who": "c", "at": "2026-03-01T10:00:00Z", "sum": 1, "sort": value},
        options='when = {"$.sort" = 1}',
    )
    assert (found[0][0] == "purchase") is held


def test_engagements_erasures_and_merges_are_mapped_too() -> None:
    table = '[[sources.own.events]]\nkind = "{}"\nwhen = {{"$.k" = "{}"}}\n'
    common = '[sources.own.events.fields]\ncustomer_id = "$.who"\noccurred_at = "$.at"\n'
    source = own(
        '[sources.own]\nsource = "mapping"\nanonymous = "keep"\n'
        + table.format("engagement", "e") + common + 'type = "=survey"\nscore = "$.nps"\n'
        + table.format("erasure", "x") + common
        + table.format("merge", "m") + common + 'anonymous_id = "$.visitor"\ninto = "$.into"\n'
    )  # fmt: skip

    def became(**body: Any) -> tuple[str, Json]:
        body = {"who": "c-1", "at": "2026-03-01T10:00:00Z", **body}
        return told(outcomes(source, body, name="own"))[0]

    assert became(k="e", nps=8.5)[1]["score"] == 8.5
    assert became(k="x")[0] == "erasure"
    plain, guarded = became(k="m", into="c-2"), became(k="m", into="c-2", who=None, visitor="v")
    assert (plain[1]["customer_id"], plain[1]["into"]) == ("c-1", "c-2")
    assert (guarded[1]["customer_id"], guarded[1]["unless_taken"]) == ("own:anonymous:v", True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BASE + FIELDS.replace("$.sum", "$.sum["),
         "events.0.fields.amount: not a JSONPath: unexpected end of query (found '$.sum[')"),
        (BASE + FIELDS.replace("$.sum", "$.s um"),
         "events.0.fields.amount: not a JSONPath: unexpected token 'um' at character 5"),
        (BASE + FIELDS.replace("$.sum", "sum"),
         "events.0.fields.amount: write a JSONPath such as $.total, or =text for a constant"),
        (BASE + FIELDS + "colour = '$.x'", "events.0.fields.colour: unknown key; remove it"),
        (BASE + FIELDS + "into = '$.x'",
         "events.0: fields.into: purchase has no such field; remove it"),
        (BASE + FIELDS.replace("amount", "order_id"),
         "events.0: fields: purchase needs amount or amount_minor"),
        (BASE + FIELDS + "amount_minor = '$.x'",
         "events.0: fields: write amount or amount_minor, not both"),
        (BASE + FIELDS + "items = '$.x'",
         "events.0: fields.items and item_fields go together; write both or neither"),
        (BASE + FIELDS + "time_of_day = '$.x'",
         "events.0: fields.time_of_day: needs a time of both, such as '%d.%m.%Y %H:%M'"),
        (BASE.replace('"purchase"', '"erasure"\nsign = "-"') + FIELDS.replace("amount", "type"),
         "events.0: fields.type: erasure has no such field; remove it; sign: erasure has no amount"),
        (BASE + "time = 'noon'" + FIELDS, "events.0: time: write rfc3339, unix_s, unix_ms"),
        (BASE + "time = '%Y'" + FIELDS, "events.0: zone: name one where the format has no %z"),
        (BASE + "time = '%Y'\nzone = 'Mars/Dune'" + FIELDS, "events.0: zone: 'Mars/Dune' is not"),
        ("[sources.own]\nsource = 'mapping'", "events: a mapping needs them"),
        (BASE.replace("mapping", "ga4") + FIELDS,
         "events: a mapping needs them, and no other source has any"),
    ],
)  # fmt: skip
def test_a_mapping_that_cannot_be_used_is_refused_with_the_key(text: str, said: str) -> None:
    with pytest.raises(PolicyError) as refusal:
        own(text)
    assert f"s.toml: sources.own.{said}" in str(refusal.value)
