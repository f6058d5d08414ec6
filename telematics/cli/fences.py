"""`telematics fences`: try a fence file on points before a truck does, and bring fences in and out of other programs."""

from __future__ import annotations

import csv
import math
import os
import sys
import time
from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from telematics.cli.options import Columns, Dialect, Fences, Json
from telematics.cli.outfile import Out, write_out
from telematics.cli.output import EXIT_PROBLEMS, as_json, note, table
from telematics.cli.replay import track_options
from telematics.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from geofences.formats.features import Read
    from geofences.index import FenceIndex
    from geofences.lint import Finding, Region
    from geofences.map import Track
    from geofences.model import Fence
    from telematics.replay.files import Options

    Floats = NDArray[np.float64]

app = typer.Typer(no_args_is_help=True, help="Try geofences on points; bring them in and out of other programs.")
# What the columns of points hold, from where to where; accuracies as `geofences.index` takes them.
_RANGES = {"lon": ("degrees", -180.0, 180.0), "lat": ("degrees", -90.0, 90.0), "accuracy_m": ("metres", 0.0, 50_000.0)}
FINDING = ("severity", "code", "feature", "place (lon, lat)", "what", "what would be right")
_SHOWN = 20
_MOST_POINTS = 200_000


class FormatName(StrEnum):
    """A format of fence files (`geofences.formats.FORMATS`, which is slow to import)."""

    GEOJSON = "geojson"
    KML = "kml"
    KMZ = "kmz"
    CSV = "csv"
    TRACCAR = "traccar"


RegionBox = Annotated[
    str | None,
    typer.Option("--region", metavar="W,S,E,N", help="Where the fleet drives, degrees; without it Mexico."),
]


@app.command()
def match(
    fences: Fences,
    points: Annotated[
        Path,
        typer.Option(
            "--points",
            metavar="FILE",
            help="CSV file with columns lon and lat, in degrees, and accuracy_m, metres, where it is known.",
        ),
    ],
    accuracy_m: Annotated[
        float | None,
        typer.Option("--accuracy-m", metavar="METRES", help="Accuracy of the points for which the file has none."),
    ] = None,
    json: Json = False,
) -> None:
    """Say for each point, in the order of the file, in which fences it lies (an edge counts as inside).

    Of points with an accuracy: in which fences it lies for certain, and in which it may lie, with the metres to the
    boundary, negative where the point itself is inside.
    """
    import numpy as np

    from geofences.formats.geojson import load_geojson
    from geofences.index import FenceIndex

    index = FenceIndex(load_geojson(fences))
    columns, lines = read_points(points)
    lon, lat = np.array(columns["lon"], dtype=float), np.array(columns["lat"], dtype=float)
    accuracies = _accuracies(columns.get("accuracy_m"), accuracy_m, points, lines)
    if accuracies is not None:
        _judged(index, lon, lat, accuracies, json=json)
        return
    found = index.match(lon, lat)
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


def _accuracies(column: list[float] | None, given: float | None, points: Path, lines: list[int]) -> Floats | None:
    """The accuracy of each point; None where nothing tells any. Raises UserError naming file and line."""
    import numpy as np

    if given is not None:
        _number(str(given), "accuracy_m", "--accuracy-m")
    elif column is None:
        return None
    accuracies = np.full(len(lines), math.nan) if column is None else np.array(column, dtype=float)
    unknown = np.isnan(accuracies)
    if given is None and unknown.any():
        line = lines[int(unknown.argmax())]
        raise UserError(f"{points}, line {line}: no accuracy_m; say with --accuracy-m what such points have")
    accuracies[unknown] = given
    return accuracies


