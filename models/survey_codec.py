"""A survey as bytes, to be kept until the next one.

Plain numbers and texts with a schema version; no customer ids are in a survey, so none are in its bytes. A
survey is small: what it holds is bounded by segments and labels, not by customers.

Enters: a survey. Leaves: bytes, and the same survey of them again. Forbidden here: the store, the clock.
"""

from __future__ import annotations

import zlib
from typing import Any

import msgpack

from models.concentration import concentration_of
from models.crosstab import crosstab_of
from models.portrait import portrait_of, vocabulary_of
from models.responding import responding_of
from models.retention import retention_of
from models.staying import staying_of
from models.survey import Moved, Survey

SCHEMA_VERSION = 3  # 2: silence_cycles among the numbers


class UnreadableSurvey(ValueError):
    """The bytes are no survey, or one of another version; take a new one."""


def encode_survey(survey: Survey) -> bytes:
    """The same bytes for the same survey."""
    body = {
        "schema": SCHEMA_VERSION,
        "vocabulary": survey.vocabulary.plain(),
        "base": survey.base.plain(),
        "segments": {name: each.plain() for name, each in sorted(survey.segments.items())},
        "names": sorted(survey.names.items()),
        "moved": {name: list(each) for name, each in sorted(survey.moved.items())},
        "retention": survey.retention.plain(),
        "crosstab": survey.crosstab.plain(survey.vocabulary.tells_apart),
        "staying": survey.staying.plain(),
        "responding": survey.responding.plain(),
        "concentration": survey.concentration.plain(),
    }
    return zlib.compress(msgpack.packb(body))


def decode_survey(packed: bytes) -> Survey:
    """The reverse.

    Raises:
        UnreadableSurvey: see there.
    """
    try:
        return _survey(msgpack.unpackb(zlib.decompress(packed)))
    except UnreadableSurvey:
        raise
    except NOT_ONE as error:
        raise UnreadableSurvey(f"{len(packed)} bytes are no survey: {error}") from error


NOT_ONE = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, zlib.error)


def _survey(body: dict[str, Any]) -> Survey:
    if body["schema"] != SCHEMA_VERSION:
        found = f"a survey has schema {body['schema']!r:.40}, known is {SCHEMA_VERSION}"
        raise UnreadableSurvey(f"{found}; take a new one: segmenter segments survey")
    survey = Survey()
    survey.vocabulary = vocabulary_of(body["vocabulary"])
    survey.base = portrait_of(body["base"], survey.vocabulary)
    survey.segments = {
        name: portrait_of(each, survey.vocabulary) for name, each in body["segments"].items()
    }
    survey.names = dict(body["names"])
    survey.moved = {name: Moved(*each) for name, each in body["moved"].items()}
    survey.retention = retention_of(body["retention"])
    survey.crosstab = crosstab_of(body["crosstab"])
    survey.staying = staying_of(body["staying"])
    survey.responding = responding_of(body["responding"])
    survey.concentration = concentration_of(body["concentration"])
    return survey
