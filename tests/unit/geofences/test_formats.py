"""Files as other programs write them, and files as nobody should."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from geofences.errors import FenceError
from geofences.formats import FORMATS, format_of
from geofences.formats import files as fence_files
from geofences.formats.features import Foreign
from geofences.formats.traccar import dump_traccar, load_traccar
from geofences.formats.wkt import load_csv
from geofences.model import Circle, Corridor, Fence, FenceKind, Polygonal

RING = ((-99.1, 19.0), (-99.0, 19.0), (-99.0, 19.1), (-99.1, 19.0))
HOLE = ((-99.02, 19.01), (-99.01, 19.01), (-99.01, 19.02), (-99.02, 19.01))


def _refused(name: str, data: bytes) -> str:
    with pytest.raises(FenceError) as caught:
        FORMATS[name].load(data, None)
    return str(caught.value)


def test_a_file_beyond_all_measure_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its size is looked at before it is in memory."""
    monkeypatch.setattr(fence_files, "MOST_BYTES", 1000)
    path = tmp_path / "large.csv"
    path.write_bytes(b"x" * 1001)
    with pytest.raises(FenceError, match="has more than 1,000 bytes"):
        load_csv(path)


def test_the_csv_of_a_desktop_is_read() -> None:
    """Semicolons, another name of the column, heights, a code of the coordinate system, empty cells, a long shape."""
    edge = ", ".join(f"{-99 + n / 10_000} 19" for n in range(9_000))
    text = (
        "\ufeffid;name;kind;radius_m;buffer_m;WKT;color\n"
        'a;"Patio; norte";depot;250;;POINT Z (-99.5 20.5 2240);red\n'
        f"b;;;;50;SRID=4326;;\nc;;generic;;50;LINESTRING ({edge});\n"
    ).replace("SRID=4326;;", '"SRID=4326;LINESTRING (-99.1 19, -99 19)";')
    foreign = Foreign()
    first, second, third = load_csv(text.encode(), foreign)
    assert first == Fence(id="a", name="Patio; norte", kind=FenceKind.DEPOT, shape=Circle(-99.5, 20.5, 250.0))
    assert second == Fence(id="b", shape=Corridor((RING[:2],), 50.0))
    assert isinstance(third.shape, Corridor)
    assert len(third.shape.lines[0]) == 9_000
    assert foreign.ignored == {"color": 1}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: no column wkt; columns there are: nothing"),
        ("id,wkt\n\n,\n", "CSV: line 1: no row below the header, and each is a fence"),
        ("id,wkt,Kind,KIND\n", "CSV: line 1: 2 columns are named 'kind'; keep one, or rename them"),
        ("id,color,color,wkt\n", "CSV: line 1: 2 columns are named 'color'"),
        ("sep=;\nid;shape\n", "CSV: line 2: no column wkt; columns there are: 'id', 'shape'"),
        ("sep=;\nid;wkt\na;b\n", "feature 1 (id 'a'), line 3: wkt: 'b' is no shape"),
        ("id,radius_m,wkt\na,5,POINT (1e400 1)\n", "expected degrees as numbers"),
        ("id,shape\n", "no column wkt; columns there are: 'id', 'shape'"),
        ("id,wkt\na,\n", "feature 1 (id 'a'), line 2: wkt: '' is no shape such as POLYGON"),
        ("id,wkt\na,POINT EMPTY\n", "the shape is empty"),
        ('id,wkt\na,"POLYGON ((1 2, 3 4))"\n', "line 2: wkt: a ring must end where it began"),
        ('id,wkt\na,"SRID=3857;POINT (1 2)"\n', "SRID=3857: fences are in WGS 84"),
        ('id,wkt\na,"GEOMETRYCOLLECTION (POINT (1 2))"\n', "is no shape such as POLYGON"),
        ("id,wkt\na,POINT (1 2),x\n", "line 2: wkt: more cells than columns"),
        ("id,radius_m,wkt\na,wide,POINT (1 2)\n", "line 2: radius_m: 'wide' is not a number"),
        (
            "id,radius_m,wkt\na,5,POINT (-99 19)\na,5,POINT (-99 19)\n",
            "feature 2 (id 'a'), line 3: id: feature 1 has this",
        ),
        ('id,wkt\n\na,"POINT (1 2\n\n', "CSV: line 4: not CSV: unexpected end of data"),
        ('id,protocol,wkt\na,"x\ny",POINT (1)\n', "line 2: wkt: not WKT"),
    ],
)
def test_wrong_csv_is_told_with_its_line(text: str, said: str) -> None:
    """Line and column by name, and what would be right."""
    assert said in _refused("csv", text.encode())


