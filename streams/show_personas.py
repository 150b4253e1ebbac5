"""Personas of segments for people: title, sentences, play, and the card beside them."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from models.persona_markdown import Language, card_rows, play_in_words
from models.persona_told import Told
from streams.show import printable


def personas_shown(all_told: Iterable[Told], language: Language, *, cards: bool) -> RenderableType:
    """One after the other.

    Args:
        all_told: what is told of segments.
        language: of the words.
        cards: whether their numbers stand below.
    """
    return Group(*(part for each in all_told for part in _one(each, language, cards)))


def _one(each: Told, language: Language, cards: bool) -> Iterable[RenderableType]:
    yield Text.assemble((printable(each.title(language)), "bold"), f"  {each.segment}")
    for sentence in each.persona.sentences:
        yield Text(f"  {printable(sentence.texts[language])}")
    play = play_in_words(each, language).replace("**", "")
    if play:
        yield Text(f"  {printable(play)}", style="green")
    if cards:
        yield _card(each, language)
    yield Text("")


def _card(each: Told, language: Language) -> Table:
    table = Table.grid(padding=(0, 2))
    for justify in ("left", "right", "right", "right"):
        table.add_column(justify=justify)
    for name, *cells in card_rows(each.card, language):
        table.add_row(*(Text(printable(cell)) for cell in (f"    {name}", *cells)))
    return table
