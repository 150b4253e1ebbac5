"""`segmenter segments report`: what the base is made of, as a page to print, or for other programs."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer

from streams.cli_exits import Exit, err, fail
from streams.cli_given import Given
from streams.cli_survey import Asked, Fresh, OfEvents, kept_given

if TYPE_CHECKING:
    from streams.report_base_told import BaseReport

Format = Literal["html", "md", "csv", "json"]
ENDINGS: dict[Format, tuple[str, ...]] = {
    "html": (".html", ".htm"),
    "md": (".md", ".markdown"),
    "csv": (".csv",),
    "json": (".json",),
}
BOM = "\ufeff"  # Excel takes a CSV for UTF-8 if it begins so


def segments_report(
    format_: Annotated[
        Format | None,
        typer.Option("--format", help="Default: by the ending of --out, else md."),
    ] = None,
    by: Annotated[
        str,
        typer.Option(
            help="Cross segments with it: age_band, profile.region, lifecycle, rfm.quintile, segment.vip.",
            metavar="ATTRIBUTE",
        ),
    ] = "",
    written_to: Annotated[
        Path | None, typer.Option("--out", help="Write it there, not on stdout.", metavar="FILE")
    ] = None,
    lang: Annotated[Literal["en", "zh"], typer.Option(help="Of html, md and csv.")] = "en",
    top: Annotated[
        int, typer.Option(min=1, max=1_000, help="So many categories, brands, … one by one.")
    ] = 20,
    events: OfEvents = "",
    fresh: Fresh = False,
) -> None:
    """Report what the base is made of: segments, attributes, what is bought, cohorts, movement."""
    as_what = format_ or _format_of(written_to)
    _require_place(written_to, as_what, events)
    report = _report(kept_given(events, fresh=fresh), by, top)
    text = _written(report, as_what, lang)
    if written_to is None:
        sys.stdout.write(text)
    else:
        _write(written_to, BOM + text if as_what == "csv" else text)


def _format_of(path: Path | None) -> Format:
    """What the ending of a file says; md of none."""
    if path is None:
        return "md"
    found = next((each for each in ENDINGS if path.suffix.lower() in ENDINGS[each]), None)
    if found is None:
        known = ", ".join(each[0] for each in ENDINGS.values())
        fail(f"--out: {path}: a report ends in {known}", Exit.USAGE)
    return found


def _require_place(path: Path | None, as_what: Format, events: str) -> None:
    """A report takes the place of a report, and of nothing else."""
    if path is None:
        if as_what == "html":
            fail("a page needs a file: add --out report.html", Exit.USAGE)
        return
    if path.suffix.lower() not in ENDINGS[as_what]:
        fail(f"--out: {path}: a report as {as_what} is a {ENDINGS[as_what][0]} file", Exit.USAGE)
    if not path.parent.is_dir():
        fail(f"--out: {path.parent}: no such folder", Exit.USAGE)
    try:
        _require_writable(path)
    except OSError as error:
        _not_written(path, error)
    if any(path.exists() and each.exists() and path.samefile(each) for each in _inputs(events)):
        fail(f"--out: {path} is read from; name another file", Exit.USAGE)


def _require_writable(path: Path) -> None:
    """Before anybody is looked at: a survey may take minutes."""
    whole = path.resolve()  # where a link leads
    if whole.exists():
        if not whole.is_file():
            fail(f"--out: {path} is no file; name another", Exit.USAGE)
        whole.open("ab").close()
    with TemporaryFile(dir=whole.parent):
        return


def _not_written(path: Path, error: OSError) -> NoReturn:
    why = error.strerror or error
    fail(f"--out: {path} can't be written: {why}; name another file", Exit.USAGE)


def _inputs(events: str) -> list[Path]:
    given = [Path(events)] if events else []
    return given if Given.config is None else [*given, Given.config]


def _report(asked: Asked, by: str, top: int) -> BaseReport:
    from models.composition_crossed import UnknownAxis
    from models.segments import Label
    from streams.report_base_told import base_report

    (taken, _, personas), policy = asked
    assert taken.moment is not None
    try:
        report = base_report(taken.survey, taken.moment, policy, by=by, top=top)
    except UnknownAxis as error:
        fail(f"--by: {error}", Exit.USAGE)
    names = {
        each: Label(persona.names["en"], persona.names["zh"]) for each, persona in personas.items()
    }
    return report._replace(lines=names)


def _written(report: BaseReport, as_what: Format, lang: Literal["en", "zh"]) -> str:
    from streams.report_base import report_as_html
    from streams.report_base_text import report_as_csv, report_as_json, report_as_markdown

    if as_what == "json":
        return json.dumps(report_as_json(report), ensure_ascii=False, indent=2) + "\n"
    write = {"html": report_as_html, "md": report_as_markdown, "csv": report_as_csv}[as_what]
    return write(report, lang)


def _write(path: Path, text: str) -> None:
    """All or nothing: what goes wrong leaves an earlier report as it was."""
    whole = path.resolve()  # a link stays one
    beside = whole.with_name(f".report-{os.getpid()}{whole.suffix}")
    try:
        beside.unlink(missing_ok=True)
        with beside.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
        if whole.exists():
            beside.chmod(whole.stat().st_mode & 0o7777)
        beside.replace(whole)
    except OSError as error:
        _not_written(path, error)
    finally:
        if beside.is_file():
            beside.unlink()
    err.print(f"report: {path}", markup=False, highlight=False)
