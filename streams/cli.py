"""The command `segmenter`: parses, builds, hands over. Data on stdout, logs on stderr.

Exit codes: 0 ok, 1 failure, 2 usage or configuration, 3 not found, 4 a dependency is down,
5 two policies differ and --expect-same was given.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from streams.cli_alerts import alerts_app
from streams.cli_compare import replay_compare
from streams.cli_config import config_check
from streams.cli_convert import convert
from streams.cli_customers import customer_app
from streams.cli_exits import Exit, err, errors, fail
from streams.cli_generate import generate
from streams.cli_given import (
    AsJson,
    Given,
    out,
    policy_given,
    print_json,
    run,
    settings_given,
    with_lookup,
)
from streams.cli_keys import keys_app
from streams.cli_lists import list_app
from streams.cli_mcp import mcp
from streams.cli_policy import policy_app
from streams.cli_replay import digest, record, replay_app
from streams.cli_schema import schema_app
from streams.cli_segments import segments_app
from streams.cli_sources import run_normaliser, sources_app, sources_given
from streams.settings import Settings

if TYPE_CHECKING:
    from models.policy import Policy
    from models.population import Population
    from streams.lookup import Lookup

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
run_app = typer.Typer(no_args_is_help=True, help="Run the long-lived processes.")
topics_app = typer.Typer(no_args_is_help=True, help="Kafka topics.")
population_app = typer.Typer(no_args_is_help=True, help="What is typical of all customers.")
config_app = typer.Typer(no_args_is_help=True, help="The file: policy and settings.")
for _name, _sub in (
    ("run", run_app),
    ("topics", topics_app),
    ("customer", customer_app),
    ("segments", segments_app),
    ("alerts", alerts_app),
    ("list", list_app),
    ("policy", policy_app),
    ("population", population_app),
    ("replay", replay_app),
    ("config", config_app),
    ("keys", keys_app),
    ("sources", sources_app),
    ("schema", schema_app),
):
    app.add_typer(_sub, name=_name)
app.command("convert")(convert)
app.command("generate")(generate)
app.command("record")(record)
app.command("digest")(digest)
app.command("mcp")(mcp)

_LEVEL_OPTIONS = {"WARNING": ["--quiet"], "DEBUG": ["--verbose"]}


@app.callback()
def options(
    config: Annotated[
        Path | None,
        typer.Option(envvar="SEGMENTER_CONFIG", help="The policy file (default: segmenter.toml)."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only warnings in the log.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="More in the log.")] = False,
    bootstrap_servers: Annotated[str | None, typer.Option(help="Kafka brokers.")] = None,
    redis_url: Annotated[str | None, typer.Option(help="Redis or Valkey.")] = None,
    namespace: Annotated[str | None, typer.Option(help="Which installation.")] = None,
) -> None:
    """Purchases in, customers' states out."""
    Given.config = config
    Given.settings = {
        "bootstrap_servers": bootstrap_servers,
        "redis_url": redis_url,
        "namespace": namespace,
    }
    Given.log_level = "WARNING" if quiet else "DEBUG" if verbose else "INFO"


@app.command()
def demo(
    headless: Annotated[bool, typer.Option("--headless", help="No live table.")] = False,
    on: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Your own purchases: CSV, JSONL or Parquet."),
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, help="Only the first so many days.")] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Of the dashboard; 0: any that is free.")
    ] = 8080,
    as_json: AsJson = False,
) -> None:
    """A year of real purchases, or a file, through an embedded broker and store, with the dashboard."""
    from streams.demo import as_json as summary_json
    from streams.demo import run_demo
    from streams.demo_shop import complete_journey, shop_of_file

    if on and Given.config:
        policy_given()  # a fault in it ends the command
    with errors():
        shop = shop_of_file(on, Given.config, days) if on else complete_journey(days)
    summary = run(lambda: run_demo(out, shop, headless=headless or as_json, port=port))
    if as_json:
        print_json(summary_json(summary))
    elif headless:
        out.print(summary_json(summary))


@run_app.command("worker")
def run_worker() -> None:
    """Fold the log into states, until SIGTERM."""
    from streams.processes import run_worker as worker

    settings, policy = settings_given(), policy_given()
    with errors():
        _reach_the_log(settings)
        worker(settings, policy, Given.log_level)


@run_app.command("relay")
def run_relay() -> None:
    """Move effects from Redis to Kafka, until SIGTERM."""
    from logging.config import dictConfig

    from streams.logs import logging_config
    from streams.processes import run_relay as relay

    dictConfig(logging_config(Given.log_level))
    settings = settings_given()
    with errors():
        relay(settings)


@run_app.command("delivery")
def run_delivery() -> None:
    """Decide which alerts are sent, and send them, until SIGTERM."""
    from streams.endpoints import load_endpoints
    from streams.processes import run_delivery as delivery

    settings, policy = settings_given(), policy_given()
    with errors():
        load_endpoints(settings.endpoints_file)
        _reach_the_log(settings)
        delivery(settings, policy, Given.log_level)


@run_app.command("api")
def run_api(
    host: Annotated[str | None, typer.Option(help="Where to listen (default: 127.0.0.1).")] = None,
    port: Annotated[int | None, typer.Option(help="Likewise (default: 8080).")] = None,
) -> None:
    """Answer lookups and show the dashboard, until SIGTERM."""
    from streams.api.server import run_api as serve

    Given.settings = {**Given.settings, "api_host": host, "api_port": port}
    settings, policy, sources = settings_given(), policy_given(), sources_given()
    with errors():
        serve(settings, policy, sources, Given.log_level)


