"""`telematics fences match`: which fences points lie in, in the order of the file."""

from __future__ import annotations

from pathlib import Path

import pytest

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
