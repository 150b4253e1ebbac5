"""Personas as Markdown: a heading, sentences, the play and the card as a table, in one language.

Labels and values are others' words: nothing in them is markup.

Enters: what is told of segments. Leaves: text. Forbidden here: deciding what is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from models.daybook import DIMENSIONS
from models.evaluation_words import number_name
from models.persona_card import Card
from models.persona_text import told
from models.persona_told import Told
from models.persona_words import attribute_in, listed, money_in, number_in, said, share_in, signed
from models.plain_text import plain

Language = Literal["en", "zh"]
SHOWN = 3  # favourites of a dimension
MORE = 1.1  # lift; less is shown as none


def as_markdown(all_told: Iterable[Told], language: Language) -> str:
    """A chapter for each segment."""
    return "\n".join("\n".join(_chapter(each, language)) for each in all_told)


def _chapter(each: Told, language: Language) -> Iterator[str]:
    yield f"### {plain(each.title(language))}"
    yield ""
    yield f"`{each.segment}`"
    yield ""
    yield from (f"- {plain(sentence.texts[language])}" for sentence in each.persona.sentences)
    yield ""
    if each.play is not None:
        yield plain(play_in_words(each, language))
        yield ""
    yield from _table(each.card, language)
    yield ""


def play_in_words(each: Told, language: Language) -> str:
    """Its play in a line; empty if it has none."""
    if each.play is None:
        return ""
    parts = each.play.told(language)
    line = said("card.play", language, action=parts["action"])
    for key in ("goal", "owner"):
        if parts[key]:
            line += said(f"card.{key}", language, text=parts[key])
    return line + said(f"card.source.{each.play.source}", language)


def card_rows(card: Card, language: Language) -> Iterator[tuple[str, str, str, str]]:
    """The card for people: what, of the segment, of everybody, standard deviations."""
    size, currency = card.size, card.currency
    share = share_in(size.share, language)
    yield said("card.customers", language), f"{size.customers:,} ({share})", "", ""
    money = money_in(size.spend_minor, currency, language)
    spend_share = share_in(size.spend_share, language)
    yield said("card.spend", language), f"{money} ({spend_share})", "", ""
    for each in card.measures:
        mean, base = (
            told(each.name, value, currency, language) for value in (each.mean, each.base_mean)
        )
        yield (
            number_name(each.name, language),
            mean,
            base,
            signed(f"{each.score:+.2f}".replace("-0.00", "+0.00")),
        )
    for dimension in DIMENSIONS:
        yield from _favourites(card, dimension, language)
    for trait in card.traits:
        name = f"{attribute_in(trait.attribute, language)} {trait.value}"
        here, overall = share_in(trait.share, language), share_in(trait.base_share, language)
        yield name, here, overall, f"×{number_in(trait.lift)}"
    moved = card.movement
    yield said("card.moved", language), f"+{moved.entered:,} / −{moved.left:,}", "", ""


def _favourites(
    card: Card, dimension: str, language: Language
) -> Iterator[tuple[str, str, str, str]]:
    rows = [each for each in card.favourites if each.dimension == dimension]
    title = said(f"card.{dimension}", language)
    for key, some in (
        ("card.most", sorted(rows, key=lambda each: -each.share)),
        ("card.more", sorted((r for r in rows if r.lift >= MORE), key=lambda each: -each.excess)),
    ):
        texts = [
            said(
                "card.favourite",
                language,
                label=" ".join(each.label.split()),
                share=share_in(each.share, language),
                lift=number_in(each.lift),
            )
            for each in some[:SHOWN]
        ]
        if texts:
            yield said(key, language, what=title), listed(texts, language), "", ""


def _table(card: Card, language: Language) -> Iterator[str]:
    heads = (said(f"card.head.{each}", language) for each in ("what", "here", "all", "score"))
    yield _row(*heads)
    yield "| --- | --- | --- | --- |"
    yield from (_row(*cells) for cells in card_rows(card, language))


def _row(*cells: str) -> str:
    return "| " + " | ".join(map(plain, cells)) + " |"
