"""An API that answers what it is told to, and what it might answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx

from streams.client import Segmenter

KEY = "sk_secret"
PROBLEM = {
    "type": "/problems/bad-value",
    "title": "A value can't be read",
    "status": 400,
    "detail": "as_of: no date",
    "remedy": "write RFC 3339",
}
CUSTOMER: dict[str, Any] = {
    "customer_id": "1228",
    "names": [],
    "lifecycle": "dormant",
    "flags": ["overdue"],
    "lifecycle_since": "2017-03-01T00:00:00.000Z",
    "next_deadline": None,
    "next_deadline_brings": None,
    "silence_days": 31,
    "cadence_days": 7.5,
    "limits_days": {"overdue_days": 9, "dormant_days": 30, "churned_days": 60},
    "purchase_days": 4,
    "purchases": 5,
    "net_spend_minor": 2550,
    "currency": "USD",
    "first_purchase_at": "2017-01-01T10:00:00.000Z",
    "last_purchase_at": "2017-02-01T10:00:00.000Z",
    "attributes": {"region": "north"},
    "rfm": {"quintile": {"recency": 1, "frequency": 2, "monetary": 3, "group": "lost"}},
    "cluster": None,
    "churn_risk": None,
    "value": None,
    "next_purchase": {"expected_on": "2017-02-08", "days_overdue": 24},
    "population": 7,
    "segments": ["lifecycle/dormant", "flag/overdue"],
    "as_of": "2017-03-04T00:00:00.000Z",
    "live": True,
    "partition": 3,
    "offset": 41872,
    "sequence": 9,
}
SEGMENT: dict[str, Any] = {
    "name": "lifecycle/active",
    "kind": "lifecycle",
    "group": "active",
    "label": {"en": "Active", "zh": "活跃客户"},
    "size": 812,
    "share": 0.33,
    "entered": 120,
    "left": 96,
}
WRITTEN = {"event_id": "e-1", "partition": 3, "offset": 7}


def summary(customer_id: str) -> dict[str, Any]:
    return {
        "customer_id": customer_id,
        "lifecycle": "active",
        "flags": [],
        "last_purchase_at": None,
        "purchase_days": 1,
        "net_spend_minor": 100,
        "tier": None,
        "risk": None,
        "own_probability": None,
        "segments": ["lifecycle/active"],
    }


def change(number: int) -> dict[str, Any]:
    return {
        "id": f"id-{number}",
        "type": "lifecycle.changed",
        "time": "2017-03-01T00:00:00.000Z",
        "customer_id": "line\u2028end",
        "before": None,
        "after": {"lifecycle": "new", "flags": []},
        "reason": "purchase",
        "cause": f"event:{number:016x}",
        "policy": "d2",
        "population": None,
        "since": "2017-03-01T00:00:00.000Z",
        "sequence": number,
        "cursor": f"c-{number}",
    }


def told(name: str, body: Any, cursor: str = "") -> bytes:
    text = json.dumps(body, ensure_ascii=False)
    return (
        f"event: {name}\n" + (f"id: {cursor}\n" if cursor else "") + f"data: {text}\n\n"
    ).encode()


def told_change(number: int) -> bytes:
    return told("change", change(number), f"c-{number}")


class Api:
    """Answers what it is told to, one after the other, the last one for ever."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []
        self.slept: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self, tries: int = 5, api_key: str | None = KEY) -> Segmenter:
        return Segmenter(
            "http://here:8080",
            api_key,
            tries=tries,
            transport=httpx.MockTransport(self),
            sleep=self.slept.append,
            chance=lambda: 1.0,
        )

    @property
    def paths(self) -> list[str]:
        return [request.url.raw_path.decode() for request in self.asked]


def ok(body: Any, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json=body)


class Broken(httpx.SyncByteStream):
    """A body that breaks off."""

    def __init__(self, *chunks: bytes) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        yield from self._chunks
        raise httpx.ReadError("connection reset")


def streamed(*chunks: bytes, breaks: bool = False) -> httpx.Response:
    return (
        httpx.Response(200, stream=Broken(*chunks))
        if breaks
        else httpx.Response(200, content=b"".join(chunks))
    )
