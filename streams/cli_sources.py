"""`segmenter run normaliser`, `segmenter sources …`: what brings foreign events into the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli_exits import Exit, errors, fail
from streams.cli_given import AsJson, Given, out, print_json, run, settings_given

if TYPE_CHECKING:
    from streams.source_config import Sources

sources_app = typer.Typer(no_args_is_help=True, help="Where foreign events come from.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the table sources.NAME.")]
NO_TOPIC = "no source has a topic; set sources.NAME.topic, or send its events to /v1/ingest/NAME"


def sources_given() -> Sources:
    """The sources of the file; a fault ends the command."""
    from models.policy import PolicyError
    from streams.settings import SettingsError
    from streams.source_config import load_sources

    try:
        return load_sources(Given.config)
    except (SettingsError, PolicyError) as error:
        fail(str(error), Exit.USAGE)


def run_normaliser() -> None:
    """Bring the events of all sources that have a topic into the log, until SIGTERM."""
    from streams.log import LogInspector
    from streams.normaliser_app import require_topics
    from streams.processes import run_normaliser as normaliser
    from streams.source_config import by_topic

    settings, sources = settings_given(), sources_given()
    if not by_topic(sources):
        fail(NO_TOPIC, Exit.USAGE)
    with errors():
        require_topics(LogInspector(settings.brokers), sources)
        normaliser(settings, sources, Given.log_level)


@sources_app.command("list")
def sources_list(as_json: AsJson = False) -> None:
    """The sources of the file, and how they come in."""
    found = [_told(name, each) for name, each in sources_given().items()]
    if as_json:
        print_json(found)
        return
    for each in found:
        ways = [f"POST {each['path']} ({each['admitted_by']})"]
        ways += [f"topic {each['topic']}"] if each["topic"] else []
        out.print(f"{each['name']}: {each['source']}, {', '.join(ways)}", highlight=False)


def _told(name: str, source: Any) -> dict[str, Any]:
    from streams.signatures import SIGNED_BY

    signed = bool(source.secret_file) and source.source in SIGNED_BY
    return {
        "name": name,
        "source": source.source,
        "topic": source.topic or None,
        "path": f"/v1/ingest/{name}",
        "admitted_by": SIGNED_BY[source.source] if signed else "API key, scope write",
        "anonymous": source.anonymous,
    }


@sources_app.command("rewind")
def sources_rewind(name: Name) -> None:
    """Have a source's topic read from its beginning again; events that are known change nothing.

    Stop the normaliser first, and start it again afterwards: one that runs would write its place anew.
    """
    settings, sources = settings_given(), sources_given()
    if name not in sources:
        fail(f"no source {name}; there are {', '.join(sources) or 'none'}", Exit.NOT_FOUND)
    topic = sources[name].topic
    if not topic:
        fail(f"source {name} has no topic: nothing of it is read from Kafka", Exit.USAGE)

    async def forgotten() -> bool:
        from streams.normalising import RedisOffsets
        from streams.redis_store import connect

        async with connect(settings.redis_url.get_secret_value()) as client:
            return await RedisOffsets(client, settings.namespace).forget(topic)

    known = run(forgotten)
    said = "is read from its beginning" if known else "was not read yet"
    out.print(f"{name}: topic {topic} {said}", highlight=False)
