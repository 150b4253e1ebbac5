"""`segmenter replay compare`: what would change under another policy, or under other values of a setting."""

from __future__ import annotations

import tomllib
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple, TypeVar

import typer

from models.policy import Policy, PolicyError
from streams.cli_desk import print_wide
from streams.cli_exits import Exit, err, errors, fail
from streams.cli_given import AsJson, bar, policy_of_file, print_json, run, settings_given
from streams.settings import SettingsError, read_config

if TYPE_CHECKING:
    from models.comparing import Window
    from models.grid import Grid
    from streams.report_html import Language
    from streams.sources import SourceRecord
    from streams.sweep import Point

T = TypeVar("T")
APART_FROM_EVENTS = 10_000  # fewer are read before other processes have begun
Records = Callable[["Iterator[SourceRecord]", Callable[[int], None], int | None], Awaitable[T]]
Policies = Annotated[
    list[Path], typer.Argument(help="Two policy files; with --grid one.", metavar="A.toml [B.toml]")
]
On = Annotated[
    str,
    typer.Option(
        help="The history: CSV, JSONL, Parquet or a recording; complete-journey, or cdnow; or "
        "topic:customer-events.v1.",
        metavar="FILE|TOPIC",
    ),
]
From = Annotated[
    datetime | None,
    typer.Option(
        "--from", formats=["%Y-%m-%d"], help="First day that is reported.", metavar="DATE"
    ),
]
To = Annotated[
    datetime | None,
    typer.Option("--to", formats=["%Y-%m-%d"], help="Last day that is reported.", metavar="DATE"),
]
Values = Annotated[
    str,
    typer.Option(
        "--grid",
        help="A setting and its values: KEY=2..6, KEY=.3...6:.1, KEY=a,b.",
        metavar="KEY=…",
    ),
]
ExpectSame = Annotated[bool, typer.Option("--expect-same", help="Exit with 5 if anything differs.")]
Report = Annotated[
    Path | None, typer.Option(help="Also write a report with charts.", metavar="REPORT.html")
]
Lang = Annotated[Literal["en", "zh"], typer.Option(help="Of the report.")]


class Wanted(NamedTuple):
    """How it is to be told.

    Attributes:
        html: where a report goes; None: nowhere.
        language: of the report.
        as_json: on stdout.
    """

    html: Path | None
    language: Language
    as_json: bool


def replay_compare(
    policies: Policies,
    on: On,
    grid: Values = "",
    first: From = None,
    last: To = None,
    expect_same: ExpectSame = False,
    html: Report = None,
    lang: Lang = "en",
    as_json: AsJson = False,
) -> None:
    """Run two policies over one history, and tell what would change. Writes nothing but the report; takes minutes."""
    window, wanted = _window(first, last), Wanted(html, lang, as_json)
    _require_report(html, [*map(str, policies), on])
    if not grid:
        _compare(policies, on, window, wanted, expect_same=expect_same)
    elif expect_same:
        fail("--expect-same is for two policies; leave it, or --grid", Exit.USAGE)
    else:
        _sweep(policies, on, window, wanted, grid)


def _window(first: datetime | None, last: datetime | None) -> Window:
    from models.comparing import Window

    if first is not None and last is not None and last < first:
        fail(f"--to {last.date()} is before --from {first.date()}", Exit.USAGE)
    days = (None if each is None else each.toordinal() for each in (first, last))
    return Window(*days)


