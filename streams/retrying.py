"""What follows from an attempt: delivered, tried again, given up, the endpoint paused. Pure.

An alert has ten attempts, each so long after the one before, give or take a tenth; a receiver that
says Retry-After is not asked earlier. The tenth failure is the last one: the alert is dead. So is
one that is not delivered `LIFE_S` after it was put into the queue, however many attempts it had: an
endpoint that fails is asked so rarely (`pause_s`) that not all of its alerts have their turn.

    sum of the schedule                3 d 3 h 35 min    a tenth more: 3 d 11 h 9 min
    LIFE_S, a day more than the sum    4 d 3 h 35 min

The jitter is a hash of what is sent, where to and which attempt it is: the same for all owners.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgpack

from streams.webhook import Answer, Verdict

# Standard Webhooks, "Retry schedule".
SCHEDULE_S = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
JITTER = 0.1  # of a delay, either way, so that what failed together doesn't come back together
MAX_RETRY_AFTER_S = 86_400.0  # the schedule's own longest delay
LIFE_S = sum(SCHEDULE_S) + 86_400
BEFORE_PAUSE = 5  # failures in a row: fewer may be chance
LONGEST_PAUSE_S = 300  # so soon is it noticed that an endpoint answers again
DETAIL_LENGTH = 200


class Attempt(NamedTuple):
    """What became so far of one alert on its way to one endpoint.

    Attributes:
        first_ms: when it was put into the queue, or was sent again by hand; epoch milliseconds.
        attempts: how many have failed.
        message: the id of the message that it was last sent in; "" before the first.
        last_status: of HTTP; None: no answer came, or nothing was sent yet.
        last_detail: in words, for operators.
    """

    first_ms: int
    attempts: int = 0
    message: str = ""
    last_status: int | None = None
    last_detail: str = ""

    @property
    def ends_ms(self) -> int:
        """When it is given up at the latest."""
        return self.first_ms + 1_000 * LIFE_S


class Health(NamedTuple):
    """How an endpoint does.

    Attributes:
        disabled_why: it answered that nobody listens there any more; "": it is enabled.
        failures_in_a_row: rounds since the last one in which anything was delivered.
        paused_until_ms: nothing is sent before; epoch milliseconds.
        delivered: alerts, since the beginning.
        dead: alerts given up, since the beginning; one that is sent again may die again.
    """

    disabled_why: str = ""
    failures_in_a_row: int = 0
    paused_until_ms: int = 0
    delivered: int = 0
    dead: int = 0


def pack(kept: Attempt | Health) -> bytes:
    """As bytes: a MessagePack array."""
    packed: bytes = msgpack.packb(kept)
    return packed


def unpack_attempt(packed: bytes) -> Attempt:
    """An attempt that was packed."""
    return Attempt(*msgpack.unpackb(packed))


def unpack_health(packed: bytes | None) -> Health:
    """A health that was packed; None: of an endpoint that nothing was ever sent to."""
    return Health() if packed is None else Health(*msgpack.unpackb(packed))


def bounded_s(retry_after_s: float | None) -> float:
    """How long a receiver may be believed to want to be left alone; seconds.

    >>> bounded_s(None), bounded_s(120.0), bounded_s(10.0**9)
    (0.0, 120.0, 86400.0)
    """
    return 0.0 if retry_after_s is None else min(MAX_RETRY_AFTER_S, retry_after_s)


def next_attempt_ms(
    attempts: int, now_ms: int, key: str, retry_after_s: float | None = None
) -> int | None:
    """When to try again.

    Args:
        attempts: how many have failed, this one included; 0: it is new.
        now_ms: when the last one ended, epoch milliseconds.
        key: what is sent where to.
        retry_after_s: seconds that the receiver asked for; believed up to `MAX_RETRY_AFTER_S`.

    Returns:
        Epoch milliseconds; None: never, it is dead.
    """
    if attempts >= len(SCHEDULE_S):
        return None
    delay_s = SCHEDULE_S[attempts] * _jitter(f"{key}\x1f{attempts}")
    return now_ms + round(1_000 * max(delay_s, bounded_s(retry_after_s)))


def after_failing(
    before: Attempt, message: str, answer: Answer, endpoint: str, now_ms: int
) -> tuple[Attempt, int | None]:
    """What is remembered of an alert after one more attempt that failed, and when the next one is.

    Alerts of one message come due at one moment, so that they can be sent together again.

    Args:
        before: what was remembered.
        message: the id of the message that it was sent in.
        answer: to that message.
        endpoint: where to.
        now_ms: epoch milliseconds.

    Returns:
        With None for a moment, it is dead: after the tenth, or because it would be given up before
        it comes due.
    """
    detail = answer.detail[:DETAIL_LENGTH]
    after = Attempt(before.first_ms, before.attempts + 1, message, answer.status, detail)
    key = f"{message}\x1f{endpoint}"
    at_ms = next_attempt_ms(after.attempts, now_ms, key, answer.retry_after_s)
    return after, None if at_ms is None or at_ms > after.ends_ms else at_ms


def _jitter(key: str) -> float:
    digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
    return 1 - JITTER + 2 * JITTER * int.from_bytes(digest, "big") / 2**64


def pause_s(failures_in_a_row: int) -> int:
    """How long an endpoint is left alone; seconds.

    After the fifth failure in a row as long as an alert after its first, then as after its second:
    that is the bound.

    >>> [pause_s(failures) for failures in (0, 4, 5, 6, 7, 1_000)]
    [0, 0, 5, 300, 300, 300]
    """
    if failures_in_a_row < BEFORE_PAUSE:
        return 0
    nth = min(failures_in_a_row - BEFORE_PAUSE + 1, len(SCHEDULE_S) - 1)
    return min(SCHEDULE_S[nth], LONGEST_PAUSE_S)


class Outcome(NamedTuple):
    """What became of alerts of one message.

    Attributes:
        sent: alert id → its attempts, packed, as they stood when it was sent; None: there were none.
        answer: to the message, or why there could be none.
        message: its id; "": there was none, and there can be none.
    """

    sent: Mapping[str, bytes | None]
    answer: Answer
    message: str = ""


class Judgement:
    """What follows from the outcomes of one round.

    An answer counts only for alerts that still stand as they did when they were sent, so that a
    second judgement of the same outcomes, after the first was written, changes nothing.

    Args:
        endpoint: which one.
        outcomes: of the round.
        stands: alert id → its attempts, packed, as they stand now; None: it has left.
        now_ms: epoch milliseconds.

    Attributes:
        left: those that stand there no more.
        delivered: those that arrived.
        again: alert id → what is remembered now, and when the next attempt is.
        dead: alert id → what is remembered of those that are given up.
    """

    def __init__(
        self,
        endpoint: str,
        outcomes: Sequence[Outcome],
        stands: Mapping[str, bytes | None],
        now_ms: int,
    ) -> None:
        self._endpoint, self._now_ms = endpoint, now_ms
        self.left: list[str] = []
        self.delivered: list[str] = []
        self.again: dict[str, tuple[Attempt, int]] = {}
        self.dead: dict[str, Attempt] = {}
        self._gone, self._failed, self._asked_s = "", False, 0.0
        for outcome in outcomes:
            if outcome.answer.verdict is Verdict.GONE:
                self._gone = outcome.answer.detail
                continue
            for alert_id, packed in outcome.sent.items():
                self._judge(alert_id, packed, stands[alert_id], outcome)

    def _judge(
        self, alert_id: str, packed: bytes | None, stands: bytes | None, outcome: Outcome
    ) -> None:
        if stands is None:
            self.left.append(alert_id)
        elif outcome.answer.verdict is Verdict.DELIVERED:
            self.delivered.append(alert_id)
        elif stands != packed:
            return
        elif outcome.message:
            self._fail(alert_id, unpack_attempt(stands), outcome)
        else:
            last = unpack_attempt(stands)
            words = "; ".join(filter(None, (outcome.answer.detail, last.last_detail)))
            self.dead[alert_id] = last._replace(last_detail=words[:DETAIL_LENGTH])

    def _fail(self, alert_id: str, before: Attempt, outcome: Outcome) -> None:
        self._failed = True
        self._asked_s = max(self._asked_s, bounded_s(outcome.answer.retry_after_s))
        after, at_ms = after_failing(
            before, outcome.message, outcome.answer, self._endpoint, self._now_ms
        )
        if at_ms is None:
            self.dead[alert_id] = after
        else:
            self.again[alert_id] = after, at_ms

    def health(self, before: Health) -> Health:
        """How the endpoint does after this round."""
        failures = 0 if self.delivered else before.failures_in_a_row + self._failed
        left_alone_s = max(self._asked_s, pause_s(failures) if self._failed else 0)
        until_ms = self._now_ms + round(1_000 * left_alone_s) if left_alone_s else 0
        return Health(
            self._gone or before.disabled_why,
            failures,
            max(before.paused_until_ms, until_ms),
            before.delivered + len(self.delivered),
            before.dead + len(self.dead),
        )