def _judged(index: FenceIndex, lon: Floats, lat: Floats, accuracies: Floats, *, json: bool) -> None:
    import numpy as np

    found = index.judge(lon, lat, accuracies, distances=True)
    metres = np.round(found.signed_m, 1).tolist()
    names = (index.fences[number].id for number in found.fences)
    hits = list(zip(names, found.certain.tolist(), metres, strict=True))
    points = [hits[start:end] for start, end in zip(found.starts[:-1], found.starts[1:], strict=True)]
    if json:
        as_json(
            [
                {
                    "certain": [name for name, certain, _ in one if certain],
                    "ambiguous": [
                        {"fence": name, "boundary_m": metres} for name, certain, metres in one if not certain
                    ],
                }
                for one in points
            ]
        )
        return
    certain = (", ".join(name for name, certain, _ in one if certain) for one in points)
    ambiguous = (", ".join(f"{name} {metres:+g} m" for name, certain, metres in one if not certain) for one in points)
    heading = ("lon", "lat", "accuracy m", "certainly in", "ambiguous, metres to the boundary")
    table(heading, zip(lon, lat, accuracies, certain, ambiguous, strict=True))


@app.command()
def lint(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="GeoJSON file of the geofences.")],
    region: RegionBox = None,
    fix: Annotated[bool, typer.Option("--fix", help="Repair in the file what can be repaired without a look.")] = False,
    json: Json = False,
) -> None:
    """Say what is wrong with a fence file, or will cry wolf, and what would be right. Exits 1 when anything is found.

    docs/geofences.md has what each code means, and which of them --fix repairs: shapes only, in place; the rest of the
    file stays as it is.
    """
    from geofences.formats.geojson import open_geojson
    from geofences.lint import fixed
    from geofences.lint import lint as look

    box, now = region_of(region), int(time.time() * 1000)
    document, read = open_geojson(file)
    if fix:
        read = _repaired(file, document, read, fixed(read, box, now))
    findings = look(read, box, now)
    if json:
        as_json([_told(finding) for finding in findings])
    elif findings:
        table(FINDING, [row_of(finding) for finding in findings])
        features = len({finding.feature for finding in findings})
        note(f"{file}: {len(findings)} found, in {features} of {len(read)} features")
    else:
        note(f"{file}: {len(read)} {'fence' if len(read) == 1 else 'fences'}, nothing found")
    if findings:
        raise typer.Exit(EXIT_PROBLEMS)


def _repaired(file: Path, document: dict[str, Any], read: list[Read], fixes: Mapping[int, Fence]) -> list[Read]:
    """Write the repaired fences into the file, if there are any; what is in it then. Raises UserError."""
    from geofences.formats.geojson import open_geojson, patched

    if not fixes:
        return read
    text = patched(document, fixes) + "\n"
    write_out(text, file)
    note(f"{file}: {len(fixes)} {'fence' if len(fixes) == 1 else 'fences'} repaired")
    return open_geojson(text.encode())[1]


def region_of(text: str | None) -> Region:
    """The box that `--region` names. Raises UserError."""
    from geofences.lint import MEXICO, Region

    if text is None:
        return MEXICO
    try:
        west, south, east, north = map(float, text.split(","))
    except ValueError:
        west = south = east = north = math.nan
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise UserError(f"--region {text!r}: write west,south,east,north in degrees, such as -118.5,14.5,-86.7,32.8")
    return Region(west, south, east, north)


def row_of(finding: Finding) -> tuple[str, ...]:
    """A finding as a row of a table under `FINDING`."""
    from geofences.lint import degrees

    place = "" if finding.place is None else degrees(finding.place)
    name = f"{finding.feature} ({finding.fence_id or 'no id'})"
    remedy = f"{finding.remedy} [--fix does it]" if finding.is_safe else finding.remedy
    return finding.severity, finding.code, name, place, finding.text, remedy


def _told(finding: Finding) -> dict[str, Any]:
    from geofences.formats.features import drawn_as

    return finding.document() | {
        "repaired": None if finding.fix is None else drawn_as(finding.fix.shape)[0],
        "is_safe": finding.is_safe,
    }


