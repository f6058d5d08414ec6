"""The laws of the formats of others: what is written is read back, and nothing but FenceError comes out of a loader."""

from __future__ import annotations

import json
import zipfile
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geofences.errors import FenceError
from geofences.formats import FORMATS
from geofences.index import FenceIndex
from geofences.model import Corridor, Fence, Polygonal
from tests.property.geofences.strategies import fence_sets


def _as_bytes(written: str | bytes) -> bytes:
    return written.encode() if isinstance(written, str) else written


def _fits_traccar(fence: Fence) -> bool:
    match fence.shape:
        case Corridor(lines):
            return len(lines) == 1
        case Polygonal(polygons):
            return len(polygons) == 1 and len(polygons[0]) == 1
    return True


@pytest.mark.parametrize("name", FORMATS)
@settings(deadline=None)
@given(fence_sets())
def test_what_is_written_is_read_back(name: str, fences: list[Fence]) -> None:
    """To the last bit of each number, in the same order, whatever is in names and lists; and again the same bytes.

    No fences at all are a set of ours, and nothing to import of others.
    """
    if name == "traccar":
        fences = [fence for fence in fences if _fits_traccar(fence)]
    written = FORMATS[name].dump(fences)
    if not fences and name != "geojson":
        with pytest.raises(FenceError):
            FORMATS[name].load(_as_bytes(written), None)
        return
    read = FORMATS[name].load(_as_bytes(written), None)
    assert list(read) == fences
    assert FORMATS[name].dump(read) == written


def _survives(name: str, data: bytes) -> None:
    try:
        fences = FORMATS[name].load(data, None)
    except FenceError as error:
        # A lone half of a surrogate pair, quoted as it came, would break the terminal it is printed to.
        str(error).encode()
    else:
        FenceIndex(fences)


@pytest.mark.parametrize("name", FORMATS)
@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_break_a_loader(name: str, data: bytes) -> None:
    """Whatever the bytes, it is fences or a FenceError."""
    _survives(name, data)


@pytest.mark.parametrize("name", FORMATS)
@settings(deadline=None)
@given(fence_sets(3), st.data())
def test_no_damage_breaks_a_loader(name: str, fences: list[Fence], data: st.DataObject) -> None:
    """A file that was right until some bytes of it were changed, dropped or doubled."""
    fences = [fence for fence in fences if _fits_traccar(fence)]
    found = bytearray(_as_bytes(FORMATS[name].dump(fences)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(found)))
        length = data.draw(st.integers(0, 30))
        found[at : at + length] = data.draw(st.binary(max_size=4) | st.just(bytes(found[at : at + length]) * 2))
    _survives(name, bytes(found))


_TEXTS = st.text("()<>,; -.0123456789eNaninfPOLYGCRUISTE\t\n\"'Z", max_size=60)


@settings(deadline=None)
@given(st.sampled_from(["POLYGON ((", "CIRCLE (", "LINESTRING (", "MULTIPOLYGON (((", "POINT (", ""]), _TEXTS)
def test_no_shape_breaks_a_loader(kind: str, text: str) -> None:
    """Shapes written by hand, in the formats that have them as text."""
    _survives("csv", f'id,radius_m,wkt\na,5,"{kind}{text.replace(chr(34), "")}"\n'.encode())
    _survives("traccar", json.dumps([{"id": 1, "area": kind + text}]).encode())
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(
            "doc.kml", f"<kml><Placemark><Point><coordinates>{text}</coordinates></Point></Placemark></kml>"
        )
    _survives("kmz", packed.getvalue())
