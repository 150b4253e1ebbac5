"""Personas as Markdown: what shops and profiles call things is text, whatever it looks like."""

from __future__ import annotations

import pytest

from models.persona_markdown import Language, as_markdown
from models.persona_told import Told
from models.personas import personas_of
from models.playbook import Chosen
from models.policy_alerts import Play
from models.segments import Label
from tests.models.persona_cards import TEA, YOUNG, card

NASTY = "<img src=x>|![a](b)\x1b[2J\u202e&lt;"
SHOWN = "&lt;img src=x>\\|!\\[a](b)\\\\x1b\\[2J\\\\u202e&amp;lt;"


def told() -> Told:
    """A segment whose label, favourite, attribute and play are all called so."""
    liked = TEA._replace(label=NASTY)
    found = card(spend_365d=2.0)._replace(
        favourites=(liked,), traits=(YOUNG._replace(attribute=NASTY, value=NASTY),)
    )
    play = Chosen("call", Play(action=NASTY, owner=NASTY, segments=(found.segment,)), "policy")
    persona = personas_of([found])[found.segment]
    return Told(found.segment, Label(NASTY, NASTY), persona, found, play)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_nothing_that_people_call_things_is_markup_or_steers_a_terminal(language: Language) -> None:
    text = as_markdown([told()], language)
    assert text.replace("\n", "").isprintable()
    assert text.count(SHOWN) >= 6
    for markup in ("<", "\x1b"):
        assert markup not in text
    assert "![" not in text
    rows = [each for each in text.splitlines() if each.startswith("|")]
    assert {each.replace("\\|", "").count("|") for each in rows} == {5}
