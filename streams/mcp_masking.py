"""What an assistant may be told of a person: pseudonyms for ids, attributes only where the option says so.

    id ──► keyed hash ──► customer:3f9a… ──► the assistant ──► asked for again in the same session

Enters: ids, customers, texts. Leaves: the same without ids, withheld attributes, e-mail addresses and phone
numbers. Forbidden here: Redis, the log, knowing which tool asks.
"""

from __future__ import annotations

import re
import secrets
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from models.accounts import is_account
from models.erasure import Pseudonyms
from models.events import NotAnId, normalised_id
from models.plain_text import printable
from models.policy import Policy
from models.rule_tree import Fact
from streams.lookup import Found

MASKED = "masked"
SHOWN_AT_MOST = 10_000  # pseudonyms, and pages, that a session remembers
DIGITS = 16  # 64 bits: among ten million customers two are alike with a chance of 3 in a million
LONGEST = 1_000  # characters of one text of others' making
_PSEUDONYM = re.compile(rf"(customer|account):[0-9a-f]{{{DIGITS}}}([0-9a-f]{{{32 - DIGITS}}})?")
_CONTACT = re.compile(
    r"e[-_ ]?mail|phone|mobile|cell|msisdn|whatsapp|fax|(^|[^a-z])(tel|sms|handy)([^a-z]|$)|电话|手机|邮箱",
    re.IGNORECASE,
)
_CONSENT = "consent."  # consent.email tells that one may write, not where to
_EMAIL = re.compile(r"[^\s@<>\"'(),;:]+@[^\s@<>\"'(),;:]+\.[^\s@<>\"'(),;:.]+")
_PHONE = re.compile(r"\+?[\d\s()./-]*\d[\d\s()./-]*")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_DIGITS_OF_A_PHONE = 7  # local numbers without their area; ITU-T E.164 allows 15
_LEAST_PHONE = 10**8  # a number that may be one, written as a number
_OF_PROFILES = {"profile", "days_since", "days_until"}


class Declined(Exception):
    """A question that is not answered; says why, and what would be. No id is in it."""


class NeverShown(ValueError):
    """`--show` names an attribute that no option shows."""


class Mask:
    """Hides who people are from whom the answers go to.

    Args:
        pseudonyms: names customers; one without a key is replaced by one with a random key, or else
            ids could be found by trying.
        shown: attributes whose values are told.

    Raises:
        NeverShown: one of them holds addresses or numbers of people.
    """

    def __init__(self, pseudonyms: Pseudonyms, shown: Collection[str] = ()) -> None:
        for each in shown:
            if is_contact(each):
                raise NeverShown(
                    f"--show {each}: e-mail addresses and phone numbers are never shown; leave it out"
                )
        self._shown = frozenset(shown)
        self.lasting = bool(pseudonyms.key_id)
        self._pseudonyms = pseudonyms if self.lasting else Pseudonyms(secrets.token_bytes(32))
        self._ids: OrderedDict[str, str] = OrderedDict()

    def named(self, customer_id: str) -> str:
        """What a customer is called; from now on they can be asked for by it."""
        name = self._name(customer_id)
        if self._ids.get(name, customer_id) != customer_id:
            name = self._name(customer_id, 32)
        self._ids[name] = customer_id
        self._ids.move_to_end(name)
        if len(self._ids) > SHOWN_AT_MOST:
            self._ids.popitem(last=False)
        return name

    def _name(self, customer_id: str, digits: int = DIGITS) -> str:
        kind = "account" if is_account(customer_id) else "customer"
        return f"{kind}:{self._pseudonyms.of(customer_id)[:digits]}"

    def meant(self, said: str) -> str:
        """The id of whom somebody asks for, by id or by pseudonym.

        Raises:
            Declined: it can't be an id, or it is a pseudonym that this session has not shown.
        """
        if said in self._ids:
            return self._ids[said]
        if _PSEUDONYM.fullmatch(said):
            raise Declined(
                "this pseudonym was not shown in this session, or too long ago; list the members of "
                "a segment again (segment_members), or ask by id"
            )
        try:
            return normalised_id(said)
        except NotAnId as error:
            raise Declined(f"customer: {error}") from None

    def audited(self, said: str) -> str:
        """How the audit log names whom somebody asks for; nothing is remembered."""
        if _PSEUDONYM.fullmatch(said):
            return said
        try:
            return self._name(normalised_id(said))
        except NotAnId:
            return self.digest(said)

    def digest(self, text: str) -> str:
        """Tells one text from another in the audit log without telling it."""
        told = text.encode("utf-8", "backslashreplace").decode()  # JSON may hold half a character
        return f"{MASKED} {self._pseudonyms.of(told)[:DIGITS]}"

    def hides(self, attribute: str) -> bool:
        """Whether the values of an attribute are withheld."""
        if attribute == "age_band":
            return not self._shown & {"age_band", "birth_year"}
        return attribute not in self._shown

    def hidden(self, facts: Iterable[Fact], policy: Policy) -> list[str]:
        """The withheld attributes that conditions read."""
        read = {each for fact in facts for each in _attributes_of(fact, policy)}
        return sorted(each for each in read if self.hides(each))

    def attributes(self, found: Found) -> dict[str, Any]:
        """What a profile tells, by name; "masked" for what is withheld."""
        known = found.state.attributes.items()
        return {
            name: self._value(name, each.value) for name, each in known if each.value is not None
        }

    def _value(self, name: str, value: Any) -> Any:
        return MASKED if self.hides(name) or may_reach_somebody(value) else value

    def person(self, found: Found) -> Found:
        """A customer under their pseudonym, as if nobody had told what is withheld.

        All else is theirs, so what is said of them is true.
        """
        name = self.named(found.customer_id)
        attributes = {
            key: each._replace(value=None) if self._value(key, each.value) == MASKED else each
            for key, each in found.state.attributes.items()
        }
        state = found.state._replace(attributes=attributes, names={})
        return found._replace(customer_id=name, asked_for=name, state=state, packed=b"")


