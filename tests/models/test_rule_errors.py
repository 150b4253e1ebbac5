"""Broken rules: every message names the segment, the place, what is wrong and the way out."""

from __future__ import annotations

import pickle

import pytest

from models.rule_syntax import Place, RuleError, parsed

EXAMPLE = 'spend_90d >= 250 and lifecycle == "active"'
UNREADABLE = "the rule can't be read from here on"
COMPARISONS = f"write comparisons joined with and, or, not, such as {EXAMPLE}"
SPLIT_UP = 'make segments of its parts and join them with segment["name"]'
ONLY = "a rule has only comparisons, in, and, or, not"
KNOWN = "write == unknown or != unknown"
PLACED = "unknown stands only on the right of == and !="
READY = "use a ready name such as average_order_value, return_rate or growth_90d"
WHOLE = 'write a whole comparison, such as lifecycle == "active"; many values stand after in'
A_DATE = 'write a date as year-month-day, such as "2026-01-31"'
STATES = "it can be prospect, new, active, dormant or churned"
NEEDS_A_NAME = "is not followed by one name in brackets and quotes"

# One broken rule a line: text, line, column, problem, remedy.
TEXTS = [
    ("", 1, 1, "the rule is empty", f"write a condition such as {EXAMPLE}"),
    (" \n # later", 1, 1, "the rule is empty", f"write a condition such as {EXAMPLE}"),
    ("spend_90d >", 1, 12, UNREADABLE, COMPARISONS),
    ("overdue and\n\n  or", 3, 3, UNREADABLE, COMPARISONS),
    ("spend_90d >= 250 €", 1, 18, UNREADABLE, COMPARISONS),
    ("overdue\x00", 1, 8, UNREADABLE, COMPARISONS),
    ("'\\d' in profile.x", 1, 1, UNREADABLE, "write a backslash that is part of a text twice"),
    ("(overdue", 1, 1, "'(' is never closed", "write the ')' it needs"),
    ("overdue\n) and (won_back", 2, 1, "')' closes nothing", "remove it or write the bracket that ')' closes"),
    ("tier in ('low']", 1, 15, "']' closes nothing", "remove it or write the bracket that ']' closes"),
    ('tier == "high', 1, 9, "a text is never closed", 'write " after it, on the same line'),
    ("overdue or " * 400, 1, 4001, "the rule has 4,400 characters, and at most 4,000 are read", SPLIT_UP),
    ("not " * 50 + "overdue", 1, 201, "the rule is nested more than 50 deep", SPLIT_UP),
    ("not " * 49 + "1 < spend < 2", 1, 197, "the rule is nested more than 50 deep", SPLIT_UP),
    ("(" * 101 + "overdue" + ")" * 101, 1, 101, "the rule is nested more than 50 deep", SPLIT_UP),
    (" or ".join(["items==3"] * 201), 1, 2401, "the rule has more than 200 conditions", f"use in for many values, or {SPLIT_UP}"),
]  # fmt: skip
SIGNS = [
    ("overdue && won_back", 1, 9, "&& is not known here", "write and"),
    ("overdue || won_back", 1, 9, "|| is not known here", "write or"),
    ("overdue & won_back", 1, 1, "& is not known here", "write and"),
    ("overdue | won_back", 1, 1, "| is not known here", "write or"),
    ("!overdue", 1, 1, "! is not known here", "write not"),
    ("~overdue", 1, 1, "~ is not known here", "write not"),
    ('tier = "high"', 1, 6, "= is not known here", "write =="),
    ('tier <> "high"', 1, 6, "<> is not known here", "write !="),
    ("spend => 3", 1, 7, "=> is not known here", "write >="),
    ("overdue AND won_back", 1, 9, "AND is not known here", "write and"),
    ("\uff08overdue\uff09", 1, 1, "\uff08 is not known here", "write ("),
    ("tier == \u201chigh\u201d", 1, 9, "\u201c is not known here", 'write "'),
    ('tier is "high"', 1, 1, "'is' is not known here", "write =="),
    ('tier is not "high"', 1, 1, "'is not' is not known here", "write !="),
]  # fmt: skip
NAMES = [
    ("spnd_90d >= 250", 1, 1, "unknown name 'spnd_90d'", "did you mean 'spend_90d'?"),
    ("profile.城市 == '北京' or tire == 3", 1, 23, "unknown name 'tire'", "did you mean 'tier'?"),
    ("weather > 3", 1, 1, "unknown name 'weather'", 'if it is a text, write "weather"; an attribute is profile.weather'),
    ("lifecycle == active", 1, 14, "unknown name 'active'", 'write "active" in quotes'),
    ("catgory['X'].spend > 3", 1, 1, "unknown name 'catgory'", "did you mean 'category'?"),
    ("spend_60d > 1", 1, 1, "'spend' has no window of 60 days", "windows are 30d, 90d and 365d"),
    ("growth > 1", 1, 1, "'growth' needs a window", "write growth_30d or growth_90d"),
    ("growth_365d > 1", 1, 1, "'growth' has no window of 365 days", "windows are 30d and 90d"),
    ("silence_days_90d > 1", 1, 1, "'silence_days' has no windows", "write silence_days without _90d"),
    ("share > 0.5", 1, 1, "'share' does not stand alone", 'write category["NAME"].share'),
    ("rfm.quintil == 'x'", 1, 1, "unknown RFM scheme 'quintil'", "did you mean 'rfm.quintile'?"),
    ("rfm.weather == 'x'", 1, 1, "unknown RFM scheme 'weather'", "there are quintile, klaviyo, braze and china8"),
    ("rfm == 'loyal'", 1, 1, "'rfm' alone is nothing to compare", "write rfm.quintile"),
    ("profile == 3", 1, 1, "'profile' alone is nothing to compare", "write profile.region"),
    ("brand > 3", 1, 1, "'brand' alone is nothing to compare", 'write brand["NAME"].spend_90d'),
    ("profile.a.b == 1", 1, 1, "'profile.a' has no members", "write profile.a"),
    ("overdue.since > 3", 1, 1, "'overdue' has no members", "write overdue"),
    ("rfm.quintile.x == 3", 1, 1, "'rfm.quintile' has no members", "write rfm.quintile"),
    ("weather['x'].y == 3 or x", 1, 1, "unknown name 'weather'", 'if it is a text, write "weather"; an attribute is profile.weather'),
    ("'a'.b == 3", 1, 1, "can't use 'a'", ONLY),
]  # fmt: skip
MEMBERS = [
    ("category['X'].spnd_90d > 1", 1, 1, "category[…] has no member 'spnd_90d'", "did you mean 'spend_90d'?"),
    ("category['X'].weather > 1", 1, 1, "category[…] has no member 'weather'", "it has spend, purchase_days, share and silence_days"),
    ("store['X'].share_60d > 1", 1, 1, "'share' has no window of 60 days", "windows are 30d, 90d and 365d"),
    ("category['X'] > 3", 1, 1, "category['X'] alone is nothing to compare", "write category['X'].spend_90d"),
    ("engagement['visit'] > 3", 1, 1, "engagement['visit'] alone is nothing to compare", "write engagement['visit'].days_ago"),
    ("segment.vip", 1, 1, f"segment {NEEDS_A_NAME}", 'write segment["vip"]'),
    ("category.DAIRY.spend > 3", 1, 1, f"category {NEEDS_A_NAME}", 'write category["NAME"].spend_90d'),
    ("category[DAIRY].spend > 3", 1, 10, "category[DAIRY] does not name one in quotes", 'write category["NAME"].spend_90d'),
    ("profile[3] > 3", 1, 9, "profile[3] does not name one in quotes", 'write profile["region"]'),
]  # fmt: skip
FUNCTIONS = [
    ("since(profile.x) > 3", 1, 1, "unknown function 'since'", "did you mean 'days_since'?"),
    ("max(profile.x) > 3", 1, 1, "unknown function 'max'", "functions are days_since(profile.birthday) and days_until(profile.birthday)"),
    ("overdue()", 1, 1, "unknown function 'overdue'", "write overdue without brackets"),
    ("days_since > 3", 1, 1, "'days_since' is a function", "write it as days_since(profile.birthday)"),
    ("days_since() > 3", 1, 1, "days_since takes one attribute of the profile, not 0 arguments", "write days_since(profile.birthday)"),
    ("days_until(x=profile.x) > 3", 1, 1, "days_until takes one attribute of the profile, not a named argument", "write days_until(profile.birthday)"),
    ("days_until(tier) > 3", 1, 12, "days_until takes one attribute of the profile, not tier", "write days_until(profile.birthday)"),
    ("days_since(first_purchase) > 3", 1, 12, "days_since takes one attribute of the profile, not first_purchase", "write tenure_days"),
]  # fmt: skip
PAIRS = [
    ("spend_30d > spend_90d", 1, 13, "spend_30d is compared with spend_90d, and neither is a value", "compare each with a value, or use growth_30d or growth_90d"),
    ("items in brands", 1, 10, "items is compared with brands, and neither is a value", "compare each with a value"),
    ("3 > 2", 1, 1, "3 and 2 are both values", "compare something of the customer, such as spend_90d"),
    ("spend_90d and overdue", 1, 1, "spend_90d is not compared with anything", "write a comparison such as spend_90d >= 250"),
    ("overdue or tier", 1, 12, "tier is not compared with anything", 'write a comparison such as tier == "low"'),
    ("tier == 'low' or 'high'", 1, 18, "'high' is a value, not a condition", WHOLE),
    ("overdue, won_back", 1, 1, "overdue, won_back is a list, not a condition", "join conditions with and, or"),
    ("spend < unknown", 1, 9, PLACED, KNOWN),
    ("spend in (1, unknown)", 1, 14, PLACED, KNOWN),
    ("spend in unknown", 1, 10, PLACED, KNOWN),
    ("unknown == spend", 1, 1, PLACED, KNOWN),
    ("overdue or unknown", 1, 12, PLACED, KNOWN),
    ("spend == None", 1, 10, "None stands only on the right of == and !=", KNOWN),
    ("tier in ()", 1, 9, "an empty list has nothing in it", 'write its values, such as ("new", "active"), or leave the condition out'),
    ("tier in ('low')", 1, 10, "after in stands a list, and 'low' is none", "write == 'low', or in ['low']"),
    ("tier == ('low', 'high')", 1, 9, "a list, ('low', 'high'), stands only after in", "write in, or one value"),
    ("'low' in tier", 1, 1, "tier holds no list", "write tier == 'low'"),
    ("3 in profile.x", 1, 1, "the items of a list are texts, not 3", 'write "3"'),
    ("'a, b' in profile.x", 1, 1, "no item of a list is 'a, b'", "write one item, without commas or spaces around it"),
]  # fmt: skip
VALUES = [
    ("silence_days > '9'", 1, 16, "silence_days is a number, and '9' is not", "write a number without quotes, such as 3"),
    ("spend > true", 1, 9, "spend is an amount of money, and true is not", "write a number without quotes and currency, such as 250"),
    ("discount_share > 20", 1, 18, "discount_share is a share from 0 to 1, and 20 is not", "write 0.2 for 20 %"),
    ("return_rate > -0.1", 1, 15, "return_rate is a share from 0 to 1, and -0.1 is not", "write 0.2 for 20 %"),
    ("age_band == 25", 1, 13, "age_band is a text, and 25 is not", 'write it in quotes, as "25"'),
    ("overdue == 'yes'", 1, 12, "overdue is either true or false, and 'yes' is not", "write overdue or not overdue"),
    ("overdue > true", 1, 11, "overdue has no order, so > means nothing", "write overdue or not overdue"),
    ("tier >= 'medium'", 1, 9, "tier has no order, so >= means nothing", "use ==, != or in"),
    ("lifecycle == 3", 1, 14, "lifecycle is never 3", STATES),
    ("lifecycle == 'actve'", 1, 14, "lifecycle is never 'actve'", 'did you mean "active"?'),
    ("tier in ('low', 'hi')", 1, 17, "tier is never 'hi'", 'did you mean "high"?'),
    ("first_purchase > '2026-02-30'", 1, 18, "first_purchase is a date, and '2026-02-30' is not", A_DATE),
    ("last_purchase > 20260131", 1, 17, "last_purchase is a date, and 20260131 is not", A_DATE),
    ("profile.x > 'soon'", 1, 13, "profile.x is put in order only as a number or a date, and 'soon' is not", 'write a number, or a date as year-month-day, such as "2026-01-31"'),
    ("spend > 1e999", 1, 9, "1e999 is beyond 9,007,199,254,740,992", "write a number that a customer can reach"),
    ("spend > -9007199254740993", 1, 9, "-9007199254740993 is beyond 9,007,199,254,740,992", "write a number that a customer can reach"),
    ("profile.x == 3j", 1, 14, "3j is no value of a rule", "write a number, a text in quotes, true or false"),
    ("profile.x == '\\ud800'", 1, 14, "'\\ud800' is no value of a rule", "write a number, a text in quotes, true or false"),
]  # fmt: skip
FORMS = [
    ("spend / purchases > 3", 1, 1, "there is no arithmetic in rules: spend / purchases", READY),
    ("-spend > 3", 1, 1, "there is no arithmetic in rules: -spend", READY),
    ("profile.first-order > 3", 1, 1, "there is no arithmetic in rules: profile.first-order", 'if - is a part of the name, write profile["first-order"]'),
    ("(spend > 3) == true", 1, 2, "a condition can't be compared: spend > 3", "join conditions with and, or, not"),
    ('f"{spend}" == 1', 1, 1, "can't use f\"{spend}\"", ONLY),
    ("overdue or (lambda: 1)", 1, 13, "can't use lambda: 1", ONLY),
    ("[x for x in y]", 1, 1, "can't use [x for x in y]", ONLY),
    ("(x := 3) > 2", 1, 2, "can't use x := 3", ONLY),
    ("overdue if won_back else\n overdue", 1, 1, "can't use overdue if won_back else overdue", ONLY),
    ("tier in ('low', *others)", 1, 17, "*others is no value of a rule", "write a number, a text in quotes, true or false"),
    ("{" + "'a': 1, " * 20 + "}", 1, 1, "can't use {'a': 1, 'a': 1, 'a': 1, 'a': 1, 'a': 1, 'a': 1, 'a': 1, 'a…", ONLY),
]  # fmt: skip
BROKEN = [*TEXTS, *SIGNS, *NAMES, *MEMBERS, *FUNCTIONS, *PAIRS, *VALUES, *FORMS]


