"""`telematics broker`: a real Kafka on this machine, kept in a folder of yours."""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from telematics.cli.options import Json
from telematics.cli.output import EXIT_PROBLEMS, as_json, as_json_line, line, note

app = typer.Typer(no_args_is_help=True, help="Run a real Kafka on this machine (extra: local).")

Folder = Annotated[
    Path | None,
    typer.Option(
        "--folder", metavar="DIR", help="Where its data are kept, instead of the one under TELEMATICS_LOCAL_DIR."
    ),
]


@app.command()
def run(
    nodes: Annotated[
        Literal["1", "3"],
        typer.Option(help="One node, or three with three copies of everything, which live on without one of them."),
    ] = "1",
    port: Annotated[
        int, typer.Option(min=1, max=65533, help="Port on 127.0.0.1; three nodes take the two after it as well.")
    ] = 9092,
    folder: Folder = None,
    json: Json = False,
) -> None:
    """Start the broker and stay until Ctrl-C, SIGTERM or `telematics broker stop`; its data are kept."""
    from telematics.stream.local.broker import LocalBroker

    broker = LocalBroker.kept(port=port, nodes=3 if nodes == "3" else 1, folder=folder)
    with contextlib.suppress(KeyboardInterrupt), broker:
        if json:
            as_json_line({"bootstrap": broker.bootstrap, "folder": str(broker.folder), "java_pids": broker.java_pids})
        else:
            line(f"Kafka is ready at {broker.bootstrap}; its data are in {broker.folder}")
            note("Ctrl-C ends it")
        problem = broker.wait()
        if problem:
            note(f"error: {problem}")
            raise typer.Exit(EXIT_PROBLEMS)


@app.command()
def stop(folder: Folder = None, json: Json = False) -> None:
    """End the broker that `run` started; its data are kept. Exit code 1 when none runs."""
    from telematics.stream.local import kept
    from telematics.stream.local.folders import kept_folder

    where = folder or kept_folder()
    stopped = kept.stop(where)
    if json:
        as_json({"stopped": stopped})
    else:
        line("stopped" if stopped else f"no local Kafka runs in {where}")
    if not stopped:
        raise typer.Exit(EXIT_PROBLEMS)


@app.command()
def status(folder: Folder = None, json: Json = False) -> None:
    """Say whether the broker runs, where, and which of its nodes are down. Exit code 1 when it is not ready."""
    from telematics.stream.local import kept
    from telematics.stream.local.folders import kept_folder

    where = folder or kept_folder()
    found = kept.running(where)
    ready = found is not None and found.ready
    if json:
        as_json({"running": ready, **(asdict(found) if found else {"folder": str(where)})})
    elif found is None:
        line(f"not running; 'telematics broker run' starts one with its data in {where}")
    elif not ready:
        line(f"starting at {found.bootstrap}, data in {found.folder}")
    else:
        processes = ", ".join(f"{pid} (node {number})" for number, pid in found.java_pids.items())
        line(f"running at {found.bootstrap}, process {processes}, data in {found.folder}")
        for number in found.down:
            note(f"node {number} is down; its log is in {found.folder}/node-{number}, stop and run have it back")
    if not ready:
        raise typer.Exit(EXIT_PROBLEMS)
