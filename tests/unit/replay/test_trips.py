"""Files of trips: what is read, and how mistakes are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from telematics.model import PlannedStop, StopKind, Trip, TripPlan, Vehicle, Window
from telematics.replay.trips import TripsError, load_trips

EXPECTED = (
    Trip(
        "truck-1",
        1_769_613_720_000,
        Vehicle(tags=("reefer",)),
        TripPlan("t-1", stops=(PlannedStop(StopKind.REST, "parador", window=Window(0, 3_600_000)),)),
    ),
    Trip("truck-2", None, Vehicle(client="ACME")),
)
NDJSON = """\
{"vehicle_id":"truck-1","effective_at":"2026-01-28T15:22:00Z","vehicle":{"tags":["reefer"]},"trip":{"id":"t-1",\
"stops":[{"kind":"rest","place":"parador","window":{"start":"1970-01-01T00:00:00Z","end":"1970-01-01T01:00:00Z"}}]}}

{"vehicle_id":"truck-2","vehicle":{"client":"ACME"}}
"""
YAML = """\
- vehicle_id: truck-1
  effective_at: 2026-01-28T15:22:00Z
  vehicle: {tags: [reefer]}
  trip:
    id: t-1
    stops:
      - kind: rest
        place: parador
        window: {start: 1970-01-01T00:00:00Z, end: "1970-01-01T01:00:00Z"}
- vehicle_id: truck-2
  vehicle: {client: ACME}
"""
JSON = "[\n" + ",\n".join(line for line in NDJSON.splitlines() if line) + "\n]"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a test's file is written."""
    return tmp_path / "trips.any"


@pytest.mark.parametrize("text", [NDJSON, YAML, JSON, "\ufeff" + NDJSON], ids=["ndjson", "yaml", "json", "bom"])
def test_forms(text: str, path: Path) -> None:
    """One document a line, and lists in JSON or YAML, say the same."""
    path.write_text(text, encoding="utf-8")
    assert load_trips(path) == EXPECTED


def test_one_document(path: Path) -> None:
    """A file may hold one document over several lines."""
    path.write_text('{\n  "vehicle_id": "truck-1"\n}\n')
    assert load_trips(path) == (Trip("truck-1"),)


def test_nothing(path: Path) -> None:
    """An empty file holds no trips."""
    path.write_text("")
    assert load_trips(path) == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"vehicle_id":"a","trip":{"id":"t","rout":[]}}', ", trip 1 (vehicle 'a'): trip.rout: unknown field; did you mean 'route'?"),
        ("- vehicle_id: a\n  colour: red\n", "trip 1 (vehicle 'a'): colour: unknown field; known are vehicle_id,"),
        ("- vehicle_id: a\n  trip: {id: t, stops: [{windw: 1}]}", "trip.stops.windw: unknown field; did you mean 'window'?"),
        ("- vehicle_id: a\n  trip: {id: t, route: [[-99, 19], [200, 19]]}", "trip.route.1.0: "),
        ("- vehicle_id: a\n  effective_at: 2026-01-28 15:22:00", "has no zone; end it with Z"),
        ("- vehicle_id: 7", "vehicle_id: Input should be a valid string"),
        ("- vehicle_id: a\n  trip: {}", "trip.id: Field required"),
        ("- truck-1", "trip 1: expected a trip document such as"),
        ("just words", "trip 1: expected a trip document such as"),
        ("- a: [", "neither JSON nor YAML"),
        ('{"vehicle_id":"a"}\n{"vehicle_id":', "line 2: not a JSON object on one line"),
        ("- vehicle_id: a\n- vehicle_id: a\n", "vehicle 'a' has a trip from the same instant on at"),
        ("- {1: 2, vehicle_id: a}", "1: unknown field"),
        ("- vehicle_id: a\n  effective_at: 2026-13-45\n", "neither JSON nor YAML: month must be in 1..12"),
        ("[" * 5000, "nested too deeply"),
        ("- vehicle_id: a\n  trip: {id: t, stops: [{kind: rest}]}", "trip.stops.0.place: missing; say where the stop is"),
        ("- vehicle_id: a\n  trip: {id: t, stops: [{lat: 19}]}", "trip.stops.0.lon: missing beside lat"),
        ("- vehicle_id: a\n  trip: {id: t, stops: [{place: p, window: {start: 2026-01-02T00:00:00Z, end: 2026-01-01T00:00:00Z}}]}",
         "trip.stops.0.window.end: must be later than its start"),
    ],
)  # fmt: skip
def test_mistakes(text: str, words: str, path: Path) -> None:
    """A mistake names the file, the trip and its vehicle, the field, and what would be right."""
    path.write_text(text)
    with pytest.raises(TripsError) as refused:
        load_trips(path)
    assert str(refused.value).startswith(str(path))
    assert words in str(refused.value)


def test_every_mistake_is_told_at_once(path: Path) -> None:
    """A file with several mistakes is mended in one round."""
    path.write_text("- {vehicle_id: a b}\n- {vehicle_id: c}\n- {vehicle_id: d, trip: 7}\n")
    with pytest.raises(TripsError) as refused:
        load_trips(path)
    assert [line.partition(", ")[2].partition(" (")[0] for line in str(refused.value).splitlines()] == [
        "trip 1",
        "trip 3",
    ]


def test_unreadable(path: Path) -> None:
    """A file that is missing or no text is named."""
    with pytest.raises(TripsError, match="cannot be read"):
        load_trips(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(TripsError, match="byte 0 is not UTF-8"):
        load_trips(path)
