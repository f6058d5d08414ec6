"""`telematics explain`: why there is an alert, or why there is none."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from telematics.cli.options import (
    Bootstrap,
    Columns,
    Dialect,
    Json,
    LanguageName,
    LanguageOption,
    Prefix,
    Rules,
    TripsFile,
    instant,
    settings_from,
)
from telematics.cli.output import EXIT_PROBLEMS, as_json, note
from telematics.cli.replay import track_options
from telematics.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from telematics.model import Alert, Batch, Trip
    from telematics.replay.explanation import Explanation
    from telematics.replay.fencesets import RecordedSets
    from telematics.replay.files import Options
    from telematics.texts import Language

# An episode may begin by a device clock that runs ahead of the broker's: up to ten minutes are believed.
_CLOCK_AHEAD_MS = 600_000


def explain(
    alert_id: Annotated[str | None, typer.Argument(metavar="ALERT_ID", help="The alert to explain.")] = None,
    alerts: Annotated[
        Path | None, typer.Option("--alerts", metavar="FILE", help="Look for it in this NDJSON file, not in Kafka.")
    ] = None,
    vehicle: Annotated[str | None, typer.Option("--vehicle", metavar="ID", help="Explain a vehicle instead …")] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="… at this RFC 3339 time, on the arrival clock.")
    ] = None,
    dump: Annotated[
        Path | None,
        typer.Option("--dump", metavar="FILE", help="Its pings are in this dump or track file, not in Kafka."),
    ] = None,
    columns: Columns = None,
    dialect: Dialect = None,
    trips: TripsFile = None,
    fences: Annotated[
        Path | None,
        typer.Option(
            "--fences", metavar="FILE", help="GeoJSON file of the geofences that held, if no set was published."
        ),
    ] = None,
    rules: Rules = None,
    language: LanguageOption = LanguageName.EN,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    json: Json = False,
) -> None:
    """Explain an alert by its id, or what each rule made of a vehicle at a time and what held it back."""
    if (alert_id is None) == (vehicle is None):
        raise UserError("say what to explain: an ALERT_ID, or --vehicle ID with --at TIME")
    if dump is None and (columns or dialect or trips):
        raise UserError("--map, --dialect and --trips say how a file is read: they need --dump FILE")
    from telematics.texts import Language

    if alert_id is not None:
        _explain_alert(alert_id, alerts, Language(language), bootstrap, prefix, json=json)
        return
    if at is None:
        raise UserError("--vehicle needs --at TIME: rules are explained as of a time")
    given = None if dump is None else _Given(dump, track_options(columns, dialect), trips)
    explanation = _of_vehicle(vehicle or "", instant(at, "--at"), given, fences, rules, bootstrap, prefix)
    if not explanation.pings:
        note(f"no ping of {vehicle} arrived in the hours before {at}")
        raise typer.Exit(EXIT_PROBLEMS)
    from telematics.cli.explained import explanation_as_json, print_explanation

    if json:
        as_json(explanation_as_json(explanation, Language(language)))
    else:
        print_explanation(explanation, Language(language))


def _explain_alert(
    alert_id: str, file: Path | None, language: Language, bootstrap: str | None, prefix: str | None, *, json: bool
) -> None:
    from telematics.cli.explained import alert_as_json, print_alert

    events = read_alert_file(file) if file else asyncio.run(_from_topic(alert_id, bootstrap, prefix))
    # A crash may have had some events written twice, with the same number and bytes.
    numbered = {event.seq: event for event in events if event.alert_id == alert_id}
    found = [numbered[seq] for seq in sorted(numbered)]
    if not found:
        note(f"there is no alert {alert_id} in {file or 'the alerts topic'}")
        raise typer.Exit(EXIT_PROBLEMS)
    if json:
        as_json(alert_as_json(found, language))
    else:
        print_alert(found, language)


def _of_vehicle(
    vehicle_id: str,
    at: int,
    given: _Given | None,
    fences: Path | None,
    rules: Path | None,
    bootstrap: str | None,
    prefix: str | None,
) -> Explanation:
    from geofences.formats.geojson import load_geojson
    from geofences.index import FenceIndex
    from telematics.core.params import load_rules
    from telematics.replay.explanation import explain_vehicle
    from telematics.replay.fencesets import Holding

    index, parameters = FenceIndex(load_geojson(fences)) if fences else None, load_rules(rules)
    if given is not None:
        partition, sets, inputs = _from_file(given, vehicle_id, at)
        return explain_vehicle(Holding(index, sets).engine(partition, parameters), inputs, vehicle_id, at)
    settings = settings_from(bootstrap, prefix)
    from telematics.stream.inputs import read_inputs

    found = asyncio.run(read_inputs(settings, vehicle_id, at, sets=index is None))
    engine = Holding(index, found.sets).engine(found.partition, parameters, truncated=found.truncated)
    return explain_vehicle(engine, found.in_order, vehicle_id, at)


@dataclass(frozen=True, slots=True)
class _Given:
    """The file with a vehicle's pings, how it is read, and the file of its trips."""

    path: Path
    options: Options
    trips: Path | None


def _from_file(file: _Given, vehicle_id: str, at: int) -> tuple[int, RecordedSets | None, Iterator[Batch | Trip]]:
    """The vehicle's partition, the fence sets of the file, and what came in that partition."""
    from telematics.model import Trip
    from telematics.replay.feed import open_feed, sets_first
    from telematics.replay.plan import Plan
    from telematics.replay.rejects import Rejects
    from telematics.replay.trips import from_the_start, load_trips
    from telematics.wire.partitioner import partition_of

    feed = open_feed(Plan((file.path,), file.options, until_ms=at))
    number = 0 if feed.header is None else partition_of(vehicle_id.encode(), feed.header.partitions)
    sets, events = sets_first(feed.read(Rejects()))
    of_it = (
        given if isinstance(given, Trip) else given[number]
        for given in events
        if isinstance(given, Trip) or number in given
    )
    return number, sets, chain(map(from_the_start, load_trips(file.trips) if file.trips else ()), of_it)


async def _from_topic(alert_id: str, bootstrap: str | None, prefix: str | None) -> list[Alert]:
    settings = settings_from(bootstrap, prefix)
    from telematics.stream.alerts import read_alerts

    began = re.match(r"[0-9a-f]{12}(?=-)", alert_id)
    since = max(0, int(began.group(), 16) - _CLOCK_AHEAD_MS) if began else None
    found = read_alerts(settings, since=since, follow=False)
    return [alert async for alert in found if alert.alert_id == alert_id]


def read_alert_file(path: Path) -> list[Alert]:
    """Alerts of an NDJSON file. Raises UserError naming file, line and what is wrong."""
    from telematics.wire.alerts import decode_alert
    from telematics.wire.reasons import Reject

    try:
        rows = path.read_bytes().splitlines()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    alerts = []
    for number, row in enumerate(rows, start=1):
        if not row.strip():
            continue
        alert = decode_alert(row)
        if isinstance(alert, Reject):
            raise UserError(f"{path}, line {number}: is no alert: {alert.detail}")
        alerts.append(alert)
    return alerts
