"""`segmenter record`, `segmenter digest`, `segmenter replay …`: the past again, exactly or otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli_exits import Exit, err, errors, fail
from streams.cli_given import (
    AsJson,
    Given,
    bar,
    out,
    policy_given,
    print_json,
    run,
    settings_given,
    store_given,
)

if TYPE_CHECKING:
    from streams.recorded_events import Events
    from streams.refold import Chosen
    from streams.replay_command import Ask
    from streams.span import Span

replay_app = typer.Typer(
    no_args_is_help=True, help="Recorded events again: in memory, apart, or into the log."
)
Since = Annotated[
    str,
    typer.Option("--from", help="An offset, a date or a moment with its zone.", metavar="PLACE"),
]
Until = Annotated[str, typer.Option("--to", help="Likewise; not included.", metavar="PLACE")]
Customers = Annotated[
    str | None, typer.Option(help="Only theirs: ids, comma-separated, or @FILE with one a line.")
]
Speed = Annotated[
    str, typer.Option(help="With --to-topic: times real time; 0: as fast as possible.")
]
Isolated = Annotated[
    str, typer.Option(help="Into a namespace of its own in Redis, to look at.", metavar="NAME")
]
ToTopic = Annotated[
    bool, typer.Option("--to-topic", help="Into customer-events.v1, with ticks, marked a replay's.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Read everything, count what is no event, fold nothing.")
]
Cores = Annotated[int, typer.Option(min=1, help="Processes that fold a recording.")]
Snapshots = Annotated[
    Path | None,
    typer.Option("--snapshot", help="A folder: go on from what is there, and leave it for later."),
]


def record(
    path: Annotated[Path, typer.Argument(help=".jsonl, .jsonl.gz or .parquet.", metavar="FILE")],
    since: Since = "",
    until: Until = "",
    as_json: AsJson = False,
) -> None:
    """The log as it stands, control records and bodies included, into a file."""
    from streams.recorder import record as recorded
    from streams.recorder import topic_recording
    from streams.wall import wall_ms

    settings, policy, span = settings_given(), policy_given(), _span(since, until)
    with errors():
        source = topic_recording(settings, policy, span, wall_ms())
        with bar("recording", source.head.records) as progress:
            done = recorded(path, source, progress)
    if as_json:
        print_json(done._asdict())
    else:
        out.print(
            f"{done.records:,} records of {done.partitions} partitions and {done.bodies:,} bodies in "
            f"{done.path} ({done.bytes / 1e6:,.1f} MB)",
            highlight=False,
        )


def digest(as_json: AsJson = False) -> None:
    """The digest of what serves now, to hold against that of a replay of its log."""
    from streams.live_digest import of_live
    from streams.log import LogInspector
    from streams.show_replay import digest_lines

    async def asked() -> Any:
        settings = settings_given()
        inspector = LogInspector(settings.brokers)
        async with store_given() as store:
            return await of_live(store, inspector, settings.namespace)

    found = run(asked)
    if as_json:
        offsets, aged_out = list(found.offsets), list(found.aged_out)
        print_json({**found.digest.lines(), "offsets": offsets, "aged_out": aged_out})
        return
    for line in digest_lines(found.digest):
        out.print(line, highlight=False, markup=False)
    for topic in found.aged_out:
        out.print(f"{topic} begins after its first record: compare states and sketches only")


@replay_app.command("file")
def replay_file(
    path: Annotated[
        str,
        typer.Argument(
            help="A recording, or events in CSV, JSONL or Parquet; or complete-journey, or cdnow."
        ),
    ],
    to_topic: ToTopic = False,
    isolated: Isolated = "",
    dry_run: DryRun = False,
    speed: Speed = "0",
    since: Since = "",
    until: Until = "",
    customers: Customers = None,
    cores: Cores = 1,
    snapshot: Snapshots = None,
    as_json: AsJson = False,
) -> None:
    """Replay a file: into memory, if nothing else is said."""
    _one_of(to_topic=to_topic, isolated=isolated, dry_run=dry_run, speed=speed, snapshot=snapshot)
    pace, chosen = _pace(speed), _chosen(since, until, customers)
    ask = _ask(path, chosen, cores, snapshot)
    if cores > 1 and (to_topic or isolated or dry_run or ask.events.recording is None):
        fail("--cores is for a recording that is folded into memory", Exit.USAGE)
    if to_topic:
        _to_topic(ask, pace, as_json=as_json)
    else:
        _fold(ask, isolated, dry_run=dry_run, as_json=as_json)


@replay_app.command("topic")
def replay_topic(
    isolated: Isolated = "",
    dry_run: DryRun = False,
    since: Since = "",
    until: Until = "",
    customers: Customers = None,
    snapshot: Snapshots = None,
    as_json: AsJson = False,
) -> None:
    """Replay customer-events.v1 as it stands on the broker: into memory, if nothing else is said."""
    from streams.recorded_events import TOPIC

    _one_of(to_topic=False, isolated=isolated, dry_run=dry_run, speed="0", snapshot=snapshot)
    chosen = _chosen(since, until, customers)
    _fold(_ask(TOPIC, chosen, 1, snapshot), isolated, dry_run=dry_run, as_json=as_json)


@replay_app.command("drop")
def replay_drop(
    name: Annotated[str, typer.Argument(help="Given to --isolated before.", metavar="NAME")],
) -> None:
    """Remove the namespace of a replay from Redis."""
    from streams.isolated import drop

    keys = run(lambda: drop(settings_given(), name))
    out.print(f"{name} is gone, {keys:,} keys", highlight=False)


def _one_of(
    *, to_topic: bool, isolated: str, dry_run: bool, speed: str, snapshot: Path | None
) -> None:
    if to_topic + bool(isolated) + dry_run > 1:
        fail("say one of --to-topic, --isolated, --dry-run, or none: into memory", Exit.USAGE)
    if speed != "0" and not to_topic:
        fail("--speed is for --to-topic: elsewhere nobody waits for it", Exit.USAGE)
    if snapshot is not None and (to_topic or isolated or dry_run):
        fail("--snapshot is for a replay into memory", Exit.USAGE)


def _span(since: str, until: str) -> Span:
    from streams.span import BadPlace, span_of

    try:
        return span_of(since, until, policy_given().timezone)
    except BadPlace as error:
        fail(str(error), Exit.USAGE)


def _chosen(since: str, until: str, customers: str | None) -> Chosen:
    from streams.refold import Chosen

    return Chosen(_span(since, until), None if customers is None else _customers(customers))


def _customers(text: str) -> frozenset[str]:
    from models.events import NotAnId, normalised_id

    try:
        listed = (
            Path(text[1:]).read_text("utf-8").splitlines() if text[:1] == "@" else text.split(",")
        )
        found = frozenset(normalised_id(each.strip()) for each in listed if each.strip())
    except (OSError, UnicodeDecodeError, NotAnId) as error:
        fail(f"--customers: {error}", Exit.USAGE)
    if not found:
        fail(f"--customers: nobody is named by {text!r}", Exit.USAGE)
    return found


def _ask(name: str, chosen: Chosen, cores: int, snapshot: Path | None) -> Ask:
    from streams.recording import policy_of
    from streams.replay_command import Ask

    settings, events = settings_given(), _events(name, chosen)
    recording = events.recording
    with errors():  # a recording has the policy of its time with it
        policy = policy_of(recording) if recording and not Given.config else policy_given()
    snapshots = "" if snapshot is None else str(snapshot)
    return Ask(events, settings, policy, chosen, cores, settings.partitions, snapshots)


def _events(name: str, chosen: Chosen) -> Events:
    from streams.recorded_events import open_events

    with errors():
        return open_events(name, settings_given(), policy_given(), chosen)


def _pace(speed: str) -> float:
    """Times real time; 0 is as fast as possible."""
    from streams.replay import BadSpeed, parse_speed

    try:
        return parse_speed(speed)
    except BadSpeed as error:
        fail(f"--speed: {error}", Exit.USAGE)


def _to_topic(ask: Ask, pace: float, *, as_json: bool) -> None:
    from streams.replay_command import to_topic

    with errors(), bar(ask.events.name, ask.events.total) as progress:
        published = to_topic(ask, pace, progress)
    if as_json:
        print_json(published._asdict())
    else:
        out.print(f"{published.records:,} events and {published.ticks:,} ticks written")


def _fold(ask: Ask, isolated: str, *, dry_run: bool, as_json: bool) -> None:
    """Fold it, or only look at it, and say what came of that."""
    shown, packed = _looked_at(ask) if dry_run else _folded(ask, isolated)
    if as_json:
        print_json(packed)
        return
    for line in shown:
        out.print(line, highlight=False, markup=False)
    if isolated:
        out.print(f"to look at it: segmenter --namespace {isolated} customer get ID")


def _looked_at(ask: Ask) -> tuple[Iterator[str], dict[str, Any]]:
    from streams.replay_command import judged
    from streams.show_replay import judged_lines

    with errors(), bar(ask.events.name, ask.events.total) as progress:
        found = judged(ask, progress)
    return judged_lines(found), found._asdict()


def _folded(ask: Ask, isolated: str) -> tuple[Iterator[str], dict[str, Any]]:
    from streams.replay_command import into_memory, into_namespace
    from streams.show_replay import outcome_as_json, outcome_lines

    with errors(), bar(ask.events.name, ask.events.total) as progress:
        done = into_namespace(ask, isolated, progress) if isolated else into_memory(ask, progress)
    if not done.tally:
        err.print("nothing was folded: check --from, --to and --customers", highlight=False)
    return outcome_lines(done), outcome_as_json(done)
