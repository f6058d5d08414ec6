"""`telematics fences publish` before it asks a broker: what of a file is refused, and how that is told."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import Run


@pytest.fixture
def swapped(tmp_path: Path) -> Path:
    """A circle whose longitude and latitude are swapped."""
    return _file(tmp_path / "swapped.geojson", {"id": "a", "radius_m": 300})


def _file(path: Path, *properties: dict[str, Any]) -> Path:
    features = [
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": [20.0, -99.0 + n]}, "properties": given}
        for n, given in enumerate(properties)
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return path


def test_a_file_with_errors_is_one_that_cannot_be_used(run: Run, swapped: Path) -> None:
    """Exit code 2, the findings as lint has them, and one line that says that nothing came of it."""
    ran = run("fences", "publish", swapped)
    assert ran.code == 2
    assert [line.split("\t")[:3] for line in ran.out.splitlines()] == [["error", "swapped", "1 (a)"]]
    assert ran.err == f"error: {swapped}: nothing was published; 1 error in it\n"


def test_errors_as_json(run: Run, tmp_path: Path) -> None:
    """Each as an object, also where a feature is no fence at all."""
    file = _file(tmp_path / "wrong.geojson", {"id": "a", "radius_m": 300}, {"id": "a", "kind": "depott"})
    ran = run("fences", "publish", file, "--json")
    assert ran.code == 2
    assert {(each["feature"], each["code"], each["severity"]) for each in ran.json} == {
        (1, "swapped", "error"),
        (2, "property", "error"),
        (2, "shape", "error"),
        (2, "duplicate-id", "error"),
    }
    assert ran.err == f"error: {file}: nothing was published; {len(ran.json)} errors in it\n"


def test_a_file_may_be_a_pipe(run: Run, swapped: Path) -> None:
    """It is read once: what was looked at is what is published."""
    reading, writing = os.pipe()
    os.write(writing, swapped.read_bytes())
    os.close(writing)
    try:
        ran = run("fences", "publish", f"/dev/fd/{reading}")
    finally:
        os.close(reading)
    assert (ran.code, "swapped" in ran.out) == (2, True)


def test_a_file_without_fences_has_to_be_meant(run: Run, tmp_path: Path) -> None:
    """It would switch off every fence; --empty says that this is wanted, and then a broker is asked."""
    file = _file(tmp_path / "empty.geojson")
    ran = run("fences", "publish", file)
    assert (ran.code, ran.out) == (2, "")
    assert "has no fences: every visit would end, and no fence hold" in ran.err
    assert "--empty" in ran.err
    assert run("fences", "publish", file, "--empty").code == 1
