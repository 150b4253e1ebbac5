"""An endpoint that was tried out, for people: what was checked, what it answered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from streams.endpoint_trial import Trial


def trial_as_json(trial: Trial) -> dict[str, Any]:
    """What became of it; of the URL as much as may be told."""
    return {
        "endpoint": trial.endpoint.name,
        "url": trial.endpoint.shown_url,
        "accepted": trial.is_accepted,
        "status": trial.answer.status,
        "detail": trial.answer.detail,
        "took_ms": trial.took_ms,
        "checked": {
            "https": trial.is_https,
            "addresses": [
                {"address": address, "kind": kind} for address, kind in trial.kinds.items()
            ],
            "signatures": len(trial.endpoint.secrets),
        },
        "event": trial.event,
    }


def trial_lines(trial: Trial) -> Iterator[str]:
    """The same in sentences."""
    yield f"{trial.endpoint.name}: {trial.endpoint.shown_url}"
    yield f"  https: {'yes' if trial.is_https else 'no, plain http to a host that is allowed by name'}"
    yield f"  address: {', '.join(_addresses(trial)) or 'none'}"
    yield f"  signature: {_signature(len(trial.endpoint.secrets))}"
    done = "accepted" if trial.is_accepted else "not accepted"
    yield f"  {done}: {trial.answer.detail}, after {trial.took_ms / 1_000:.2f} s"


def _addresses(trial: Trial) -> Iterator[str]:
    for address, kind in trial.kinds.items():
        yield f"{address} ({'public' if kind is None else kind.split()[-1]})"


def _signature(secrets: int) -> str:
    headers = "webhook-id, webhook-timestamp"
    if not secrets:
        return f"none, there is no secret; {headers}"
    return f"{headers}, webhook-signature by {secrets} secret{'' if secrets == 1 else 's'}"
