"""From the text of a rule to Python's tree of it; read, never run.

A rule is written in a small part of Python's grammar, so `ast.parse` reads it; what the parts mean
is decided by `models/rule_syntax.py`. The text is put into brackets first, so that it may have
several lines, and once more into brackets of another sort, so that no bracket of its own pairs
with ours. When Python can't read it, the text is scanned for what marketers write by mistake.

Enters: text. Leaves: an expression and the places of its parts, or a `RuleError`. Forbidden here:
compiling or evaluating anything.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from models.rule_tree import Place, RuleError

MAX_CHARACTERS = 4_000
MAX_DEPTH = 50
MAX_BRACKETS = 2 * MAX_DEPTH  # Python's own limit is 200
EXAMPLE = 'spend_90d >= 250 and lifecycle == "active"'
TOO_DEEP = "the rule is nested more than 50 deep"
SPLIT_UP = 'make segments of its parts and join them with segment["name"]'
_SHOWN_CHARACTERS = 60

# Operators of other languages, and signs of a Chinese keyboard.
_MEANT: Mapping[str, str] = MappingProxyType(
    {
        "&&": "and", "||": "or", "!": "not", "=": "==", "===": "==", "<>": "!=", "=>": ">=",
        "=<": "<=", "AND": "and", "OR": "or", "NOT": "not", "IN": "in",
        "\u2265": ">=", "\u2264": "<=", "\u2260": "!=", "\uff1e": ">", "\uff1c": "<",
        "\uff1d": "==", "\uff01": "not", "\uff08": "(", "\uff09": ")", "\uff0c": ",",
        "\u3010": "[", "\u3011": "]", "\u201c": '"', "\u201d": '"', "\u2018": "'", "\u2019": "'",
    }
)  # fmt: skip
_TOKEN = re.compile(
    r"""(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      | (?P<comment>\#[^\n]*)
      | (?P<foreign>&&|\|\||<>|===|=>|=<|!(?!=)|(?<![=!<>:])=(?!=)|\b(?:AND|OR|NOT|IN)\b
          |[\u2265\u2264\u2260\uff1e\uff1c\uff1d\uff01\uff08\uff09\uff0c\u3010\u3011\u2018\u2019\u201c\u201d])
      | (?P<open>[(\[{])
      | (?P<close>[)\]}])
      | (?P<quote>["'])""",
    re.VERBOSE,
)
_PAIRS = MappingProxyType({"(": ")", "[": "]", "{": "}"})


class Source(NamedTuple):
    """The text of one rule, and whose it is."""

    segment: str
    text: str

    def place(self, node: ast.expr) -> Place:
        """Where a part begins."""
        return self._place_at(self._index(node.lineno, node.col_offset))

    def words(self, node: ast.expr) -> str:
        """A part as it was written, on one line and cut when it is long."""
        end = len(self.text)
        if node.end_lineno is not None and node.end_col_offset is not None:
            end = self._index(node.end_lineno, node.end_col_offset)
        text = " ".join(self.text[self._index(node.lineno, node.col_offset) : end].split())
        text = "".join(sign if sign.isprintable() else "?" for sign in text)
        return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…"

    def fault(self, node: ast.expr, problem: str, remedy: str) -> RuleError:
        """The error of one part."""
        return RuleError(self.segment, self.place(node), problem, remedy)

    def fault_at(self, index: int, problem: str, remedy: str) -> RuleError:
        """The error at one character, counted from 0."""
        return RuleError(self.segment, self._place_at(index), problem, remedy)

    def _index(self, line: int, byte: int) -> int:
        # Python counts bytes, and on line 1 our bracket; its closing one is on a line too many.
        lines = self.text.split("\n")
        if line > len(lines):
            return len(self.text)
        before = sum(len(each) + 1 for each in lines[: line - 1])
        bytes_before = lines[line - 1].encode()[: max(0, byte - (line == 1))]
        return before + len(bytes_before.decode(errors="ignore"))

    def _place_at(self, index: int) -> Place:
        before = self.text[:index]
        return Place(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)


def source_of(segment: str, text: str) -> Source:
    """A rule's text, with line ends as Python counts them."""
    return Source(segment, text.replace("\r\n", "\n").replace("\r", "\n"))


def expression_of(source: Source) -> ast.expr:
    """Python's tree of a rule.

    Raises:
        RuleError: empty, too long, too deep, or not an expression.
    """
    _check_size(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a stray backslash is an error already
            ast.parse(f"[{source.text}\n]", mode="eval")
            return ast.parse(f"({source.text}\n)", mode="eval").body
    except (RecursionError, MemoryError):
        raise source.fault_at(0, TOO_DEEP, SPLIT_UP) from None
    except (SyntaxError, ValueError, Warning) as error:
        raise _fault_of_text(source, error) from None


def _check_size(source: Source) -> None:
    text = source.text
    if all(line.strip().startswith("#") or not line.strip() for line in text.split("\n")):
        raise source.fault_at(0, "the rule is empty", f"write a condition such as {EXAMPLE}")
    if len(text) > MAX_CHARACTERS:
        problem = f"the rule has {len(text):,} characters, and at most {MAX_CHARACTERS:,} are read"
        raise source.fault_at(MAX_CHARACTERS, problem, SPLIT_UP)
    deep = next((token for token, depth in _depths(text) if depth > MAX_BRACKETS), None)
    if deep is not None:
        raise source.fault_at(deep.start(), TOO_DEEP, SPLIT_UP)


def _depths(text: str) -> Iterator[tuple[re.Match[str], int]]:
    depth = 0
    for token in _TOKEN.finditer(text):
        depth += (token.lastgroup == "open") - (token.lastgroup == "close")
        yield token, depth


def _fault_of_text(source: Source, error: Exception) -> RuleError:
    """The first mistake that we know of; else what Python says of the place."""
    opened: list[re.Match[str]] = []
    for token in _TOKEN.finditer(source.text):
        fault = _fault_of_token(source, token, opened)
        if fault is not None:
            return fault
    if opened:
        last = opened[-1][0]
        problem = f"'{last}' is never closed"
        return source.fault_at(opened[-1].start(), problem, f"write the '{_PAIRS[last]}' it needs")
    return _fault_of_python(source, error)


def _fault_of_token(
    source: Source, token: re.Match[str], opened: list[re.Match[str]]
) -> RuleError | None:
    sign = token[0]
    match token.lastgroup:
        case "foreign":
            meant = _MEANT[sign]
            return source.fault_at(token.start(), f"{sign} is not known here", f"write {meant}")
        case "quote":
            remedy = f"write {sign} after it, on the same line"
            return source.fault_at(token.start(), "a text is never closed", remedy)
        case "open":
            opened.append(token)
        case "close" if not opened or _PAIRS[opened.pop()[0]] != sign:
            remedy = f"remove it or write the bracket that '{sign}' closes"
            return source.fault_at(token.start(), f"'{sign}' closes nothing", remedy)
    return None


def _fault_of_python(source: Source, error: Exception) -> RuleError:
    index = source.text.find("\x00")  # of which Python tells no place
    if isinstance(error, SyntaxError) and error.lineno is not None:
        line, column = error.lineno, max(error.offset or 1, 1)
        lines = source.text.split("\n")
        start = sum(len(each) + 1 for each in lines[: line - 1])
        index = min(start + column - 1 - (line == 1), len(source.text))
    problem = "the rule can't be read from here on"
    remedy = f"write comparisons joined with and, or, not, such as {EXAMPLE}"
    if "\\" in source.text:
        remedy = "write a backslash that is part of a text twice"
    return source.fault_at(max(index, 0), problem, remedy)
