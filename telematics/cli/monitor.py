"""`telematics monitor`: pings in, alerts out, until it is asked to stop."""

from __future__ import annotations

import asyncio

from telematics.cli.options import Bootstrap, FencesOrSets, Group, Json, Port, Prefix, Rules, settings_from


def monitor(
    fences: FencesOrSets = None,
    rules: Rules = None,
    group: Group = None,
    port: Port = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    json: Json = False,
) -> None:
    """Judge pings and publish alerts until SIGTERM or Ctrl-C; several of one group share the partitions.

    A fence or rules file that is wrong is refused before any ping is read. Without a fence file the sets that are
    published hold (`telematics fences publish`), and no ping is judged before there is one. With --json log lines are JSON.
    """
    import uvloop

    from geofences.formats.geojson import load_geojson
    from geofences.index import FenceIndex
    from telematics.core.params import load_rules
    from telematics.stream.service import run

    settings = settings_from(bootstrap, prefix, group=group, port=port, json_log=json)
    index = FenceIndex(load_geojson(fences)) if fences else None
    parameters = load_rules(rules)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(settings, index, parameters))
