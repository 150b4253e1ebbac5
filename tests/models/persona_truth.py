"""Reads a persona's sentences back and holds them against the numbers of its card, with rules of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator

from models.persona_text import Sentence
from models.personas import Persona

_NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?")
LESS = re.compile(r"\b(less|fewer|smaller|worse|hardly|lately|just now|more recently|only just)\b")
CHINESE_LESS = re.compile("低|少|弱|短|近期有|刚刚|新近|正价")


def falsehoods(persona: Persona) -> list[str]:
    """What a persona says that its card does not."""
    return [fault for each in persona.sentences for fault in _faults(each, persona)]


def _faults(sentence: Sentence, persona: Persona) -> Iterator[str]:
    numbers = persona.written.numbers
    missing = [key for key in sentence.numbers if key not in numbers]
    if missing or not sentence.numbers:
        yield f"{sentence.claim}: backed by nothing: {missing}"
        return
    _, _, level = sentence.claim.partition(".")
    if level:
        yield from _direction(int(level), sentence, numbers)
    for language, text in sentence.texts.items():
        yield from _numbers(language, text, sentence, numbers)


def _direction(level: int, sentence: Sentence, numbers: dict[str, float]) -> Iterator[str]:
    mean, base, score = (numbers[key] for key in sentence.numbers[:3])
    right = {2: score >= 0.85, 1: score >= 0.35, 0: True, -1: score <= -0.35, -2: score <= -0.85}
    if not right[level] or (level and (mean > base) != (level > 0)):
        yield f"{sentence.claim}: {mean} against {base}, {score} deviations"
    for language, less in (("en", LESS), ("zh", CHINESE_LESS)):
        text = (
            sentence.texts[language].replace("\N{FULLWIDTH COLON}", ":").partition(":")[0].lower()
        )
        if level and bool(less.search(text)) != (level < 0):
            yield f"{sentence.claim}: the words say the other way: {text}"


def _numbers(
    language: str, text: str, sentence: Sentence, numbers: dict[str, float]
) -> Iterator[str]:
    """Each number that is written must be one of the card, as far as its digits go."""
    backing = [numbers[key] for key in sentence.numbers if not key.endswith(".score")]
    for value, half in _told(text, sentence):
        near = any(
            abs(abs(value) - abs(each) * scale) <= half * 1.001 + 5e-3 * abs(value)
            for each in backing
            for scale in (1, 100, 0.01, 1e-6)
        )
        if not near and sentence.claim != "small":
            yield f"{sentence.claim}: {value} in {text!r} ({language}) is none of {backing}"


def _told(text: str, sentence: Sentence) -> list[tuple[float, float]]:
    """The numbers in a sentence, and half of their last digit; those in names of things are none."""
    values = [key.rpartition(".")[0].partition("=")[2] for key in sentence.numbers if "=" in key]
    labels = [
        " ".join(key.rpartition(".")[0].partition("/")[2].split()) for key in sentence.numbers
    ]
    fixed = ["90 days", "90 天", "30 days", "30 天", "less than 0.1%", "不足 0.1%"]
    for value in values:
        text = re.sub(rf" {re.escape(value)} ?(?=[(\N{{FULLWIDTH LEFT PARENTHESIS}}])", " ", text)
    for each in sorted({*labels, *fixed} - {""}, key=len, reverse=True):
        text = text.replace(each, "")
    found = []
    for digits in _NUMBER.findall(text):
        plain = digits.replace(",", "")
        decimals = len(plain.partition(".")[2])
        found.append((float(plain), 0.5 * 10**-decimals))
    return found
