"""Experience as bytes: what was learned comes back as it was, and nonsense is refused by name."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgpack
import numpy as np
import pytest

from models.bgnbd import BgNbd
from models.churn_features import FEATURES
from models.drift import Epoch as SeriesEpoch
from models.experience import (
    Experience,
    studied,
)
from models.experience_codec import (
    SCHEMA_VERSION,
    CorruptExperience,
    decode_experience,
    encode_experience,
)
from models.gamma_gamma import GammaGamma
from models.judging import Errors
from models.macro import Groups
from models.snapshots import Predicted, Snapshot
from tests.support.shop import (
    DAY_0,
    GROCERY,
    epochs,
    half_a_year,
    judged,
)


def test_nothing_learned_yet_comes_back_as_it_was() -> None:
    assert decode_experience(encode_experience(Experience())) == Experience()


@pytest.mark.parametrize("schema", [0, SCHEMA_VERSION + 1, "1", None])
def test_another_schema_is_refused_by_name(schema: object) -> None:
    with pytest.raises(CorruptExperience, match="what was learned has schema"):
        decode_experience(msgpack.packb((schema, Experience(), None, None)))


SNAPSHOT = Snapshot(
    *(1, DAY_0, 1, 28, 30, (1,) * len(FEATURES), Predicted(1, 2), Predicted(None, 3), 4, (1, 2, 3))
)
NAN = float("nan")
SOME = Experience(28, waiting=(SNAPSHOT,), purchases=BgNbd(0.5, 9.0, 0.8, 2.5))
wrong_field: Any = "1.5"
NEVER_LEARNED: tuple[Any, ...] = (
    (),
    (None, None, None),
    ((), None, None),
    ({}, None, None),
    (Experience(),),
    (Experience(), None),
    (Experience(), None, None, None),
    (Experience()[:-1], None, None),
    ((*Experience(), 1), None, None),
    (Experience(), 0, None),
    (Experience(), "", None),
    (Experience(), None, []),
    (Experience(), None, {}),
    (Experience(), {"schema": 1}, None),
)


@pytest.mark.parametrize(
    "wrong",
    [
        SOME._replace(purchases=BgNbd(NAN, 9.0, 0.8, 2.5)),
        SOME._replace(purchases=BgNbd(-1.0, 9.0, 0.8, 2.5)),
        SOME._replace(purchases=BgNbd(0.5, float("inf"), 0.8, 2.5)),
        SOME._replace(spend=GammaGamma(6.0, 0.9, 1_500.0)),
        SOME._replace(spend=GammaGamma(6.0, NAN, 1_500.0)),
        SOME._replace(errors=Errors(NAN)),
        SOME._replace(risks=(judged("model", 0.1)._replace(ece=NAN),)),
        SOME._replace(risks=(judged("model", 0.1)._replace(auc=NAN),)),
        SOME._replace(risks=(judged("oracle", 0.1),)),
        SOME._replace(taken_day=wrong_field),
        SOME._replace(costs=(SeriesEpoch(1, (wrong_field,)),)),
        SOME._replace(waiting=(SNAPSHOT._replace(features=(1,)),)),
        SOME._replace(waiting=(SNAPSHOT._replace(forecasts=(1,)),)),
        SOME._replace(waiting=(SNAPSHOT._replace(open=wrong_field),)),
        SOME._replace(waiting=(SNAPSHOT._replace(common=wrong_field),)),
    ],
    ids=str,
)
def test_numbers_that_would_fail_when_they_are_used_are_refused(wrong: Experience) -> None:
    with pytest.raises(CorruptExperience, match="bytes are not what was learned"):
        decode_experience(encode_experience(wrong))


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"\xc1",
        b"\x91" * 3_000,
        *map(msgpack.packb, (None, 1, [], {}, "1", b"1")),
        *(msgpack.packb((SCHEMA_VERSION, *each)) for each in NEVER_LEARNED),
    ],
)
def test_bytes_that_never_were_learned_are_refused_by_name(packed: bytes) -> None:
    with pytest.raises(CorruptExperience, match=f"^{len(packed)} bytes are not what was learned"):
        decode_experience(packed)


def test_truncated_bytes_are_corrupt_and_changed_ones_refused_by_name_or_learned_on_from() -> None:
    known = half_a_year()[11].known
    packed = encode_experience(known._replace(waiting=known.waiting[:2]))
    draw = np.random.default_rng(5)
    for place in draw.integers(0, len(packed), 100).tolist():
        with pytest.raises(CorruptExperience):
            decode_experience(packed[:place])
    few = dict(sorted(epochs()[12].sample.items())[:20])
    quiet = epochs()[12]._replace(sample=few, groups=Groups([], None))
    for place, byte in draw.integers(0, (len(packed), 256), (60, 2)).tolist():
        changed = packed[:place] + bytes([byte]) + packed[place + 1 :]
        with suppress(CorruptExperience):
            studied(decode_experience(changed), quiet, GROCERY)
