"""Memory of what was worked out of objects that are costly to compare: a policy, a population.

Enters: a function of such objects. Leaves: the same function, which knows its newest answers by the
objects themselves, not by what they are equal to. Forbidden here: objects that change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

KEPT = 4  # a fold has one policy and one population; while they change, two
Of = TypeVar("Of")
Answer = TypeVar("Answer")


def recalled(work_out: Callable[[Of], Answer]) -> Callable[[Of], Answer]:
    """Work out once what is asked again and again of the same object.

    >>> sums = recalled(sum)
    >>> numbers = (1, 2, 3)
    >>> sums(numbers), sums(numbers)
    (6, 6)
    """
    newest: list[tuple[Of, Answer]] = []

    def recall(of: Of) -> Answer:
        for known, answer in newest:
            if known is of:
                return answer
        answer = work_out(of)
        newest.insert(0, (of, answer))
        del newest[KEPT:]
        return answer

    return recall
