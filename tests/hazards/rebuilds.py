"""A rebuild as a process, an installation that it is run on, and what its customers buy."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from models.codec import decode_held
from models.customer import CustomerState
from models.policy import Policy, policy_from_preset
from streams.processes import as_environment
from streams.serving import serving_key
from streams.sources import SourceRecord
from tests.real_parts import RealParts
from tests.support.installation import PATIENCE_S, Installation

POLICY = policy_from_preset("grocery")


@contextmanager
def installed(
    real_parts: RealParts, folder: Path, namespace: str, policy: Policy
) -> Iterator[Installation]:
    """An installation of its own."""
    with real_parts.broker(folder) as broker, real_parts.store(folder) as store:
        one = Installation(broker.bootstrap_servers, store.url, namespace, policy)
        try:
            yield one
        finally:
            one.close()


CUSTOMERS = 40
START_MS = 1_772_323_200_000  # 2026-03-01T00:00Z


def purchases(first_day: int, end_day: int) -> list[SourceRecord]:
    """What customers of unlike rhythms buy on these days: one in ten days, to one in forty."""
    return [
        _purchase(f"c{customer}", day)
        for day in range(first_day, end_day)
        for customer in range(CUSTOMERS)
        if day % (10 + customer % 31) == customer % 10
    ]


def _purchase(customer_id: str, day: int) -> SourceRecord:
    at_ms = START_MS + day * 86_400_000 + 36_000_000
    body = {
        "event_id": f"{customer_id}-{day}",
        "customer_id": customer_id,
        "occurred_at": f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "amount_minor": 1_000 + day,
        "currency": "USD",
    }
    return SourceRecord("purchase", customer_id, at_ms, json.dumps(body).encode())


class Rebuild:
    """`segmenter rebuild …` for an installation."""

    def __init__(self, here: Installation, config: Path, *options: str) -> None:
        self._log = config.parent / "rebuild.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streams.cli", "--config", str(config), "rebuild", *options],
                env={**os.environ, **as_environment(here.settings)},
                stdout=subprocess.PIPE,
                stderr=log,
            )

    def __enter__(self) -> Rebuild:
        return self

    def __exit__(self, *_: object) -> None:
        """It ends its workers, too."""
        self.process.terminate()
        self.process.communicate()

    @property
    def said(self) -> str:
        """What stands on stderr so far."""
        return self._log.read_text("utf-8")

    def result(self) -> dict[str, Any]:
        """The JSON of a rebuild that has ended well."""
        printed, _ = self.process.communicate(timeout=PATIENCE_S)
        assert self.process.returncode == 0, self.said
        return dict(json.loads(printed))


def serves(here: Installation) -> str:
    """The store that serves."""
    found: Any = here.redis.hget(serving_key(here.settings.namespace), "store")
    return (found or here.settings.namespace.encode()).decode()


def like(here: Installation, namespace: str, policy: Policy, partitions: int) -> Installation:
    """Another view of the same servers: to see what stands in a store, or to publish."""
    redis_url = here.settings.redis_url.get_secret_value()
    return Installation(here.settings.bootstrap_servers, redis_url, namespace, policy, partitions)


def stop(process: subprocess.Popen[bytes]) -> None:
    """As a supervisor does."""
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 0


def bought(records: list[SourceRecord]) -> Counter[str]:
    """How many purchases of each customer are among these."""
    return Counter(each.customer_id for each in records)


def purchases_known(there: Installation) -> dict[str, int]:
    """How many purchases are known of each customer."""
    held = {id_.decode(): decode_held(packed) for id_, packed in there.states().items()}
    return {
        id_: each.current.purchases for id_, each in held.items() if isinstance(each, CustomerState)
    }