@pytest.mark.parametrize(
    ("text", "line", "column", "problem", "remedy"), BROKEN, ids=[row[0][:40] for row in BROKEN]
)
def test_a_broken_rule_is_told_with_its_place_and_a_remedy(
    text: str, line: int, column: int, problem: str, remedy: str
) -> None:
    with pytest.raises(RuleError) as caught:
        parsed("big-spenders", text)
    error = caught.value
    where = f"segments.big-spenders.when, line {line}, column {column}"
    assert str(error) == f"{where}: {problem}; {remedy}"
    assert (error.segment, error.line, error.column) == ("big-spenders", line, column)
    assert (error.problem, error.remedy) == (problem, remedy)


def test_the_message_is_the_one_of_the_docs() -> None:
    with pytest.raises(RuleError) as caught:
        parsed("big-spenders", "spnd_90d >= 250")
    assert str(caught.value) == (
        "segments.big-spenders.when, line 1, column 1: "
        "unknown name 'spnd_90d'; did you mean 'spend_90d'?"
    )


def test_the_first_of_two_faults_is_told() -> None:
    with pytest.raises(RuleError, match="line 2, column 6: unknown name 'spnd'"):
        parsed("s", "overdue\n  or spnd > 3 or tire == 3")


def test_an_error_outlives_a_process() -> None:
    error = RuleError("vip", Place(2, 9), "unknown segment 'vips'", "did you mean 'vip'?")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert isinstance(error, ValueError)