def _compare(
    policies: list[Path], on: str, window: Window, wanted: Wanted, *, expect_same: bool
) -> None:
    from streams.compare import Asked, Party, compared
    from streams.compare_json import compared_as_json
    from streams.report_compare import compare_report
    from streams.show_compare import compared_shown

    if len(policies) != 2:
        fail(
            f"two policy files are compared, found {len(policies)}; or say --grid KEY=…", Exit.USAGE
        )
    a, b = (Party(str(each), policy_of_file(each)) for each in policies)
    _require_together(a.policy, b.policy)
    asked = Asked(a, b, on, window)
    found = _replayed(on, a.policy, lambda *given: compared(asked, *given))
    told = compared_as_json(found)
    if wanted.html is not None:
        _write(wanted.html, compare_report(told, wanted.language))
    if wanted.as_json:
        print_json(told)
    else:
        print_wide(compared_shown(told))
    if expect_same and found.differs:
        err.print("segmenter: the two policies do not bring the same", style="red")
        raise typer.Exit(Exit.DIFFERENT)


def _require_together(a: Policy, b: Policy) -> None:
    from streams.compare import why_not_together

    why_not = why_not_together(a, b)
    if why_not is not None:
        fail(why_not, Exit.USAGE)


def _sweep(policies: list[Path], on: str, window: Window, wanted: Wanted, text: str) -> None:
    from models.grid import GridError, parsed_grid, require_known
    from models.policy_record import settings_of
    from streams.report_sweep import sweep_report
    from streams.show_sweep import swept_shown
    from streams.sweep import Sweep, swept, swept_as_json

    if len(policies) != 1:
        fail(f"--grid takes one policy file, found {len(policies)}", Exit.USAGE)
    [path] = policies
    policy = policy_of_file(path)
    try:
        grid, known = parsed_grid(text), settings_of(policy)
        require_known(grid.key, known)
    except GridError as error:
        fail(f"--grid: {error}", Exit.USAGE)
    points = list(_points(path, grid))
    for point in points:
        _require_together(policy, point.policy)
    sweep = Sweep(str(path), grid.key, known[grid.key], points, on, window)
    told = swept_as_json(_replayed(on, policy, lambda *given: swept(sweep, *given)))
    if wanted.html is not None:
        _write(wanted.html, sweep_report(told, wanted.language))
    if wanted.as_json:
        print_json(told)
    else:
        print_wide(swept_shown(told))


def _points(path: Path, grid: Grid) -> Iterator[Point]:
    """The policy with each value; a value that it can't have ends the command."""
    from models.grid import with_value
    from models.policy import policy_from_mapping
    from models.policy_faults import of_policy
    from streams.sweep import Point

    try:
        _, text = read_config(path)
        tables = of_policy(tomllib.loads(text or ""))
        for value in grid.values:
            source = f"{path} with {grid.key} = {value}"
            yield Point(value, policy_from_mapping(with_value(tables, grid.key, value), source))
    except (SettingsError, PolicyError) as error:
        fail(str(error), Exit.USAGE)


def _replayed(on: str, policy: Policy, work: Records[T]) -> T:
    """The one place where the history is opened."""
    from streams.compare import NothingToCompare
    from streams.recorded_events import none_ahead, open_events
    from streams.wall import wall_ms

    with errors():
        events = open_events(on, settings_given(), policy)
    cores = None if events.total >= APART_FROM_EVENTS else 1

    async def replayed() -> T:
        with bar(f"{on}: events", events.total) as progress:
            return await work(none_ahead(events.read(), wall_ms()), progress, cores)

    try:
        return run(replayed)
    except NothingToCompare as error:
        fail(str(error), Exit.FAILURE)


def _require_report(html: Path | None, inputs: list[str]) -> None:
    """A report takes the place of a report, and of nothing else."""
    if html is None:
        return
    if html.suffix.lower() not in {".html", ".htm"}:
        fail(f"--html: {html}: a report is an .html file", Exit.USAGE)
    if not html.parent.is_dir():
        fail(f"--html: {html.parent}: no such folder", Exit.USAGE)
    if any(Path(each).exists() and html.exists() and html.samefile(each) for each in inputs):
        fail(f"--html: {html} is read from; name another file", Exit.USAGE)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        fail(f"--html: {error}", Exit.USAGE)
    err.print(f"report: {path}", markup=False, highlight=False)
