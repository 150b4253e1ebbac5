"""The learner is killed again and again; the populations are those of an undisturbed run."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from streams.datasets import DATASETS
from tests.kafka.conftest import Install
from tests.support.installation import kill, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
PURCHASES = 9_000
DEATHS = 5


def test_a_learner_killed_five_times_learns_what_it_would_have_learned(
    install: Install, config: Path
) -> None:
    here = install(2)
    purchases = list(islice(DATASETS["complete-journey"].read(), PURCHASES))
    size = PURCHASES // (DEATHS + 1)
    here.start("relay", config, config.parent / "relay.log")
    worker = here.start("worker", config, config.parent / "worker.log")
    for death in range(DEATHS):
        learned = here.learner_offset()
        here.publish(purchases[death * size : (death + 1) * size])
        wait_until(lambda before=learned: here.learner_offset() > before)  # type: ignore[misc]
        kill(worker)
        worker = here.start("worker", config, config.parent / f"worker {death}.log")
    here.publish(purchases[DEATHS * size :])

    found, expected = here.when_settled()
    assert len(expected.populations) > DEATHS
    assert found.populations == expected.populations  # the relay lived: each once, in order
    assert found.states == expected.states
    assert found.sketches == expected.sketches
