"""GeoJSON in and out: what is read, and how each mistake is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from geofences.errors import SHOWN, FenceError
from geofences.formats.geojson import dump_geojson, load_geojson, open_geojson, patched
from geofences.model import Circle, Corridor, Detect, Fence, FenceKind, Polygonal
from geofences.schedule import Day, Holiday, Schedule, Window

POINT = {"type": "Point", "coordinates": [-99.1, 19.4]}
RING = [[-99.0, 19.0], [-98.9, 19.0], [-98.9, 19.1], [-99.0, 19.0]]
AS_DRAWN = tuple((lon, lat) for lon, lat in RING)


def feature(geometry: Any = None, **properties: Any) -> dict[str, Any]:
    """A circle named `f`, or what the arguments make of it."""
    given = {"id": "f"} | properties
    if geometry is None:
        geometry, given = POINT, {"radius_m": 100} | given
    return {"type": "Feature", "geometry": geometry, "properties": given}


def load(*features: Any) -> tuple[Fence, ...]:
    """The fences of a collection of these features."""
    return load_geojson(json.dumps({"type": "FeatureCollection", "features": features}).encode())


def problems(*features: Any) -> list[str]:
    """What the collection is refused for."""
    with pytest.raises(FenceError) as caught:
        load(*features)
    return [str(problem) for problem in caught.value.problems]


SHAPES: list[tuple[dict[str, Any], dict[str, Any], Any]] = [
    (POINT, {"radius_m": 100}, Circle(-99.1, 19.4, 100.0)),
    ({"type": "Point", "coordinates": [-99, 19, 2240.5]}, {"radius_m": 1.5}, Circle(-99.0, 19.0, 1.5)),
    ({"type": "LineString", "coordinates": RING[:3]}, {"buffer_m": 50}, Corridor((AS_DRAWN[:3],), 50.0)),
    (
        {"type": "MultiLineString", "coordinates": [RING[:2], RING[2:]]},
        {"buffer_m": 50},
        Corridor((AS_DRAWN[:2], AS_DRAWN[2:]), 50.0),
    ),
    ({"type": "Polygon", "coordinates": [RING]}, {}, Polygonal(((AS_DRAWN,),))),
    ({"type": "MultiPolygon", "coordinates": [[RING]]}, {}, Polygonal(((AS_DRAWN,),))),
]


@pytest.mark.parametrize(
    ("geometry", "radius", "shape"),
    SHAPES,
    ids=lambda value: value.get("type", None) if isinstance(value, dict) else None,
)
def test_each_geometry_becomes_its_shape(geometry: Any, radius: dict[str, Any], shape: Any) -> None:
    """The five geometries are read as they were drawn; heights are ignored."""
    assert load(feature(geometry, **radius))[0].shape == shape


def test_every_property_is_read() -> None:
    """Each property lands in its field with its unit."""
    (fence,) = load(
        feature(
            id="MEX-57D",
            name="México - Querétaro",
            kind="high_risk_corridor",
            version=3,
            risk=5,
            severity=4,
            detect=["enter", "dwell", "stop"],
            min_inside_s=30,
            min_outside_s=0,
            dwell_s=7200,
            exit_margin_m=75.5,
            approach_m=1000,
            speed_limit_kmh=80,
            applies_to=["reefer", "hazmat"],
            schedule={
                "zone": "America/Mexico_City",
                "hours": [{"days": ["tue", "mon"], "from": "22:00", "to": "06:00"}, {"from": "12:30", "to": "24:00"}],
                "holidays": ["2026-12-25", "01-01"],
            },
            valid_from="2026-01-28T09:22:00-06:00",
            valid_to="2026-12-31T23:59:59.250Z",
            protocol="call the driver, then the escort",
        )
    )
    assert fence == Fence(
        id="MEX-57D",
        name="México - Querétaro",
        kind=FenceKind.HIGH_RISK_CORRIDOR,
        version=3,
        risk=5,
        severity=4,
        detect=frozenset({Detect.ENTER, Detect.DWELL, Detect.STOP}),
        min_inside_s=30.0,
        min_outside_s=0.0,
        dwell_s=7200.0,
        exit_margin_m=75.5,
        approach_m=1000.0,
        speed_limit_kmh=80.0,
        applies_to=frozenset({"reefer", "hazmat"}),
        schedule=Schedule(
            "America/Mexico_City",
            [Window(1320, 360, [Day.MON, Day.TUE]), Window(750, 1440)],
            [Holiday(1, 1), Holiday(12, 25, 2026)],
        ),
        valid_from=1769613720000,
        valid_to=1798761599250,
        protocol="call the driver, then the escort",
        shape=Circle(-99.1, 19.4, 100.0),
    )


@pytest.mark.parametrize("instant", ["0001-01-01T06:00:00+06:00", "9999-12-31T17:59:59.999-06:00"])
def test_the_first_and_the_last_instant_are_written_as_read(instant: str) -> None:
    """What a file may say of time can be said again."""
    fences = load(feature(valid_to=instant))
    assert load_geojson(dump_geojson(fences).encode()) == fences


def test_a_dead_zone_knows_its_usual_crossing() -> None:
    """The time silence is excused for is read."""
    assert load(feature(kind="known_dead_zone", usual_crossing_s=600))[0].usual_crossing_s == 600.0


def test_null_is_absent_and_foreign_members_are_ignored() -> None:
    """Desktop tools write null for every empty column, and members of their own; neither is a mistake."""
    document = {
        "type": "FeatureCollection",
        "name": "export",
        "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}},
        "bbox": [-100, 18, -98, 20],
        "features": [feature(name=None, risk=None, schedule=None) | {"bbox": [1, 2, 3, 4]}],
    }
    assert load_geojson(json.dumps(document).encode()) == load(feature())


def test_the_id_of_the_feature_will_do() -> None:
    """RFC 7946 puts ids beside the properties, and allows numbers; one in the properties comes first."""
    unnamed = {"type": "Feature", "id": 7, "geometry": POINT, "properties": {"radius_m": 5}}
    assert [fence.id for fence in load(unnamed, feature() | {"id": "other"})] == ["7", "f"]


@pytest.mark.parametrize(
    ("crs", "is_ours"),
    [
        ({"properties": {"name": "urn:ogc:def:crs:EPSG::4326"}, "type": "name"}, True),
        ({"type": "name", "properties": {"name": "EPSG:3857", "was": "EPSG:4326"}}, False),
        ({"type": "name", "properties": {"code": "EPSG:4326"}}, False),
        ({"properties": "EPSG:4326"}, False),
        ("EPSG:4326", False),
    ],
)
def test_a_coordinate_system_is_known_by_its_name(crs: Any, *, is_ours: bool) -> None:
    """Whatever the order of its members, and whatever else is in it."""
    document = json.dumps({"type": "FeatureCollection", "crs": crs, "features": []}).encode()
    if is_ours:
        assert load_geojson(document) == ()
    else:
        with pytest.raises(FenceError, match="reproject the file"):
            load_geojson(document)


def test_a_feature_with_nothing_but_an_id_is_patched() -> None:
    """Properties that are null or not there stay so where a shape needs none."""
    polygon = {"type": "Feature", "id": 7, "geometry": {"type": "Polygon", "coordinates": [RING]}}
    collection = {"type": "FeatureCollection", "features": [polygon, polygon | {"id": 8, "properties": None}]}
    document, read = open_geojson(json.dumps(collection).encode())
    fences = {number: one.fence for number, one in enumerate(read, 1) if one.fence is not None}
    assert json.loads(patched(document, fences)) == collection


def test_no_features_are_no_fences() -> None:
    """An empty collection is a valid set."""
    assert load() == ()


def test_a_byte_order_mark_is_no_matter(tmp_path: Path) -> None:
    """A file saved by an editor on Windows is read, from its path as from its bytes."""
    path = tmp_path / "fences.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature()]}), encoding="utf-8-sig")
    assert load_geojson(path) == load_geojson(str(path)) == load_geojson(path.read_bytes()) == load(feature())


PROPERTY_MISTAKES = [
    ({"min_inside": 3}, "'min_inside': unknown property; did you mean 'min_inside_s'?"),
    ({"color": "red"}, "'color': unknown property"),
    ({"kind": "tol"}, "did you mean 'toll'?"),
    ({"kind": 4}, "kind: 4 is not one of high_risk_corridor, no_stop"),
    ({"kind": []}, "kind: list is not one of"),
    ({"detect": ["entr"]}, "detect: 'entr' is not one of enter, exit, dwell, cross, stop; did you mean 'enter'?"),
    ({"detect": "enter"}, "detect: 'enter' is not a list"),
    ({"detect": [["enter"]]}, "detect: list is not one of"),
    ({"risk": 3}, "risk: only a high_risk_corridor has one, this is a generic"),
    ({"kind": "high_risk_corridor", "risk": 6}, "risk: 6 is not a whole number from 1 to 5"),
    ({"kind": "high_risk_corridor", "risk": True}, "risk: True is not a whole number"),
    ({"severity": 2.5}, "severity: 2.5 is not a whole number from 1 to 5"),
    ({"usual_crossing_s": 60}, "usual_crossing_s: only a known_dead_zone has one"),
    ({"min_inside_s": -1}, "min_inside_s: -1 is not a number from 0 to 86400 s"),
    ({"min_inside_s": "60"}, "min_inside_s: '60' is not a number from 0 to 86400 s"),
    ({"min_inside_s": False}, "min_inside_s: False is not a number"),
    ({"exit_margin_m": 10**400}, "exit_margin_m: 1000000"),
    ({"dwell_s": 0}, "dwell_s: 0 is not a number above 0"),
    ({"detect": ["dwell"]}, "dwell_s: detect asks for dwell; say after how many seconds"),
    ({"applies_to": "reefer"}, "applies_to: 'reefer' is not a list"),
    ({"applies_to": [1]}, "applies_to: 1 is not a printable text"),
    ({"valid_from": "2026-01-28"}, "valid_from: '2026-01-28' is not an instant such as 2026-01-28T15:22:00Z"),
    ({"valid_from": "2026-13-28T00:00:00Z"}, "valid_from: '2026-13-28T00:00:00Z' is not an instant"),
    ({"valid_from": "2026-01-02T00:00:00Z", "valid_to": "2026-01-01T00:00:00Z"}, "valid_to: must be later"),
    ({"schedule": "mon 08:00-18:00"}, "schedule: 'mon 08:00-18:00' is not a schedule such as {\"zone\": "),
    ({"name": "a\nb"}, "name: 'a\\nb' is not a printable text: its character 2 is U+000A; remove it"),
    ({"name": "\xa0 a\u200b"}, "is not a printable text: its character 4 is U+200B ZERO WIDTH SPACE; remove it"),
    ({"name": "x" * 201}, "is not a printable text of 1 to 200 characters; it has 201"),
    ({"id": "a\xa0b"}, "id: 'a\\xa0b' is not an id: its character 2 is U+00A0 NO-BREAK SPACE; remove it"),
    ({"id": "a@2"}, "id: 'a@2' is not an id; leave out '@'"),
    ({"id": ""}, "id: '' is not an id; give a text of 1 to 64 characters"),
    ({"id": "\ud800"}, "id: '\\ud800' is not an id"),
    ({"id": None}, "id: every fence needs one"),
    (
        {"valid_to": "9999-12-31T23:59:59-06:00"},
        "valid_to: '9999-12-31T23:59:59-06:00' lies outside the years 1 to 9999 of UTC; leave it out for ever",
    ),
    ({"valid_from": "0001-01-01T00:00:00+06:00"}, "valid_from: '0001-01-01T00:00:00+06:00' lies outside the years"),
    ({"approach_m": 1e-300}, "approach_m: 1e-300 is not a number from 1 to 50000 m, nor 0 for none"),
    ({"approach_m": False}, "approach_m: False is not a number from 1 to 50000 m"),
    ({"radius_m": 0}, "radius_m: 0 is not a number from 1 to 200000 m"),
    ({"radius_m": 0.999}, "radius_m: 0.999 is not a number from 1 to 200000 m"),
    ({"radius_m": None}, "radius_m: a Point needs one, in metres"),
    ({"buffer_m": 10}, "buffer_m: a 'Point' takes none; buffer_m belongs to a LineString or MultiLineString"),
]


@pytest.mark.parametrize(("properties", "text"), PROPERTY_MISTAKES)
def test_a_wrong_property_is_told_with_what_would_be_right(properties: dict[str, Any], text: str) -> None:
    """One mistake makes one problem, which names feature, field and remedy."""
    (problem,) = problems(feature(**properties))
    assert problem.startswith("feature 1 (")
    assert text in problem


HOURS = {"from": "22:00", "to": "06:00"}
SCHEDULE_MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"zone": None}, "schedule.zone: None is no time zone; write one such as America/Mexico_City"),
    (
        {"zone": "America/Mexico"},
        "schedule.zone: 'America/Mexico' is no time zone; did you mean 'America/Mexico_City'?",
    ),
    ({"zone": "\u200b"}, "schedule.zone: '\\u200b' is no time zone; write one such as America/Mexico_City"),
    ({"zone": "../etc/passwd"}, "schedule.zone: '../etc/passwd' is no time zone"),
    ({"hours": None}, "schedule.hours: expected a list of 1 to 100 such as {"),
    ({"hours": []}, '06:00"}, found an empty list'),
    ({"hours": HOURS}, "schedule.hours: expected a list of 1 to 100 such as"),
    ({"hours": [HOURS] * 101}, "schedule.hours: expected a list of 1 to 100"),
    ({"hours": ["22:00-06:00"]}, "schedule.hours[0]: '22:00-06:00' is not a window such as"),
    (
        {"hours": [HOURS, {"from": "22:00"}]},
        "schedule.hours[1].to: None is no time of the day; write one from 00:00 to 24:00",
    ),
    (
        {"hours": [HOURS | {"from": "24:00"}]},
        "schedule.hours[0].from: '24:00' is no time of the day; write one from 00:00 to 23:59",
    ),
    ({"hours": [HOURS | {"to": "24:01"}]}, "schedule.hours[0].to: '24:01' is no time of the day"),
    (
        {"hours": [HOURS | {"to": "6:00"}]},
        "schedule.hours[0].to: '6:00' is no time of the day; write one from 00:00 to 24:00, such as 08:30",
    ),
    ({"hours": [HOURS | {"to": 600}]}, "schedule.hours[0].to: 600 is no time of the day"),
    ({"hours": [HOURS | {"to": "\u0660\u0666:00"}]}, "schedule.hours[0].to: "),
    ({"hours": [HOURS | {"day": ["mon"]}]}, "schedule.hours[0].'day': there is no such member; did you mean 'days'?"),
    ({"hours": [HOURS | {"days": []}]}, "schedule.hours[0].days: expected a list of 1 to 8 such as"),
    ({"hours": [HOURS | {"days": "mon-fri"}]}, "schedule.hours[0].days: expected a list of 1 to 8 such as"),
    ({"hours": [HOURS | {"days": ["mon", "sunday"]}]}, "schedule.hours[0].days[1]: 'sunday' is not one of mon, tue, "),
    ({"hours": [HOURS | {"days": [["mon"]]}]}, "schedule.hours[0].days[0]: list is not one of mon, tue, "),
    ({"holidays": ""}, "schedule.holidays: expected a list of 1 to 1,000 such as"),
    ({"holidays": "2026-12-25"}, "schedule.holidays: expected a list of 1 to 1,000 such as"),
    (
        {"holidays": ["12-25", "25/12/2026"]},
        "schedule.holidays[1]: '25/12/2026' is no date; write one such as 2026-12-25",
    ),
    ({"holidays": ["02-30"]}, "schedule.holidays[0]: 02-30 is no date of the calendar; write one such as"),
    ({"holidays": ["2026-02-29"]}, "schedule.holidays[0]: 2026-02-29 is no date of the calendar"),
    (
        {"holidays": ["2199-01-01"]},
        "schedule.holidays[0]: 2199-01-01 is too far away; holidays are of the years 1970 to 2099",
    ),
    ({"holiday": ["12-25"]}, "schedule.'holiday': there is no such member; did you mean 'holidays'?"),
]


@pytest.mark.parametrize(("members", "text"), SCHEDULE_MISTAKES)
def test_a_wrong_schedule_is_told_with_its_place_in_it(members: dict[str, Any], text: str) -> None:
    """One mistake makes one problem, which names feature, place and remedy."""
    (problem,) = problems(feature(schedule={"zone": "America/Mexico_City", "hours": [HOURS]} | members))
    assert problem.startswith("feature 1 (id 'f'): schedule.")
    assert text in problem


def test_a_day_in_spanish_is_not_taken_for_another() -> None:
    """`lun` is Monday, and near to `sun`: nothing is guessed."""
    given = {"zone": "America/Mexico_City", "hours": [HOURS | {"days": ["lun"]}]}
    (problem,) = problems(feature(schedule=given))
    assert problem.endswith("'lun' is not one of mon, tue, wed, thu, fri, sat, sun, holiday")


def test_all_mistakes_of_a_schedule_are_told() -> None:
    """And none of the windows that are right."""
    given = {"zone": "CDMX", "hours": [HOURS, {"from": "x", "to": "y", "days": ["lun"]}], "holidays": ["13-01"]}
    told = [problem.partition("): schedule.")[2].partition(":")[0] for problem in problems(feature(schedule=given))]
    assert told == ["zone", "hours[1].from", "hours[1].to", "hours[1].days[0]", "holidays[0]"]


def test_nothing_of_a_schedule_may_be_null_or_left_out_but_days_and_holidays() -> None:
    """Days left out are all of them, holidays too; no holidays are none, as an empty list is."""
    every = Schedule("UTC", [Window(1320, 360, tuple(Day))])
    members: dict[str, Any]
    for members in ({}, {"holidays": None}, {"holidays": []}, {"hours": [HOURS | {"days": None}]}):
        (fence,) = load(feature(schedule={"zone": "UTC", "hours": [HOURS]} | members))
        assert fence.schedule == every


GEOMETRY_MISTAKES: list[tuple[Any, str]] = [
    (None, "geometry: expected an object with type and coordinates, found None"),
    ([], "geometry: expected an object with type and coordinates, found list"),
    ({"type": "GeometryCollection", "geometries": []}, "a fence cannot be a 'GeometryCollection'; draw a Point"),
    ({"type": 5}, "geometry: expected an object with type"),
    ({"type": "Polygon"}, "coordinates is None, expected a list that is not empty"),
    ({"type": "Polygon", "coordinates": []}, "coordinates is list, expected a list that is not empty"),
    ({"type": "Polygon", "coordinates": RING}, "coordinates[0][0] is -99.0, expected a position"),
    ({"type": "Polygon", "coordinates": [RING[:3]]}, "at least four positions"),
    ({"type": "Polygon", "coordinates": [[*RING[:3], [0, 0]]]}, "must end where it began"),
    ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}, "near longitude, latitude 0.5"),
    ({"type": "Polygon", "coordinates": [[[0, 0], [1, "1"], [1, 0], [0, 0]]]}, "coordinates[0][1] holds '1'"),
    ({"type": "Polygon", "coordinates": [[[0, 0], [1], [1, 0], [0, 0]]]}, "coordinates[0][1] is list, expected a pos"),
    ({"type": "Polygon", "coordinates": [[[0, 0], [1, 99], [1, 0], [0, 0]]]}, "latitude -90 to 90"),
    ({"type": "Polygon", "coordinates": [[[0, 0], [1, 10**400], [1, 0], [0, 0]]]}, "expected degrees as numbers"),
    ({"type": "Polygon", "coordinates": [[[19, -99], [19.1, -99], [19, -99.1], [19, -99]]]}, "longitude first"),
    ({"type": "Polygon", "coordinates": [[[179, 0], [-179, 0], [-179, 1], [179, 0]]]}, "antimeridian; split"),
]


@pytest.mark.parametrize(("geometry", "text"), GEOMETRY_MISTAKES)
def test_a_wrong_geometry_is_told_with_its_place(geometry: Any, text: str) -> None:
    """One mistake makes one problem, which says where in the coordinates it is."""
    (problem,) = problems({"type": "Feature", "geometry": geometry, "properties": {"id": "f"}})
    assert problem.startswith("feature 1 (id 'f'): geometry: ")
    assert text in problem


@pytest.mark.parametrize("other", [None, 4, "x", [], {}, {"type": "Point"}])
def test_a_feature_that_is_none_is_told_by_its_number(other: Any) -> None:
    """What is no feature has no id; its number finds it."""
    assert problems(feature(), other) == ['feature 2 (no id): expected an object with "type": "Feature"']


@pytest.mark.parametrize("properties", [4, "x", [1]])
def test_properties_that_are_no_object_are_told(properties: Any) -> None:
    """Properties are an object or null."""
    assert "properties: expected an object" in problems(feature() | {"properties": properties})[0]


def test_an_id_given_twice_names_the_first() -> None:
    """Two fences with one id cannot be told apart; the message says which is the other."""
    assert problems(feature(), feature(id="g"), feature()) == [
        "feature 3 (id 'f'): id: feature 1 has this id already; give each fence its own"
    ]


def test_all_mistakes_of_a_file_come_at_once(tmp_path: Path) -> None:
    """A file is mended in one go: each line names file, feature and field, and a flood is cut but counted."""
    path = tmp_path / "patios.geojson"
    wrong = [feature(id=f"f{number}", risk=9, kind="toll", severity=0) for number in range(20)]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": wrong}), encoding="utf-8")
    with pytest.raises(FenceError) as caught:
        load_geojson(path)
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{path}: feature 1 (id 'f0'): risk: 9 is not a whole number from 1 to 5"
    assert lines[1] == f"{path}: feature 1 (id 'f0'): severity: 0 is not a whole number from 1 to 5"
    assert lines[-1] == f"{path}: and 20 more problems"
    assert len(lines) == SHOWN + 1
    assert len(caught.value.problems) == 40


WHOLE = json.dumps({"type": "FeatureCollection", "features": [feature(name="Peñón")]}, ensure_ascii=False)
HOSTILE = [
    (b"", "line 1, column 1: not JSON"),
    (WHOLE.encode()[:-20], "not JSON"),
    (WHOLE.encode("latin-1"), "is not UTF-8; save the file with UTF-8"),
    (WHOLE.encode("utf-16"), "byte 0 is not UTF-8"),
    (b"[" * 5_000_000, "nested too deeply"),
    (b'{"a":' * 1_000_000, "nested too deeply"),
    (WHOLE.replace("100", "NaN").encode(), "NaN is not a number in JSON"),
    (WHOLE.replace("100", "-Infinity").encode(), "-Infinity is not a number in JSON"),
    (WHOLE.replace("100", "1e999").encode(), "radius_m: inf is not a number"),
    (WHOLE.replace("100", "9" * 5_000).encode(), "not JSON: Exceeds the limit"),
    (b"null", 'expected an object with "type": "FeatureCollection", found None'),
    (json.dumps(feature()).encode(), "found 'Feature'"),
    (b'{"type":"FeatureCollection"}', "features: expected a list, found None"),
    (b'[{"id":1,"area":"CIRCLE (19 -99, 200)"}]', "found list; a list of Traccar's is read with --from traccar"),
    (
        b'{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"id":"a","radius_m":1,"radius_m":2}}]}',
        "'radius_m' is there twice in the object with id 'a'; keep one",
    ),
    (b'{"type":"FeatureCollection","features":[],"features":[]}', "'features' is there twice in an object; keep one"),
    (b'{"type":"FeatureCollection","features":{}}', "features: expected a list, found dict"),
    (b'{"type":"FeatureCollection","features":[],"crs":{"properties":{"name":"EPSG:6372"}}}', "reproject"),
    (b"\x00" * 1_000, "not JSON"),
    (b'"' + b"x" * 5_000_000 + b'"', "found 'xxx"),
]


@pytest.mark.parametrize(("data", "text"), HOSTILE, ids=[text for _, text in HOSTILE])
def test_a_hostile_file_is_refused(data: bytes, text: str) -> None:
    """Whatever the bytes are, the answer is one short FenceError."""
    with pytest.raises(FenceError, match=r"^GeoJSON: ") as caught:
        load_geojson(data)
    assert text in str(caught.value)
    assert len(str(caught.value)) < 500


def test_five_megabytes_of_wrong_features_are_told_in_twenty_lines() -> None:
    """The size of a wrong file does not make the size of its message."""
    with pytest.raises(FenceError) as caught:
        load(*[feature(id=f"f{number}", radius_m="x" * 1_000) for number in range(5_000)])
    assert len(caught.value.problems) == 5_000
    assert len(str(caught.value)) < 200 * (SHOWN + 1)


@pytest.mark.parametrize("name", ["missing.geojson", ".", "nul\0.geojson"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    """A missing file, a folder and an impossible name are the user's to mend."""
    with pytest.raises(FenceError, match="cannot be read"):
        load_geojson(f"{tmp_path}/{name}")


def test_what_is_written_is_what_is_read() -> None:
    """A set survives the file, with every kind of shape and with ids of any alphabet."""
    fences = load(
        *(feature(geometry, id=f"ñ{number}", **radius) for number, (geometry, radius, _) in enumerate(SHAPES)),
        feature(kind="high_risk_corridor", risk=5, valid_from="2026-01-28T09:22:00Z", applies_to=["b", "a"]),
        feature(id="z", kind="known_dead_zone", usual_crossing_s=5, dwell_s=60, detect=[], name="Zona"),
    )
    written = dump_geojson(fences)
    assert load_geojson(written.encode()) == fences
    assert dump_geojson(load_geojson(written.encode())) == written
