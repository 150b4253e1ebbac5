"""What the benches share: how figures are told, and what they may be asked for."""

import argparse
import json

import pytest

from bench import freshness, soak, throughput, timers
from bench.figures import Row, as_markdown, as_text, middle, percentile, shown, slope, tell
from bench.science_tables import Table
from bench.throughput_rounds import Spent
from bench.watching import Watching


def test_a_median_is_taken_of_each_column_and_an_empty_cell_counts_for_nothing() -> None:
    rounds: list[Row] = [{"who": "we", "s": 1.0}, {"who": "we", "s": None}, {"who": "we", "s": 3.0}]
    assert middle(rounds) == {"who": "we", "s": 2.0}
    assert middle([{"s": None}]) == {"s": None}


def test_percentiles_and_slopes_need_two_values() -> None:
    assert percentile([5.0], 99) is None
    assert percentile([float(n) for n in range(101)], 99) == 99.0
    assert slope([7.0]) is None
    assert slope([1.0, 1.0, 1.0]) == 0.0


def test_a_figure_has_no_more_digits_than_it_deserves() -> None:
    assert [shown(each) for each in (0.5, 99.96, 12_345.6, 7, None)] == [
        *("0.50", "100.0", "12,346", "7", "–")
    ]


def test_a_table_is_told_as_text_and_as_markdown_and_an_empty_cell_is_a_dash() -> None:
    table = Table("speed", [{"": "worker", "s": 2.0}, {"": "peer", "s": None}], ("n = 2",))
    assert as_text(table).splitlines() == [
        "speed",
        "           s",
        "worker  2.00",
        "peer       –",
        "n = 2",
    ]
    assert "| worker | 2.00 |\n| peer | – |\n\nn = 2" in as_markdown(table)


def test_the_rounds_stand_in_the_json_alone(capsys: pytest.CaptureFixture[str]) -> None:
    tables, rounds = [Table("medians", [{"s": 1.0}])], [Table("rounds", [{"s": 0.9}])]
    tell(argparse.Namespace(json=True, markdown=False), {"cores": 2}, tables, rounds)
    told = json.loads(capsys.readouterr().out)
    assert told["about"] == {"cores": 2}
    assert [each["title"] for each in told["tables"]] == ["medians", "rounds"]
    tell(argparse.Namespace(json=False, markdown=True), {"cores": 2}, tables, rounds)
    assert "rounds" not in capsys.readouterr().out


def test_a_ratio_is_taken_round_by_round_and_its_median_is_told() -> None:
    mine = [Spent(100, 1.0, 1.0), Spent(100, 4.0, 1.0), Spent(100, 1.0, 1.0)]
    theirs = [Spent(100, 2.0, 3.0), Spent(100, 2.0, 3.0), Spent(100, 8.0, 3.0)]
    assert throughput.ratio(mine, theirs) == 2.0
    assert throughput.cpu_ratio(mine, theirs) == 3.0


def test_the_table_of_peers_tells_how_many_times_as_fast_each_worker_is() -> None:
    lean, full, peer = Spent(100, 1.0, 1.0), Spent(100, 2.0, 2.0), Spent(100, 4.0, 4.0)
    table = throughput.of_peers({"lean": [lean], "full": [full], "redis": [peer]})
    assert table.rows[-1]["lean ÷ it"] == 4.0
    assert table.rows[-1]["full ÷ it, CPU"] == 2.0


@pytest.mark.parametrize(
    ("ask", "given"),
    [
        (throughput.asked_for, ["--events", "100"]),
        (throughput.asked_for, ["--tables", "peers,nothing"]),
        (throughput.asked_for, ["--rounds", "0"]),
        (throughput.asked_for, ["--json", "--markdown"]),
        (freshness.asked_for, ["--rates", "0"]),
        (freshness.asked_for, ["--workers", "0"]),
        (timers.asked_for, ["--pending", "10", "--due", "10"]),
        (soak.asked_for, ["--minutes", "1"]),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_starts(ask, given) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(SystemExit):
        ask(given)


def test_each_bench_measures_five_rounds_unless_it_is_asked_for_others() -> None:
    for ask in (throughput.asked_for, freshness.asked_for, timers.asked_for):
        assert ask([]).rounds == 5
    assert soak.asked_for([]).minutes == 60


def test_drift_is_growth_an_hour_after_the_minutes_in_which_caches_fill() -> None:
    sizes = [(10.0, 5), *((100.0 + n, 7) for n in range(10))]
    minutes = [
        soak.Minute(60.0 * at, {"worker": 6.0}, {"worker": mb}, {"worker": files})
        for at, (mb, files) in enumerate(sizes, start=1)
    ]
    grows = soak.drift(minutes)
    assert grows["worker MB"] == pytest.approx(60.0)
    assert grows["worker files"] == 0.0
    assert grows["p50 ms"] is None


def test_the_table_of_a_long_soak_shows_some_minutes_and_always_the_last() -> None:
    minutes = [
        soak.Minute(60.0 * at, {"worker": 6.0}, {"worker": 1.0}, {"worker": 1})
        for at in range(1, 61)
    ]
    told = [row["minute"] for row in soak.table(minutes).rows]
    assert told[-2:] == ["60", "growth an hour"]
    assert len(told) <= soak.MAX_ROWS + 1


class Shelf:
    """Somewhere that shows everybody but one."""

    def __init__(self, hidden: str) -> None:
        self.hidden = hidden

    def shows(self, customer_id: str) -> bool:
        return customer_id != self.hidden

    def close(self) -> None:
        pass


class Names:
    """A buyer that only counts."""

    def __init__(self) -> None:
        self.bought = 0

    def somebody(self) -> str:
        self.bought += 1
        return f"c{self.bought}"


def test_purchases_go_on_while_one_is_not_seen_and_that_one_counts_as_long_as_it_has_waited() -> (
    None
):
    names = Names()
    with Watching(names, [lambda: Shelf("c1")], lost_after_s=0.01) as watching:  # type: ignore[arg-type]
        while names.bought < 4:
            pass
    assert len(watching.waited) == names.bought
    assert max(watching.waited, key=lambda each: each.took_s).began_s == min(
        each.began_s for each in watching.waited
    )
