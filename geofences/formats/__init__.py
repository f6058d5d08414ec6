"""Fence files in the formats of others, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from geofences.errors import FenceError
from geofences.formats.features import Foreign
from geofences.formats.geojson import dump_geojson, load_geojson
from geofences.formats.kml import dump_kml, dump_kmz, load_kml
from geofences.formats.traccar import dump_traccar, load_traccar
from geofences.formats.wkt import dump_csv, load_csv
from geofences.model import Fence


@dataclass(frozen=True, slots=True)
class Format:
    """How fences are read from a file of a format, and written; `dump` gives text, in UTF-8, or bytes."""

    load: Callable[[str | Path | bytes, Foreign | None], tuple[Fence, ...]]
    dump: Callable[[Iterable[Fence]], str | bytes]
    suffixes: tuple[str, ...] = ()


FORMATS = MappingProxyType(
    {
        "geojson": Format(load_geojson, dump_geojson, (".geojson", ".json")),
        "kml": Format(load_kml, dump_kml, (".kml",)),
        "kmz": Format(load_kml, dump_kmz, (".kmz",)),
        "csv": Format(load_csv, dump_csv, (".csv", ".tsv", ".txt")),
        "traccar": Format(load_traccar, dump_traccar),
    }
)


def format_of(path: Path) -> str:
    """The name of the format that a file's name tells. Raises FenceError."""
    for name, known in FORMATS.items():
        if path.suffix.lower() in known.suffixes:
            return name
    raise FenceError(
        f"a name that ends in {path.suffix or 'nothing'!r} tells no format; say which: {', '.join(FORMATS)}", str(path)
    )
