"""Reads a persona's sentences back and holds them against the numbers of its card, with rules of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator

from models.persona_text import Sentence
from models.personas import Persona

_NUMBER = re.compile(r"[−+]?\d[\d,]*(?:\.\d+)?")
LESS = re.compile(r"\b(less|fewer|smaller|shorter|hardly|fallen|recently|just now)\b")
CHINESE_LESS = re.compile("低|少|短|下滑|近期有|刚刚|正价")
FAR = re.compile(r"\b(far|very|fast|sharply|hardly|just now|long overdue)\b")
CHINESE_FAR = re.compile("远|大幅|快速|长时间|刚刚|正价|高折扣")
LEVELS = {1: (0.35, 1.2), 2: (0.85, 1.8)}  # standard deviations; of a silence in usual gaps, times


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
    if sentence.claim == "plain":
        yield from (f"{key}: not close" for key in sentence.numbers if abs(numbers[key]) >= 0.65)
    for language, text in sentence.texts.items():
        yield from _numbers(language, text, sentence, numbers)


def _direction(level: int, sentence: Sentence, numbers: dict[str, float]) -> Iterator[str]:
    mean, base, score = (numbers[key] for key in sentence.numbers[:3])
    if level and not _right(sentence.claim.partition(".")[0], level, mean, base, score):
        yield f"{sentence.claim}: {mean} against {base}, {score} deviations"
    for language, less, far in (("en", LESS, FAR), ("zh", CHINESE_LESS, CHINESE_FAR)):
        text = (
            sentence.texts[language].replace("\N{FULLWIDTH COLON}", ":").partition(":")[0].lower()
        )
        if level and bool(less.search(text)) != (level < 0):
            yield f"{sentence.claim}: the words say the other way: {text}"
        if level and bool(far.search(text)) != (abs(level) == 2):
            yield f"{sentence.claim}: the words say too much, or too little: {text}"


def _right(theme: str, level: int, mean: float, base: float, score: float) -> bool:
    deviations, times = LEVELS[abs(level)]
    if theme == "overdue":
        return level > 0 and mean >= max(1.25, times * base)
    if theme == "trend" and mean * level <= 0:
        return False  # who lags behind others may grow all the same
    return score * level > 0 and abs(score) >= deviations and (mean > base) == (level > 0)


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
        plain = digits.replace(",", "").replace("−", "-")
        decimals = len(plain.partition(".")[2])
        found.append((float(plain), 0.5 * 10**-decimals))
    return found
