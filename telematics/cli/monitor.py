"""`telematics monitor`: pings in, alerts out, until it is asked to stop."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from telematics.cli.options import Bootstrap, Fences, Json, Prefix, Rules


def monitor(
    fences: Fences,
    rules: Rules = None,
    group: Annotated[
        str | None, typer.Option("--group", metavar="NAME", help="Consumer group, instead of TELEMATICS_KAFKA__GROUP.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", min=0, max=65535, help="Port of metrics and health, instead of TELEMATICS_HTTP__PORT."),
    ] = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    json: Json = False,
) -> None:
    """Judge pings and publish alerts until SIGTERM or Ctrl-C; several of one group share the partitions.

    A fence or rules file that is wrong is refused before any ping is read. With --json log lines are JSON.
    """
    import uvloop

    from geofences.formats.geojson import load_geojson
    from geofences.index import FenceIndex
    from telematics.core.params import load_rules
    from telematics.logs import configure_logging
    from telematics.settings import LogFormat, load_settings
    from telematics.stream.service import run

    kafka = {name: value for name, value in (("bootstrap", bootstrap), ("group", group)) if value is not None}
    given: dict[str, Any] = {"kafka": kafka}
    if prefix is not None:
        given["topics"] = {"prefix": prefix}
    if port is not None:
        given["http"] = {"port": port}
    if json:
        given["log"] = {"format": LogFormat.JSON}
    settings = load_settings(**given)
    index = FenceIndex(load_geojson(fences))
    parameters = load_rules(rules)
    configure_logging(settings.log)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(settings, index, parameters))
