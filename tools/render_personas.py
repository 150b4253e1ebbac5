"""Writes the personas of Complete Journey into the documentation, in each language, from their cards.

python tools/render_personas.py PERSONAS.json    take the cards from what segmenter segments personas told
python tools/render_personas.py                  write the pages anew from the cards that are kept
python tools/render_personas.py --check          exit 1 if a page says something else
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from models.persona_card import Card, card_from_json
from models.persona_markdown import Language, as_markdown
from models.persona_told import Told, told_by
from models.personas import kind_of
from models.policy import Policy, policy_from_toml

ROOT = Path(__file__).resolve().parent.parent
CARDS = ROOT / "docs" / "personas-complete-journey.json"
POLICY = ROOT / "examples" / "personas" / "segmenter.toml"
PAGES: dict[Language, Path] = {
    "en": ROOT / "docs" / "personas-complete-journey.md",
    "zh": ROOT / "docs" / "personas-complete-journey.zh.md",
}
COMMAND = """\
```
segmenter --config examples/personas/segmenter.toml segments personas --events complete-journey \\
    --kind cluster --kind rfm.quintile --kind rule --json > personas.json
python tools/render_personas.py personas.json
```
"""
HEADS: dict[Language, str] = {
    "en": """\
# Personas of Complete Journey

[中文](personas-complete-journey.zh.md) · [what a card says, and how names come about](personas.md)

Clusters, RFM groups and five rule segments of a grocer's year: 2,469 households, 2017, as of its last
purchase. Categories and attributes are called as the data set calls them. The policy is
[examples/personas/segmenter.toml](../examples/personas/segmenter.toml). Made by:

{command}
The fold takes some minutes. This page is rendered from the cards in
[personas-complete-journey.json](personas-complete-journey.json); a test renders it anew and compares.
""",
    "zh": """\
# Complete Journey 客群画像

[English](personas-complete-journey.md) · [画像卡片与命名规则 · 英文](personas.md)

某连锁超市 2017 年全年数据，共 2,469 户家庭，截至最后一笔购买。包括聚类、RFM 分层和五个规则客群。品类和属性沿用数据集的原始名称。策略文件为
[examples/personas/segmenter.toml](../examples/personas/segmenter.toml)。生成方式如下

{command}
本页由 [personas-complete-journey.json](personas-complete-journey.json) 中的卡片数据生成，测试会重新生成并逐字比对。
""",
}
CHAPTERS: dict[str, dict[Language, str]] = {
    "cluster": {"en": "Clusters", "zh": "聚类客群"},
    "rfm.quintile": {"en": "RFM groups (quintile)", "zh": "RFM 分层 quintile"},
    "rule": {"en": "Rule segments", "zh": "规则客群"},
}


def kept_cards() -> list[Card]:
    """Those that stand in the documentation."""
    return [card_from_json(each) for each in json.loads(CARDS.read_text("utf-8"))]


def told(cards: list[Card], policy: Policy) -> dict[str, Told]:
    """What is told of these segments."""
    return told_by({each.segment: each for each in cards}, policy)


def page(all_told: dict[str, Told], language: Language) -> str:
    """The page in a language."""
    return "\n".join([HEADS[language].format(command=COMMAND), *_chapters(all_told, language)])


def _chapters(all_told: dict[str, Told], language: Language) -> Iterator[str]:
    for kind, titles in CHAPTERS.items():
        some = [each for name, each in all_told.items() if kind_of(name) == kind]
        yield f"## {titles[language]}\n"
        yield as_markdown(some, language)


def take(source: Path) -> None:
    """Keep the cards of what a command has told, one a line."""
    found: list[dict[str, Any]] = [each["card"] for each in json.loads(source.read_text("utf-8"))]
    lines = ",\n".join(json.dumps(each, ensure_ascii=False) for each in found)
    CARDS.write_text(f"[\n{lines}\n]\n", "utf-8")


def main(arguments: list[str]) -> int:
    """Write the pages, or with `--check` say which are out of date."""
    if arguments and arguments != ["--check"]:
        take(Path(arguments[0]))
    policy = policy_from_toml(POLICY.read_text("utf-8"), POLICY.name)
    all_told = told(kept_cards(), policy)
    pages = {PAGES[each]: page(all_told, each) for each in PAGES}
    stale = [
        path for path, text in pages.items() if path.exists() and path.read_text("utf-8") != text
    ]
    if arguments == ["--check"]:
        for path in stale:
            print(f"{path.relative_to(ROOT)}: out of date; run: python tools/render_personas.py")
        return int(bool(stale))
    for path, text in pages.items():
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
