"""What goes up to the learner and comes down from it: barriers, experience, populations."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import msgpack

from models.barrier import Barrier, decode_barrier, encode_barrier
from models.behaviour import BEHAVIOUR
from models.bgnbd import BgNbd
from models.churn import Band, RiskModels
from models.churn_features import FEATURES
from models.clusters import Cluster, Clustering
from models.codec import decode_state
from models.drift import Epoch as SeriesEpoch
from models.experience import Epoch, Experience, studied
from models.experience_codec import decode_experience, encode_experience
from models.gamma_gamma import GammaGamma
from models.judging import Errors
from models.learner import Learner, arrived
from models.macro import Groups
from models.outlook import outlook
from models.policy import policy_from_preset
from models.population import (
    Measured,
    Population,
    decode_population,
    encode_population,
    learned,
)
from models.risk_learner import frozen, taught
from models.sample import SampledCustomer
from models.scores import ForecastScore, risk_score
from models.sketch import Contribution, Sketch, from_slots, grouped
from models.snapshots import Predicted, Snapshot
from models.step import advance, populate
from models.value import ValueModel
from tests.fuzz import persons
from tests.fuzz.shapes import Shape, as_msgpack
from tests.support.story import noon

MONDAY = 738_886  # 2024-01-01
DAY = MONDAY + 84
POLICY = policy_from_preset("grocery", clusters={"k": 2})
A_MODEL = BgNbd(0.5, 9.0, 0.8, 2.5)


@cache
def _sketch() -> Sketch:
    """Some thirty customers of two sorts."""
    sketch = Sketch()
    for number in range(30):
        name, often = f"c{number}", 2 + 8 * (number % 2)
        days = tuple(DAY - 1 - number - 4 * back for back in reversed(range(often)))
        behaviour = (700 * often, 3_000 - 100 * number, 5_000, 900, 700, 10 * (number % 3))
        row = SampledCustomer(
            days[0], often, 1_000 * often, 900 * often, 800 * often, 600, days[-9:], behaviour
        )
        new = Contribution(DAY, days[0], days[-1], often, 1_000 * often, behaviour)
        sketch.renew(name, None, new, row)
    return sketch


@cache
def barriers() -> list[bytes]:
    """Of many, of one, of nobody."""
    one = Sketch()
    one.renew("c", None, Contribution(DAY, DAY - 9, DAY - 2, 2, 500, (700, 1_900, 5_500, 0, 0, 0)))
    sketches = (_sketch(), one, Sketch({"level": 1}))
    return [encode_barrier(Barrier(0, 1, DAY, each.slots())) for each in sketches]


def learn_from(barrier: Barrier) -> None:
    """Learn a population of it alone, and write down all that was learned."""
    step = arrived(Learner(), barrier._replace(partition=0, partitions=1), POLICY)
    decode_experience(encode_experience(step.learner.experience))
    for population in step.populations:
        decode_population(encode_population(population))
    for each in step.learner.barriers.values():
        decode_barrier(encode_barrier(each))


def _slots_apart(packed: bytes) -> Any:
    *head, slots = msgpack.unpackb(packed)
    return [*head, {name: _slot(name, each) for name, each in slots.items()}]


def _slot(name: str, packed: bytes) -> Any:
    return msgpack.unpackb(packed) if name[0] in "hkaq" else int(packed)


def _slots_together(tree: Any) -> bytes:
    *head, slots = tree if isinstance(tree, list) and tree else [tree]
    if isinstance(slots, dict):
        slots = {
            name: str(each).encode() if type(each) is int else as_msgpack(each)
            for name, each in slots.items()
        }
    return as_msgpack([*head, slots])


IN_SLOTS = Shape(_slots_apart, _slots_together)


@cache
def _population() -> Population:
    """One that says something of everything."""
    learner = taught(None, [(tuple(float(n) for n in range(len(FEATURES))), True)] * 2)
    scores = risk_score([(0.5, True), (0.4, False)], "model", own=True, version=1, resolved_day=DAY)
    clusters = _clusters()
    return learned(_sketch(), 3, DAY)._replace(
        clusters=clusters,
        risk=RiskModels(
            frozen(learner), frozen(learner), "model", "bgnbd", (Band("active", 9, 0.2, 9_000),)
        ),
        value=ValueModel(A_MODEL, GammaGamma(6.0, 3.9, 1_500.0), 0.05, 1.1, "decayed", 2.5, (1, 9)),
        measured=Measured((scores,), (ForecastScore(3, DAY, 9, 3, 2.5, 2.0, 1.1, 1.2),), DAY, None),
    )


def _clusters() -> Clustering:
    low, high = (tuple(each * 1_000 for _ in BEHAVIOUR) for each in (1, 2))
    pair = Cluster(1, 15, low), Cluster(2, 15, high)
    return Clustering(pair, (500,) * len(BEHAVIOUR), 3, (1,), (), 90_000, 400_000)


@cache
def populations() -> list[bytes]:
    """One that says much, one that says little, and hostile ones."""
    little = learned(_sketch(), 1, DAY)
    fields = json.loads(encode_population(little))
    return [
        encode_population(_population()),
        encode_population(little),
        json.dumps({**fields, "customers": 10**30}).encode(),
        b'{"schema": 1e400}',
        b"[" * 5_000,
    ]


def measure_against(population: Population) -> None:
    """Let customers be measured against it, live on, and be looked up."""
    for packed in persons.states():
        state, at_ms = decode_state(packed), noon(70)
        state, _ = populate("c1", state, at_ms, POLICY, population)
        state, _ = advance("c1", state, noon(500), POLICY, population)
        outlook(state.current, DAY, POLICY, population)


@cache
def experiences() -> list[bytes]:
    """Nothing yet, and something of everything."""
    snapshot = Snapshot(
        *(1, DAY - 30, 1, 28, 30, (1,) * len(FEATURES), Predicted(1, 2), Predicted(None, 3), 4),
        forecasts=(1, 2, 3),
    )
    learner = taught(None, [(tuple(float(n) for n in range(len(FEATURES))), True)] * 2)
    rules, scores = POLICY.outlook, _population().measured
    own = rules.own_horizon
    return [
        encode_experience(Experience()),
        encode_experience(
            Experience(
                rules.horizon_days,
                learner,
                learner,
                (snapshot, snapshot._replace(hashed=2, returned_day=DAY - 9, open="own")),
                DAY - 7,
                A_MODEL,
                GammaGamma(6.0, 3.9, 1_500.0),
                _clusters(),
                Errors(20.0, 19.0, 3.0, 2.0),
                scores.risks,
                scores.forecasts,
                (SeriesEpoch(DAY - 7, (900, 1_000)),),
                (SeriesEpoch(DAY - 7, (0, 1_000)),),
                (own.cycles, own.min_days, own.max_days),
            )
        ),
    ]


def learn_on_from(experience: Experience) -> None:
    """Live through one more epoch, and write down what was learned."""
    sketch = from_slots(_sketch().slots())
    epoch = Epoch(4, DAY, sketch.sample, Groups(*grouped([sketch])), 6.3, MONDAY, complete=True)
    known, _ = studied(experience, epoch, POLICY)
    decode_experience(encode_experience(known))
