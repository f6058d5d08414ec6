"""`telematics replay`: files through the same engine that runs live."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from telematics.cli.options import Arrival, Columns, Dialect, DialectChoice, FencesOrSets, Json, Rules, TripsFile, Until
from telematics.cli.output import EXIT_PROBLEMS, as_json, line, note, table
from telematics.errors import UserError

if TYPE_CHECKING:
    from telematics.replay.files import Options
    from telematics.replay.plan import Plan, Progress
    from telematics.replay.rejects import Rejects
    from telematics.replay.runner import Summary


class OrderChoice(StrEnum):
    """How rows are ordered (`telematics.replay.arrival`, which is slow to import)."""

    TS = "ts"
    FILE = "file"


def replay(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="CSV, NDJSON or dumps, plain or in gzip.", show_default=False),
    ],
    fences: FencesOrSets = None,
    rules: Rules = None,
    trips: TripsFile = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write alerts there, one a line.")] = None,
    rejects: Annotated[
        Path | None, typer.Option("--rejects", metavar="FILE", help="Write rows that cannot be read there, and why.")
    ] = None,
    columns: Columns = None,
    dialect: Dialect = None,
    arrival: Arrival = None,
    order: Annotated[
        OrderChoice, typer.Option("--order", help="ts: rows are sorted by time. file: rows arrive as they lie.")
    ] = OrderChoice.TS,
    until: Until = None,
    tail_s: Annotated[
        float, typer.Option("--tail", metavar="SECONDS", min=0, help="How long time goes on after the last row.")
    ] = 0.0,
    json: Json = False,
) -> None:
    """Judge recorded pings, with the fences of a file or of the dump. Exits 1 when not one row could be read, 2 when files or options are wrong."""
    from geofences.formats.geojson import load_geojson
    from geofences.index import FenceIndex
    from telematics.core.params import load_rules
    from telematics.replay.feed import open_feed
    from telematics.replay.rejects import Rejects
    from telematics.replay.runner import replay as run
    from telematics.replay.trips import load_trips

    index, parameters = FenceIndex(load_geojson(fences)) if fences else None, load_rules(rules)
    documents = load_trips(trips) if trips else ()
    feed = open_feed(plan_of(files, columns, dialect, arrival, until, order, tail_s))
    inputs = [*files, *(path for path in (fences, rules, trips) if path)]
    with ExitStack() as stack:
        alerts_out = _writer(stack, out, "--out", inputs)
        rejects_out = _writer(stack, rejects, "--rejects", [*inputs, *([out] if out else [])])
        progress = None if json else stack.enter_context(bar("replay", files))
        refused = Rejects(rejects_out)
        summary = run(feed, index, parameters, documents, alerts_out, refused, progress)
    if json:
        as_json(summary.as_json())
    else:
        _tell(summary, refused, rejects)
    if summary.pings == 0:
        raise typer.Exit(EXIT_PROBLEMS)


def read_map(text: str | None) -> dict[str, str]:
    """Read `--map`: field names to column names. Raises UserError for what is no list of NAME=COLUMN."""
    from telematics.wire.dialects import is_field, native

    columns: dict[str, str] = {}
    for part in text.split(",") if text else ():
        name, equals, column = (word.strip() for word in part.partition("="))
        if not (name and equals and column):
            raise UserError(f"--map: {part!r} is not NAME=COLUMN, as in vehicle_id=track_id,ts=t")
        if name in columns:
            raise UserError(f"--map: {name!r} is mapped twice")
        if not is_field(name):
            close = get_close_matches(name, native.NAMES, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(sorted(native.NAMES))}"
            raise UserError(f"--map: no field is called {name!r}; {hint}")
        columns[name] = column
    return columns


def track_options(columns: str | None, dialect: DialectChoice | None, arrival: str | None = None) -> Options:
    """How `--map`, `--dialect` and `--arrival` want track files read. Raises UserError for a mapping that is none."""
    from telematics.replay.files import Options
    from telematics.wire.dialects import DialectName

    return Options(DialectName(dialect) if dialect else None, read_map(columns), arrival)


def plan_of(
    files: list[Path],
    columns: str | None = None,
    dialect: DialectChoice | None = None,
    arrival: str | None = None,
    until: str | None = None,
    order: OrderChoice = OrderChoice.TS,
    tail_s: float = 0.0,
) -> Plan:
    """What the options say of the files. Raises UserError naming the option."""
    from telematics.replay.arrival import Order
    from telematics.replay.plan import Plan
    from telematics.wire.dialects.timestamps import read_instant

    try:
        until_ms = None if until is None else read_instant(until)
    except ValueError as error:
        raise UserError(f"--until: {error}") from None
    return Plan(tuple(files), track_options(columns, dialect, arrival), Order(order), until_ms, round(tail_s * 1000))


def _writer(stack: ExitStack, path: Path | None, option: str, inputs: list[Path]) -> IO[bytes] | None:
    if path is None:
        return None
    if any(path.resolve() == given.resolve() for given in inputs):
        raise UserError(f"{option} {path}: is another file of this command and would be overwritten")
    try:
        return stack.enter_context(path.open("wb"))
    except OSError as error:
        raise UserError(f"{option} {path}: cannot be written: {error.strerror}") from error


@contextmanager
def bar(title: str, files: list[Path]) -> Iterator[Progress | None]:
    """Draw how much of the files was read on standard error; `None`, and no bar, where nobody watches."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    done: dict[Path, int] = {}
    words = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %")
    with Progress(*words, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as drawn:
        task = drawn.add_task(title, total=sum(path.stat().st_size for path in files))

        def tell(path: Path, read: int) -> None:
            done[path] = read
            drawn.update(task, completed=sum(done.values()))

        yield tell


def _tell(summary: Summary, refused: Rejects, rejects: Path | None) -> None:
    for text in summary.notes:
        note(text)
    found: dict[str, Any] = summary.as_json()
    rows: list[tuple[str, object]] = [
        ("pings", f"{summary.pings:,} of {summary.vehicles:,} vehicles, {summary.pings_per_s:,.0f} a second"),
        ("rejected", _listed(found["rejected"])),
        ("quarantined", _listed(found["quarantined"])),
        ("alerts", _listed(found["alerts"])),
    ]
    table(("what", "how many"), rows)
    tell_refused(refused, f"{rejects} has them all" if rejects else "--rejects FILE keeps them all")
    if summary.pings == 0:
        line("not one ping could be judged")


def tell_refused(refused: Rejects, kept: str) -> None:
    """Say how many rows were refused, if any, and which was the first; `kept` says where to find them all."""
    if refused.first is not None:
        file, row, refusal = refused.first
        note(
            f"rows rejected: {refused.counts.total():,}, the first is {file}, line {row} ({refusal.reason}: {refusal.detail}); {kept}"
        )


def _listed(counts: dict[str, int]) -> str:
    parts = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    return f"{sum(counts.values()):,}" + (f" ({parts})" if parts else "")