@pytest.mark.parametrize(
    "data",
    [
        b"ID,Radius_M,WKT,,\na,250,POINT (-99.5 20.5),,\n,,,,\n,,,,\n",
        b"sep=;\r\nid;radius_m;wkt\r\na;250;POINTZ (-99.5 20.5 9)\r\n;;\r\n",
        b'"sep=|"\nid|radius_m|wkt\na|250|point zm(-99.5 20.5 9 9)\n',
        "id\tradius_m\twkt\r\na\t250\tPOINT(-99.5 20.5)\r\n".encode("utf-16"),
    ],
)
def test_the_csv_of_a_spreadsheet_is_read(data: bytes) -> None:
    """Names in any case, rows and columns of nothing, Excel's own first line, its Unicode, WKT without spaces."""
    assert load_csv(data) == (Fence(id="a", shape=Circle(-99.5, 20.5, 250.0)),)


def test_utf_16_that_is_cut_is_refused() -> None:
    """With its place."""
    assert "CSV: byte 6 is not UTF-16" in _refused("csv", "id".encode("utf-16") + b"x")


def test_a_polygon_without_spaces_is_read() -> None:
    """As some programs write the heights of one."""
    (fence,) = load_csv(b'id,wkt\na,"POLYGONZ((-99.1 19 1,-99 19 1,-99 19.1 1,-99.1 19 1))"\n')
    assert fence.shape == Polygonal(((RING,),))


# As its API gives them; the shapes are latitude first.
LISTED = [
    {
        "id": 7,
        "name": "Patio",
        "description": "norte",
        "area": "CIRCLE (20.5 -99.5, 250)",
        "calendarId": 3,
        "attributes": {"color": "#ff0000", "speedLimit": 32.39740820734341},
    },
    {"id": 8, "name": "57D", "area": "LINESTRING (19 -99.1, 19 -99)", "attributes": {"polylineDistance": 400}},
    {"id": 9, "name": "Avenida", "area": "LINESTRING (19 -99.1, 19 -99)", "calendarId": 0, "attributes": {}},
    {"id": 10, "name": "Plaza", "area": "POLYGON ((19 -99.1, 19 -99, 19.1 -99))", "description": ""},
]


def test_what_traccar_gives_is_read() -> None:
    """Latitude first, knots, its own width of lines; an open ring is closed; calendars are somewhere else, and told."""
    foreign = Foreign()
    assert load_traccar(json.dumps(LISTED).encode(), foreign) == (
        Fence(id="7", name="Patio", shape=Circle(-99.5, 20.5, 250.0), speed_limit_kmh=60.0),
        Fence(id="8", name="57D", shape=Corridor((RING[:2],), 400.0)),
        Fence(id="9", name="Avenida", shape=Corridor((RING[:2],), 25.0)),
        Fence(id="10", name="Plaza", shape=Polygonal(((RING,),))),
    )
    assert foreign.ignored == {"color": 1, "description of Traccar": 1, "calendarId of Traccar": 1}


