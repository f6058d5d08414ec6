"""`telematics trips`: check, publish and look at what vehicles are planned to do."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from telematics.cli.options import Bootstrap, Json, Prefix, settings_from
from telematics.cli.output import EXIT_PROBLEMS, as_json, line, table

if TYPE_CHECKING:
    from telematics.model import Trip

app = typer.Typer(no_args_is_help=True, help="Check, publish and look at trips.")
File = Annotated[
    Path, typer.Argument(metavar="FILE", help="Trips: NDJSON, or a JSON or YAML list.", show_default=False)
]


@app.command()
def lint(file: File, json: Json = False) -> None:
    """Read a file of trips as `publish` would; a mistake is named with its line and ends with exit code 2."""
    from telematics.replay.trips import load_trips

    trips = load_trips(file)
    if json:
        as_json({"ok": True, "trips": len(trips)})
    else:
        line(f"{file}: {len(trips)} trips can be published")


@app.command()
def publish(file: File, bootstrap: Bootstrap = None, prefix: Prefix = None, json: Json = False) -> None:
    """Write trips to the trips topic, each replacing the whole document of its vehicle; nothing if one is wrong."""
    from telematics.replay.trips import load_trips

    trips = load_trips(file)
    settings = settings_from(bootstrap, prefix)
    from telematics.stream.trips_topic import publish_trips

    published = asyncio.run(publish_trips(settings, trips))
    if json:
        as_json({"published": published})
    else:
        line(f"published {published} trips to {settings.topics.trips}")


@app.command()
def show(
    vehicle: Annotated[str | None, typer.Argument(metavar="VEHICLE", help="Only this vehicle.")] = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    json: Json = False,
) -> None:
    """Print the last trip of every vehicle, or of one; exits 1 when that one has none."""
    settings = settings_from(bootstrap, prefix)
    from telematics.stream.trips_topic import show_trips

    trips = [_document(trip) for trip in asyncio.run(show_trips(settings, vehicle))]
    if json or vehicle is not None:
        as_json(trips)
    else:
        columns = ("vehicle", "effective at", "trip", "stops", "cargo")
        table(columns, (_row(trip) for trip in trips))
    if vehicle is not None and not trips:
        raise typer.Exit(EXIT_PROBLEMS)


def _document(trip: Trip) -> dict[str, Any]:
    import orjson

    from telematics.wire.trips import encode_trip

    document: dict[str, Any] = orjson.loads(encode_trip(trip))
    return document


def _row(trip: dict[str, Any]) -> tuple[object, ...]:
    plan = trip.get("trip") or {}
    return trip["vehicle_id"], trip.get("effective_at"), plan.get("id"), len(plan.get("stops", ())), plan.get("cargo")
