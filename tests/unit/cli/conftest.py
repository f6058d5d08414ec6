"""What the tests of commands share: running one in this process, and small files to run it on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from telematics.cli import main


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it wrote to standard output, as JSON."""
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `telematics` with arguments; nothing in it is a terminal, and no broker listens where it would look."""
    monkeypatch.setenv("TELEMATICS_KAFKA__BOOTSTRAP", "127.0.0.1:1")

    def run_(*arguments: object) -> Ran:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Ran(int(ended.value.code or 0), out, err)

    return run_


@pytest.fixture
def fence_file(tmp_path: Path) -> Path:
    """A no-stop square of about 2 km around (-99, 19), with a depot of 200 m (approach 500 m) in its middle."""
    square = [[-99.01, 18.99], [-98.99, 18.99], [-98.99, 19.01], [-99.01, 19.01], [-99.01, 18.99]]
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [square]},
            "properties": {"id": "square", "name": "Plaza", "kind": "no_stop"},
        },
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [-99.0, 19.0]},
            "properties": {"id": "yard", "name": "Patio", "kind": "depot", "radius_m": 200, "approach_m": 500},
        },
    ]
    path = tmp_path / "fences.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return path


@pytest.fixture
def ping_file(tmp_path: Path) -> Path:
    """T-1 drives into the square, stands for 2 min from 12:01:00 on, and T-2 passes far away."""
    rows = []
    for second in range(0, 181, 10):
        lon = -99.02 + 0.0002 * min(second, 60)
        ts = f"2026-01-28T12:{second // 60:02d}:{second % 60:02d}Z"
        speed = 76 if second < 60 else 0
        rows.append({"vehicle_id": "T-1", "ts": ts, "lat": 19.005, "lon": lon, "speed_kmh": speed, "ignition": True})
        rows.append({"vehicle_id": "T-2", "ts": ts, "lat": 25.0, "lon": -100.0, "speed_kmh": 0, "ignition": False})
    path = tmp_path / "pings.ndjson"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