@pytest.mark.parametrize(
    ("knots", "ours", "kmh"),
    [
        (30, 80, 55.56),
        (43.2, 80, 80.0),
        (80 / 1.852, 80, 80.0),
        (43.19654427645788, 79.99999999999999, 79.99999999999999),
        (30, "fast", 55.56),
        (30, None, 55.56),
        (None, 80, 80.0),
    ],
)
def test_a_limit_that_was_changed_in_traccar_counts(knots: object, ours: object, kmh: float) -> None:
    """Ours beside it, to the last digit, as long as both say the same."""
    listed = {"id": 1, "area": "CIRCLE (1 2, 5)", "attributes": {"speed_limit_kmh": ours, "speedLimit": knots}}
    (fence,) = load_traccar(json.dumps([listed]).encode())
    assert fence.speed_limit_kmh == kmh


def test_what_traccar_is_given_it_can_read() -> None:
    """Latitude first, the limit in knots, the width of a line where Traccar looks for it."""
    line = Fence(id="8", shape=Corridor((RING[:2],), 400.0), speed_limit_kmh=60.0)
    (written,) = json.loads(dump_traccar([line]))
    assert written["area"] == "LINESTRING (19.0 -99.1, 19.0 -99.0)"
    assert written["attributes"]["polylineDistance"] == 400.0
    assert written["attributes"]["speedLimit"] == pytest.approx(32.39740820734341)


def test_what_traccar_cannot_hold_is_named() -> None:
    """Holes, and shapes of several parts; all of them at once."""
    holed = Fence(id="holed", shape=Polygonal(((RING, HOLE),)))
    parted = Fence(id="parted", shape=Corridor((RING[:2], RING[1:3]), 50.0))
    with pytest.raises(FenceError) as caught:
        dump_traccar([holed, parted])
    assert [problem.fence_id for problem in caught.value.problems] == ["holed", "parted"]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([], "Traccar: the list is empty; it holds no geofence to read"),
        (
            [{"id": 1, "area": "CIRCLE (1 2, 5)", "attributes": {"speedLimit": 10**400}}],
            "speed_limit_kmh: 1000000000",
        ),
        ({}, "expected a list of geofences, as GET /api/geofences gives"),
        ([3], "feature 1 (no id): area: expected an object with a text as area, found 3"),
        ([{"id": 1, "area": "SQUARE (1 2)"}], "is none of CIRCLE (lat lon, radius)"),
        ([{"id": 1, "area": "CIRCLE (1 2)"}], "a CIRCLE is one position and a radius in metres"),
        ([{"id": 1, "area": "CIRCLE (1 2, x)"}], "'x' is no number"),
        ([{"id": 1, "area": "CIRCLE (-99 19, 5)"}], "is out of range"),
        ([{"id": 1, "area": "POLYGON (1 2, 3 4)"}], "a POLYGON has two parentheses"),
        ([{"id": 1, "area": "LINESTRING (1 2 3)"}], "'1 2 3' is no position; write latitude longitude"),
        (
            [{"id": 1, "area": "CIRCLE (1 2, 5)", "attributes": {"speedLimit": "x"}}],
            "speed_limit_kmh: 'x' is not a number",
        ),
    ],
)
def test_wrong_traccar_is_told(document: object, said: str) -> None:
    """Feature and field, and what would be right."""
    assert said in _refused("traccar", json.dumps(document).encode())


@pytest.mark.parametrize(
    ("name", "found"),
    [("a.KML", "kml"), ("a.kmz", "kmz"), ("a.csv", "csv"), ("a.json", "geojson"), ("a.geojson", "geojson")],
)
def test_the_name_of_a_file_tells_its_format(name: str, found: str) -> None:
    """Whatever the case of its letters."""
    assert format_of(Path(name)) == found


def test_a_name_that_tells_nothing_is_refused() -> None:
    """With the formats there are."""
    with pytest.raises(FenceError, match=r"'\.dxf' tells no format; say which: geojson, kml, kmz, csv, traccar"):
        format_of(Path("a.dxf"))
