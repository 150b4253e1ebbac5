"""The personas in the documentation are what the code says of the cards that stand beside them."""

from __future__ import annotations

import pytest

from models.personas import personas_of
from tests.models.persona_truth import falsehoods
from tools.render_personas import PAGES, kept_cards, main


def test_the_pages_say_what_is_said_of_their_cards(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().out


def test_every_sentence_of_the_pages_agrees_with_a_number_of_its_card() -> None:
    found = personas_of(kept_cards())
    assert [fault for each in found.values() for fault in falsehoods(each)] == []


def test_clusters_groups_and_five_rules_stand_there_in_both_languages() -> None:
    kinds = [each.segment.partition("/")[0] for each in kept_cards()]
    assert kinds.count("rule") == 5
    assert kinds.count("rfm.quintile") >= 10
    assert kinds.count("cluster") >= 3
    for path in PAGES.values():
        assert path.read_text("utf-8").count("\n### ") == len(kinds)


def test_no_two_segments_are_told_of_in_the_same_words() -> None:
    for language in PAGES:
        told = [
            tuple(sentence.texts[language] for sentence in each.sentences)
            for each in personas_of(kept_cards()).values()
        ]
        assert len(set(told)) == len(told)
