"""What is kept of a customer ⇄ bytes: a MessagePack array that begins with its schema version.

Plain numbers and text only, so nothing in Redis can do anything but be read. The same state
always gives the same bytes. Moments are milliseconds since the customer is known, deadlines whole seconds.
The five schemas before this one are read as well, so an upgrade needs no rebuild. An older one is refused: what it did not remember can only be had by folding the log anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from operator import index, is_, sub
from types import MappingProxyType
from typing import Any, NamedTuple

import msgpack

from models.alert_memory import alerts_from, packed_alerts
from models.basket import NO_BASKET, gathered, scattered
from models.book_codec import books_from, fields_of
from models.customer import Alias, Attribute, CustomerState, Remembered
from models.daybook import Daybook, before_it_was_kept
from models.group_codec import lengthened, shortened
from models.ledger import Ledger, Standing
from models.lifecycle import Limits, State, Trigger
from models.rulebook import Seen
from models.sketch import Contribution
from models.state_check import check_state

SCHEMA_VERSION = (
    8  # 6: daybook, engagement, rules; 7: alerts; 8: customers numbered, states shorter
)
LISTED_SINCE = 8  # below it no store lists members by their numbers: `PartitionFold` does it once
OLDEST_READ = 3
_WITH_DAYBOOK, _WITH_ALERTS, _SHORTER = 6, 7, 8
_REMEDY = "restore the store from a backup, or fold the log anew: segmenter rebuild"
_ALIAS = "alias"
_PACKER = msgpack.Packer()  # one for all: to make one costs as much as to pack a few fields
_HEAD = bytes((0xDC, 0, 20))  # an array of as many fields as a state has
_STATES = tuple(State)  # the positions in these two tuples are part of the schema
_TRIGGERS = tuple(Trigger)
_UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
_NO_BASKET = tuple(NO_BASKET)
_NOTHING_SEEN = Seen()
_EPOCH_DAY = 719_163  # 1970-01-01: days since then take two bytes less
_BASKET_FROM = len(Remembered._fields) - len(NO_BASKET)
_CATEGORIES = Remembered._fields.index("categories")


class NewerSchema(ValueError):
    """The bytes were written by a newer version of this software."""


class CorruptState(ValueError):
    """The bytes are not a state."""


class Part(NamedTuple):
    """A part of an encoded state, known by the objects that it was packed of.

    Attributes:
        of: those objects.
        packed: all of it.
        pieces: of remembered events: id of the object → packed; the objects are kept by `of`.
    """

    of: tuple[object, ...]
    packed: bytes
    pieces: Mapping[int, bytes] = MappingProxyType({})


_NO_PARTS = (Part((object(), object()), b""),) * 4


class Encoded(NamedTuple):
    """A state, its bytes, and those of its long parts, most of which stay when little has happened.

    Attributes:
        state: that was packed.
        packed: all of it.
        parts: ledgers, remembered events and daybooks; none, where the bytes came from elsewhere.
    """

    state: CustomerState
    packed: bytes
    parts: tuple[Part, ...] = ()


def encode_state(state: CustomerState) -> bytes:
    """Pack a state; deterministic."""
    return encode_after(None, state).packed


def encode_after(before: Encoded | None, state: CustomerState) -> Encoded:
    """The same, without packing anew what is the same as before."""
    now, then = state.current, state.settled if state.settled_through_ms >= 0 else None
    known = before.parts if before is not None and before.parts else _NO_PARTS
    since_ms, through_ms = state.known_since_ms, state.settled_through_ms
    current, settled, remembered, books = parts = (
        _part(known[0], _ledger_fields, now, since_ms),
        _part(known[1], _ledger_fields, then, since_ms),
        _events(known[2], state.remembered, since_ms),
        _part(known[3], fields_of, now.book, state.settled.book),
    )
    packed = b"".join(
        (
            _HEAD,
            _joined(SCHEMA_VERSION, since_ms, state.sequence),
            current.packed,
            settled.packed,
            _joined(None if through_ms < 0 else through_ms - since_ms),
            remembered.packed,
            _joined(
                dict(state.attributes),
                shortened(state.groups),
                _deadline_fields(state.regroup_ms),
                _contribution_fields(state.contribution, now),
                _deadline_fields(state.renew_ms),
                dict(state.names),
            ),
            books.packed,
            _joined(
                dict(state.engagement),
                state.satisfaction,
                state.rules,
                _deadline_fields(state.rules_ms),
                None if state.rules_seen == _NOTHING_SEEN else state.rules_seen,
                packed_alerts(state.alerts),
            ),
        )
    )
    return Encoded(state, packed, parts)


def _part(known: Part, fields: Callable[..., object], *of: object) -> Part:
    return known if all(map(is_, known.of, of)) else Part(of, _packed(fields(*of)))


def _events(known: Part, events: tuple[Remembered, ...], since_ms: int) -> Part:
    """Remembered events: most are those of before, and one is new."""
    before, since_then_ms = known.of
    if before is events and since_then_ms == since_ms:
        return known
    old = known.pieces if since_then_ms == since_ms else {}
    pieces = {
        id(each): old.get(id(each)) or _packed(_event_fields(each, since_ms)) for each in events
    }
    packed = _PACKER.pack_array_header(len(events)) + b"".join(pieces.values())
    return Part((events, since_ms), packed, pieces)


def _event_fields(event: Remembered, since_ms: int) -> tuple[Any, ...]:
    """Without a basket, where nothing was told of one."""
    if event[_BASKET_FROM:] == _NO_BASKET:
        return (event.at_ms - since_ms, *event[1:_BASKET_FROM])
    told, rest = event[1:_CATEGORIES], event[_CATEGORIES + 1 :]
    return (event.at_ms - since_ms, *told, gathered(event.categories), *rest)


def _contribution_fields(
    contribution: tuple[Any, ...] | None, ledger: Ledger
) -> tuple[Any, ...] | None:
    """By what it differs from the ledger: in little, mostly."""
    if contribution is None:
        return None
    made, first, last, days, spend, *others = contribution
    begun, net = _begun_and_net(ledger)
    return (made - first, first - begun, last - first, days, spend - net, *others)


def _contribution(fields: tuple[Any, ...] | None, ledger: Ledger) -> Contribution | None:
    if fields is None:
        return None
    made, first, last, days, spend, *others = fields
    begun, net = _begun_and_net(ledger)
    first += begun
    return Contribution(first + made, first, first + last, days, spend + net, *others)


def _begun_and_net(ledger: Ledger) -> tuple[int, int]:
    return _first(ledger.recent_days), max(0, ledger.net_spend_minor)


def _after(since_ms: int, moment_ms: int | None) -> int | None:
    return None if moment_ms is None else moment_ms - since_ms


def _deadline_fields(moment_ms: int | None) -> int | None:
    """In seconds, which is enough for midnights; below 0: in milliseconds."""
    if moment_ms is None:
        return None
    return -moment_ms if moment_ms % 1000 else moment_ms // 1000


def _deadline(written: int | None) -> int | None:
    if written is None:
        return None
    return -written if written < 0 else written * 1000


def _moment(since_ms: int, after_ms: int | None) -> int | None:
    return None if after_ms is None else since_ms + after_ms


def _packed(fields: object) -> bytes:
    packed: bytes = _PACKER.pack(fields)
    return packed


def _joined(*fields: object) -> bytes:
    """A few fields, fewer than 16, as they stand within an array: without the byte that begins one."""
    return _packed(fields)[1:]


def encode_held(held: CustomerState | Alias) -> bytes:
    """Pack a state or an alias; deterministic."""
    if isinstance(held, CustomerState):
        return encode_state(held)
    return _packed((SCHEMA_VERSION, _ALIAS, *held))


def decode_held(packed: bytes) -> CustomerState | Alias:
    """Unpack a state or an alias.

    Raises:
        NewerSchema: written by a newer version; upgrade this worker.
        CorruptState: not the bytes of either, or of a schema that is no longer read.
    """
    try:
        fields = msgpack.unpackb(packed, use_list=False)
        version = fields[0]
        if version < OLDEST_READ:
            raise CorruptState(f"a state has schema {version}; {_REMEDY}")
        if version > SCHEMA_VERSION:
            raise NewerSchema(
                f"a state has schema {version}, this version reads up to {SCHEMA_VERSION}; "
                "run a version at least as new as the one that wrote it"
            )
        if fields[1] == _ALIAS:
            _, _, into, at_ms = fields
            return Alias(str(into), index(at_ms))
        if version < _SHORTER:
            return _state(_upgraded(fields), 0)
        return _state(fields, index(fields[1]))
    except (NewerSchema, CorruptState):
        raise
    except (*_UNREADABLE, msgpack.UnpackException) as error:
        raise CorruptState(
            f"{len(packed)} bytes are not a customer's state ({error}); {_REMEDY}"
        ) from error


def decode_state(packed: bytes) -> CustomerState:
    """Unpack a state that came through the log, where no alias can stand; every number is checked.

    Raises:
        NewerSchema, CorruptState: as `decode_held`.
    """
    held = decode_held(packed)
    if isinstance(held, Alias):
        raise CorruptState("an alias stands where a state is needed")
    try:
        check_state(held)
    except (ValueError, TypeError) as error:
        raise CorruptState(f"{len(packed)} bytes can't be a state ({error!s:.200})") from error
    return held


def _upgraded(fields: tuple[Any, ...]) -> tuple[Any, ...]:
    """Fields of an older schema as those of this one.

    Schema 3 had no names. Before schema 6 days were not written down: what was bought until then counts over all time, but
    in no window. Before schema 7 nobody was told of. Before schema 8 moments and days stood in full.
    """
    if fields[0] >= _WITH_ALERTS:
        return _shorter(fields)
    if fields[0] >= _WITH_DAYBOOK:
        return _upgraded((_WITH_ALERTS, *fields[1:], ()))
    if fields[0] == OLDEST_READ:
        fields = (*fields, {})
    current, settled = (
        Ledger() if each is None else _ledger(each, Daybook(), 0) for each in fields[3:5]
    )
    books = fields_of(before_it_was_kept(current.sums), before_it_was_kept(settled.sums))
    return _upgraded((_WITH_ALERTS, *fields[1:], books, {}, None, (), None, Seen(), ()))


def _shorter(fields: tuple[Any, ...]) -> tuple[Any, ...]:
    """Fields of schema 7 as those of schema 8; moments count from 0."""
    short = list(fields)
    for place in (3, 4):
        if fields[place] is not None:
            *told, new_until, state, overdue, back, since, moved, due_ms, due = fields[place]
            new_until -= _first(told[6])
            told[6] = [day - _EPOCH_DAY * (not place) for place, day in enumerate(told[6])]
            deadline = _deadline_fields(due_ms)
            standing = (state, overdue, back)
            short[place] = (*told, new_until, *standing, since, moved, deadline, due)
    for place in (9, 11, 17):
        short[place] = _deadline_fields(fields[place])
    short[10] = _contribution_fields(fields[10], _ledger(short[3], Daybook(), 0))
    return tuple(short)


def _state(fields: tuple[Any, ...], base_ms: int) -> CustomerState:
    """`base_ms`: what moments count from."""
    _, known_since_ms, sequence, current, settled, through_ms, remembered = fields[:7]
    attributes, groups, regroup_ms, contribution, renew_ms, names, books = fields[7:14]
    engagement, satisfaction, rules, rules_ms, seen, alerts = fields[14:]
    if not type(attributes) is type(groups) is type(names) is type(engagement) is dict:
        raise TypeError("attributes, groups, names or engagement are no map")
    book, settled_book = books_from(books)
    ledger = _ledger(current, book, base_ms)
    return CustomerState(  # by place, which is quicker; so is `_ledger`
        known_since_ms,
        ledger,
        Ledger(book=settled_book) if settled is None else _ledger(settled, settled_book, base_ms),
        -1 if through_ms is None else base_ms + index(through_ms),
        tuple([_remembered(each, base_ms) for each in remembered]),
        {name: Attribute(*each) for name, each in attributes.items()},
        sequence,
        lengthened(groups),
        _deadline(regroup_ms),
        _contribution(contribution, ledger),
        _deadline(renew_ms),
        names,
        engagement,
        None if satisfaction is None else Attribute(*satisfaction),
        rules,
        _deadline(rules_ms),
        _NOTHING_SEEN if seen is None else Seen(*seen),
        alerts_from(alerts),
    )


def _remembered(event: tuple[Any, ...], base_ms: int) -> Remembered:
    after_ms, *others = event
    if len(event) > _CATEGORIES:
        others[_CATEGORIES - 1] = scattered(event[_CATEGORIES])
    return Remembered(base_ms + after_ms, *others)


def _first(days: Sequence[int]) -> int:
    return days[0] if days else 0


def _ledger_fields(ledger: Ledger | None, since_ms: int) -> tuple[Any, ...] | None:
    if ledger is None:
        return None
    limits = ledger.limits
    days = ledger.recent_days
    return (
        ledger.purchases,
        ledger.spent_minor,
        ledger.refunded_minor,
        _after(since_ms, ledger.first_purchase_ms),
        _after(since_ms, ledger.last_purchase_ms),
        ledger.older_days,
        tuple(map(sub, days, (_EPOCH_DAY, *days))),
        ledger.items,
        ledger.itemised,
        ledger.discount_minor,
        gathered(ledger.categories),
        ledger.decayed_days,
        ledger.decayed_spend_minor,
        ledger.cadence_days,
        limits and (limits.overdue_days, limits.dormant_days, limits.churned_days),
        ledger.new_until_day - _first(days),
        _STATES.index(ledger.standing.lifecycle),
        ledger.standing.overdue,
        ledger.standing.won_back,
        _after(since_ms, ledger.since_ms or None),
        _after(since_ms, ledger.moved_ms or None),
        _deadline_fields(ledger.due_ms),
        None if ledger.due is None else _TRIGGERS.index(ledger.due),
    )


def _ledger(fields: tuple[Any, ...], book: Daybook, base_ms: int) -> Ledger:
    *sums, first, last, older_days, gaps = fields[:7]
    days = tuple(accumulate(gaps, initial=_EPOCH_DAY))[1:]
    limits, new_until, lifecycle, overdue, won_back, since, moved, due_ms, due = fields[14:]
    told = (
        *sums,
        _moment(base_ms, first),
        _moment(base_ms, last),
        older_days,
        days,
        *fields[7:10],
        scattered(fields[10]),
        *fields[11:14],
        None if limits is None else Limits(*limits),
        new_until + _first(days),
        Standing(_STATES[lifecycle], overdue, won_back),
        _moment(base_ms, since) or 0,
        _moment(base_ms, moved) or 0,
        _deadline(due_ms),
        None if due is None else _TRIGGERS[due],
    )
    return Ledger._make((*told, book))
