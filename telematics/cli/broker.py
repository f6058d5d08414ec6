"""`telematics broker`: a real Kafka on this machine, kept in a folder of yours."""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

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
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 9092,
    folder: Folder = None,
    json: Json = False,
) -> None:
    """Start the broker and stay until Ctrl-C, SIGTERM or `telematics broker stop`; its data are kept."""
    from telematics.stream.local.broker import LocalBroker

    with contextlib.suppress(KeyboardInterrupt), LocalBroker.kept(port=port, folder=folder) as broker:
        if json:
            as_json_line({"bootstrap": broker.bootstrap, "folder": str(broker.folder), "java_pid": broker.java_pid})
        else:
            line(f"Kafka is ready at {broker.bootstrap}; its data are in {broker.folder}")
            note("Ctrl-C ends it")
        problem = broker.wait()
        if problem:
            note(problem)
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
    """Say whether the broker runs, and where. Exit code 1 when it does not."""
    from telematics.stream.local import kept
    from telematics.stream.local.folders import kept_folder

    where = folder or kept_folder()
    found = kept.running(where)
    if json:
        as_json({"running": found is not None, **(asdict(found) if found else {"folder": str(where)})})
    elif found:
        line(f"running at {found.bootstrap}, process {found.java_pid}, data in {found.folder}")
    else:
        line(f"not running; 'telematics broker run' starts one with its data in {where}")
    if found is None:
        raise typer.Exit(EXIT_PROBLEMS)
