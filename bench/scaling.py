"""What more machines would bring: how evenly work falls on them, what there is one of only, and what gives way first.

    make bench-scaling [BENCH_ARGS="--parts placement,events,plan --markdown"]

    placement   partitions' hash tags on the nodes of a Redis Cluster
    customers   customers of a partition: murmur2 of ids, and as many draws
    events      events of a partition, a worker and a node, by how unevenly customers buy
    learner     `learn_population` with many partitions, on a real Redis (several GB of memory)
    costs       ticks, walks, looks, the relay's rows, on a real Redis and Kafka
    plan        the arithmetic, from the inputs that are options here

The first three are simulations, the next two are measured on this machine, the last one is arithmetic.
docs/scaling.md tells how to read it.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Iterable, Sequence

from bench import scaling_tables as tables
from bench.scaling_costs import measure
from bench.scaling_learner import CUSTOMERS, SEED, in_a_process
from bench.scaling_plan import Inputs
from bench.science_tables import Cell, Table, as_json, rendered
from streams.local import LocalServerError

PARTS = ("placement", "customers", "events", "learner", "costs", "plan")
PURCHASES = 15_000


def main(given: Sequence[str]) -> int:
    """Measure and print; 1 if a server is missing."""
    asked = _asked(given)
    found: list[Table] = []
    try:
        for name in asked.parts:
            print(f"[{time.strftime('%H:%M:%S')}] {name}", file=sys.stderr, flush=True)
            found += _parts(asked)[name]()
    except LocalServerError as error:
        print(error, file=sys.stderr)
        return 1
    if asked.json:
        print(as_json(_about(asked.seed), found))
    elif asked.markdown:
        print("\n\n".join(map(as_markdown, found)))
    else:
        print(*(f"{name:<8} {what}" for name, what in _about(asked.seed).items()), sep="\n")
        print("\n" + "\n\n".join(map(rendered, found)))
    return 0


def _parts(asked: argparse.Namespace) -> dict[str, Callable[[], Iterable[Table]]]:
    inputs = Inputs(**{name: getattr(asked, name) for name in Inputs._fields})

    def learner() -> Iterable[Table]:
        return [tables.learning([in_a_process(each, asked.each) for each in asked.partitions])]

    return {
        "placement": lambda: [tables.placement()],
        "customers": lambda: [tables.customers(asked.customers, asked.seed)],
        "events": lambda: [tables.events(asked.customers, asked.seed)],
        "learner": learner,
        "costs": lambda: tables.costs(measure(asked.purchases)),
        "plan": lambda: [tables.inputs(inputs), tables.plan(inputs)],
    }


def as_markdown(table: Table) -> str:
    """A table for docs/scaling.md.

    >>> print(as_markdown(Table("t", [{"who": "we", "skew": 1.5}])))
    | who | skew |
    | --- | ---: |
    | we | 1.50 |
    """
    columns = list(dict.fromkeys(column for row in table.rows for column in row))
    lines = [columns, ["---", *["---:" for _ in columns[1:]]]]
    lines += [[_cell(row.get(each)) for each in columns] for row in table.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.2f}" if abs(value) < 10 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else value


def _about(seed: int) -> dict[str, Cell]:
    python = f"{platform.python_implementation()} {platform.python_version()}"
    load = f"{os.getloadavg()[0]:.2f}"
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load {load} before"
    return {"machine": machine, "python": python, "seed": seed}


def _asked(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.scaling")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="for programs")
    shape.add_argument("--markdown", action="store_true", help="for the documentation")
    parser.add_argument("--parts", type=_names, default=PARTS, help="comma-separated")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--customers", type=int, default=10_000_000, help="of the simulations")
    parser.add_argument("--partitions", type=_numbers, default=(64, 256, 1_024), help="learner's")
    parser.add_argument("--each", type=int, default=CUSTOMERS, help="customers of such a partition")
    parser.add_argument("--purchases", type=int, default=PURCHASES, help="folded for the costs")
    for name, value in Inputs()._asdict().items():
        parser.add_argument("--" + name.replace("_", "-"), type=float, default=value)
    return parser.parse_args(given)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if unknown := set(names) - set(PARTS):
        raise argparse.ArgumentTypeError(f"no such part: {', '.join(sorted(unknown))}")
    return names


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(each) for each in text.split(","))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
