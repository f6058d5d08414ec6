"""What becomes of the names other programs give."""

from __future__ import annotations

import json
from typing import Any

import pytest

from geofences.formats.features import Foreign, Raw
from geofences.formats.geojson import load_geojson
from geofences.formats.kml import load_kml
from geofences.formats.naming import named, tidy
from geofences.formats.properties import identifier
from geofences.formats.traccar import load_traccar
from geofences.formats.wkt import load_csv

NAME = "\ufeffPatio\xa0Norte\r\n 2\u200b \U0001f469\u200d\U0001f527"
SEEN = "Patio Norte 2 \U0001f469\U0001f527"


def _ids(*names: Any) -> list[Any]:
    return [raw.properties["id"] for raw in named(Raw(None, {"name": name}) for name in names)]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (NAME, SEEN),
        ("a  b", "a  b"),
        (" \t ", ""),
        ("\u2028", ""),
        ("a \xa0 b", "a b"),
        ("\x00", "\x00"),
        ("ñ\u0301", "ñ\u0301"),
    ],
)
def test_what_cannot_be_seen_goes(text: str, seen: str) -> None:
    """Spaces of all kinds are one, joiners none; what a fence can have stays as it is, and control characters are refused."""
    assert tidy(text) == seen


def test_a_name_that_cannot_be_printed_is_no_mistake_in_a_foreign_file() -> None:
    """In none of the formats; and what cannot be mended is told with its character."""
    foreign = {"radius_m": 9}
    feature = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [2, 1]}, "properties": {"name": NAME}}
    placemark = f"<Placemark><name>{NAME}</name><Point><coordinates>2,1</coordinates></Point></Placemark>"
    read = [
        load_geojson(
            json.dumps({"type": "FeatureCollection", "features": [feature]}).encode(), Foreign(defaults=foreign)
        ),
        load_kml(f"<kml>{placemark}</kml>".encode(), Foreign(defaults=foreign)),
        load_csv(f'wkt,name\nPOINT (2 1),"x{NAME}"\n'.replace("x\ufeff", "").encode(), Foreign(defaults=foreign)),
        load_traccar(json.dumps([{"name": NAME, "area": "CIRCLE (1 2, 9)"}]).encode()),
    ]
    assert [(fence.id, fence.name) for (fence,) in read] == [("patio-norte-2", SEEN)] * 4


def test_ids_are_made_of_names() -> None:
    """A name that is there again is numbered, past the ids that are taken; one that says nothing is the feature's number."""
    given = [
        Raw(None, {"name": "Yard"}),
        Raw(None, {"name": "yard!"}),
        Raw(None, {"id": "yard-2"}),
        Raw(None, {"name": "---"}),
        Raw(None, {"name": ["Yard"]}),
        Raw(None, {"id": ["yard-4"], "name": "Yard"}),
        Raw(None, {"name": "Yard"}),
    ]
    assert [raw.properties["id"] for raw in named(given)] == [
        "yard",
        "yard-3",
        "yard-2",
        "fence-4",
        "fence-5",
        ["yard-4"],
        "yard-4",
    ]


def test_numbered_ids_are_ids() -> None:
    """However long the name, and however often it is there."""
    made = _ids(*["x" * 200] * 2_000)
    assert len({identifier(each) for each in made}) == 2_000


def test_a_name_given_often_is_numbered_in_passing() -> None:
    """Each time from the number it had last, or this would take an hour."""
    assert _ids(*["Yard"] * 100_000)[-1] == "yard-100000"
