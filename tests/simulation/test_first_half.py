"""A thousand runs, in a file of its own so that another process takes the other thousand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.simulation.run import run
from tests.simulation.seeds import block_name, blocks


@pytest.mark.parametrize("block", blocks(0), ids=block_name)
def test_whatever_befalls_it_an_installation_comes_to_what_its_log_says(
    block: Sequence[int],
) -> None:
    for seed in block:
        run(seed)