@app.command()
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="GeoJSON file of the geofences.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="HTML file to write.", show_default=False)],
    tracks: Annotated[
        list[Path] | None,
        typer.Option("--track", metavar="FILE", help="Pings to draw over them, as telematics replay takes them."),
    ] = None,
    vehicle: Annotated[
        str | None, typer.Option("--vehicle", metavar="ID", help="Of the pings only those of this vehicle.")
    ] = None,
    columns: Columns = None,
    dialect: Dialect = None,
    region: RegionBox = None,
) -> None:
    """Draw the fences, what lint finds in them, and tracks, on a map in one HTML file.

    The page loads nothing from anywhere: it can be opened without a network, and sent by mail. Features that cannot be drawn
    are listed among the findings.
    """
    from geofences.faults import fault
    from geofences.formats.geojson import open_geojson
    from geofences.lint import lint as look
    from geofences.map import page

    _, read = open_geojson(file)
    findings = look(read, region_of(region), int(time.time() * 1000))
    driven = _tracks(tracks or [], vehicle, track_options(columns, dialect)) if tracks else []
    fences = [
        one.drawn if one.drawn is not None and fault(one.drawn.shape, one.drawn.approach_m) is None else None
        for one in read
    ]
    drawn = [fence for fence in fences if fence is not None]
    # The name of a file is bytes, and need not be UTF-8.
    title = os.fsencode(file.name).decode(errors="replace")
    write_out(page(title, fences, findings, driven), out)
    note(f"{out}: {len(drawn)} of {len(read)} features, {len(findings)} findings, {len(driven)} tracks")


def _tracks(files: list[Path], vehicle: str | None, options: Options) -> list[Track]:
    """By vehicle. Raises UserError."""
    from geofences.map import Track
    from telematics.instants import format_rfc3339
    from telematics.replay.feed import open_feed
    from telematics.replay.plan import Plan
    from telematics.replay.rejects import Rejects

    points: dict[str, list[tuple[float, float, str]]] = {}
    count = 0
    for read in open_feed(Plan(tuple(files), options)).read(Rejects()):
        batches = read.values() if isinstance(read, dict) else ()
        for ping in (ping for batch in batches for ping in batch.pings if ping is not None):
            if vehicle not in {None, ping.vehicle_id} or ping.lat == ping.lon == 0.0:
                continue
            count += 1
            if count > _MOST_POINTS:
                raise UserError(f"--track: more than {_MOST_POINTS:,} pings; choose one with --vehicle")
            points.setdefault(ping.vehicle_id, []).append((ping.lon, ping.lat, format_rfc3339(ping.ts)))
    if not points:
        raise UserError(f"--track: no pings {f'of {vehicle} ' if vehicle else ''}in {', '.join(map(str, files))}")
    return [Track(name, points[name]) for name in sorted(points)]


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="GeoJSON file of the geofences as they were.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="GeoJSON file of the geofences as they are now.")],
    json: Json = False,
) -> None:
    """Say what became of each fence from one file to the other: how far it moved, how much it grew, what it now asks."""
    from geofences.diff import differences
    from geofences.formats.geojson import load_geojson

    changes = differences(load_geojson(old), load_geojson(new))
    if json:
        as_json([{"fence": each.fence_id, "change": each.kind, "words": each.words} for each in changes])
    elif changes:
        rows = [(each.fence_id, each.kind, word) for each in changes for word in each.words or ("",)]
        table(("fence", "change", "what"), rows)
    else:
        note("the same fences")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="KML, KMZ, CSV with WKT, Traccar's JSON or GeoJSON.")],
    kind: Annotated[
        FormatName | None, typer.Option("--from", help="Its format; without it the ending of its name tells.")
    ] = None,
    given: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Property of all fences that have none: radius_m=200."),
    ] = None,
    out: Out = None,
) -> None:
    """Make a fence file of one of another program, for the monitor and for tuning by hand.

    Each Placemark, row or feature is a fence; folders of KML are tags. A fence without an id is given one made of its
    name. What a fence cannot have is passed over, and named. If anything is wrong nothing is written.
    """
    from geofences.formats import FORMATS, format_of
    from geofences.formats.features import Foreign
    from geofences.formats.geojson import dump_geojson

    foreign = Foreign(defaults=_defaults(given or []))
    fences = FORMATS[kind or format_of(file)].load(file, foreign)
    write_out(dump_geojson(fences) + "\n", out)
    note(f"{file}: {len(fences)} {'fence' if len(fences) == 1 else 'fences'}")
    for told in _passed_over(foreign.ignored):
        note(told)


