"""`telematics topics`: create, check and dump the topics."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import IO, Annotated, cast

import typer

from telematics.cli.options import Bootstrap, Group, Json, Prefix, instant, settings_from
from telematics.cli.output import EXIT_PROBLEMS, as_json, line, note, progress, table
from telematics.errors import UserError

app = typer.Typer(no_args_is_help=True, help="Create, check and dump the topics.")


class ProfileName(StrEnum):
    """Who stamps the records (`telematics.stream.topics.Profile`, which is slow to import)."""

    LIVE = "live"
    SIM = "sim"


ProfileOption = Annotated[
    ProfileName,
    typer.Option("--profile", help="live: the broker stamps arrivals. sim: the writer does, time may run fast."),
]


@app.command()
def create(
    profile: ProfileOption = ProfileName.LIVE,
    partitions: Annotated[
        int, typer.Option(metavar="N", min=1, max=1000, help="Partitions of pings, alerts, dead letters.")
    ] = 8,
    replication: Annotated[int, typer.Option(metavar="N", min=1, max=9, help="Copies of each partition.")] = 1,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    json: Json = False,
) -> None:
    """Create the topics that are missing; those that exist are left as they are."""
    settings = settings_from(bootstrap, prefix)
    from telematics.stream import topics

    created = asyncio.run(topics.create(settings, topics.Profile(profile), partitions, replication))
    if json:
        as_json({"created": created})
        return
    for name in created:
        line(f"created {name}")
    if not created:
        line("every topic exists already; 'telematics topics check' says whether they are as they must be")


@app.command()
def check(
    profile: Annotated[
        ProfileName | None,
        typer.Option("--profile", help="Profile the topics must have; without it, that of the pings topic."),
    ] = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    json: Json = False,
) -> None:
    """Compare the topics with what the monitor needs; exits 1 when something is wrong."""
    settings = settings_from(bootstrap, prefix)
    from telematics.stream import topics

    findings = asyncio.run(topics.check(settings, topics.Profile(profile) if profile else None))
    if json:
        as_json({"ok": not findings, "findings": findings})
    elif findings:
        table(("where", "what", "would be right"), [(found.where, found.what, found.remedy) for found in findings])
    else:
        line("topics are as they must be")
    if findings:
        raise typer.Exit(EXIT_PROBLEMS)


@app.command()
def dump(
    out: Annotated[
        Path,
        typer.Option("--out", metavar="FILE", help="File to write; compressed if it ends in .gz.", show_default=False),
    ],
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="End before what arrived after this RFC 3339 time.")
    ] = None,
    group: Group = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    json: Json = False,
) -> None:
    """Write pings, ticks, trips and fence sets as they lie in the topics to a file that `telematics replay` takes.

    Which sets were read too late, and from when on they counted therefore, is known of the monitors of one consumer group.
    """
    end = instant(until, "--until") if until is not None else None
    settings = settings_from(bootstrap, prefix, group=group)
    from telematics.stream.dump import dump as dump_topics

    try:
        with out.open("wb") as disk, _compressed(disk, out) as file, progress("dump") as told:
            dumped = asyncio.run(dump_topics(settings, file, until=end, progress=told))
    except OSError as error:
        raise UserError(f"{out}: cannot be written: {error.strerror}") from None
    if dumped.others:
        note(
            f"warning: group {settings.kafka.group} has read no fence sets here, but {', '.join(dumped.others)}: what its "
            "monitors read too late is not in the dump, and a replay may differ from what they said; name it with --group"
        )
    if json:
        as_json({"file": str(out), "written": dumped.written})
    else:
        counted = ", ".join(f"{number} {kind}s" for kind, number in dumped.written.items())
        line(f"wrote {counted or 'nothing'} to {out}")


@contextmanager
def _compressed(disk: IO[bytes], path: Path) -> Iterator[IO[bytes]]:
    if path.suffix != ".gz":
        yield disk
        return
    with gzip.GzipFile(fileobj=disk, mode="wb") as file:
        yield cast("IO[bytes]", file)