def is_contact(attribute: str) -> bool:
    """Whether an attribute is called as what people are reached by.

    >>> [is_contact(each) for each in ("email_sha256", "Phone", "region", "consent.email", "hotel")]
    [True, True, False, False, False]
    """
    return not attribute.startswith(_CONSENT) and bool(_CONTACT.search(attribute))


def may_reach_somebody(value: object) -> bool:
    """Whether a value may be an e-mail address or a phone number, whatever it is called.

    >>> [may_reach_somebody(each) for each in ("a@b.example", "+44 20 7946 0123", "north", 1990)]
    [True, True, False, False]
    """
    if isinstance(value, bool) or value is None:
        return False
    if isinstance(value, int | float):
        return abs(value) >= _LEAST_PHONE
    text = str(value).strip()
    if _DATE.fullmatch(text):
        return False
    digits = sum(each.isdigit() for each in text)
    phone = digits >= _DIGITS_OF_A_PHONE and bool(_PHONE.fullmatch(text))
    return phone or bool(_EMAIL.search(text))


def clean(value: Any) -> Any:
    """A plain value whose texts are printable, not too long, and without e-mail addresses.

    >>> clean({"says": ["write to ada@example.com", 3]})
    {'says': ['write to masked', 3]}
    """
    if isinstance(value, str):
        cut = value if len(value) <= LONGEST else f"{value[:LONGEST]}…"
        lines = _EMAIL.sub(MASKED, cut).split("\n")  # a rule may have several
        return "\n".join(map(printable, lines))
    if isinstance(value, Mapping):
        return {clean(key): clean(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [clean(each) for each in value]
    return value


def _attributes_of(fact: Fact, policy: Policy) -> Iterable[str]:
    if fact.name in _OF_PROFILES and fact.of:
        yield fact.of
    if fact.name == "age_band":
        yield fact.name
    if fact.name == "wallet_share" and policy.grid is not None:
        yield policy.grid.budget
    if fact.name == "stage" and policy.grid is not None:
        yield policy.grid.stage


class Pages:
    """Where the next pages of lists begin, under names that say nothing.

    A list of alerts goes on behind an alert's id, from which a customer's could be guessed.
    """

    def __init__(self) -> None:
        self._cursors: OrderedDict[str, tuple[str, str]] = OrderedDict()

    def named(self, of: str, cursor: str | None) -> str | None:
        """A name for the place where a list goes on; None at its end.

        Args:
            of: the list, and what of it was asked for.
            cursor: the place.
        """
        if cursor is None:
            return None
        name = secrets.token_hex(8)
        self._cursors[name] = of, cursor
        if len(self._cursors) > SHOWN_AT_MOST:
            self._cursors.popitem(last=False)
        return name

    def meant(self, of: str, name: str) -> str:
        """The place of that name; "" is the beginning.

        Raises:
            Declined: this list has given no such name.
        """
        if not name:
            return ""
        known = self._cursors.get(name)
        if known is None or known[0] != of:
            raise Declined(
                "page: not one that this list gave in this session; begin again without it"
            )
        return known[1]
