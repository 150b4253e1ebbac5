"""Every combination of scores of every RFM scheme, written out; names; and docs/rfm.md."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

from models.population import Distribution, Population
from models.rfm import GROUP_NAMES, SCHEMES, Rfm, scored

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "rfm.md").read_text("utf-8")

# A silence of 10, 20 … days, 1, 2 … purchase days and a spend of 100, 200 … all score apart.
POPULATION = Population(
    version=1,
    as_of_day=20_000,
    customers=100,
    since_day=19_000,
    closed_gaps=200,
    gap_days=4_000,
    recency=Distribution(15.0, (10, 20), (10, 20, 30), (10, 20, 30, 40)),
    frequency=Distribution(1.5, (1, 2), (1, 2, 3), (1, 2, 3, 4)),
    monetary=Distribution(150.0, (100, 200), (100, 200, 300), (100, 200, 300, 400)),
)

# One block a recency score; in it a line a frequency score, lowest first; along it monetary.
QUINTILE = {
    5: """
        new    new    new    active active
        new    new    active active active
        new    active active active champs
        active active active champs champs
        active active champs champs champs
    """,
    4: """
        promis promis promis active active
        promis promis active active active
        promis active active active loyal
        active active active loyal  loyal
        active active loyal  loyal  loyal
    """,
    3: """
        promis promis promis needs  needs
        promis promis needs  needs  needs
        promis needs  needs  needs  loyal
        needs  needs  needs  loyal  loyal
        needs  needs  loyal  loyal  loyal
    """,
    2: """
        almost almost almost risk   risk
        almost almost risk   risk   risk
        almost risk   risk   risk   previo
        risk   risk   risk   previo previo
        risk   risk   previo previo previo
    """,
    1: """
        dorman dorman dorman risk   risk
        dorman dorman risk   risk   risk
        dorman risk   risk   risk   previo
        risk   risk   risk   previo previo
        risk   risk   previo previo previo
    """,
}
KLAVIYO = {
    3: """
        recent recent recent
        loyal  loyal  champs
        loyal  champs champs
    """,
    2: """
        risk   risk   needs
        needs  recent recent
        risk   loyal  loyal
    """,
    1: """
        inact  inact  inact
        inact  risk   needs
        risk   needs  needs
    """,
}
BRAZE = {
    3: """
        newcus promis promis promis
        newcus potent potent potent
        newcus loyals champs champs
        newcus loyals champs champs
    """,
    2: """
        needng needng needng needng
        needng needng needng needng
        needng loyals loyals loyals
        needng loyals loyals loyals
    """,
    1: """
        sleep  sleep  sleep  sleep
        sleep  risk   risk   risk
        sleep  risk   cannot cannot
        sleep  risk   cannot cannot
    """,
    0: """
        hibern hibern hibern hibern
        hibern risk   risk   risk
        hibern risk   cannot cannot
        hibern risk   cannot cannot
    """,
}
CHINA8 = {
    1: """
        general_development important_development
        general_value       important_value
    """,
    0: """
        general_win_back    important_win_back
        general_retention   important_retention
    """,
}
WORDS = {
    "champs": "champions",
    "promis": "promising",
    "needs": "needs_attention",
    "risk": "at_risk",
    "almost": "almost_lost",
    "previo": "previously_loyal",
    "dorman": "dormant",
    "inact": "inactive",
    "newcus": "new_customer",
    "loyals": "loyal_users",
    "potent": "potential_loyalists",
    "needng": "needing_attention",
    "cannot": "cannot_lose_them",
    "sleep": "about_to_sleep",
    "hibern": "hibernating",
}
TABLES = {"quintile": QUINTILE, "klaviyo": KLAVIYO, "braze": BRAZE, "china8": CHINA8}
LOWEST = {"quintile": 1, "klaviyo": 1, "braze": 0, "china8": 0}
HIGHEST = {"quintile": 5, "klaviyo": 3, "braze": 3, "china8": 1}
KLAVIYO_SILENCE = {3: 180, 2: 365, 1: 366}
CELLS = [
    (scheme, recency, LOWEST[scheme] + line, LOWEST[scheme] + column, WORDS.get(word, word))
    for scheme, blocks in TABLES.items()
    for recency, block in blocks.items()
    for line, words in enumerate(block.strip().splitlines())
    for column, word in enumerate(words.split())
]


def silence_days(scheme: str, recency: int) -> int:
    """A silence that earns this recency score."""
    return KLAVIYO_SILENCE[recency] if scheme == "klaviyo" else 10 * (1 + HIGHEST[scheme] - recency)


def groups(scheme: str) -> set[str]:
    return {group for name, *_, group in CELLS if name == scheme}


def rows_of_the_document(heading: str) -> list[list[str]]:
    """The cells of all table rows below a heading, up to the next one of any level."""
    section = re.split(r"^#+ ", DOCUMENT.split(f"\n## {heading}\n")[1], flags=re.MULTILINE)[0]
    rows = re.findall(r"^\| (.+) \|$", section, re.MULTILINE)
    return [[cell.strip(" `") for cell in row.split("|")] for row in rows]


def test_there_are_four_schemes_and_each_combination_of_their_scores_is_written_out_once() -> None:
    assert list(SCHEMES) == ["quintile", "klaviyo", "braze", "china8"]
    assert len({cell[:4] for cell in CELLS}) == len(CELLS) == 125 + 27 + 64 + 8


@pytest.mark.parametrize(("scheme", "recency", "frequency", "monetary", "group"), CELLS)
def test_each_combination_of_scores_has_its_group(
    scheme: str, recency: int, frequency: int, monetary: int, group: str
) -> None:
    rank = 1 - LOWEST[scheme]  # of the lowest score, values being counted from 1
    days, spend = frequency + rank, 100 * (monetary + rank)
    found = scored(scheme, Rfm(silence_days(scheme, recency), days, spend), POPULATION)
    assert found == (recency, frequency, monetary, group)


@pytest.mark.parametrize(
    ("scheme", "recency", "better"),
    [
        ("quintile", 5, "new active champions"),
        ("quintile", 4, "promising active loyal"),
        ("quintile", 3, "promising needs_attention loyal"),
        ("quintile", 2, "almost_lost at_risk previously_loyal"),
        ("quintile", 1, "dormant at_risk previously_loyal"),
    ],
)
def test_more_purchase_days_or_spend_never_move_a_customer_to_a_lower_quintile_group(
    scheme: str, recency: int, better: str
) -> None:
    order = better.split()
    cells = {(f, m): order.index(g) for s, r, f, m, g in CELLS if (s, r) == (scheme, recency)}
    for frequency, monetary in product(range(1, 5), range(1, 6)):
        assert cells[frequency + 1, monetary] >= cells[frequency, monetary]
        assert cells[monetary, frequency + 1] >= cells[monetary, frequency]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_group_that_can_be_given_has_names_and_no_other_has(scheme: str) -> None:
    never_bought = {"prospects"} if scheme == "quintile" else set()
    assert set(GROUP_NAMES[scheme]) == groups(scheme) | never_bought


@pytest.mark.parametrize(
    ("scheme", "count"), [("quintile", 11), ("klaviyo", 6), ("braze", 10), ("china8", 8)]
)
def test_no_two_groups_of_a_scheme_share_a_name_in_either_language(scheme: str, count: int) -> None:
    english, chinese = zip(*GROUP_NAMES[scheme].values(), strict=True)
    assert len(set(english)) == len(set(chinese)) == count


@pytest.mark.parametrize(
    ("signs", "name"),
    [
        ("+++", "重要价值客户"),
        ("+-+", "重要发展客户"),
        ("-++", "重要保持客户"),
        ("--+", "重要挽留客户"),
        ("++-", "一般价值客户"),
        ("+--", "一般发展客户"),
        ("-+-", "一般保持客户"),
        ("---", "一般挽留客户"),
    ],
)
def test_the_eight_fields_bear_their_chinese_names(signs: str, name: str) -> None:
    recency, frequency, monetary = (sign == "+" for sign in signs)
    rfm = Rfm(10 if recency else 20, 2 if frequency else 1, 200 if monetary else 100)
    assert GROUP_NAMES["china8"][scored("china8", rfm, POPULATION).group][1] == name


def test_neither_names_nor_schemes_can_be_changed_at_run_time() -> None:
    with pytest.raises(TypeError):
        GROUP_NAMES["braze"]["at_risk"] = ("", "")  # type: ignore[index]
    with pytest.raises(TypeError):
        SCHEMES["quintile"].by_scores[1, 1, 1] = scored(  # type: ignore[index]
            "quintile", Rfm(0, 1, 0), POPULATION
        )


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_document_names_every_group_in_both_languages(scheme: str) -> None:
    rows = {tuple(row[:3]) for row in rows_of_the_document(scheme)}
    assert {(group, *names) for group, names in GROUP_NAMES[scheme].items()} <= rows


def test_the_grid_in_the_document_is_the_one_in_force() -> None:
    grid = {int(row[0]): row[1:] for row in rows_of_the_document("quintile") if row[0].isdigit()}
    assert set(grid) == {1, 2, 3, 4, 5}
    for scheme, recency, frequency, monetary, group in CELLS:
        if scheme == "quintile":
            column = (0, 0, 0, 1, 1, 1, 2, 2, 2)[frequency + monetary - 2]
            english, chinese = GROUP_NAMES["quintile"][group]
            assert grid[recency][column] == f"{english} {chinese}"
