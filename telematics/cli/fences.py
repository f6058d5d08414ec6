"""`telematics fences`: try a fence file on points before a truck does."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Annotated

import typer

from telematics.cli.options import Fences, Json
from telematics.cli.output import as_json, table
from telematics.errors import UserError

app = typer.Typer(no_args_is_help=True, help="Try geofences on points.")
_LIMITS = {"lon": 180.0, "lat": 90.0}


@app.command()
def match(
    fences: Fences,
    points: Annotated[
        Path, typer.Option("--points", metavar="FILE", help="CSV file with columns lon and lat, in degrees.")
    ],
    json: Json = False,
) -> None:
    """Say for each point, in the order of the file, in which fences it lies (an edge counts as inside)."""
    import numpy as np

    from geofences.formats.geojson import load_geojson
    from geofences.index import FenceIndex

    index = FenceIndex(load_geojson(fences))
    lon, lat = read_points(points)
    found = index.match(np.array(lon, dtype=float), np.array(lat, dtype=float))
    inside = [
        [
            index.fences[number].id
            for number, is_inside in zip(found.fences[start:end], found.inside[start:end], strict=True)
            if is_inside
        ]
        for start, end in zip(found.starts[:-1], found.starts[1:], strict=True)
    ]
    if json:
        as_json([{"fences": ids} for ids in inside])
    else:
        rows = zip(lon, lat, (", ".join(ids) for ids in inside), strict=True)
        table(("lon", "lat", "fences"), rows)


def read_points(path: Path) -> tuple[list[float], list[float]]:
    """Read columns lon and lat, in degrees, of a CSV file. Raises UserError naming file, line and column."""
    columns: dict[str, list[float]] = {"lon": [], "lat": []}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            missing = [name for name in columns if name not in (rows.fieldnames or ())]
            if missing:
                present = ", ".join(rows.fieldnames or ()) or "nothing"
                raise UserError(f"{path}, line 1: no column {' and '.join(missing)}; columns there are: {present}")
            for row in rows:
                for name, values in columns.items():
                    values.append(_degrees(row[name], name, f"{path}, line {rows.line_num}"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: is not a CSV file in UTF-8: {error}") from None
    return columns["lon"], columns["lat"]


def _degrees(text: str | None, column: str, where: str) -> float:
    most = _LIMITS[column]
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not abs(value) <= most:  # false for NaN too
        raise UserError(f"{where}, column {column}: {text!r} is no number of degrees from -{most:g} to {most:g}")
    return value
