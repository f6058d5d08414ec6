"""`telematics-simulate`: fleets into Kafka or files, from a seed. Exit codes: 0 done, 1 it failed, 2 wrong usage."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import orjson
import typer

from simulators.emit.files import Files, Format
from simulators.faults import Faults
from simulators.fleet import START_MS, FleetPlan
from simulators.geography import FENCES
from simulators.run import run_to_files, run_to_kafka
from simulators.spans import parse_span
from telematics.errors import TelematicsError, UserError
from telematics.instants import format_rfc3339, parse_rfc3339

if TYPE_CHECKING:
    from collections.abc import Sequence

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

KAFKA = "kafka"
SIM_PREFIX = "sim.telematics."
PREFIX_SETTING = "TELEMATICS_TOPICS__PREFIX"
HOUR_MS = 3_600_000
RARELY = (200_000, 20, 100)
"""Thresholds of the garbage collector. A simulation makes no cycles but has millions of live objects, which the
default would walk again and again: a third of the time at 2,000 trucks, measured."""


@app.callback()
def _simulate() -> None:
    """Simulate trucks on an illustrative map of Mexican corridors, with the truth kept apart from the pings."""


@app.command()
def run(
    *,
    vehicles: Annotated[int, typer.Option(min=1, help="How many trucks.")] = 100,
    to: Annotated[str, typer.Option(metavar="kafka|FILE", help="Where pings go; FILE.gz is compressed.")] = KAFKA,
    seed: Annotated[int, typer.Option(help="Same seed and options, same bytes.")] = 1,
    speed: Annotated[
        float, typer.Option(min=0, help="Kafka: times real time; 0 is as fast as it goes. Files do not wait.")
    ] = 1.0,
    hours: Annotated[float | None, typer.Option(help="Simulated hours; 1 for a file, without end for Kafka.")] = None,
    duration: Annotated[str | None, typer.Option(help="Instead of --hours: 90s, 30m, 1.5h, 2d.")] = None,
    start: Annotated[str, typer.Option(help="First instant, RFC 3339.")] = format_rfc3339(START_MS),
    cadence: Annotated[int | None, typer.Option(min=1, help="Seconds between pings; else 10, 30 or 60.")] = None,
    hijacks: Annotated[int, typer.Option(min=0, help="How many of the trucks are hijacked (H01).")] = 0,
    dead_zones: Annotated[int, typer.Option(min=0, help="How many cross a dead zone (C03).")] = 0,
    loss: Annotated[float, typer.Option(help="Share of pings lost.")] = 0.0,
    duplicates: Annotated[float, typer.Option(help="Share of pings sent twice.")] = 0.0,
    reorder: Annotated[float, typer.Option(help="Share of pings that come 1-10 min late.")] = 0.0,
    no_fix: Annotated[float, typer.Option(help="Share of pings without a fix.")] = 0.0,
    partitions: Annotated[int, typer.Option(min=1, help="Partitions of a dump; Kafka's topic has its own.")] = 8,
    form: Annotated[Format, typer.Option("--format", help="Lines of FILE: topic dump, or bare pings.")] = Format.DUMP,
    trips: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write trip documents here.")] = None,
    truth: Annotated[Path | None, typer.Option(metavar="FILE", help="Write what really happened here.")] = None,
    bootstrap: Annotated[
        str, typer.Option(metavar="HOST:PORT", envvar="TELEMATICS_KAFKA__BOOTSTRAP", help="Kafka to talk to.")
    ] = "127.0.0.1:9092",
    prefix: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT", help="Prefix of the topics; else TELEMATICS_TOPICS__PREFIX, where it begins with sim."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Simulate a fleet; print what was sent."""
    plan = FleetPlan(
        vehicles=vehicles,
        seed=seed,
        start_ms=_instant(start),
        duration_ms=_duration(hours, duration, ends=to != KAFKA),
        cadence_s=cadence,
        hijacks=hijacks,
        dead_zones=dead_zones,
        partitions=partitions,
        faults=Faults(loss, duplicates, reorder, no_fix),
    )
    gc.set_threshold(*RARELY)
    files = Files(trips=trips, truth=truth)
    if to == KAFKA:
        # What stops us is said in one line of ours; aiokafka's attempts before it are noise.
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
        summary = asyncio.run(run_to_kafka(plan, bootstrap, _prefix() if prefix is None else prefix, speed, files))
    else:
        files = files.dump_to(Path(to), partitions) if form is Format.DUMP else files.pings_to(Path(to))
        summary = run_to_files(plan, files)
    _print(summary.document(), as_json=as_json)


@app.command()
def fences() -> None:
    """Print where the sample's fence file is, for `--fences` of the product's commands."""
    sys.stdout.write(f"{FENCES}\n")


@app.command()
def demo(
    *,
    seconds: Annotated[float | None, typer.Option(min=1, help="End so long after the first ping, and judge.")] = None,
    bootstrap: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Kafka to use, not a local one.")] = None,
) -> None:
    """Watch a local Kafka, a fleet, the monitor and its alerts together; exits 1 when an alert that was due is missing."""
    from simulators.demo import demo as play  # noqa: PLC0415  # it brings the broker and the monitor with it

    sys.exit(play(seconds, bootstrap))


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit; what went wrong on purpose is one line, never a traceback."""
    try:
        app(list(arguments) if arguments is not None else None)
    except UserError as error:
        _fail(error, 2)
    except TelematicsError as error:
        _fail(error, 1)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0)


def _fail(error: TelematicsError, code: int) -> NoReturn:
    sys.stderr.write(f"error: {error}\n")
    sys.exit(code)


def _prefix() -> str:
    """What the monitor's setting says, unless that is for topics of real trucks: with it in the environment one forgets it."""
    given = os.environ.get(PREFIX_SETTING)
    if given is None or given.startswith("sim."):
        return given or SIM_PREFIX
    sys.stderr.write(
        f"{PREFIX_SETTING}={given} does not begin with sim. and is not followed: simulations go to {SIM_PREFIX}*; "
        "name others with --prefix\n"
    )
    return SIM_PREFIX


def _instant(text: str) -> int:
    try:
        return parse_rfc3339(text)
    except ValueError as error:
        raise UserError(f"--start: {error}") from None


def _duration(hours: float | None, duration: str | None, *, ends: bool) -> int | None:
    if hours is not None and duration is not None:
        raise UserError("--hours and --duration say the same thing: give one of them")
    if hours is not None:
        return round(hours * HOUR_MS)
    if duration is not None:
        return parse_span(duration)
    return HOUR_MS if ends else None


def _print(document: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        sys.stdout.buffer.flush()
    else:
        sys.stdout.write("".join(f"{name:>12}  {value}\n" for name, value in document.items()))
