"""`telematics bridge`: positions that others write to Kafka become pings."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from telematics.cli.options import Bootstrap, Json, Port, Prefix, settings_from

app = typer.Typer(no_args_is_help=True, help="Make pings of positions that others write to Kafka.")

# Not TELEMATICS_KAFKA__GROUP, which is the monitor's: what the one has read says nothing of the other.
_GROUP = "telematics-bridge-traccar"


# A callback keeps the verb, as long as there is only one.
@app.callback()
def _bridge() -> None:
    pass


@app.command()
def traccar(
    source: Annotated[
        str, typer.Option("--from", metavar="TOPIC", help="Topic that Traccar forwards to (forward.topic).")
    ],
    id_attribute: Annotated[
        str | None,
        typer.Option(
            "--id-attribute",
            metavar="NAME",
            help="Attribute of Traccar's device that is the vehicle_id, instead of its uniqueId.",
        ),
    ] = None,
    group: Annotated[
        str, typer.Option("--group", metavar="NAME", help="Consumer group; its members share the topic's partitions.")
    ] = _GROUP,
    port: Port = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    json: Json = False,
) -> None:
    """Write what Traccar forwards as pings, each exactly once, until SIGTERM or Ctrl-C.

    What is no ping goes to the dead letters. A new group begins with the oldest position there is. With --json log
    lines are JSON.
    """
    import uvloop

    from telematics.stream.bridge import run
    from telematics.wire.dialects.traccar import decode_traccar

    settings = settings_from(bootstrap, prefix, group=group, port=port, json_log=json)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(settings, source, lambda value: decode_traccar(value, id_attribute)))
