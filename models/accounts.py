"""Accounts: a company whose members buy is kept as a customer of its own.

A member's profile names their account. Each of their purchases and refunds, once it is accepted,
is sent on as it is to the account, whose id is `account:` and that name. So the account's state is
what one customer's would be who made all its members' purchases from the day they were known to
belong to it. An account counts in no sketch: what is usual of customers is learned of people.

Enters: ids, a state. Leaves: the id of an account. Forbidden here: purchases, segments.
"""

from __future__ import annotations

from models.customer import CustomerState
from models.events import CustomerEvent, NotAnId, Purchase, Refund, normalised_id
from models.policy import MOST_REMEMBERED, Memory, Policy

_PREFIX = "account:"


def is_account(customer_id: str) -> bool:
    """Whether an id is that of an account.

    >>> is_account("account:acme"), is_account("ada")
    (True, False)
    """
    return customer_id.startswith(_PREFIX)


def memory_of(customer_id: str, policy: Policy) -> Memory:
    """How much is remembered of a customer.

    Of an account as much as a policy may: members' events come by way of other partitions.
    """
    return MOST_REMEMBERED if is_account(customer_id) else policy.time.memory


def account_of(customer_id: str, state: CustomerState, policy: Policy) -> str | None:
    """The id of a member's account; None of an account itself, or where none is known."""
    named = state.attributes.get(policy.profiles.account)
    if named is None or is_account(customer_id) or not policy.profiles.account:
        return None
    value = named.value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str):
        value = value.strip()
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        return None
    try:
        return normalised_id(f"{_PREFIX}{value}")
    except NotAnId:  # too long: such a name names nothing
        return None


def account_told(
    customer_id: str, state: CustomerState | None, event: CustomerEvent, policy: Policy
) -> str | None:
    """The account that is to hear of an event of a member which was accepted; None if none is.

    It hears of purchases and refunds, by the ids that they have: a refund names its purchase there
    as it does here.
    """
    if state is None or not isinstance(event, Purchase | Refund):
        return None
    return account_of(customer_id, state, policy)
