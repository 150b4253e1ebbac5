"""What the processes tell Prometheus, as rules and dashboards may name it.

In: an expression of PromQL. Out: what it names and nobody tells. Strings in it may hold braces.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from prometheus_client import CollectorRegistry

from streams.api.metrics import ApiMeter
from streams.metrics import RelayMeter, process_registry
from streams.metrics_delivery import DeliveryMeter
from streams.metrics_normaliser import NormaliserMeter
from streams.metrics_survey import SurveyMeter
from streams.metrics_worker import WorkerMeter

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
DOCUMENT = DEPLOY.parent / "docs" / "metrics.md"
A_SOURCE = "a-source"  # whoever installs it names them
OF_PROMETHEUS = {"up", "ALERTS"}
OF_TARGETS = {"job", "instance"}
_ROW = re.compile(r"^\| `([a-z_]+)` \| (?:counter|gauge|histogram) \|([^|]*)\|", re.MULTILINE)
_STRING = r'"(?:[^"\\]|\\.)*"'
_NAMED = re.compile(
    rf"(?<![\w:\"-])((?:segmenter|process)[_:][\w:]+|up|ALERTS)\b(?:\{{((?:[^{{}}\"]|{_STRING})*)\}})?"
)
_MATCHER = re.compile(r'(\w+)\s*(=~|!=|!~|=)\s*"((?:[^"\\]|\\.)*)"')
_PARTS = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("_total",)}


class Named(NamedTuple):
    """A series that an expression names.

    Attributes:
        name: of the metric, or of a recorded sum.
        matchers: (label, operator, value).
    """

    name: str
    matchers: list[tuple[str, str, str]]


def named(expression: str) -> Iterator[Named]:
    """All that an expression names."""
    for name, inside in _NAMED.findall(expression):
        yield Named(name, _MATCHER.findall(inside))


def _registries() -> list[CollectorRegistry]:
    meters = (
        *(WorkerMeter(), RelayMeter(), SurveyMeter(), DeliveryMeter(), ApiMeter()),
        NormaliserMeter([A_SOURCE]),
    )
    return [process_registry(), *(each.registry for each in meters)]


@cache
def labels() -> dict[str, set[str]]:
    """Each series that a process tells, and its labels, without those of the target."""
    documented = {name: set(re.findall("`([a-z]+)`", cell)) for name, cell in _rows()}
    found = {}
    for family in (each for one in _registries() for each in one.collect()):
        name = family.name + ("_total" if family.type == "counter" else "")
        own = documented.get(name, set())  # that each has its row is another test's matter
        for ending in _PARTS.get(family.type, ("",)):
            found[family.name + ending] = own | ({"le"} if ending == "_bucket" else set())
    return found


def _rows() -> list[tuple[str, str]]:
    return _ROW.findall(DOCUMENT.read_text("utf-8"))


@cache
def values() -> dict[tuple[str, str], set[str]]:
    """What a label may be, where it is told from the beginning."""
    found: dict[tuple[str, str], set[str]] = {}
    for family in (each for one in _registries() for each in one.collect()):
        for sample in family.samples:
            for label, value in sample.labels.items():
                found.setdefault((sample.name, label), set()).add(value)
    return found


def faults(expression: str, recorded: set[str]) -> list[str]:
    """What an expression names that nobody tells.

    Args:
        expression: PromQL.
        recorded: sums that rules record.
    """
    found = []
    for name, matchers in named(expression):
        if name not in labels() and name not in recorded | OF_PROMETHEUS:
            found.append(name)
        for label, _, value in matchers if name in labels() else ():
            if label not in labels()[name] | OF_TARGETS:
                found.append(f"{name}{{{label}}}")
            known = values().get((name, label), set())
            if known and not any(re.fullmatch(value, each) for each in known):
                found.append(f'{name}{{{label}="{value}"}}')
            alternatives = value.split("|") if known and re.fullmatch(r"[\w|]+", value) else []
            found += [f'{name}{{{label}="{each}"}}' for each in alternatives if each not in known]
    return list(dict.fromkeys(found))
