"""Tables on a terminal: what shops, profiles and policies call things is text, and no markup of Rich."""

from __future__ import annotations

import io

from rich.console import Console, RenderableType

from models.customer import Attribute, CustomerState
from models.evaluation import Evaluation
from models.pairs import Pair, Ranked
from models.persona_told import Told
from models.personas import personas_of
from models.policy import policy_from_toml
from models.segments import label_of
from models.staying import Stay
from streams.lookup import Found
from streams.show import customer_card
from streams.show_evaluation import reasons_shown
from streams.show_personas import personas_shown
from streams.show_together import pairs_table
from streams.watching import segments_table
from tests.models.persona_cards import TEA, YOUNG, card

NASTY = "[/foo] x [red]y\x1b[2J"
SHOWN = "[/foo] x [red]y\\x1b[2J"
POLICY = policy_from_toml(
    'preset = "grocery"\n[segments.odd]\nwhen = "spend >= 100"\nlabel = "[/foo] x [red]y\\u001b[2J"\n'
)


def printed(what: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=300)
    console.print(what, highlight=False)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_categories_that_are_bought_together() -> None:
    pair = Pair(b"a", b"b", 4, 3, 0.1, 0.2, 0.3, 1.5, 1.0)
    shown = printed(pairs_table(Ranked((pair,), 9, 0, certain=True), {b"a": NASTY, b"b": "Tea"}))
    assert shown.splitlines()[1].startswith(f"{SHOWN}  Tea")


def test_the_card_of_a_persona() -> None:
    found = card(spend_365d=2.0)._replace(
        favourites=(TEA._replace(label=NASTY),), traits=(YOUNG._replace(value=NASTY),)
    )
    told = Told(
        found.segment,
        label_of(found.segment, POLICY),
        personas_of([found])[found.segment],
        found,
        None,
    )
    rows = printed(personas_shown([told], "en", cards=True)).splitlines()
    assert [SHOWN in each for each in rows[-4:-2]] == [True, True]


def test_the_reasons_of_an_evaluation() -> None:
    found = Evaluation("rule/odd", 3, None, 0, None, None, None, Stay(0, 0, 0), None, None, ())
    assert f"rule/odd  {SHOWN}" in printed(reasons_shown(found, POLICY, "en"))


def test_attributes_on_the_card_of_a_customer() -> None:
    state = CustomerState(known_since_ms=0, attributes={"pet": Attribute(0, 0, NASTY)})
    found = Found("c1", "c1", state, 0, True, 0, 0, None, b"")  # noqa: FBT003
    assert f"pet {SHOWN}" in printed(customer_card(found, POLICY))


def test_the_segments_that_are_watched() -> None:
    row = {"name": "rule/odd", "group": "odd", "kind": "rule", "label": {"en": NASTY}}
    counts = {"size": 1, "share": 0.5, "entered": 0, "left": 0}
    assert SHOWN in printed(segments_table({"days": 7, "items": [row | counts]}))