@app.command()
def export(
    fences: Fences,
    kind: Annotated[
        FormatName | None,
        typer.Option("--to", help="Format to write; without it the ending of the name after --out tells."),
    ] = None,
    out: Out = None,
) -> None:
    """Write a fence file for another program; `telematics fences import` reads all of it back.

    KML and KMZ are for maps, csv for spreadsheets and QGIS, traccar is what its API takes.
    """
    from geofences.formats import FORMATS, format_of
    from geofences.formats.geojson import load_geojson

    if kind is None and out is None:
        raise UserError("--to: say which format, or give a file with --out whose ending tells")
    written = FORMATS[kind or format_of(out or Path())].dump(load_geojson(fences))
    if isinstance(written, bytes) and out is None and sys.stdout.isatty():
        raise UserError("--out: say where to; bytes are nothing for a terminal")
    write_out(written, out)


def _defaults(given: list[str]) -> dict[str, Any]:
    """Properties as JSON has them. Raises UserError."""
    from geofences.formats.properties import PROPERTIES, RADII, parsed, suggestion

    values: dict[str, Any] = {}
    known = {**PROPERTIES, **RADII}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or name not in known or name == "id":
            raise UserError(f"--set {text!r}: write a property, = and its value{suggestion(name, list(known))}")
        try:
            known[name].read(known[name].parse(value.strip()))
        except ValueError as error:
            raise UserError("\n".join(f"--set {name}: {line}" for line in str(error).splitlines())) from None
        values |= parsed({name: value})
    return values


def _passed_over(ignored: Counter[str]) -> list[str]:
    from geofences.formats.properties import PROPERTIES, RADII, shown, suggestion

    told = [
        f"passed over, for fences have no such property: {shown(name)} ({count}){suggestion(name, [*PROPERTIES, *RADII])}"
        for name, count in ignored.most_common(_SHOWN)
    ]
    more = len(ignored) - len(told)
    return [*told, f"and {more} more"] if more > 0 else told


def read_points(path: Path) -> tuple[dict[str, list[float]], list[int]]:
    """Read columns lon and lat, degrees, of a CSV file, and accuracy_m, metres, where it has one; and each point's line.

    An accuracy left empty is NaN. Raises UserError naming file, line and column.
    """
    lines: list[int] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            present = rows.fieldnames or ()
            missing = [name for name in ("lon", "lat") if name not in present]
            if missing:
                there = ", ".join(present) or "nothing"
                raise UserError(f"{path}, line 1: no column {' and '.join(missing)}; columns there are: {there}")
            columns: dict[str, list[float]] = {name: [] for name in _RANGES if name in present}
            for row in rows:
                lines.append(rows.line_num)
                for name, values in columns.items():
                    is_unknown = name == "accuracy_m" and not row[name]
                    where = f"{path}, line {rows.line_num}, column {name}"
                    values.append(math.nan if is_unknown else _number(row[name], name, where))
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: is not a CSV file in UTF-8: {error}") from None
    return columns, lines


def _number(text: str | None, column: str, where: str) -> float:
    unit, least, most = _RANGES[column]
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not least <= value <= most:  # false for NaN too
        raise UserError(f"{where}: {text!r} is no number of {unit} from {least:g} to {most:g}")
    return value
