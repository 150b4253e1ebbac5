"""What an assistant is told of one customer: where they stand, and why; under a pseudonym.

Enters: an id, or a pseudonym that was shown. Leaves: answers. Forbidden here: ids and withheld attributes in what leaves.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field

from models.policy import Policy
from models.rule_tree import facts_of
from models.segments import label_of, rule_segment
from streams import lookup
from streams.lookup import Found
from streams.mcp_answers import Customer, Explanation
from streams.mcp_installation import Installation
from streams.mcp_masking import MASKED, Declined, Mask
from streams.show import explanation
from streams.show_outlook import expected_as_json
from streams.show_rules import rules_explained

CustomerId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=256,
        coerce_numbers_to_str=True,
        description="an id that the user gave, or a pseudonym that this session has shown",
    ),
]


class CustomerTools:
    """Answers about one customer.

    Args:
        installation: to ask.
        mask: what may be told.
    """

    def __init__(self, installation: Installation, mask: Mask) -> None:
        self._installation, self._mask = installation, mask

    async def customer(self, customer: CustomerId) -> Customer:
        """Where one customer stands now: lifecycle, groups, churn risk with reasons, value, favourites."""
        found, policy = await self._found(customer)
        return Customer.told(self._plain(found, policy))

    async def explain_customer(self, customer: CustomerId) -> Explanation:
        """Why one customer stands where they stand, in sentences: rhythm, limits, risk, value, rule segments."""
        found, policy = await self._found(customer)
        masked = self._mask.person(found)
        sentences = [*explanation(masked, policy), *self._rules(masked, policy)]
        as_of = lookup.moment_as_json(found)["as_of"]
        return Explanation.told(
            {"customer": masked.customer_id, "as_of": as_of, "sentences": sentences}
        )

    async def _found(self, said: str) -> tuple[Found, Policy]:
        customer_id = self._mask.meant(said)
        answers = await self._installation.answers()
        found = await answers.lookup.customer(customer_id, self._installation.clock())
        if found is None:
            raise Declined(
                "nobody is known by that id; ids are case-sensitive, and are those of the shop's events"
            )
        return await answers.lookup.with_favourites(found), answers.policy

    def _plain(self, found: Found, policy: Policy) -> dict[str, Any]:
        masked, truly = self._mask.person(found), lookup.standing_as_json(found, policy)
        told = {**lookup.as_json(masked, policy), **expected_as_json(masked, policy)}
        age_band = truly["age_band"]
        return {
            **told,
            "customer": masked.customer_id,
            "attributes": self._mask.attributes(found),
            "unknown_attributes": truly["unknown_attributes"],
            "age_band": MASKED if age_band and self._mask.hides("age_band") else age_band,
            "favourites": {
                dimension: [each["label"] for each in liked if each["label"]]
                for dimension, liked in told["favourites"].items()
            },
        }

    def _rules(self, masked: Found, policy: Policy) -> Iterator[str]:
        """Why they are in rule segments; of a rule that reads what is withheld, not which part of it holds."""
        for name in masked.state.rules:
            rule = policy.rulebook.rules.get(name)
            hidden = [] if rule is None else self._mask.hidden(facts_of(rule), policy)
            if hidden:
                label = label_of(rule_segment(name), policy).en
                yield f'In "{label}"; why is withheld: its rule reads {", ".join(hidden)}.'
            else:
                one = masked.state._replace(rules=(name,))
                yield from rules_explained(masked._replace(state=one), policy)
