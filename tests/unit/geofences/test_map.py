"""The page of a set of fences: everything is in it, as data, and it reaches for nothing."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from geofences.formats.geojson import open_geojson
from geofences.lint import lint
from geofences.map import Track, page
from geofences.model import Circle, Fence, FenceKind
from geofences.schedule import Holiday, Schedule, Window

NASTY = "</script><script>alert(1)</script><!-- "


def data(text: str) -> Any:
    """What the page's script is given."""
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_fences_findings_and_tracks_are_in_it() -> None:
    """With what a person wants to know of each, and where."""
    feature = {"type": "Point", "coordinates": [-99.0, 19.0]}
    given = {"type": "Feature", "geometry": feature, "properties": {"id": "tiny", "radius_m": 10}}
    _, read = open_geojson(json.dumps({"type": "FeatureCollection", "features": [given]}).encode())
    yard = Fence(id="yard", name="Patio", shape=Circle(-99.1, 19.4, 300.0), kind=FenceKind.DEPOT, approach_m=500.0)
    track = Track("T-1", [(-99.1, 19.4, "2026-01-28T12:00:00Z"), (-99.0, 19.0, "2026-01-28T13:00:00Z")])
    shown = data(page("fences.geojson", [yard, *(one.fence for one in read if one.fence)], lint(read), [track]))
    assert shown["summary"] == "2 fences, 1 finding, 1 track"
    first = shown["fences"][0]
    assert (first["properties"]["name"], first["properties"]["radius_m"], first["kind"]) == ("Patio", 300.0, "depot")
    assert first["at"] == pytest.approx([-99.1, 19.4], abs=1e-3)
    assert first["approach"][0][0] != first["polygons"][0][0]
    assert [(one["code"], one["fence"]) for one in shown["findings"]] == [("below-gps-error", "tiny")]
    assert shown["tracks"] == [
        {
            "vehicle": "T-1",
            "points": [[-99.1, 19.4, "2026-01-28T12:00:00Z"], [-99.0, 19.0, "2026-01-28T13:00:00Z"]],
            "box": [-99.1, 19.0, -99.0, 19.4],
        }
    ]


def test_a_schedule_is_shown_in_words() -> None:
    """As everywhere else, and not as the file has it."""
    schedule = Schedule("America/Mexico_City", [Window(1320, 360)], [Holiday(12, 25)])
    (shown,) = data(page("one", [Fence(id="f", shape=Circle(-99.1, 19.4, 300.0), schedule=schedule)]))["fences"]
    assert shown["properties"]["schedule"] == str(schedule)


def test_names_are_never_markup() -> None:
    """Whatever somebody calls a fence, it ends no script and begins none."""
    text = page(NASTY, [Fence(id=NASTY[:60], name=NASTY, shape=Circle(-99.1, 19.4, 300.0), protocol="{{data}}")])
    assert text.count("<script") == 2
    assert text.count("</script>") == 2
    shown = data(text)
    assert (shown["title"], shown["fences"][0]["properties"]["name"]) == (NASTY, NASTY)
    assert "innerHTML" not in text


def test_it_reaches_for_nothing() -> None:
    """No address is in it, and its policy forbids to load."""
    text = page("none", [])
    assert "default-src 'none'" in text
    assert not re.search(r"https?:|//[a-z]+\.|@import|url\(|fetch\(|XMLHttpRequest|\bsrc=", text)
    assert data(text)["fences"] == []
