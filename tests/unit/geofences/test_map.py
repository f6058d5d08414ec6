"""The page of a set of fences: everything is in it, as data, and it reaches for nothing."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from geofences.formats.geojson import open_geojson
from geofences.lint import Code, Finding, lint
from geofences.map import Track, page
from geofences.model import Circle, Fence, FenceKind, Polygonal
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


def test_a_finding_is_of_a_feature_and_not_of_an_id() -> None:
    """Two fences of one id are both drawn, each under the number that its findings have; what cannot be drawn has none."""
    first, second = (
        Fence(id="a", name=name, shape=Circle(lon, 19.4, 300.0)) for name, lon in (("1", -99.1), ("3", -98.0))
    )
    shown = data(page("twice", [first, None, second]))
    assert [(one["feature"], one["properties"]["name"]) for one in shown["fences"]] == [(1, "1"), (3, "3")]
    assert shown["summary"] == "2 fences"


def square(west: float, east: float) -> Polygonal:
    """From 10 to 11 degrees north."""
    return Polygonal(((((west, 10.0), (east, 10.0), (east, 11.0), (west, 11.0), (west, 10.0)),),))


@pytest.mark.parametrize(
    ("spans", "boxes"),
    [
        ([(179, 180), (-180, -179)], [(179, 180), (180, 181)]),
        ([(-180, -179), (170, 171), (178, 179)], [(180, 181), (170, 171), (178, 179)]),
        ([(-99, -98), (-118, -117)], [(-99, -98), (-118, -117)]),
        ([(-90, 89)], [(-90, 89)]),
    ],
)
def test_a_map_is_as_narrow_as_can_be(spans: list[tuple[float, float]], boxes: list[tuple[float, float]]) -> None:
    """Fences either side of 180 degrees lie beside each other."""
    shown = data(page("over", [Fence(id=str(span), shape=square(*span)) for span in spans]))
    assert [(one["box"][0], one["box"][2]) for one in shown["fences"]] == boxes


def test_what_belongs_to_a_fence_is_beyond_180_degrees_with_it() -> None:
    """One of two parts, its approach, its findings, and a track over it."""
    parts = Polygonal((*square(179, 179.99).polygons, *square(-179.99, -179).polygons))
    fence = Fence(id="f", shape=parts)
    finding = Finding(Code.OUTSIDE_REGION, 1, "f", "lies elsewhere", "", (-179.5, 10.5))
    track = Track("T-1", [(179.5, 10.5, "one"), (-179.5, 10.5, "two")])
    reach = Fence(id="g", shape=Circle(-179.5, 12.0, 300.0), approach_m=20_000.0)
    shown = data(page("over", [fence, reach], [finding], [track]))
    assert (shown["fences"][0]["box"][0], shown["fences"][0]["box"][2]) == (179.0, 181.0)
    assert all(lon > 180 for lon, _ in shown["fences"][1]["approach"][0][0])
    assert shown["findings"][0]["place"]["lon"] == 180.5
    assert [lon for lon, _, _ in shown["tracks"][0]["points"]] == [179.5, 180.5]
    assert shown["tracks"][0]["box"] == [179.5, 10.5, 180.5, 10.5]


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
