"""`telematics fences match`: which fences points lie in, in the order of the file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from geofences.formats.geojson import load_geojson
from geofences.model import Circle, FenceKind
from tests.unit.cli.conftest import Run


def test_json_is_a_list_in_the_order_of_the_points(run: Run, fence_file: Path, tmp_path: Path) -> None:
    """Each point gives the ids of the fences it is in, edges included, an approach not; none for nowhere."""
    points = tmp_path / "points.csv"
    points.write_text(
        "name,lat,lon\nmiddle,19.0,-99.0\nnowhere,0,0\nedge,19.0,-98.99\nnear,19.003,-99.0\n", encoding="utf-8"
    )
    ran = run("fences", "match", "--fences", fence_file, "--points", points, "--json")
    assert ran.code == 0
    assert ran.json == [{"fences": ["square", "yard"]}, {"fences": []}, {"fences": ["square"]}, {"fences": ["square"]}]


def test_in_a_pipe_each_point_is_a_line(run: Run, fence_file: Path, tmp_path: Path) -> None:
    """Off a terminal the table is tab-separated and has no headings."""
    points = tmp_path / "points.csv"
    points.write_text("lon,lat\n-99,19\n0,0\n", encoding="utf-8")
    ran = run("fences", "match", "--fences", fence_file, "--points", points)
    assert ran.out == "-99.0\t19.0\tsquare, yard\n0.0\t0.0\t\n"


def test_points_with_an_accuracy_are_judged_by_it(run: Run, fence_file: Path, tmp_path: Path) -> None:
    """What is certain is told apart from what is ambiguous, which has its metres to the boundary, negative inside."""
    points = tmp_path / "points.csv"
    points.write_text(
        "lon,lat,accuracy_m\n-99.0,19.0,5\n-98.9901,19.0,20\n-98.9899,19.0,\n-98.9,19.0,20\n", encoding="utf-8"
    )
    ran = run("fences", "match", "--fences", fence_file, "--points", points, "--accuracy-m", 50, "--json")
    assert ran.json == [
        {"certain": ["square", "yard"], "ambiguous": []},
        {"certain": [], "ambiguous": [{"fence": "square", "boundary_m": -10.5}]},
        {"certain": [], "ambiguous": [{"fence": "square", "boundary_m": 10.5}]},
        {"certain": [], "ambiguous": []},
    ]
    ran = run("fences", "match", "--fences", fence_file, "--points", points, "--accuracy-m", 50)
    assert ran.out.splitlines()[:2] == ["-99.0\t19.0\t5.0\tsquare, yard\t", "-98.9901\t19.0\t20.0\t\tsquare -10.5 m"]


@pytest.mark.parametrize(
    ("text", "arguments", "said"),
    [
        ("lon,lat,accuracy_m\n1,2,-3\n", [], "line 2, column accuracy_m: '-3' is no number of metres from 0 to 50000"),
        ("lon,lat,accuracy_m\n1,2,nan\n", [], "line 2, column accuracy_m: 'nan' is no number"),
        ("lon,lat,accuracy_m\n1,2,3\n1,2,\n", [], "points.csv, line 3: no accuracy_m; say with --accuracy-m"),
        ("lon,lat\n1,2\n", ["--accuracy-m", "60000"], "--accuracy-m: '60000.0' is no number of metres from 0 to 50000"),
    ],
)
def test_a_wrong_accuracy_is_refused(
    run: Run, fence_file: Path, tmp_path: Path, text: str, arguments: list[str], said: str
) -> None:
    """With its line or option, and no result is printed."""
    points = tmp_path / "points.csv"
    points.write_text(text, encoding="utf-8")
    ran = run("fences", "match", "--fences", fence_file, "--points", points, *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_a_file_without_points_gives_an_empty_list(run: Run, fence_file: Path, tmp_path: Path) -> None:
    """A header alone is a file with no points, not a mistake."""
    points = tmp_path / "points.csv"
    points.write_text("lon,lat\n", encoding="utf-8")
    assert run("fences", "match", "--fences", fence_file, "--points", points, "--json").json == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"lon,latitude\n1,2\n", "line 1: no column lat; columns there are: lon, latitude"),
        (b"", "line 1: no column lon and lat; columns there are: nothing"),
        (b"lon,lat\n1,2\n1,x\n", "line 3, column lat: 'x' is no number of degrees from -90 to 90"),
        (b"lon,lat\n181,2\n", "line 2, column lon: '181' is no number of degrees from -180 to 180"),
        (b"lon,lat\nnan,2\n", "line 2, column lon: 'nan'"),
        (b"lon,lat\n1\n", "line 2, column lat: None"),
        (b'lon,lat,note\n1,2,"x\n3,4,y\n', "is not a CSV file in UTF-8: unexpected end of data"),
        (b"lon,lat\n\xff,2\n", "is not a CSV file in UTF-8"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(
    run: Run, fence_file: Path, tmp_path: Path, text: bytes, said: str
) -> None:
    """A mistake names file, line and column, and no result is printed."""
    points = tmp_path / "points.csv"
    points.write_bytes(text)
    ran = run("fences", "match", "--fences", fence_file, "--points", points)
    assert ran.code == 2
    assert ran.err.startswith(f"error: {points}")
    assert said in ran.err
    assert ran.out == ""


def test_a_wrong_fence_file_names_the_feature(run: Run, tmp_path: Path) -> None:
    """A mistake in the fences is told with feature and field, exit code 2."""
    fences = tmp_path / "fences.geojson"
    fences.write_text(
        '{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"id":"a","kind":"depott","radius_m":9},'
        '"geometry":{"type":"Point","coordinates":[0,0]}}]}',
        encoding="utf-8",
    )
    ran = run("fences", "match", "--fences", fences, "--points", fences)
    assert ran.code == 2
    assert "feature 1 (id 'a'): kind" in ran.err


KML = """<kml><Folder><name>Norte</name><Placemark><name>Patio 1</name>
<ExtendedData><Data name="radius"><value>5</value></Data></ExtendedData>
<Point><coordinates>-99,19</coordinates></Point></Placemark></Folder></kml>"""


def test_a_file_of_another_program_becomes_a_fence_file(run: Run, tmp_path: Path) -> None:
    """With what all fences lack; what is passed over is named, and what it may have been meant for."""
    drawn, made = tmp_path / "drawn.kml", tmp_path / "fences.geojson"
    drawn.write_text(KML, encoding="utf-8")
    ran = run("fences", "import", drawn, "--set", "radius_m=200", "--set", "kind=depot", "--out", made)
    assert (ran.code, ran.out) == (0, "")
    assert f"{drawn}: 1 fence\n" in ran.err
    assert "no such property: 'radius' (1); did you mean 'radius_m'?" in ran.err
    (fence,) = load_geojson(made)
    assert (fence.id, fence.kind, fence.tags) == ("patio-1", FenceKind.DEPOT, frozenset({"Norte"}))
    assert fence.shape == Circle(-99.0, 19.0, 200.0)


NIGHTS = '{"zone": "America/Mexico_City", "hours": [{"days": ["mon", "tue"], "from": "22:00", "to": "06:00"}]}'


def test_all_fences_can_be_given_a_schedule(run: Run, tmp_path: Path) -> None:
    """As JSON, those that have none of their own; and each format keeps it."""
    drawn, made = tmp_path / "drawn.kml", tmp_path / "fences.geojson"
    drawn.write_text(KML, encoding="utf-8")
    assert run("fences", "import", drawn, "--set", "radius_m=9", "--set", f"schedule={NIGHTS}", "--out", made).code == 0
    (fence,) = load_geojson(made)
    assert str(fence.schedule) == "mon, tue 22:00-06:00 (America/Mexico_City)"
    given = {"zone": "UTC", "hours": [{"from": "08:00", "to": "08:00"}]}
    ran = run("fences", "import", made, "--set", f"schedule={json.dumps(given)}")
    assert ran.json["features"][0]["properties"]["schedule"] == json.loads(NIGHTS)


@pytest.mark.parametrize("name", ["kml", "kmz", "csv", "traccar", "geojson"])
def test_what_is_exported_is_imported(run: Run, fence_file: Path, tmp_path: Path, name: str) -> None:
    """The same fences, through a file of each format."""
    there, back = tmp_path / f"there.{name}", tmp_path / "back.geojson"
    assert run("fences", "export", "--fences", fence_file, "--to", name, "--out", there).code == 0
    assert run("fences", "import", there, "--from", name, "--out", back).code == 0
    assert load_geojson(back) == load_geojson(fence_file)


def test_without_a_file_it_goes_to_standard_output(run: Run, fence_file: Path) -> None:
    """For a pipe; notes go elsewhere."""
    ran = run("fences", "export", "--fences", fence_file, "--to", "csv")
    assert ran.out.splitlines()[0].startswith("id,name,kind,")
    ran = run("fences", "import", fence_file)
    assert [feature["properties"]["id"] for feature in ran.json["features"]] == ["square", "yard"]


def test_a_wrong_file_leaves_the_fences_as_they_were(run: Run, tmp_path: Path) -> None:
    """Exit code 2, file, feature and field, and nothing is written, nor left beside it."""
    drawn, made = tmp_path / "drawn.kml", tmp_path / "fences.geojson"
    drawn.write_text(KML, encoding="utf-8")
    made.write_text("as it was", encoding="utf-8")
    ran = run("fences", "import", drawn, "--out", made)
    assert ran.code == 2
    assert f"{drawn}: feature 1 (id 'patio-1'), line 1: radius_m: a Point needs one, in metres" in ran.err
    assert made.read_text(encoding="utf-8") == "as it was"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["drawn.kml", "fences.geojson"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["import", "a.dxf"], "tells no format; say which"),
        (["import", "none.kml"], "none.kml: cannot be read: No such file"),
        (["import", "a.kml", "--set", "kind"], "--set 'kind': write a property, = and its value"),
        (["import", "a.kml", "--set", "knd=toll"], "did you mean 'kind'?"),
        (["import", "a.kml", "--set", "kind=tol"], "--set kind: 'tol' is not one of"),
        (["import", "a.kml", "--set", "id=x"], "--set 'id=x': write a property"),
        (["import", "a.kml", "--set", "schedule=nights"], "--set schedule: 'nights' is not a schedule such as {"),
        (
            ["import", "a.kml", "--set", 'schedule={"zone": "CDMX", "hours": []}'],
            "--set schedule: hours: expected a list of 1 to 100 such as",
        ),
        (["export", "--fences", "a.geojson"], "--to: say which format"),
    ],
)
def test_wrong_use_is_told(run: Run, arguments: list[str], said: str) -> None:
    """Each with the option and what would be right."""
    ran = run("fences", *arguments)
    assert ran.code == 2
    assert said in ran.err


def test_a_file_that_cannot_be_written_is_told(run: Run, fence_file: Path, tmp_path: Path) -> None:
    """With its name and the reason."""
    ran = run("fences", "import", fence_file, "--out", tmp_path / "none" / "x.geojson")
    assert ran.code == 2
    assert "x.geojson: cannot be written: No such file or directory" in ran.err


def lint_file(tmp_path: Path) -> Path:
    """Swapped axes, a place in a no-stop zone, and members that are not ours."""
    square = [[-99.1, 19.0], [-99.0, 19.0], [-99.0, 19.1], [-99.1, 19.1], [-99.1, 19.0]]
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [19.4, -99.1]},
            "properties": {"id": "patio", "radius_m": 100},
            "bbox": [1, 2, 3, 4],
        },
        {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [square]},
            "properties": {"id": "zone", "kind": "no_stop"},
        },
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [-99.05, 19.05]},
            "properties": {"id": "yard", "kind": "depot", "radius_m": 100},
        },
    ]
    path = tmp_path / "drawn.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "name": "ours", "features": features}), encoding="utf-8")
    return path


def test_lint_says_what_is_wrong_and_what_would_be_right(run: Run, tmp_path: Path) -> None:
    """A line each, with severity, code, feature and place; exit code 1; the file stays as it is."""
    path = lint_file(tmp_path)
    before = path.read_bytes()
    ran = run("fences", "lint", path)
    assert ran.code == 1
    first, second = (line.split("\t") for line in ran.out.splitlines())
    assert first[:4] == ["error", "swapped", "1 (patio)", "-99.1, 19.4"]
    assert first[5] == "write longitude first [--fix does it]"
    assert second[:3] == ["warning", "place-in-no-stop", "3 (yard)"]
    assert path.read_bytes() == before
    told = run("fences", "lint", path, "--json").json
    assert [(one["code"], one["is_safe"]) for one in told] == [("swapped", True), ("place-in-no-stop", False)]
    assert told[0]["repaired"] == {"type": "Point", "coordinates": [-99.1, 19.4]}
    assert told[0]["place"] == {"lon": -99.1, "lat": 19.4}


def test_lint_repairs_what_nobody_needs_to_look_at(run: Run, tmp_path: Path) -> None:
    """In place, and only that: other members of the file and other features are as they were."""
    path = lint_file(tmp_path)
    before = json.loads(path.read_bytes())
    ran = run("fences", "lint", path, "--fix")
    assert (ran.code, f"{path}: 1 fence repaired" in ran.err) == (1, True)
    assert [line.split("\t")[1] for line in ran.out.splitlines()] == ["place-in-no-stop"]
    after = json.loads(path.read_bytes())
    assert after["features"][0].pop("geometry") == {"type": "Point", "coordinates": [-99.1, 19.4]}
    del before["features"][0]["geometry"]
    assert after == before


def test_lint_repairs_one_fence_whatever_another_is(run: Run, tmp_path: Path) -> None:
    """A swapped circle that put right turns out to be too small is put right; a second time leaves the file alone."""
    path = tmp_path / "drawn.geojson"
    point = {"type": "Point", "coordinates": [19.4321987, -99.1234567]}
    feature = {"type": "Feature", "geometry": point, "properties": {"id": "patio", "radius_m": 10}}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), encoding="utf-8")
    ran = run("fences", "lint", path, "--fix")
    assert f"{path}: 1 fence repaired" in ran.err
    told = ran.out.splitlines()[0].split("\t")
    assert told[:3] == ["warning", "below-gps-error", "1 (patio)"]
    assert [float(each) for each in told[3].split(", ")] == pytest.approx([-99.1234567, 19.4321987], abs=3e-6)
    after = path.read_bytes()
    assert json.loads(after)["features"][0]["geometry"]["coordinates"] == [-99.1234567, 19.4321987]
    again = run("fences", "lint", path, "--fix")
    assert (again.out, "repaired" in again.err) == (ran.out, False)
    assert path.read_bytes() == after


def test_lint_has_nothing_to_say_of_sound_fences(run: Run, fence_file: Path) -> None:
    """Exit code 0, and no result; --fix writes nothing."""
    moved = json.loads(fence_file.read_bytes())
    moved["features"] = moved["features"][1:]
    fence_file.write_text(json.dumps(moved), encoding="utf-8")
    before = fence_file.read_bytes()
    ran = run("fences", "lint", fence_file, "--fix")
    assert (ran.code, ran.out, "1 fence, nothing found" in ran.err) == (0, "", True)
    assert fence_file.read_bytes() == before
    assert run("fences", "lint", fence_file, "--json").json == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.geojson"], "none.geojson: cannot be read"),
        (["none.geojson", "--region", "1,2,3"], "--region '1,2,3': write west,south,east,north in degrees"),
        (["none.geojson", "--region", "5,2,3,4"], "--region '5,2,3,4'"),
    ],
)
def test_lint_is_told_where(run: Run, arguments: list[str], said: str) -> None:
    """A file that is there, and a box."""
    ran = run("fences", "lint", *arguments)
    assert ran.code == 2
    assert said in ran.err


def test_diff_says_what_became_of_each_fence(run: Run, fence_file: Path, tmp_path: Path) -> None:
    """A line for each thing that is different; nothing for the same fences."""
    changed = json.loads(fence_file.read_bytes())
    changed["features"][1]["properties"] |= {"radius_m": 300, "kind": "customer"}
    changed["features"][0]["properties"]["id"] = "plaza"
    new = tmp_path / "new.geojson"
    new.write_text(json.dumps(changed), encoding="utf-8")
    ran = run("fences", "diff", fence_file, new)
    assert (ran.code, [line.split("\t") for line in ran.out.splitlines()]) == (
        0,
        [
            ["plaza", "added", ""],
            ["square", "removed", ""],
            ["yard", "changed", "radius 200 → 300 m"],
            ["yard", "changed", "grew by 125.0%"],
            ["yard", "changed", "kind: depot → customer"],
        ],
    )
    assert [one["change"] for one in run("fences", "diff", fence_file, new, "--json").json] == [
        "added",
        "removed",
        "changed",
    ]
    same = run("fences", "diff", new, new)
    assert (same.code, same.out, same.err) == (0, "", "the same fences\n")


def test_show_draws_fences_findings_and_tracks(run: Run, fence_file: Path, ping_file: Path, tmp_path: Path) -> None:
    """In one file; of the pings those of the vehicle that is asked for."""
    page = tmp_path / "map.html"
    ran = run("fences", "show", fence_file, "--track", ping_file, "--vehicle", "T-1", "--out", page)
    assert (ran.code, ran.out) == (0, "")
    assert f"{page}: 2 of 2 features, 1 findings, 1 tracks" in ran.err
    text = page.read_text(encoding="utf-8")
    assert '"vehicle":"T-1"' in text
    assert '"vehicle":"T-2"' not in text
    assert "place-in-no-stop" in text


def test_a_file_whose_name_is_no_text_is_shown(run: Run, fence_file: Path, tmp_path: Path) -> None:
    """With a mark in place of what cannot be said."""
    named, page = tmp_path / os.fsdecode(b"yards\xff.geojson"), tmp_path / "map.html"
    try:
        named.write_bytes(fence_file.read_bytes())
    except OSError:  # macOS has no such names
        return
    assert run("fences", "show", named, "--out", page).code == 0
    assert "yards\ufffd.geojson" in page.read_text(encoding="utf-8")


def test_ids_are_made_of_names_in_geojson_too(run: Run, fence_file: Path) -> None:
    """As in all other formats; a fence file of our own must have them."""
    document = json.loads(fence_file.read_text(encoding="utf-8"))
    for feature in document["features"]:
        del feature["properties"]["id"]
    fence_file.write_text(json.dumps(document), encoding="utf-8")
    ran = run("fences", "import", fence_file)
    assert [feature["properties"]["id"] for feature in ran.json["features"]] == ["plaza", "patio"]
    assert "id: every fence needs one" in run("fences", "lint", fence_file).out


def test_show_draws_what_it_can(run: Run, tmp_path: Path) -> None:
    """A feature that has no shape on the globe is listed among the findings; a second of one id is drawn as well."""
    page, path = tmp_path / "map.html", lint_file(tmp_path)
    ran = run("fences", "show", path, "--out", page)
    assert (ran.code, "2 of 3 features, 2 findings, 0 tracks" in ran.err) == (0, True)
    drawn = json.loads(path.read_bytes())
    drawn["features"][2]["properties"]["id"] = "zone"
    path.write_text(json.dumps(drawn), encoding="utf-8")
    assert "2 of 3 features" in run("fences", "show", path, "--out", page).err
    text = page.read_text(encoding="utf-8")
    assert '"feature":2,"id":"zone"' in text
    assert '"feature":3,"id":"zone"' in text


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--vehicle", "T-9"], "--track: no pings of T-9 in "),
        (["--map", "x"], "--map: 'x' is not NAME=COLUMN"),
    ],
)
def test_show_is_told_which_pings(
    run: Run, fence_file: Path, ping_file: Path, tmp_path: Path, more: list[str], said: str
) -> None:
    """A vehicle that is there, and columns; nothing is written otherwise."""
    page = tmp_path / "map.html"
    ran = run("fences", "show", fence_file, "--track", ping_file, "--out", page, *more)
    assert (ran.code, page.exists()) == (2, False)
    assert said in ran.err