@run_app.command("surveyor")
def run_surveyor(
    every_minutes: Annotated[
        float, typer.Option(min=1, help="A survey that is older is taken anew.")
    ] = 60.0,
) -> None:
    """Take a survey of all customers after each population, and keep it, until SIGTERM."""
    from logging.config import dictConfig

    from streams.logs import logging_config
    from streams.processes import run_surveyor as surveyor

    dictConfig(logging_config(Given.log_level))
    settings, policy = settings_given(), policy_given()
    with errors():
        surveyor(settings, policy, 60 * every_minutes)


@run_app.command("all")
def run_all() -> None:
    """Worker, relay, API, surveyor, delivery of alerts, and normaliser where a source has a topic."""
    from streams.processes import run_all as both
    from streams.source_config import by_topic

    settings = settings_given()
    policy_given()
    more = ["normaliser"] if by_topic(sources_given()) else []
    with errors():
        _reach_the_log(settings)
    before = [] if Given.config is None else ["--config", str(Given.config)]
    ended = both(settings, [*before, *_LEVEL_OPTIONS.get(Given.log_level, [])], more)
    if ended:
        fail(ended, Exit.FAILURE)


@app.command()
def rebuild(
    to: Annotated[str, typer.Option(help="The store to build, and then to serve from.")] = "",
    drop: Annotated[str, typer.Option(help="The store to remove: one that serves no more.")] = "",
    workers: Annotated[int, typer.Option(min=1, help="How many processes fold.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Fold the log anew beside the running workers, then switch to what came of it."""
    from streams.rebuild import run_rebuild
    from streams.rebuild_plan import run_drop

    if bool(to) == bool(drop):
        fail("say one of --to STORE, --drop STORE", Exit.USAGE)
    Given.settings = {**Given.settings, "store": to or drop}
    given = (settings_given(), policy_given(), workers, Given.config, err)
    done = run(lambda: run_rebuild(*given)) if to else run(lambda: run_drop(given[0]))
    print_json(done._asdict()) if as_json else out.print(done.said, highlight=False)


@topics_app.command("create")
def topics_create() -> None:
    """Create the topics that do not exist yet."""
    from streams.log import LogInspector
    from streams.topics import TOPICS

    settings = settings_given()
    with errors():
        made = LogInspector(settings.brokers).create(
            TOPICS, settings.partitions, settings.replication
        )
    for topic in TOPICS:
        out.print(f"{topic.name}: {'created' if topic.name in made else 'exists'}")


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Check broker, topics, Redis, partitions, lag and clock; name the remedy."""
    from streams.cli_sources import sources_given
    from streams.doctor import examine
    from streams.source_config import by_topic

    given = settings_given(), policy_given(), by_topic(sources_given())
    checks = run(lambda: examine(*given))
    if as_json:
        print_json([check._asdict() for check in checks])
    else:
        for check in checks:
            mark = "[green]ok[/]  " if check.ok else "[red]bad[/] "
            out.print(f"{mark} {check.name}: {escape(check.found)}", highlight=False)
            if not check.ok:
                out.print(f"      → {check.remedy}", highlight=False, markup=False)
    if not all(check.ok for check in checks):
        raise typer.Exit(Exit.FAILURE)


@app.command()
def watch(
    once: Annotated[bool, typer.Option("--once", help="One look, then end.")] = False,
) -> None:
    """Segments, movement and changes in the terminal, live."""
    from streams.watching import watch as watching

    run(lambda: watching(out, settings_given(), policy_given(), once=once))


@population_app.command("show")
def population_show(as_json: AsJson = False) -> None:
    """The population in force: clusters, churn risk, value, and how good they have been."""
    from streams.show_population import population_as_json, population_tables

    async def asked(look: Lookup, policy: Policy) -> tuple[list[Population | None], Policy]:
        return await look.populations(), policy

    found, policy = run(lambda: with_lookup(asked))
    newest = max(
        (each for each in found if each is not None), default=None, key=lambda p: p.version
    )
    if newest is None:
        message = "no population has been learned yet: the first comes at the end of an epoch"
        fail(message, Exit.NOT_FOUND)
    elif as_json:
        print_json(population_as_json(newest))
    else:
        out.print(population_tables(newest, policy))


replay_app.command("compare")(replay_compare)
run_app.command("normaliser")(run_normaliser)
config_app.command("check")(config_check)


@config_app.command("show")
def config_show(as_json: AsJson = False) -> None:
    """The policy of the file and the settings in force, secrets hidden."""
    import tomli_w

    settings, policy = settings_given(), policy_given()
    values = {
        "connection": settings.model_dump(mode="json"),
        **policy.model_dump(mode="json", exclude_none=True),
    }
    if as_json:
        print_json({**values, "version": policy.version})
    else:
        out.print(tomli_w.dumps(values), highlight=False, markup=False)


def main() -> None:
    """The entry point."""
    app()


def _reach_the_log(settings: Settings) -> None:
    """Fail at once, and in one line, if there is no broker or no log."""
    from streams.log import LogInspector
    from streams.topics import LOG

    LogInspector(settings.brokers).facts(LOG)


if __name__ == "__main__":
    main()
