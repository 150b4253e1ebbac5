"""What would change: two policies over one pass of a history.

    records ─► Trial ─┬─ sizes, each morning ────────────────► models/comparing.py
                      ├─ alerts, as they come ───────────────► models/alert_pairs.py
                      └─ where everybody stands, at the end ─► moves, and why: streams/compare_why.py

Enters: two policies, records. Leaves: `Compared`. Forbidden here: printing, opening the input.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from models.alert_pairs import Heard, Kind, Paired, Pairing
from models.calendar import start_of_day_ms
from models.codec import decode_held
from models.comparing import Move, Moves, Place, Sizes, Window
from models.customer import CustomerState
from models.policy import Policy
from models.segments import segments_by_kind
from streams.alert_notices import Forgotten, Notice, Raised, Resolved
from streams.collecting import uncollected
from streams.compare_why import Why, why
from streams.lookup import Found
from streams.sources import SourceRecord
from streams.trial import PARTITION, Morning, Stand, Trial
from streams.trial_apart import grouped

TIDIED_EVERY_DAYS = 7
_ONLY_ONE_SHOP = ("timezone", "currency")  # of [business]: days, and sums, must be the same


class NothingToCompare(RuntimeError):
    """There is nothing in these days; says what there is."""


class Party(NamedTuple):
    """A policy, and what it is called."""

    name: str
    policy: Policy


class Asked(NamedTuple):
    """What is compared.

    Attributes:
        a, b: the policies.
        source: the history, as it was given.
        window: the days that are reported.
    """

    a: Party
    b: Party
    source: str
    window: Window = Window()


class Example(NamedTuple):
    """One customer who stands elsewhere, and why."""

    who: Place
    why: Why


class Compared(NamedTuple):
    """All that was found.

    Attributes:
        asked: what was.
        first_day, last_day: reported, ordinals, both counted in.
        events: that were read.
        unusable: of them, dead letters under each policy, by reason.
        sizes: of segments, as days began.
        moves: of customers, as the last day ended.
        examples: by move.
        heard: alerts under each policy.
        pairs: alerts matched, by rule and kind.
    """

    asked: Asked
    first_day: int
    last_day: int
    events: int
    unusable: tuple[Counter[str], Counter[str]]
    sizes: Sizes
    moves: Moves
    examples: Mapping[Move, Sequence[Example]]
    heard: tuple[Heard, Heard]
    pairs: Mapping[tuple[str, Kind], Paired]

    @property
    def differs(self) -> bool:
        """Whether anything does: a size on any day, a customer, an alert, an event that is unusable."""
        a, b = self.heard
        return (
            any(each.differs for each in self.sizes.changes())
            or self.moves.differing > 0
            or any(kind != "same_day" for _, kind in self.pairs)
            or (a.ledger, a.at_stake_minor) != (b.ledger, b.at_stake_minor)
            or self.unusable[0] != self.unusable[1]
        )


def why_not_together(a: Policy, b: Policy) -> str | None:
    """Why two policies can't be compared; None if they can.

    >>> from models.policy import policy_from_preset
    >>> one, other = (policy_from_preset("general", business={"currency": c}) for c in ("USD", "EUR"))
    >>> why_not_together(one, other)[:46]
    "business.currency is 'USD' in the one and 'EUR"
    """
    for key in _ONLY_ONE_SHOP:
        one, other = getattr(a.business, key), getattr(b.business, key)
        if one != other:
            return (
                f"business.{key} is {one!r} in the one and {other!r} in the other: they would count "
                "other days, or other money; give both the same"
            )
    return None


async def compared(
    asked: Asked,
    records: Iterable[SourceRecord],
    progress: Callable[[int], None],
    cores: int | None = None,
) -> Compared:
    """Replay a history under both policies; blocks for about a millisecond an event.

    Args:
        asked: what is to be compared.
        records: by event time.
        progress: told how many events were read.
        cores: processes at most that fold; None: as many as there are.

    Raises:
        NothingToCompare: no event is old enough, or none is new enough.
        SourceError: a row can't be used.
    """
    policies = (asked.a.policy, asked.b.policy)
    with uncollected(), grouped(policies, cores) as groups:
        trial = Trial(policies, groups)
        watch = _Watch(asked, trial)
        await trial.run(counted(records, progress), watch.look)
        return await watch.done()


def counted(
    records: Iterable[SourceRecord], progress: Callable[[int], None]
) -> Iterator[SourceRecord]:
    """The same records; whoever shows how far they are is told."""
    for count, record in enumerate(records, start=1):
        yield record
        progress(count)


class _Ended(NamedTuple):
    """Where everybody stood as the last reported day ended."""

    last_day: int
    moves: Moves
    examples: Mapping[Move, Sequence[Example]]


class _Watch:
    """Looks at a trial of two policies each morning."""

    def __init__(self, asked: Asked, trial: Trial) -> None:
        self._asked, self._trial, self._window = asked, trial, asked.window
        self._policies = asked.a.policy, asked.b.policy
        remembered = max(each.time.remembered_days for each in self._policies)
        self._sizes = Sizes(len(self._policies))
        self._heard = Heard(asked.window), Heard(asked.window)
        self._pairing = Pairing(asked.window, remembered)
        self._ended: _Ended | None = None

    async def look(self, day: int) -> bool:
        """As a customer-day begins; answers whether anything is still to come."""
        mornings = await self._trial.mornings(day)
        yesterday = day - 1
        if self._window.has(yesterday):
            self._sizes.note(day, [each.sizes for each in mornings])
        self._listen(mornings)
        if day % TIDIED_EVERY_DAYS == 0:
            self._pairing.tidy(day)
        if yesterday == self._window.last_day:
            self._ended = self._look_at_all(await self._trial.stands(), day)
        if self._ended is None:
            return True
        return any(each.waits for each in self._heard)

    async def done(self) -> Compared:
        """What was found."""
        today = self._trial.today
        if today is None or not self._sizes.days:
            raise NothingToCompare(self._nothing(today))
        stands = await self._trial.stands()
        ended = self._ended or self._look_at_all(stands, today)
        a, b = stands
        return Compared(
            self._asked,
            self._sizes.days[0] - 1,
            ended.last_day,
            self._trial.events,
            (a.unusable, b.unusable),
            self._sizes,
            ended.moves,
            ended.examples,
            self._heard,
            self._pairing.finish(_last_days(b)),
        )

    def _nothing(self, today: int | None) -> str:
        if today is None:
            return f"{self._asked.source}: there is no event in it"
        return f"{self._asked.source}: it has no event in these days; check --from and --to"

    def _listen(self, mornings: Sequence[Morning]) -> None:
        for policy, morning in enumerate(mornings):
            for notice in morning.notices:
                self._told(policy, notice)

    def _told(self, policy: int, notice: Notice) -> None:
        heard, pairing = self._heard[policy], self._pairing
        match notice:
            case Raised(record=record):
                heard.raised(record)
                pairing.raised(policy, record)
            case Resolved(alert_id=alert_id, outcome=outcome):
                heard.resolved(alert_id, outcome)
                pairing.resolved(policy, alert_id, outcome)
            case Forgotten(customer_id=customer_id):
                heard.forgotten(customer_id)

    def _look_at_all(self, stands: Sequence[Stand], day: int) -> _Ended:
        a, b = stands
        moves = Moves()
        for customer_id in sorted(a.states.keys() | b.states.keys()):
            held = [_held(each.states, customer_id) for each in stands]
            places = [segments_by_kind(customer_id, each) for each in held]
            if any(places):
                moves.look(_place(customer_id, held), *places)
        examples = {
            move: [
                Example(who, self._why(move, who.customer_id, stands, day))
                for who in moves.examples(move)
            ]
            for move in moves.counts
        }
        return _Ended(day - 1, moves, examples)

    def _why(self, move: Move, customer_id: str, stands: Sequence[Stand], day: int) -> Why:
        sides = zip(stands, self._policies, strict=True)
        a, b = (_found(stand, policy, customer_id, day) for stand, policy in sides)
        return why(move, a, b, *self._policies)


def _held(states: Mapping[str, bytes], customer_id: str) -> CustomerState | None:
    packed = states.get(customer_id)
    held = None if packed is None else decode_held(packed)
    return held if isinstance(held, CustomerState) else None


def _place(customer_id: str, held: Sequence[CustomerState | None]) -> Place:
    return Place(customer_id, max(each.current.net_spend_minor for each in held if each))


def _found(stand: Stand, policy: Policy, customer_id: str, day: int) -> Found | None:
    """A customer as a lookup would show them as that day begins."""
    state, at_ms = _held(stand.states, customer_id), start_of_day_ms(day, policy.timezone)
    if state is None:
        return None
    names, packed = (customer_id, customer_id), stand.states[customer_id]
    return Found(*names, state, at_ms, False, PARTITION, 0, stand.population, packed)  # noqa: FBT003


def _last_days(stand: Stand) -> dict[str, int]:
    """The last purchase day of everybody who has one, ordinal."""
    found = {}
    for customer_id in stand.states:
        state = _held(stand.states, customer_id)
        if state is not None and state.current.recent_days:
            found[customer_id] = state.current.recent_days[-1]
    return found
